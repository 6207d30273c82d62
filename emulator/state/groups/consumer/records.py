"""A consumer group as records of __consumer_offsets: (key bytes, value bytes), and how a group is rebuilt from them.

Source: GroupCoordinatorRecordHelpers of Kafka 4.3.1, whose versions of the values these are.
"""

from emulator.state.groups.consumer.member import NOTHING, Classic, ConsumerMember, MemberState
from wire.internal.consumer_groups import (
    ConsumerGroupCurrentMemberAssignment as Current,
    ConsumerGroupMemberMetadata as Metadata,
    ConsumerGroupMetadata as Group,
    ConsumerGroupPartitionMetadata as PartitionMetadata,
    ConsumerGroupRegularExpression as Regex,
    ConsumerGroupTargetAssignmentMember as Target,
    ConsumerGroupTargetAssignmentMetadata as TargetMetadata,
)

KINDS = (Group, Metadata, TargetMetadata, Target, Current, Regex)


def member_metadata(group_id, member):
    classic = member.classic
    Classics = Metadata.Value.ClassicMemberMetadata
    return Metadata.key(group_id=group_id, member_id=member.member_id), Metadata.value(
        0,
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        client_id=member.client_id,
        client_host=member.client_host,
        subscribed_topic_names=sorted(member.subscribed_topic_names),
        subscribed_topic_regex=member.subscribed_topic_regex,
        rebalance_timeout_ms=member.rebalance_timeout_ms,
        server_assignor=member.server_assignor,
        classic_member_metadata=None
        if classic is None
        else Classics(
            session_timeout_ms=classic.session_timeout_ms,
            supported_protocols=[Classics.SupportedProtocols(name=name, metadata=data) for name, data in classic.protocols],
        ),
    )


def group_metadata(group_id, epoch, metadata_hash):
    return Group.key(group_id=group_id), Group.value(0, epoch=epoch, metadata_hash=metadata_hash)


def target_metadata(group_id, epoch, timestamp):
    return TargetMetadata.key(group_id=group_id), TargetMetadata.value(0, assignment_epoch=epoch, assignment_timestamp=timestamp)


def target_assignment(group_id, member_id, target):
    Partitions = Target.Value.TopicPartitions
    return Target.key(group_id=group_id, member_id=member_id), Target.value(
        0, topic_partitions=[Partitions(topic_id=topic_id, partitions=sorted(held)) for topic_id, held in target.items()]
    )


def current_assignment(group_id, member):
    Value = Current.Value
    return Current.key(group_id=group_id, member_id=member.member_id), Current.value(
        0,
        member_epoch=member.member_epoch,
        previous_member_epoch=member.previous_member_epoch,
        state=member.state,
        assigned_partitions=_held(Value.AssignedPartitions, member.assigned),
        partitions_pending_revocation=_held(Value.PartitionsPendingRevocation, member.pending_revocation),
    )


def _held(Partitions, held):
    return [
        Partitions(topic_id=topic_id, partitions=list(epochs), assignment_epochs=list(epochs.values()))
        for topic_id, epochs in held.items()
    ]


def regular_expression(group_id, expression, resolved):
    key = Regex.key(group_id=group_id, regular_expression=expression)
    if resolved is None:
        return key, None
    value = Regex.Value(topics=sorted(resolved.topics), version=resolved.version, timestamp=resolved.timestamp)
    return key, Regex.build_value(0, value)


def no_member(group_id, member_id):
    """The tombstones of one member."""
    return [(kind.key(group_id=group_id, member_id=member_id), None) for kind in (Current, Target, Metadata)]


def no_group(group_id, member_ids, expressions):
    """The tombstones of a whole group."""
    return [
        *((Current.key(group_id=group_id, member_id=member_id), None) for member_id in member_ids),
        *((Target.key(group_id=group_id, member_id=member_id), None) for member_id in member_ids),
        (TargetMetadata.key(group_id=group_id), None),
        *((Metadata.key(group_id=group_id, member_id=member_id), None) for member_id in member_ids),
        *(regular_expression(group_id, expression, None) for expression in expressions),
        (PartitionMetadata.key(group_id=group_id), None),  # nobody writes one any more; Kafka 4.0 did
        (Group.key(group_id=group_id), None),
    ]


# -- the way back ----------------------------------------------------------------------------------


def with_metadata(member, value):
    """A ConsumerMember with what this record of its metadata says."""
    classic = value.classic_member_metadata
    return member._replace(
        instance_id=value.instance_id,
        rack_id=value.rack_id,
        client_id=value.client_id,
        client_host=value.client_host,
        rebalance_timeout_ms=value.rebalance_timeout_ms,
        subscribed_topic_names=frozenset(value.subscribed_topic_names),
        subscribed_topic_regex=value.subscribed_topic_regex or "",
        server_assignor=value.server_assignor,
        classic=None
        if classic is None
        else Classic(classic.session_timeout_ms, tuple((p.name, bytes(p.metadata)) for p in classic.supported_protocols)),
    )


def with_assignment(member, value):
    """A ConsumerMember with what this record of its current assignment says; of none (None), nothing."""
    if value is None:
        return ConsumerMember(*member.metadata)
    return member._replace(
        member_epoch=value.member_epoch,
        previous_member_epoch=value.previous_member_epoch,
        state=MemberState(value.state),
        assigned=_epochs(value.assigned_partitions, value.member_epoch),
        pending_revocation=_epochs(value.partitions_pending_revocation, value.member_epoch),
    )


def _epochs(held, epoch):
    return {
        each.topic_id: dict(zip(each.partitions, each.assignment_epochs or [epoch] * len(each.partitions))) for each in held
    } or NOTHING


def target_of(value):
    return {each.topic_id: frozenset(each.partitions) for each in value.topic_partitions}
