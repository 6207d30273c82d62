"""What was fetched made fit to be produced: as it is where that can be, built anew where it cannot."""

import pytest

from emulator.apps.mirror.batches import halves, is_small, merged, pieces, stamp
from wire import compression
from wire.records import ABORT, COMMIT, LOG_APPEND_TIME, BadBatch, Record, build_batch, build_end_marker, crc32c, iter_records, read_header
from wire.records.batch import ATTRIBUTES_AT, HEADER_SIZE


def batch(first, *values, codec=compression.NONE, **options):
    records = [Record(first + at, 1000 + at, b"k%d" % at, value, (("h", b"x"),)) for at, value in enumerate(values)]
    return build_batch(records, first, codec, **options)


def shown(piece):
    return [(one.timestamp, one.key, one.value, tuple(one.headers)) for one in iter_records(bytes(piece.data))]


@pytest.mark.parametrize("codec", [compression.NONE, compression.GZIP, compression.SNAPPY, compression.LZ4, compression.ZSTD])
def test_a_batch_is_moved_as_it_is(codec):
    source = batch(7, b"a" * 50, b"b" * 50, codec=codec, producer_id=4, producer_epoch=2, base_sequence=9)
    [piece] = pieces(source, 7)
    assert (piece.count, piece.next_offset) == (2, 9)
    stamp(piece.data, 11, 3, 5)
    assert piece.data[HEADER_SIZE:] == source[HEADER_SIZE:]
    header = read_header(piece.data)
    assert (header.base_offset, header.producer_id, header.producer_epoch, header.base_sequence) == (0, 11, 3, 5)
    assert header.compression == codec and header.crc == crc32c(bytes(piece.data[ATTRIBUTES_AT:]))
    assert shown(piece) == [(1000, b"k0", b"a" * 50, (("h", b"x"),)), (1001, b"k1", b"b" * 50, (("h", b"x"),))]


def test_what_compaction_has_thinned_out_is_built_anew():
    records = [Record(offset, 1000 + offset, b"k", b"%d" % offset, ()) for offset in (5, 8, 9)]
    source = build_batch(records, 4, compression.LZ4, last_offset_delta=7)
    [piece] = pieces(source, 0)
    header = read_header(piece.data)
    assert (piece.count, piece.next_offset, header.last_offset_delta, header.record_count, header.compression) == (3, 12, 2, 3, compression.LZ4)
    assert [one[:3] for one in shown(piece)] == [(1005, b"k", b"5"), (1008, b"k", b"8"), (1009, b"k", b"9")]
    empty = build_batch([], 20, last_offset_delta=3)
    assert [(one.data, one.next_offset) for one in pieces(empty, 12)] == [(None, 24)]


def test_times_of_the_broker_become_the_records_own():
    source = batch(0, b"a", b"b", timestamp_type=LOG_APPEND_TIME, max_timestamp=5000)
    [piece] = pieces(source, 0)
    assert [one[0] for one in shown(piece)] == [5000, 5000] and read_header(piece.data).timestamp_type != LOG_APPEND_TIME


def test_from_the_middle_of_a_batch_on():
    source = batch(0, b"a", b"b", b"c") + batch(3, b"d")
    assert [[one[2] for one in shown(piece)] for piece in pieces(source, 2)] == [[b"c"], [b"d"]]
    assert [piece.next_offset for piece in pieces(source, 3)] == [4]
    assert list(pieces(source, 4)) == [] == list(pieces(b"", 0)) == list(pieces(source[:40], 0))


def test_transactions_are_resolved():
    def of(producer, first, value):
        return batch(first, value, producer_id=producer, producer_epoch=0, base_sequence=0, transactional=True)

    def ends(producer, kind, at):
        return build_end_marker(kind, 1, producer, 0, 0, base_offset=at)

    source = b"".join((
        of(1, 0, b"aborted"), of(2, 1, b"kept"), batch(2, b"plain"), ends(1, ABORT, 3), ends(2, COMMIT, 4), of(1, 5, b"kept, too"), ends(1, COMMIT, 6),
        of(2, 7, b"aborted, too"), ends(2, ABORT, 8),
    ))  # fmt: skip
    found = list(pieces(source, 0, [(2, 7), (1, 0)]))
    assert [one[2] for piece in found if piece.data for one in shown(piece)] == [b"kept", b"plain", b"kept, too"]
    assert [piece.next_offset for piece in found] == list(range(1, 10))
    kept = next(piece for piece in found if piece.data)
    stamp(kept.data, 9, 0, 0)
    assert not read_header(kept.data).is_transactional


def test_small_batches_become_one_with_all_that_records_have():
    batches = [
        batch(0, b"a", b"b"),
        build_batch([Record(2, 900, None, None, ()), Record(3, 5_000_000_000, b"k" * 100, b"", (("h", None), ("i", b"")))], 2),
        build_batch([Record(4, -1, None, b"v" * 300, ())], 4),
    ]  # fmt: skip
    assert all(map(is_small, batches)) and not is_small(batch(0, b"z" * 5000)) and not is_small(batch(0, b"z", codec=compression.LZ4))
    one = merged([bytearray(each) for each in batches])
    stamp(one, 7, 1, 9, True)
    header = read_header(one)
    assert (header.record_count, header.last_offset_delta, header.base_timestamp, header.max_timestamp) == (5, 4, 1000, 5_000_000_000)
    assert header.is_transactional and header.crc == crc32c(bytes(one[ATTRIBUTES_AT:]))
    found = list(iter_records(bytes(one)))
    assert [record.offset for record in found] == [0, 1, 2, 3, 4]

    def shown(record):
        return record.timestamp, record.key, record.value, tuple(record.headers)
    assert list(map(shown, found)) == [shown(record) for each in batches for record in iter_records(each)]


@pytest.mark.parametrize("codec", [compression.NONE, compression.ZSTD])
def test_halves_have_all_that_the_whole_had(codec):
    whole = bytearray(batch(5, b"a", b"b", b"c", codec=codec))
    (one, first), (other, second) = halves(whole)
    assert (first, second) == (1, 2) and read_header(one).compression == read_header(other).compression == codec

    def shown(data):
        return [(one.timestamp, one.key, one.value, tuple(one.headers)) for one in iter_records(bytes(data))]
    assert shown(one) + shown(other) == shown(whole)


def test_what_cannot_be_moved_says_so():
    broken = bytearray(batch(0, b"a"))
    broken[-1] ^= 1
    with pytest.raises(BadBatch, match="the batch at offset 0 is damaged"):
        list(pieces(broken, 0))
    old = bytearray(batch(0, b"a"))
    old[16] = 1
    with pytest.raises(BadBatch, match="records in format 1"):
        list(pieces(old, 0))
