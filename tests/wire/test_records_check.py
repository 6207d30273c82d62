"""What check_batch makes of sound batches, the errors it names, and its fast paths against its plain one."""

import pytest
from hypothesis import example, given, settings, strategies as st

from tests.wire import hostile_batches as hostile
from tests.wire.captured_batches import BATCHES
from tests.wire.test_records_hostile import Config
from wire import compression, errors
from wire.records import (
    CREATE_TIME, LOG_APPEND_TIME, BadBatch, Record, build_batch, check, check_batch, check_shape,
    iter_batches, iter_records, read_header, walk as walking,
)
from wire.records.walk import walk

NOW = 1_700_000_000_000
PLAIN = Config()


def batch_of(n=3, codec=0, **settings):
    return build_batch([Record(i, NOW + i, b"k%d" % i, b"v" * i) for i in range(n)], compression=codec, **settings)


def refusal(data, now=NOW, config=PLAIN, name="t-0"):
    with pytest.raises(BadBatch) as caught:
        check_batch(data, now, config, name)
    return caught.value


# what is answered

def test_a_sound_batch_stays_as_it_is():
    batch = batch_of(producer_id=4, producer_epoch=1, base_sequence=9)
    checked = check_batch(batch, NOW, PLAIN)
    assert bytes(checked.records) == batch
    assert checked.header == read_header(batch)
    assert (checked.max_timestamp, checked.log_append_time) == (NOW + 2, -1)


@pytest.mark.parametrize("client, codec", BATCHES)
def test_what_real_clients_sent_is_taken(client, codec):
    for stored in iter_batches(BATCHES[client, codec]):
        sent = bytes(8) + stored[8:]  # as it was before it had its offset
        assert bytes(check_batch(sent, 1_795_360_900_000, PLAIN).records) == sent


@pytest.mark.parametrize("tail", [1, 11, 30])
def test_what_follows_the_batch_and_is_none_is_cut_off(tail):
    batch = batch_of()
    assert bytes(check_batch(batch + batch[:tail], NOW, PLAIN).records) == batch


def test_a_largest_timestamp_that_lies_is_put_right():
    lying = hostile.batch([hostile.record(0), hostile.record(1, timestamp=5)], base_timestamp=NOW, max_timestamp=3)
    checked = check_batch(lying, NOW, PLAIN)
    assert checked.max_timestamp == checked.header.max_timestamp == NOW + 5
    assert read_header(checked.records) == checked.header
    assert [record.timestamp for record in iter_records(checked.records)] == [NOW, NOW + 5]  # and its checksum


def test_bytes_are_never_written_into_and_a_writable_view_is():
    config, batch = Config(log_append_time=True), batch_of()
    before = bytes(batch)
    stored = check_batch(batch, NOW + 50, config)
    assert batch == before and bytes(stored.records) != before
    view = memoryview(bytearray(batch))
    assert check_batch(view, NOW + 50, config).records.obj is view.obj


@pytest.mark.parametrize("codec", range(5))
def test_log_append_time(codec):
    checked = check_batch(batch_of(codec=codec), NOW + 50, Config(log_append_time=True))
    assert checked.header.timestamp_type == LOG_APPEND_TIME
    assert checked.max_timestamp == checked.log_append_time == NOW + 50
    assert [record.timestamp for record in iter_records(checked.records)] == [NOW + 50] * 3


def test_a_client_that_says_log_append_time_gets_create_time():
    said = hostile.batch(attributes=8, base_timestamp=NOW, max_timestamp=NOW + 9)
    checked = check_batch(said, NOW, PLAIN)
    assert checked.header.timestamp_type == CREATE_TIME and checked.max_timestamp == NOW + 9


# conversion

