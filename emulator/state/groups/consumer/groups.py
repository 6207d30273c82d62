"""The consumer groups among all groups of a coordinator: how they begin, and who is asked for.

Source: GroupMetadataManager.getOrMaybeCreateConsumerGroup, GroupCoordinatorService of Kafka 4.3.1.
"""

import logging

from emulator.state.groups.consumer import convert
from emulator.state.groups.consumer.group import ConsumerGroup
from emulator.state.groups.consumer.member import JOINING, LEAVING, LEAVING_FOR_A_WHILE
from emulator.state.groups.consumer.records import KINDS
from emulator.state.groups.protocol import TopicsProtocol
from wire import errors
from wire.errors import KafkaError

log = logging.getLogger(__name__)


class ConsumerGroups(TopicsProtocol):
    type = "consumer"
    kinds = KINDS

    def make(self, group_id):
        return ConsumerGroup(group_id, self.env)

    def heartbeat(self, group_id, beat, version):
        """A ConsumerHeartbeat; gives a HeartbeatAnswer, raises KafkaError."""
        _check(group_id, beat, version, self.env.settings.group_consumer_assignors)
        with self.env.batch:
            if beat.member_epoch < JOINING:
                return self.get(group_id).consumer_leave(beat)
            group = self.table.get(group_id)
            if group is None or group.type != self.type:
                if beat.member_epoch != JOINING:
                    if group is not None:
                        raise self.not_ours(group_id)
                    raise KafkaError(errors.GROUP_ID_NOT_FOUND, f"Consumer group {group_id} not found.")
                group = self._begin(group_id, group, beat)
            else:
                group.check_heartbeat(beat)
            answer = group.consumer_heartbeat(beat)
        with self.env.batch:
            group.refresh_regexes(beat.sees)
        return answer

    def _begin(self, group_id, before, beat):
        """The new group that this heartbeat makes, of nothing or of a classic one."""
        group = self.make(group_id)
        if before is None or before.type == "classic" and before.is_empty:
            group.check_heartbeat(beat)
        elif before.type == "classic":
            convert.check_upgrade(before, self.env.settings)
            convert.to_consumer(before, group)
            group.check_heartbeat(beat)
            before.tell_to_rejoin()
            log.info("group %s was a classic group of %d members", group_id, len(group.members))
        else:
            raise self.not_ours(group_id)
        if before is not None:
            self.table.remove(before)
        self.table.put(group)
        if group.members:
            group.write_all()
            for old in before.members:
                group.timers.extend_session(old.member_id, old.session_timeout_ms, old.client)
        return group


def _check(group_id, beat, version, assignors):
    """Raise KafkaError for a heartbeat that is wrong in itself."""
    epoch = beat.member_epoch
    if version >= 1 or epoch > JOINING or epoch == LEAVING:
        _not_blank(beat.member_id, "MemberId")
    _not_blank(group_id, "GroupId")
    _not_blank(beat.instance_id, "InstanceId")
    _not_blank(beat.rack_id, "RackId")
    if epoch == JOINING:
        if beat.rebalance_timeout_ms == -1:
            raise _invalid("RebalanceTimeoutMs must be provided in first request.")
        if beat.owned is None or beat.owned:
            raise _invalid("TopicPartitions must be empty when (re-)joining.")
        if beat.subscribed_topic_names is None and beat.subscribed_topic_regex is None:
            raise _invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
    elif epoch == LEAVING_FOR_A_WHILE:
        if beat.instance_id is None:
            raise _invalid("InstanceId can't be null.")
    elif epoch < LEAVING_FOR_A_WHILE:
        raise _invalid("MemberEpoch is invalid.")
    if beat.server_assignor is not None and beat.server_assignor not in assignors:
        raise KafkaError(
            errors.UNSUPPORTED_ASSIGNOR,
            f"ServerAssignor {beat.server_assignor} is not supported. Supported assignors: {', '.join(assignors)}.",
        )


def _not_blank(text, what):
    if text is not None and not text.strip():
        raise _invalid(f"{what} can't be empty.")


def _invalid(message):
    return KafkaError(errors.INVALID_REQUEST, message)
