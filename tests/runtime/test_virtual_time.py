"""Over the socket of a server whose clock is in the test's hand: what a week does to it."""

import threading
from datetime import datetime, timedelta, timezone

import pytest

from emulator import Emulator
from tests.api.test_consumer_groups import Group
from tests.api.test_data import NOW, batch, create, fetch, fetch_request, list_offset, produce, values
from tests.api.test_transactions import COMMITTED, Txn
from tests.wire_client import WireClient
from wire import errors
from wire.apis.configs import IncrementalAlterConfigs
from wire.apis.data import Fetch
from wire.apis.groups import ListGroups, OffsetCommit, OffsetFetch
from wire.apis.transactions import ListTransactions
from wire.records import Record, build_batch, iter_records

START = datetime.fromtimestamp(NOW / 1000, timezone.utc)
BIG = b"x" * 600_000  # two of these do not fit into a segment of a megabyte


@pytest.fixture
def kafka():
    with Emulator(clock="virtual", clock_start=START) as kafka:
        yield kafka


@pytest.fixture
def client(kafka):
    with WireClient(kafka.bootstrap) as client:
        yield client


def test_a_week_of_retention_segment_by_segment(kafka, client):
    create(client, "t", segment_bytes=1_048_576)
    for day in range(3):
        stamped = build_batch([Record(0, kafka.clock.now_ms(), None, BIG)])
        assert produce(client, "t", stamped).base_offset == day
        assert kafka.clock.advance(days=1) == {}
    assert kafka.clock.advance(days=4, minutes=6) == {"segments deleted": 1}
    assert list_offset(client, "t", -2)[1] == 1
    assert fetch(client, "t", 0).error_code == errors.OFFSET_OUT_OF_RANGE
    assert kafka.clock.advance(days=1) == {"segments deleted": 1}
    assert kafka.clock.advance(days=1) == {"segments deleted": 1}
    assert [list_offset(client, "t", which)[1] for which in (-2, -1)] == [3, 3]


def test_what_the_broker_stamps_stands_still(kafka, client):
    create(client, "t", message_timestamp_type="LogAppendTime")
    stamps = [produce(client, "t", batch(b"a")).log_append_time_ms for _ in range(2)]
    kafka.clock.advance(hours=1)
    stamps.append(produce(client, "t", batch(b"a")).log_append_time_ms)
    assert stamps == [NOW, NOW, NOW + 3_600_000]
    assert list_offset(client, "t", NOW + 1)[1] == 2


def test_a_producer_whose_clock_goes_on_is_not_refused(kafka, client):
    create(client, "t")
    later = build_batch([Record(0, NOW + 5 * 365 * 86_400_000, None, b"five years on")])
    assert produce(client, "t", later).error_code == errors.NONE


def test_compaction_waits_for_its_lag(kafka, client):
    day = 86_400_000
    create(client, "t", cleanup_policy="compact", segment_bytes=1_048_576, min_compaction_lag_ms=day, min_cleanable_dirty_ratio=0.01)
    for _ in range(3):
        produce(client, "t", build_batch([Record(0, NOW, b"key", BIG)]))
    assert kafka.cleaner.run() == {}
    assert kafka.clock.advance(hours=23, minutes=59) == {}
    assert list_offset(client, "t", -2)[1] == 0
    assert kafka.clock.advance(minutes=2) == {"rounds of compaction": 1, "records compacted away": 1}
    assert [record.offset for record in iter_records(bytes(fetch(client, "t", 0).records))] == [1]


def test_what_is_due_can_be_done_at_once(kafka, client):
    create(client, "old", retention_ms=1000)
    create(client, "keyed", cleanup_policy="compact", segment_bytes=1_048_576, min_cleanable_dirty_ratio=0.01)
    assert (kafka.retention.run(), kafka.cleaner.run()) == ({}, {})
    produce(client, "old", batch(b"a"))
    for _ in range(3):
        produce(client, "keyed", build_batch([Record(0, NOW, b"key", BIG)]))
    kafka.clock.advance(seconds=2)
    assert kafka.retention.run() == {"segments deleted": 1}
    assert list_offset(client, "old", -2)[1] == 1
    assert kafka.cleaner.run() == {"rounds of compaction": 1, "records compacted away": 1}
    assert [record.offset for record in iter_records(bytes(fetch(client, "keyed", 0).records))] == [1]
    assert kafka.cleaner.run() == {}