@pytest.mark.parametrize("target", ["uncompressed", "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("source", range(5), ids=compression.NAMES)
@pytest.mark.parametrize("append_time", [False, True], ids=["create", "append"])
def test_conversion(source, target, append_time):
    batch = batch_of(20, source, producer_id=4, producer_epoch=1, base_sequence=9, transactional=True)
    checked = check_batch(batch, NOW + 99, Config(compression_type=target, log_append_time=append_time))
    code = compression.CODES.get(target, 0)
    assert checked.header.compression == code
    if code == source and not append_time:
        assert bytes(checked.records) == batch
    expected = [Record(i, NOW + 99 if append_time else NOW + i, b"k%d" % i, b"v" * i) for i in range(20)]
    assert list(iter_records(checked.records)) == expected
    header = checked.header
    assert header == read_header(checked.records)
    assert (header.producer_id, header.producer_epoch, header.base_sequence, header.is_transactional) == (4, 1, 9, True)
    assert header.max_timestamp == checked.max_timestamp == (NOW + 99 if append_time else NOW + 19)


def test_conversion_by_level():
    text = b"".join(b"user %d saw item %d; " % (i % 7, i * i) for i in range(3000))
    batch = build_batch([Record(0, NOW, None, text)])
    sizes = [len(check_batch(batch, NOW, Config(compression_type="gzip", compression_gzip_level=level)).records)
             for level in (1, 9)]
    assert sizes[0] > sizes[1]


def test_what_grows_too_large_by_conversion_is_refused():
    batch = batch_of(200, compression.GZIP)
    bad = refusal(batch, config=Config(compression_type="uncompressed", max_message_bytes=len(batch)))
    assert bad.error == errors.MESSAGE_TOO_LARGE


# errors

def test_records_to_blame_are_named_as_kafka_names_them():
    missing = build_batch([Record(i, NOW, None if i else b"k", b"v") for i in range(5)])
    bad = refusal(missing, config=Config(compact=True))
    text = "Compacted topic cannot accept message without key in topic partition t-0"
    assert (bad.error, bad.record_errors) == (errors.INVALID_RECORD, [(i, text) for i in range(1, 5)])
    assert bad.message == (
        "One or more records have been rejected due to 4 record errors in total, and only showing the first three "
        "errors at most: [" + ", ".join(f"RecordError(batchIndex={i}, message='{text}')" for i in (1, 2, 3)) + "]")


def test_timestamps_out_of_range_are_named_as_kafka_names_them():
    config = Config(message_timestamp_before_max_ms=10, message_timestamp_after_max_ms=20)
    batch = build_batch([Record(i, NOW + t, b"k", b"v") for i, t in enumerate((-11, -10, 20, 21, -NOW - 1))])
    bad = refusal(batch, config=config)
    assert bad.error == errors.INVALID_TIMESTAMP
    assert bad.message == "One or more records have been rejected due to invalid timestamp"
    assert bad.record_errors == [
        (i, f"Timestamp {NOW + t} of message with offset {i} is out of range. "
            f"The timestamp should be within [{NOW - 10}, {NOW + 20}]") for i, t in ((0, -11), (3, 21))]


@pytest.mark.parametrize("codec, target, name", [
    (0, "producer", "DefaultRecord"), (1, "producer", "PartialDefaultRecord"), (1, "gzip", "PartialDefaultRecord"),
    (1, "lz4", "DefaultRecord"), (0, "gzip", "DefaultRecord")])
def test_append_time_from_a_client_is_named_as_kafka_names_it(codec, target, name):
    said = build_batch([Record(0, NOW, b"k", b"vv")], compression=codec, timestamp_type=LOG_APPEND_TIME, max_timestamp=NOW)
    bad = refusal(said, config=Config(log_append_time=True, compression_type=target))
    assert (bad.error, bad.record_errors) == (errors.INVALID_TIMESTAMP, [(0, (
        f"Invalid timestamp type in message {name}(offset=0, timestamp={NOW}, key=1 bytes, value=2 bytes). "
        f"Producer should not set timestamp type to LogAppendTime."))])


def test_a_missing_timestamp_is_in_every_range():
    batch = build_batch([Record(0, -1, b"k", b"v")])
    checked = check_batch(batch, NOW, Config(message_timestamp_before_max_ms=0))
    assert checked.max_timestamp == -1


def test_timestamps_that_wrap_round_as_in_java():
    batch = hostile.batch([hostile.record(0), hostile.record(1, timestamp=2**63 - 1)], base_timestamp=2**63 - 1)
    assert refusal(batch).record_errors[0][0] == 0
    only = hostile.batch([hostile.record(0, timestamp=2**63 - 1)], base_timestamp=2**63 - 1)
    assert check_batch(only, NOW, PLAIN).max_timestamp == -1


def test_the_size_comes_before_the_checksum_and_the_base_offset_before_the_size():
    small = Config(max_message_bytes=70)
    assert refusal(hostile.batch(several := hostile.several(3), crc=1), config=small).error == errors.MESSAGE_TOO_LARGE
    assert refusal(hostile.batch(several, base_offset=1), config=small).error == errors.INVALID_RECORD


def test_zstd_and_old_produce_requests():
    batch = batch_of(codec=compression.ZSTD)
    assert check_shape(batch, 7) == len(batch)
    with pytest.raises(BadBatch) as caught:
        check_shape(batch, 6)
    assert caught.value.error == errors.UNSUPPORTED_COMPRESSION_TYPE


def test_a_batch_that_unfolds_beyond_the_limit(monkeypatch):
    monkeypatch.setattr(check, "MIN_DECOMPRESSED_LIMIT", 1000)
    bomb = build_batch([Record(0, NOW, b"k", bytes(10_000))], compression=compression.ZSTD)
    assert refusal(bomb, config=Config(max_message_bytes=len(bomb))).error == errors.MESSAGE_TOO_LARGE


# the walk's three ways

def plainly(buffer, count):
    """The walk with nothing but its plain way."""
    position, deltas, keyless = 0, [], False
    try:
        for index in range(count):
            position, delta, no_key = walking._walk_record(buffer, position, len(buffer), index, errors.INVALID_RECORD)
            deltas.append(delta)
            keyless |= no_key
    except IndexError:
        return None
    except BadBatch:
        return None
    return (min(deltas), max(deltas), keyless) if position == len(buffer) else None


def fast(buffer, count):
    try:
        return walk(buffer, count)
    except BadBatch:
        return None


sizes = st.sampled_from([0, 1, 5, 62, 63, 64, 100, 8191, 8192])
shapes = st.tuples(
    st.integers(1, 80),  # how many records alike
    st.sampled_from([0, 0, 1, -1, 63, 64, 8191, 8192, 2**21, 2**40, -2**62]),  # timestamp of the first of them
    st.sampled_from([0, 1, 40, -3]),  # and how it grows
    st.none() | sizes, st.none() | sizes, st.integers(0, 2))


def records_alike(many):
    made, index = [], 0
    for repeated, timestamp, step, key, value, header_count in many:
        key, value = (None if size is None else b"\x01" * size for size in (key, value))
        for i in range(repeated):
            made.append(hostile.record(index, timestamp + i * step, key, value, [("h", b"1")] * header_count))
            index += 1
    return made


@given(st.lists(shapes, min_size=1, max_size=4))
@example([(80, 0, 40, None, 100, 0), (80, 8191, 1, None, 100, 0)])
def test_sound_records_pass_whichever_way(many):
    records = records_alike(many)
    buffer = b"".join(records)
    assert fast(buffer, len(records)) == plainly(buffer, len(records)) != None  # noqa: E711
    assert fast(memoryview(buffer), len(records)) == plainly(buffer, len(records))


@settings(max_examples=300)
@given(st.lists(shapes, min_size=1, max_size=3), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=2),
       st.sampled_from([0, 0, 0, 1, -1]))
def test_damaged_records_are_judged_alike_whichever_way(many, damage, more):
    records = records_alike(many)
    buffer = bytearray(b"".join(records))
    heads = [0]
    for record in records[:-1]:
        heads.append(heads[-1] + len(record))
    for place, byte in damage:  # where it hurts: among the first bytes of a record
        place = heads[place % len(heads)] + place // len(heads) % 12
        buffer[min(place, len(buffer) - 1)] = byte
    assert fast(bytes(buffer), max(len(records) + more, 1)) == plainly(bytes(buffer), max(len(records) + more, 1))


@pytest.mark.parametrize("n", [63, 64, 65, 8191, 8192, 8193, 20_000])
def test_offset_deltas_as_they_grow_longer(n):
    buffer = b"".join(hostile.several(n))
    assert fast(buffer, n) == (0, 0, False)
    assert fast(buffer, n - 1) is None and fast(buffer, n + 1) is None


def test_a_wrong_offset_delta_deep_in_a_run():
    records = hostile.several(5000)
    for place in (3, 40, 700, 4999):
        wrong = [*records[:place], hostile.record(place + 64), *records[place + 1:]]
        assert fast(b"".join(wrong), 5000) is None
