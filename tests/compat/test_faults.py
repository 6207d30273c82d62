"""Stock clients through faults: they try again as they would with a Kafka that fails like this, and end with what was meant."""

import pytest

pytest.importorskip("confluent_kafka")
pytest.importorskip("kafka")

import confluent_kafka  # noqa: E402
import kafka as kafka_python  # noqa: E402

from emulator import Emulator  # noqa: E402
import tools  # noqa: E402
from helpers import TIMEOUT  # noqa: E402
from servers import HERE  # noqa: E402

RECORDS = [f"record {number}".encode() for number in range(20)]
QUICK = {"retry.backoff.ms": 20, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100, "topic.metadata.refresh.fast.interval.ms": 50}


@pytest.fixture(autouse=True)
def no_warning_of_its_own():
    """They are to warn: what this is about would make them with Apache Kafka, too."""


@pytest.fixture(scope="module")
def one():
    with Emulator(seed=1) as emulator:
        yield emulator


@pytest.fixture
def emulator(one):
    one.topic = f"orders-{len(one.server.cluster.topics)}"
    one.create_topic(one.topic, 2)
    yield one
    one.clear_faults()


def librdkafka_writes(emulator, **options):
    producer = confluent_kafka.Producer({"bootstrap.servers": emulator.bootstrap, "linger.ms": 0, **QUICK, **options})
    failed = []
    for value in RECORDS:
        producer.produce(emulator.topic, value, partition=0, on_delivery=lambda error, _: failed.append(error) if error else None)
        producer.poll(0)
    assert producer.flush(TIMEOUT) == 0 and not failed


def librdkafka_reads(emulator):
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": emulator.bootstrap, "group.id": emulator.topic, "auto.offset.reset": "earliest", "enable.auto.commit": False, "fetch.error.backoff.ms": 20, **QUICK,
    })  # fmt: skip
    try:
        consumer.subscribe([emulator.topic])
        seen = []
        while len(seen) < len(RECORDS):
            message = consumer.poll(TIMEOUT)
            assert message is not None, f"only {len(seen)} came"
            if not message.error():
                seen.append(message.value())
        consumer.commit(asynchronous=False)
        return seen
    finally:
        consumer.close()


def kafka_python_writes(emulator):
    producer = kafka_python.KafkaProducer(bootstrap_servers=emulator.bootstrap, retry_backoff_ms=20, reconnect_backoff_ms=20, acks="all", retries=100)
    sent = [producer.send(emulator.topic, value, partition=0) for value in RECORDS]
    for one in sent:
        one.get(timeout=TIMEOUT)
    producer.close()


def kafka_python_reads(emulator):
    consumer = kafka_python.KafkaConsumer(
        emulator.topic, bootstrap_servers=emulator.bootstrap, group_id=emulator.topic, auto_offset_reset="earliest", enable_auto_commit=False,
        retry_backoff_ms=20, reconnect_backoff_ms=20, consumer_timeout_ms=TIMEOUT * 1000,
    )  # fmt: skip
    try:
        seen = [next(consumer).value for _ in RECORDS]
        consumer.commit()
        return seen
    finally:
        consumer.close()


CLIENTS = {"librdkafka": (librdkafka_writes, librdkafka_reads), "kafka-python": (kafka_python_writes, kafka_python_reads)}


WHILE_WRITING = (
    {"api": "Metadata", "error": "LEADER_NOT_AVAILABLE", "times": 1},
    {"api": "Produce", "error": "NOT_LEADER_OR_FOLLOWER", "nth": 1},
    {"api": "Produce", "error": "KAFKA_STORAGE_ERROR", "nth": 2},
    {"api": "Produce", "drop": "before", "nth": 3},
    {"api": "Produce", "throttle": "50ms", "nth": 4},
)
WHILE_READING = (
    {"api": "FindCoordinator", "error": "COORDINATOR_NOT_AVAILABLE", "times": 1},
    {"api": "JoinGroup", "error": "COORDINATOR_LOAD_IN_PROGRESS", "times": 1},
    {"api": "OffsetFetch", "error": "COORDINATOR_LOAD_IN_PROGRESS", "times": 1},
    {"api": "Fetch", "error": "NOT_LEADER_OR_FOLLOWER", "nth": 1},
    {"api": "Fetch", "drop": "after", "nth": 2},
    {"api": "Fetch", "torn": 30, "nth": 3},
    {"api": "Fetch", "stale": 15, "nth": 1},
    {"api": "Fetch", "duplicate": True, "nth": 2},
    {"api": "OffsetCommit", "error": "COORDINATOR_LOAD_IN_PROGRESS", "times": 1},
)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_producer_tries_again(emulator, client):
    faults = [emulator.fail(**words) for words in WHILE_WRITING]
    writes, _ = CLIENTS[client]
    writes(emulator)
    for fault in faults:
        fault.assert_hit(1)
    assert [record.value for record in emulator.records(emulator.topic)] == RECORDS


