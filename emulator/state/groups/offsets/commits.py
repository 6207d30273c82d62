"""What requests do to committed offsets: of groups of any protocol, within transactions or without.

Source: org.apache.kafka.coordinator.group.OffsetMetadataManager of Kafka 4.3.1.
"""

from emulator.state.groups.offsets import records
from emulator.state.groups.offsets.committed import CommittedOffset, CommittedOffsets
from emulator.state.groups.offsets.pending import PendingOffsets
from emulator.state.java import wrapped
from wire import errors
from wire.errors import KafkaError
from wire.records import NO_PRODUCER_ID

_NO_ID = bytes(16)


class OffsetCommits:
    """`table`: all groups; `make_group(group_id)`: one for a simple consumer, which keeps its own assignment."""

    def __init__(self, table, env, make_group):
        self._table = table
        self._env = env
        self._make_group = make_group
        self._committed = CommittedOffsets()
        self._pending = PendingOffsets()

    # -- requests ----------------------------------------------------------------------------------

    def commit(self, group_id, member_id, group_instance_id, generation_id, topics, retention_ms=-1, version=9):
        """Commit [(topic, [(partition, offset, leader_epoch, metadata)])] -> [[error code of each partition]].

        A commit without a generation creates the group.
        """
        group = self._table.get(group_id)
        if group is None:
            if generation_id >= 0:
                no_such_group = errors.GROUP_ID_NOT_FOUND if version >= 9 else errors.ILLEGAL_GENERATION
                raise KafkaError(no_such_group, f"Group {group_id} not found.")
            group = self._make_group(group_id)
        self._check_positions(group.check_offset_commit(member_id, group_instance_id, generation_id, version), topics)
        now = self._env.time.now()
        expires = None if retention_ms == -1 else wrapped(now + retention_ms)
        codes, accepted = self._accepted(topics, now, expires, self._env.topics.id_of)
        if self._write(group, codes, accepted):
            for topic, partition, committed in accepted:
                self._committed.committed(group_id, topic, partition, committed)
                self._pending.overtaken(group_id, topic, partition)
        return codes

    def commit_in_transaction(self, group_id, member_id, group_instance_id, generation_id, producer, topics):
        """As `commit`, by a `producer` (id, epoch); what is committed counts once its transaction has."""
        if not group_id:
            raise KafkaError(errors.INVALID_GROUP_ID)
        group = self._table.get(group_id)
        if group is None:
            if generation_id >= 0:
                raise KafkaError(errors.ILLEGAL_GENERATION)
            group = self._make_group(group_id)
        try:
            check = group.check_offset_commit(member_id, group_instance_id, generation_id, transactional=True)
            self._check_positions(check, topics)
        except KafkaError as refusal:
            # TxnOffsetCommit is older than member epochs.
            stale = refusal.error == errors.STALE_MEMBER_EPOCH
            raise KafkaError(errors.ILLEGAL_GENERATION) if stale else refusal
        codes, accepted = self._accepted(topics, self._env.time.now(), None, lambda _: None)
        if self._write(group, codes, accepted, *producer):
            kept_in = self._table.partition_for(group_id)
            for topic, partition, committed in accepted:
                self._pending.add(kept_in, producer[0], group_id, topic, partition, committed)
        return codes

    def _check_positions(self, check, topics):
        """Raise what `check` has against one of the partitions; None has nothing."""
        if check is not None:
            for topic, positions in topics:
                topic_id = self._env.topics.id_of(topic)
                for partition, *_ in positions:
                    check(topic_id, partition)

    def _accepted(self, topics, now, expires, id_of):
        """([[error code of each partition]], [(topic, partition, CommittedOffset)])."""
        most = self._env.settings.offset_metadata_max_bytes
        codes, accepted = [], []
        for topic, positions in topics:
            topic_id = id_of(topic) or _NO_ID  # records of a transaction have none
            answer = []
            for partition, offset, leader_epoch, metadata in positions:
                if metadata is not None and len(metadata) > most:
                    answer.append(errors.OFFSET_METADATA_TOO_LARGE)
                    continue
                answer.append(errors.NONE)
                accepted.append((topic, partition, CommittedOffset(offset, leader_epoch, metadata or "", now, expires, topic_id)))
            codes.append(answer)
        return codes, accepted

    def _write(self, group, codes, accepted, *producer):
        """Whether there is something to take in; in `codes` all are refused when it is more than a batch takes."""
        if not accepted:
            return False
        group_id = group.group_id
        pairs = [
            (records.offset_key(group_id, topic, partition), records.offset_value(committed)) for topic, partition, committed in accepted
        ]
        try:
            self._table.write_batch(group_id, pairs, *producer)
        except KafkaError as refusal:
            if refusal.error != errors.MESSAGE_TOO_LARGE:
                raise
            for answer in codes:
                answer[:] = [errors.UNKNOWN_SERVER_ERROR] * len(answer)
            return False
        if self._table.get(group_id) is None:  # a simple consumer's group is there from its first commit on
            self._table.put(group)
        return True

    def fetch(self, group_id, member_id=None, member_epoch=-1):
        """{topic: TopicOffsets} of a group, empty for one that does not exist."""
        group = self._table.get(group_id)
        if group is None:
            return {}
        group.check_offset_fetch(member_id, member_epoch)
        return self._committed.of_group(group_id)

    def any_pending(self, group_id):
        """Whether a transaction that has not ended committed offsets of this group."""
        return self._pending.any_of(group_id)

    def is_pending(self, group_id, topic, partition):
        """Whether a transaction that has not ended committed an offset there (KIP-447)."""
        return self._pending.is_pending(group_id, topic, partition)

    def delete(self, group_id, topics):
        """Delete [(topic, [partition])] -> {topic: error code}."""
        if not group_id:
            raise KafkaError(errors.INVALID_GROUP_ID)
        group = self._table.find(group_id)
        group.check_offset_delete()
        answers = {}
        with self._env.batch:
            for topic, partitions in topics:
                if group.subscribes_to(topic):
                    answers[topic] = errors.GROUP_SUBSCRIBED_TO_TOPIC
                    continue
                answers[topic] = errors.NONE
                for partition in partitions:
                    if self._committed.get(group_id, topic, partition) or self.is_pending(group_id, topic, partition):
                        self.forget(group_id, topic, partition)
        return answers

    # -- what happens beside -------------------------------------------------------------------------

    def end_transaction(self, producer_id, kept_in, commit):
        """The transaction of this producer has ended in a partition of __consumer_offsets."""
        for (group_id, topic, partition), committed in self._pending.ended(kept_in, producer_id):
            if commit and committed is not None:
                self._committed.committed(group_id, topic, partition, committed)

    def topic_deleted(self, topic):
        """No group keeps offsets in a topic that is gone."""
        with self._env.batch:
            for group_id, partition in self._pending.of_topic(topic):
                self.forget(group_id, topic, partition)
            for group_id in self._committed.groups_with(topic):
                for partition in list(self._committed.of_group(group_id)[topic]):
                    self.forget(group_id, topic, partition)

    def positions(self, group_id):
        """[(topic, partition, CommittedOffset)] of a group, a copy."""
        return self._committed.positions(group_id)

    def any_of(self, group_id):
        """Whether the group has offsets, if only in transactions that have not ended."""
        return bool(self._committed.of_group(group_id)) or self.any_pending(group_id)

    def forget_all(self, group_id):
        for topic, partition, _ in self.positions(group_id):
            self.forget(group_id, topic, partition)
        for topic, partition in self._pending.positions(group_id):
            self.forget(group_id, topic, partition)

    # -- what becomes a record -------------------------------------------------------------------------

    def forget(self, group_id, topic, partition):
        self._table.write(group_id, records.offset_key(group_id, topic, partition), None)
        self._committed.forgotten(group_id, topic, partition)
        self._pending.forgotten(group_id, topic, partition)

    # -- a coordinator comes and goes ------------------------------------------------------------------

    def replay(self, kept_in, producer_id, key, value):
        """A record of a partition of __consumer_offsets."""
        position = key.group, key.topic, key.partition
        if value is None:
            self._committed.forgotten(*position)
            self._pending.forgotten(*position)
        elif producer_id == NO_PRODUCER_ID:
            self._committed.committed(*position, records.committed_offset(value))
            self._pending.overtaken(*position)
        else:
            self._pending.add(kept_in, producer_id, *position, records.committed_offset(value))

    def give_up(self, group_id):
        self._committed.drop(group_id)

    def give_up_pending(self, kept_in):
        self._pending.drop(kept_in)
