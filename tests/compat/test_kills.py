"""Three brokers are killed, stopped, frozen and cut off from clients at random, one at a time, while librdkafka writes.

With acks=all and two replicas in sync at least, what was acknowledged is there, once; a transaction is there whole or not at all.
"""
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers import eventually

from emulator.apps.control.client import ask

confluent_kafka = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, KafkaException, Producer, ShareConsumer  # noqa: E402

from tests.wire_client import WireClient  # noqa: E402
from wire.apis.configs import IncrementalAlterConfigs  # noqa: E402

GROUP = 32  # a type of resource that has configs
ROOT = Path(__file__).resolve().parents[2]
HURRIED = {"log_level": 0, "linger.ms": 1, "reconnect.backoff.ms": 5, "reconnect.backoff.max.ms": 50, "retry.backoff.ms": 10,
           "topic.metadata.refresh.fast.interval.ms": 10}  # fmt: skip
AFTER = {"kill": "start", "stop": "start", "freeze": "thaw", "split": "mend"}
HURRIED_READER = {"log_level": 0, "reconnect.backoff.ms": 5, "reconnect.backoff.max.ms": 50, "topic.metadata.refresh.fast.interval.ms": 10}
SETTINGS = "default.replication.factor: 3\nmin.insync.replicas: 2\n"


class Brokers:
    def __init__(self, folder):
        (folder / "c.yaml").write_text(SETTINGS)
        self._control = str(folder / "c.sock")
        command = [sys.executable, "-m", "emulator", "--brokers", "3", "--listen", "127.0.0.1:0", "--topic", "t:6",
                   "--config", str(folder / "c.yaml"), "--control", self._control, "--log-level", "warning"]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.bootstrap = self.process.stdout.readline().strip().partition("=")[2]

    def do(self, broker, action):
        ask(self._control, "POST", f"/brokers/{broker}/{action}", {})

    def all_in_sync(self):
        topics = ask(self._control, "GET", "/topics")["topics"]
        return all(len(partition["isr"]) == 3 for topic in topics for partition in topic["partitions"])

    def suffer(self, times):
        """One broker after the other goes, and comes back before the next goes."""
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        chance = random.Random(seed)
        for _ in range(times):
            time.sleep(chance.uniform(0.02, 0.2))  # some moment of what the clients do
            broker, action = chance.randint(1, 3), chance.choice(list(AFTER))
            self.do(broker, action)
            time.sleep(chance.uniform(0.02, 0.2))
            self.do(broker, AFTER[action])
            eventually(self.all_in_sync)


@pytest.fixture
def brokers(tmp_path_factory):
    brokers = Brokers(tmp_path_factory.mktemp("b"))
    yield brokers
    brokers.process.terminate()
    brokers.process.wait(20)


