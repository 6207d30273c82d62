"""Batches built and read again: round trips, real clients' bytes, other libraries' readers and writers."""

import struct
import zlib

import pytest
from hypothesis import given, strategies as st
from kafka.record import MemoryRecords, MemoryRecordsBuilder

from tests.wire.captured_batches import BATCHES
from wire import compression, errors
from wire.records import (
    ABORT, COMMIT, LOG_APPEND_TIME, BadBatch, Record, build_batch, build_end_marker, find_max_timestamp,
    find_timestamp, iter_batches, iter_records, parse_control, read_header,
)

NOW = 1_700_000_000_000
maybe = lambda strategy: st.none() | strategy
headers = st.lists(st.tuples(st.text(max_size=10), maybe(st.binary(max_size=20))), max_size=3).map(tuple)
stamps = st.integers(-1, 1 << 62)
fields = st.tuples(stamps, maybe(st.binary(max_size=80)), maybe(st.binary(max_size=200)), headers)
some_fields = st.lists(fields, min_size=1, max_size=30)
codecs = st.sampled_from(range(5))


def records_of(many, base=0):
    return [Record(base + i, *each) for i, each in enumerate(many)]


@given(some_fields, codecs, st.integers(0, 1 << 60))
def test_round_trip(many, codec, base):
    records = records_of(many, base)
    batch = build_batch(records, base, codec)
    assert list(iter_records(batch)) == records
    header = read_header(batch)
    assert header.size == len(batch)
    assert header.last_offset == base + len(records) - 1
    assert header.max_timestamp == max(-1, *(record.timestamp for record in records))
    assert header.compression == codec


@given(some_fields, codecs)
def test_kafka_python_reads_what_is_built(many, codec):
    batch = build_batch(records_of(many), compression=codec)
    theirs = MemoryRecords(batch).next_batch()
    assert theirs.validate_crc()
    for mine, record in zip(records_of(many), list(theirs), strict=True):
        assert (mine.offset, mine.timestamp, mine.key, mine.value) == (
            record.offset, record.timestamp, record.key, record.value)
        assert list(mine.headers) == [tuple(header) for header in record.headers]


def theirs_of(many, magic, codec):
    builder = MemoryRecordsBuilder(magic, codec, 1 << 20)
    for timestamp, key, value in many:
        builder.append(timestamp, key, value, [])
    builder.close()
    made = bytearray(builder.buffer())
    if magic == 1 and codec:
        struct.pack_into(">q", made, 0, len(many) - 1)  # as a broker does: a wrapper has its last record's offset
    return made


@given(st.lists(st.tuples(st.integers(0, 1 << 50), maybe(st.binary(max_size=80)), maybe(st.binary(max_size=200))),
                min_size=1, max_size=20),
       st.sampled_from([(2, 0), (2, 1), (2, 2), (2, 3), (2, 4), (1, 0), (1, 1), (1, 2), (1, 3), (0, 0), (0, 1), (0, 2)]))
def test_what_kafka_python_builds_is_read(many, form):
    magic, codec = form
    found = list(iter_records(theirs_of(many, magic, codec)))
    assert [(record.key, record.value) for record in found] == [each[1:] for each in many]
    assert [record.timestamp for record in found] == [each[0] if magic else -1 for each in many]
    assert [record.offset for record in found] == list(range(len(many)))


def message(offset, magic, attributes, value, key=None):
    body = struct.pack(">bb", magic, attributes) + (struct.pack(">q", NOW) if magic else b"")
    body += struct.pack(">i", -1) if key is None else struct.pack(">i", len(key)) + key
    body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return struct.pack(">qiI", offset, 4 + len(body), zlib.crc32(body)) + body


def test_magic_0_lz4_with_the_header_checksum_of_old_clients():
    packed = bytearray(compression.compress(compression.LZ4, message(5, 0, 0, b"a") + message(6, 0, 0, b"b", b"k")))
    packed[6] ^= 0x11
    assert list(iter_records(message(6, 0, 3, bytes(packed)))) == [Record(5, -1, None, b"a"), Record(6, -1, b"k", b"b")]
    with pytest.raises(BadBatch):
        list(iter_records(message(6, 1, 3, bytes(packed))))


