"""What a mirror lives through, at least once and exactly once: kills, brokers that die or freeze, errors, quotas, what the target does not take."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time

import pytest

from emulator import Emulator
from emulator.apps.cli import main
from emulator.apps.mirror import coordinators, mirror, sender, transactions
from emulator.apps.mirror import topics as topics_there
from emulator.apps.mirror.batches import pieces
from tests.mirrors import MB, ROOT, WAYS, Running, command, commit, count, fetch, offset_of, once, overrides, produce, records, until, values
from tests.wire_client import WireClient
from wire.apis.configs import IncrementalAlterConfigs
from wire.apis.data import Fetch, ListOffsets
from wire.apis.quotas import AlterClientQuotas
from wire.apis.topics import DeleteTopics
from wire.records import Record, build_batch, iter_records, read_header


def killed_twice(a, b, *options):
    """A mirror is killed while it copies, and the next one, too; gives how many records were written meanwhile: their values count up."""
    arguments = [sys.executable, "-m", "emulator", "mirror", "--from", a.bootstrap, "--to", b.bootstrap, "--log-level", "error", *options]
    wrote = 0
    for _ in range(2):
        mirror = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL)
        before = count(b, "t")
        while count(b, "t") < before + 50:
            a.produce("t", b"%d" % wrote)
            wrote += 1
            time.sleep(0.005)  # not more than it can copy
        os.kill(mirror.pid, signal.SIGKILL)
        mirror.wait()
    return wrote


def test_killed_and_started_again_it_goes_on(a, b):
    a.create_topic("t", 2)
    wrote = killed_twice(a, b)
    assert command(a, b, "--once") == 0
    found = values(b, "t")
    assert set(found) == {b"%d" % number for number in range(wrote)}
    assert len(found) < 3 * wrote  # what was not noted comes again, and not all of it
    for partition in (0, 1):
        first = list(dict.fromkeys(one[1] for one in records(b, "t", partition)))
        assert first == [one[1] for one in records(a, "t", partition)]
    once(a, b)
    assert len(values(b, "t")) == len(found)


def test_exactly_once_a_kill_costs_and_doubles_nothing(a, b):
    a.create_topic("t", 3)
    wrote = killed_twice(a, b, "--exactly-once")
    assert command(a, b, "--once", "--exactly-once") == 0
    assert [records(b, "t", index) for index in range(3)] == [records(a, "t", index) for index in range(3)]
    assert len(values(b, "t")) == wrote
    assert command(a, b, "--once") == 0  # the marks are the same
    assert len(values(b, "t")) == wrote


def test_the_newest_mirror_of_a_name_ends_the_others(a, b):
    a.produce("t", b"1")
    mirror = subprocess.Popen([sys.executable, "-m", "emulator", "mirror", "--from", a.bootstrap, "--to", b.bootstrap, "--exactly-once"], cwd=ROOT,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    with mirror:
        until(lambda: values(b, "t") == [b"1"])
        with Running(a, b, exactly_once="other"):  # nobody's
            a.produce("u", b"1")
            until(lambda: values(b, "u"))
        with Running(a, b, exactly_once=""):
            a.produce("t", b"2")
            until(lambda: values(b, "t") == [b"1", b"2"])
            a.produce("t", b"3")
            assert mirror.wait(20) == 1
            until(lambda: values(b, "t") == [b"1", b"2", b"3"])
        said = mirror.stderr.read()
    assert f"kafka-emulator: error: another mirror named kafka-emulator-mirror-{a.call(lambda: a.server.cluster.cluster_id)} has begun: this one ends" in said


@WAYS
def test_brokers_that_die_cost_nothing(exactly_once):
    config = {"default.replication.factor": 2}
    with Emulator(brokers=2, config=config) as a, Emulator(brokers=2, config=config) as b:
        a.create_topic("t", 4)
        with Running(a, b, exactly_once=exactly_once):
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


@pytest.mark.soak
@WAYS
def test_brokers_that_freeze_cost_nothing(exactly_once, monkeypatch):
    monkeypatch.setattr(transactions, "_SETTLE_S", 0.3)  # it gives up while they are frozen
    config = {"default.replication.factor": 2}
    with Emulator(brokers=2, config=config) as a, Emulator(brokers=2, config=config) as b:
        a.create_topic("t", 4)
        with Running(a, b, exactly_once=exactly_once):
            wrote = 0
            for kafka in (b, a) * 2:
                for broker in (1, 2):
                    if kafka is b:
                        kafka.brokers[broker].freeze()
                    for _ in range(200):
                        a.produce("t", b"%d" % wrote)
                        wrote += 1
                        time.sleep(0.01)
                    if kafka is b:
                        kafka.brokers[broker].thaw()
                    until(lambda: len(values(b, "t")) == wrote, 60)
        for index in range(4):
            assert records(a, "t", index) == records(b, "t", index)


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


@WAYS
def test_what_the_target_does_not_take_fails_that_partition_alone(a, b, exactly_once):
    b.create_topic("big", configs={"max.message.bytes": "1000"})
    a.produce("small", b"1")
    a.create_topic("big", configs={"max.message.bytes": "1000"})
    produce(a, "big", build_batch([Record(0, 5, b"k", b"z" * 500, ())]))
    with Running(a, b, exactly_once=exactly_once) as running:
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


@WAYS
def test_small_batches_are_written_together_as_far_as_the_target_takes_them(a, b, exactly_once):
    many = [b"%d" % number for number in range(500)]
    for topic, configs in (("t", None), ("narrow", {"max.message.bytes": "200"})):
        a.create_topic(topic, configs=configs)
        for value in many:
            a.produce(topic, value, key=b"k", headers={"h": b"x"}, timestamp=1_700_000_000_000 + int(value))
    commit(a, "readers", 77)
    with Running(a, b, groups="readers", exactly_once=exactly_once):
        until(lambda: len(values(b, "t")) == len(values(b, "narrow")) == 500)
        until(lambda: offset_of(b, "readers"))
    assert records(a, "t", 0) == records(b, "t", 0) and records(a, "narrow", 0) == records(b, "narrow", 0)
    assert b.records("t")[offset_of(b, "readers")].value == b"77"
    assert read_header(fetch(b, "t", 0)).record_count > 10


@WAYS
def test_batches_that_are_too_large_are_halved_while_their_records_are_not(a, b, exactly_once):
    b.create_topic("t", configs={"max.message.bytes": "3000"})
    a.create_topic("t", configs={"max.message.bytes": "3000"})
    with Running(a, b, exactly_once=exactly_once) as running:
        produce(a, "t", build_batch([Record(None, 1, b"k", b"0" * 500, ())]))
        until(lambda: count(b, "t") > 0)
        running.thread.call(lambda: setattr(running.mirror._topics, "follow", lambda wanted: wanted))
        with WireClient(b.bootstrap) as client:
            change = IncrementalAlterConfigs.Request.Resources
            client.call(IncrementalAlterConfigs, 1, resources=[change(resource_type=2, resource_name="t", configs=[
                change.Configs(name="max.message.bytes", config_operation=0, value="900")])])
        produce(a, "t", build_batch([Record(None, number, b"k", b"%d" % number * 500, ()) for number in range(1, 6)]))
        until(lambda: len(values(b, "t")) == 6)
    assert records(a, "t", 0) == records(b, "t", 0)


PASSING = [
    ("Produce", {"error": "KAFKA_STORAGE_ERROR"}), ("Produce", {"error": "NOT_LEADER_OR_FOLLOWER"}), ("Produce", {"drop": "after"}),
    ("Produce", {"drop": "before"}), ("Produce", {"error": "NOT_ENOUGH_REPLICAS_AFTER_APPEND"}), ("OffsetCommit", {"error": "NOT_COORDINATOR"}),
    ("AddPartitionsToTxn", {"error": "CONCURRENT_TRANSACTIONS"}), ("AddPartitionsToTxn", {"drop": "after"}), ("AddOffsetsToTxn", {"drop": "after"}),
    ("AddOffsetsToTxn", {"error": "NOT_COORDINATOR"}), ("TxnOffsetCommit", {"drop": "after"}), ("TxnOffsetCommit", {"error": "COORDINATOR_LOAD_IN_PROGRESS"}),
    ("EndTxn", {"drop": "before"}), ("EndTxn", {"drop": "after"}), ("EndTxn", {"error": "COORDINATOR_NOT_AVAILABLE"}), ("EndTxn", {"error": "INVALID_TXN_STATE"}),
    ("Produce", {"error": "OUT_OF_ORDER_SEQUENCE_NUMBER"}), ("AddPartitionsToTxn", {"error": "INVALID_TXN_STATE"}), ("TxnOffsetCommit", {"error": "INVALID_PRODUCER_EPOCH"}),
]  # fmt: skip


@pytest.mark.parametrize("exactly_once", [pytest.param(None, marks=pytest.mark.soak), ""], ids=["at least once", "exactly once"])
def test_what_goes_wrong_at_the_target_and_passes_costs_nothing(a, b, exactly_once, monkeypatch):
    monkeypatch.setattr(coordinators, "LOST_S", 0.05)
    monkeypatch.setattr(sender, "_LOST_S", 0.05)
    a.create_topic("t", 2)
    with Running(a, b, exactly_once=exactly_once):
        a.produce("t", b"first")
        until(lambda: values(b, "t"))
        wrote = 1
        for api, what in PASSING:
            if api == "OffsetCommit" and exactly_once is not None or "Txn" in api and exactly_once is None:
                continue
            with b.fail(api, skip=1, times=1, **what) as fault:
                def goes_on():
                    nonlocal wrote
                    a.produce("t", b"%d" % wrote)
                    wrote += 1
                    return fault.hits
                until(goes_on)
            until(lambda: len(values(b, "t")) >= wrote)
    for index in (0, 1):
        assert [one[1] for one in records(a, "t", index)] == [one[1] for one in records(b, "t", index)]


@WAYS
def test_a_topic_that_may_not_be_written_fails_alone(a, b, exactly_once, monkeypatch):
    monkeypatch.setattr(mirror, "_END_S", 0.2)  # what was read of it is never written
    for topic in ("bad", "good"):
        a.create_topic(topic)
        a.produce(topic, b"1")
    with b.fail(["Produce", "AddPartitionsToTxn"], topic="bad", error="TOPIC_AUTHORIZATION_FAILED"), Running(a, b, exactly_once=exactly_once) as running:
        until(lambda: values(b, "good") == [b"1"])
        assert until(lambda: running.status()["bad-0"][1]).startswith("--to: ")
        a.produce("bad", b"2")
        a.produce("good", b"2")
        until(lambda: values(b, "good") == [b"1", b"2"])
    assert values(b, "bad") == []


def test_a_quota_at_the_target_slows_and_loses_nothing(a, b):
    a.create_topic("t")
    with WireClient(b.bootstrap) as client:
        entry = AlterClientQuotas.Request.Entries
        entity = [entry.Entity(entity_type="client-id", entity_name=None)]
        client.call(AlterClientQuotas, 1, entries=[entry(entity=entity, ops=[entry.Ops(key="producer_byte_rate", value=14_000.0)])])
    produce(a, "t", build_batch([Record(0, 1, None, os.urandom(150_000), ())]))
    with Running(a, b) as running:
        began = time.monotonic()
        until(lambda: len(values(b, "t")) == 1)
        a.produce("t", b"more")
        until(lambda: len(values(b, "t")) == 2)
        muted = running.thread.call(lambda: max(one._muted_until for one in running.mirror.target._connections.values()))
        assert muted > began
    assert values(a, "t") == values(b, "t")


@WAYS
def test_a_topic_that_is_deleted_at_the_target_is_made_again(a, b, exactly_once):
    a.produce("t", b"1")
    a.produce("other", b"1")
    with Running(a, b, exactly_once=exactly_once):
        until(lambda: values(b, "t") == values(b, "other") == [b"1"])
        with WireClient(b.bootstrap) as client:
            client.call(DeleteTopics, 3, topic_names=["t"], timeout_ms=5000)
        for number in (2, 3):
            a.produce("t", b"%d" % number)
            a.produce("other", b"%d" % number)
            until(lambda: len(values(b, "t")) == number - 1 and len(values(b, "other")) == number)
    assert values(b, "t") == [b"2", b"3"] and values(b, "other") == [b"1", b"2", b"3"]


class Process:
    """A server on a port of its own that is killed as by the power going, and started again with what is in its directory."""

    def __init__(self, directory):
        self._directory = directory
        with socket.create_server(("127.0.0.1", 0)) as sock:
            self.bootstrap = "127.0.0.1:%d" % sock.getsockname()[1]
        self.start()

    def start(self, largest=resource.RLIM_INFINITY):
        """`largest`: bytes of a file, as if the disk were full then."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
        self._process = subprocess.Popen([sys.executable, "-m", "emulator", "--listen", self.bootstrap, "--data-dir", str(self._directory), "--log-level",
                                          "error", "--topic", "t:2"], cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=limit)  # fmt: skip
        assert self._process.stdout.readline().startswith("bootstrap.servers=")

    def lift(self):
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

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


