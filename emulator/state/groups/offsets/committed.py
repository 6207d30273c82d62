"""Committed offsets of all groups: two methods change them, one for each kind of record.

Source: org.apache.kafka.coordinator.group.OffsetMetadataManager of Kafka 4.3.1.
"""

from typing import NamedTuple


class CommittedOffset(NamedTuple):
    """Where a group is in one partition. Timestamps in ms; leader_epoch -1 when unknown, topic_id 16 zeros."""

    offset: int
    leader_epoch: int
    metadata: str
    commit_timestamp: int
    expire_timestamp: int | None = None  # asked for by commits of v2-4 only
    topic_id: bytes = bytes(16)


class TopicOffsets(dict):
    """{partition: CommittedOffset} of a group in one topic. `told`: what was made of it for clients, (form, bytes); None once it changes."""

    __slots__ = ("told",)

    def __init__(self):
        self.told = None


class CommittedOffsets:
    def __init__(self):
        self._groups = {}  # group_id -> topic -> TopicOffsets

    def committed(self, group_id, topic, partition, offset):
        """An offset was committed."""
        topics = self._groups.setdefault(group_id, {})
        offsets = topics.get(topic)
        if offsets is None:
            offsets = topics[topic] = TopicOffsets()
        offsets[partition] = offset
        offsets.told = None

    def forgotten(self, group_id, topic, partition):
        """An offset was deleted or has expired; perhaps it was not there."""
        topics = self._groups.get(group_id, {})
        offsets = topics.get(topic)
        if offsets is None or offsets.pop(partition, None) is None:
            return
        offsets.told = None
        if not offsets:
            del topics[topic]
            if not topics:
                del self._groups[group_id]

    def drop(self, group_id):
        """This group's offsets are no longer ours to know."""
        self._groups.pop(group_id, None)

    def get(self, group_id, topic, partition):
        return self._groups.get(group_id, {}).get(topic, {}).get(partition)

    def of_group(self, group_id):
        """{topic: TopicOffsets}, not to be changed by the caller."""
        return self._groups.get(group_id, {})

    def positions(self, group_id):
        """[(topic, partition, CommittedOffset)] of a group, a copy."""
        return [
            (topic, partition, offset)
            for topic, partitions in self.of_group(group_id).items()
            for partition, offset in partitions.items()
        ]

    def groups_with(self, topic):
        return [group_id for group_id, topics in self._groups.items() if topic in topics]
