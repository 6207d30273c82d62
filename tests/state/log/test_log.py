"""A partition's log: what is appended can be found again, by offset and by time, until it is let go."""

import random

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log import Log
from emulator.state.log.retention import delete_old_segments
from wire import errors
from wire.errors import KafkaError
from wire.records import Record, build_batch, iter_records

HOUR = 3_600_000


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def log(clock):
    return make_log(clock)


def make_log(clock, **overrides):
    config = Configs(parse_broker_settings({})).preview({name.replace("_", "."): str(value) for name, value in overrides.items()})
    log = Log("t-0", config, clock, random.Random(1))
    log.begin_epoch(0)
    return log


def batch(*values, timestamp=1_700_000_000_000, **options):
    records = [Record(offset=index, timestamp=timestamp, key=None, value=value, headers=()) for index, value in enumerate(values)]
    return build_batch(records, **options)


def append(log, *values, **options):
    return store(log, batch(*values, **options))


def store(log, records, leader_epoch=0):
    now = log._time.now()
    return log.append(log.check(records, now), leader_epoch, now)


def values(log, offset, max_bytes=1 << 20, **options):
    result = log.read(offset, max_bytes, log.high_watermark, **options)
    data = b"".join(bytes(piece) for piece in result.records)
    return [(record.offset, bytes(record.value)) for record in iter_records(data) if record.offset >= offset]


def refused(error, action):
    with pytest.raises(KafkaError) as caught:
        action()
    assert caught.value.error == error


def test_batches_get_consecutive_offsets(log):
    assert append(log, b"a", b"b").base_offset == 0
    assert append(log, b"c").base_offset == 2
    assert (log.log_start_offset, log.end_offset, log.high_watermark) == (0, 3, 3)
    assert values(log, 0) == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert values(log, 1) == [(1, b"b"), (2, b"c")]


def test_reading_at_the_end_gives_nothing_and_beyond_it_is_out_of_range(log):
    append(log, b"a")
    assert values(log, 1) == []
    refused(errors.OFFSET_OUT_OF_RANGE, lambda: values(log, 2))
    refused(errors.OFFSET_OUT_OF_RANGE, lambda: values(log, -1))


def test_a_small_limit_cuts_the_batch_or_gives_the_first_whole(log):
    append(log, b"x" * 1000)
    assert log.read(0, 100, 1).first_incomplete
    assert log.read(0, 100, 1, min_one_message=True).size == log.size


def test_any_offset_of_a_long_log_is_found(clock):
    log = make_log(clock, internal_segment_bytes=20_000)
    for number in range(500):
        append(log, *(b"%d-%d" % (number, index) for index in range(1 + number % 7)))
    assert len(log.segments) > 2
    for offset in range(0, log.end_offset, 13):
        found = values(log, offset, 1, min_one_message=True)
        assert found[0][0] == offset


def test_what_a_reader_holds_does_not_change_when_more_is_appended(log):
    append(log, b"a")
    held = log.read(0, 1000, 1).records
    before = b"".join(held)
    for _ in range(1000):
        append(log, b"b" * 50)
    assert b"".join(held) == before


def test_a_large_writable_batch_is_kept_and_not_copied(log):
    frame = bytearray(batch(b"x" * 100_000))
    store(log, memoryview(frame))
    append(log, b"next")
    (piece, *_) = log.read(0, 10, 2, min_one_message=True).records
    assert piece.obj is frame
    assert [value[:4] for _, value in values(log, 0)] == [b"xxxx", b"next"]


def test_records_are_found_by_time(clock):
    log = make_log(clock, internal_segment_bytes=1500)
    base = clock.now()
    for minute in range(100):
        append(log, b"%d" % minute, timestamp=base + minute * 1000)
    for minute in (0, 1, 57, 99):
        assert log.find_timestamp(base + minute * 1000 - 1) == (minute, base + minute * 1000)
    assert log.find_timestamp(base + 99_001) is None
    assert log.find_max_timestamp() == (99, base + 99_000)


def test_deleted_records_are_gone_and_whole_segments_with_them(clock):
    log = make_log(clock, internal_segment_bytes=500)
    for number in range(50):
        append(log, b"%d" % number)
    segments = len(log.segments)
    assert log.delete_records(30) == 30
    assert len(log.segments) < segments
    refused(errors.OFFSET_OUT_OF_RANGE, lambda: values(log, 29))
    assert values(log, 30)[0] == (30, b"30")
    assert log.delete_records(10) == 30
    refused(errors.OFFSET_OUT_OF_RANGE, lambda: log.delete_records(51))
    assert log.delete_records(-1) == 50
    assert values(log, 50) == []


