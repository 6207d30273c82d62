"""Directories of partitions, ours and those of Apache Kafka: each reads what the other wrote, file by file and served."""
import random
import re
import shutil
from pathlib import Path

import pytest

from emulator.runtime.disk import Descriptors, DiskFiles
from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs, parse_broker_settings
from emulator.state.log import Log
from emulator.state.log.cleaner import dirt
from emulator.state.log.compaction import Compaction
from emulator.state.log.formats import LOG, PARTITION_METADATA, parse_name
from wire.records import Record, build_batch, iter_records

import tools
from helpers import TIMEOUT, eventually
from servers import HERE, real_kafka

pytest.importorskip("confluent_kafka")

from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

pytestmark = [pytest.mark.needs("java", str(HERE / ".cache/jars"), str(HERE / ".cache/classes"))]

SMALL = {"internal.segment.bytes": "4000", "index.interval.bytes": "300"}
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def open_log(path, clean=True, recovery_point=0, **overrides):
    config = Configs(parse_broker_settings({})).preview({name.replace("_", "."): value for name, value in overrides.items()})
    files = DiskFiles(str(path), Descriptors(64))
    return Log(path.name, config, VirtualClock(), random.Random(1), files, clean=clean, recovery_point=recovery_point)


class Writer:
    """A log of ours in a directory, with all that may be in one."""

    def __init__(self, path, **overrides):
        self.choose = random.Random(5)
        self.log = open_log(path, **{"internal_segment_bytes": "4000", "index_interval_bytes": "300"} | overrides)
        self.log.begin_epoch(0)
        self.clock = self.log._time
        self.sequences = {}

    def send(self, count, codec=0, producer=-1, transactional=False, key=b"k"):
        self.clock.advance(7)
        now = self.clock.now()
        records = [Record(index, now + self.choose.randrange(-900, 900), key, b"%d" % index * 20, ()) for index in range(count)]
        options = {}
        if producer >= 0:
            sequence = self.sequences.get(producer, 0)
            options = {"producer_id": producer, "producer_epoch": 0, "base_sequence": sequence, "transactional": transactional}
            self.sequences[producer] = sequence + count
        batch = build_batch(records, compression=codec, **options)
        self.log.append(self.log.check(batch, now), self.log.leader_epochs[-1][0], now, verified=True)

    def write(self):
        """Every codec, producers with and without transactions, some aborted, one that stays open; leader epochs."""
        choose, log = self.choose, self.log
        for number in range(300):
            self.send(choose.randint(1, 5), choose.randrange(5), choose.choice((-1, -1, 1, 2)), key=b"%d" % choose.randrange(10))
            if number % 10 == 0:
                self.send(2, 0, 5, True, key=b"t")
            if number % 30 == 5:
                log.append_marker(number % 60 == 5, 5, 0, 0, log.leader_epochs[-1][0], self.clock.now())
            if number % 100 == 50:
                log.begin_epoch(len(log.leader_epochs))
        return self

    def compact(self):
        now = self.clock.now()
        found = dirt(self.log, now)
        for _ in Compaction(self.log, found.segments, found.first_dirty, now, 1_000_000).slices():
            pass


def files_of(path, *kinds):
    return sorted(str(one) for one in path.iterdir() if (parsed := parse_name(one.name)) and parsed[1] in kinds and not parsed[2])


def dump(path, *options, kinds=(".log", ".index", ".timeindex", ".txnindex", ".snapshot")):
    """What DumpLogSegments prints of all files of a directory, which must hold nothing that it objects to."""
    files = files_of(path, *kinds)
    assert {Path(file).suffix for file in files} == set(kinds)
    ran = tools.run(["kafka-dump-log.sh", "--files", ",".join(files), *options], timeout=4 * TIMEOUT)
    assert ran.returncode == 0, ran.stderr
    # Of every segment but the first it says that -1 is followed by the first offset, whoever wrote it.
    objections = re.sub(r"Non-consecutive offsets in \S+\n(  -1 is followed by \d+\n)+", "", ran.stdout)
    assert not re.search(r"(?i)mismatch|non-consecutive|found |exception|not |isvalid: false", objections), ran.stdout
    return ran.stdout


def records_of(log):
    found = [record for _, batch in log.batches() for record in iter_records(batch)]
    return [(record.offset, record.timestamp, record.key and bytes(record.key), bytes(record.value)) for record in found]


@pytest.mark.parametrize("policy", ["delete", "compact"])
def test_kafka_finds_nothing_wrong_with_any_file_of_ours(tmp_path, policy):
    path = tmp_path / "t-0"
    writer = Writer(path, cleanup_policy=policy).write()
    if policy == "compact":
        before = writer.log.size
        writer.compact()
        assert writer.log.size < before
    writer.log.close()
    text = dump(path, "--deep-iteration")
    assert text.count("isvalid: true") == sum(1 for _ in open_log(path).batches())
    assert "lastStableOffset" in text and "currentTxnFirstOffset" in text
    text = dump(path, "--index-sanity-check")
    assert text.count("passed sanity check") == sum(Path(file).stat().st_size > 0 for file in files_of(path, ".index", ".timeindex"))
    dump(path, "--verify-index-only", kinds=(".index", ".timeindex"))


