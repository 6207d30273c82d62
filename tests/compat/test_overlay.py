"""An overlay before the server under test: stock clients and tools see one cluster, and each side has what is its own."""
import json
import re

import pytest
import servers
import tools
from helpers import TIMEOUT, eventually

confluent_kafka = pytest.importorskip("confluent_kafka")
pytest.importorskip("kafka")
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402
from kafka import KafkaConsumer, KafkaProducer  # noqa: E402

QUIET = {"log_level": 0}  # connections that end are none of the tests'


@pytest.fixture(scope="module")
def overlay(bootstrap, tmp_path_factory):
    """The address of a proxy that serves ov-* itself, before the server under test."""
    settings = {"overlay_topics": "ov-*", "overlay_transactional_ids": "ov-*"}
    directory = tmp_path_factory.mktemp("overlay")
    config = "\n".join(f"{key.replace('_', '.')}: '{value}'" for key, value in settings.items())
    (directory / "proxy.yaml").write_text(f"listeners: PLAINTEXT://127.0.0.1:0\nupstream.bootstrap.servers: '{bootstrap}'\n{config}\n")
    with servers.proxy(directory) as address:
        yield address


@pytest.fixture
def topics(overlay, unique):
    """(a topic of the overlay, a topic behind), of three partitions each."""
    names = unique("ov-orders"), unique("payments")
    admin = AdminClient({"bootstrap.servers": overlay, **QUIET})
    for made in admin.create_topics([NewTopic(name, 3) for name in names]).values():
        made.result(TIMEOUT)
    return names


def known(address):
    return set(AdminClient({"bootstrap.servers": address, **QUIET}).list_topics(timeout=TIMEOUT).topics)


def read(consumer, count):
    found = []
    eventually(lambda: found.extend(one for one in consumer.consume(count, 0.1) if not one.error()) or len(found) >= count)
    return found


def test_librdkafka_reads_and_writes_both_sides(overlay, bootstrap, topics):
    ours, theirs = topics
    assert {ours, theirs} <= known(overlay) and theirs in known(bootstrap) and ours not in known(bootstrap)
    producer = Producer({"bootstrap.servers": overlay, "enable.idempotence": True, **QUIET})
    for number in range(300):
        for topic in topics:
            producer.produce(topic, f"{topic} {number}".encode(), partition=number % 3)  # a partition that got none has no position to commit
    assert not producer.flush(TIMEOUT)
    for topic in topics:
        consumer = Consumer({"bootstrap.servers": overlay, "group.id": f"of-{topic}", "auto.offset.reset": "earliest", **QUIET})
        consumer.subscribe([topic])
        assert {one.value() for one in read(consumer, 300)} == {f"{topic} {number}".encode() for number in range(300)}
        consumer.commit(asynchronous=False)
        consumer.close()
    direct = Consumer({"bootstrap.servers": bootstrap, "group.id": f"of-{ours}", **QUIET})
    assert [one.offset for one in direct.committed([TopicPartition(theirs, 0)], TIMEOUT)] == [confluent_kafka.OFFSET_INVALID]
    direct.close()
    by_hand = Consumer({"bootstrap.servers": overlay, "group.id": f"hand-{ours}", "enable.auto.commit": False, "auto.offset.reset": "earliest", **QUIET})
    by_hand.assign([TopicPartition(topic, index, 0) for topic in topics for index in range(3)])
    read(by_hand, 600)
    kept = {(one.topic, one.partition): one.offset for one in by_hand.commit(asynchronous=False)}
    assert kept == {(topic, index): 100 for topic in topics for index in range(3)}
    assert {(one.topic, one.partition): one.offset for one in by_hand.committed([TopicPartition(*one) for one in kept], TIMEOUT)} == kept
    by_hand.close()


def test_a_group_of_librdkafkas_over_both_sides_is_refused(overlay, topics):
    consumer = Consumer({"bootstrap.servers": overlay, "group.id": f"torn-{topics[0]}", **QUIET})
    consumer.subscribe(list(topics))
    message = eventually(lambda: consumer.poll(0.1))
    assert "JoinGroup failed: Broker: Policy violation" in str(message.error())
    consumer.close()


