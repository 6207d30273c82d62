"""Three brokers whose followers hang, whose leader dies: what a stock client has been told is there, and what is lost.

Each test runs against three brokers of real Kafka as well (--real-kafka).
"""
import concurrent.futures
import json
import re
import time

import clusters
import pytest
import tools
from helpers import eventually
from servers import HERE

from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import ListOffsets
from wire.apis.replication import DescribeLogDirs

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


def end_seen_by(cluster, broker, topic):
    """(error, offset) that consumers are told."""
    with WireClient(cluster.addresses[broker]) as client:
        asked = ListOffsets.Request.Topics(name=topic, partitions=[ListOffsets.Request.Topics.Partitions(partition_index=0, timestamp=-1)])
        [answered] = client.call(ListOffsets, 7, replica_id=-1, topics=[asked]).topics
        return answered.partitions[0].error_code, answered.partitions[0].offset


def bytes_on(cluster, broker, topic):
    with WireClient(cluster.addresses[broker]) as client:
        [directory] = client.call(DescribeLogDirs, 4, topics=[DescribeLogDirs.Request.Topics(topic=topic, partitions=[0])]).results
        return directory.topics[0].partitions[0].partition_size


def test_a_new_leader_tells_no_end_before_it_knows_it(cluster, topic):
    name = topic()
    hang(cluster, 3)
    assert write(cluster, name, b"on two", "1") is None
    eventually(lambda: bytes_on(cluster, 2, name))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        stopped = pool.submit(cluster.stop, 1)  # 3 is in sync still, and what it has nobody knows
        told = eventually(lambda: (found := end_seen_by(cluster, 2, name))[0] != errors.NOT_LEADER_OR_FOLLOWER and found)
        assert told == (errors.OFFSET_NOT_AVAILABLE, -1)
        cluster.thaw(3)
        stopped.result()
    eventually(lambda: end_seen_by(cluster, 2, name) == (errors.NONE, 1))


@pytest.mark.needs("java", str(HERE / ".cache/jars"), str(HERE / ".cache/classes"))
def test_stock_tools_move_replicas_and_leaders(cluster, topic, tmp_path):
    name = topic()
    assert write(cluster, name, b"moves along", "all") is None
    wanted = tmp_path / "wanted.json"
    wanted.write_text(json.dumps({"version": 1, "partitions": [{"topic": name, "partition": 0, "replicas": [3, 1]}]}))

    def run(tool, *arguments):
        done = tools.run([f"kafka-{tool}.sh", "--bootstrap-server", cluster.bootstrap, *arguments])
        return (done.stdout + done.stderr).replace(name, "TOPIC").strip()

    def elect():
        return run("leader-election", "--election-type", "preferred", "--topic", name, "--partition", "0")

    def described_by_tool():
        return re.sub(r"TopicId: \S+", "TopicId: ID", run("topics", "--describe", "--topic", name)).replace("\t", " ").splitlines()[1].strip()

    assert run("reassign-partitions", "--execute", "--reassignment-json-file", wanted).endswith(
        "Save this to use as the --reassignment-json-file option during rollback\nSuccessfully started partition reassignment for TOPIC-0")
    verify = "reassign-partitions", "--verify", "--reassignment-json-file", wanted
    eventually(lambda: "Reassignment of partition TOPIC-0 is completed." in run(*verify))
    assert run("reassign-partitions", "--list") == "No partition reassignments found."
    assert described_by_tool().split(" Isr: ")[0] == "Topic: TOPIC Partition: 0 Leader: 1 Replicas: 3,1"
    assert elect() == "Successfully completed leader election (PREFERRED) for partitions TOPIC-0"
    assert elect() == "Valid replica already elected for partitions TOPIC-0"
    assert described_by_tool().split(" Isr: ")[0] == "Topic: TOPIC Partition: 0 Leader: 3 Replicas: 3,1"
    cluster.stop(3)
    eventually(lambda: described(cluster, name).leader == 1)
    assert "PREFERRED_LEADER_NOT_AVAILABLE" in elect() or "PreferredLeaderNotAvailable" in elect()
    assert read(cluster, name) == [b"moves along"]