def read(bootstrap, count):
    """At least `count` values, and what comes within a moment after them."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "g", "auto.offset.reset": "earliest", "isolation.level": "read_committed", "log_level": 0})
    consumer.subscribe(["t"])
    values, deadline, quiet = [], time.monotonic() + 30, False
    while time.monotonic() < deadline and not quiet:
        messages = consumer.consume(5000, 0.5)
        values += [message.value() for message in messages if not message.error()]
        quiet = not messages and len(values) >= count
    consumer.close()
    return values


class Writer(threading.Thread):
    """Writes until it is told to end; `acknowledged` has the values."""

    def __init__(self, bootstrap, **options):
        super().__init__(daemon=True)
        self.producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, **HURRIED, **options})
        self.acknowledged, self.failed = [], []
        self.over = threading.Event()
        self.start()

    def end(self):
        self.over.set()
        self.join(60)
        assert not self.is_alive()

    def run(self):
        number = 0
        while not self.over.is_set():
            for number in range(number, number + 5):
                self.producer.produce("t", b"%d" % number, callback=self._told)
            number += 1
            self.producer.poll(0.001)
        self.producer.flush(30)

    def _told(self, error, message):
        self.failed.append(error) if error else self.acknowledged.append(message.value())


class TransactionalWriter(Writer):
    def run(self):
        number, begun = 0, False
        while not self.over.is_set():
            values = [b"%d" % one for one in range(number, number + 10)]
            number += 10
            try:
                if not begun:
                    self.producer.init_transactions(30)
                    begun = True
                self.producer.begin_transaction()
                for value in values:
                    self.producer.produce("t", value)
                self.producer.commit_transaction(30)
                self.acknowledged += values
            except KafkaException as reason:
                if not reason.args[0].txn_requires_abort():
                    self.failed.append(reason)
                    return
                self.producer.abort_transaction(30)


def _nothing_is_lost(brokers, writer, times):
    eventually(lambda: writer.acknowledged)
    brokers.suffer(times)
    writer.end()
    assert not writer.failed
    found = read(brokers.bootstrap, len(writer.acknowledged))
    assert sorted(found) == sorted(writer.acknowledged)


def test_what_was_acknowledged_is_there_once(brokers):
    _nothing_is_lost(brokers, Writer(brokers.bootstrap), 8)


def test_transactions_are_there_whole(brokers):
    _nothing_is_lost(brokers, TransactionalWriter(brokers.bootstrap, **{"transactional.id": "x"}), 8)


@pytest.mark.soak
def test_what_was_acknowledged_is_there_after_fifty(brokers):
    _nothing_is_lost(brokers, Writer(brokers.bootstrap), 50)


@pytest.mark.soak
def test_transactions_are_there_whole_after_fifty(brokers):
    _nothing_is_lost(brokers, TransactionalWriter(brokers.bootstrap, **{"transactional.id": "x"}), 50)


class Group(threading.Thread):
    """A member of a group that reads until it is told to end; `values`: all that it got, in order."""

    def __init__(self, consumer):
        super().__init__(daemon=True)
        self.consumer = consumer
        self.values = []
        self.over = threading.Event()
        self.start()

    def end(self):
        self.over.set()
        self.join(60)
        assert not self.is_alive()

    def run(self):
        while not self.over.is_set():
            self.values += [message.value() for message in self.poll() if not message.error()]
        self.consumer.close()


class ConsumerGroup(Group):
    """A member of a group of KIP-848; offsets are committed while it reads."""

    def poll(self):
        return self.consumer.consume(1000, 0.1)


class ShareGroup(Group):
    """What it gets is acknowledged with its next poll, or when it leaves."""

    def poll(self):
        return self.consumer.poll(0.1)


def consumer_of(brokers, group):
    consumer = Consumer({"bootstrap.servers": brokers.bootstrap, "group.id": group, "group.protocol": "consumer", "auto.offset.reset": "earliest",
                         "auto.commit.interval.ms": 50, **HURRIED_READER})  # fmt: skip
    consumer.subscribe(["t"])
    return consumer


def share_consumer_of(brokers, group):
    Resource = IncrementalAlterConfigs.Request.Resources
    earliest = Resource.Configs(name="share.auto.offset.reset", config_operation=0, value="earliest")
    with WireClient(brokers.bootstrap.split(",")[0]) as client:
        client.call(IncrementalAlterConfigs, 1, resources=[Resource(resource_type=GROUP, resource_name=group, configs=[earliest])])
    consumer = ShareConsumer({"bootstrap.servers": brokers.bootstrap, "group.id": group, **HURRIED_READER})
    consumer.subscribe(["t"])
    return consumer


def _all_is_read(brokers, kind, make, times):
    """Whoever is killed: what was acknowledged is read by the members of one group, and who comes after them finds nothing left."""
    members = [kind(make(brokers, "g")) for _ in range(2)]
    writer = Writer(brokers.bootstrap)
    eventually(lambda: writer.acknowledged)
    brokers.suffer(times)
    writer.end()
    assert not writer.failed
    wanted = set(writer.acknowledged)
    eventually(lambda: wanted <= {value for member in members for value in list(member.values)})
    for member in members:
        member.end()
    for _ in range(2):  # the first may get again what a broker died over as it was acknowledged
        late = kind(make(brokers, "g"))
        time.sleep(1)
        late.end()
    assert late.values == []


@pytest.mark.parametrize("kind, make", [(ConsumerGroup, consumer_of), (ShareGroup, share_consumer_of)], ids=["consumer", "share"])
def test_a_group_reads_all(brokers, kind, make):
    _all_is_read(brokers, kind, make, 5)


@pytest.mark.soak
@pytest.mark.parametrize("kind, make", [(ConsumerGroup, consumer_of), (ShareGroup, share_consumer_of)], ids=["consumer", "share"])
def test_a_group_reads_all_after_fifty(brokers, kind, make):
    _all_is_read(brokers, kind, make, 50)
