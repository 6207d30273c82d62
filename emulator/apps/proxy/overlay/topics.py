"""Requests about topics, split by topic; what both sides answer is put together in the order in which it was asked."""

from emulator.apps.proxy.overlay.sides import GROUP_RESOURCE, TOPIC_RESOURCE, name_of, part_of
from emulator.pipeline.answers.refusing import refuse
from emulator.pipeline.answers.shapes import shape_of
from wire import errors
from wire.apis.configs import AlterConfigs, DescribeConfigs, IncrementalAlterConfigs, ListConfigResources
from wire.apis.data import DeleteRecords, ListOffsets, OffsetForLeaderEpoch, Produce
from wire.apis.replication import AlterReplicaLogDirs, DescribeLogDirs
from wire.apis.topics import (
    AlterPartitionReassignments, CreatePartitions, CreateTopics, DeleteTopics, ElectLeaders, ListPartitionReassignments,
)  # fmt: skip
from wire.apis.transactions import DescribeProducers
from wire.types import ZERO_UUID

_TOPICS = (  # or resources that may be topics
    Produce, ListOffsets, DeleteRecords, OffsetForLeaderEpoch, CreateTopics, DeleteTopics, CreatePartitions, DescribeConfigs, AlterConfigs,
    IncrementalAlterConfigs, ElectLeaders, AlterPartitionReassignments, ListPartitionReassignments, DescribeProducers,
)  # fmt: skip


class ByTopic:
    def __init__(self, sides, api):
        self._sides = sides
        self._api = api

    def concerns(self, request, call):
        items = getattr(request, lists_of(self._api, call.version)[0])
        return items is None or any(map(self._sides.has, items)) or self._api is Produce and self._sides.has_transaction(request.transactional_id)

    def answer(self, asked):
        api, request = self._api, asked.request
        field, told = lists_of(api, asked.version)
        items = getattr(request, field)
        if items is None:
            theirs = self._sides.without_ours(api, asked.theirs(request))
            return join(theirs, asked.ours(request), told)
        ours = [one for one in items if self._sides.has(one)]
        theirs = [one for one in items if not self._sides.has(one)]
        refused = ()
        if api is Produce and request.transactional_id:
            ours, theirs, refused = self._on_one_side(asked, ours, theirs)
        answers = []
        if theirs or not (ours or refused):
            answers.append(asked.theirs(part_of(request, field, theirs)))
        if ours:
            answers.append(asked.ours(part_of(request, field, ours)))
        if api is Produce and not request.acks:
            if refused:
                asked.call.close("a produce request with acks=0 to topics that are not on the side of its transaction")
            return None
        response = join(*answers, told) if len(answers) == 2 else answers[0] if answers else api.reply()
        ranked = {key: number for number, item in enumerate(getattr(request, field)) for key in _keys(item)}
        found = [*getattr(response, told), *refused]
        setattr(response, told, sorted(found, key=lambda one: _rank(one, ranked)))
        return response

    def _on_one_side(self, asked, ours, theirs):
        """(ours, theirs, the answers to the rest), by where the producer's transaction is."""
        name, sides = asked.request.transactional_id, self._sides
        if sides.has_transaction(name):
            nowhere = [one for one in theirs if not name_of(one) and not sides.is_behind(one.topic_id)]  # such as one of ours that was deleted
            ours, theirs, strange = [*ours, *nowhere], [], [one for one in theirs if one not in nowhere]
            told = (), map(_shown, strange)
        else:
            ours, strange = [], ours
            told = map(_shown, strange), ()
        if not strange:
            return ours, theirs, ()
        why = sides.refuse(f"transaction {name}", *told)
        return ours, theirs, refuse(Produce, asked.version, part_of(asked.request, "topic_data", strange), errors.POLICY_VIOLATION, why).responses