def test_kafka_finds_nothing_wrong_with_what_was_recovered(tmp_path):
    path = tmp_path / "t-0"
    Writer(path).write()
    with open(files_of(path, LOG)[-1], "ab") as file:
        file.write(b"\x07" * 100)
    log = open_log(path, clean=False, internal_segment_bytes="4000", index_interval_bytes="300")
    log.close()
    dump(path, "--deep-iteration")
    dump(path, "--index-sanity-check")


def consume(bootstrap, topic, count, isolation="read_uncommitted"):
    """All there is to read: [(offset, timestamp, key, value)]."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "g", "isolation.level": isolation,
                         "enable.partition.eof": True, "auto.offset.reset": "error"})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        found = []
        while True:
            message = consumer.poll(TIMEOUT)
            assert message is not None, f"{len(found)} records of {topic}, and no end"
            if message.error():
                assert message.error().name() == "_PARTITION_EOF", message.error()
                break
            found.append((message.offset(), message.timestamp()[1], message.key(), message.value()))
        assert len(found) >= count
        return found
    finally:
        consumer.close()


def produce(bootstrap, topic, count, codec="none", value=b"v" * 40, **options):
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 0, **options})
    transactional = "transactional.id" in options
    if transactional:
        producer.init_transactions(TIMEOUT)
        producer.begin_transaction()
    for number in range(count):
        producer.produce(topic, value, b"%d" % (number % 7), partition=0)
        if number % 20 == 0:
            producer.flush(TIMEOUT)
    assert not producer.flush(TIMEOUT)
    return producer


def test_each_serves_what_the_other_wrote(tmp_path):
    data, settings = tmp_path / "data", {"log_cleaner_backoff_ms": "100"}
    with real_kafka(tmp_path, **settings) as bootstrap:
        admin = AdminClient({"bootstrap.servers": bootstrap})
        configs = {"mixed": SMALL, "compacted": SMALL | {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"}, "ours": SMALL}
        for made in admin.create_topics([NewTopic(name, 1, 1, config=config) for name, config in configs.items()]).values():
            made.result(TIMEOUT)
        del admin  # which would miss its server
        for codec in CODECS:
            produce(bootstrap, "mixed", 60, codec)
        produce(bootstrap, "mixed", 60, **{"enable.idempotence": True})
        produce(bootstrap, "mixed", 60, **{"transactional.id": "commits"}).commit_transaction(TIMEOUT)
        produce(bootstrap, "mixed", 60, **{"transactional.id": "aborts"}).abort_transaction(TIMEOUT)
        produce(bootstrap, "mixed", 5)
        produce(bootstrap, "compacted", 400)
        eventually(lambda: len(consume(bootstrap, "compacted", 0)) < 200, "compaction")
        theirs = consume(bootstrap, "mixed", 425)
        committed = consume(bootstrap, "mixed", 365, "read_committed")

    # Theirs, opened by us: of the compacted one Kafka may have done another round since it was read.
    for clean in (True, False):
        shutil.copytree(data / "mixed-0", tmp_path / f"mixed-{clean:d}")
        log = open_log(tmp_path / f"mixed-{clean:d}", clean=clean, **{name.replace(".", "_"): value for name, value in SMALL.items()})
        assert len(log.segments) > 3
        assert records_of(log) == theirs
        assert len(log.aborted) == 1
        visible = set()
        for offset, timestamp, *_ in theirs:
            result = log.read(offset, 1, log.high_watermark, min_one_message=True)
            assert offset in [record.offset for piece in result.records for record in iter_records(piece)]
            assert log.find_timestamp(timestamp)[1] >= timestamp
            visible.update(producer_id for producer_id, first in log.aborted_transactions(offset, result) if first <= offset)
        assert len(visible) == 1 and len(theirs) - len(committed) == 60
        assert len(log.producers) == 3
        log.close()
    shutil.copytree(data / "compacted-0", tmp_path / "compacted-0")
    log = open_log(tmp_path / "compacted-0", cleanup_policy="compact")
    newest = {key: value for _, _, key, value in records_of(log)}
    assert sorted(newest) == [b"%d" % number for number in range(7)]

    # Ours, served by Kafka, which goes on where we were; then opened by us again.
    writer = Writer(tmp_path / "ours-0").write()
    written, stable = records_of(writer.log), writer.log.last_stable_offset
    assert stable < writer.log.end_offset
    writer.log.close()
    for file in (data / "ours-0").iterdir():
        if file.name != PARTITION_METADATA:
            file.unlink()
    for file in (tmp_path / "ours-0").iterdir():
        if file.name != PARTITION_METADATA:
            shutil.copy(file, data / "ours-0")
    with real_kafka(tmp_path, **settings) as bootstrap:
        assert consume(bootstrap, "ours", 700) == written
        seen = consume(bootstrap, "ours", 600, "read_committed")
        assert seen == [entry for entry in written if entry in seen]
        assert seen[-1][0] < stable
        assert 20 < len([entry for entry in written if entry[0] < stable]) - len(seen)
        produce(bootstrap, "ours", 1, value=b"after")
    log = open_log(data / "ours-0")
    assert records_of(log)[:-1] == written
    assert records_of(log)[-1][3] == b"after"
    dump(data / "ours-0", "--deep-iteration")
