"""A mirror between clusters: what it copies, follows, leaves out, and what it lives through."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emulator import Emulator
from emulator.apps.cli import main
from emulator.apps.mirror.cluster import Cluster
from emulator.apps.mirror.mirror import Mirror
from emulator.apps.mirror.names import Names, matcher
from emulator.runtime.clock import monotonic_clock
from emulator.runtime.thread import LoopThread
from emulator.runtime.upstream.dial import Dialer
from tests.wire_client import WireClient
from wire import compression
from wire.apis.configs import IncrementalAlterConfigs
from wire.apis.data import Fetch, ListOffsets, Produce
from wire.apis.groups import OffsetCommit, OffsetFetch
from wire.apis.metadata import FindCoordinator
from wire.apis.topics import CreatePartitions
from wire.apis.transactions import AddPartitionsToTxn, EndTxn, InitProducerId
from wire.records import HEADER_SIZE, Record, build_batch, iter_batches, iter_records, read_header

ROOT = Path(__file__).resolve().parents[3]
MB = 1024 * 1024


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
    return found


class Running:
    """A mirror on a thread of its own, until the end of the block."""

    def __init__(self, source, target, topics=".*", prefix="", queue=32 * MB, refresh_s=0.1, groups=None):
        self.thread = LoopThread("mirror")
        self._made = source.bootstrap, target.bootstrap, Names(topics, prefix), queue, refresh_s, groups and matcher(groups, "--groups")

    def __enter__(self):
        self.thread.start()
        try:
            self.mirror = self.thread.call(self._begin)
        except BaseException:
            self.thread.stop()
            raise
        return self

    def _begin(self):
        source, target, *options = self._made
        clock = monotonic_clock()
        clusters = [Cluster(what, [(host, int(port)) for host, _, port in (one.rpartition(":") for one in text.split(","))], Dialer(clock, 5000))
                    for what, text in (("--from", source), ("--to", target))]
        mirror = Mirror(*clusters, *options)
        mirror.start()
        return mirror

    def __exit__(self, *_):
        self.thread.call(self.mirror.end)
        self.thread.stop()

    def status(self):
        return self.thread.call(lambda: {one.name: (one.done, one.failed) for one in self.mirror.partitions.values()})


def values(kafka, topic):
    return [one.value for one in kafka.records(topic)] if topic in topics(kafka) else []


def count(kafka, topic):
    def ends():
        found = kafka.server.cluster.topics.get(topic)
        return sum(next(iter(one.logs.values())).acknowledged_end for one in found.partitions) if found else 0
    return kafka.call(ends)


def topics(kafka):
    return kafka.call(lambda: [name for name in kafka.server.cluster.topics if not name.startswith("__")])


def records(kafka, topic, partition):
    return [(one.key, one.value, one.headers, one.timestamp) for one in kafka.records(topic, partition=partition)]


def overrides(kafka, topic):
    return kafka.call(lambda: dict(kafka.server.cluster.configs.topics.get(topic, {})))


def once(source, target, **options):
    """All that there is."""
    with Running(source, target, **options) as running:
        until(lambda: running.thread.call(lambda: running.mirror.is_done))


@pytest.fixture
def a():
    with Emulator() as kafka:
        yield kafka


@pytest.fixture
def b():
    with Emulator() as kafka:
        yield kafka


def produce(kafka, topic, batch, transactional_id=None, partition=0):
    data = Produce.Request.TopicData.PartitionData(index=partition, records=batch)
    with WireClient(kafka.bootstrap.split(",")[0]) as client:
        [answer] = client.call(Produce, 9, acks=-1, timeout_ms=5000, transactional_id=transactional_id,
                               topic_data=[Produce.Request.TopicData(name=topic, partition_data=[data])]).responses
    assert answer.partition_responses[0].error_code == 0


def fetch(kafka, topic, partition):
    """The last batch."""
    request = Fetch.Request.Topics
    with WireClient(kafka.bootstrap) as client:
        [[found]] = [one.partitions for one in client.call(Fetch, 11, replica_id=-1, max_wait_ms=0, min_bytes=0, topics=[
            request(topic=topic, partitions=[request.Partitions(partition=partition, fetch_offset=0, partition_max_bytes=MB)])]).responses]
    *_, last = iter_batches(found.records)
    return bytes(last)


def test_partitions_keys_headers_times_and_compression_stay(a, b):
    a.create_topic("t", 4)
    for number in range(100):
        a.produce("t", b"v%d" % number, key=b"k%d" % number, headers={"h": b"x"}, timestamp=1_700_000_000_000 + number)
    codecs = [compression.GZIP, compression.SNAPPY, compression.LZ4, compression.ZSTD]
    for partition, codec in enumerate(codecs):
        produce(a, "t", build_batch([Record(0, 5, b"k", b"z" * 1000, ())], compression=codec), partition=partition)
    with Running(a, b):
        until(lambda: len(values(b, "t")) == 104)
    for partition in range(4):
        assert records(a, "t", partition) == records(b, "t", partition) != []

    for partition, codec in enumerate(codecs):
        one, other = (fetch(kafka, "t", partition) for kafka in (a, b))
        assert read_header(other).compression == codec and other[HEADER_SIZE:] == one[HEADER_SIZE:]


def test_topics_partitions_and_configs_are_followed(a, b):
    a.create_topic("orders", 2, configs={"retention.ms": "1000", "min.insync.replicas": "1"})
    a.create_topic("other")
    with Running(a, b, topics="orders.*"):
        until(lambda: topics(b) == ["orders"])
        assert overrides(b, "orders") == {"retention.ms": "1000"}  # what belongs to a cluster stays there
        a.create_topic("orders-2")
        change = IncrementalAlterConfigs.Request.Resources
        with WireClient(a.bootstrap) as client:
            client.call(CreatePartitions, 3, topics=[CreatePartitions.Request.Topics(name="orders", count=5, assignments=None)], timeout_ms=5000)
            client.call(IncrementalAlterConfigs, 1, resources=[change(resource_type=2, resource_name="orders", configs=[
                change.Configs(name="retention.ms", config_operation=1, value=None), change.Configs(name="retention.bytes", config_operation=0, value="7")])])
        until(lambda: sorted(topics(b)) == ["orders", "orders-2"] and overrides(b, "orders") == {"retention.bytes": "7"})
        until(lambda: b.call(lambda: len(b.server.cluster.topics["orders"].partitions)) == 5)
        for number in range(50):
            a.produce("orders", b"v", key=b"%d" % number)
        until(lambda: len(values(b, "orders")) == 50)
    assert [len(records(a, "orders", n)) for n in range(5)] == [len(records(b, "orders", n)) for n in range(5)]


@pytest.mark.parametrize("prefixes", [("", ""), ("a.", "b.")])
def test_nothing_goes_round_in_circles(a, b, prefixes):
    a.produce("of-a", b"1")
    b.produce("of-b", b"2")
    with Running(a, b, prefix=prefixes[0]), Running(b, a, prefix=prefixes[1]):
        there, back = f"{prefixes[0]}of-a", f"{prefixes[1]}of-b"
        until(lambda: values(b, there) == [b"1"] and values(a, back) == [b"2"])
        a.produce("of-a", b"3")
        b.produce("of-b", b"4")
        until(lambda: values(b, there) == [b"1", b"3"] and values(a, back) == [b"2", b"4"])
        a.create_topic("late")  # once it is there both have looked once more
        until(lambda: f"{prefixes[0]}late" in topics(b))
    assert sorted(topics(a)) == sorted(["of-a", "late", back]) and sorted(topics(b)) == sorted(["of-b", there, f"{prefixes[0]}late"])
    assert values(a, "of-a") == [b"1", b"3"]


def test_two_that_begin_at_once_with_the_same_topic(a, b):
    a.produce("t", b"1")
    b.produce("t", b"2")
    with Running(a, b) as one, Running(b, a) as other:
        left_out = [(running.thread.call, lambda running=running: "t" in running.mirror._circles.left_out) for running in (one, other)]
        until(lambda: any(call(look) for call, look in left_out))
        a.produce("t", b"3")
        for here, there, name in ((a, b, "of-a"), (b, a, "of-b")):
            here.produce(name, b"x")
            until(lambda: values(there, name) == [b"x"])
    assert sorted(values(a, "t")) in ([b"1", b"3"], [b"1", b"2", b"3"]) and sorted(values(b, "t")) in ([b"2"], [b"1", b"2"], [b"1", b"2", b"3"])


def test_nor_through_a_third_cluster(a, b):
    with Emulator() as c:
        a.produce("t", b"1")
        with Running(a, b), Running(b, c), Running(c, a):
            until(lambda: values(c, "t") == [b"1"])
            a.produce("t", b"2")
            until(lambda: values(c, "t") == [b"1", b"2"])
            b.produce("of-b", b"3")
            until(lambda: values(a, "of-b") == [b"3"])
        assert values(a, "t") == values(b, "t") == [b"1", b"2"] and values(b, "of-b") == [b"3"]


def test_within_one_cluster_copies_have_a_prefix(a, capfd):
    a.produce("t", b"1")
    assert main(["mirror", "--from", a.bootstrap, "--to", a.bootstrap, "--once"]) == 2
    assert "--from and --to are the same cluster" in capfd.readouterr().err
    once(a, a, prefix="copy.")
    once(a, a, prefix="copy.")
    assert sorted(topics(a)) == ["copy.t", "t"] and values(a, "copy.t") == [b"1"]


def command(source, target, *options, **more):
    arguments = [sys.executable, "-m", "emulator", "mirror", "--from", source.bootstrap, "--to", target.bootstrap, *options]
    return subprocess.run(arguments, cwd=ROOT, timeout=60, capture_output=True, **more).returncode


def test_killed_and_started_again_it_goes_on(a, b):
    a.create_topic("t", 2)
    arguments = [sys.executable, "-m", "emulator", "mirror", "--from", a.bootstrap, "--to", b.bootstrap]
    wrote = 0
    for _ in range(2):
        mirror = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = count(b, "t")
        while count(b, "t") < before + 50:
            a.produce("t", b"%d" % wrote)
            wrote += 1
            time.sleep(0.005)  # not more than it can copy
        os.kill(mirror.pid, signal.SIGKILL)
        mirror.wait()
    assert command(a, b, "--once") == 0
    found = values(b, "t")
    assert set(found) == {b"%d" % number for number in range(wrote)}
    assert len(found) < 3 * wrote  # what was not noted comes again, and not all of it
    for partition in (0, 1):
        first = list(dict.fromkeys(one[1] for one in records(b, "t", partition)))
        assert first == [one[1] for one in records(a, "t", partition)]
    once(a, b)
    assert len(values(b, "t")) == len(found)


def test_brokers_that_die_cost_nothing():
    config = {"default.replication.factor": 2}
    with Emulator(brokers=2, config=config) as a, Emulator(brokers=2, config=config) as b:
        a.create_topic("t", 4)
        with Running(a, b):
            wrote = 0
            for kafka in (b, a):
                for broker in (1, 2):
                    kafka.brokers[broker].kill()
                    for _ in range(20):
                        a.produce("t", b"%d" % wrote)
                        wrote += 1
                    until(lambda: len(values(b, "t")) == wrote)
                    kafka.brokers[broker].start()
                    until(lambda: kafka.call(lambda: all(len(one.isr) == 2 for one in kafka.server.cluster.topics["t"].partitions)))
        assert sorted(map(int, values(b, "t"))) == list(range(wrote))


def test_what_was_aborted_is_left_out(a, b):
    a.create_topic("t")
    with WireClient(a.bootstrap) as client:
        def asked(api, version, **fields):
            """Until its coordinator is ready, and the transaction before has ended."""
            def ask():
                answer = client.call(api, version, **fields)
                topics = getattr(answer, "results_by_topic_v3_and_below", ())
                return not (answer.error_code or any(one.partition_error_code for topic in topics for one in topic.results_by_partition)) and answer
            return until(ask)

        asked(FindCoordinator, 3, key="x", key_type=1)
        made = asked(InitProducerId, 4, transactional_id="x", transaction_timeout_ms=10_000)
        who = {"producer_id": made.producer_id, "producer_epoch": made.producer_epoch}
        for number, is_committed in enumerate((False, True, False)):
            asked(AddPartitionsToTxn, 3, v3_and_below_transactional_id="x", v3_and_below_topics=[
                AddPartitionsToTxn.Request.V3AndBelowTopics(name="t", partitions=[0])], **{f"v3_and_below_{key}": value for key, value in who.items()})
            produce(a, "t", build_batch([Record(0, 1, None, b"%d" % number, ())], base_sequence=number, transactional=True, **who), "x")
            asked(EndTxn, 3, transactional_id="x", committed=is_committed, **who)
    a.produce("t", b"last")
    until(lambda: values(a, "t") == [b"1", b"last"])
    once(a, b)
    assert [one.value for one in b.records("t", uncommitted=True)] == [b"1", b"last"]


def test_the_queue_is_bounded_and_one_partition_holds_up_no_other(a):
    with Emulator(brokers=2) as b:
        a.create_topic("t", 2)
        with Running(a, b, queue=12 * MB) as running:
            for index in (0, 1):
                produce(a, "t", build_batch([Record(0, 1, None, b"first", ())]), partition=index)
            until(lambda: count(b, "t") == 2)
            leader = b.call(lambda: b.server.cluster.partition("t", 0).leader)  # each leads one of them
            b.brokers[leader].freeze()
            for _ in range(30):
                produce(a, "t", build_batch([Record(0, 1, None, os.urandom(MB // 2), ())]))
            for number in range(20):
                produce(a, "t", build_batch([Record(0, 1, None, b"%d" % number, ())]), partition=1)
                until(lambda: len(records(b, "t", 1)) == number + 2)
            used = running.thread.call(lambda: running.mirror.room.used)
            assert 3 * MB < used < 6 * MB
            b.brokers[leader].thaw()
            until(lambda: len(records(b, "t", 0)) == 31)


def commit(kafka, group, offset, topic="t", partition=0, metadata=""):
    request = OffsetCommit.Request.Topics
    with WireClient(kafka.bootstrap) as client:
        until(lambda: client.call(FindCoordinator, 3, key=group, key_type=0).error_code == 0)

        def committed():
            answer = client.call(OffsetCommit, 7, group_id=group, topics=[request(name=topic, partitions=[
                request.Partitions(partition_index=partition, committed_offset=offset, committed_metadata=metadata)])])
            return answer.topics[0].partitions[0].error_code == 0
        until(committed)


def offset_of(kafka, group, topic="t"):
    with WireClient(kafka.bootstrap) as client:
        until(lambda: client.call(FindCoordinator, 3, key=group, key_type=0).error_code == 0)
        found = client.call(OffsetFetch, 7, group_id=group, topics=None)
        return next((one.partitions[0].committed_offset for one in found.topics if one.name == topic), None)


def test_groups_follow_with_translated_offsets(a, b):
    for number in range(20):
        a.produce("t", b"%d" % number)
    a.call(lambda: next(iter(a.server.cluster.partition("t", 0).logs.values())).delete_records(5))
    commit(a, "readers", 9)
    commit(a, "ahead", 20)
    commit(a, "behind", 2)
    commit(a, "left", 9)
    with Running(a, b, prefix="a.", groups="readers|ahead|behind") as running:
        until(lambda: offset_of(b, "readers", "a.t") == 4 and offset_of(b, "ahead", "a.t") == 15)
        assert b.records("a.t")[4].value == a.records("t")[4].value == b"9"
        commit(a, "readers", 12)
        until(lambda: offset_of(b, "readers", "a.t") == 7)
        commit(a, "readers", 6)  # never back
        a.produce("t", b"20")
        commit(a, "ahead", 21)
        until(lambda: offset_of(b, "ahead", "a.t") == 16)
        assert offset_of(b, "readers", "a.t") == 7 and running.status()["t-0"][1] is None
    commit(a, "readers", 14)
    with Running(a, b, prefix="a.", groups="readers"):  # what was noted is known to the next one
        until(lambda: offset_of(b, "readers", "a.t") == 9)
    assert offset_of(b, "left", "a.t") is offset_of(b, "behind", "a.t") is None


def test_a_claim_that_a_dead_mirror_has_left_stops_nobody_who_has_copied_before(a, b):
    a.produce("t", b"1")
    once(a, b)
    claim = {"from": [], "claim": True}
    commit(a, f"kafka-emulator-mirror-{b.call(lambda: b.server.cluster.cluster_id)}", 0, metadata=json.dumps(claim))
    a.produce("t", b"2")
    once(a, b)
    assert values(b, "t") == [b"1", b"2"]
    commit(a, f"kafka-emulator-mirror-{b.call(lambda: b.server.cluster.cluster_id)}", 0, metadata=json.dumps({**claim, "claim": False}))
    a.produce("t", b"3")
    once(a, b)
    assert values(b, "t") == [b"1", b"2"]  # it has come from there


def test_what_the_target_does_not_take_fails_that_partition_alone(a, b):
    b.create_topic("big", configs={"max.message.bytes": "1000"})
    a.produce("small", b"1")
    a.create_topic("big", configs={"max.message.bytes": "1000"})
    produce(a, "big", build_batch([Record(0, 5, b"k", b"z" * 500, ())]))
    with Running(a, b) as running:
        until(lambda: values(b, "small") == [b"1"] and len(values(b, "big")) == 1)
        # Between a look at the configs and the next one the target's are others.
        running.thread.call(lambda: setattr(running.mirror._topics, "follow", lambda wanted: wanted))
        with WireClient(b.bootstrap) as client:
            change = IncrementalAlterConfigs.Request.Resources
            client.call(IncrementalAlterConfigs, 1, resources=[change(resource_type=2, resource_name="big", configs=[
                change.Configs(name="max.message.bytes", config_operation=0, value="100")])])
        produce(a, "big", build_batch([Record(0, 5, b"k", b"z" * 500, ())]))
        failed = until(lambda: running.status()["big-0"][1])
        assert "--to: " in failed and running.status()["small-0"][1] is None
        a.produce("small", b"2")
        until(lambda: values(b, "small") == [b"1", b"2"])
    assert len(values(b, "big")) == 1


def test_what_was_deleted_before_it_was_copied(a, b):
    for number in range(10):
        a.produce("t", b"%d" % number)
    once(a, b)
    for number in range(10, 20):
        a.produce("t", b"%d" % number)
    a.call(lambda: next(iter(a.server.cluster.partition("t", 0).logs.values())).delete_records(15))
    once(a, b)
    assert values(b, "t") == [b"%d" % number for number in (*range(10), *range(15, 20))]


@pytest.mark.parametrize("arguments, complaint", [
    (["--to", "h:1"], "mirror needs --from HOST:PORT"),
    (["--from", "h:1"], "mirror needs --to HOST:PORT"),
    (["--from", "h", "--to", "h:1"], "--from h: expected HOST:PORT"),
    (["--from", "h:1", "--to", "h:1", "--topics", "("], "--topics (: "),
    (["--from", "h:1", "--to", "h:1", "--topics", ","], "--topics ,: expected names or patterns"),
    (["--from", "h:1", "--to", "h:1", "--prefix", "a/"], "--prefix a/: a topic's name has letters"),
    (["--from", "h:1", "--to", "h:1", "--queue", "0"], "--queue 0: expected a number"),
    (["--from", "127.0.0.1:1", "--to", "127.0.0.1:1"], "--from: 127.0.0.1:1: "),
])
def test_what_makes_no_sense_is_said(arguments, complaint, capfd):
    assert main(["mirror", *arguments]) == 2
    assert f"kafka-emulator: error: {complaint}" in capfd.readouterr().err


@pytest.mark.parametrize("lines, complaint", [
    (["mirror.from.bootstrap.servers: h:1"], "mirror needs --to HOST:PORT"),
    (["mirror.to.nonsense: 1"], "mirror needs --from"),
    (["mirror.from.bootstrap.servers: h:1", "mirror.to.bootstrap.servers: h:1", "mirror.to.nonsense: 1"], "line 3: mirror.to.nonsense is none of a mirror's keys"),
    (["mirror.from.bootstrap.servers: h:1", "mirror.to.bootstrap.servers: h:1", "nonsense: 1"], "line 3: nonsense is none of a mirror's keys"),
    (["mirror.from.bootstrap.servers: h:1", "mirror.to.bootstrap.servers: h:1", "mirror.to.security.protocol: SASL_SSL"], "mirror.to.sasl.mechanism is missing"),
    (["mirror.from.bootstrap.servers: h:1", "mirror.to.bootstrap.servers: h:1", "mirror.from.security.protocol: x"], "line 3: mirror.from.security.protocol x: expected"),
    (["mirror.from.bootstrap.servers: h:1", "mirror.to.bootstrap.servers: h:1", "mirror.topics: ("], "--topics (: "),
])
def test_a_file_that_makes_no_sense(tmp_path, lines, complaint, capfd):
    (tmp_path / "c.yaml").write_text("\n".join(lines))
    assert main(["mirror", "--config", str(tmp_path / "c.yaml")]) == 2
    assert complaint in capfd.readouterr().err


def test_all_of_it_may_stand_in_a_file(a, b, tmp_path):
    a.produce("t", b"1")
    a.produce("u", b"2")
    (tmp_path / "c.yaml").write_text(f"mirror.from.bootstrap.servers: {a.bootstrap}\nmirror.to.bootstrap.servers: {b.bootstrap}\nmirror.topics: t\nmirror.prefix: a.\n")
    done = subprocess.run([sys.executable, "-m", "emulator", "mirror", "--config", tmp_path / "c.yaml", "--once", "--prefix", "b."], cwd=ROOT, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0 and topics(b) == ["b.t"] and values(b, "b.t") == [b"1"]
    assert done.stdout.startswith(f"from={a.bootstrap} (") and "1 topics, 1 partitions: 1 records copied" in done.stderr


def test_names():
    names = Names("orders, audit-.*", "eu.")
    assert [name for name in ("orders", "orders2", "audit-x", "xaudit-", "__consumer_offsets") if names.takes(name)] == ["orders", "audit-x"]
    assert not Names(".*").takes("internal", is_internal=True) and not Names(".*").takes("__anything")
    assert names.there("orders") == "eu.orders"
    with pytest.raises(ValueError, match="more than 249 letters"):
        names.there("x" * 247)


class Process:
    """A server on a port of its own that is killed as by the power going, and started again with what is in its directory."""

    def __init__(self, directory):
        self._directory = directory
        with socket.create_server(("127.0.0.1", 0)) as sock:
            self.bootstrap = "127.0.0.1:%d" % sock.getsockname()[1]
        self.start()

    def start(self):
        self._process = subprocess.Popen([sys.executable, "-m", "emulator", "--listen", self.bootstrap, "--data-dir", str(self._directory), "--log-level",
                                          "error", "--topic", "t:2"], cwd=ROOT, stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert self._process.stdout.readline().startswith("bootstrap.servers=")

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def ends(self):
        request = ListOffsets.Request.Topics
        with WireClient(self.bootstrap) as client:
            [found] = client.call(ListOffsets, 5, replica_id=-1, isolation_level=0, topics=[
                request(name="t", partitions=[request.Partitions(partition_index=index, timestamp=-1) for index in (0, 1)])]).topics
        return [one.offset for one in sorted(found.partitions, key=lambda one: one.partition_index)]


@pytest.mark.soak
def test_either_side_is_killed_again_and_again(tmp_path):
    a, b = Process(tmp_path / "a"), Process(tmp_path / "b")
    try:
        with Running(a, b):
            wrote = 0
            for number in range(10):
                one = (a, b)[number % 2]
                one.kill()
                if one is b:
                    for _ in range(20):
                        produce(a, "t", build_batch([Record(0, 1, None, b"%d" % wrote, ())]), partition=wrote % 2)
                        wrote += 1
                one.start()
                for _ in range(20):
                    produce(a, "t", build_batch([Record(0, 1, None, b"%d" % wrote, ())]), partition=wrote % 2)
                    wrote += 1
                until(lambda: a.ends() == b.ends() == [wrote // 2, wrote // 2], 60)
        found = [fetched for index in (0, 1) for fetched in (all_of(a, index), all_of(b, index))]
        assert found[0] == found[1] and found[2] == found[3] and sorted(map(int, found[0] + found[2])) == list(range(wrote))
    finally:
        a.kill()
        b.kill()


def all_of(server, partition):
    request = Fetch.Request.Topics
    with WireClient(server.bootstrap) as client:
        [[found]] = [one.partitions for one in client.call(Fetch, 11, replica_id=-1, max_wait_ms=0, min_bytes=0, topics=[
            request(topic="t", partitions=[request.Partitions(partition=partition, fetch_offset=0, partition_max_bytes=MB)])]).responses]
    return [one.value for one in iter_records(found.records)]
