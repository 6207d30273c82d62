"""Members of the classic protocol in a consumer group, while it is on its way from one protocol to the other.

Nobody waits here: the coordinator assigns, so a join is answered at once with no members, a sync with what the
member may have now. A heartbeat's REBALANCE_IN_PROGRESS brings it to its next step.
Source: GroupMetadataManager.classicGroupJoinToConsumerGroup and its like, of Kafka 4.3.1.
"""

import logging

from emulator.state.groups.consumer import convert
from emulator.state.groups.consumer.embedded import assignment_bytes, read_subscription
from emulator.state.groups.consumer.member import NOTHING, Classic, ConsumerMember, MemberState
from emulator.state.groups.messages import JoinResult, SyncResult
from emulator.state.groups.timers import JOIN, SYNC
from wire import errors
from wire.errors import KafkaError

log = logging.getLogger(__name__)

CONSUMER = "consumer"


class ClassicMembers:
    """What ConsumerGroup does for them; the names are those of ClassicGroup's methods."""

    # -- JoinGroup ---------------------------------------------------------------------------------

    def join(self, join, respond):
        """A messages.Join; answers a JoinResult."""
        try:
            with self.env.batch:
                result = self._join(join)
        except KafkaError as refusal:
            result = JoinResult(refusal.error)
        respond(result)

    def _join(self, join):
        if self.env.settings.group_consumer_migration_policy.lower() == "disabled":
            raise KafkaError(
                errors.INCONSISTENT_GROUP_PROTOCOL,
                f"Cannot join the consumer group {self.group_id} with the classic protocol because the group migration is disabled.",
            )
        member_id = join.member_id or self.env.new_id()
        self.check_room(member_id)
        if join.protocol_type != CONSUMER or not self._supports(join.protocols):
            raise KafkaError(errors.INCONSISTENT_GROUP_PROTOCOL, f"Member {member_id}'s protocols are not supported.")
        if join.requires_known_member_id and join.group_instance_id is None and not join.member_id:
            return JoinResult(errors.MEMBER_ID_REQUIRED, member_id)
        if join.group_instance_id is not None and join.member_id:
            self.check_instance(self.static_member(join.group_instance_id), member_id, join.group_instance_id)
        subscription = read_subscription(join.protocols)
        before, downgrades = self._entering(join, member_id)
        member = before._replace(
            instance_id=join.group_instance_id or before.instance_id,
            rack_id=subscription.rack_id or before.rack_id,
            rebalance_timeout_ms=before.rebalance_timeout_ms if join.rebalance_timeout_ms == -1 else join.rebalance_timeout_ms,
            subscribed_topic_names=frozenset(subscription.topics),
            subscribed_topic_regex="",
            client_id=join.client_id,
            client_host=join.client_host,
            classic=Classic(join.session_timeout_ms, join.protocols),
        )
        change = self.take_subscription(before, member)
        changed = change.names_changed or change.regex_changed
        self.rebalance_if_needed(changed, assign=not downgrades)
        owned = self._owned(subscription)
        stale = downgrades and self.assignment_epoch < self.group_epoch
        if not stale:
            member = self.advance(member, changed, owned)
        self.timers.extend_session(member_id, join.session_timeout_ms, join.client)
        if downgrades:
            convert.to_classic(self, rebalance=stale, reason="a static member came back with the classic protocol")
        else:
            self.timers.cancel(JOIN, member_id)
            self._await(SYNC, member, join.rebalance_timeout_ms, "sent no SyncGroup in time")
        return JoinResult(errors.NONE, member_id, member.member_epoch, CONSUMER, member.classic.protocols[0][0])

    def _entering(self, join, member_id):
        """(the member as it was, whether the group becomes a classic one by it)."""
        log.info("group %s: member %s joins with the classic protocol", self.group_id, member_id)
        if join.group_instance_id is None:
            return self.members.get(member_id) or ConsumerMember(member_id), False
        known = self.static_member(join.group_instance_id)
        if known is None:
            return ConsumerMember(member_id), False
        downgrades = convert.may_downgrade_replacing(self, known)
        return known if join.member_id else self.replace_static(known, member_id), downgrades

    def _supports(self, protocols):
        """Whether all members of the classic protocol support one of these."""
        classic = [{name for name, _ in member.classic.protocols} for member in self.members.values() if member.classic]
        return any(all(name in names for names in classic) for name, _ in protocols)

    def _owned(self, subscription):
        topics = self.env.topics
        return [
            (topic_id, owned.partitions)
            for owned in subscription.owned_partitions
            if (topic_id := topics.id_of(owned.topic)) is not None
        ]

    def _await(self, what, member, timeout_ms, failed):
        def due():
            if member.member_id in self.members:
                log.info("group %s: member %s %s", self.group_id, member.member_id, failed)
                self.fence([self.members[member.member_id]])

        self.timers.wait(what, member.member_id, timeout_ms, due)

    def _await_join(self, member):
        if not self.timers.waits(JOIN, member.member_id):
            self._await(JOIN, member, member.rebalance_timeout_ms, "did not rejoin in time")

    # -- SyncGroup ---------------------------------------------------------------------------------

    def sync(self, member_id, group_instance_id, generation_id, protocol_type, protocol_name, assignments, respond):
        try:
            assignment = self._sync(member_id, group_instance_id, generation_id, protocol_type, protocol_name)
        except KafkaError as refusal:
            respond(SyncResult(refusal.error))
        else:
            respond(SyncResult(errors.NONE, protocol_type, protocol_name, assignment))

    def _sync(self, member_id, group_instance_id, generation_id, protocol_type, protocol_name):
        member = self._classic_member(member_id, group_instance_id, generation_id)
        if protocol_type not in (None, CONSUMER) or protocol_name not in (None, member.classic.protocols[0][0]):
            raise KafkaError(errors.INCONSISTENT_GROUP_PROTOCOL)
        if self.assignment_epoch > member.member_epoch and member.state != MemberState.UNREVOKED_PARTITIONS:
            self._await_join(member)
            raise KafkaError(errors.REBALANCE_IN_PROGRESS)
        self.timers.cancel(SYNC, member_id)
        self.timers.extend_session(member_id, member.classic.session_timeout_ms)
        return assignment_bytes(member.assigned, member.classic.protocols[0][1], self.env.topics)

    def _classic_member(self, member_id, group_instance_id, generation_id):
        if group_instance_id is None:
            member = self.member(member_id)
        else:
            member = self.static_member(group_instance_id)
            self.check_instance(member, member_id, group_instance_id)
        if member.classic is None:
            raise KafkaError(errors.UNKNOWN_MEMBER_ID, f"Member {member_id} does not use the classic protocol.")
        if generation_id != member.member_epoch:
            raise KafkaError(errors.ILLEGAL_GENERATION)
        return member

    # -- Heartbeat, LeaveGroup ---------------------------------------------------------------------

    def heartbeat(self, member_id, group_instance_id, generation_id, client=None):
        """The error code."""
        try:
            member = self._classic_member(member_id, group_instance_id, generation_id)
        except KafkaError as refusal:
            return refusal.error
        self.timers.extend_session(member_id, member.classic.session_timeout_ms, client)
        if (
            member.member_epoch < self.assignment_epoch
            or member.state == MemberState.UNREVOKED_PARTITIONS
            or member.state == MemberState.UNRELEASED_PARTITIONS
            and not self._waits_for_others(member)
        ):
            self._await_join(member)
            return errors.REBALANCE_IN_PROGRESS
        return errors.NONE

    def _waits_for_others(self, member):
        return any(
            index not in member.assigned.get(topic_id, NOTHING) and not self.is_free(topic_id, index)
            for topic_id, wanted in self.target.get(member.member_id, NOTHING).items()
            for index in wanted
        )

    def leave(self, identities):
        """[(member_id, group_instance_id, reason)] -> an error code each; members of both protocols may be named."""
        codes, leaving = [], {}
        for member_id, instance_id, reason in identities:
            try:
                if instance_id is None:
                    member = self.member(member_id)
                else:
                    member = self.static_member(instance_id)
                    # An administrator names the instance only.
                    self.check_instance(member, member_id or (member and member.member_id), instance_id)
            except KafkaError as refusal:
                codes.append(refusal.error)
                continue
            log.info("group %s: %s left; client reason: %s", self.group_id, member.member_id, reason or "not provided")
            leaving[member.member_id] = member
            codes.append(errors.NONE)
        self.fence(list(leaving.values()))
        return codes
