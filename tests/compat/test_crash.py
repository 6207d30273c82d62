"""A server on disk is killed while stock producers write, again and again, each time at another moment, and started again.

What was acknowledged is there once, in order, whatever the policy of flushing: `kill -9` takes the process, and not
what it has handed to the kernel. Transactions are whole or not at all, and offsets go with them.
"""
import itertools
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers import TIMEOUT, eventually

confluent_kafka = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """On one address and one directory, through any number of lives."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        self._folder = folder
        self._process = None

    def start(self):
        command = [sys.executable, "-m", "emulator.apps.cli", "serve", "--listen", self.address, "--log-level", "warning",
                   "--data-dir", str(self._folder / "data"), "--control", str(self._folder / "control.sock")]
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT)
        line = self._process.stdout.readline()
        assert line.startswith(b"bootstrap"), (line, (self._folder / "log").read_text()[-3000:])

    def end(self, number):
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(TIMEOUT)
            self._process.stdout.close()
            self._process = None

    def complaints(self):
        """What it logged that is neither of recovery nor of clients that went."""
        return [line for line in (self._folder / "log").read_text().splitlines() if "ERROR" in line or "Traceback" in line]


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    server.start()
    yield server
    server.end(signal.SIGKILL)


class Writer(threading.Thread):
    """Numbers in order to one partition, each produced once by its client, however often it is sent."""

    def __init__(self, address, topic):
        super().__init__(daemon=True)
        self.topic, self.sent, self.acknowledged, self.failed = topic, 0, [], []
        self._producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 0, "batch.num.messages": 10,
                                   "reconnect.backoff.max.ms": 100, "message.timeout.ms": 120_000, "log_level": 0})
        self._over = threading.Event()

    def run(self):
        while not self._over.is_set():
            if self.sent - len(self.acknowledged) < 50 and not self.failed:
                self._producer.produce(self.topic, b"%d" % self.sent, partition=0, on_delivery=self._delivered)
                self.sent += 1
            self._producer.poll(0.001)
        self._producer.flush(TIMEOUT)

    def _delivered(self, error, message):
        if error is None:
            self.acknowledged.append(int(message.value()))
        else:
            self.failed.append(error)

    def finish(self):
        self._over.set()
        self.join(2 * TIMEOUT)
        assert not self.failed, self.failed
        assert self.acknowledged == list(range(self.sent))


class Committer(threading.Thread):
    """Transactions: the same number to two topics, and as the offset of a group.

    Who comes `after` another fences it: librdkafka's send_offsets_to_transaction may wait for ever, without asking
    anything, when it loses its connection at the wrong moment.
    """

    def __init__(self, address, topics, group, after=None):
        super().__init__(daemon=True)
        self._address, self._topics, self._group = address, topics, group
        self.numbers = after.numbers if after else itertools.count()
        self.committed, self.in_doubt = (after.committed, after.in_doubt) if after else ([], [])
        self.error = None
        self._over = threading.Event()

    def run(self):
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - told by finish()
            self.error = error

    def _run(self):
        producer = None
        group = Consumer({"bootstrap.servers": self._address, "group.id": self._group, "log_level": 0}).consumer_group_metadata()
        while not self._over.is_set():
            if producer is None:
                producer = Producer({"bootstrap.servers": self._address, "transactional.id": self._group, "log_level": 0,
                                     "reconnect.backoff.max.ms": 100, "transaction.timeout.ms": 60_000})
                producer.init_transactions(TIMEOUT)
            number = next(self.numbers)
            try:
                producer.begin_transaction()
                for topic in self._topics:
                    producer.produce(topic, b"%d" % number, partition=0)
                producer.send_offsets_to_transaction([TopicPartition("orders", 0, number)], group, TIMEOUT)
                self.in_doubt.append(number)
                producer.commit_transaction(TIMEOUT)
                self.committed.append(number)
            except confluent_kafka.KafkaException as refusal:
                error = refusal.args[0]
                if error.txn_requires_abort():
                    producer.abort_transaction(TIMEOUT)
                elif not error.retriable() or error.fatal():
                    producer = None

    def stop(self):
        """From now on another may take its place."""
        self._over.set()
        self.join(1)
        assert self.error is None, self.error


def read(address, topic, isolation="read_committed"):
    """All numbers of a topic of one partition, up to the end that it has now."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "isolation.level": isolation, "enable.auto.commit": False,
                         "enable.partition.eof": True, "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found, deadline = [], time.monotonic() + TIMEOUT
    while True:
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            found.append(int(message.value()))
        elif message is not None and message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
            break
        assert time.monotonic() < deadline, f"{topic} has no end"
    consumer.close()
    return found


