"""Transactional producers of every client: commits show, aborts do not, offsets go with them, zombies are fenced."""
import asyncio
import json
import os
import re
import subprocess
import time

import pytest

import tools
from helpers import TIMEOUT, eventually
from servers import HERE

confluent_kafka = pytest.importorskip("confluent_kafka")

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

MODULES = HERE / ".cache/node/node_modules"
java = pytest.mark.needs("java", str(HERE / ".cache/jars"), str(HERE / ".cache/classes"))


@pytest.fixture
def topic(bootstrap, unique):
    """new("name", partitions=2) creates a topic of a unique name."""
    admin = AdminClient({"bootstrap.servers": bootstrap})

    def new(prefix="topic", partitions=1):
        name = unique(prefix)
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(TIMEOUT)
        eventually(lambda: [each.leader for each in admin.list_topics(timeout=TIMEOUT).topics[name].partitions.values()] == [1] * partitions)
        return name
    return new


@pytest.fixture
def read(bootstrap, unique):
    """read(topic) -> the values in it, in order, as a read_committed consumer sees them; isolation="..." for others."""
    def values(topic, isolation="read_committed"):
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": unique("reader"), "isolation.level": isolation,
                             "enable.partition.eof": True, "enable.auto.commit": False})
        partitions = consumer.list_topics(topic, timeout=TIMEOUT).topics[topic].partitions
        consumer.assign([TopicPartition(topic, index, 0) for index in partitions])
        found, ended, deadline = [], set(), time.monotonic() + TIMEOUT
        while len(ended) < len(partitions):
            assert time.monotonic() < deadline
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                ended.add(message.partition())
            else:
                found.append(message.value())
        consumer.close()
        return found
    return values


@pytest.fixture
def committed(bootstrap):
    """committed(group, topic) -> the group's stable offset in partition 0, None when there is none."""
    def position(group, topic):
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
        try:
            [found] = consumer.committed([TopicPartition(topic, 0)], timeout=TIMEOUT)
        finally:
            consumer.close()
        return None if found.offset < 0 else found.offset
    return position


@pytest.fixture
def filled(bootstrap, topic):
    """filled("a", "b") -> a topic with these values."""
    def new(*values):
        name = topic("input")
        producer = Producer({"bootstrap.servers": bootstrap})
        for value in values:
            producer.produce(name, value)
        assert producer.flush(TIMEOUT) == 0
        return name
    return new


# -- librdkafka ------------------------------------------------------------------------------------


@pytest.fixture
def rdkafka(bootstrap, unique):
    def new(transactional_id=None, **options):
        producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": transactional_id or unique("rdkafka"),
                             **{key.replace("_", "."): value for key, value in options.items()}})
        producer.init_transactions(TIMEOUT)
        return producer
    return new


def send(producer, topic, *values):
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(TIMEOUT) == 0


def test_librdkafka_commits_and_aborts(rdkafka, topic, read):
    name, producer = topic(partitions=2), rdkafka()
    for values, end in ((("a", "b"), producer.commit_transaction), (("c",), producer.abort_transaction), (("d",), producer.commit_transaction)):
        producer.begin_transaction()
        send(producer, name, *values)
        assert not set(values) & {value.decode() for value in read(name)}
        end(TIMEOUT)
    assert sorted(read(name)) == [b"a", b"b", b"d"]
    # librdkafka drops aborted messages that it has not sent yet; these were.
    assert sorted(read(name, "read_uncommitted")) == [b"a", b"b", b"c", b"d"]


@pytest.mark.parametrize("protocol", ["classic", pytest.param("consumer", marks=pytest.mark.soak)])
def test_librdkafka_copies_exactly_once(bootstrap, rdkafka, topic, filled, read, committed, unique, protocol):
    values = [str(number) for number in range(60)]
    source, target, group = filled(*values), topic("output"), unique("copiers")
    producer = rdkafka()

    def consumer():
        new = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "isolation.level": "read_committed", "group.protocol": protocol,
                        "auto.offset.reset": "earliest", "enable.auto.commit": False})
        new.subscribe([source])
        return new

    reader, rounds = consumer(), 0
    while committed(group, source) != len(values):
        batch = reader.consume(10, 5)
        if not batch:
            continue
        rounds += 1
        producer.begin_transaction()
        send(producer, target, *(message.value() for message in batch))
        producer.send_offsets_to_transaction(reader.position(reader.assignment()), reader.consumer_group_metadata(), TIMEOUT)
        if rounds % 3 == 0:
            producer.abort_transaction(TIMEOUT)
            reader.close()
            reader = consumer()  # begins again where the group has committed
        else:
            producer.commit_transaction(TIMEOUT)
    reader.close()
    assert [value.decode() for value in read(target)] == values