def test_magic_1_wrapper_by_append_time():
    inner = compression.compress(compression.GZIP, message(0, 1, 0, b"a") + message(1, 1, 0, None, b"k"))
    wrapper = message(41, 1, 1 | 8, inner)
    assert [(record.offset, record.timestamp) for record in iter_records(wrapper)] == [(40, NOW), (41, NOW)]


@pytest.mark.parametrize("inner", [b"", message(0, 1, 0, b"v")[:-1], message(0, 0, 0, b"v"), message(0, 1, 1, b"v"),
                                   message(0, 1, 0, b"v") + bytes(5)],
                         ids=["nothing", "cut", "another magic", "compressed again", "garbage after"])
def test_wrappers_of_what_should_not_be_in_them(inner):
    with pytest.raises(BadBatch):
        list(iter_records(message(0, 1, 1, compression.compress(compression.GZIP, inner))))


@given(st.binary(max_size=60), st.sampled_from([0, 1]), st.integers(0, 255))
def test_damaged_messages_raise_bad_batch_and_nothing_else(noise, magic, attributes):
    body = bytes((magic, attributes)) + noise
    try:
        list(iter_records(struct.pack(">qiI", 0, 4 + len(body), zlib.crc32(body)) + body))
    except BadBatch:
        pass


def value_of(client, i):
    return f"The quick brown fox number {i} jumps over the lazy dog" if client == "java" else \
        f"value {i} value value value value"


@pytest.mark.parametrize("client, codec", BATCHES)
def test_what_real_clients_sent_is_read(client, codec):
    batch = BATCHES[client, codec]
    records = list(iter_records(batch))
    assert [record.value.decode() for record in records] == [value_of(client, i) for i in range(40)]
    assert [record.offset for record in records] == list(range(40))
    assert compression.NAMES[read_header(batch).compression] == codec
    if client != "java":
        assert [record.timestamp for record in records] == [NOW + 7 * i for i in range(40)]
        assert [record.key for record in records] == [f"k{i}".encode() if i % 4 else None for i in range(40)]
        assert [dict(record.headers).get("n") for record in records] == [
            str(i).encode() if i % 2 else None for i in range(40)]


def test_header_keys_that_are_no_utf8_survive():
    batch = build_batch([Record(0, NOW, None, None, ((b"\xff\xfe".decode("utf-8", "surrogateescape"), None),))])
    record, = iter_records(batch)
    assert b"\xff\xfe" in batch and b"\xff\xfe" in build_batch([record])


def test_log_append_time_stamps_every_record():
    batch = build_batch([Record(0, 5, b"k", b"v"), Record(1, 9, b"k", b"v")],
                        timestamp_type=LOG_APPEND_TIME, max_timestamp=NOW)
    assert [record.timestamp for record in iter_records(batch)] == [NOW, NOW]


def test_what_a_cleaner_leaves():
    batch = build_batch([Record(12, NOW, b"k", b"v")], base_offset=10, last_offset_delta=9, delete_horizon_ms=NOW - 5,
                        producer_id=7, producer_epoch=1, base_sequence=3, transactional=True, partition_leader_epoch=4)
    header = read_header(batch)
    assert (header.base_offset, header.last_offset, header.record_count) == (10, 19, 1)
    assert (header.delete_horizon_ms, header.is_transactional, header.last_sequence) == (NOW - 5, True, 12)
    assert list(iter_records(batch)) == [Record(12, NOW, b"k", b"v")]
    empty = build_batch([], base_offset=10, last_offset_delta=9)
    assert list(iter_records(empty)) == [] and read_header(empty).last_offset == 19


def test_a_sequence_wraps():
    batch = build_batch(records_of([(NOW, b"", b"", ())] * 3), producer_id=1, producer_epoch=0, base_sequence=2**31 - 1)
    assert read_header(batch).last_sequence == 1


def test_a_batch_of_nothing_is_no_batch():
    with pytest.raises(ValueError):
        build_batch([])


# several batches

