"""kcat, formerly kafkacat."""
import json
import queue
import subprocess
import threading

import pytest

from helpers import TIMEOUT, eventually

pytestmark = pytest.mark.needs("kcat")


@pytest.fixture
def kcat(bootstrap):
    """kcat("-C", ..., stdin=b"...") -> its standard output; fails on another exit status than `status`."""
    def run(*arguments, stdin=b"", status=0):
        done = subprocess.run(["kcat", "-b", bootstrap, *arguments], input=stdin, capture_output=True, timeout=TIMEOUT)
        assert done.returncode == status, done.stderr.decode()
        return done.stderr + done.stdout if status else done.stdout
    return run


@pytest.fixture
def topic(kcat, unique):
    """A topic of a unique name, created as kcat's users do: by producing to it."""
    name = unique("topic")
    kcat("-P", "-t", name, "-p", "0")
    eventually(lambda: f'topic "{name}" with 1 partitions' in kcat("-L", "-t", name).decode())
    return name


def test_lines_go_in_and_come_out(kcat, topic):
    lines = b"".join(b"line %d\n" % i for i in range(1000))
    kcat("-P", "-t", topic, stdin=lines)
    assert kcat("-C", "-t", topic, "-e", "-q") == lines


def test_keys_and_headers(kcat, topic):
    kcat("-P", "-t", topic, "-K:", "-H", "a=1", "-H", "b=two", stdin=b"k1:v1\nk2:v2\n")
    out = kcat("-C", "-t", topic, "-e", "-q", "-f", "%p %o %k %s %h\n")
    assert out == b"0 0 k1 v1 a=1,b=two\n0 1 k2 v2 a=1,b=two\n"


def test_nulls_are_told_apart_from_empty(kcat, topic):
    kcat("-P", "-t", topic, "-K:", "-Z", stdin=b"tombstone:\n:value\n")
    out = kcat("-C", "-t", topic, "-e", "-q", "-J", "-Z").decode().splitlines()
    assert [(each.get("key"), each["payload"]) for each in map(json.loads, out)] == [("tombstone", None), (None, "value")]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec(kcat, topic, codec):
    lines = b"".join(b"%d " % i + b"abcdefgh" * 100 + b"\n" for i in range(500))
    kcat("-P", "-t", topic, "-z", codec, stdin=lines)
    assert kcat("-C", "-t", topic, "-e", "-q") == lines


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_acks(kcat, topic, acks):
    kcat("-P", "-t", topic, "-X", f"acks={acks}", stdin=b"a\nb\n")
    assert kcat("-C", "-t", topic, "-c", "2", "-q") == b"a\nb\n"


def test_ten_megabytes(kcat, topic):
    lines = b"".join(b"%06d" % i + b"x" * 9_993 + b"\n" for i in range(1_000))
    kcat("-P", "-t", topic, "-X", "linger.ms=5", stdin=lines)
    assert kcat("-C", "-t", topic, "-e", "-q") == lines


def test_offsets(kcat, topic):
    kcat("-P", "-t", topic, stdin=b"".join(b"%d\n" % i for i in range(10)))

    def read(offset):
        return kcat("-C", "-t", topic, "-p", "0", "-o", offset, "-e", "-q").decode().split()
    assert read("beginning") == list("0123456789")
    assert read("7") == list("789")
    assert read("-2") == list("89")
    assert read("end") == []
    assert kcat("-C", "-t", topic, "-o", "3", "-c", "4", "-q") == b"3\n4\n5\n6\n"


def test_offsets_by_timestamp(kcat, topic):
    kcat("-P", "-t", topic, stdin=b"a\nb\n")
    stamps = [int(stamp) for stamp in kcat("-C", "-t", topic, "-e", "-q", "-f", "%T\n").split()]

    def query(timestamp):
        return kcat("-Q", "-t", f"{topic}:0:{timestamp}").decode().split()[-1]
    assert (query(-2), query(-1)) == ("0", "2")
    assert (query(stamps[0]), query(stamps[1] + 1)) == ("0", "-1")
    assert kcat("-C", "-t", topic, "-p", "0", "-o", f"s@{stamps[0]}", "-e", "-q") == b"a\nb\n"


