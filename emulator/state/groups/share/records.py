"""A share group as records of __consumer_offsets: (key bytes, value bytes).

Source: GroupCoordinatorRecordHelpers of Kafka 4.3.1.
"""

from emulator.state.groups.share.member import ShareMember
from wire.internal.share_groups import (
    ShareGroupCurrentMemberAssignment as Current,
    ShareGroupMemberMetadata as Member,
    ShareGroupMetadata as Group,
    ShareGroupStatePartitionMetadata as StatePartitions,
    ShareGroupTargetAssignmentMember as Target,
    ShareGroupTargetAssignmentMetadata as TargetMetadata,
)

KINDS = (Group, Member, TargetMetadata, Target, Current, StatePartitions)
_STABLE = 0


def group_metadata(group_id, epoch, metadata_hash):
    return Group.key(group_id=group_id), Group.value(0, epoch=epoch, metadata_hash=metadata_hash)


def member_metadata(group_id, member):
    return Member.key(group_id=group_id, member_id=member.member_id), Member.value(
        0,
        rack_id=member.rack_id,
        client_id=member.client_id,
        client_host=member.client_host,
        subscribed_topic_names=sorted(member.subscribed_topic_names),
    )


def target_metadata(group_id, epoch, timestamp):
    return TargetMetadata.key(group_id=group_id), TargetMetadata.value(0, assignment_epoch=epoch, assignment_timestamp=timestamp)


def target_assignment(group_id, member_id, target):
    return Target.key(group_id=group_id, member_id=member_id), Target.value(
        0, topic_partitions=_held(Target.Value.TopicPartitions, target)
    )


def current_assignment(group_id, member):
    return Current.key(group_id=group_id, member_id=member.member_id), Current.value(
        0,
        member_epoch=member.member_epoch,
        previous_member_epoch=member.previous_member_epoch,
        state=_STABLE,
        assigned_partitions=_held(Current.Value.AssignedPartitions, member.assigned),
    )


def state_partitions(group_id, initializing, initialized, deleting):
    """`initializing`, `initialized`: {topic_id: (name, partitions)}; `deleting`: {topic_id: name}."""
    Value = StatePartitions.Value
    return StatePartitions.key(group_id=group_id), StatePartitions.value(
        0,
        initializing_topics=_named(Value.InitializingTopics, initializing),
        initialized_topics=_named(Value.InitializedTopics, initialized),
        deleting_topics=[Value.DeletingTopics(topic_id=topic_id, topic_name=name) for topic_id, name in deleting.items()],
    )


def _held(Partitions, held):
    return [Partitions(topic_id=topic_id, partitions=sorted(indexes)) for topic_id, indexes in held.items()]


def _named(Topics, topics):
    return [
        Topics(topic_id=topic_id, topic_name=name, partitions=sorted(indexes)) for topic_id, (name, indexes) in topics.items()
    ]


def no_member(group_id, member_id):
    """The tombstones of one member."""
    return [(kind.key(group_id=group_id, member_id=member_id), None) for kind in (Current, Target, Member)]


def no_group(group_id, member_ids):
    """The tombstones of a whole group."""
    return [
        *(tombstone for member_id in member_ids for tombstone in no_member(group_id, member_id)),
        (TargetMetadata.key(group_id=group_id), None),
        (StatePartitions.key(group_id=group_id), None),
        (Group.key(group_id=group_id), None),
    ]


# -- the way back ----------------------------------------------------------------------------------


def member_of(member_id, metadata, current):
    """The ShareMember of what was written of it; `current` None: it was assigned nothing yet."""
    member = ShareMember(member_id)._replace(
        client_id=metadata.client_id,
        client_host=metadata.client_host,
        rack_id=metadata.rack_id,
        subscribed_topic_names=frozenset(metadata.subscribed_topic_names),
    )
    if current is None:
        return member
    return member._replace(
        member_epoch=current.member_epoch,
        previous_member_epoch=current.previous_member_epoch,
        assigned=held(current.assigned_partitions),
    )


def held(topics):
    """{topic_id: frozenset of partitions}"""
    return {topic.topic_id: frozenset(topic.partitions) for topic in topics}
