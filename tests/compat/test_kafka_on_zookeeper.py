"""Brokers of a real Kafka 3.9.1 in ZooKeeper mode on an ensemble of ours: they register, serve, and one takes over from the other."""

import json
import shutil
import socket
import subprocess
import time

import pytest
from zookeeper_servers import HERE, Servers, ports

pytest.importorskip("kazoo")
from kafka import KafkaConsumer, KafkaProducer, TopicPartition  # noqa: E402
from kafka.admin import KafkaAdminClient, NewTopic  # noqa: E402
from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import NoNodeError  # noqa: E402

JARS = HERE / ".cache" / "kafka-3.9.1"
pytestmark = pytest.mark.skipif(not JARS.is_dir() or not shutil.which("java"), reason="no Kafka 3.9.1: tests/compat/setup brings it")


@pytest.fixture
def no_warning_of_its_own():
    """Brokers are killed here: their clients warn of it, as they must."""


class Brokers:
    def __init__(self, directory, connect, count=2):
        self.ports = dict(enumerate(ports(count), 1))
        self._directory = directory
        self._processes = {}
        for broker, port in self.ports.items():
            (directory / f"{broker}.properties").write_text(f"""
broker.id={broker}
listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={directory}/kafka-{broker}
zookeeper.connect={connect}/kafka
zookeeper.session.timeout.ms=6000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
""")
            self.start(broker)

    def start(self, broker):
        with open(self._directory / f"{broker}.log", "ab") as log:
            self._processes[broker] = subprocess.Popen(
                ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*", "kafka.Kafka",
                 self._directory / f"{broker}.properties"], stdout=log, stderr=log)

    def kill(self, *brokers):
        for broker in brokers or list(self._processes):
            process = self._processes.pop(broker)
            process.kill()
            process.wait()

    @property
    def bootstrap(self):
        return [f"127.0.0.1:{port}" for port in self.ports.values()]


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        try:
            if (found := condition()):
                return found
        except NoNodeError:
            pass
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def test_a_broker_starts_and_serves_producers_and_groups(tmp_path):
    with Servers(tmp_path, {0: "ours"}) as servers:
        zk = KazooClient(servers.hosts())
        zk.start(20)
        brokers = Brokers(tmp_path, servers.hosts(), 1)
        try:
            until(lambda: zk.get("/kafka/controller_epoch")[0] == b"1" and listens(brokers.ports[1]))
            assert zk.get("/kafka/brokers/ids/1")[1].ephemeralOwner == zk.get("/kafka/controller")[1].ephemeralOwner != 0
            producer = KafkaProducer(bootstrap_servers=brokers.bootstrap)
            assert producer.send("t", b"v").get(30).offset == 0  # the topic comes to be by that
            assert json.loads(zk.get("/kafka/brokers/topics/t")[0])["partitions"] == {"0": [1]}
            consumer = KafkaConsumer("t", bootstrap_servers=brokers.bootstrap, group_id="g", auto_offset_reset="earliest")
            assert next(consumer).value == b"v"
            for client in (consumer, producer):
                client.close()
        finally:
            brokers.kill()
            zk.stop()
            zk.close()


def listens(port):
    """A broker is registered before it is."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.soak
def test_two_brokers_register_serve_and_fail_over(tmp_path):
    with Servers(tmp_path, {1: "ours", 2: "ours", 3: "ours"}, tick_ms=2000) as servers:
        zk = KazooClient(servers.hosts())
        zk.start(20)
        brokers = Brokers(tmp_path, servers.hosts())
        try:
            until(lambda: sorted(zk.get_children("/kafka/brokers/ids")) == ["1", "2"])

            def controller():
                return json.loads(zk.get("/kafka/controller")[0])["brokerid"]
            assert until(lambda: zk.get("/kafka/controller_epoch")[0]) == b"1" and zk.exists("/kafka/cluster/id")
            assert zk.get("/kafka/brokers/ids/1")[1].ephemeralOwner

            admin = KafkaAdminClient(bootstrap_servers=brokers.bootstrap)
            admin.create_topics([NewTopic("t", 2, 2)])
            assert {frozenset(replicas) for replicas in until(
                lambda: json.loads(zk.get("/kafka/brokers/topics/t")[0]))["partitions"].values()} == {frozenset((1, 2))}
            producer = KafkaProducer(bootstrap_servers=brokers.bootstrap, acks="all", retries=50)
            for n in range(50):
                producer.send("t", b"%d" % n).get(30)

            servers.kill(servers.leader())  # Kafka's sessions go on at the other servers
            for n in range(50, 100):
                producer.send("t", b"%d" % n).get(30)
            assert sorted(zk.retry(zk.get_children, "/kafka/brokers/ids")) == ["1", "2"]

            first = controller()
            brokers.kill(first)
            until(lambda: controller() != first)
            assert zk.get("/kafka/controller_epoch")[0] == b"2"
            assert zk.get_children("/kafka/brokers/ids") == [str(3 - first)]
            for n in range(100, 150):
                producer.send("t", b"%d" % n).get(60)
            consumer = KafkaConsumer(bootstrap_servers=brokers.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=5000)
            consumer.assign([TopicPartition("t", 0), TopicPartition("t", 1)])
            assert {message.value for message in consumer} == {b"%d" % n for n in range(150)}
            brokers.start(first)
            until(lambda: sorted(zk.get_children("/kafka/brokers/ids")) == ["1", "2"])
            for each in (consumer, producer, admin):
                each.close()
        finally:
            brokers.kill()
            zk.stop()
            zk.close()