class OfDirectories:
    """DescribeLogDirs: a broker has those of both sides; one of the same path is one to clients."""

    def __init__(self, sides):
        self._sides = sides

    def concerns(self, request, call):
        return request.topics is None or any(map(self._sides.has, request.topics))

    def answer(self, asked):
        topics = asked.request.topics
        ours, theirs = asked.request, asked.request
        if topics is not None:
            ours = part_of(ours, "topics", [one for one in topics if self._sides.has(one)])
            theirs = part_of(theirs, "topics", [one for one in topics if not self._sides.has(one)])
        response = self._sides.without_ours(DescribeLogDirs, asked.theirs(theirs))
        there = {one.log_dir: one for one in response.results}
        for one in asked.ours(ours).results:
            one.topics = [topic for topic in one.topics if self._sides.has(topic)]
            if one.log_dir in there:
                there[one.log_dir].topics = [*there[one.log_dir].topics, *one.topics]
            else:
                response.results = [*response.results, one]
        return response


class ByDirectory:
    """AlterReplicaLogDirs: asked by directory, answered by topic; each side has directories of its own."""

    def __init__(self, sides):
        self._sides = sides

    def concerns(self, request, call):
        return any(self._sides.has(topic) for directory in request.dirs for topic in directory.topics)

    def answer(self, asked):
        def of(is_ours):
            dirs = []
            for directory in asked.request.dirs:
                if topics := [one for one in directory.topics if self._sides.has(one) is is_ours]:
                    dirs.append(part_of(directory, "topics", topics))
            return part_of(asked.request, "dirs", dirs)

        ours, theirs = of(True), of(False)
        answer = asked.ours(ours)
        return join(asked.theirs(theirs), answer, "results") if theirs.dirs else answer


class OfConfigResources:
    """ListConfigResources: topics and groups of both sides, each where it is."""

    def __init__(self, sides):
        self._sides = sides

    def concerns(self, request, call):
        return call.version > 0 and (not request.resource_types or not {TOPIC_RESOURCE, GROUP_RESOURCE}.isdisjoint(request.resource_types))

    def answer(self, asked):
        response = asked.theirs(asked.request)
        if not response.error_code:
            kept = [one for one in response.config_resources if not self._is_ours(one)]
            response.config_resources = [*kept, *filter(self._is_ours, asked.ours(asked.request).config_resources)]
        return response

    def _is_ours(self, item):
        return item.resource_type in (TOPIC_RESOURCE, GROUP_RESOURCE) and self._sides.has(item)


def lists_of(api, version):
    """(the list of the request, the list of the answer) of the things that are asked about."""
    [(asked, answered)] = shape_of(api, version).pairs
    return asked.field, answered.field


def by_topic(sides):
    return {
        **{api: ByTopic(sides, api) for api in _TOPICS},
        AlterReplicaLogDirs: ByDirectory(sides),
        DescribeLogDirs: OfDirectories(sides),
        ListConfigResources: OfConfigResources(sides),
    }


def join(theirs, ours, *lists):
    """What is of the whole cluster is the cluster's behind, but an error is anybody's."""
    for name in lists:
        setattr(theirs, name, [*(getattr(theirs, name) or ()), *(getattr(ours, name) or ())])
    if (error := getattr(ours, "error_code", 0)) and not theirs.error_code:
        theirs.error_code = error
        if "error_message" in theirs.fields_in_order:
            theirs.error_message = ours.error_message
    if "node_endpoints" in theirs.fields_in_order:
        known = {one.node_id for one in theirs.node_endpoints}
        theirs.node_endpoints = [*theirs.node_endpoints, *(one for one in ours.node_endpoints if one.node_id not in known)]
    return theirs


def _keys(item):
    if isinstance(item, str):
        return (item,)
    if (kind := getattr(item, "resource_type", TOPIC_RESOURCE)) != TOPIC_RESOURCE:
        return ((kind, item.resource_name),)
    topic_id = getattr(item, "topic_id", ZERO_UUID)
    return tuple(key for key in (name_of(item), topic_id) if key and key != ZERO_UUID)


def _rank(answer, ranked):
    return next((ranked[key] for key in _keys(answer) if key in ranked), len(ranked))


def _shown(item):
    if name := name_of(item):
        return name
    from emulator.state.cluster import uuid_text

    return uuid_text(item.topic_id)
