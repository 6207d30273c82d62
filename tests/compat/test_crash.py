"""A server on disk is killed while stock producers write, again and again, each time at another moment, and started again.

What was acknowledged is there once, in order, whatever the policy of flushing: `kill -9` takes the process, and not
what it has handed to the kernel. Transactions are whole or not at all, and offsets go with them.
"""
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
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


class Client:
    """A stock client in a process of its own, this file run as a program: `told` is what it prints, {word: [number]}.

    It ends when its stdin does. What its library aborts for is in the failure, and the test goes down in order.
    """

    def __init__(self, what, *arguments, told=()):
        self.told = defaultdict(list, told)
        self._complaints = tempfile.TemporaryFile()
        self._process = subprocess.Popen([sys.executable, "-X", "faulthandler", __file__, what, *map(str, arguments)], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            word, number = line.split()
            self.told[word].append(int(number))

    def end(self, patience=None, tolerated=()):
        """Let it finish; one that has not by `patience` (seconds), if that is given, is killed.

        It may have ended by itself with one of the `tolerated` statuses.
        """
        if self._process.poll() is None:
            self._process.stdin.close()
        try:
            self._process.wait(patience or 2 * TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(TIMEOUT)
            assert patience, "the client does not end"
        self._reader.join(TIMEOUT)
        self._complaints.seek(0)
        assert self._process.returncode in (0, -signal.SIGKILL, *tolerated), (self._process.returncode, self._complaints.read()[-5000:].decode())


def over():
    """For a Client's process: set once its stdin has ended."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    return ended


class Writer(Client):
    """Numbers in order to one partition, each produced once by its client, however often it is sent."""

    def __init__(self, address, topic):
        super().__init__("write", address, topic)
        self.topic = topic

    @property
    def acknowledged(self):
        return self.told["acknowledged"]

    def finish(self):
        """How many there are."""
        self.end()
        (sent,) = self.told["sent"]
        assert self.acknowledged == list(range(sent))
        return sent


def write(address, topic):
    ended, waiting, failed = over(), set(), []

    def delivered(error, message):
        if error is None:
            waiting.discard(int(message.value()))
            print("acknowledged", int(message.value()), flush=True)
        else:
            failed.append(error)

    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 0, "batch.num.messages": 10,
                         "reconnect.backoff.max.ms": 100, "message.timeout.ms": 120_000, "log_level": 0})
    sent = 0
    while not ended.is_set() and not failed:
        if len(waiting) < 50:
            waiting.add(sent)
            producer.produce(topic, b"%d" % sent, partition=0, on_delivery=delivered)
            sent += 1
        producer.poll(0.001)
    producer.flush(TIMEOUT)
    assert not failed and not waiting, (failed, waiting)
    print("sent", sent, flush=True)


class Committer(Client):
    """Transactions: the same number to two topics, and as the offset of a group.

    Who comes `after` another fences it: librdkafka's send_offsets_to_transaction may wait for ever, without asking
    anything, when it loses its connection at the wrong moment.
    """

    def __init__(self, address, topics, group, after=None):
        told = after.told if after else {}
        super().__init__("commit", address, group, max(told.get("committing", ()), default=-1) + 1, *topics, told=told)

    @property
    def committed(self):
        return self.told["committed"]

    @property
    def in_doubt(self):
        return self.told["committing"]

    def stop(self):
        """From now on another may take its place."""
        # librdkafka 2.16 has been seen to free something twice, where abort_transaction lost its server: glibc aborts it then.
        self.end(patience=1, tolerated=(-signal.SIGABRT,))


def commit(address, group_id, first, *topics):
    ended, producer = over(), None
    group = Consumer({"bootstrap.servers": address, "group.id": group_id, "log_level": 0}).consumer_group_metadata()
    for number in itertools.count(int(first)):
        if ended.is_set():
            os._exit(0)  # the library waits for what nobody wants any more
        if producer is None:
            producer = Producer({"bootstrap.servers": address, "transactional.id": group_id, "log_level": 0,
                                 "reconnect.backoff.max.ms": 100, "transaction.timeout.ms": 60_000})
            producer.init_transactions(TIMEOUT)
        try:
            producer.begin_transaction()
            for topic in topics:
                producer.produce(topic, b"%d" % number, partition=0)
            producer.send_offsets_to_transaction([TopicPartition("orders", 0, number)], group, TIMEOUT)
            print("committing", number, flush=True)
            producer.commit_transaction(TIMEOUT)
            print("committed", number, flush=True)
        except confluent_kafka.KafkaException as refusal:
            error = refusal.args[0]
            if error.txn_requires_abort():
                producer.abort_transaction(TIMEOUT)
            elif not error.retriable() or error.fatal():
                producer = None


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
        assert {f"made-{one}" for one in range(number + 1)} < set(admin.list_topics(timeout=TIMEOUT).topics)
    eventually(lambda: len(committer.committed) > 3)
    sent = [writer.finish() for writer in writers]
    committer.stop()
    server.end(signal.SIGKILL)
    server.start()
    for writer, count in zip(writers, sent):
        assert read(server.address, writer.topic) == list(range(count)), writer.topic
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


if __name__ == "__main__":
    {"write": write, "commit": commit}[sys.argv[1]](*sys.argv[2:])