def test_batches_follow_each_other_and_a_part_of_one_is_left():
    first, second = build_batch([Record(1, NOW, b"a", b"2")], 1), build_batch([Record(2, NOW, b"b", b"3")], 2)
    whole = theirs_of([(NOW, b"old", b"1")], magic=1, codec=0) + first + second
    for left_out in (0, 1, len(second) - 17, len(second) - 16, len(second) - 1):
        seen = whole[:len(whole) - left_out]
        assert len(list(iter_batches(seen))) == (2 if left_out else 3)
    assert [record.value for record in iter_records(whole)] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("length, magic", [(-1, 2), (13, 0), (48, 2), (100, 3)])
def test_what_is_no_batch(length, magic):
    with pytest.raises(BadBatch) as caught:
        list(iter_batches(struct.pack(">qiib", 0, length, 0, magic) + bytes(200)))
    assert caught.value.error == errors.CORRUPT_MESSAGE


def test_a_wrong_checksum():
    batch = bytearray(build_batch([Record(0, NOW, b"k", b"v")]))
    batch[-1] ^= 1
    with pytest.raises(BadBatch) as caught:
        list(iter_records(batch))
    assert caught.value.error == errors.CORRUPT_MESSAGE


# control batches

@pytest.mark.parametrize("kind", [ABORT, COMMIT])
def test_end_markers(kind):
    batch = build_end_marker(kind, NOW, producer_id=9, producer_epoch=2, coordinator_epoch=5, base_offset=70)
    header = read_header(batch)
    assert (header.is_control, header.is_transactional, header.producer_id, header.base_sequence) == (True, True, 9, -1)
    assert list(iter_records(batch)) == []
    record, = iter_records(batch, control=True)
    # Bytes of EndTransactionMarker in Kafka 4.3.1: key (version, type), value (version, coordinator epoch).
    assert (record.key, record.value) == (bytes((0, 0, 0, kind)), bytes.fromhex("000000000005"))
    assert parse_control(record) == (kind, 0, 5)


def test_control_records_of_other_types():
    assert parse_control(Record(0, NOW, b"\0\0\0\2", b"whatever")) == (2, 0, None)
    for bad in (Record(0, NOW, None, None), Record(0, NOW, b"\0\0", b""), Record(0, NOW, b"\0\0\0\1", b"\0")):
        with pytest.raises(BadBatch):
            parse_control(bad)


# by time

@pytest.mark.parametrize("codec", range(5))
def test_search_by_timestamp(codec):
    batch = build_batch([Record(10 + i, NOW + t, None, b"v") for i, t in enumerate((5, 3, 9, 9, 1))], 10, codec)
    assert find_timestamp(batch, NOW) == (10, NOW + 5)
    assert find_timestamp(batch, NOW + 6) == (12, NOW + 9)
    assert find_timestamp(batch, NOW + 6, start_offset=13) == (13, NOW + 9)
    assert find_timestamp(batch, NOW + 10) is None
    assert find_max_timestamp(memoryview(batch)) == (12, NOW + 9)


def test_search_without_timestamps_and_by_append_time():
    assert find_max_timestamp(build_batch([Record(0, -1, None, b"v")])) is None
    batch = build_batch([Record(4, 1, None, b"v"), Record(5, 2, None, b"v")], 4, timestamp_type=LOG_APPEND_TIME,
                        max_timestamp=NOW)
    assert find_max_timestamp(batch) == find_timestamp(batch, 0) == (4, NOW)


def test_search_in_magic_1():
    wrapper = theirs_of([(NOW + i, None, b"v") for i in range(3)], magic=1, codec=1)
    assert find_timestamp(wrapper, NOW + 1) == (1, NOW + 1)
    assert find_max_timestamp(wrapper) == (2, NOW + 2)


# damage

@given(some_fields, codecs, st.integers(0, 1 << 20), st.integers(0, 255))
def test_damaged_batches_raise_bad_batch_and_nothing_else(many, codec, place, byte):
    batch = bytearray(build_batch(records_of(many), compression=codec))
    batch[place % len(batch)] = byte
    try:
        for view in iter_batches(batch):
            find_max_timestamp(view)
        list(iter_records(batch))
    except BadBatch as bad:
        assert bad.error in (errors.CORRUPT_MESSAGE, errors.INVALID_RECORD)
