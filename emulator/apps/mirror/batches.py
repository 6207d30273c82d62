"""Record batches of a Fetch answer, made fit for Produce: moved as they are where that can be.

A producer's batches have records one after the other, no marker, and times of its own: so what compaction has thinned out and what
the broker stamped is built anew, with its compression; transactions are resolved: what was aborted is left out.
"""

from typing import NamedTuple

from wire import errors
from wire.records import (
    ABORT, COMPRESSION_MASK, LOG_APPEND_TIME, BadBatch, Record, build_batch, crc32c, iter_batch, iter_batches, parse_control, payload_of, read_header,
)
from wire.records.batch import ATTRIBUTES_AT, CRC_AT, HEADER, HEADER_SIZE, LOG_OVERHEAD, TRANSACTIONAL_FLAG
from wire.records.build import varint
from wire.records.walk import read_varint, read_varlong

_LARGEST = 256 * 1024 * 1024  # bytes of a batch, decompressed
_NO_EPOCH = -1
_SMALL = 4096  # bytes of a batch that is not worth a request of its own


class Piece(NamedTuple):
    """`data`: a bytearray of one batch, or None where there is nothing to copy; `next_offset`: what follows it at the source.

    `offset`: of its first record there, None where its records do not follow each other there.
    """

    data: bytearray | None
    count: int
    next_offset: int
    offset: int | None = None


def pieces(records, position, aborted=()):
    """Each Piece in `records`, the bytes of a partition from `position` on. Raises BadBatch.

    `aborted`: [(producer id, first offset)] as Fetch tells of transactions.
    """
    waiting, active = sorted(aborted, key=lambda one: one[1]), set()
    for view in iter_batches(records):
        if view[16] != 2:
            raise BadBatch(errors.CORRUPT_MESSAGE, f"records in format {view[16]}, of before Kafka 0.11: they cannot be moved")
        header = read_header(view)
        if header.last_offset < position:
            continue
        if crc32c(view[ATTRIBUTES_AT:]) != header.crc:
            raise BadBatch(errors.CORRUPT_MESSAGE, f"the batch at offset {header.base_offset} is damaged: wrong checksum")
        while waiting and waiting[0][1] <= header.last_offset:
            active.add(waiting.pop(0)[0])
        next_offset = header.last_offset + 1
        if header.is_control:
            if header.record_count and parse_control(next(iter_batch(header, payload_of(header, view, _LARGEST)))).type == ABORT:
                active.discard(header.producer_id)
            yield Piece(None, 0, next_offset)
        elif header.is_transactional and header.producer_id in active or not header.record_count:
            yield Piece(None, 0, next_offset)
        elif _is_plain(header, position):
            yield Piece(bytearray(view), header.record_count, next_offset, header.base_offset)
        else:
            yield _built(header, view, position, next_offset)
        position = next_offset


def _is_plain(header, position):
    return (
        header.record_count == header.last_offset_delta + 1 and header.base_offset >= position
        and header.timestamp_type != LOG_APPEND_TIME and header.delete_horizon_ms is None
    )  # fmt: skip


def _built(header, view, position, next_offset):
    kept = [
        Record(None, *_kept(one))  # the broker's time, where that counts
        for one in iter_batch(header, payload_of(header, view, _LARGEST))
        if one.offset >= position
    ]
    if not kept:
        return Piece(None, 0, next_offset)
    offset = max(header.base_offset, position)
    is_run = len(kept) == next_offset - offset
    return Piece(bytearray(build_batch(kept, compression=header.compression)), len(kept), next_offset, offset if is_run else None)


def is_small(batch):
    """Whether it may be merged with others: a request costs more than its records."""
    return len(batch) <= _SMALL and not batch[ATTRIBUTES_AT + 1] & COMPRESSION_MASK


def merged(batches):
    """One batch of the records of several that are not compressed. Of a record only its distance to the first changes, in offset and time."""
    pieces, count, first, last = [], 0, None, None
    for batch in batches:
        header = read_header(batch)
        if first is None:
            first, last = header.base_timestamp, header.max_timestamp
        last = max(last, header.max_timestamp)
        ahead, position = header.base_timestamp - first, HEADER_SIZE
        for _ in range(header.record_count):
            size, position = read_varint(batch, position)
            end = position + size
            delta, at = read_varlong(batch, position + 1)
            _, at = read_varint(batch, at)
            front = b"".join((batch[position : position + 1], varint(delta + ahead), varint(count)))
            pieces += varint(len(front) + end - at), front, batch[at:end]
            position = end
            count += 1
    data = bytearray(HEADER_SIZE)
    data += b"".join(pieces)
    HEADER.pack_into(data, 0, 0, len(data) - LOG_OVERHEAD, _NO_EPOCH, 2, 0, 0, count - 1, first, last, -1, -1, -1, count)
    return data


def halves(batch):
    """[(batch, records)]: the two halves of a batch of several records."""
    header = read_header(batch)
    records = [Record(None, *_kept(one)) for one in iter_batch(header, payload_of(header, memoryview(batch), _LARGEST))]
    middle = len(records) // 2
    return [(bytearray(build_batch(part, compression=header.compression)), len(part)) for part in (records[:middle], records[middle:])]


def _kept(record):
    return record.timestamp, record.key, record.value, record.headers


def stamp(batch, producer_id, producer_epoch, base_sequence, is_transactional=False):
    """Make a batch (bytearray) one of this producer's."""
    header = read_header(batch)
    attributes = header.attributes & COMPRESSION_MASK | (TRANSACTIONAL_FLAG if is_transactional else 0)
    HEADER.pack_into(
        batch, 0, 0, header.batch_length, _NO_EPOCH, 2, 0, attributes, header.last_offset_delta, header.base_timestamp,
        header.max_timestamp, producer_id, producer_epoch, base_sequence, header.record_count,
    )  # fmt: skip
    with memoryview(batch) as view:
        batch[CRC_AT:ATTRIBUTES_AT] = crc32c(view[ATTRIBUTES_AT:]).to_bytes(4, "big")