def test_retention_by_time_drops_old_segments_and_rolls_the_active_one(clock):
    log = make_log(clock, internal_segment_bytes=500, retention_ms=HOUR)
    for _ in range(20):
        append(log, b"old", timestamp=clock.now())
    clock.advance(HOUR)
    delete_old_segments(log, clock.now())
    assert log.log_start_offset == 0
    clock.advance(1)
    delete_old_segments(log, clock.now())
    assert (log.log_start_offset, log.end_offset, log.size) == (20, 20, 0)
    assert append(log, b"new").base_offset == 20


def test_retention_by_size_keeps_at_least_that_many_bytes(clock):
    log = make_log(clock, internal_segment_bytes=500, retention_bytes=1200)
    for _ in range(40):
        append(log, b"x" * 20)
    size = log.size
    delete_old_segments(log, clock.now())
    assert 1200 <= log.size < min(size, 1200 + 500)
    assert log.log_start_offset == log.segments[0].base_offset > 0


def test_without_delete_in_its_policy_nothing_expires(clock):
    log = make_log(clock, cleanup_policy="compact", retention_ms=1)
    store(log, build_batch([Record(0, clock.now(), b"k", b"v", ())]))
    clock.advance(HOUR)
    delete_old_segments(log, clock.now())
    assert log.log_start_offset == 0


def test_a_batch_beyond_a_segment_is_refused(clock):
    log = make_log(clock, internal_segment_bytes=500)
    refused(errors.RECORD_LIST_TOO_LARGE, lambda: append(log, b"x" * 1000))


def test_a_duplicate_of_a_producers_last_five_batches_is_answered_as_before(log):
    def send(sequence):
        return append(log, b"v", producer_id=7, producer_epoch=0, base_sequence=sequence)

    for sequence in range(6):
        assert send(sequence).base_offset == sequence
    stored = log.producers.get(7).batches[-3][4]
    again = send(3)
    assert (again.base_offset, again.duplicate, log.end_offset, again.log_append_time) == (3, True, 6, stored)
    refused(errors.OUT_OF_ORDER_SEQUENCE_NUMBER, lambda: send(0))  # forgotten by now
    refused(errors.OUT_OF_ORDER_SEQUENCE_NUMBER, lambda: send(7))


def test_a_new_epoch_begins_at_sequence_0_and_fences_the_old(log):
    def send(epoch, sequence):
        return append(log, b"v", producer_id=7, producer_epoch=epoch, base_sequence=sequence)

    send(0, 0)
    refused(errors.OUT_OF_ORDER_SEQUENCE_NUMBER, lambda: send(1, 1))
    send(1, 0)
    refused(errors.INVALID_PRODUCER_EPOCH, lambda: send(0, 1))


def test_sequences_wrap(log):
    append(log, b"a", b"b", producer_id=7, producer_epoch=0, base_sequence=2**31 - 2)
    assert append(log, b"c", producer_id=7, producer_epoch=0, base_sequence=0).base_offset == 2


def test_an_expired_producer_may_begin_anywhere(log, clock):
    append(log, b"a", producer_id=7, producer_epoch=0, base_sequence=0)
    log.producers.expire(clock.now() + 1)
    assert len(log.producers) == 0
    append(log, b"b", producer_id=7, producer_epoch=0, base_sequence=41)


def test_leader_epochs_say_where_each_ended(log):
    append(log, b"a")
    log.begin_epoch(3)
    store(log, batch(b"b", b"c"), leader_epoch=3)
    assert log.end_offset_of_epoch(0) == (0, 1)
    assert log.end_offset_of_epoch(2) == (0, 1)
    assert log.end_offset_of_epoch(3) == (3, 3)
    assert log.end_offset_of_epoch(4) == (-1, -1)
    assert log.end_offset_of_epoch(-1) == (-1, -1)
    assert [log.leader_epoch_at(offset) for offset in (0, 1, 3)] == [0, 3, 3]


def test_who_watches_is_told_of_growth_and_of_the_end(log):
    told = []
    log.watch(lambda: told.append(log.closed))
    append(log, b"a")
    log.delete()
    assert told == [False, True]
