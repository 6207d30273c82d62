"""A compacted topic of any cluster: what is in it is written batch by batch, cleaned when told, and looked at batch by batch."""

import random
import time

from tests.api.test_configs import alter
from tests.api.test_data import create, fetch, list_offset, until
from tests.api.test_transactions import Txn, patiently
from wire import errors
from wire.apis.data import Produce
from wire.records import Record, build_batch, iter_batch, iter_batches, payload_of, read_header

# Markers carry the time of their broker: were records older, a marker would begin a segment that never ends.
NOW = int(time.time() * 1000)
HOUR, FOR_EVER = 3_600_000, 2**63 - 1
TOPIC, BROKER, SET, DELETE = 2, 4, 0, 1


def hurry(client):
    """Have the cleaners look for work all the time."""
    assert alter(client, BROKER, "", ("log.cleaner.backoff.ms", SET, "50"))[0] == "NONE"


def calm(client):
    """As before `hurry`."""
    assert alter(client, BROKER, "", ("log.cleaner.backoff.ms", DELETE, None))[0] == "NONE"


class Compacted:
    """Nothing is cleaned but by `clean`: the smallest ratio is 1. A segment ends by time stamps, which `roll` moves on."""

    def __init__(self, client, name, **configs):
        self.client, self.name, self.hour = client, name, 0
        create(client, name, cleanup_policy="compact", segment_ms=HOUR, min_cleanable_dirty_ratio=1, message_timestamp_after_max_ms=FOR_EVER, **configs)
        self.producers = []

    @property
    def now(self):
        return NOW + 2 * self.hour * HOUR

    def put(self, *pairs, sequence=-1, txn=None, later=0, compression=0):
        """One batch of (key, value) pairs, stamped one ms apart from `now` + `later` on."""
        records = [Record(None, self.now + later + index, key, value) for index, (key, value) in enumerate(pairs)]
        producer = {} if txn is None else {"producer_id": txn.producer_id, "producer_epoch": txn.epoch, "transactional": True}
        data = build_batch(records, compression=compression, base_sequence=sequence, **producer)
        asked = Produce.Request.TopicData(name=self.name, partition_data=[Produce.Request.TopicData.PartitionData(index=0, records=data)])

        def ask():
            [topic] = self.client.call(
                Produce, 12, transactional_id=txn and txn.tid, acks=-1, timeout_ms=1000, topic_data=[asked]
            ).responses  # fmt: skip
            return topic.partition_responses[0].error_code, topic.partition_responses[0].base_offset

        code, offset = patiently(ask, errors.CONCURRENT_TRANSACTIONS, errors.NOT_ENOUGH_REPLICAS)
        assert code == errors.NONE
        return offset

    def put_each(self, text):
        """"a1 b2 a-": batches of one record; - is a null."""
        for pair in text.split():
            self.put((pair[:1].encode(), None if pair[1:] == "-" else pair[1:].encode()))
        return self

    def producer(self, transactional_id):
        txn = Txn(self.client, transactional_id, self.name).find()
        assert txn.init()[0] == errors.NONE
        self.producers.append(txn.producer_id)
        return txn

    def roll(self):
        self.hour += 1
        return self

    def clean(self):
        """Have one round done, over all but what is written from now on."""
        first = self.put((b"~", b"1"))
        self.put((b"~", b"2"))
        self.roll().put((b"~roll", b""))
        alter(self.client, TOPIC, self.name, ("min.cleanable.dirty.ratio", SET, "0.0001"))
        until(lambda: first not in {record.offset for _, records in self.batches() for record in records}, 30)
        alter(self.client, TOPIC, self.name, ("min.cleanable.dirty.ratio", SET, "1"))
        return self

    def batches(self):
        """[(BatchHeader, [Record])] of the whole log."""
        found, offset = [], list_offset(self.client, self.name, -2)[1]
        end = list_offset(self.client, self.name, -1)[1]
        while offset < end:
            got = fetch(self.client, self.name, offset)
            assert got.error_code == errors.NONE
            for batch in iter_batches(bytes(got.records)):
                header = read_header(batch)
                if header.last_offset >= offset:
                    found.append((header, list(iter_batch(header, payload_of(header, batch)))))
            offset = found[-1][0].last_offset + 1
        return found

    def seen(self):
        """A line per batch: base and last offset, number of records, C(ontrol) T(ransactional) H(orizon), what is in it."""
        return [
            f"{header.base_offset}-{header.last_offset}:{header.record_count}"
            + "C" * header.is_control + "T" * header.is_transactional + "H" * (header.delete_horizon_ms is not None)
            + "".join(f" {_shown(record)}" for record in records if not header.is_control)
            for header, records in self.batches()
        ]  # fmt: skip

    def everything(self):
        """All of the log that two clusters must agree about; a horizon is the cluster's own time."""
        return [
            (
                header.base_offset, header.last_offset, header.record_count, header.attributes, header.base_sequence, header.producer_epoch,
                self.producers.index(header.producer_id) if header.producer_id >= 0 else -1, header.max_timestamp if not header.is_control else 0,
                header.base_timestamp - NOW if header.delete_horizon_ms is None and not header.is_control else 0,
                [(record.offset, record.timestamp, record.key, record.value, record.headers) for record in records if not header.is_control],
            )
            for header, records in self.batches()
        ]  # fmt: skip


def _shown(record):
    return f"{record.offset}={record.key.decode()}{'-' if record.value is None else record.value.decode()}"


def play(topic, seed, name):
    """A random history, and what is seen after each of its rounds. `name(prefix)` gives transactional ids."""
    chance = random.Random(seed)
    txns, sequences, seen = [topic.producer(name(f"txn{number}")) for number in range(2)], {}, []
    for _ in range(chance.randint(2, 4)):
        for _ in range(chance.randint(1, 25)):
            pairs = [(b"k%d" % chance.randint(0, 12), chance.choice((None, b"v%d" % chance.randint(0, 99)))) for _ in range(chance.randint(1, 6))]
            options = {"later": chance.randint(0, 1000), "compression": chance.choice((0, 0, 0, 1))}
            if chance.random() < 0.3:
                txn = chance.choice(txns)
                sequence = sequences.get((txn.producer_id, txn.epoch), 0)
                topic.put(*pairs, txn=txn, sequence=sequence, **options)
                if chance.random() < 0.3:
                    topic.put(*pairs, txn=txn, sequence=sequence + len(pairs), **options)
                before = txn.producer_id
                txn.finish(commit=chance.random() < 0.5)
                assert txn.producer_id == before
                until(lambda: list_offset(topic.client, topic.name, -1, isolation_level=1) == list_offset(topic.client, topic.name, -1))
            else:
                topic.put(*pairs, **options)
            if chance.random() < 0.2:
                topic.roll()
        topic.clean()
        seen.append(topic.everything())
    return seen