@pytest.mark.soak
@WAYS
def test_a_disk_that_is_full_for_a_while(a, tmp_path, exactly_once):
    a.create_topic("t", 2)
    for number in range(20):
        produce(a, "t", build_batch([Record(0, 1, None, b"%d" % number + os.urandom(100_000), ())]))
    target = Process(tmp_path / "target")
    target.kill()
    target.start(largest=MB)
    try:
        with Running(a, target, exactly_once=exactly_once) as running:
            until(lambda: target.ends()[0] >= 5)
            a.produce("t", b"not yet", partition=1)
            until(lambda: target.ends()[1])  # the other partition goes on
            assert target.ends()[0] < 15 and running.status()["t-0"][1] is None
            target.lift()
            until(lambda: target.ends()[0] >= 20, 60)
            until(lambda: len(all_of(target, 0)) == 20)
        assert all_of(target, 0) == values(a, "t")[:20]
    finally:
        target.kill()


def all_of(server, partition):
    """The values that are committed."""
    request = Fetch.Request.Topics
    values, position = [], 0
    with WireClient(server.bootstrap) as client:
        while True:
            [[found]] = [one.partitions for one in client.call(Fetch, 11, replica_id=-1, max_wait_ms=0, min_bytes=0, isolation_level=1, topics=[
                request(topic="t", partitions=[request.Partitions(partition=partition, fetch_offset=position, partition_max_bytes=MB)])]).responses]
            aborted = [(one.producer_id, one.first_offset) for one in found.aborted_transactions or ()]
            some = list(pieces(found.records or b"", position, aborted))
            if not some:
                return values
            values += [one.value for piece in some if piece.data for one in iter_records(bytes(piece.data))]
            position = some[-1].next_offset


