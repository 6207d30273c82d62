"""A mirror between the server under test and an emulator, both ways, with librdkafka at either end."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers import TIMEOUT, eventually

confluent_kafka = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

from emulator import Emulator  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@pytest.fixture
def ends(bootstrap, request):
    """(source, target)"""
    with Emulator() as kafka:
        yield (bootstrap, kafka.bootstrap) if request.param == "from it" else (kafka.bootstrap, bootstrap)


def mirror(source, target, *options):
    done = subprocess.run([sys.executable, "-m", "emulator", "mirror", "--from", source, "--to", target, "--once", *options],
                          cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def produce(bootstrap, topic, values, transaction=None, **options):
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, **options})
    if transaction is not None:
        producer.init_transactions(TIMEOUT)
        producer.begin_transaction()
    for number, value in enumerate(values):
        producer.produce(topic, value, key=b"k%d" % number, headers=[("h", b"x")], partition=number % 3, timestamp=1_700_000_000_000 + number)
    if transaction is None:
        assert producer.flush(TIMEOUT) == 0
    elif transaction:
        producer.commit_transaction(TIMEOUT)
    else:
        producer.flush(TIMEOUT)
        producer.abort_transaction(TIMEOUT)


def read(bootstrap, topic, count, group="all", commit=False, start="earliest"):
    """{partition: [(key, value, headers, time)]} of `count` records."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": start, "enable.auto.commit": False})
    consumer.subscribe([topic])
    found, taken = {}, 0
    try:
        def look():
            nonlocal taken
            for message in consumer.consume(count - taken, 0.2):
                assert message.error() is None
                found.setdefault(message.partition(), []).append((message.key(), message.value(), message.headers(), message.timestamp()[1]))
                taken += 1
            return taken == count
        eventually(look)
        if commit:
            consumer.commit(asynchronous=False)
    finally:
        consumer.close()
    return found


@pytest.mark.parametrize("ends", ["from it", "to it"], indirect=True)
def test_what_librdkafka_wrote_is_read_at_the_other_end(ends, unique):
    source, target = ends
    topic, group = unique("t"), unique("g")
    admin = AdminClient({"bootstrap.servers": source})  # it must live until it is answered
    admin.create_topics([NewTopic(topic, 3, 1, config={"retention.ms": "-1"})])[topic].result(TIMEOUT)
    for codec in CODECS:
        produce(source, topic, [b"%s-%d" % (codec.encode(), number) * 20 for number in range(30)], **{"compression.type": codec})
    produce(source, topic, [b"aborted"] * 3, transaction=False, **{"transactional.id": unique("x")})
    produce(source, topic, [b"committed"] * 3, transaction=True, **{"transactional.id": unique("x")})
    total = 30 * len(CODECS) + 3
    written = read(source, topic, total)
    read(source, topic, 60, group, commit=True)
    mirror(source, target, "--topics", topic, "--prefix", "m.", "--groups", group)
    assert read(target, f"m.{topic}", total) == written
    left = Consumer({"bootstrap.servers": target, "group.id": group})
    offsets = left.committed([TopicPartition(f"m.{topic}", index) for index in range(3)], TIMEOUT)
    left.close()
    assert sum(one.offset for one in offsets if one.offset > 0) == 60  # plain batches: each offset is exactly known
    rest = read(target, f"m.{topic}", total - 60, group)
    assert sum(map(len, rest.values())) == total - 60 and all(written[index][-len(found):] == found for index, found in rest.items())
    mirror(source, target, "--topics", topic, "--prefix", "m.")
    produce(source, topic, [b"more"] * 3)
    mirror(source, target, "--topics", topic, "--prefix", "m.")
    assert sum(map(len, read(target, f"m.{topic}", total + 3, unique("g")).values())) == total + 3
