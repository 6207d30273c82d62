"""One group of the classic protocol: a state machine stepped by requests and by deadlines.

What must not be here: other groups, committed offsets, records, sockets. Requests that have to wait leave a
callback `respond(result)`; it is called exactly once, perhaps before the method returns, and must not call
back into the group.

Rebalances, the initial delay and the wait for SyncGroup hang on the clock `patience`; sessions on `time`.
Source: org.apache.kafka.coordinator.group.GroupMetadataManager and classic.ClassicGroup of Kafka 4.3.1;
KIP-134 (initial delay), KIP-345 (static members), KIP-394 (member ids), KIP-559, KIP-800, KIP-814.
"""

import logging

from emulator.state.groups.classic import records
from emulator.state.groups.classic.members import Member, Members
from emulator.state.groups.messages import JoinResult, SyncResult
from emulator.state.groups.classic.sessions import Sessions
from wire import errors, internal

log = logging.getLogger(__name__)

EMPTY = "Empty"
PREPARING_REBALANCE = "PreparingRebalance"
COMPLETING_REBALANCE = "CompletingRebalance"
STABLE = "Stable"
DEAD = "Dead"

TRANSITIONS = {
    EMPTY: {"rebalance": PREPARING_REBALANCE, "taken_over": STABLE, "close": DEAD},
    PREPARING_REBALANCE: {"all_joined": COMPLETING_REBALANCE, "all_left": EMPTY, "close": DEAD},
    COMPLETING_REBALANCE: {"assigned": STABLE, "rebalance": PREPARING_REBALANCE, "close": DEAD},
    STABLE: {"rebalance": PREPARING_REBALANCE, "close": DEAD},
    DEAD: {},
}

NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1000
CONSUMER = "consumer"


