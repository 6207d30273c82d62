"""Classic groups as records of __consumer_offsets: to be written, and read again.

Source: org.apache.kafka.coordinator.group.GroupCoordinatorRecordHelpers of Kafka 4.3.1, whose version of the
value this is.
"""

from emulator.state.groups.messages import Join
from wire.internal.groups import GroupMetadata as Kind

KINDS = (Kind,)
_GROUP_VERSION = 3


def group_key(group_id):
    return Kind.key(group=group_id)


def group_value(group):
    """A ClassicGroup as it is now. A group that is preparing or completing a rebalance is not worth a record."""
    Member = Kind.Value.Members
    return Kind.value(
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
