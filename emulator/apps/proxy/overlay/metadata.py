"""What there is and who leads it, of both sides as of one cluster: Metadata, DescribeTopicPartitions, FindCoordinator."""

from copy import copy
from zlib import crc32

from emulator.apps.proxy.front import BROKER
from emulator.apps.proxy.overlay.sides import part_of
from wire import errors
from wire.apis.metadata import DescribeTopicPartitions, FindCoordinator, Metadata
from wire.types import ZERO_UUID

_GROUP, _TRANSACTION = 0, 1  # FindCoordinator's key types
_SEVERAL_KEYS = 4


class OfMetadata:
    """Brokers are those of the cluster behind; the overlay has one of each id, which leads what it leads."""

    def __init__(self, sides):
        self._sides = sides

    def concerns(self, request, call):
        return _is_all(request, call.version) or any(map(self._sides.has, request.topics))

    def answer(self, asked):
        request = asked.request
        if _is_all(request, asked.version):
            response = self._sides.without_ours(Metadata, asked.theirs(request))
            response.topics = [*response.topics, *(one for one in asked.ours(request).topics if self._sides.has_name(one.name))]
            return response
        ours = part_of(request, "topics", [one for one in request.topics if self._sides.has(one)])
        theirs = part_of(request, "topics", [one for one in request.topics if not self._sides.has(one)])
        response = asked.theirs(theirs)
        if not theirs.topics:
            response.topics = []  # before version 1 nobody could ask for none
        found = [*response.topics, *asked.ours(ours).topics]
        ranked = {}
        for number, topic in enumerate(request.topics):
            for key in (topic.name, topic.topic_id):
                ranked.setdefault(key, number)
        by_id = any(topic.topic_id != ZERO_UUID for topic in request.topics)
        response.topics = sorted(found, key=lambda one: ranked.get(one.topic_id if by_id else one.name, len(ranked)))
        return response


def _is_all(request, version):
    return request.topics is None or not version and not request.topics


class OfPartitions:
    """DescribeTopicPartitions: topics in the order of their names, a page of partitions at a time."""

    def __init__(self, sides):
        self._sides = sides

    def concerns(self, request, call):
        return not request.topics or any(map(self._sides.has, request.topics))

    def answer(self, asked):
        request = asked.request
        cursor, named = request.cursor, {topic.name for topic in request.topics}
        if cursor is not None and named and cursor.topic_name not in named:
            return asked.theirs(request)  # it is refused
        pages = []
        for ask, is_ours in ((asked.theirs, False), (asked.ours, True)):
            if (part := self._part(request, is_ours)) is not None:
                pages.append(ask(part))
        response = pages[0]
        if not is_plain_page(response):
            return response
        topics = [one for page in pages for one in page.topics]
        if not named:
            hidden = self._sides.without_ours(DescribeTopicPartitions, pages[0]).topics
            topics = [*hidden, *(one for one in pages[1].topics if self._sides.has_name(one.name))]
        topics.sort(key=lambda one: one.name)
        ends = [(page.next_cursor.topic_name, page.next_cursor.partition_index) for page in pages if page.next_cursor is not None]
        response.topics, end = _page(topics, max(request.response_partition_limit, 1), min(ends, default=None))
        Cursor = DescribeTopicPartitions.Response.NextCursor
        response.next_cursor = None if end is None else Cursor(topic_name=end[0], partition_index=end[1])
        return response

    def _part(self, request, is_ours):
        """What one side is asked, None where that is nothing."""
        if not request.topics:
            return request
        cursor, part = request.cursor, copy(request)
        first = "" if cursor is None else cursor.topic_name
        part.topics = [one for one in request.topics if self._sides.has(one) is is_ours and one.name >= first]
        if cursor is not None and all(one.name != first for one in part.topics):
            part.cursor = None
        return part if part.topics else None


def is_plain_page(response):
    return not any(topic.error_code == errors.INVALID_REQUEST for topic in response.topics)


def _page(topics, room, end):
    """(the first `room` partitions of what is before `end`, where the next page begins); `end` is where one side's page ended."""
    kept = []
    for topic in topics:
        if end is not None and (topic.name > end[0] or topic.name == end[0] and not end[1]):
            break
        if room <= 0:
            return kept, (topic.name, 0)
        kept.append(topic)
        if len(topic.partitions) > room:
            following = topic.partitions[room].partition_index
            topic.partitions = topic.partitions[:room]
            return kept, (topic.name, following)
        room -= len(topic.partitions)
    return kept, end


class OfCoordinators:
    """Whose coordinator is the overlay's by its name is told a node that is there; others may be the overlay's, too: it is behind each."""

    def __init__(self, sides, engine):
        self._sides = sides
        self._engine = engine

    def concerns(self, request, call):
        return any(self._has(request, key) for key in _keys(request, call.version))

    def _has(self, request, key):
        if request.key_type == _GROUP:
            return self._sides.claims_group(key)
        return request.key_type == _TRANSACTION and self._sides.has_transaction(key)

    def answer(self, asked):
        request, front = asked.request, asked.call.connection.front
        if asked.version < _SEVERAL_KEYS:
            node_id, host, port = self._node(request, request.key, asked.call, front)
            error = errors.NONE if node_id >= 0 else errors.COORDINATOR_NOT_AVAILABLE
            return FindCoordinator.reply(error_code=error, error_message=None, node_id=node_id, host=host, port=port)
        keys = request.coordinator_keys
        rest = [key for key in keys if not self._has(request, key)]
        found = {}
        response = FindCoordinator.reply()
        if rest:
            response = asked.theirs(part_of(request, "coordinator_keys", rest))
            found = {one.key: one for one in response.coordinators}
        Coordinators = FindCoordinator.Response.Coordinators
        for key in keys:
            if key not in found and self._has(request, key):
                node_id, host, port = self._node(request, key, asked.call, front)
                error = errors.NONE if node_id >= 0 else errors.COORDINATOR_NOT_AVAILABLE
                found[key] = Coordinators(key=key, node_id=node_id, host=host, port=port, error_code=error, error_message=None)
        response.coordinators = [found[key] for key in dict.fromkeys(keys) if key in found]
        return response

    def _node(self, request, key, call, front):
        there = {node.id: node.port for (kind, _), node in front.nodes.items() if kind == BROKER and node.listens}
        if not there:
            return -1, "", -1
        node_id = self._engine.coordinator(key, call, request.key_type)
        if node_id not in there:
            ids = sorted(there)
            node_id = ids[crc32(key.encode()) % len(ids)]
        return node_id, front.advertised_host, there[node_id]


def _keys(request, version):
    return request.coordinator_keys if version >= _SEVERAL_KEYS else (request.key,)
