"""What has been copied, and where topics come from: offsets that a group has committed in the target cluster.

A mirror of cluster X commits, as the group kafka-emulator-mirror-X, for each partition there how far it has read the source's, and
with it, as metadata, {"from": [ids of clusters], "runs": [[offset, offset here, records]], "topic": the id of the source's}. So a mirror that is started again goes on, and
whoever mirrors that topic further knows through which clusters it has come: it is never sent back into one of them. Before a mirror
writes for the first time it claims the topic ("claim": true in place of runs), and looks whether another does so in the other direction.
"""

import json
from typing import NamedTuple

import gevent

from emulator.apps.mirror.cluster import Refusal
from emulator.apps.mirror.offset_map import OffsetMap
from wire import errors
from wire.apis.groups import ListGroups, OffsetCommit, OffsetDelete, OffsetFetch

PREFIX = "kafka-emulator-mirror-"
_AT_ONCE = 1000  # partitions in a commit
_PATIENCE_S, _PAUSE_S = 5.0, 0.1  # while a transaction that commits offsets is about to end
_OF_OTHER_KINDS = ("share", "streams")  # groups that have no offsets of this kind, or whose members have more than those


class Mark(NamedTuple):
    """How far a partition here is at the source: `offset`; `runs`: what is known of offsets, None for a claim; `topic_id`: the source's."""

    topic: str
    partition: int
    offset: int
    runs: list | None
    topic_id: str = ""


def group_of(cluster_id):
    return PREFIX + cluster_id


class Origins:
    """Of the topics that mirrors have brought into a cluster: `come`, {topic: ids of clusters that it has come through}, and `claimed`."""

    def __init__(self):
        self.come, self.claimed = {}, {}


def origins(cluster):
    """Raises Refusal, Lost."""
    found = Origins()
    for group in sorted(groups(cluster, lambda name: name.startswith(PREFIX))):
        cluster_id = group.removeprefix(PREFIX)
        for (topic, _), (_, metadata) in committed(cluster, group).items():
            told = _read(metadata)
            if told.get("claim"):
                found.claimed.setdefault(topic, set()).add(cluster_id)
            else:
                found.come.setdefault(topic, set()).update((cluster_id, *_ids(told.get("from"))))
    return found


def groups(cluster, takes):
    """The names of its consumer groups that `takes(name)`."""
    found = set()
    for broker in cluster.every_broker():
        answer = broker.ask(ListGroups)
        if answer.error_code:
            raise Refusal(f"{cluster.what}: its groups", answer.error_code)
        found.update(one.group_id for one in answer.groups if one.group_type.lower() not in _OF_OTHER_KINDS and takes(one.group_id))
    return found


def _ids(told):
    return [one for one in told if isinstance(one, str)] if isinstance(told, list) else []


def is_claim(metadata):
    return bool(_read(metadata).get("claim"))


def map_told(metadata):
    """The OffsetMap in it."""
    return OffsetMap.read(_read(metadata).get("runs"))


def topic_id_told(metadata):
    """"" where it tells none."""
    return str(_read(metadata).get("topic") or "")


def _read(metadata):
    try:
        found = json.loads(metadata or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def committed(cluster, group):
    """{(topic, partition): (offset, metadata)}. Raises Refusal, Lost."""
    tries = int(_PATIENCE_S / _PAUSE_S)
    while True:
        try:
            return _committed(cluster, group)
        except Refusal as error:
            tries -= 1
            if error.code != errors.UNSTABLE_OFFSET_COMMIT or not tries:
                raise
            gevent.sleep(_PAUSE_S)


def _committed(cluster, group):
    answer = cluster.ask_coordinator(group, OffsetFetch, group_id=group, topics=None, require_stable=True)
    if answer.error_code:
        raise Refusal(f"{cluster.what}: offsets of {group}", answer.error_code)
    found = {}
    for topic in answer.topics:
        for one in topic.partitions:
            if one.error_code:
                raise Refusal(f"{cluster.what}: offset of {group} in {topic.name}-{one.partition_index}", one.error_code)
            found[topic.name, one.partition_index] = one.committed_offset, one.metadata
    return found


def commit(cluster, group, marks, came_from):
    """`marks`: Marks; `came_from`: {topic: ids}. Raises Refusal, Lost."""
    for topics in requests(marks, came_from, OffsetCommit.Request.Topics):
        answer = cluster.ask_coordinator(group, OffsetCommit, group_id=group, topics=topics)
        for topic in answer.topics:
            for one in topic.partitions:
                if one.error_code != errors.NONE:
                    raise Refusal(f"{cluster.what}: commit of {group} in {topic.name}-{one.partition_index}", one.error_code)


def requests(marks, came_from, request):
    """The topics of each request that keeps `marks`; `request`: what a topic is there."""
    for first in range(0, len(marks), _AT_ONCE):
        by_topic = {}
        for mark in marks[first : first + _AT_ONCE]:
            kept = {"claim": True} if mark.runs is None else {"runs": mark.runs, "topic": mark.topic_id}
            metadata = json.dumps({"from": sorted(came_from[mark.topic]), **kept}, separators=(",", ":"))
            by_topic.setdefault(mark.topic, []).append(
                request.Partitions(partition_index=mark.partition, committed_offset=mark.offset, committed_metadata=metadata))
        yield [request(name=topic, partitions=partitions) for topic, partitions in by_topic.items()]


def forget(cluster, group, places):
    """Of [(topic, partition)]. Raises Refusal, Lost."""
    if not places:
        return
    request, topics = OffsetDelete.Request.Topics, {}
    for topic, index in places:
        topics.setdefault(topic, []).append(request.Partitions(partition_index=index))
    answer = cluster.ask_coordinator(
        group, OffsetDelete, group_id=group, topics=[request(name=topic, partitions=partitions) for topic, partitions in topics.items()])
    if answer.error_code not in (errors.NONE, errors.GROUP_ID_NOT_FOUND):
        raise Refusal(f"{cluster.what}: offsets of {group}", answer.error_code)
