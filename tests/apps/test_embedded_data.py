"""What a test does with an Emulator without a client: topics, records, groups; it waits for what is to come, and is told what there was."""

import threading
import time
from datetime import datetime, timedelta, timezone

import pytest

from emulator import Emulator
from emulator.apps.embedded.record import murmur2
from tests.api.test_data import produce_request
from tests.wire_client import WireClient
from wire.apis.configs import DescribeConfigs
from wire.apis.data import Produce
from wire.apis.groups import JoinGroup, LeaveGroup, SyncGroup
from wire.apis.metadata import FindCoordinator
from wire.apis.transactions import AddPartitionsToTxn, EndTxn, InitProducerId
from wire.records import Record, build_batch

START = datetime(2030, 1, 1, tzinfo=timezone.utc)
START_MS = 1_893_456_000_000


@pytest.fixture
def kafka():
    with Emulator(clock="virtual", clock_start=START, seed=1) as emulator:
        yield emulator


def later(action):
    thread = threading.Thread(target=action)
    thread.start()
    return thread


# -- topics and records ----------------------------------------------------------------------------


def test_what_is_produced_is_there_as_it_was(kafka):
    kafka.create_topic("orders", 2)
    first = kafka.produce("orders", "one", key="k", headers={"trace": "1", "none": None}, partition=1)
    second = kafka.produce("orders", None, key=b"k", partition=1, timestamp=START + timedelta(seconds=1))
    assert first == ("orders", 1, 0, START_MS, b"k", b"one", (("trace", b"1"), ("none", None)))
    assert (second.offset, second.timestamp, second.value) == (1, START_MS + 1000, None)
    assert kafka.records("orders") == kafka.records("orders", 1) == [first, second]
    assert kafka.records("orders", partition=0) == []
    assert (first.text, kafka.produce("orders", '{"id": 1}').json(), first.moment) == ("one", {"id": 1}, START)


def test_a_topic_is_made_as_it_is_asked_for(kafka):
    kafka.create_topic("keyed", 3, configs={"cleanup.policy": ["compact", "delete"], "retention.ms": 5, "preallocate": False})
    with WireClient(kafka.bootstrap) as client:
        asked = DescribeConfigs.Request.Resources(resource_type=2, resource_name="keyed")
        configs = {one.name: one.value for one in client.call(DescribeConfigs, 4, resources=[asked]).results[0].configs}
    assert (configs["cleanup.policy"], configs["retention.ms"], configs["preallocate"]) == ("compact,delete", "5", "false")
    for arguments, words in [(("keyed",), "already exists"), (("a/b",), "topic a/b: "), (("c", 0), "partitions"),
                             (("d", 1), "replication factor")]:
        with pytest.raises(ValueError, match=words):
            kafka.create_topic(*arguments, replication_factor=9 if arguments[0] == "d" else None)
    with pytest.raises(ValueError, match="retention"):
        kafka.create_topic("e", configs={"retention.ms": "long"})


def test_keys_go_where_clients_put_them_and_others_take_turns(kafka):
    # Of org.apache.kafka.common.utils.UtilsTest.
    assert [murmur2(text) - (1 << 32 if murmur2(text) >> 31 else 0) for text in (b"21", b"foobar", b"a-little-bit-long-string")] == [
        -973932308, -790332482, -985981536]
    kafka.create_topic("t", 3)
    assert [kafka.produce("t", "v").partition for _ in range(4)] == [0, 1, 2, 0]
    assert {kafka.produce("t", "v", key="foobar").partition for _ in range(3)} == {(-790332482 & 0x7FFFFFFF) % 3}


