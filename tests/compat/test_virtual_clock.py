"""Stock clients on a clock that stands still and then jumps by days: they go on as if nothing had happened."""
import asyncio
import subprocess
from datetime import timedelta

import pytest

from helpers import TIMEOUT, eventually
from servers import BIN, HERE

from emulator import Emulator


@pytest.fixture
def kafka():
    config = {"group.consumer.min.heartbeat.interval.ms": 300, "group.consumer.heartbeat.interval.ms": 300}
    with Emulator(clock="virtual", topics=["t:2"], config=config) as kafka:
        yield kafka


class Reader:
    """A librdkafka consumer that counts what it is told and what it is asked to give up."""

    def __init__(self, kafka, **options):
        from confluent_kafka import Consumer

        self.values, self.assigned, self.revoked = [], 0, 0
        self.consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "g", "auto.offset.reset": "earliest",
                                  "enable.auto.commit": False, **options})
        self.consumer.subscribe(["t"], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)

    def _on_assign(self, _, partitions):
        self.assigned += len(partitions)

    def _on_revoke(self, _, partitions):
        self.revoked += len(partitions)

    def poll(self):
        message = self.consumer.poll(0.1)
        if message is not None:
            assert message.error() is None, message.error()
            self.values.append(message.value())
        return self


def produce(kafka, *values):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 0})
    for value in values:
        producer.produce("t", value)
    assert producer.flush(TIMEOUT) == 0


@pytest.mark.parametrize("protocol", [{"heartbeat.interval.ms": 300, "session.timeout.ms": 6000}, {"group.protocol": "consumer"}],
                         ids=["classic", "consumer"])
def test_a_group_of_librdkafka_outlives_weeks(kafka, protocol):
    pytest.importorskip("confluent_kafka")
    readers = [Reader(kafka, **protocol) for _ in range(2)]
    eventually(lambda: [reader.poll().assigned - reader.revoked for reader in readers] == [1, 1])
    before = [(reader.assigned, reader.revoked) for reader in readers]
    seen = 0
    for week in range(3):
        produce(kafka, *(b"%d" % index for index in range(50)))
        seen += 50
        eventually(lambda: sum(len(reader.poll().values) for reader in readers) == seen)
        for reader in readers:
            if reader.values:
                reader.consumer.commit(asynchronous=False)
        assert "sessions expired" not in kafka.clock.advance(days=7)
    assert [(reader.assigned, reader.revoked) for reader in readers] == before
    for reader in readers:
        reader.consumer.close()


def test_who_is_to_go_joins_again(kafka):
    pytest.importorskip("confluent_kafka")
    reader = Reader(kafka, **{"heartbeat.interval.ms": 300, "session.timeout.ms": 6000})
    eventually(lambda: reader.poll().assigned == 2)
    assert kafka.clock.advance(minutes=1, expire_sessions=True)["sessions expired"] == 1
    eventually(lambda: reader.poll().assigned == 4)
    assert reader.revoked == 2
    reader.consumer.close()


def test_a_transaction_of_librdkafka_times_out_when_told(kafka):
    pytest.importorskip("confluent_kafka")
    from confluent_kafka import KafkaException, Producer

    def begin():
        producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": "txn", "transaction.timeout.ms": 60_000})
        producer.init_transactions(TIMEOUT)
        producer.begin_transaction()
        return producer

    producer = begin()
    producer.produce("t", b"never", partition=0)
    assert producer.flush(TIMEOUT) == 0
    assert kafka.clock.advance(minutes=2) == {"transactions aborted": 1}
    with pytest.raises(KafkaException, match="fenced"):
        producer.commit_transaction(TIMEOUT)
    again = begin()
    again.produce("t", b"committed", partition=0)
    again.commit_transaction(TIMEOUT)
    del producer, again  # they would look for a server that is gone
    reader = Reader(kafka)
    eventually(lambda: reader.poll().values)
    assert reader.values == [b"committed"]
    reader.consumer.close()


def test_kafka_python(kafka):
    python = pytest.importorskip("kafka")
    consumer = python.KafkaConsumer("t", bootstrap_servers=kafka.bootstrap, group_id="g", auto_offset_reset="earliest",
                                    enable_auto_commit=False, heartbeat_interval_ms=300, session_timeout_ms=6000)
    producer = python.KafkaProducer(bootstrap_servers=kafka.bootstrap)
    values = []

    def read():
        values.extend(message.value for messages in consumer.poll(100).values() for message in messages)
        return len(values)

    for week in range(1, 4):
        for index in range(20):
            producer.send("t", b"%d" % index)
        producer.flush(TIMEOUT)
        eventually(lambda: read() == 20 * week)
        consumer.commit()
        assert "sessions expired" not in kafka.clock.advance(days=7)
    assert sum(consumer.committed(partition) for partition in consumer.assignment()) == 60
    consumer.close()
    producer.close()


def test_aiokafka_in_the_loop_of_the_test(kafka):
    aiokafka = pytest.importorskip("aiokafka")

    async def talk():
        values = []
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
            async with aiokafka.AIOKafkaConsumer("t", bootstrap_servers=kafka.bootstrap, group_id="g", auto_offset_reset="earliest",
                                                 session_timeout_ms=6000, heartbeat_interval_ms=300) as consumer:
                for week in range(3):
                    await producer.send_and_wait("t", b"%d" % week)
                    values.append((await asyncio.wait_for(consumer.getone(), TIMEOUT)).value)
                    assert "sessions expired" not in kafka.clock.advance(timedelta(days=7))
        return values

    assert asyncio.run(talk()) == [b"0", b"1", b"2"]


@pytest.mark.needs("java", str(HERE / ".cache/jars"))
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_java(kafka, protocol):
    def start(tool, *arguments):
        return subprocess.Popen([BIN / tool, "--bootstrap-server", kafka.bootstrap, "--topic", "t", *arguments], text=True, bufsize=1,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    with start("kafka-console-consumer.sh", "--group", "g", "--from-beginning", "--command-property", f"group.protocol={protocol}") as consumer, \
            start("kafka-console-producer.sh") as producer:
        for line in ("one\n", "two\n", "three\n"):
            producer.stdin.write(line)
            assert consumer.stdout.readline() == line
            assert "sessions expired" not in kafka.clock.advance(days=7)
        producer.stdin.close()
        assert producer.wait(TIMEOUT) == 0
        consumer.terminate()
        assert consumer.wait(TIMEOUT) is not None
        noise = [line for line in consumer.stderr if "WARN" in line or "ERROR" in line]
    assert noise == []
