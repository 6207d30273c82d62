"""Kafka Streams counts words exactly once (exactly_once_v2), through being killed: its own WordCountDemo."""
import collections
import signal
import subprocess
import time

import pytest

from helpers import TIMEOUT, eventually
from servers import HERE

pytest.importorskip("confluent_kafka")

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

JARS, STREAMS = HERE / ".cache/jars", HERE / ".cache/streams"
pytestmark = [pytest.mark.needs("java", str(JARS), str(STREAMS))]

# WordCountDemo has names of its own.
INPUT, OUTPUT = "streams-plaintext-input", "streams-wordcount-output"


@pytest.fixture
def topics(bootstrap):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    there = admin.list_topics(timeout=TIMEOUT).topics
    missing = [NewTopic(name, 2, 1) for name in (INPUT, OUTPUT) if name not in there]
    for made in admin.create_topics(missing).values() if missing else ():
        made.result(TIMEOUT)
    eventually(lambda: all(name in admin.list_topics(timeout=TIMEOUT).topics for name in (INPUT, OUTPUT)))


@pytest.fixture
def word_count(bootstrap, unique, tmp_path):
    """start() runs the demo; all that it starts are one application, whose local state survives."""
    running = []
    properties = tmp_path / "streams.properties"
    properties.write_text("\n".join([
        f"bootstrap.servers={bootstrap}", f"application.id={unique('words')}", f"state.dir={tmp_path / 'state'}",
        "processing.guarantee=exactly_once_v2", "commit.interval.ms=100", "statestore.cache.max.bytes=0",
        "session.timeout.ms=6000", "heartbeat.interval.ms=500", "transaction.timeout.ms=2000",
    ]) + "\n")

    def start():
        with open(tmp_path / "log", "ab") as log:
            running.append(subprocess.Popen(
                ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={HERE / 'log4j2.xml'}",
                 "-cp", f"{JARS}/*:{STREAMS}/*", "org.apache.kafka.streams.examples.wordcount.WordCountDemo", properties],
                stdout=log, stderr=log))
        return running[-1]
    yield start
    for process in running:
        process.kill()
        process.wait()


def counts(bootstrap, suffix):
    """{word: [its counts, in order]} of the words that end so, as a read_committed consumer sees them."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "counts", "isolation.level": "read_committed",
                         "enable.partition.eof": True, "enable.auto.commit": False})
    partitions = consumer.list_topics(OUTPUT, timeout=TIMEOUT).topics[OUTPUT].partitions
    consumer.assign([TopicPartition(OUTPUT, index, 0) for index in partitions])
    found, ended, deadline = collections.defaultdict(list), 0, time.monotonic() + TIMEOUT
    while ended < len(partitions):
        assert time.monotonic() < deadline
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            ended += 1
        elif message.key().decode().endswith(suffix):
            found[message.key().decode()].append(int.from_bytes(message.value(), "big"))
    consumer.close()
    return found


def test_every_word_is_counted_once(bootstrap, topics, word_count, unique):
    suffix = unique("").strip("-")
    producer = Producer({"bootstrap.servers": bootstrap})

    def feed(numbers):
        for number in numbers:
            producer.produce(INPUT, f"all{suffix} of{number % 3}{suffix}", key=str(number))
        assert producer.flush(TIMEOUT) == 0

    feed(range(100))
    process = word_count()
    eventually(lambda: len(counts(bootstrap, suffix).get(f"all{suffix}", ())) >= 50, timeout=2 * TIMEOUT)
    feed(range(100, 200))
    process.send_signal(signal.SIGKILL)
    process.wait()
    feed(range(200, 300))
    word_count()
    expected = {f"all{suffix}": 300, **{f"of{each}{suffix}": 100 for each in range(3)}}
    eventually(lambda: {word: max(seen) for word, seen in counts(bootstrap, suffix).items()} == expected, timeout=3 * TIMEOUT)
    # Without a cache each update is sent: none is lost, none comes twice, even as a record that was counted again.
    assert counts(bootstrap, suffix) == {word: list(range(1, count + 1)) for word, count in expected.items()}
