"""Kafka Streams 4.3.1 over its own group protocol (KIP-1071): words are counted, exactly once too, whoever counts them."""
import subprocess
import time

import pytest

from helpers import TIMEOUT
from servers import BIN, HERE

confluent_kafka = pytest.importorskip("confluent_kafka")

from confluent_kafka import Consumer, Producer  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

pytestmark = [pytest.mark.needs("java", str(HERE / ".cache/jars"), str(HERE / ".cache/classes"))]

LINES = ["all streams lead to kafka", "hello kafka streams", "join kafka summit"]


class WordCount:
    """A word count over topics of its own, run by any number of instances of one application."""

    def __init__(self, bootstrap, unique, configs):
        self.bootstrap, self.configs = bootstrap, configs
        self.lines, self.counts, self.application = unique("lines"), unique("counts"), unique("words")
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for made in admin.create_topics([NewTopic(self.lines, 4, 1), NewTopic(self.counts, 1, 1)]).values():
            made.result(TIMEOUT)
        self.producer = Producer({"bootstrap.servers": bootstrap})
        self.consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": unique("reader"), "auto.offset.reset": "earliest",
                                  "isolation.level": "read_committed"})
        self.consumer.subscribe([self.counts])
        self.expected, self.updates = {}, []
        self.instances = []

    def start(self):
        self.instances.append(subprocess.Popen(
            [BIN / "kafka", "WordCount", "--bootstrap-server", self.bootstrap, self.lines, self.counts,
             f"application.id={self.application}", "commit.interval.ms=100", *self.configs],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return self.instances[-1]

    def write(self, times):
        for number in range(times):
            for line in LINES:
                self.producer.produce(self.lines, line, partition=number % 4)
                for word in line.split():
                    self.expected[word] = self.expected.get(word, 0) + 1
        assert self.producer.flush(TIMEOUT) == 0

    def counted(self, within=60):
        """Wait until every word's last count is right."""
        counts = {}
        for word, count in self.updates:
            counts[word] = count
        deadline = time.monotonic() + within
        while counts != self.expected:
            assert time.monotonic() < deadline, f"counted {counts}\nexpected {self.expected}"
            message = self.consumer.poll(0.5)
            if message is not None and not message.error():
                word, count = message.key().decode(), int.from_bytes(message.value(), "big")
                counts[word] = count
                self.updates.append((word, count))

    def end(self, instance):
        """Close an instance properly; nothing may have gone wrong in it."""
        self.instances.remove(instance)
        out, log = instance.communicate(timeout=TIMEOUT)
        assert instance.returncode == 0 and " ERROR " not in log and "Exception" not in log, log
        assert set(out.split()) == {"REBALANCING", "RUNNING", "PENDING_SHUTDOWN", "NOT_RUNNING"}, out

    def close(self):
        for instance in self.instances:
            instance.kill()
            instance.communicate()
        self.consumer.close()


@pytest.fixture
def word_count(bootstrap, unique):
    """word_count("key=value", ...) with these configs of Kafka Streams."""
    running = []

    def make(*configs):
        running.append(WordCount(bootstrap, unique, configs))
        return running[-1]
    yield make
    for one in running:
        one.close()


@pytest.mark.parametrize("configs", [
    ["group.protocol=streams"],
    ["group.protocol=streams", "processing.guarantee=exactly_once_v2"],
], ids=["at-least-once", "exactly-once"])
def test_words_are_counted(word_count, configs):
    words = word_count(*configs)
    words.write(8)
    instance = words.start()
    words.counted()
    words.write(4)
    words.counted()
    words.end(instance)


@pytest.mark.soak
def test_another_instance_takes_on_what_a_killed_one_left(word_count):
    words = word_count("group.protocol=streams", "processing.guarantee=exactly_once_v2", "transaction.timeout.ms=10000")
    first = words.start()
    words.write(8)
    words.counted()
    second = words.start()
    words.write(8)
    words.counted()
    first.kill()
    words.write(8)
    words.counted(within=120)  # the session of the killed one must end first
    words.end(second)
    seen = {}
    for word, count in words.updates:
        assert count > seen.get(word, 0), f"{word} was counted twice"
        seen[word] = count