@pytest.mark.parametrize("expire", [False, True])
def test_sessions_of_who_is_connected(kafka, client, expire):
    create(client, "t")
    group = Group(client, "g")
    assert group.join("a", "t").error_code == errors.NONE
    happened = kafka.clock.advance(minutes=5, expire_sessions=expire)
    assert happened == ({"sessions expired": 1} if expire else {})
    assert len(group.describe().members) == 1 - expire


def test_the_session_of_who_has_hung_up(kafka, client):
    create(client, "t")
    with WireClient(kafka.bootstrap) as other:
        assert Group(other, "g").join("a", "t").error_code == errors.NONE
    assert kafka.clock.advance(seconds=44) == {}
    assert kafka.clock.advance(seconds=1) == {"sessions expired": 1}
    assert Group(client, "g").describe().members == []


def test_a_transaction_left_open_is_aborted(kafka, client):
    create(client, "t")
    txn = Txn(client, "txn", "t").find()
    txn.init(timeout=60_000)
    txn.add(0)
    assert txn.produce(b"never")[0] == errors.NONE
    assert kafka.clock.advance(seconds=59) == {}
    assert list_offset(client, "t", -1)[1] == 1
    assert kafka.clock.advance(seconds=11) == {"transactions aborted": 1}
    assert txn.produce(b"too late", sequence=1)[0] == errors.INVALID_PRODUCER_EPOCH
    got = fetch(client, "t", 0, isolation_level=COMMITTED)
    assert (got.last_stable_offset, len(got.aborted_transactions)) == (2, 1)


def test_a_transactional_id_is_forgotten(kafka, client):
    Txn(client, "txn", "t").find().init()
    assert kafka.clock.advance(days=6, hours=23) == {}
    assert len(client.call(ListTransactions, 1).transaction_states) == 1
    assert kafka.clock.advance(hours=2) == {"transactional ids expired": 1}
    assert client.call(ListTransactions, 1).transaction_states == []


def test_offsets_of_a_group_without_members_expire(kafka, client):
    create(client, "t")
    Group(client, "g")
    Topics = OffsetCommit.Request.Topics
    position = Topics(name="t", partitions=[Topics.Partitions(partition_index=0, committed_offset=5, committed_metadata="")])
    client.call(OffsetCommit, 9, group_id="g", member_id="", generation_id_or_member_epoch=-1, topics=[position])

    def committed():
        asked = OffsetFetch.Request.Groups(group_id="g", topics=None)
        (answer,) = client.call(OffsetFetch, 8, groups=[asked]).groups
        return [each.partitions[0].committed_offset for each in answer.topics]

    assert kafka.clock.advance(days=6, hours=23) == {} and committed() == [5]
    assert kafka.clock.advance(hours=2) == {"offsets expired": 1, "groups forgotten": 1}
    assert committed() == [] and client.call(ListGroups, 4).groups == []


def test_who_waits_for_records_waits_on_in_real_time(kafka, client):
    create(client, "t")
    answers = []

    def wait():
        with WireClient(kafka.bootstrap, timeout=30) as other:
            answers.append(other.call(Fetch, 12, **fetch_request("t", 0, max_wait_ms=25_000)))

    waiting = threading.Thread(target=wait)
    waiting.start()
    for _ in range(3):
        kafka.clock.advance(days=1)
    assert not answers
    produce(client, "t", batch(b"at last"))
    waiting.join(20)
    assert values(answers[0].responses[0].partitions[0]) == [b"at last"]


def test_others_are_served_while_a_long_time_passes(kafka, client):
    Resources = IncrementalAlterConfigs.Request.Resources
    often = Resources.Configs(name="log.cleaner.backoff.ms", config_operation=0, value="1")
    (answer,) = client.call(IncrementalAlterConfigs, 1, resources=[Resources(resource_type=4, resource_name="1", configs=[often])]).responses
    assert answer.error_code == errors.NONE
    create(client, "t")
    passing = threading.Thread(target=kafka.clock.advance, args=(timedelta(minutes=2),))
    passing.start()
    served = 0
    while passing.is_alive():
        assert produce(client, "t", batch(b"a")).error_code == errors.NONE
        served += 1
    passing.join()
    assert served > 0
    assert kafka.clock.now_ms() == NOW + 120_000
