"""The streams groups among all groups of a coordinator: how they begin, and who is asked for.

Source: GroupMetadataManager.getOrCreateStreamsGroup, GroupCoordinatorService of Kafka 4.3.1.
"""

from emulator.state.groups.streams.group import StreamsGroup
from emulator.state.groups.streams.member import JOINING, LEAVING_FOR_A_WHILE
from wire import errors
from wire.errors import KafkaError


class StreamsGroups:
    """`groups` is {group_id: group of any kind}; `forget(group)` takes one out of it; `add(group)` puts one in."""

    def __init__(self, groups, env, add, forget):
        self._groups = groups
        self._env = env
        self._add = add
        self._forget = forget
        env.topics.on_change.append(self._topic_changed)

    def heartbeat(self, group_id, beat):
        """A StreamsHeartbeat; gives a StreamsAnswer, raises KafkaError."""
        _check_features(beat)
        _check(group_id, beat)
        with self._env.batch:
            if beat.member_epoch < JOINING:
                return self.get(group_id).streams_leave(beat)
            group = self._groups.get(group_id)
            if group is not None and group.type == "streams":
                return group.streams_heartbeat(beat)
            if group is None and beat.member_epoch != JOINING:
                raise KafkaError(errors.GROUP_ID_NOT_FOUND, f"Streams group {group_id} not found.")
            if group is not None and (beat.member_epoch != JOINING or group.type != "classic" or not group.is_empty):
                raise KafkaError(errors.GROUP_ID_NOT_FOUND, f"Group {group_id} is not a streams group.")
            new = StreamsGroup(group_id, self._env)
            answer = new.streams_heartbeat(beat, is_listed=False)
            if group is not None:
                self._forget(group)  # an empty classic group makes way; its offsets stay
            self._add(new)
            return answer

    def restore(self, group_id, replay):
        """Take over a group that was read from its records. Sessions of members start anew."""
        group = StreamsGroup(group_id, self._env)
        replay.fill(group)
        self._add(group)
        group.resume()

    def get(self, group_id):
        """The StreamsGroup. KafkaError GROUP_ID_NOT_FOUND."""
        group = self._groups.get(group_id)
        if group is None:
            raise KafkaError(errors.GROUP_ID_NOT_FOUND, f"Group {group_id} not found.")
        if group.type != "streams":
            raise KafkaError(errors.GROUP_ID_NOT_FOUND, f"Group {group_id} is not a streams group.")
        return group

    def _topic_changed(self, name):
        for group in self._groups.values():
            if group.type == "streams" and group.needs(name):
                group.topics_changed()


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
