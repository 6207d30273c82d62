"""Who may ask for what: allow and deny by API, client, listener and topic, and a cluster that is only read.

Of rules that follow each other the first that fits a request, or one of its topics, decides; what none fits is allowed.
"""

from copy import copy
from types import SimpleNamespace

from emulator.pipeline.answers.readable import readable
from emulator.pipeline.answers.refusing import Nobody, Refusal, is_all, put_back, refuse, refuse_found, take_out
from emulator.pipeline.answers.shapes import reads, shape_of
from emulator.pipeline.rules.places import places_of, renamed
from wire import errors
from wire.apis.data import Produce
from wire.apis.metadata import ApiVersions, Metadata
from wire.types import ZERO_UUID

# What changes nothing but a group's own position, beside what is called Describe... and List...
_READS = {
    "Fetch", "ListOffsets", "OffsetForLeaderEpoch", "Metadata", "ApiVersions", "FindCoordinator", "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup",
    "OffsetCommit", "OffsetFetch", "ConsumerGroupHeartbeat", "ShareGroupHeartbeat", "ShareFetch", "ShareAcknowledge",
    "SaslHandshake", "SaslAuthenticate", "GetTelemetrySubscriptions", "PushTelemetry",
}  # fmt: skip
_TOPIC_RESOURCE = 2
_MOST_IDS = 100_000
_REASON = "Refused by a rule"


def is_read(api):
    return api.name in _READS or api.name.startswith(("Describe", "List")) or api.name.endswith("Describe")


class Entry:
    """`allows`, and of whom and what: `apis` (a set of Api), `client`, `listener`, `topic` (Patterns); None: all.

    `is_read_only`: it denies all that changes something, so that asking for a topic must not make it either.
    """

    def __init__(self, allows, apis=None, client=None, listener=None, topic=None, is_read_only=False):
        self.allows = allows
        self.is_read_only = is_read_only
        self.apis = apis
        self.topic = topic
        self._client = client
        self._listener = listener

    def is_of(self, call):
        return (self._client is None or self._client.matches(call.client_id or "")) and (self._listener is None or self._listener.matches(call.listener))


