"""A cluster on a clock that stands still, and clients that do what real ones do, step by step."""

from random import Random

from emulator.runtime.log_manager.memory import MemoryLogs
from emulator.runtime.services import make_broker_services, make_cluster_services
from emulator.state.clock import VirtualClock
from emulator.state.cluster.names import CONSUMER_OFFSETS, TRANSACTION_STATE
from emulator.state.configs.broker import parse_broker_settings
from wire import errors
from wire.errors import KafkaError
from wire.records import COMMIT, Record, build_batch, iter_batches, iter_records, parse_control, read_header


class World:
    """`settings` by Kafka's names, dots as underscores."""

    def __init__(self, seed=1, **settings):
        self.time, self.patience = VirtualClock(), VirtualClock()
        few = {"offsets.topic.num.partitions": 3, "transaction.state.log.num.partitions": 3}
        mapping = {**few, **{name.replace("_", "."): value for name, value in settings.items()}}
        choices = Random(seed)
        logs = MemoryLogs(self.time, choices)
        broker = parse_broker_settings(mapping)
        shared = make_cluster_services([broker], {broker.node_id: []}, self.time, self.patience, choices, logs)
        services = make_broker_services(shared, broker, logs)
        self.cluster, self.groups, self.transactions = services["cluster"], services["groups"], services["transactions"]
        for name in (CONSUMER_OFFSETS, TRANSACTION_STATE):
            self.cluster.ensure_internal_topic(name)

    def topic(self, name, partitions=1):
        self.cluster.create_topic(name, partitions)
        return name

    def log(self, topic, index=0):
        return self.cluster.partition(topic, index).log

    def producer(self, transactional_id="tid", **options):
        return Producer(self, transactional_id, **options)

    def state(self, transactional_id="tid"):
        return self.transactions.describe(transactional_id).state

    def tick(self, ms):
        self.time.advance(ms)
        self.patience.advance(ms)

    def rebuild(self):
        """The coordinators go and come again: all they know is what their topics tell."""
        for name, coordinator in ((TRANSACTION_STATE, self.transactions), (CONSUMER_OFFSETS, self.groups)):
            for partition in self.cluster.topics[name].partitions:
                if partition.leader < 0:
                    continue
                coordinator.unload(partition.index)
                coordinator.load(partition.index)

    def read(self, topic, index=0, offset=0, committed=True):
        """[(offset, value)] as a consumer sees them, which drops aborted transactions by the list that it is given."""
        log, seen = self.log(topic, index), []
        upto = log.last_stable_offset if committed else log.high_watermark
        while offset < upto:
            result = log.read(offset, 200, upto, min_one_message=True)
            aborted = sorted(log.aborted_transactions(offset, result), key=lambda each: each[1]) if committed else []
            dropping = set()
            for batch in iter_batches(b"".join(result.records)):
                header = read_header(batch)
                while aborted and aborted[0][1] <= header.last_offset:
                    dropping.add(aborted.pop(0)[0])
                if header.is_control:
                    dropping.discard(header.producer_id)
                elif not (header.is_transactional and header.producer_id in dropping):
                    seen += [(record.offset, bytes(record.value)) for record in iter_records(batch) if record.offset >= offset]
                after = header.last_offset + 1
            offset = after
        return seen

    def values(self, topic, index=0, **options):
        return [value for _, value in self.read(topic, index, **options)]

    def markers(self, topic, index=0):
        """["commit", "abort" ...] of the markers in a partition."""
        found = []
        for header, batch in self.log(topic, index).batches():
            if header.is_control:
                [marker] = iter_records(batch, control=True)
                found.append("commit" if parse_control(marker).type == COMMIT else "abort")
        return found

    def committed_offset(self, group, topic, index=0):
        """The offset, None when there is none, "unstable" while a transaction may change it."""
        if self.groups.offsets.is_pending(group, topic, index):
            return "unstable"
        found = self.groups.offsets.fetch(group).get(topic, {}).get(index)
        return found and found.offset


class Producer:
    """A transactional client of protocol `version` 1 (adds partitions first) or 2 (KIP-890)."""

    def __init__(self, world, transactional_id, version=2, timeout_ms=60_000):
        self.world = world
        self.transactional_id = transactional_id
        self.version = version
        self.timeout_ms = timeout_ms
        self.producer_id = self.epoch = -1
        self._sequences = {}
        self._added = set()

    @property
    def identity(self):
        return self.transactional_id, self.producer_id, self.epoch

    def init(self, expected=None):
        """Ask until the last transaction is out of the way, as clients do."""
        for _ in range(10):
            try:
                return self.init_once(expected)
            except KafkaError as refusal:
                if refusal.error != errors.CONCURRENT_TRANSACTIONS:
                    raise
                self.world.tick(100)
        raise AssertionError("the last transaction does not end")

    def init_once(self, expected=None):
        self._became(*self.world.transactions.initialize(self.transactional_id, self.timeout_ms, expected))
        return self

    def _became(self, producer_id, epoch):
        if (producer_id, epoch) != (self.producer_id, self.epoch):
            self._sequences.clear()
        self.producer_id, self.epoch = producer_id, epoch
        self._added.clear()

    def _join(self, topic, index):
        if (topic, index) not in self._added:
            version = 0 if self.version == 1 else 2
            self.world.transactions.add_partitions(*self.identity, [(topic, index)], version)
            self._added.add((topic, index))

    def send(self, *values, topic="t", index=0, transactional=True):
        if transactional:
            self._join(topic, index)
        log, now = self.world.log(topic, index), self.world.time.now()
        sequence = self._sequences.get((topic, index), 0)
        batch = build_batch(
            [Record(offset, now, None, value, ()) for offset, value in enumerate(values)],
            producer_id=self.producer_id, producer_epoch=self.epoch, base_sequence=sequence, transactional=transactional,
        )  # fmt: skip
        # As Produce does it: the coordinator is asked unless this log knows the transaction.
        if transactional and not log.producers.in_transaction(self.producer_id, self.epoch):
            log.producers.ask(read_header(batch), self.version, now)
            self._ask(topic, index)
        appended = log.append(log.check(batch, now), 0, now, verified=True)
        self._sequences[topic, index] = sequence + len(values)
        return appended.base_offset

    def _ask(self, topic, index):
        if self.version == 2:
            self.world.transactions.add_partitions(*self.identity, [(topic, index)], 2)
        else:
            error = self.world.transactions.verify_partitions(*self.identity, [(topic, index)])[topic, index]
            if error:
                raise KafkaError(error)

    def commit_offset(self, group, topic, offset, index=0):
        groups = self.world.groups
        self._join(CONSUMER_OFFSETS, groups.partition_for(group))
        [[code]] = groups.offsets.commit_in_transaction(
            group, "", None, -1, (self.producer_id, self.epoch), [(topic, [(index, offset, -1, "")])]
        )
        assert code == errors.NONE

    def commit(self):
        return self._end(True)

    def abort(self):
        return self._end(False)

    def _end(self, commit):
        self._added.clear()
        answer = self.world.transactions.end(*self.identity, commit, 0 if self.version == 1 else 2)
        if self.version == 2:
            self._became(*answer)
        return self