def test_librdkafka_fences_its_predecessor(rdkafka, topic, read, unique):
    name, transactional_id = topic(), unique("fenced")
    old = rdkafka(transactional_id)
    old.begin_transaction()
    send(old, name, "lost")
    new = rdkafka(transactional_id)
    new.begin_transaction()
    send(new, name, "kept")
    new.commit_transaction(TIMEOUT)
    with pytest.raises(KafkaException) as caught:
        old.produce(name, "zombie")
        old.commit_transaction(TIMEOUT)
    assert caught.value.args[0].code() == KafkaError._FENCED
    assert read(name) == [b"kept"]


def test_librdkafka_is_told_when_it_took_too_long(bootstrap, rdkafka, topic, read):
    """Kafka looks every 10 s for transactions that have timed out."""
    name, producer = topic(), rdkafka(transaction_timeout_ms=1000, message_timeout_ms=1000)
    producer.begin_transaction()
    send(producer, name, "lost")
    send(Producer({"bootstrap.servers": bootstrap}), name, "after")
    eventually(lambda: read(name) == [b"after"])
    with pytest.raises(KafkaException) as caught:
        producer.commit_transaction(TIMEOUT)
    assert caught.value.args[0].txn_requires_abort() or caught.value.args[0].fatal()


# -- Java ------------------------------------------------------------------------------------------


def tool(name, *arguments):
    done = tools.run([name, *arguments], timeout=2 * TIMEOUT)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@java
def test_java_produces_in_transactions(bootstrap, topic, read, unique):
    name, transactional_id = topic(partitions=2), unique("perf")
    tool("kafka-producer-perf-test.sh", "--bootstrap-server", bootstrap, "--topic", name, "--num-records", "1000",
         "--record-size", "20", "--throughput", "-1", "--transactional-id", transactional_id, "--transaction-duration-ms", "20")
    assert len(read(name)) == 1000
    listed = tool("kafka-transactions.sh", "--bootstrap-server", bootstrap, "list")
    assert re.search(rf"^{transactional_id}\s+1\s+\d+\s+CompleteCommit", listed, re.M)
    described = tool("kafka-transactions.sh", "--bootstrap-server", bootstrap, "describe", "--transactional-id", transactional_id)
    assert "CompleteCommit" in described


@java
def test_java_copies_exactly_once(bootstrap, topic, filled, read, unique):
    """Kafka's own copier for its system tests, which aborts at random."""
    values = [str(number) for number in range(300)]
    source, target = filled(*values), topic("output")
    told = tool("kafka", "org.apache.kafka.tools.TransactionalMessageCopier", "--broker-list", bootstrap, "--input-topic", source,
                "--input-partition", "0", "--output-topic", target, "--max-messages", str(len(values)), "--consumer-group",
                unique("copier"), "--transaction-size", "20", "--transactional-id", unique("copier"),
                "--enable-random-aborts", "--group-mode")
    last = json.loads(told.splitlines()[-1])
    assert (last["stage"], last["consumed"]) == ("ShutdownComplete", len(values))
    assert [value.decode() for value in read(target)] == values


@java
def test_java_tool_ends_a_hanging_transaction(bootstrap, rdkafka, topic, read, unique):
    name, transactional_id = topic(), unique("hanging")
    producer = rdkafka(transactional_id)
    producer.begin_transaction()
    send(producer, name, "lost")
    server = "--bootstrap-server", bootstrap
    seen = tool("kafka-transactions.sh", *server, "describe-producers", "--topic", name, "--partition", "0").splitlines()
    assert seen[1].split()[-1] == "0"  # where its transaction began
    tool("kafka-transactions.sh", *server, "abort", "--topic", name, "--partition", "0", "--start-offset", "0")
    assert read(name) == []
    seen = tool("kafka-transactions.sh", *server, "describe-producers", "--topic", name, "--partition", "0").splitlines()
    assert seen[1].split()[-1] == "None"


# -- kafka-python ----------------------------------------------------------------------------------


