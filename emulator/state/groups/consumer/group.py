"""A consumer group: members send heartbeats, the group decides who has what (KIP-848).

A heartbeat goes through the same steps always: who is it, what has changed about it, does that change the group
(its epoch), is there a target for that epoch, how far may the member go towards it.
Members of the classic protocol in the same group: `classic_members`.
Source: GroupMetadataManager.consumerGroupHeartbeat and what it calls, of Kafka 4.3.1.
"""

import logging

from emulator.state.groups.assignors import ASSIGNORS, Subscriber
from emulator.state.groups.consumer import convert
from emulator.state.groups.consumer.classic_members import ClassicMembers
from emulator.state.groups.consumer.member import (
    JOINING, LEAVING_FOR_A_WHILE, NOTHING, ConsumerMember, MemberState,
)
from emulator.state.groups.consumer.messages import HeartbeatAnswer
from emulator.state.groups.consumer.reconcile import check_epoch, reconcile
from emulator.state.groups.consumer.state import GroupState, ResolvedRegex
from emulator.state.groups.timers import REBALANCE, Timers
from emulator.state.java import hash_order, string_hash, timeline_order
from emulator.state.regex import InvalidRegex, compile_regex
from wire import errors
from wire.errors import KafkaError

log = logging.getLogger(__name__)

REGEX_REFRESH_MIN_INTERVAL_MS = 10_000
REGEX_REFRESH_INTERVAL_MS = 600_000
_NEVER = -(1 << 63)


