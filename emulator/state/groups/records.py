"""Groups and offsets as records of __consumer_offsets: to be written, and read again.

Source: org.apache.kafka.coordinator.group.GroupCoordinatorRecordHelpers of Kafka 4.3.1, whose versions of the
values these are.
"""

from functools import lru_cache

from emulator.state.groups.messages import Join
from emulator.state.groups.offsets import CommittedOffset
from wire.internal.groups import GroupMetadata, OffsetCommit

_OFFSET_VERSION = 4
_EXPIRING_OFFSET_VERSION = 1  # the one version with a place for the expiry that a commit of v2-4 asked for
_GROUP_VERSION = 3


@lru_cache(10_000)  # who commits will commit again
def offset_key(group_id, topic, partition):
    return OffsetCommit.key(group=group_id, topic=topic, partition=partition)


def offset_value(committed):
    expires = committed.expire_timestamp
    return OffsetCommit.value(
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


def group_key(group_id):
    return GroupMetadata.key(group=group_id)


def group_value(group):
    """A ClassicGroup as it is now. A group that is preparing or completing a rebalance is not worth a record."""
    Member = GroupMetadata.Value.Members
    return GroupMetadata.value(
        _GROUP_VERSION,
        protocol_type=group.protocol_type or "",
        generation=group.generation_id,
        protocol=group.protocol_name,
        leader=group.members.leader,
        current_state_timestamp=group.state_timestamp,
        members=[
            Member(
                member_id=member.member_id,
                group_instance_id=member.group_instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                rebalance_timeout=member.rebalance_timeout_ms,
                session_timeout=member.session_timeout_ms,
                subscription=member.metadata(group.protocol_name),
                assignment=member.assignment,
            )
            for member in group.members
        ],
    )


def members(value):
    """[(Join, assignment)] of the members that were written."""
    return [
        (
            Join(
                member.member_id,
                member.group_instance_id,
                member.client_id,
                member.client_host,
                member.session_timeout,
                member.session_timeout if member.rebalance_timeout == -1 else member.rebalance_timeout,
                value.protocol_type,
                ((value.protocol or "", member.subscription),),
            ),
            member.assignment,
        )
        for member in value.members
    ]