def test_what_may_not_be_read_is_said_and_the_rest_follows(a, b, caplog):
    """A user who may not do all that a mirror does."""
    for name in ("t", "closed"):
        a.create_topic(name, configs={"retention.ms": "5000000"})
        a.produce(name, b"1")
    for group in ("open", "shut"):
        commit(a, group, 1)
    with a.fail("DescribeConfigs", resource="closed", error="TOPIC_AUTHORIZATION_FAILED"), b.fail("OffsetCommit", group="shut", error="GROUP_AUTHORIZATION_FAILED"):
        with Running(a, b, groups=".*"):
            until(lambda: values(b, "t") == values(b, "closed") == [b"1"])
            until(lambda: offset_of(b, "open") == 1)
            until(lambda: "group shut does not follow: --to: offset of shut in t-0: GROUP_AUTHORIZATION_FAILED" in caplog.text)
    assert overrides(b, "t") == {"retention.ms": "5000000"} and overrides(b, "closed") == {}
    assert caplog.text.count("--from: configs of closed are not followed: ") == caplog.text.count("group shut does not follow") == 1


@pytest.mark.parametrize("side, fault, why", [
    ("to", {"api": "OffsetCommit", "error": "GROUP_AUTHORIZATION_FAILED"}, "error: --to: commit of kafka-emulator-mirror-"),
    ("to", {"api": "Metadata", "topic": "t", "error": "TOPIC_AUTHORIZATION_FAILED"}, "--to: topic t: it is there, and may not be described"),
    ("from", {"api": "Metadata", "topic": "t", "error": "TOPIC_AUTHORIZATION_FAILED"}, "--from: no topic is called so, or none that may be described"),
])
def test_a_copy_that_may_not_be_made_ends_and_says_why(a, b, side, fault, why, monkeypatch, caplog, capfd):
    monkeypatch.setattr(topics_there, "_MOST_LOOKS", 2)
    a.produce("t", b"1")
    b.create_topic("t")
    with (a if side == "from" else b).fail(**fault):
        status = main(["mirror", "--from", a.bootstrap, "--to", b.bootstrap, "--once", "--topics", "t"])
    assert why in capfd.readouterr().err + caplog.text and status == (0 if side == "from" else 1)