class ConsumerGroup(ClassicMembers, GroupState):
    """`environment`: see there. Methods raise KafkaError with Kafka's words."""

    type = "consumer"
    protocol_type = "consumer"

    def __init__(self, group_id, environment):
        super().__init__(group_id, lambda key, value: environment.write(group_id, key, value))
        self.env = environment
        self.timers = Timers(environment.time, environment.patience, self._session_expired)
        self._matchers = {}
        self._regex_is_new = False  # the last heartbeat brought one that nobody had
        self._last_named = None  # the assignor that the member names which was heard last
        self._topics_changed = True  # since the epoch was computed
        self._assigned_at = None  # on `patience`: when the target was computed
        self._resolved_at = _NEVER  # on `patience`: when the expressions were

    # -- ConsumerGroupHeartbeat --------------------------------------------------------------------

    def check_heartbeat(self, beat):
        """Raise what a heartbeat is refused for; nothing has changed then."""
        self.check_room(beat.member_id)
        member = self._heard_of(beat)
        regex = beat.subscribed_topic_regex
        if regex and regex != (member and member.subscribed_topic_regex) and not self.subscribers(regex):
            self._matcher(regex)

    def consumer_heartbeat(self, beat):
        """A ConsumerHeartbeat that `check_heartbeat` let pass, in which nobody leaves; gives a HeartbeatAnswer."""
        before = self._enter(beat)
        member = self._updated(before, beat)
        resolve = self.take_subscription(before, member)
        changed = resolve.names_changed or resolve.regex_changed
        self.rebalance_if_needed(resolve.names_changed or resolve.regex_resolved)
        member = self.advance(member, changed, beat.owned)
        configs = self.env.configs(self.group_id)
        self.timers.extend_session(member.member_id, configs.consumer_session_timeout_ms, beat.client)
        tells = beat.member_epoch == JOINING or beat.is_full or before.assigned != member.assigned
        answer = HeartbeatAnswer(
            member.member_id,
            member.member_epoch,
            configs.consumer_heartbeat_interval_ms,
            member.assigned if tells else None,
        )
        self._regex_is_new = resolve.regex_is_new
        return answer

    def check_room(self, member_id):
        most = self.env.settings.group_consumer_max_size
        if len(self.members) >= most and member_id not in self.members:
            raise KafkaError(
                errors.GROUP_MAX_SIZE_REACHED, f"The consumer group has reached its maximum capacity of {most} members."
            )

    def _heard_of(self, beat):
        """The member that this comes from as it is known, None when it is new. Raises what it is fenced for."""
        joining = beat.member_epoch == JOINING
        if beat.instance_id is None:
            member = self.members.get(beat.member_id) if joining else self.member(beat.member_id)
            if member is not None:
                check_epoch(member, beat.member_epoch, beat.owned)
            return member
        member = self.static_member(beat.instance_id)
        if joining:
            if member is not None and member.classic is None and member.member_epoch != LEAVING_FOR_A_WHILE:
                raise KafkaError(
                    errors.UNRELEASED_INSTANCE_ID,
                    f"Static member {beat.member_id} with instance id {beat.instance_id} cannot join the group because"
                    f" the instance id is owned by {member.member_id} member.",
                )
            return member
        self.check_instance(member, beat.member_id, beat.instance_id)
        check_epoch(member, beat.member_epoch, beat.owned)
        return member

    def _enter(self, beat):
        member = self._heard_of(beat)
        member_id = beat.member_id or self.env.new_id()
        if beat.member_epoch == JOINING:
            log.info("group %s: member %s joins with the consumer protocol", self.group_id, member_id)
        if member is None:
            return ConsumerMember(member_id)
        return self.replace_static(member, member_id) if beat.member_epoch == JOINING and beat.instance_id is not None else member

    def replace_static(self, member, member_id):
        """A static member is back under a new member id: with the target and the partitions of before."""
        target = self.target.get(member.member_id, NOTHING)
        self.drop_member(member.member_id)
        self.timers.forget(member.member_id)
        again = member._replace(member_id=member_id, member_epoch=0, previous_member_epoch=0)
        self.put_member(again, target)
        return again

    @staticmethod
    def _updated(member, beat):
        return member._replace(
            instance_id=_said(beat.instance_id, member.instance_id),
            rack_id=_said(beat.rack_id, member.rack_id),
            rebalance_timeout_ms=member.rebalance_timeout_ms if beat.rebalance_timeout_ms == -1 else beat.rebalance_timeout_ms,
            server_assignor=_said(beat.server_assignor, member.server_assignor),
            subscribed_topic_names=member.subscribed_topic_names
            if beat.subscribed_topic_names is None
            else frozenset(beat.subscribed_topic_names),
            subscribed_topic_regex=_said(beat.subscribed_topic_regex, member.subscribed_topic_regex),
            client_id=beat.client_id,
            client_host=beat.client_host,
            classic=None,
        )

    def take_subscription(self, before, member):
        """Put the member as it is now, and tell how its subscription differs from the one `before`."""
        self.put_member(member)
        self._last_named = member.server_assignor
        change = _Change(before, member)
        if change.regex_changed:
            old, new = before.subscribed_topic_regex, member.subscribed_topic_regex
            change.regex_is_new = bool(new) and self.subscribers(new) == 1
            change.regex_resolved = not new or new in self.regexes
            if old and not self.subscribers(old):
                self.set_regex(old, None)
                self._matchers.pop(old, None)
        return change

    # -- epochs, target, reconciliation ------------------------------------------------------------

    def rebalance_if_needed(self, subscription_changed, assign=True):
        """Bump the group's epoch when subscriptions or topics changed; make a target when there is none for it."""
        if subscription_changed or self._topics_changed:
            metadata_hash = self.env.topics.hash_of(self.subscribed_topics())
            self._topics_changed = False
            if subscription_changed or metadata_hash != self.metadata_hash:
                self.set_epoch(self.group_epoch + 1, metadata_hash)
        if assign and self.assignment_epoch < self.group_epoch and self._may_assign():
            self._assign()

    def _may_assign(self):
        interval = self.env.configs(self.group_id).consumer_assignment_interval_ms
        return self._assigned_at is None or self.env.patience.now() >= self._assigned_at + interval

    def _assign(self):
        name = self.preferred_assignor(self._last_named) or self.env.settings.group_consumer_assignors[0]
        topics = self.env.topics
        members, partitions = {}, {}
        for member_id in self._in_kafkas_order():
            member = self.members[member_id]
            topic_ids = topics.ids_of(hash_order(self.subscription_of(member), string_hash))
            partitions.update((topic_id, topics.count_of(topic_id)) for topic_id in topic_ids if topic_id not in partitions)
            members[member_id] = Subscriber(member.instance_id, topic_ids, self.target.get(member_id, NOTHING))
        target = ASSIGNORS[name](members, partitions, self.all_subscribe_alike())
        for member_id in members:
            self.set_target(member_id, target.get(member_id, NOTHING))
        self._assigned_at = self.env.patience.now()
        self.set_assignment_epoch(self.group_epoch, self.env.time.now())
        log.info("group %s: target of epoch %d by %s", self.group_id, self.group_epoch, name)

    def _in_kafkas_order(self):
        """The member ids as Kafka hands them to an assignor: who has just come is the last of its bucket."""
        settled = [member.member_id for member in self.members.values() if member.member_epoch != JOINING]
        order = timeline_order(settled, string_hash, self.most_members)
        return hash_order(dict.fromkeys([*order, *self.members]), string_hash)

    def assignor(self):
        """The name of the assignor that makes the targets."""
        return self.preferred_assignor() or self.env.settings.group_consumer_assignors[0]

    def advance(self, member, subscription_changed, owned):
        """Bring a member as near to its target as may be now; gives it as it then is."""
        if not subscription_changed and member.is_reconciled_to(self.assignment_epoch):
            return member
        updated = reconcile(
            member,
            self.assignment_epoch,
            self.target.get(member.member_id, NOTHING),
            set(self.env.topics.ids_of(self.subscription_of(member))),
            owned,
            self.is_free,
            subscription_changed,
        )
        if updated != member:
            self.put_member(updated)
            if updated.classic is None:
                self._watch_revocation(updated)
        return updated

    def _watch_revocation(self, member):
        member_id, epoch = member.member_id, member.member_epoch
        if member.state != MemberState.UNREVOKED_PARTITIONS:
            self.timers.cancel(REBALANCE, member_id)
            return

        def due():
            if member_id in self.members and self.members[member_id].member_epoch == epoch:
                log.info("group %s: member %s did not leave epoch %d in time", self.group_id, member_id, epoch)
                self.fence([self.members[member_id]])

        self.timers.wait(REBALANCE, member_id, member.rebalance_timeout_ms, due)

    def topic_changed(self, name):
        """A topic was made, deleted, or got partitions."""
        if self.subscribes_to(name):
            self._topics_changed = True

    # -- regular expressions -----------------------------------------------------------------------

    def _matcher(self, expression):
        matches = self._matchers.get(expression)
        if matches is None:
            try:
                matches = self._matchers[expression] = compile_regex(expression)
            except InvalidRegex as reason:
                raise KafkaError(
                    errors.INVALID_REGULAR_EXPRESSION,
                    f"SubscribedTopicRegex `{expression}` is not a valid regular expression: {reason}.",
                ) from None
        return matches

    def refresh_regexes(self, sees=None):
        """Resolve the members' expressions when there are new ones, new topics, or the time has come.

        `sees`: see ConsumerHeartbeat; expressions match what the member sees that is heard just now.
        Kafka does this beside the heartbeat that asks for it, so what comes of it is seen by the next one.
        """
        now = self.env.patience.now()
        expressions = set(self.expressions)
        if not expressions or now <= (self._resolved_at if self.regexes else _NEVER) + REGEX_REFRESH_MIN_INTERVAL_MS:
            return
        topics = self.env.topics
        version = next(iter(self.regexes.values())).version if self.regexes else 0
        if not (
            self._regex_is_new
            or len(expressions) != len(self.regexes)
            or version < topics.created_at
            or now > self._resolved_at + REGEX_REFRESH_INTERVAL_MS
        ):
            return
        self._resolved_at = now
        bump = False
        names = list(filter(sees, topics.names()))
        for expression in expressions:
            matches = self._matcher(expression)
            found = ResolvedRegex(frozenset(filter(matches, names)), topics.version, self.env.time.now())
            old = self.regexes.get(expression)
            bump = bump or found.topics != (frozenset() if old is None else old.topics)
            self.set_regex(expression, found)
        metadata_hash = topics.hash_of(self.subscribed_topics())
        if bump or metadata_hash != self.metadata_hash:
            self.set_epoch(self.group_epoch + 1, metadata_hash)
            self._topics_changed = False

    # -- leaving -----------------------------------------------------------------------------------

    def consumer_leave(self, beat):
        """A heartbeat with which a member leaves, for good or (static) for a while."""
        if beat.instance_id is None:
            member = self.member(beat.member_id)
        else:
            member = self.static_member(beat.instance_id)
            self.check_instance(member, beat.member_id, beat.instance_id)
        if beat.instance_id is not None and beat.member_epoch == LEAVING_FOR_A_WHILE:
            log.info("group %s: static member %s leaves for a while", self.group_id, member.member_id)
            self.put_member(
                member._replace(
                    member_epoch=LEAVING_FOR_A_WHILE,
                    assigned={topic_id: dict.fromkeys(held, 0) for topic_id, held in member.assigned.items()},
                    pending_revocation=NOTHING,
                )
            )
        else:
            log.info("group %s: member %s leaves", self.group_id, member.member_id)
            self.fence([member])
        return HeartbeatAnswer(beat.member_id, beat.member_epoch)

    def fence(self, members):
        """Members are out; the group may be a classic one after that."""
        if not members:
            return
        with self.env.batch:
            if convert.may_downgrade_without(self, members):
                convert.to_classic(self, members)
                return
            for member in members:
                self.drop_member(member.member_id)
                self.timers.forget(member.member_id)
            for expression in [one for one in self.regexes if not self.subscribers(one)]:
                self.set_regex(expression, None)
                self._matchers.pop(expression, None)
            self.set_epoch(self.group_epoch + 1, self.env.topics.hash_of(self.subscribed_topics()))

    def _session_expired(self, member_id):
        if member_id in self.members:
            log.info("group %s: the session of member %s expired", self.group_id, member_id)
            self.fence([self.members[member_id]])

    # -- who is who --------------------------------------------------------------------------------

    def static_member(self, instance_id):
        return self.members.get(self.static.get(instance_id))

    @staticmethod
    def check_instance(member, member_id, instance_id):
        if member is None:
            raise KafkaError(errors.UNKNOWN_MEMBER_ID, f"Instance id {instance_id} is unknown.")
        if member.member_id != member_id:
            raise KafkaError(
                errors.FENCED_INSTANCE_ID,
                f"Static member {member_id} with instance id {instance_id} was fenced by member {member.member_id}.",
            )

    # -- what the coordinator asks -----------------------------------------------------------------

    def check_offset_commit(self, member_id, group_instance_id, member_epoch, version=9, transactional=False):
        """Raise unless this member may commit now; gives None, or check(topic_id, partition) for each partition."""
        if member_epoch < 0 and not self.members:
            return None
        if transactional and member_epoch == -1 and not member_id and group_instance_id is None:
            return None
        member = self.member(member_id)
        if not transactional and member.classic is None and version < 9:
            raise KafkaError(errors.UNSUPPORTED_VERSION)
        if member_epoch == member.member_epoch:
            return None
        stale = errors.ILLEGAL_GENERATION if transactional else self._stale(member)
        if member_epoch > member.member_epoch:
            raise KafkaError(stale)

        def check(topic_id, partition):
            since = member.holds(topic_id, partition)
            if since is None or member_epoch < since:
                raise KafkaError(stale)

        return check

    def check_offset_fetch(self, member_id, member_epoch):
        if member_id is None and member_epoch < 0:
            return
        member = self.member(member_id)
        if member_epoch != member.member_epoch:
            raise KafkaError(self._stale(member))

    @staticmethod
    def _stale(member):
        return errors.STALE_MEMBER_EPOCH if member.classic is None else errors.ILLEGAL_GENERATION

    def resume(self):
        """The group was rebuilt from its records: sessions start now, revocations are waited for anew."""
        for member in self.members.values():
            self.timers.extend_session(member.member_id, self.env.configs(self.group_id).consumer_session_timeout_ms)
            if member.classic is None:
                self._watch_revocation(member)
        if self.regexes:
            age = self.env.time.now() - max(resolved.timestamp for resolved in self.regexes.values())
            self._resolved_at = self.env.patience.now() - max(age, 0)


class _Change:
    """How a member's subscription differs from the one before."""

    __slots__ = ("names_changed", "regex_changed", "regex_is_new", "regex_resolved")

    def __init__(self, before, after):
        self.names_changed = before.subscribed_topic_names != after.subscribed_topic_names
        self.regex_changed = before.subscribed_topic_regex != after.subscribed_topic_regex
        self.regex_is_new = self.regex_resolved = False


def _said(value, before):
    return before if value is None else value