def crash(server, rounds, seed):
    choose = random.Random(seed)
    print(f"seed {seed}")
    admin = AdminClient({"bootstrap.servers": server.address, "log_level": 0})
    made = admin.create_topics([
        NewTopic("orders", 1, 1), NewTopic("careful", 1, 1, config={"flush.messages": "1"}),
        NewTopic("small", 1, 1, config={"segment.bytes": "1048576", "segment.ms": "50"}),
        NewTopic("left", 1, 1), NewTopic("right", 1, 1),
    ])
    for future in made.values():
        future.result(TIMEOUT)
    writers = [Writer(server.address, topic) for topic in ("orders", "careful", "small")]
    committer = Committer(server.address, ("left", "right"), "group")
    for thread in (*writers, committer):
        thread.start()
    for number in range(rounds):
        before = [len(writer.acknowledged) for writer in writers]
        eventually(lambda: all(len(writer.acknowledged) > count for writer, count in zip(writers, before)))
        time.sleep(choose.random() * 0.5)
        topic = f"made-{number}"
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(TIMEOUT)
        server.end(signal.SIGKILL if choose.random() < 0.9 else signal.SIGTERM)
        committer.stop()
        server.start()
        committer = Committer(server.address, ("left", "right"), "group", committer)
        committer.start()
        assert {f"made-{one}" for one in range(number + 1)} < set(admin.list_topics(timeout=TIMEOUT).topics)
    eventually(lambda: len(committer.committed) > 3)
    for writer in writers:
        writer.finish()
    committer.stop()
    server.end(signal.SIGKILL)
    server.start()
    for writer in writers:
        assert read(server.address, writer.topic) == list(range(writer.sent)), writer.topic
    left, right = read(server.address, "left"), read(server.address, "right")
    assert left == right == sorted(set(left))
    assert set(committer.committed) <= set(left) <= set(committer.in_doubt)
    group = Consumer({"bootstrap.servers": server.address, "group.id": "group", "log_level": 0})
    (offset,) = group.committed([TopicPartition("orders", 0)], timeout=TIMEOUT)
    assert offset.offset == left[-1]
    group.close()
    assert server.complaints() == []


def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(server):
    crash(server, rounds=3, seed=1)


@pytest.mark.soak
def test_nothing_is_lost_through_very_many_crashes(server):
    crash(server, rounds=60, seed=random.randrange(1 << 32))


@pytest.mark.parametrize("protocol", ("classic", "consumer"))
def test_members_of_a_group_outlive_their_coordinator(server, protocol):
    """They keep their ids and partitions: their sessions begin anew when the group has been loaded."""
    admin = AdminClient({"bootstrap.servers": server.address, "log_level": 0})
    admin.create_topics([NewTopic("orders", 2, 1)])["orders"].result(TIMEOUT)
    producer = Producer({"bootstrap.servers": server.address, "reconnect.backoff.max.ms": 100, "log_level": 0})
    consumer = Consumer({"bootstrap.servers": server.address, "group.id": "group", "group.protocol": protocol, "auto.offset.reset": "earliest",
                         "reconnect.backoff.max.ms": 100, "enable.auto.commit": False, "log_level": 0})
    changes = []
    consumer.subscribe(["orders"], on_assign=lambda _, assigned: changes.append(len(assigned)), on_lost=lambda *_: changes.append("lost"))

    def exchange(value):
        for partition in range(2):
            producer.produce("orders", value, partition=partition)
        assert producer.flush(TIMEOUT) == 0
        found = []

        def poll():
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                found.append(message.value())
            return len(found) == 2

        eventually(poll)
        assert found == [value] * 2
        consumer.commit(asynchronous=False)

    exchange(b"before")
    member = consumer.memberid()
    for number, ending in enumerate((signal.SIGKILL, signal.SIGTERM)):
        server.end(ending)
        server.start()
        exchange(b"after %d" % number)
    assert (consumer.memberid(), changes) == (member, [2])
    consumer.close()
    assert server.complaints() == []
