"""Retention over a socket, with what Kafka 4.3.1 answered to the same requests.

KAFKA_BOOTSTRAP_RETENTION=HOST:PORT names a cluster with a log.retention.check.interval.ms and a log.initial.task.delay.ms of
less than a second.
"""

import os
import time

import pytest

from tests.api.compacted import HOUR, hurry
from tests.api.test_configs import SET, TOPIC, alter
from tests.api.test_data import create, fetch, list_offset, until
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import DeleteRecords, Produce
from wire.records import Record, build_batch

NOW = int(time.time() * 1000)
EARLIEST, LATEST, LARGEST = -2, -1, -3


@pytest.fixture(scope="module")
def client():
    elsewhere = os.environ.get("KAFKA_BOOTSTRAP_RETENTION")
    if elsewhere:
        with WireClient(elsewhere) as client:
            yield client
        return
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("KAFKA_BOOTSTRAP_RETENTION names no cluster that looks often")
    with serving(log_retention_check_interval_ms=50, log_initial_task_delay_ms=50) as server, WireClient(server.bootstrap) as client:
        yield client


class Kept:
    """A topic whose segments end after an hour, by the records' stamps."""

    def __init__(self, client, fresh, **configs):
        self.client, self.name, self.fresh = client, fresh("kept"), fresh
        create(client, self.name, segment_ms=HOUR, message_timestamp_after_max_ms=2**63 - 1, **configs)

    def put(self, *hours, count=1, size=10):
        """A batch for each of `hours` from now (ago where negative)."""
        for hour in hours:
            records = build_batch([Record(None, NOW + hour * HOUR, b"k", b"v" * size) for _ in range(count)])
            data = Produce.Request.TopicData.PartitionData(index=0, records=records)
            topics = [Produce.Request.TopicData(name=self.name, partition_data=[data])]
            [answer] = self.client.call(Produce, 9, acks=-1, timeout_ms=1000, topic_data=topics).responses
            assert answer.partition_responses[0].error_code == errors.NONE
        return self

    def alter(self, key, value):
        assert alter(self.client, TOPIC, self.name, (key, SET, str(value)))[0] == "NONE"
        return self

    def offset(self, which):
        return list_offset(self.client, self.name, which)[1]

    def starts_at(self, offset):
        """Soon, and still does when retention has looked again."""
        until(lambda: self.offset(EARLIEST) == offset)
        for _ in range(2):
            seen = Kept(self.client, self.fresh, retention_ms=HOUR).put(-2)
            until(lambda: seen.offset(EARLIEST) == 1)
        return self.offset(EARLIEST) == offset


@pytest.fixture
def kept(client, fresh):
    return lambda **configs: Kept(client, fresh, **configs)


def test_what_is_old_goes_the_active_segment_too(kept):
    topic = kept(retention_ms=24 * HOUR).put(-100, -98, -96)
    assert topic.starts_at(3)
    assert [topic.offset(which) for which in (EARLIEST, LATEST, LARGEST, NOW - 97 * HOUR)] == [3, 3, -1, -1]
    topic.put(0)
    out_of_range = errors.OFFSET_OUT_OF_RANGE
    codes = [fetch(topic.client, topic.name, offset).error_code for offset in (0, 2, 3, 4, 5)]
    assert codes == [out_of_range, out_of_range, errors.NONE, errors.NONE, out_of_range]
    assert fetch(topic.client, topic.name, 0).log_start_offset == -1
    assert fetch(topic.client, topic.name, 3).log_start_offset == 3


def test_a_stamp_in_the_future_keeps_what_is_behind_it(kept):
    assert kept(retention_ms=24 * HOUR).put(50, -90, 60, -80).starts_at(0)


def test_by_bytes(kept):
    assert kept(retention_bytes=25_000).put(*range(-40, -20, 2), size=10_000).starts_at(7)


def test_changed_live(kept):
    topic = kept(retention_ms=-1).put(*range(-40, -20, 2), size=10_000)
    assert topic.starts_at(0)
    assert topic.alter("retention.ms", 30 * HOUR).starts_at(6)
    assert topic.alter("retention.bytes", 10_000).starts_at(9)
    assert topic.alter("retention.bytes", 0).starts_at(10)
    assert topic.put(0).starts_at(11)


def test_of_what_is_compacted_only_with_delete_in_its_policy(kept):
    topic = kept(retention_ms=24 * HOUR, cleanup_policy="compact", min_cleanable_dirty_ratio=1).put(-100, -98, -96, -1)
    hurry(topic.client)  # the cleaner, whose work it is
    assert topic.starts_at(0)
    assert topic.alter("cleanup.policy", "compact,delete").starts_at(3)


def test_without_a_policy_nothing_goes(kept):
    assert kept(retention_ms=24 * HOUR, cleanup_policy="").put(-100, -98, -96, -1).starts_at(0)


def test_records_that_were_deleted(kept):
    topic = kept(retention_ms=-1).put(-100, -98, count=3)
    partition = DeleteRecords.Request.Topics.Partitions(partition_index=0, offset=2)
    asked = DeleteRecords.Request.Topics(name=topic.name, partitions=[partition])
    [answer] = topic.client.call(DeleteRecords, 2, topics=[asked], timeout_ms=1000).topics
    assert answer.partitions[0].low_watermark == 2
    assert topic.starts_at(2)
    assert fetch(topic.client, topic.name, 1).error_code == errors.OFFSET_OUT_OF_RANGE
