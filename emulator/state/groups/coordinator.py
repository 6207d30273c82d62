"""All groups and their offsets behind one door; handlers call this and nothing else of this room.

Methods take plain values. What is refused raises KafkaError, or, where an answer carries it at its own place,
comes back as that answer's error code. Nothing blocks: joins and syncs answer through `respond(result)`.
Source: org.apache.kafka.coordinator.group.GroupCoordinatorService, GroupCoordinatorShard of Kafka 4.3.1.
"""

import logging
from uuid import UUID

from emulator.state.cluster import new_uuid, uuid_text
from emulator.state.groups import records
from emulator.state.groups.classic import DEAD, ClassicGroup
from emulator.state.groups.consumer.groups import ConsumerGroups
from emulator.state.groups.consumer.records import KINDS as CONSUMER_GROUP_KINDS
from emulator.state.groups.consumer.replay import Replay
from emulator.state.groups.environment import Environment
from emulator.state.groups.messages import JoinResult, SyncResult
from emulator.state.groups.offsets import CommittedOffset, CommittedOffsets
from emulator.state.groups.pending import PendingOffsets
from emulator.state.groups.share.groups import ShareGroups
from emulator.state.groups.share.records import KINDS as SHARE_GROUP_KINDS
from emulator.state.groups.share.replay import ShareReplay
from emulator.state.groups.streams.groups import StreamsGroups
from emulator.state.groups.streams.records import KINDS as STREAMS_GROUP_KINDS
from emulator.state.groups.streams.replay import Replay as StreamsReplay
from emulator.state.groups.streams.state import NOT_READY
from emulator.state.internal_topics import partition_for
from emulator.state.java import wrapped
from wire import errors
from wire.internal import CONSUMER_OFFSETS, Malformed
from wire.internal.groups import GroupMetadata, OffsetCommit
from wire.records import NO_PRODUCER_ID

log = logging.getLogger(__name__)

_NO_ID = bytes(16)


def _filter_word(state):
    """How ListGroups asks for a state: NotReady is the one whose word is spelled otherwise."""
    return "not_ready" if state == NOT_READY else state.lower()


