"""A mirror between clusters: what it copies, follows and leaves out."""

import json
import subprocess
import sys

import pytest

from emulator import Emulator
from emulator.apps.cli import main
from emulator.apps.mirror.names import Names
from tests.mirrors import ROOT, WAYS, Running, commit, fetch, offset_of, once, overrides, produce, records, topics, until, values
from tests.wire_client import WireClient
from wire import compression
from wire.apis.configs import IncrementalAlterConfigs
from wire.apis.metadata import FindCoordinator
from wire.apis.topics import CreatePartitions, DeleteTopics
from wire.apis.transactions import AddPartitionsToTxn, EndTxn, InitProducerId
from wire.records import HEADER_SIZE, Record, build_batch, read_header


@WAYS
def test_partitions_keys_headers_times_and_compression_stay(a, b, exactly_once):
    a.create_topic("t", 4)
    for number in range(100):
        a.produce("t", b"v%d" % number, key=b"k%d" % number, headers={"h": b"x"}, timestamp=1_700_000_000_000 + number)
    codecs = [compression.GZIP, compression.SNAPPY, compression.LZ4, compression.ZSTD]
    for partition, codec in enumerate(codecs):
        produce(a, "t", build_batch([Record(0, 5, b"k", b"z" * 1000, ())], compression=codec), partition=partition)
    with Running(a, b, exactly_once=exactly_once):
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


@pytest.mark.parametrize("exactly_once", [None, pytest.param("", marks=pytest.mark.soak)], ids=["at least once", "exactly once"])
def test_two_that_begin_at_once_with_the_same_topic(a, b, exactly_once):
    a.produce("t", b"1")
    b.produce("t", b"2")
    with Running(a, b, exactly_once=exactly_once) as one, Running(b, a, exactly_once=exactly_once) as other:
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


def test_a_topic_that_is_made_anew_is_copied_from_its_first_offset(a, b):
    def anew(first):
        with WireClient(a.bootstrap) as client:
            client.call(DeleteTopics, 3, topic_names=["t"], timeout_ms=5000)
        a.create_topic("t")
        for number in range(first, first + 10):
            a.produce("t", b"%d" % number)

    a.produce("t", b"0")
    a.produce("t", b"1")
    with Running(a, b):
        until(lambda: len(values(b, "t")) == 2)
        anew(2)  # at once more than there was
        until(lambda: len(values(b, "t")) == 12)
    anew(12)
    once(a, b)
    assert values(b, "t") == [b"%d" % number for number in range(22)]


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
    (["mirror.from.bootstrap.servers: h:1", "mirror.to.bootstrap.servers: h:1", "faults: [{api: Fetch, drop: after}]"], "line 3: faults is none of a mirror's keys"),
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