class ClassicGroup:
    """See the module. `store(group)` is called whenever the group's metadata changed for good."""

    type = "classic"
    expires = True

    __slots__ = (
        "group_id",
        "state",
        "state_timestamp",
        "generation_id",
        "protocol_type",
        "protocol_name",
        "members",
        "subscribed_topics",
        "_settings",
        "_time",
        "_sessions",
        "_patience",
        "_new_id",
        "_store",
        "_initial",
        "_newcomers",
        "_join_deadline",
        "_sync_deadline",
        "_unsynced",
    )

    def __init__(self, group_id, settings, time, patience, new_id, store):
        self.group_id = group_id
        self.state = EMPTY
        self.state_timestamp = time.now()
        self.generation_id = 0
        self.protocol_type = None
        self.protocol_name = None
        self.members = Members()
        self.subscribed_topics = None  # None: nobody knows (not consumers, or metadata of their own making)
        self._settings = settings
        self._time = time
        self._sessions = Sessions(time, self)
        self._patience = patience
        self._new_id = new_id
        self._store = store
        self._initial = False  # preparing the first generation after EMPTY
        self._newcomers = False  # somebody joined during the initial delay
        self._join_deadline = None
        self._sync_deadline = None
        self._unsynced = {}  # member ids; empty, a dict takes a third of a set's room

    def restore(self, values):
        """Be the group that these replay.Values tell of."""
        value = values.one(records.Kind)
        self.generation_id = value.generation
        self.protocol_type = value.protocol_type or None
        self.protocol_name = value.protocol
        for join, assignment in records.members(value):
            self.members.add(Member(join.member_id, join, assignment))
        self.members.leader = value.leader
        self.state = STABLE if self.members else EMPTY
        self.state_timestamp = value.current_state_timestamp
        self.subscribed_topics = self._subscription()

    def resume(self):
        """The group was rebuilt from its records: sessions start now."""
        for member in self.members:
            self._sessions.extend(member, member.session_timeout_ms)
        if len(self.members) > self._settings.group_max_size:
            self._prepare_rebalance("it was loaded with more members than group.max.size allows")

    # -- JoinGroup ---------------------------------------------------------------------------------

    def join(self, join, respond):
        member_id = join.member_id
        if not self._has_room_for(member_id):
            if (member := self.members.get(member_id)) is not None:
                self._remove(member)
            self._forget_pending(member_id)
            respond(JoinResult(errors.GROUP_MAX_SIZE_REACHED))
        elif not self._agrees_with(join.protocol_type, join.protocols):
            respond(JoinResult(errors.INCONSISTENT_GROUP_PROTOCOL, member_id))
        elif not member_id:
            self._join_unknown(join, respond)
        elif member_id in self.members.pending:
            if join.group_instance_id is not None:
                # The id was handed out to a dynamic member; so answers Kafka, too.
                respond(JoinResult(errors.UNKNOWN_SERVER_ERROR))
            else:
                self._add(member_id, join, respond)
        elif error := self._member_error(member_id, join.group_instance_id):
            respond(JoinResult(error, member_id))
        else:
            self._rejoin(self.members[member_id], join, respond)

    def _has_room_for(self, member_id):
        max_size = self._settings.group_max_size
        if self.state == PREPARING_REBALANCE:
            member = self.members.get(member_id)
            return member is not None and member.joining is not None or self.members.joining < max_size
        if self.state in (COMPLETING_REBALANCE, STABLE):
            return member_id in self.members or len(self.members) < max_size
        return True

    def _agrees_with(self, protocol_type, protocols):
        if self.state == EMPTY:
            return bool(protocol_type) and bool(protocols)
        return protocol_type == self.protocol_type and self.members.supports(protocols)

    def _join_unknown(self, join, respond):
        instance_id = join.group_instance_id
        member_id = f"{join.client_id if instance_id is None else instance_id}-{self._new_id()}"
        if instance_id is not None:
            if (known_as := self.members.static.get(instance_id)) is not None:
                self._replace_static(self.members[known_as], member_id, join, respond)
            else:
                self._add(member_id, join, respond)
        elif join.requires_known_member_id:
            self.members.pending[member_id] = None
            self._sessions.hand_out(member_id, join.session_timeout_ms, join.client)
            respond(JoinResult(errors.MEMBER_ID_REQUIRED, member_id))
        else:
            self._add(member_id, join, respond)

    def _add(self, member_id, join, respond):
        self._forget_pending(member_id)
        if not self.members:
            self.protocol_type = join.protocol_type
        member = Member(member_id, join)
        member.is_new = True
        self._newcomers = self._initial
        self.members.add(member)
        self.members.await_join(member, respond)
        self._sessions.extend(member, NEW_MEMBER_JOIN_TIMEOUT_MS)
        self._rebalance(f"adding member {member_id}", join.reason)

    def _rejoin(self, member, join, respond):
        if self.state == EMPTY:
            respond(JoinResult(errors.UNKNOWN_MEMBER_ID, member.member_id))
            return
        leads = member.member_id == self.members.leader
        if self.state != PREPARING_REBALANCE and member.protocols == join.protocols:
            # Nothing new: it gets this generation again, perhaps because it lost the first answer.
            # But a leader that joins a stable group wants a new assignment (of topics that changed, say).
            if self.state == COMPLETING_REBALANCE or not leads:
                respond(self._joined(member))
                return
        self.members.update(member, join)
        self._supersede(member)
        self.members.await_join(member, respond)
        self._rebalance(f"member {member.member_id} rejoins", join.reason)

    def _replace_static(self, member, member_id, join, respond):
        old_leader = self.members.leader
        fenced = errors.FENCED_INSTANCE_ID
        self.members.answer_join(member, JoinResult(fenced, member.member_id))
        self.members.answer_sync(member, SyncResult(fenced))
        if member.member_id in self._unsynced:
            del self._unsynced[member.member_id]
            self._unsynced[member_id] = None
        before = join._replace(member_id=member.member_id, protocols=member.protocols,
                               session_timeout_ms=member.session_timeout_ms, rebalance_timeout_ms=member.rebalance_timeout_ms)
        self.members.rename(member, member_id)
        self._sessions.extend(member, member.session_timeout_ms)
        self.members.update(member, join)
        self.members.await_join(member, respond)
        reason = f"static member {join.group_instance_id} is back as {member_id}"
        if self.state == COMPLETING_REBALANCE:
            self._prepare_rebalance(reason, join.reason)
        elif self.state != STABLE:
            self._complete_join_if_all_joined()
        elif self.members.select_protocol() != self.protocol_name:
            self._rebalance(reason, join.reason)
        elif self._static_replaced(member, before):
            result = self._joined(member)
            if join.can_skip_assignment:
                result = result._replace(skip_assignment=member_id == self.members.leader)
            else:
                # Told the leader of before, it takes itself for a follower: nobody assigns anew (KIP-345).
                result = result._replace(leader=old_leader, members=())
            self.members.answer_join(member, result)

    def _static_replaced(self, member, before):
        """Store that a static member has a new id; False, all as before and the join answered, where that fails."""
        try:
            self._store(self)
        except errors.KafkaError as reason:
            log.warning("group %s: %s keeps its id: %s", self.group_id, before.member_id, reason)
            self.members.update(member, before)
            self.members.rename(member, before.member_id)
            self.members.answer_join(member, JoinResult(errors.UNKNOWN_SERVER_ERROR))
            return False
        return True

    def _joined(self, member):
        leads = member.member_id == self.members.leader
        return JoinResult(
            errors.NONE,
            member.member_id,
            self.generation_id,
            self.protocol_type,
            self.protocol_name,
            self.members.leader,
            False,
            [(m.member_id, m.group_instance_id, m.metadata(self.protocol_name)) for m in self.members] if leads else (),
        )

    # -- rebalance ---------------------------------------------------------------------------------

    def _rebalance(self, reason, client_reason=None):
        if "rebalance" in TRANSITIONS[self.state]:
            self._prepare_rebalance(reason, client_reason)
        else:
            self._complete_join_if_all_joined()

    def _prepare_rebalance(self, reason, client_reason=None):
        log.info(
            "group %s leaves generation %d: %s; client reason: %s",
            self.group_id,
            self.generation_id,
            reason,
            client_reason or "not provided",
        )
        if self.state == COMPLETING_REBALANCE:
            self._abandon_assignments(errors.REBALANCE_IN_PROGRESS)
        self._unsynced.clear()
        self._sync_deadline = _cancel(self._sync_deadline)
        self._initial, self._newcomers = self.state == EMPTY, False
        self._step("rebalance")
        if self._initial:
            delay = self._settings.group_initial_rebalance_delay_ms
            self._delay_initial(delay, max(self.members.rebalance_timeout_ms() - delay, 0))
        elif self.members.all_joined():
            self._complete_join()
        else:
            self._join_deadline = self._patience.after(self.members.rebalance_timeout_ms(), self._complete_join)

    def _delay_initial(self, delay, remaining):
        """Wait `delay`; while members keep coming, again, up to the rebalance time-out (KIP-134)."""
        if delay == 0:
            self._complete_join()
            return

        def over():
            if self._newcomers and remaining:
                self._newcomers = False
                again = min(self._settings.group_initial_rebalance_delay_ms, remaining)
                self._delay_initial(again, max(remaining - delay, 0))
            else:
                self._complete_join()

        self._join_deadline = self._patience.after(delay, over)

    def _complete_join_if_all_joined(self):
        if self.state == PREPARING_REBALANCE and not self._initial and self.members.all_joined():
            self._complete_join()

    def _complete_join(self):
        self._join_deadline = _cancel(self._join_deadline)
        for member in [m for m in self.members if m.joining is None and m.group_instance_id is None]:
            self._remove(member)
        if self.members and not self.members.elect_joined_leader():
            # Only static members are left and none has rejoined: their sessions decide.
            self._join_deadline = self._patience.after(self.members.rebalance_timeout_ms(), self._complete_join)
            return
        self.generation_id += 1
        self._initial = False
        if not self.members:
            self.protocol_name = None
            self.subscribed_topics = self._subscription()
            self._step("all_left")
            self._store(self)
            return
        self.protocol_name = self.members.select_protocol()
        self.subscribed_topics = self._subscription()
        self._step("all_joined")
        log.info("group %s: generation %d with %d members", self.group_id, self.generation_id, len(self.members))
        self._sync_deadline = self._patience.after(self.members.rebalance_timeout_ms(), self._syncs_expired)
        for member in self.members:
            self._unsynced[member.member_id] = None
            member.is_new = False
            self._sessions.extend(member, member.session_timeout_ms)
            self.members.answer_join(member, self._joined(member))

    # -- SyncGroup ---------------------------------------------------------------------------------

    def sync(self, member_id, group_instance_id, generation_id, protocol_type, protocol_name, assignments, respond):
        """`assignments`: {member_id: bytes}, empty from all but the leader. Null protocol fields are not compared."""
        if error := self._sync_error(member_id, group_instance_id, generation_id, protocol_type, protocol_name):
            respond(SyncResult(error))
            return
        self._unsynced.pop(member_id, None)
        if not self._unsynced:
            self._sync_deadline = _cancel(self._sync_deadline)
        member = self.members[member_id]
        if self.state == STABLE:
            respond(SyncResult(errors.NONE, self.protocol_type, self.protocol_name, member.assignment))
            return
        if member.syncing is not None:
            self.members.answer_sync(member, SyncResult(errors.REBALANCE_IN_PROGRESS))  # superseded, see _supersede
        member.syncing = respond
        if member_id == self.members.leader:
            for other in self.members:
                other.assignment = assignments.get(other.member_id, b"")
            try:
                self._store(self)
            except errors.KafkaError as reason:
                # More than a record of __consumer_offsets may hold: nobody gets an assignment that would not outlive us.
                self._abandon_assignments(errors.UNKNOWN_SERVER_ERROR)
                self._prepare_rebalance(f"its assignment cannot be stored: {reason}")
                return
            self._step("assigned")
            self._answer_syncs(errors.NONE)

    def _sync_error(self, member_id, group_instance_id, generation_id, protocol_type, protocol_name):
        if self.state == EMPTY:
            return errors.UNKNOWN_MEMBER_ID
        if error := self._member_error(member_id, group_instance_id):
            return error
        if generation_id != self.generation_id:
            return errors.ILLEGAL_GENERATION
        if _differ(protocol_type, self.protocol_type) or _differ(protocol_name, self.protocol_name):
            return errors.INCONSISTENT_GROUP_PROTOCOL
        if self.state == PREPARING_REBALANCE:
            return errors.REBALANCE_IN_PROGRESS
        return errors.NONE

    def _abandon_assignments(self, error):
        for member in self.members:
            member.assignment = b""
        self._answer_syncs(error)

    def _answer_syncs(self, error):
        known = (self.protocol_type, self.protocol_name) if error == errors.NONE else (None, None)
        for member in self.members:
            if member.syncing is not None:
                self.members.answer_sync(member, SyncResult(error, *known, member.assignment))
                self._sessions.extend(member, member.session_timeout_ms)

    def _syncs_expired(self):
        """Members took their place in the generation and never asked for their assignment: out."""
        self._sync_deadline = None
        silent = [member for member in self.members if member.member_id in self._unsynced]
        if silent:
            for member in silent:
                self._remove(member)
            self._prepare_rebalance(f"{len(silent)} members sent no SyncGroup in time")

    # -- Heartbeat, sessions -----------------------------------------------------------------------

    def heartbeat(self, member_id, group_instance_id, generation_id, client=None):
        """The error code for this heartbeat, which came by `client`; keeps the session alive."""
        if error := self._member_error(member_id, group_instance_id):
            return error
        if generation_id != self.generation_id:
            return errors.ILLEGAL_GENERATION
        member = self.members[member_id]
        member.client = client or member.client
        self._sessions.extend(member, member.session_timeout_ms)
        return errors.REBALANCE_IN_PROGRESS if self.state == PREPARING_REBALANCE else errors.NONE

    def session_expired(self, member):
        log.info("group %s: the session of member %s expired", self.group_id, member.member_id)
        self._remove(member)
        if self.state == PREPARING_REBALANCE:
            self._complete_after_expiry()
        else:
            self._rebalance("a session expired")

    def unused_id_expired(self, member_id):
        self._forget_pending(member_id)
        self._complete_after_expiry()

    def _complete_after_expiry(self):
        # Unlike a leave, an expiry may also end the initial delay: as Kafka has it.
        if self.state == PREPARING_REBALANCE and self.members.all_joined():
            self._complete_join()

    # -- LeaveGroup --------------------------------------------------------------------------------

    def leave(self, identities):
        """Members leave: [(member_id or "", group_instance_id or None, reason or None)] -> their error codes."""
        codes = [self._leave(*identity) for identity in identities]
        if errors.NONE in codes:
            if self.state == PREPARING_REBALANCE:
                self._complete_join_if_all_joined()
            elif self.state != EMPTY:
                self._rebalance("members left")
        return codes

    def _leave(self, member_id, group_instance_id, reason):
        if not member_id:
            member_id = self.members.static.get(group_instance_id)
            if member_id is None:
                return errors.UNKNOWN_MEMBER_ID
        elif member_id in self.members.pending:
            self._forget_pending(member_id)
            return errors.NONE
        elif error := self._member_error(member_id, group_instance_id):
            return error
        log.info("group %s: %s left; client reason: %s", self.group_id, member_id, reason or "not provided")
        self._remove(self.members[member_id])
        return errors.NONE

    # -- what the coordinator asks -----------------------------------------------------------------

    @property
    def is_empty(self):
        return self.state == EMPTY

    def check_offset_commit(self, member_id, group_instance_id, generation_id, version=9, transactional=False):
        """Raise unless this member may commit now; a commit keeps its session alive, but for one in a transaction.

        Transactions of before KIP-447 name no member at all, and may always commit.
        """
        if generation_id < 0 and self.state == EMPTY:
            return
        if generation_id < 0 and not member_id and group_instance_id is None:
            if transactional:
                return
            raise errors.KafkaError(errors.UNKNOWN_MEMBER_ID)
        if error := self._member_error(member_id, group_instance_id):
            raise errors.KafkaError(error)
        if generation_id != self.generation_id:
            raise errors.KafkaError(errors.ILLEGAL_GENERATION)
        if transactional:
            return
        if self.state == COMPLETING_REBALANCE:
            raise errors.KafkaError(errors.REBALANCE_IN_PROGRESS)
        member = self.members[member_id]
        self._sessions.extend(member, member.session_timeout_ms)

    def check_offset_fetch(self, member_id, member_epoch):
        """Everybody may read the offsets of a classic group: it knows no member epochs."""

    def check_offset_delete(self):
        if self.state != EMPTY and self.protocol_type != CONSUMER:
            raise errors.KafkaError(errors.NON_EMPTY_GROUP)

    def check_delete(self):
        if self.state != EMPTY:
            raise errors.KafkaError(errors.NON_EMPTY_GROUP)

    def begin_delete(self):
        """All there is of it is in its record."""

    def subscribes_to(self, topic):
        if self.subscribed_topics is None:
            return self.protocol_type == CONSUMER
        return topic in self.subscribed_topics

    def retention_starts(self, commit_timestamp):
        """From when (ms) a committed offset grows old; None: not while the group is like this (KIP-211)."""
        if self.protocol_type is None:
            return commit_timestamp
        if self.state == EMPTY:
            return self.state_timestamp
        if self.state == STABLE and self.protocol_type == CONSUMER and self.subscribed_topics is not None:
            return commit_timestamp
        return None

    def close(self, error):
        """The group ends here (deleted, or its coordinator moved): answer all that wait and stop every deadline."""
        for member in self.members:
            self._stop(member, error)
        for member_id in list(self.members.pending):
            self._forget_pending(member_id)
        self._join_deadline = _cancel(self._join_deadline)
        self._sync_deadline = _cancel(self._sync_deadline)
        self._step("close")

    # -- from and to the consumer protocol (KIP-848) -------------------------------------------------

    def take_over(self, generation_id, protocol_type, joins, assignment):
        """A new group goes on with the members of another protocol as if they had made this generation.

        `joins`: a Join of each; `assignment(member_id, metadata)` gives the bytes that a member has.
        """
        self.generation_id, self.protocol_type = generation_id, protocol_type
        for join in joins:
            member = Member(join.member_id, join)
            self.members.add(member)
            self._sessions.extend(member, member.session_timeout_ms)
        self.protocol_name = self.members.select_protocol()
        for member in self.members:
            member.assignment = assignment(member.member_id, member.metadata(self.protocol_name))
        self.subscribed_topics = self._subscription()
        self._step("taken_over")
        self._store(self)

    def erase(self):
        """The group is no more: so say its records from now on."""
        self._store(self, gone=True)

    def rebalance(self, reason):
        self._rebalance(reason)

    def tell_to_rejoin(self):
        """Answer all that wait: what they wait for will be decided elsewhere."""
        for member in self.members:
            self.members.answer_join(member, JoinResult(errors.REBALANCE_IN_PROGRESS, member.member_id))
            self.members.answer_sync(member, SyncResult(errors.REBALANCE_IN_PROGRESS))

    # -- helpers -----------------------------------------------------------------------------------

    def _step(self, event):
        self.state = TRANSITIONS[self.state][event]
        self.state_timestamp = self._time.now()

    def _member_error(self, member_id, group_instance_id):
        if group_instance_id is not None:
            known_as = self.members.static.get(group_instance_id)
            if known_as is None:
                return errors.UNKNOWN_MEMBER_ID
            if known_as != member_id:
                return errors.FENCED_INSTANCE_ID
        return errors.NONE if member_id in self.members else errors.UNKNOWN_MEMBER_ID

    def _supersede(self, member):
        # Kafka forgets a request whose member asks again (its connection is gone); we answer it, so that
        # nothing waits for ever.
        if member.joining is not None:
            self.members.answer_join(member, JoinResult(errors.REBALANCE_IN_PROGRESS, member.member_id))

    def _stop(self, member, error):
        self.members.answer_join(member, JoinResult(error))
        self.members.answer_sync(member, SyncResult(error))
        self._sessions.end(member)

    def _remove(self, member):
        self._stop(member, errors.UNKNOWN_MEMBER_ID)
        self.members.remove(member)
        self._unsynced.pop(member.member_id, None)

    def _forget_pending(self, member_id):
        self.members.pending.pop(member_id, None)
        self._sessions.used(member_id)

    def _subscription(self):
        """The topics that the members' embedded consumer protocol names, or None."""
        if self.protocol_type != CONSUMER:
            return None
        topics = set()
        for metadata in {member.metadata(self.protocol_name) for member in self.members}:  # most are alike
            try:
                topics.update(internal.subscribed_topics(metadata))
            except ValueError as reason:
                log.warning("group %s: the topics of its subscription are unknown: %s", self.group_id, reason)
                return None
        return topics


def _cancel(deadline):
    if deadline is not None:
        deadline.cancel()


def _differ(sent, known):
    return sent is not None and known is not None and sent != known
