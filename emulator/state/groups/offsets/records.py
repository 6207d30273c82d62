"""Committed offsets as records of __consumer_offsets: to be written, and read again.

Source: org.apache.kafka.coordinator.group.GroupCoordinatorRecordHelpers of Kafka 4.3.1, whose versions of the
values these are.
"""

from functools import lru_cache

from emulator.state.groups.offsets.committed import CommittedOffset
from wire.internal.groups import OffsetCommit as Kind

_OFFSET_VERSION = 4
_EXPIRING_OFFSET_VERSION = 1  # the one version with a place for the expiry that a commit of v2-4 asked for


@lru_cache(10_000)  # who commits will commit again
def offset_key(group_id, topic, partition):
    return Kind.key(group=group_id, topic=topic, partition=partition)


def offset_value(committed):
    expires = committed.expire_timestamp
    return Kind.value(
        _OFFSET_VERSION if expires is None else _EXPIRING_OFFSET_VERSION,
        offset=committed.offset,
        leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
        commit_timestamp=committed.commit_timestamp,
        expire_timestamp=-1 if expires is None else expires,
        topic_id=committed.topic_id,
    )


def committed_offset(value):
    """The CommittedOffset that was written."""
    return CommittedOffset(
        value.offset,
        value.leader_epoch,
        value.metadata,
        value.commit_timestamp,
        None if value.expire_timestamp == -1 else value.expire_timestamp,
        value.topic_id,
    )
