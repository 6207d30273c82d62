"""A mirror that copies exactly once while it and the clusters at either end are killed again and again, whichever they are.

Whoever reads only what is committed at the target sees each record of the source once, in order.
"""

import base64
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from helpers import TIMEOUT, eventually

confluent_kafka = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402
from servers import BIN, HERE, answers, free_ports  # noqa: E402

pytestmark = [pytest.mark.soak, pytest.mark.needs("java")]
ROOT = Path(__file__).resolve().parents[2]
PARTITIONS, ROUNDS = 3, 9
PATIENCE_S = 120


class Killed:
    """A process that is killed and started again, with the same address and what is in its directory."""

    def __init__(self, directory):
        directory.mkdir()
        self._directory = directory
        self._process = None
        self._starts = 0
        self.address, self._quorum = (f"127.0.0.1:{port}" for port in free_ports(2))
        self.prepare()
        self.start()

    def start(self):
        self._starts += 1
        self.log = self._directory / f"log-{self._starts}"
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=ROOT)
        self.wait()

    def wait(self):
        eventually(lambda: answers(self.address), timeout=PATIENCE_S)

    def kill(self):
        self._process.kill()
        self._process.wait()


class Ours(Killed):
    def prepare(self):
        pass

    def command(self):
        return [sys.executable, "-m", "emulator", "--listen", self.address, "--data-dir", self._directory / "data", "--log-level", "error"]


class Kafka(Killed):
    def prepare(self):
        text = (HERE / "kafka.properties").read_text()
        for name, value in (("LISTENER", self.address), ("QUORUM", self._quorum), ("DATA", str(self._directory / "data"))):
            text = text.replace(name, value)
        self._properties = self._directory / "kafka.properties"
        self._properties.write_text(text)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)
        subprocess.run([BIN / "kafka-storage.sh", "format", "-t", cluster, "-c", self._properties], check=True, capture_output=True)

    def command(self):
        return [BIN / "kafka-server-start.sh", self._properties]


class Mirror(Killed):
    """`ends`: statuses of those that others have taken over from."""

    def __init__(self, directory, source, target):
        self._ends = source, target
        self._stopped = []
        super().__init__(directory)

    def prepare(self):
        pass

    def command(self):
        source, target = self._ends
        return [sys.executable, "-m", "emulator", "mirror", "--from", source.address, "--to", target.address, "--exactly-once", "--refresh", "1",
                "--topics", "t", "--log-level", "info"]  # fmt: skip

    def wait(self):
        pass

    def go_on(self):
        """It may have found no cluster when it began."""
        if self._process.poll() is not None:
            assert self._process.returncode in (2, -signal.SIGKILL), self.logged()
            self.start()

    def replace(self):
        """One that seems dead comes back when another has taken over. It has begun: else it were the newer one."""
        def has_begun():
            self.go_on()
            return "\nto=" in self.log.read_text()
        eventually(has_begun, timeout=PATIENCE_S)
        self._process.send_signal(signal.SIGSTOP)
        self._stopped.append(self._process)
        self.start()

    def wake(self):
        for one in self._stopped:
            one.send_signal(signal.SIGCONT)

    def kill_all(self):
        self.kill()
        for one in self._stopped:
            one.kill()
            one.wait()

    def logged(self):
        return "".join(f"{path.name}:\n{path.read_text()[-3000:]}\n" for path in sorted(self._directory.iterdir()))

    def statuses(self):
        return [one.wait(PATIENCE_S) for one in self._stopped]


def read(bootstrap, isolation="read_committed"):
    """[[(key, value)]] by partition, up to the end."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "all", "enable.partition.eof": True, "log_level": 0, "isolation.level": isolation})
    consumer.assign([TopicPartition("t", index, 0) for index in range(PARTITIONS)])
    found, at_end = [[] for _ in range(PARTITIONS)], set()
    deadline = time.monotonic() + PATIENCE_S
    try:
        while len(at_end) < PARTITIONS:
            assert time.monotonic() < deadline
            for one in consumer.consume(1000, 0.5):
                if one.error() is None:
                    found[one.partition()].append((one.key(), one.value()))
                elif one.error().code() == KafkaError._PARTITION_EOF:
                    at_end.add(one.partition())
    finally:
        consumer.close()
    return found


@pytest.mark.parametrize("kinds", [(Ours, Ours), (Kafka, Ours), (Ours, Kafka), (Kafka, Kafka)], ids=lambda one: " to ".join(kind.__name__ for kind in one))
def test_every_record_arrives_once_and_in_order(tmp_path, kinds):
    seed = int(os.environ.get("SEED", random.randrange(1000)))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    source, target = (kind(tmp_path / name) for kind, name in zip(kinds, ("source", "target")))
    mirror = None
    try:
        admin = AdminClient({"bootstrap.servers": source.address, "log_level": 0})
        eventually(lambda: admin.create_topics([NewTopic("t", PARTITIONS, 1)])["t"].result(TIMEOUT) is None)
        mirror = Mirror(tmp_path / "mirror", source, target)
        producer = Producer({"bootstrap.servers": source.address, "enable.idempotence": True, "linger.ms": 2, "batch.size": 2000,
                             "message.timeout.ms": 300_000, "log_level": 0, "compression.type": chance.choice(["none", "lz4"])})  # fmt: skip
        failed, wrote = [], 0

        def write(seconds):
            nonlocal wrote
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                for _ in range(20):
                    producer.produce("t", b"%d" % wrote, key=b"k" * chance.randrange(40), partition=wrote % PARTITIONS,
                                     on_delivery=lambda error, _: error and failed.append(error))
                    wrote += 1
                producer.poll(0.01)

        for number in range(ROUNDS):
            write(chance.uniform(0.5, 3))
            if number % 3 == 2:
                mirror.replace()
                write(chance.uniform(0.5, 2))
                mirror.wake()
                continue
            one = chance.choice((source, target, mirror))
            one.kill()
            write(chance.uniform(0, 2))
            one.start()
            mirror.go_on()
        assert producer.flush(PATIENCE_S) == 0 and not failed
        ends = [len(one) for one in read(source.address)]
        assert sum(ends) == wrote

        def has_all():
            mirror.go_on()
            return sum(map(len, read(target.address))) >= wrote
        eventually(has_all, timeout=PATIENCE_S)
        mirror.wake()
        write(0.5)  # whoever is left behind learns it when there is something to be copied
        assert producer.flush(PATIENCE_S) == 0
        eventually(has_all, timeout=PATIENCE_S)
        assert read(target.address) == read(source.address)
        assert set(mirror.statuses()) <= {1, 2}
        assert "Traceback" not in mirror.logged()
    finally:
        if mirror is not None:
            mirror.kill_all()
            print(mirror.logged())
        source.kill()
        target.kill()