class GroupCoordinator:
    """`settings` has the broker's configs as attributes (group_max_size, offsets_retention_minutes, ...).

    `store`: of the partitions of __consumer_offsets; `topics`: Topics; `group_configs(group_id)`: a GroupConfig.
    `persister`: keeps what share groups did with their partitions.
    """

    def __init__(self, settings, time, patience, random, store, topics, group_configs, persister):
        self._settings = settings
        self._time = time
        self._patience = patience
        self._random = random
        self._store = store
        self._groups = {}
        self._offsets = CommittedOffsets()
        self._pending = PendingOffsets()
        self._cleaning = None
        self._topics = topics
        environment = Environment(
            settings=settings,
            configs=group_configs,
            time=time,
            patience=patience,
            topics=topics,
            new_id=lambda: uuid_text(new_uuid(random)),
            write=self._append,
            batch=store,
            replace=self._add,
            new_classic=self._new_classic,
        )
        self._consumer = ConsumerGroups(self._groups, environment, self._add, self._group_forgotten)
        self.share = ShareGroups(self._groups, environment, persister, self._add, self._check_ours)
        self._streams = StreamsGroups(self._groups, environment, self._add, self._group_forgotten)

    def partition_for(self, group_id):
        """The partition of __consumer_offsets that keeps this group."""
        return partition_for(group_id, self._settings.offsets_topic_num_partitions)

    def _check_ours(self, group_id):
        """KafkaError NOT_COORDINATOR as long as nobody has looked for a coordinator, which makes the topic.

        A group that is there need not be asked about: it goes with the partition that keeps it.
        """
        self._store.check(self.partition_for(group_id))

    def _error(self, group_id):
        try:
            self._check_ours(group_id)
        except errors.KafkaError as refusal:
            return refusal.error
        return errors.NONE

    # -- the classic protocol ----------------------------------------------------------------------

    def join(self, group_id, join, respond):
        """A `messages.Join`; answers a JoinResult."""
        settings = self._settings
        timeout = join.session_timeout_ms
        if not group_id:
            respond(JoinResult(errors.INVALID_GROUP_ID, join.member_id))
        elif not settings.group_min_session_timeout_ms <= timeout <= settings.group_max_session_timeout_ms:
            respond(JoinResult(errors.INVALID_SESSION_TIMEOUT, join.member_id))
        elif (group := self._groups.get(group_id)) is not None and not (group.type in ("consumer", "streams") and group.is_empty):
            group.join(join, respond)
        elif group is None and (error := self._error(group_id)):
            respond(JoinResult(error))
        elif join.member_id:
            respond(JoinResult(errors.UNKNOWN_MEMBER_ID, join.member_id))
        else:
            if group is not None:
                self._group_forgotten(group)  # an empty group of another protocol makes way
            group = self._new_group(group_id)
            self._group_changed(group)
            group.join(join, respond)

    def sync(self, group_id, member_id, group_instance_id, generation_id, protocol_type, protocol_name, assignments, respond):
        """`assignments` is {member_id: bytes}; answers a SyncResult."""
        if not group_id:
            respond(SyncResult(errors.INVALID_GROUP_ID))
        elif (group := self._groups.get(group_id)) is None:
            respond(SyncResult(self._error(group_id) or errors.UNKNOWN_MEMBER_ID))
        else:
            group.sync(member_id, group_instance_id, generation_id, protocol_type, protocol_name, assignments, respond)

    def heartbeat(self, group_id, member_id, group_instance_id, generation_id):
        """The error code."""
        group = self._groups.get(group_id)
        if group is None:
            return self._error(group_id) or errors.UNKNOWN_MEMBER_ID if group_id else errors.INVALID_GROUP_ID
        return group.heartbeat(member_id, group_instance_id, generation_id)

    def leave(self, group_id, identities):
        """[(member_id, group_instance_id, reason)] -> an error code each."""
        if not group_id:
            raise errors.KafkaError(errors.INVALID_GROUP_ID)
        group = self._groups.get(group_id)
        if group is None:
            self._check_ours(group_id)
            return [errors.UNKNOWN_MEMBER_ID] * len(identities)
        return group.leave(identities)

    # -- the consumer protocol (KIP-848) -----------------------------------------------------------

    def consumer_heartbeat(self, group_id, beat, version):
        """A consumer.messages.ConsumerHeartbeat as of this version of the API; gives a HeartbeatAnswer."""
        if group_id not in self._groups:
            self._check_ours(group_id)
        return self._consumer.heartbeat(group_id, beat, version)

    # -- the streams protocol (KIP-1071) -------------------------------------------------------------

    def streams_heartbeat(self, group_id, beat):
        """A streams.messages.StreamsHeartbeat; gives a StreamsAnswer."""
        if group_id not in self._groups:
            self._check_ours(group_id)
        return self._streams.heartbeat(group_id, beat)

    # -- offsets -----------------------------------------------------------------------------------

    def commit_offsets(
        self,
        group_id,
        member_id,
        group_instance_id,
        generation_id,
        topics,
        retention_ms=-1,
        version=9,
    ):
        """Commit [(topic, [(partition, offset, leader_epoch, metadata)])] -> [[error code of each partition]].

        A commit without a generation creates the group: a simple consumer, which keeps its own assignment.
        """
        group = self._groups.get(group_id)
        if group is None:
            self._check_ours(group_id)
            if generation_id >= 0:
                no_such_group = errors.GROUP_ID_NOT_FOUND if version >= 9 else errors.ILLEGAL_GENERATION
                raise errors.KafkaError(no_such_group, f"Group {group_id} not found.")
            group = self._new_group(group_id)
        check = group.check_offset_commit(member_id, group_instance_id, generation_id, version)
        self._check_positions(check, topics)
        now = self._time.now()
        expires = None if retention_ms == -1 else wrapped(now + retention_ms)
        with self._store:
            return [
                [self._commit(group_id, topic, topic_id, *position, now, expires) for position in positions]
                for topic, positions in topics
                for topic_id in [self._topics.id_of(topic) or _NO_ID]
            ]

    def _check_positions(self, check, topics):
        """Raise what `check` has against one of the partitions; None has nothing."""
        if check is not None:
            for topic, positions in topics:
                topic_id = self._topics.id_of(topic)
                for partition, *_ in positions:
                    check(topic_id, partition)

    def _commit(self, group_id, topic, topic_id, partition, offset, leader_epoch, metadata, now, expires):
        if metadata is not None and len(metadata) > self._settings.offset_metadata_max_bytes:
            return errors.OFFSET_METADATA_TOO_LARGE
        committed = CommittedOffset(offset, leader_epoch, metadata or "", now, expires, topic_id)
        try:
            self._offset_committed(group_id, topic, partition, committed)
        except errors.KafkaError as refusal:
            if refusal.error != errors.MESSAGE_TOO_LARGE:
                raise
            return errors.INVALID_COMMIT_OFFSET_SIZE
        return errors.NONE

    def fetch_offsets(self, group_id, member_id=None, member_epoch=-1):
        """{topic: {partition: CommittedOffset}} of a group, empty for one that does not exist."""
        group = self._groups.get(group_id)
        if group is None:
            self._check_ours(group_id)
            return {}
        group.check_offset_fetch(member_id, member_epoch)
        return self._offsets.of_group(group_id)

    def delete_offsets(self, group_id, topics):
        """Delete [(topic, [partition])] -> {topic: error code}."""
        if not group_id:
            raise errors.KafkaError(errors.INVALID_GROUP_ID)
        group = self._group(group_id)
        group.check_offset_delete()
        answers = {}
        with self._store:
            for topic, partitions in topics:
                if group.subscribes_to(topic):
                    answers[topic] = errors.GROUP_SUBSCRIBED_TO_TOPIC
                    continue
                answers[topic] = errors.NONE
                for partition in partitions:
                    if self._has_offset(group_id, topic, partition):
                        self._offset_forgotten(group_id, topic, partition)
        return answers

    def _has_offset(self, group_id, topic, partition):
        return self._offsets.get(group_id, topic, partition) is not None or self._pending.is_pending(group_id, topic, partition)

    def topic_deleted(self, topic):
        """No group keeps offsets in a topic that is gone."""
        with self._store:
            for group_id, partition in self._pending.of_topic(topic):
                self._offset_forgotten(group_id, topic, partition)
            for group_id in self._offsets.groups_with(topic):
                for partition in list(self._offsets.of_group(group_id)[topic]):
                    self._offset_forgotten(group_id, topic, partition)

    def commit_transactional_offsets(self, group_id, member_id, group_instance_id, generation_id, producer, topics):
        """As `commit_offsets`, by a `producer` (id, epoch); what is committed counts once its transaction has."""
        if not group_id:
            raise errors.KafkaError(errors.INVALID_GROUP_ID)
        group = self._groups.get(group_id)
        if group is None:
            self._check_ours(group_id)
            if generation_id >= 0:
                raise errors.KafkaError(errors.ILLEGAL_GENERATION)
            group = self._new_group(group_id)
        try:
            check = group.check_offset_commit(member_id, group_instance_id, generation_id, transactional=True)
            self._check_positions(check, topics)
        except errors.KafkaError as refusal:
            # TxnOffsetCommit is older than member epochs.
            stale = refusal.error == errors.STALE_MEMBER_EPOCH
            raise errors.KafkaError(errors.ILLEGAL_GENERATION) if stale else refusal
        now, partition = self._time.now(), self.partition_for(group_id)
        codes, accepted = [], []
        for topic, positions in topics:
            topic_id = self._topics.id_of(topic) or _NO_ID
            codes.append([])
            for index, offset, leader_epoch, metadata in positions:
                if metadata is not None and len(metadata) > self._settings.offset_metadata_max_bytes:
                    codes[-1].append(errors.OFFSET_METADATA_TOO_LARGE)
                    continue
                codes[-1].append(errors.NONE)
                accepted.append((topic, index, CommittedOffset(offset, leader_epoch, metadata or "", now, None, topic_id)))
        if accepted:
            self._store.append_in_transaction(
                partition,
                producer,
                [(records.offset_key(group_id, topic, index), records.offset_value(offset)) for topic, index, offset in accepted],
            )
        for topic, index, offset in accepted:
            self._pending.add(partition, producer[0], group_id, topic, index, offset)
        return codes

    def is_pending(self, group_id, topic, partition):
        """Whether a transaction that has not ended committed an offset there (KIP-447)."""
        return self._pending.is_pending(group_id, topic, partition)

    def end_transaction(self, producer_id, partition, commit):
        """The transaction of this producer has ended in a partition of __consumer_offsets."""
        for (group_id, topic, index), offset in self._pending.ended(partition, producer_id):
            if commit and offset is not None:
                self._offsets.committed(group_id, topic, index, offset)

    # -- groups ------------------------------------------------------------------------------------

    def describe(self, group_id):
        """The ClassicGroup, to be read only. KafkaError GROUP_ID_NOT_FOUND."""
        group = self._group(group_id)
        if group.type != "classic":
            raise errors.KafkaError(errors.GROUP_ID_NOT_FOUND, f"Group {group_id} is not a classic group.")
        return group

    def describe_consumer(self, group_id):
        """The ConsumerGroup, to be read only. KafkaError GROUP_ID_NOT_FOUND."""
        if group_id not in self._groups:
            self._check_ours(group_id)
        return self._consumer.get(group_id)

    def describe_streams(self, group_id):
        """The StreamsGroup, to be read only. KafkaError GROUP_ID_NOT_FOUND."""
        if group_id not in self._groups:
            self._check_ours(group_id)
        return self._streams.get(group_id)

    def list(self, states=(), types=()):
        """The groups in these states and of these types (any case; none: all of them)."""
        states = {state.strip().lower() for state in states}
        types = {kind.strip().lower() for kind in types}
        return [
            group
            for group in self._groups.values()
            if (not states or _filter_word(group.state) in states) and (not types or group.type.lower() in types)
        ]

    def delete(self, group_id):
        """Delete an empty group and its offsets. KafkaError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP."""
        group = self._group(group_id)
        group.check_delete()
        with self._store:
            for topic, partition, _ in self._offsets.positions(group_id):
                self._offset_forgotten(group_id, topic, partition)
            for topic, partition in self._pending.positions(group_id):
                self._offset_forgotten(group_id, topic, partition)
            self._group_forgotten(group)

    def _group(self, group_id):
        group = self._groups.get(group_id)
        if group is None:
            self._check_ours(group_id)
            raise errors.KafkaError(errors.GROUP_ID_NOT_FOUND, f"Group {group_id} not found.")
        return group

    def _new_group(self, group_id):
        group = self._new_classic(group_id)
        self._add(group)
        return group

    def _new_classic(self, group_id):
        return ClassicGroup(group_id, self._settings, self._time, self._patience, self._new_id, self._group_changed)

    def _add(self, group):
        self._groups[group.group_id] = group
        self._clean_later()

    def _new_id(self):
        return UUID(int=self._random.getrandbits(128), version=4)

    # -- retention ---------------------------------------------------------------------------------

    def _clean_later(self):
        if self._cleaning is None and self._groups:
            self._cleaning = self._time.after(self._settings.offsets_retention_check_interval_ms, self._clean)

    def _clean(self):
        """Forget offsets past their retention, and empty groups that have none left (KIP-211)."""
        self._cleaning = None
        now = self._time.now()
        retention = self._settings.offsets_retention_minutes * 60_000
        with self._store:
            for group in list(self._groups.values()):
                group_id = group.group_id
                for topic, partition, offset in self._offsets.positions(group_id):
                    if (
                        not group.subscribes_to(topic)
                        and self._is_expired(group, offset, now, retention)
                        and not self._pending.is_pending(group_id, topic, partition)
                    ):
                        self._offset_forgotten(group_id, topic, partition)
                        self._time.happened("offsets expired")
                if group.is_empty and group.type != "share" and not self._offsets.of_group(group_id) and not self._pending.any_of(group_id):
                    self._group_forgotten(group)
                    self._time.happened("groups forgotten")
        self._clean_later()

    @staticmethod
    def _is_expired(group, offset, now, retention):
        start = group.retention_starts(offset.commit_timestamp)
        if start is None:
            return False
        if offset.expire_timestamp is not None:
            return now >= offset.expire_timestamp
        return now - start >= retention

    # -- what becomes a record of __consumer_offsets: each change of state that lasts, in one place --

    def _offset_committed(self, group_id, topic, partition, committed):
        self._append(group_id, records.offset_key(group_id, topic, partition), records.offset_value(committed))
        self._offsets.committed(group_id, topic, partition, committed)
        self._pending.overtaken(group_id, topic, partition)

    def _offset_forgotten(self, group_id, topic, partition):
        self._append(group_id, records.offset_key(group_id, topic, partition), None)
        self._offsets.forgotten(group_id, topic, partition)
        self._pending.forgotten(group_id, topic, partition)

    def _group_changed(self, group, gone=False):
        """A classic group's members, generation and assignment as they now are, or that it is `gone`."""
        self._append(group.group_id, records.group_key(group.group_id), None if gone else records.group_value(group))

    def _group_forgotten(self, group):
        group.erase()
        del self._groups[group.group_id]
        if group.state != DEAD:
            group.close(errors.NOT_COORDINATOR)

    def _append(self, group_id, key, value):
        self._store.append(self.partition_for(group_id), key, value)

    # -- a coordinator comes and goes: its groups are those of a partition of __consumer_offsets --------

    def load(self, partition):
        """Take over a partition: rebuild its groups from its records. Sessions of members start anew."""
        groups = {}  # group id -> its last GroupMetadata; None: only its offsets are known
        replays = {self._consumer: Replay(), self.share: ShareReplay(), self._streams: StreamsReplay()}
        for producer_id, key, value in self._store.read(partition):
            if key is None:
                self.end_transaction(producer_id, partition, commit=value)
                continue
            try:
                kind, key, value = CONSUMER_OFFSETS.parse(key, value)
            except Malformed as reason:
                log.warning("a record of partition %d of __consumer_offsets is left out: %s", partition, reason)
                continue
            if kind in CONSUMER_GROUP_KINDS:
                replays[self._consumer].replay(kind, key, value)
            elif kind in SHARE_GROUP_KINDS:
                replays[self.share].replay(kind, key, value)
            elif kind in STREAMS_GROUP_KINDS:
                replays[self._streams].replay(kind, key, value)
            elif kind is GroupMetadata:
                groups.pop(key.group, None)
                if value is not None:
                    groups[key.group] = value
            elif kind is OffsetCommit:
                position = key.group, key.topic, key.partition
                if value is None:
                    self._offsets.forgotten(*position)
                    self._pending.forgotten(*position)
                    continue
                groups.setdefault(key.group)
                if producer_id == NO_PRODUCER_ID:
                    self._offsets.committed(*position, records.committed_offset(value))
                    self._pending.overtaken(*position)
                else:
                    self._pending.add(partition, producer_id, *position, records.committed_offset(value))
        for protocol, replay in replays.items():
            for group_id in replay.ids:
                groups.pop(group_id, None)
                protocol.restore(group_id, replay)
        for group_id, value in groups.items():
            group = self._new_group(group_id)
            if value is not None:
                group.restore(value.generation, value.protocol_type or None, value.protocol, value.leader,
                              value.current_state_timestamp, records.members(value))

    def unload(self, partition):
        """Give a partition up: its groups live on elsewhere, or went with the topic."""
        for group_id in [group_id for group_id in self._groups if self.partition_for(group_id) == partition]:
            self._groups.pop(group_id).close(errors.NOT_COORDINATOR)
            self._offsets.drop(group_id)
        self._pending.drop(partition)
