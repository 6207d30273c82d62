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


class CommittedOffsets:
    def __init__(self):
        self._groups = {}  # group_id -> topic -> partition -> CommittedOffset

    def committed(self, group_id, topic, partition, offset):
        """An offset was committed."""
        self._groups.setdefault(group_id, {}).setdefault(topic, {})[partition] = offset

    def forgotten(self, group_id, topic, partition):
        """An offset was deleted or has expired; perhaps it was not there."""
        topics = self._groups.get(group_id, {})
        if topics.get(topic, {}).pop(partition, None) is None:
            return
        if not topics[topic]:
            del topics[topic]
            if not topics:
                del self._groups[group_id]

    def drop(self, group_id):
        """This group's offsets are no longer ours to know."""
        self._groups.pop(group_id, None)

    def get(self, group_id, topic, partition):
        return self._groups.get(group_id, {}).get(topic, {}).get(partition)

    def of_group(self, group_id):
        """{topic: {partition: CommittedOffset}}, not to be changed by the caller."""
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