def test_kafka_python(bootstrap, topic, read, committed, unique):
    kafka = pytest.importorskip("kafka")
    name, group = topic(), unique("group")
    producer = kafka.KafkaProducer(bootstrap_servers=bootstrap, transactional_id=unique("python"))
    producer.init_transactions()
    for number, end in enumerate((producer.commit_transaction, producer.abort_transaction, producer.commit_transaction)):
        producer.begin_transaction()
        producer.send(name, b"%d" % number).get(TIMEOUT)
        offsets = {kafka.TopicPartition(name, 0): kafka.OffsetAndMetadata(number, "", -1)}
        producer.send_offsets_to_transaction(offsets, group)
        end()
    producer.close()
    assert read(name) == [b"0", b"2"]
    assert committed(group, name) == 2
    consumer = kafka.KafkaConsumer(name, bootstrap_servers=bootstrap, auto_offset_reset="earliest",
                                   isolation_level="read_committed", consumer_timeout_ms=3000)
    assert [message.value for message in consumer] == [b"0", b"2"]
    consumer.close()


def test_kafka_python_copies_exactly_once(bootstrap, topic, filled, read, committed, unique):
    kafka = pytest.importorskip("kafka")
    source, target, group = filled("a", "-b", "c", "-d", "e"), topic("output"), unique("copier")
    place = kafka.TopicPartition(source, 0)
    producer = kafka.KafkaProducer(bootstrap_servers=bootstrap, transactional_id=unique("python"))
    producer.init_transactions()
    reader = kafka.KafkaConsumer(source, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
                                 enable_auto_commit=False, isolation_level="read_committed", metadata_max_age_ms=1000)
    tried = set()
    deadline = time.monotonic() + TIMEOUT
    while committed(group, source) != 5:
        assert time.monotonic() < deadline
        for record in reader.poll(timeout_ms=200, max_records=1).get(place, ()):
            producer.begin_transaction()
            producer.send(target, record.value.upper()).get(TIMEOUT)
            producer.send_offsets_to_transaction({place: kafka.OffsetAndMetadata(record.offset + 1, "", -1)}, reader.group_metadata())
            if record.value.startswith(b"-") and record.value not in tried:
                tried.add(record.value)
                producer.abort_transaction()
                reader.seek(place, record.offset)
            else:
                producer.commit_transaction()
    stranger = reader.group_metadata()
    reader.close()
    producer.begin_transaction()
    producer.send(target, b"late").get(TIMEOUT)
    with pytest.raises(kafka.errors.KafkaError):
        producer.send_offsets_to_transaction({place: kafka.OffsetAndMetadata(0, "", -1)}, stranger)  # who has left
    producer.abort_transaction()
    producer.close()
    assert read(target) == [b"A", b"-B", b"C", b"-D", b"E"]
    assert sorted(read(target, "read_uncommitted")) == sorted([b"A", b"-B", b"-B", b"C", b"-D", b"-D", b"E", b"late"])
    assert committed(group, source) == 5


# -- aiokafka --------------------------------------------------------------------------------------


def test_aiokafka(bootstrap, topic, read, committed, unique):
    aiokafka = pytest.importorskip("aiokafka")
    name, group = topic(), unique("group")

    async def produce():
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=unique("aio"))
        await producer.start()
        for number in range(3):
            await producer.begin_transaction()
            await producer.send_and_wait(name, b"%d" % number)
            await producer.send_offsets_to_transaction({aiokafka.TopicPartition(name, 0): number}, group)
            await (producer.abort_transaction() if number == 1 else producer.commit_transaction())
        await producer.stop()

    async def consume():
        consumer = aiokafka.AIOKafkaConsumer(name, bootstrap_servers=bootstrap, auto_offset_reset="earliest",
                                             isolation_level="read_committed")
        await consumer.start()
        try:
            return [(await asyncio.wait_for(consumer.getone(), TIMEOUT)).value for _ in range(2)]
        finally:
            await consumer.stop()

    asyncio.run(produce())
    assert read(name) == asyncio.run(consume()) == [b"0", b"2"]
    assert committed(group, name) == 2


# -- kafkajs ---------------------------------------------------------------------------------------


@pytest.mark.needs("node", str(MODULES / "kafkajs"))
def test_kafkajs_copies_exactly_once(bootstrap, topic, filled, read, committed, unique):
    source, target, group = filled("a", "-b", "c", "-d", "e", "end"), topic("output"), unique("copier")
    done = subprocess.run(["node", HERE / "js/transactions.js", bootstrap, source, target, group], text=True,
                          capture_output=True, timeout=2 * TIMEOUT, env={**os.environ, "NODE_PATH": str(MODULES), "KAFKAJS_NO_PARTITIONER_WARNING": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert read(target) == [b"A", b"-B", b"C", b"-D", b"E"]
    assert sorted(read(target, "read_uncommitted")) == sorted([b"A", b"-b", b"-B", b"C", b"-d", b"-D", b"E"])
    assert committed(group, source) == 5