def test_what_a_topic_does_not_take_is_refused(kafka):
    kafka.create_topic("compacted", configs={"cleanup.policy": "compact", "max.message.bytes": 100})
    with pytest.raises(ValueError, match="compacted-0: "):
        kafka.produce("compacted", "without a key")
    with pytest.raises(ValueError, match="compacted-0: "):
        kafka.produce("compacted", bytes(200), key="k")
    with pytest.raises(LookupError, match="partitions 0 to 0, and no 1"):
        kafka.produce("compacted", "v", key="k", partition=1)
    with pytest.raises(TypeError, match="value: expected str, bytes or None, not int"):
        kafka.produce("compacted", 1)
    with pytest.raises(LookupError, match="no topic nowhere; there are: compacted"):
        kafka.records("nowhere")
    with pytest.raises(LookupError, match="and no 7"):
        kafka.records("compacted", 7)
    assert kafka.produce("made", "v") in kafka.records("made")
    with Emulator(config={"auto.create.topics.enable": False}) as other, pytest.raises(LookupError, match="auto.create"):
        other.produce("made", "v")


def transaction(client, name, commit):
    client.call(FindCoordinator, 4, key_type=1, coordinator_keys=[name])
    started = client.call(InitProducerId, 4, transactional_id=name, transaction_timeout_ms=60_000, producer_id=-1, producer_epoch=-1)
    producer = started.producer_id, started.producer_epoch
    topic = AddPartitionsToTxn.Request.V3AndBelowTopics(name="t", partitions=[0])
    client.call(AddPartitionsToTxn, 3, v3_and_below_transactional_id=name, v3_and_below_producer_id=producer[0],
                v3_and_below_producer_epoch=producer[1], v3_and_below_topics=[topic])
    batch = build_batch([Record(None, START_MS, None, name.encode())], producer_id=producer[0], producer_epoch=producer[1],
                        base_sequence=0, transactional=True)
    client.call(Produce, 9, **{**produce_request("t", batch), "transactional_id": name})
    if commit is not None:
        client.call(EndTxn, 3, transactional_id=name, producer_id=producer[0], producer_epoch=producer[1], committed=commit)
    return producer


def test_only_what_is_committed_counts_unless_all_is_asked_for(kafka):
    kafka.create_topic("t")
    with WireClient(kafka.bootstrap) as client:
        transaction(client, "aborted", False)
        transaction(client, "committed", True)
        producer_id, epoch = transaction(client, "open", None)
        kafka.produce("t", "after the open one")
        values = ["aborted", "committed", "open", "after the open one"]
        assert [record.text for record in kafka.records("t")] == ["committed"]
        assert [record.text for record in kafka.records("t", uncommitted=True)] == values
        with pytest.raises(AssertionError, match="there were 1:\n  t-0 @2 .*committed"):
            kafka.assert_produced("t", value="open", within=0.05)
        ending = later(lambda: client.call(EndTxn, 3, transactional_id="open", producer_id=producer_id, producer_epoch=epoch, committed=True))
        assert kafka.assert_produced("t", value="open").offset == 4
        ending.join()


# -- waiting ---------------------------------------------------------------------------------------


def test_it_waits_for_a_topic_and_a_record_that_are_to_come(kafka):
    def produce():
        kafka.produce("late", "noise")
        kafka.produce("late", '{"id": 7, "items": [1]}', key="k", headers=[("trace", "t"), ("more", "m")])

    producing = later(produce)
    found = kafka.assert_produced("late", key="k", value={"items": [1], "id": 7}, headers={"trace": b"t"}, partition=0)
    producing.join()
    assert found.offset == 1
    assert kafka.assert_produced("late", value=lambda data: data.startswith(b"no"), key=None).offset == 0


