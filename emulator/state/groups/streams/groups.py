"""The streams groups among all groups of a coordinator: how they begin, and who is asked for.

Source: GroupMetadataManager.getOrCreateStreamsGroup, GroupCoordinatorService of Kafka 4.3.1.
"""

from emulator.state.groups.protocol import TopicsProtocol
from emulator.state.groups.streams.group import StreamsGroup
from emulator.state.groups.streams.member import JOINING, LEAVING_FOR_A_WHILE
from emulator.state.groups.streams.records import KINDS
from wire import errors
from wire.errors import KafkaError


class StreamsGroups(TopicsProtocol):
    type = "streams"
    kinds = KINDS

    def make(self, group_id):
        return StreamsGroup(group_id, self.env)

    def heartbeat(self, group_id, beat):
        """A StreamsHeartbeat; gives a StreamsAnswer, raises KafkaError."""
        _check_features(beat)
        _check(group_id, beat)
        with self.env.batch:
            if beat.member_epoch < JOINING:
                return self.get(group_id).streams_leave(beat)
            group = self.table.get(group_id)
            if group is not None and group.type == self.type:
                return group.streams_heartbeat(beat)
            if group is None and beat.member_epoch != JOINING:
                raise KafkaError(errors.GROUP_ID_NOT_FOUND, f"Streams group {group_id} not found.")
            if group is not None and (beat.member_epoch != JOINING or group.type != "classic" or not group.is_empty):
                raise self.not_ours(group_id)
            new = self.make(group_id)
            answer = new.streams_heartbeat(beat, is_listed=False)
            if group is not None:
                self.table.remove(group)  # an empty classic group makes way; its offsets stay
            self.table.put(new)
            return answer


def _check_features(beat):
    """Raise KafkaError INVALID_REQUEST for what the protocol has and Kafka does not do yet."""
    for is_used, what in (
        (beat.instance_id is not None, "Static membership is not yet supported."),
        (beat.has_task_offsets, "TaskOffsets are not supported yet."),
        (beat.has_task_end_offsets, "TaskEndOffsets are not supported yet."),
        (beat.warmup_tasks, "WarmupTasks are not supported yet."),
    ):
        if is_used:
            raise _invalid(what)
    if beat.topology is not None and any(each.source_topic_regex for each in beat.topology.subtopologies):
        raise _invalid("Regular expressions for source topics are not supported yet.")


def _check(group_id, beat):
    """Raise KafkaError for a heartbeat that is wrong in itself."""
    for text, what in ((beat.member_id, "MemberId"), (group_id, "GroupId"), (beat.rack_id, "RackId")):
        if text is not None and not text.strip():
            raise _invalid(f"{what} can't be empty.")
    told = beat.active_tasks, beat.standby_tasks, beat.warmup_tasks
    if beat.member_epoch == JOINING:
        if beat.rebalance_timeout_ms == -1:
            raise _invalid("RebalanceTimeoutMs must be provided in first request.")
        for tasks, kind in zip(told, ("Active", "Standby", "Warmup")):
            if tasks is None or tasks:
                raise _invalid(f"{kind}Tasks must be empty when (re-)joining.")
        if beat.topology is None:
            raise _invalid("Topology must be non-null when (re-)joining.")
        _check_topology(beat.topology)
    elif beat.member_epoch == LEAVING_FOR_A_WHILE:
        raise _invalid("InstanceId can't be null.")
    elif beat.member_epoch < LEAVING_FOR_A_WHILE:
        raise _invalid(f"MemberEpoch is {beat.member_epoch}, but must be greater than or equal to -2.")
    if None in told and told != (None, None, None):
        raise _invalid("If one task-type is non-null, all must be non-null.")
    if beat.member_epoch != JOINING and beat.topology is not None:
        raise _invalid("Topology can only be provided when (re-)joining.")


def _check_topology(topology):
    for subtopology in topology.subtopologies:
        for topic in subtopology.state_changelog_topics:
            if topic.partitions:
                raise KafkaError(
                    errors.STREAMS_INVALID_TOPOLOGY,
                    f"Changelog topic {topic.name} must have an undefined partition count, but it is set to {topic.partitions}.",
                )


def _invalid(message):
    return KafkaError(errors.INVALID_REQUEST, message)
