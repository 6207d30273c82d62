"""A streams group as records of __consumer_offsets: (key bytes, value bytes), and how they are read again.

Source: streams.StreamsCoordinatorRecordHelpers of Kafka 4.3.1, whose versions of the values these are.
"""

from emulator.state.groups.streams.member import HeldTasks, MemberState, StreamsMember, Tasks
from wire.internal.streams_groups import (
    StreamsGroupCurrentMemberAssignment as Current,
    StreamsGroupMemberMetadata as Metadata,
    StreamsGroupMetadata as Group,
    StreamsGroupTargetAssignmentMember as Target,
    StreamsGroupTargetAssignmentMetadata as TargetMetadata,
    StreamsGroupTopology as TopologyRecord,
)

KINDS = (Group, Metadata, TargetMetadata, Target, Current, TopologyRecord)


def member_metadata(group_id, member):
    Value = Metadata.Value
    endpoint = member.user_endpoint
    return Metadata.key(group_id=group_id, member_id=member.member_id), Metadata.value(
        0,
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        client_id=member.client_id,
        client_host=member.client_host,
        rebalance_timeout_ms=member.rebalance_timeout_ms,
        topology_epoch=member.topology_epoch,
        process_id=member.process_id,
        user_endpoint=None if endpoint is None else Value.UserEndpoint(host=endpoint[0], port=endpoint[1]),
        client_tags=[Value.ClientTags(key=key, value=value) for key, value in sorted(member.client_tags.items())],
    )


def group_metadata(group_id, epoch, metadata_hash, validated_topology_epoch, assignment_configs):
    Config = Group.Value.LastAssignmentConfigs
    return Group.key(group_id=group_id), Group.value(
        0,
        epoch=epoch,
        metadata_hash=metadata_hash,
        validated_topology_epoch=validated_topology_epoch,
        last_assignment_configs=[Config(key=key, value=value) for key, value in sorted(assignment_configs.items())],
    )


def topology(group_id, value):
    return TopologyRecord.key(group_id=group_id), TopologyRecord.build_value(0, value)


def target_metadata(group_id, epoch, timestamp):
    return TargetMetadata.key(group_id=group_id), TargetMetadata.value(0, assignment_epoch=epoch, assignment_timestamp=timestamp)


def target_assignment(group_id, member_id, target):
    Value = Target.Value
    return Target.key(group_id=group_id, member_id=member_id), Target.value(
        0,
        active_tasks=_tasks(Value.ActiveTasks, target.active),
        standby_tasks=_tasks(Value.StandbyTasks, target.standby),
        warmup_tasks=_tasks(Value.WarmupTasks, target.warmup),
    )


def current_assignment(group_id, member):
    Value = Current.Value
    assigned, pending = member.assigned, member.pending_revocation
    return Current.key(group_id=group_id, member_id=member.member_id), Current.value(
        0,
        member_epoch=member.member_epoch,
        previous_member_epoch=member.previous_member_epoch,
        state=member.state,
        active_tasks=_epochs(Value.ActiveTasks, assigned.active),
        standby_tasks=_tasks(Value.StandbyTasks, assigned.standby),
        warmup_tasks=_tasks(Value.WarmupTasks, assigned.warmup),
        active_tasks_pending_revocation=_epochs(Value.ActiveTasksPendingRevocation, pending.active),
        standby_tasks_pending_revocation=_tasks(Value.StandbyTasksPendingRevocation, pending.standby),
        warmup_tasks_pending_revocation=_tasks(Value.WarmupTasksPendingRevocation, pending.warmup),
    )


def _tasks(Ids, tasks):
    return [Ids(subtopology_id=one, partitions=sorted(partitions)) for one, partitions in sorted(tasks.items())]


def _epochs(Ids, tasks):
    return [
        Ids(subtopology_id=one, partitions=sorted(since), assignment_epochs=[since[index] for index in sorted(since)])
        for one, since in sorted(tasks.items())
    ]


def no_member(group_id, member_id):
    """The tombstones of one member."""
    return [(kind.key(group_id=group_id, member_id=member_id), None) for kind in (Current, Target, Metadata)]


def no_group(group_id, member_ids):
    """The tombstones of a whole group."""
    return [
        *((Current.key(group_id=group_id, member_id=member_id), None) for member_id in member_ids),
        *((Target.key(group_id=group_id, member_id=member_id), None) for member_id in member_ids),
        (TargetMetadata.key(group_id=group_id), None),
        *((Metadata.key(group_id=group_id, member_id=member_id), None) for member_id in member_ids),
        (Group.key(group_id=group_id), None),
        (TopologyRecord.key(group_id=group_id), None),
    ]


# -- the way back ----------------------------------------------------------------------------------


def member_of(member_id, value, current):
    """The StreamsMember that the records of its metadata and (or None) its current assignment say."""
    endpoint = value.user_endpoint
    member = StreamsMember(
        member_id,
        value.instance_id,
        value.rack_id,
        value.client_id,
        value.client_host,
        value.rebalance_timeout_ms,
        value.topology_epoch,
        value.process_id,
        None if endpoint is None else (endpoint.host, endpoint.port),
        {tag.key: tag.value for tag in value.client_tags},
    )
    if current is None:
        return member
    epoch = current.member_epoch
    return member._replace(
        member_epoch=epoch,
        previous_member_epoch=current.previous_member_epoch,
        state=MemberState(current.state),
        assigned=HeldTasks(
            _read_epochs(current.active_tasks, epoch), _read(current.standby_tasks), _read(current.warmup_tasks)
        ),
        pending_revocation=HeldTasks(
            _read_epochs(current.active_tasks_pending_revocation, epoch),
            _read(current.standby_tasks_pending_revocation),
            _read(current.warmup_tasks_pending_revocation),
        ),
    )


def target_of(value):
    return Tasks(_read(value.active_tasks), _read(value.standby_tasks), _read(value.warmup_tasks))


def _read(tasks):
    return {ids.subtopology_id: frozenset(ids.partitions) for ids in tasks}


def _read_epochs(tasks, epoch):
    return {
        ids.subtopology_id: dict(zip(ids.partitions, ids.assignment_epochs or [epoch] * len(ids.partitions))) for ids in tasks
    }