def test_what_does_not_come_is_told_with_what_there_was(kafka):
    kafka.create_topic("t")
    for number in range(25):
        kafka.produce("t", str(number))
    began = time.monotonic()
    with pytest.raises(AssertionError) as told:
        kafka.assert_produced("t", value="25", within="100ms")
    assert 0.1 <= time.monotonic() - began < 5
    lines = str(told.value).splitlines()
    assert lines[0] == "no record with value='25' came to t within 0.1 s; there were 25:"
    assert lines[1:3] == ["  ... and 5 before these", "  t-0 @5 2030-01-01T00:00:00.000Z key=None value=b'5'"] and len(lines) == 22
    with pytest.raises(AssertionError, match="there is no topic nowhere; there are: t"):
        kafka.assert_produced("nowhere", within=0)
    kafka.create_topic("empty")
    with pytest.raises(AssertionError, match="no record at all came to empty within 0 s; there were none"):
        kafka.assert_produced("empty", within=timedelta())
    with pytest.raises(ValueError, match="within: 'soon' is no duration"):
        kafka.assert_produced("t", within="soon")


def test_nobody_looks_while_nothing_happens(kafka):
    """Waiting costs nothing: no timer, no poll."""
    looks = []

    def wait():
        from emulator.runtime.watch import wait_until
        return wait_until(lambda: looks.append(1), 0.5)

    waiting = later(lambda: kafka.call(wait))
    waiting.join()
    assert len(looks) < 10


def joined(client, group):
    client.call(FindCoordinator, 4, key_type=0, coordinator_keys=[group])
    fields = dict(group_id=group, session_timeout_ms=30_000, rebalance_timeout_ms=10_000, protocol_type="consumer",
                  protocols=[JoinGroup.Request.Protocols(name="range", metadata=b"")])
    member = client.call(JoinGroup, 9, member_id="", **fields).member_id
    generation = client.call(JoinGroup, 9, member_id=member, **fields).generation_id
    client.call(SyncGroup, 5, group_id=group, member_id=member, generation_id=generation, protocol_type="consumer",
                protocol_name="range", assignments=[SyncGroup.Request.Assignments(member_id=member, assignment=b"")])
    return member


def test_it_waits_for_a_group_to_be_as_it_should(kafka):
    with WireClient(kafka.bootstrap, client_id="app") as client:
        members = []
        joining = later(lambda: members.append(joined(client, "g")))
        group = kafka.wait_for_group("g", state="stable", members=1)
        joining.join()
        assert (group.id, group.type, group.state, len(group.members)) == ("g", "classic", "Stable", 1)
        assert (group.members[0].id, group.members[0].client_id) == (members[0], "app")
        leaving = later(lambda: client.call(LeaveGroup, 5, group_id="g", members=[LeaveGroup.Request.Members(member_id=members[0])]))
        assert kafka.wait_for_group("g", state="Empty").members == ()
        leaving.join()
        with pytest.raises(AssertionError, match=r"group g was not Stable with 2 members within 0.05 s: g \(classic\) Empty, members: 0"):
            kafka.wait_for_group("g", state="Stable", members=2, within=0.05)
        with pytest.raises(AssertionError, match="no such group; there are: g"):
            kafka.wait_for_group("h", within=0)
        with pytest.raises(ValueError, match="state Steady: expected one of Empty, "):
            kafka.wait_for_group("g", state="Steady")


def test_of_several_brokers():
    with Emulator(brokers=3, clock="virtual") as kafka:
        kafka.create_topic("t", 3, replication_factor=3)
        for number in range(6):
            kafka.produce("t", str(number))
        leader = kafka.server.cluster.topics["t"].partitions[0].leader
        kafka.brokers[leader].kill()
        assert kafka.produce("t", "6").offset == 2
        assert sorted(record.text for record in kafka.records("t")) == list("0123456")
        kafka.create_topic("single", 1, replication_factor=1)
        kafka.brokers[kafka.server.cluster.topics["single"].partitions[0].leader].kill()
        with pytest.raises(RuntimeError, match="single-0 has no leader that is up"):
            kafka.produce("single", "v")


def test_on_disk(tmp_path):
    with Emulator(data_dir=tmp_path) as kafka:
        produced = [kafka.produce("t", "v" * 1000, key=str(number)) for number in range(10)]
    with Emulator(data_dir=tmp_path) as kafka:
        assert kafka.records("t") == produced
