"""Three brokers whose followers hang, whose leader dies: what a stock client has been told is there, and what is lost.

Each test runs against three brokers of real Kafka as well (--real-kafka).
"""
import time

import clusters
import pytest
from helpers import eventually

confluent_kafka = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

SETTINGS = {"broker_session_timeout_ms": 6000, "broker_heartbeat_interval_ms": 500, "replica_fetch_wait_max_ms": 100}


@pytest.fixture
def cluster(request, tmp_path):
    option = request.config.getoption
    if option("--bootstrap", None):
        pytest.skip("brokers that we did not start cannot be killed")
    with clusters.cluster(tmp_path, option("--real-kafka", False), **SETTINGS) as cluster:
        yield cluster


@pytest.fixture
def topic(cluster, unique):
    """topic(**configs) makes one on all three brokers, which broker 1 leads; gives its name."""

    def make(**configs):
        name = unique("c")
        configs = {key.replace("_", "."): str(value) for key, value in configs.items()}
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
        admin.create_topics([NewTopic(name, 1, replica_assignment=[[1, 2, 3]], config=configs)])[name].result(20)
        eventually(lambda: described(cluster, name).leader == 1)
        return name

    return make


def described(cluster, topic):
    """(leader, replicas, isrs ...) as the brokers that answer tell it."""
    found = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0}).list_topics(topic, timeout=10)
    return found.topics[topic].partitions.get(0) or confluent_kafka.admin.PartitionMetadata()


def write(cluster, topic, value, acks, timeout_ms=10_000):
    """None once it is acknowledged, else the error's name."""
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "acks": acks, "message.timeout.ms": timeout_ms, "linger.ms": 0, "log_level": 0})
    told = []
    producer.produce(topic, value, partition=0, callback=lambda error, message: told.append(error and error.name()))
    producer.flush(30)
    return told[0]


def read(cluster, topic):
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "reader", "enable.auto.commit": False, "log_level": 0})
    try:
        end = eventually(lambda: consumer.get_watermark_offsets(TopicPartition(topic, 0), 10))[1]
        consumer.assign([TopicPartition(topic, 0, 0)])
        values = []
        while len(values) < end:
            message = consumer.poll(10)
            assert message is not None and not message.error(), message and message.error()
            values.append(message.value())
        return values
    finally:
        consumer.close()


def hang(cluster, *followers):
    for follower in followers:
        cluster.freeze(follower)
    time.sleep(0.5)  # what a follower has asked for before it hung may still be answered


def test_acks_1_loses_what_only_the_leader_had_and_acks_all_nothing(cluster, topic):
    name = topic(min_insync_replicas=2)
    assert write(cluster, name, b"everybody has it", "all") is None
    hang(cluster, 2, 3)
    assert write(cluster, name, b"lost", "1") is None  # acknowledged, by one broker
    assert write(cluster, name, b"never acknowledged", "all", 1500) == "_MSG_TIMED_OUT"
    cluster.kill(1)
    cluster.thaw(2)
    cluster.thaw(3)
    eventually(lambda: described(cluster, name).leader in (2, 3))
    assert write(cluster, name, b"a new leader took it", "all") is None
    assert read(cluster, name) == [b"everybody has it", b"a new leader took it"]
    cluster.start(1)  # which cuts off what the others have not
    eventually(lambda: sorted(described(cluster, name).isrs) == [1, 2, 3], timeout=60)
    cluster.stop(2)
    cluster.stop(3)
    eventually(lambda: described(cluster, name).leader == 1)
    assert read(cluster, name) == [b"everybody has it", b"a new leader took it"]


@pytest.mark.parametrize("unclean", [False, True])
def test_who_was_out_of_sync_leads_if_it_may_and_knows_nothing_of_what_it_missed(cluster, topic, unclean):
    name = topic(unclean_leader_election_enable=str(unclean).lower())
    assert write(cluster, name, b"first", "all") is None
    cluster.stop(2)
    cluster.stop(3)
    eventually(lambda: described(cluster, name).isrs == [1])
    assert write(cluster, name, b"second", "all") is None  # the minimum is one
    cluster.kill(1)
    cluster.start(2)
    if unclean:
        eventually(lambda: described(cluster, name).leader == 2)
        assert read(cluster, name) == [b"first"]
    else:
        eventually(lambda: described(cluster, name).leader == -1)
        assert write(cluster, name, b"third", "all", 1500) == "_MSG_TIMED_OUT"
    cluster.start(1)
    eventually(lambda: 1 in described(cluster, name).isrs and described(cluster, name).leader == (2 if unclean else 1), timeout=60)
    assert write(cluster, name, b"third", "all") is None
    assert read(cluster, name) == [b"first", b"third"] if unclean else [b"first", b"second", b"third"]
