"""One share group: who is in it, what heartbeats do to it, which partitions it has begun to read.

A partition is assigned only once the share coordinator has a state for it: the heartbeat that first names a topic
begins that, a later one assigns. Source: GroupMetadataManager.shareGroupHeartbeat, modern.share.ShareGroup and
ShareGroupAssignmentBuilder of Kafka 4.3.1; KIP-932.
"""

import logging

from emulator.state.groups.consumer.messages import HeartbeatAnswer
from emulator.state.groups.modern import DEAD, EMPTY, ModernGroup
from emulator.state.groups.share import assignor, records
from emulator.state.groups.share.member import JOINING, ShareMember
from emulator.state.groups.timers import Timers
from wire import errors
from wire.errors import KafkaError

log = logging.getLogger(__name__)

STABLE = "Stable"
_RETRY_MS = 30_000  # share.group.initialize.retry.interval.ms, which is internal


class ShareGroup(ModernGroup):
    """`env`: groups.environment.Environment; `persister`: share.persister.Persister."""

    type = "share"
    protocol_type = "share"
    protocol_name = None
    expires = False

    def __init__(self, group_id, env, persister):
        self.group_id = group_id
        self.env = env
        self.group_epoch = 1
        self.metadata_hash = 0
        self.assignment_epoch = 1
        self.assignment_timestamp = 0
        self._assigned_at = None  # on `patience`: when the target was computed
        self.members = {}
        self.target = {}  # member_id -> {topic_id: frozenset of partitions}
        self.initialized = {}  # topic_id -> (name, frozenset of partitions)
        self._initializing = {}  # the same, of those announced; what failed is left for _RETRY_MS
        self._announced_at = 0  # on `time`: when they were last written
        self.is_stale = False  # a topic that it subscribes to has changed
        self._persister = persister
        self.has_begun = False  # with partitions: there is a record of them
        self.timers = Timers(env.time, env.patience, self._session_expired)

    @property
    def state(self):
        return DEAD if self.is_closed else STABLE if self.members else EMPTY

    def _write(self, record):
        self.env.write(self.group_id, *record)

    def restore(self, values):
        """Be the group that these replay.Values tell of."""
        epoch, assignment = values.one(records.Group), values.one(records.TargetMetadata)
        if epoch is not None:
            self.group_epoch, self.metadata_hash = epoch.epoch, epoch.metadata_hash
        if assignment is not None:
            self.assignment_epoch, self.assignment_timestamp = assignment.assignment_epoch, assignment.assignment_timestamp
        if (state := values.one(records.StatePartitions)) is not None:
            self.has_begun, self._announced_at = True, self.env.time.now()
            self._initializing, self.initialized = (
                {topic.topic_id: (topic.topic_name, frozenset(topic.partitions)) for topic in topics}
                for topics in (state.initializing_topics, state.initialized_topics)
            )
        self.target = {member_id: records.held(value.topic_partitions) for member_id, value in values.all(records.Target).items()}
        currents = values.all(records.Current)
        for member_id, value in values.all(records.Member).items():
            self.members[member_id] = records.member_of(member_id, value, currents.get(member_id))

    # -- heartbeats --------------------------------------------------------------------------------

    def share_heartbeat(self, beat):
        """A ShareHeartbeat; gives a HeartbeatAnswer. KafkaError."""
        before = self._heard_of(beat)
        member = before._replace(
            client_id=beat.client_id,
            client_host=beat.client_host,
            rack_id=before.rack_id if beat.rack_id is None else beat.rack_id,
            subscribed_topic_names=before.subscribed_topic_names
            if beat.subscribed_topic_names is None
            else frozenset(beat.subscribed_topic_names),
        )
        is_new = before.member_id not in self.members
        changed = before.subscribed_topic_names != member.subscribed_topic_names
        changed = changed or self.assignment_epoch >= self.group_epoch and self._has_unassigned()
        if is_new or before.metadata != member.metadata:
            self._write(records.member_metadata(self.group_id, member))
        self.members[member.member_id] = member
        if changed or self.is_stale:
            metadata_hash = self.env.topics.hash_of(self.subscribed_topics())
            changed = changed or metadata_hash != self.metadata_hash
            if changed:
                self._set_epoch(self.group_epoch + 1, metadata_hash)
            self.is_stale = False
        self._assign_if_due()
        member = self._reconciled(member, changed)
        if is_new or self.members[member.member_id] != member:
            self._write(records.current_assignment(self.group_id, member))
            self.members[member.member_id] = member
        config = self.env.configs(self.group_id)
        self.timers.extend_session(member.member_id, config.share_session_timeout_ms, beat.client)
        tells = beat.member_epoch == JOINING or beat.subscribed_topic_names is not None or before.assigned != member.assigned
        return HeartbeatAnswer(
            member.member_id, member.member_epoch, config.share_heartbeat_interval_ms, member.assigned if tells else None
        )

    def _heard_of(self, beat):
        most = self.env.settings.group_share_max_size
        if len(self.members) >= most and beat.member_id not in self.members:
            raise KafkaError(errors.GROUP_MAX_SIZE_REACHED, f"The share group has reached its maximum capacity of {most} members.")
        member = self.members.get(beat.member_id)
        if member is None:
            if beat.member_epoch != JOINING:
                raise self._unknown(beat.member_id)
            return ShareMember(beat.member_id)
        epoch, known = beat.member_epoch, member.member_epoch
        if epoch > known:
            raise KafkaError(
                errors.FENCED_MEMBER_EPOCH,
                f"The share group member has a greater member epoch ({epoch}) than the one known by the group coordinator "
                f"({known}). The member must abandon all its partitions and rejoin.",
            )
        if epoch not in (JOINING, known, member.previous_member_epoch):
            raise KafkaError(
                errors.FENCED_MEMBER_EPOCH,
                f"The share group member has a smaller member epoch ({epoch}) than the one known by the group coordinator "
                f"({known}), and it does not match the previous member epoch ({member.previous_member_epoch}). The member "
                "must abandon all its partitions and rejoin.",
            )
        return member

    def _unknown(self, member_id):
        return KafkaError(errors.UNKNOWN_MEMBER_ID, f"Member {member_id} is not a member of group {self.group_id}.")

    def _has_unassigned(self):
        """Whether there are partitions ready that the last assignment did not know of."""
        if not self.members:
            return False
        names, assigned = self.subscribed_topics(), {}
        for target in self.target.values():
            for topic_id, partitions in target.items():
                assigned[topic_id] = assigned.get(topic_id, frozenset()) | partitions
        return any(
            name in names and assigned.get(topic_id) != partitions for topic_id, (name, partitions) in self.initialized.items()
        )

    def _assign_if_due(self):
        if self.assignment_epoch >= self.group_epoch:
            return
        now, interval = self.env.patience.now(), self.env.configs(self.group_id).share_assignment_interval_ms
        if self._assigned_at is not None and now < self._assigned_at + interval:
            return
        topics = self.env.topics
        subscriptions = {member.member_id: set(topics.ids_of(member.subscribed_topic_names)) for member in self.members.values()}
        assignable = {topic_id: partitions for topic_id, (_, partitions) in self.initialized.items()}
        for member_id, target in assignor.assign(subscriptions, assignable, self.target).items():
            if self.target.get(member_id) != target:
                self.target[member_id] = target
                self._write(records.target_assignment(self.group_id, member_id, target))
        self._assigned_at = now
        self.assignment_epoch, self.assignment_timestamp = self.group_epoch, self.env.time.now()
        self._write(records.target_metadata(self.group_id, self.group_epoch, self.assignment_timestamp))

    def _reconciled(self, member, changed):
        """A member takes its target at once: nobody has to give anything up for it."""
        if member.member_epoch == self.assignment_epoch and not changed:
            return member
        wanted = set(self.env.topics.ids_of(member.subscribed_topic_names))
        target = self.target.get(member.member_id, {})
        member = member._replace(assigned={topic_id: target[topic_id] for topic_id in target if topic_id in wanted})
        if member.member_epoch != self.assignment_epoch:
            member = member._replace(member_epoch=self.assignment_epoch, previous_member_epoch=member.member_epoch)
        return member

    def _set_epoch(self, group_epoch, metadata_hash):
        self.group_epoch, self.metadata_hash = group_epoch, metadata_hash
        self._write(records.group_metadata(self.group_id, group_epoch, metadata_hash))

    def subscribed_topics(self):
        return set().union(*(member.subscribed_topic_names for member in self.members.values()))

    # -- the state of its partitions ---------------------------------------------------------------

    def uninitialized(self):
        """{topic_id: partitions} that it subscribes to and that have no state yet, nor are about to have one."""
        topics, found = self.env.topics, {}
        waits = self._initializing if self.env.time.now() - self._announced_at < _RETRY_MS else {}
        for topic_id in topics.ids_of(self.subscribed_topics()):
            count, known = topics.count_of(topic_id), _partitions(self.initialized, topic_id) | _partitions(waits, topic_id)
            if len(known) < count:  # Kafka counts what it knows, an announced partition of -1, too
                found[topic_id] = frozenset(range(count)) - known
        return found

    def initialize(self, offsets):
        """Begin with {topic_id: {partition: start offset}}, which `announce` told of; gives {(topic_id, partition): KafkaError refused with}.

        An offset of -1 is found when somebody first fetches. Where the share coordinator refuses one, the group has begun with none.
        """
        refused = {}
        for topic_id, partitions in offsets.items():
            for partition, start_offset in partitions.items():
                try:
                    self._persister.initialize((self.group_id, topic_id, partition), self.group_epoch, start_offset)
                except KafkaError as refusal:
                    refused[topic_id, partition] = refusal
        if refused:
            return refused
        self.initialized = self._with(self.initialized, offsets)
        self.call_off(offsets)
        return refused

    def call_off(self, offsets):
        """These {topic_id: partitions} are no longer about to begin."""
        for topic_id, partitions in offsets.items():
            name, waiting = self._initializing.pop(topic_id, (None, frozenset()))
            if waiting := waiting - frozenset(partitions):
                self._initializing[topic_id] = name, waiting
        self._write_partitions()

    def announce(self, offsets):
        """Write that these {topic_id: partitions} are about to begin."""
        self._initializing = self._with(self._initializing, offsets)
        self._write_partitions()

    def _with(self, known, offsets):
        more = {topic_id: (self.env.topics.name_of(topic_id), _partitions(known, topic_id) | frozenset(partitions)) for topic_id, partitions in offsets.items()}
        return {**known, **more}

    def uninitialize(self, topic_ids):
        """Forget the state of these topics' partitions."""
        self._drop(topic_ids)
        self._write_partitions()

    def _drop(self, topic_ids):
        gone = {topic_id: self.initialized.pop(topic_id) for topic_id in topic_ids}
        self._write_partitions(deleting={topic_id: name for topic_id, (name, _) in gone.items()})
        for topic_id, (_, partitions) in gone.items():
            for partition in sorted(index for index in partitions if index >= 0):
                self._persister.delete((self.group_id, topic_id, partition))

    def topic_changed(self, name):
        """A topic was made, deleted or got partitions."""
        gone = {topic_id for topic_id in (*self.initialized, *self._initializing) if self.env.topics.name_of(topic_id) is None}
        if gone:
            for topic_id in gone:
                self.initialized.pop(topic_id, None)
                self._initializing.pop(topic_id, None)
            self._write_partitions()
        if any(name in member.subscribed_topic_names for member in self.members.values()):
            self.is_stale = True

    def _write_partitions(self, deleting=None):
        self.has_begun, self._announced_at = True, self.env.time.now()
        self._write(records.state_partitions(self.group_id, self._initializing, self.initialized, deleting or {}))

    # -- members leave -----------------------------------------------------------------------------

    def share_leave(self, member_id):
        """KafkaError UNKNOWN_MEMBER_ID."""
        if member_id not in self.members:
            raise self._unknown(member_id)
        self._remove(member_id)

    def _remove(self, member_id):
        del self.members[member_id]
        self.target.pop(member_id, None)
        self.timers.forget(member_id)
        for tombstone in records.no_member(self.group_id, member_id):
            self._write(tombstone)
        self._set_epoch(self.group_epoch + 1, self.env.topics.hash_of(self.subscribed_topics()))

    def _session_expired(self, member_id):
        log.info("group %s: the session of member %s is over", self.group_id, member_id)
        with self.env.batch:
            self._remove(member_id)

    # -- what its coordinator asks of every group --------------------------------------------------

    def check_offset_commit(self, *_, **__):
        raise KafkaError(errors.GROUP_ID_NOT_FOUND, f"Group {self.group_id} is not a consumer group.")

    check_offset_delete = check_offset_commit

    def check_offset_fetch(self, member_id, member_epoch):
        """Anybody may ask for the committed offsets that it does not have."""

    def check_delete(self):
        if self.members:
            raise KafkaError(errors.NON_EMPTY_GROUP, "The group is not empty.")

    def begin_delete(self):
        """The state of its partitions goes first."""
        if self.has_begun:
            waiting, self._initializing = self._initializing, {}
            self.initialized = self._with(self.initialized, {topic_id: indexes for topic_id, (_, indexes) in waiting.items()})
            self._drop(list(self.initialized))

    def subscribes_to(self, topic):
        return topic in self.subscribed_topics()

    @staticmethod
    def retention_starts(_):
        return None

    def erase(self):
        """Write the tombstones of all that there is."""
        for tombstone in records.no_group(self.group_id, self.members):
            self._write(tombstone)

    def resume(self):
        """The group was rebuilt from its records: sessions start now."""
        for member_id in self.members:
            self.timers.extend_session(member_id, self.env.configs(self.group_id).share_session_timeout_ms)


def _partitions(topics, topic_id):
    return topics.get(topic_id, (None, frozenset()))[1]