@pytest.mark.parametrize("how", [{"drop": "after"}, {"torn": 9}, {"correlation_id": 100}], ids=lambda how: next(iter(how)))
def test_an_idempotent_producer_writes_once_what_it_does_not_hear_of(emulator, how):
    """The first answer is lost after the work is done; what comes again is known by its sequence numbers."""
    hit = emulator.fail("Produce", topic=emulator.topic, times=1, **how)
    librdkafka_writes(emulator, **{"enable.idempotence": True, "socket.timeout.ms": 500})
    hit.assert_hit(1)
    assert [record.value for record in emulator.records(emulator.topic)] == RECORDS


@pytest.mark.parametrize("client", CLIENTS)
def test_a_consumer_tries_again(emulator, client):
    for value in RECORDS:
        emulator.produce(emulator.topic, value, partition=0)
    faults = [emulator.fail(**words) for words in WHILE_READING]
    _, reads = CLIENTS[client]
    assert reads(emulator) == RECORDS
    for fault in faults:
        fault.assert_hit(1)


def test_a_wrong_checksum_is_found_by_who_looks(emulator):
    for value in RECORDS:
        emulator.produce(emulator.topic, value, partition=0)
    hit = emulator.fail("Fetch", topic=emulator.topic, corrupt_crc=True, times=1)
    consumer = confluent_kafka.Consumer({"bootstrap.servers": emulator.bootstrap, "group.id": "g", "check.crcs": True, **QUICK})
    consumer.assign([confluent_kafka.TopicPartition(emulator.topic, 0, 0)])
    seen = []
    while len(seen) < len(RECORDS):
        message = consumer.poll(TIMEOUT)
        assert message is not None
        if not message.error():
            seen.append(message.value())
    consumer.close()
    hit.assert_hit(1)
    assert seen == RECORDS


@pytest.mark.soak  # two JVMs
@pytest.mark.needs("java", str(HERE / ".cache/jars"), str(HERE / ".cache/classes"))
def test_the_tools_of_kafka_try_again(emulator):
    """Over what a broker may answer, connections that end after the work is done, and frames cut off."""

    def run(tool, *arguments, stdin=""):
        done = tools.run([tool, "--bootstrap-server", emulator.bootstrap, "--topic", emulator.topic, *arguments], stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    lines = "".join(f"line {number}\n" for number in range(20))
    writing = [emulator.fail(**words) for words in (
        {"api": "InitProducerId", "error": "COORDINATOR_LOAD_IN_PROGRESS", "times": 1},
        *WHILE_WRITING,
        {"api": "Produce", "drop": "after", "nth": 5},
        {"api": "Produce", "torn": 20, "nth": 6},
    )]  # fmt: skip
    run("kafka-console-producer.sh", "--batch-size", "1", "--command-property", "linger.ms=0", "--command-property", "retry.backoff.ms=20", stdin=lines)
    reading = [emulator.fail(**words) for words in WHILE_READING]
    arguments = ["--from-beginning", "--max-messages", "20", "--timeout-ms", str(TIMEOUT * 1000), "--group", emulator.topic]
    seen = run("kafka-console-consumer.sh", *arguments)
    for fault in writing + reading:
        fault.assert_hit(1)
    assert sorted(seen.splitlines()) == sorted(lines.splitlines()), "each once: the producer is idempotent"
