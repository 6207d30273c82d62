"""Topics under other names: those of a prefix alone, without it (a cluster of one's own in another), or two that have changed places.

Topic ids are the cluster's. Groups and transactions are not renamed: who shares a cluster shares their names.
"""

import re
from copy import copy

from emulator.pipeline.answers.readable import readable
from emulator.pipeline.rules.places import places_of, renamed, retold, texts_of
from wire.apis.groups import DescribeGroups, JoinGroup
from wire.apis.metadata import DescribeTopicPartitions
from wire.internal.consumer_protocol import ConsumerSubscription
from wire.types import Malformed

_CONSUMERS = "consumer"
# What says that a name begins here, which it does not behind a prefix; whole names are matched anyway. Kept: quotes, escapes, classes.
_BEGINNINGS = re.compile(r"(?P<kept>\\Q.*?(?:\\E|$)|\\[^A]|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\])|\^|\\A", re.DOTALL)


class Prefix:
    """Clients name topics without `prefix`, which all that they make or see have in the cluster; they see no others."""

    def __init__(self, prefix):
        self.prefix = prefix
        # A prefix of letters alone would be found in the midst of what is said.
        self._begins = None if prefix[-1:].isalnum() else re.compile(rf"(?<![\w.-]){re.escape(prefix)}(?=[\w.-])")

    def to_cluster(self, name):
        return self.prefix + name

    def to_client(self, name):
        return name[len(self.prefix) :] if name.startswith(self.prefix) else None

    def regex_to_cluster(self, regex):
        return f"{re.escape(self.prefix)}(?:{_BEGINNINGS.sub(lambda found: found['kept'] or '', regex)})"

    def regex_to_client(self, regex):
        head, tail = re.escape(self.prefix) + "(?:", ")"
        return regex[len(head) : -len(tail)] if regex.startswith(head) and regex.endswith(tail) else regex

    def text_to_client(self, text, named):
        return _with_names(text, named) if self._begins is None else self._begins.sub("", text)


class Swap:
    """What is `there` in the cluster is `here` for clients, and the other way round."""

    def __init__(self, here, there):
        self._names = {here: there, there: here}

    def to_cluster(self, name):
        return self._names.get(name, name)

    to_client = to_cluster

    @staticmethod
    def regex_to_cluster(regex):
        return regex

    regex_to_client = regex_to_cluster

    @staticmethod
    def text_to_client(text, named):
        return _with_names(text, named)


def _with_names(text, named):
    """`named`: {what a topic is called in the cluster: what the client has called it}."""
    if not named:
        return text
    names = "|".join(map(re.escape, sorted(named, key=len, reverse=True)))
    return re.sub(rf"(?<![\w.-])(?:{names})", lambda found: named[found[0]], text)


def naming(names):
    """around(handle, api, version) of a rule that gives topics other names."""

    def around(handle, api, version):
        asked, answered = places_of(api.request), places_of(api.response)
        embedded, texts = _EMBEDDED.get(api), texts_of(api.response)
        if not asked and not answered and embedded is None:
            return None

        def answer(request, call):
            named = {}

            def to_cluster(name):
                found = names.to_cluster(name)
                named[found] = name
                return found

            if asked:
                request = renamed(request, asked, to_cluster, names.regex_to_cluster)
            if api is DescribeTopicPartitions and isinstance(names, Prefix) and not request.topics and request.cursor is None:
                request.cursor = api.Request.Cursor(topic_name=names.prefix, partition_index=0)  # what is before is not theirs
            if api is JoinGroup and request.protocol_type == _CONSUMERS:
                request = _with(request, "protocols", "metadata", names.to_cluster)
            response = handle(request, call)
            if response is None:
                return None
            response = readable(api, version, response)
            if answered:
                response = renamed(response, answered, names.to_client, names.regex_to_client)
            if texts:
                response = retold(response, texts, lambda text: names.text_to_client(text, named))
            if embedded is not None:
                response = embedded(request, response, names.to_client)
            return response

        return answer

    return around


# -- what the members of a classic group tell each other, and coordinators read --------------------


def _joined(request, response, name_of):
    return _with(response, "members", "metadata", name_of) if request.protocol_type == _CONSUMERS else response


def _described(request, response, name_of):
    response = copy(response)
    response.groups = [_with(group, "members", "member_metadata", name_of) if group.protocol_type == _CONSUMERS else group for group in response.groups]
    return response


_EMBEDDED = {JoinGroup: _joined, DescribeGroups: _described}


def _with(record, array, field, name_of):
    """A copy whose `array` has other topics in the subscriptions that are in `field` of each."""
    record, members = copy(record), []
    for member in getattr(record, array):
        member = copy(member)
        setattr(member, field, _subscription(bytes(getattr(member, field)), name_of))
        members.append(member)
    setattr(record, array, members)
    return record


def _subscription(data, name_of):
    try:
        version, found = ConsumerSubscription.read(data)
    except Malformed:
        return data  # what is none says nothing to coordinators either
    if version not in ConsumerSubscription.versions:
        return data
    found.topics = [name for one in found.topics if (name := name_of(one)) is not None]
    owned = []
    for one in found.owned_partitions:
        one.topic = name_of(one.topic)
        if one.topic is not None:
            owned.append(one)
    found.owned_partitions = owned
    return ConsumerSubscription.build(version, found)