def test_metadata(kcat, topic, bootstrap):
    told = json.loads(kcat("-L", "-J"))
    assert [broker["name"] for broker in told["brokers"]] == [bootstrap]
    broker = told["brokers"][0]["id"]
    assert (told["originating_broker"]["id"], told["controllerid"]) == (broker, broker)
    described, = [each for each in told["topics"] if each["topic"] == topic]
    assert described["partitions"] == [{"partition": 0, "leader": broker, "replicas": [{"id": broker}], "isrs": [{"id": broker}]}]


def test_unknown_topic_and_partition(kcat, topic, unique):
    assert b"Broker: Unknown topic or partition" in kcat("-C", "-t", unique("unknown"), "-e", status=1)
    assert b"Unknown partition" in kcat("-P", "-t", topic, "-p", "7", "-X", "message.timeout.ms=3000", stdin=b"x\n", status=1)


def test_oversized_message(kcat, topic):
    out = kcat("-P", "-t", topic, "-X", "message.max.bytes=5000000", stdin=b"x" * 2_000_000, status=1)
    assert b"Message size too large" in out


class Member:
    """kcat in balanced consumer mode, as a process; its output is read by a thread, line by line."""

    def __init__(self, bootstrap, group, topic):
        options = ["session.timeout.ms=6000", "heartbeat.interval.ms=300"]
        self.process = subprocess.Popen(
            ["kcat", "-b", bootstrap, "-u", "-o", "beginning", *(word for option in options for word in ("-X", option)),
             "-f", "%p %s\n", "-G", group, topic], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.partitions, self.records, self.told = set(), queue.Queue(), []
        for target in (self.read_records, self.read_rebalances):
            threading.Thread(target=target, daemon=True).start()

    def read_records(self):
        for line in self.process.stdout:
            partition, value = line.split()
            self.records.put((int(partition), value))

    def read_rebalances(self):
        for line in self.process.stderr:
            self.told.append(line)
            if "assigned:" in line:
                self.partitions = {int(part.split("]")[0]) for part in line.split("assigned:")[1].split("[")[1:]}
            elif "revoked:" in line:
                self.partitions = set()

    def leave(self):
        self.process.terminate()
        self.process.wait(TIMEOUT)


def test_two_consumers_share_and_one_leaves(kcat, bootstrap, unique):
    from_cli = pytest.importorskip("confluent_kafka.admin")  # kcat itself makes topics of num.partitions only
    name, group = unique("topic"), unique("group")
    admin = from_cli.AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([from_cli.NewTopic(name, 4, 1)])[name].result(TIMEOUT)
    eventually(lambda: f'topic "{name}" with 4 partitions' in kcat("-L", "-t", name).decode())
    members = [Member(bootstrap, group, name) for _ in range(2)]
    stays, leaves = members
    try:
        eventually(lambda: (len(stays.partitions), len(leaves.partitions)) == (2, 2))
        assert stays.partitions | leaves.partitions == {0, 1, 2, 3}
        for partition in range(4):
            kcat("-P", "-t", name, "-p", str(partition), stdin=b"before\n")
        for member in members:
            received = {member.records.get(timeout=TIMEOUT) for _ in range(2)}
            assert received == {(partition, "before") for partition in member.partitions}
        leaves.leave()
        eventually(lambda: stays.partitions == {0, 1, 2, 3})
        for partition in range(4):
            kcat("-P", "-t", name, "-p", str(partition), stdin=b"after\n")
        missing = {(partition, "after") for partition in range(4)}
        while missing:  # what the other had not committed comes again
            missing.discard(stays.records.get(timeout=TIMEOUT))
    finally:
        for member in members:
            member.leave()


def test_a_group_resumes(kcat, topic, unique):
    group = unique("group")

    def read(count):
        return kcat("-X", "auto.offset.reset=earliest", "-c", str(count), "-q", "-G", group, topic)
    kcat("-P", "-t", topic, stdin=b"a\nb\nc\nd\n")
    assert read(2) == b"a\nb\n"
    assert read(2) == b"c\nd\n"