def test_a_transaction_is_on_one_side(overlay, topics):
    ours, theirs = topics
    producer = Producer({"bootstrap.servers": overlay, "transactional.id": "ov-tx", **QUIET})
    producer.init_transactions(TIMEOUT)
    producer.begin_transaction()
    producer.produce(ours, b"in one")
    producer.commit_transaction(TIMEOUT)
    producer.begin_transaction()
    producer.produce(theirs, b"in both")
    with pytest.raises(KafkaException, match="Policy violation"):
        producer.commit_transaction(TIMEOUT)
    consumer = Consumer({"bootstrap.servers": overlay, "group.id": "r", "isolation.level": "read_committed", **QUIET})
    consumer.assign([TopicPartition(ours, index, 0) for index in range(3)])
    assert [one.value() for one in read(consumer, 1)] == [b"in one"]
    consumer.close()


def test_kafka_python_fetches_in_sessions_over_both_sides(overlay, topics, unique):
    producer = KafkaProducer(bootstrap_servers=overlay)
    for topic in topics:
        for number in range(50):
            producer.send(topic, f"{number}".encode())
    producer.flush(TIMEOUT)
    consumer = KafkaConsumer(bootstrap_servers=overlay, group_id=unique("by-hand"), auto_offset_reset="earliest", enable_auto_commit=False)
    from kafka import TopicPartition as Partition

    consumer.assign([Partition(topic, index) for topic in topics for index in range(3)])
    found = []
    eventually(lambda: found.extend(one.topic for several in consumer.poll(200).values() for one in several) or len(found) >= 100)
    assert {topic: found.count(topic) for topic in topics} == dict.fromkeys(topics, 50)
    for topic in topics:  # they wait for both, and either ends that
        producer.send(topic, b"more").get(TIMEOUT)
        eventually(lambda: any(one.topic == topic for several in consumer.poll(500).values() for one in several))
    consumer.close()
    producer.close()


@pytest.mark.needs("java")
@pytest.mark.parametrize("protocol", ["consumer", pytest.param("classic", marks=pytest.mark.soak)])
def test_the_console_and_its_tools(overlay, bootstrap, topics, unique, protocol):
    ours, theirs = topics
    server = ["--bootstrap-server", overlay]
    for topic in topics:
        assert tools.run(["kafka-console-producer.sh", *server, "--topic", topic], f"of {topic}\n").returncode == 0
        group = unique("console")
        read = [*server, "--topic", topic, "--from-beginning", "--max-messages", "1", "--group", group, "--command-property", f"group.protocol={protocol}"]
        assert tools.run(["kafka-console-consumer.sh", *read]).stdout == f"of {topic}\n"
        described = tools.run(["kafka-consumer-groups.sh", *server, "--describe", "--group", group])
        assert re.search(rf"^{group}\s+{topic}\s+\d\s+1\s+1\s+0", described.stdout, re.MULTILINE), described.stdout + described.stderr
        assert group in tools.run(["kafka-consumer-groups.sh", *server, "--list"]).stdout.split()
        assert (group in tools.run(["kafka-consumer-groups.sh", "--bootstrap-server", bootstrap, "--list"]).stdout.split()) is (topic == theirs)
        assert "was successful" in tools.run(["kafka-consumer-groups.sh", *server, "--delete", "--group", group]).stdout
    listed = tools.run(["kafka-topics.sh", *server, "--list"]).stdout.split()
    assert {ours, theirs} <= set(listed)
    described = tools.run(["kafka-topics.sh", *server, "--describe", "--topic", ours])
    assert described.stdout.count("Partition: ") == 3 and "Leader: none" not in described.stdout
    altered = tools.run(["kafka-configs.sh", *server, "--alter", "--entity-type", "topics", "--entity-name", ours, "--add-config", "retention.ms=4711"])
    assert altered.returncode == 0 and "retention.ms=4711" in tools.run(
        ["kafka-configs.sh", *server, "--describe", "--entity-type", "topics", "--entity-name", ours]).stdout  # fmt: skip
    dirs = tools.run(["kafka-log-dirs.sh", *server, "--describe", "--topic-list", f"{ours},{theirs}"]).stdout
    assert {part["partition"].rpartition("-")[0] for broker in json.loads(dirs.splitlines()[-1])["brokers"] for one in broker["logDirs"] for part in one["partitions"]} == set(topics)
    assert tools.run(["kafka-topics.sh", *server, "--delete", "--topic", ours]).returncode == 0


@pytest.mark.needs("java")
def test_what_the_console_says_of_a_group_over_both_sides(overlay, topics, unique):
    read = ["--bootstrap-server", overlay, "--include", "|".join(topics), "--max-messages", "1", "--group", unique("torn"), "--timeout-ms", "8000"]
    ran = tools.run(["kafka-console-consumer.sh", *read])
    assert "POLICY_VIOLATION" in ran.stdout + ran.stderr or "policy" in ran.stdout + ran.stderr, ran.stdout + ran.stderr