class Access:
    """Entries that decide together; it learns the names of topic ids from what clients are told."""

    def __init__(self, entries):
        self._entries = entries
        self._names = {}  # topic id: name

    def around(self, handle, api, version):
        entries = [one for one in self._entries if one.apis is None or api in one.apis]
        learns = api is Metadata and version >= 10 and any(one.topic is not None for one in self._entries)
        makes_none = api is Metadata and version >= 4 and any(one.is_read_only for one in self._entries)
        if api is ApiVersions or not learns and not makes_none and all(one.allows for one in entries):
            return None
        asked, answered, pairs = places_of(api.request), places_of(api.response), _refusable(api, version)

        def answer(request, call):
            chosen = [one for one in entries if one.is_of(call)]
            if makes_none and any(one.is_read_only and one.is_of(call) for one in self._entries):
                request = copy(request)
                request.allow_auto_topic_creation = False
            if all(one.allows for one in chosen):
                response = handle(request, call)
            elif any(one.topic is not None for one in chosen) and (asked or answered):
                response = self._by_topic(api, version, request, call, handle, chosen, asked, answered, pairs)
            else:
                decided = next((one for one in chosen if one.topic is None), None)
                response = self._refuse(api, version, request, call) if decided is not None and not decided.allows else handle(request, call)
            if learns:
                response = readable(api, version, response)
                self._learn(response)
            return response

        return answer

    def _by_topic(self, api, version, request, call, handle, entries, asked, answered, pairs):
        def is_allowed(name):
            return next((one.allows for one in entries if one.topic is None or one.topic.matches(name)), True)

        rest, refused = request, []
        for field, told in pairs:
            items = getattr(request, field)
            if not items or not _lists_topics(field, asked):
                continue
            kept, left = [], {}
            for one in items:
                if (error := self._error(one, is_allowed, api is Metadata)) is None:
                    kept.append(one)
                else:
                    left.setdefault(error, []).append(one)
            if left:
                rest = _with(rest, field, kept)
                refused.append((field, told, kept, left))
        level, below = _level_below(api, version), None
        if level is not None:  # OffsetFetch of several groups: each topic of theirs for itself

            def choose(named):
                error = self._error(SimpleNamespace(**named["topic"]), is_allowed, False)
                return None if error is None else Refusal(error, _REASON)

            rest, below = take_out(rest, level, choose)
        elif not refused and asked and _refuses_below(request, asked, is_allowed):
            return self._refuse(api, version, request, call)
        if below is not None and is_all(below) or refused and all(not kept for _, _, kept, _ in refused):
            response = api.Response()
        else:
            response = handle(rest, call)
        if response is None or api is Produce and not request.acks:
            if refused:
                call.close(f"{_REASON}: a produce request with acks=0")
            return response
        if not refused and below is None and not answered:
            return response
        response = readable(api, version, response)
        if answered:
            response = renamed(response, answered, lambda name: name if is_allowed(name) else None, lambda regex: regex)
        if level is not None:  # who asks for all is told some by their ids alone
            refuse_found(api, response, level, choose, Nobody)
        for field, told, _, left in refused:
            for error, items in left.items():
                more = refuse(api, version, _with(request, field, items), error, _REASON)
                setattr(response, told, [*getattr(response, told), *getattr(more, told)])
        if below is not None:
            put_back(api, response, level, below, Nobody)
        return response

    def _error(self, item, is_allowed, tells_names):
        """What a topic of a request is refused with, None where it is not; `tells_names`: what ids mean is in the answer, and seen there."""
        if isinstance(item, str):
            name = item
        else:
            if getattr(item, "resource_type", _TOPIC_RESOURCE) != _TOPIC_RESOURCE:
                return None
            name = next((value for field in ("name", "topic", "topic_name", "resource_name") if (value := getattr(item, field, None))), None)
            if name is None and (topic_id := getattr(item, "topic_id", ZERO_UUID)) != ZERO_UUID:
                name = self._names.get(topic_id)
                if name is None and not tells_names:
                    return errors.UNKNOWN_TOPIC_ID  # clients ask for metadata then, from which it is learned
        return None if name is None or is_allowed(name) else errors.TOPIC_AUTHORIZATION_FAILED

    def _refuse(self, api, version, request, call):
        if api is Produce and not request.acks:
            call.close(f"{_REASON}: a produce request with acks=0")
        return refuse(api, version, request, _whole_error(api, request), _REASON)

    def _learn(self, response):
        if len(self._names) > _MOST_IDS:
            self._names.clear()
        for topic in response.topics:
            if topic.name and topic.topic_id != ZERO_UUID:
                self._names[topic.topic_id] = topic.name


def _refusable(api, version):
    """[(list of the request, list of the answer)] where the answer has room for errors of single ones."""
    shape = shape_of(api, version)
    with_errors = [level.path[0] for level in shape.levels.values() if level.path]
    return [(field.field, told.field) for field, told in shape.pairs if told in with_errors]


def _level_below(api, version):
    """Where the answer has room for an error of each topic that stands deeper in a request that only reads; None: nowhere."""
    levels = shape_of(api, version).levels.values() if reads(api) else ()
    return next((level for level in levels if level.asked and "topic" in level.kinds[1:]), None)


def _with(request, field, items):
    request = copy(request)
    setattr(request, field, items)
    return request


def _lists_topics(field, asked):
    """Whether each of that list of a request is a topic, or may be one."""
    return field in asked.arrays or any(name == field and (below.names or below.resource) for name, below in asked.below)


def _refuses_below(request, asked, is_allowed):
    """Whether a topic is refused that stands deeper than the lists of topics; it takes all with it."""
    found = []

    def seen(name):
        found.append(name)
        return name

    renamed(request, asked, seen, lambda regex: regex)
    return not all(map(is_allowed, found))


def _whole_error(api, request):
    if places_of(api.request).below:
        return errors.TOPIC_AUTHORIZATION_FAILED
    if getattr(request, "transactional_id", None):
        return errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    if getattr(request, "group_id", None):
        return errors.GROUP_AUTHORIZATION_FAILED
    return errors.CLUSTER_AUTHORIZATION_FAILED
