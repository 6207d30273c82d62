"""All groups and their offsets behind one door: each protocol has its own, `offsets` those of all.

Methods take plain values. What is refused raises KafkaError, or, where an answer carries it at its own place,
comes back as that answer's error code. Nothing blocks: joins and syncs answer through `respond(result)`.
Source: org.apache.kafka.coordinator.group.GroupCoordinatorService, GroupCoordinatorShard of Kafka 4.3.1.
"""

import logging

from emulator.state.cluster import new_uuid, uuid_text
from emulator.state.groups.classic.groups import ClassicGroups
from emulator.state.groups.consumer.groups import ConsumerGroups
from emulator.state.groups.environment import Environment
from emulator.state.groups.offsets.commits import OffsetCommits
from emulator.state.groups.offsets.retention import Retention
from emulator.state.groups.share.groups import ShareGroups
from emulator.state.groups.streams.groups import StreamsGroups
from emulator.state.groups.streams.state import NOT_READY
from emulator.state.groups.table import GroupTable
from emulator.state.internal_topics import RECORDS_A_SLICE
from wire.internal import CONSUMER_OFFSETS, Malformed
from wire.internal.groups import OffsetCommit

log = logging.getLogger(__name__)


class GroupCoordinator:
    """`settings` has the broker's configs as attributes (group_max_size, offsets_retention_minutes, ...).

    `store`: of the partitions of __consumer_offsets; `topics`: Topics; `group_configs(group_id)`: a GroupConfig.
    `persister`: keeps what share groups did with their partitions.
    """

    def __init__(self, settings, time, patience, random, store, topics, group_configs, persister):
        self.store = store
        self._table = table = GroupTable(store, settings.offsets_topic_num_partitions)
        env = Environment(
            settings=settings,
            configs=group_configs,
            time=time,
            patience=patience,
            random=random,
            topics=topics,
            new_id=lambda: uuid_text(new_uuid(random)),
            write=table.write,
            batch=store,
            replace=table.put,
            new_classic=lambda group_id: self.classic.make(group_id),
        )
        self.classic = ClassicGroups(table, env)
        self.consumer = ConsumerGroups(table, env)
        self.share = ShareGroups(table, env, persister)
        self.streams = StreamsGroups(table, env)
        self.offsets = OffsetCommits(table, env, self.classic.make)
        self._retention = Retention(table, self.offsets, env)

    def partition_for(self, group_id):
        """The partition of __consumer_offsets that keeps this group."""
        return self._table.partition_for(group_id)

    def get(self, group_id):
        """The group, None where there is none. KafkaError as long as it is not known, or not kept here."""
        return self._table.get(group_id)

    def list(self, states=(), types=()):
        """The groups in these states and of these types (any case; none: all of them).

        KafkaError COORDINATOR_LOAD_IN_PROGRESS as long as some are not known yet.
        """
        self.store.check_all()
        states = {state.strip().lower() for state in states}
        types = {kind.strip().lower() for kind in types}
        return [
            group
            for group in self._table
            if (not states or _filter_word(group.state) in states) and (not types or group.type.lower() in types)
        ]

    def delete(self, group_id):
        """Delete an empty group and its offsets. KafkaError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP."""
        group = self._table.find(group_id)
        group.check_delete()
        group.begin_delete()
        with self.store:
            self.offsets.forget_all(group_id)
            self._table.remove(group)

    def topic_deleted(self, topic):
        self.offsets.topic_deleted(topic)

    def end_transaction(self, producer_id, partition, commit):
        """See OffsetCommits."""
        self.offsets.end_transaction(producer_id, partition, commit)

    # -- a coordinator comes and goes: its groups are those of a partition of __consumer_offsets --------

    def load(self, partition):
        """Take over a partition: rebuild its groups from its records. Sessions of members start anew."""
        for _ in self.load_in_slices(partition):
            pass

    def load_in_slices(self, partition):
        """As `load`, a generator: between its steps others have their turn."""
        replays = {protocol: protocol.replay() for protocol in (self.classic, self.consumer, self.share, self.streams)}
        by_kind = {kind: replay for replay in replays.values() for kind in replay.kinds}
        with_offsets = {}
        for number, (producer_id, key, value) in enumerate(self.store.read(partition)):
            if number % RECORDS_A_SLICE == 0:
                yield
            if key is None:
                self.end_transaction(producer_id, partition, commit=value)
                continue
            try:
                kind, key, value = CONSUMER_OFFSETS.parse(key, value)
            except Malformed as reason:
                log.warning("a record of partition %d of __consumer_offsets is left out: %s", partition, reason)
                continue
            if kind in by_kind:
                by_kind[kind].replay(kind, key, value)
                if value is None and kind in self.classic.kinds:
                    with_offsets.pop(key.group, None)
            elif kind is OffsetCommit:
                self.offsets.replay(partition, producer_id, key, value)
                if value is not None:
                    with_offsets[key.group] = None
        self.store.loaded(partition)  # what follows takes no turn
        for protocol, replay in replays.items():
            protocol.restore(replay)
        for group_id in with_offsets:
            if self._table.get(group_id) is None:  # of a simple consumer
                self.classic.add(group_id)

    def unload(self, partition):
        """Give a partition up: its groups live on elsewhere, or went with the topic."""
        for group in self._table.of_partition(partition):
            self._table.give_up(group)
            self.offsets.give_up(group.group_id)
        self.offsets.give_up_pending(partition)


def _filter_word(state):
    """How ListGroups asks for a state: NotReady is the one whose word is spelled otherwise."""
    return "not_ready" if state == NOT_READY else state.lower()
