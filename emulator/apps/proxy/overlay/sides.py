"""What belongs to the overlay: topics by their names or ids, groups by their names or what they do, transactions by their names."""

import logging
from copy import copy

from emulator.pipeline.rules.places import places_of, renamed
from emulator.state.cluster import names
from emulator.state.groups.modern import DEAD, EMPTY
from wire.apis.groups import JoinGroup
from wire.internal.consumer_protocol import subscribed_topics
from wire.types import ZERO_UUID, Malformed

log = logging.getLogger(__name__)

TOPIC_RESOURCE, GROUP_RESOURCE = 2, 32  # of configs
_MOST_SAID = 1000


class Sides:
    """`topics`, `groups`, `transactions`: Patterns; the last two may be None. `topic_names()`: {id: name}, of the cluster behind, too."""

    def __init__(self, engine, topic_names, topics, groups=None, transactions=None):
        self._engine = engine
        self._topic_names = topic_names
        self._topics = topics
        self._groups = groups
        self._transactions = transactions
        self._said = set()

    # -- topics ------------------------------------------------------------------------------------

    def has_name(self, name):
        return bool(name) and name not in names.INTERNAL and self._topics.matches(name)

    def has_id(self, topic_id):
        return topic_id in self._engine.cluster.topics_by_id

    def is_behind(self, topic_id):
        """Whether the cluster behind has it, which it is asked."""
        return not self.has_id(topic_id) and topic_id in self._topic_names()

    def has(self, item):
        """Whether an item of a list, or a structure, is about a topic of the overlay's (or a group, of configs)."""
        if isinstance(item, str):
            return self.has_name(item)
        kind = getattr(item, "resource_type", TOPIC_RESOURCE)
        if kind != TOPIC_RESOURCE:
            return kind == GROUP_RESOURCE and self.has_group(item.resource_name)
        if name := name_of(item):
            return self.has_name(name)
        return (topic_id := getattr(item, "topic_id", ZERO_UUID)) != ZERO_UUID and self.has_id(topic_id)

    def without_ours(self, api, response):
        """A response of the cluster behind without topics that the overlay hides."""
        return renamed(response, places_of(api.response), lambda name: None if self.has_name(name) else name, lambda regex: regex)

    # -- groups and transactions -------------------------------------------------------------------

    def claims_group(self, group_id):
        """Whether it is the overlay's by its name, whatever it does."""
        return self._groups is not None and self._groups.matches(group_id)

    def has_group(self, group_id):
        """Whether it is the overlay's now: by its name, or as it has members here."""
        if self.claims_group(group_id):
            return True
        group = self._engine.group(group_id)
        return group is not None and group.state not in (EMPTY, DEAD)

    def knows_group(self, group_id):
        return self.claims_group(group_id) or self._engine.group(group_id) is not None

    def has_transaction(self, transactional_id):
        return bool(transactional_id) and self._transactions is not None and self._transactions.matches(transactional_id)

    # -- what would span both ----------------------------------------------------------------------

    def refuse(self, what, ours, theirs):
        """The text of the error, which the log has, too, once."""
        told = f"{what} would span the overlay and the cluster behind it: "
        told += "; ".join(f"{whose}: {', '.join(sorted(map(str, some)))}" for whose, some in (("overlay", ours), ("behind", theirs)) if some)
        if told not in self._said:
            if len(self._said) >= _MOST_SAID:
                self._said.clear()
            self._said.add(told)
            log.warning("%s", told)
        return told


def part_of(record, field, items):
    """A copy of a request, or of something in one, with other items in a list."""
    record = copy(record)
    setattr(record, field, items)
    return record


def name_of(item):
    if isinstance(item, str):
        return item
    return next((value for field in ("name", "topic", "topic_name", "resource_name") if (value := getattr(item, field, None))), None)


def subscribed(api, request):
    """The topics that a member says it wants."""
    if api is JoinGroup:
        found = set()
        for protocol in request.protocols if request.protocol_type == "consumer" else ():
            try:
                found.update(subscribed_topics(bytes(protocol.metadata)))
            except Malformed:  # it says nothing to coordinators either
                pass
        return found
    found = []

    def seen(name):
        found.append(name)
        return name

    renamed(request, places_of(api.request), seen, lambda regex: regex)
    return set(filter(None, found))
