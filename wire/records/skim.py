"""What compaction needs of stored records: their keys, and batches with fewer of them.

Records are not made of them: those that stay are copied as the bytes that they are.
"""

from struct import Struct

from wire import compression as codecs
from wire.records.batch import (
    ATTRIBUTES_AT, COMPRESSION_MASK, CRC_AT, DELETE_HORIZON_FLAG, HEADER, HEADER_SIZE, LOG_APPEND_TIME, LOG_OVERHEAD,
    NO_TIMESTAMP, TIMESTAMP_TYPE_FLAG, TRANSACTIONAL_FLAG, CONTROL_FLAG, crc32c,
)
from wire.records.build import varint
from wire.records.walk import BadBatch, invalid, read_varint, read_varlong

_KEPT_FLAGS = COMPRESSION_MASK | TIMESTAMP_TYPE_FLAG | TRANSACTIONAL_FLAG | CONTROL_FLAG
_INT64 = 1 << 64


def skim(payload, position, count, base_offset, shorten):
    """The next `count` records of a batch, of which one begins at `position` of `payload` (bytes).

    Gives lists of where each begins, of their offsets, and of their keys (None where there is none); one of the
    indexes of those without a value; and where the next record begins. Of a key of 64 bytes or more there is what
    `shorten(key)` gives. Raises BadBatch.
    """
    starts, offsets, keys, nulls = [], [], [], []
    add_start, add_offset, add_key = starts.append, offsets.append, keys.append
    try:
        for _ in range(count):
            add_start(position)
            # In line: lengths of 1 or 2 bytes, offset deltas too, keys of up to 63 bytes.
            size = payload[position]
            if size < 0x80:
                at = position + 2
                position += 1 + (size >> 1)
            else:
                more = payload[position + 1]
                if more < 0x80:
                    at = position + 3
                    position += 2 + (size >> 1 & 0x3F | more << 6)
                else:
                    size, at = read_varint(payload, position)
                    position = at + size
                    at += 1
            while payload[at] > 0x7F:
                at += 1  # the timestamp
            delta = payload[at + 1]
            if delta < 0x80:
                add_offset(base_offset + (delta >> 1))
                at += 2
            else:
                more = payload[at + 2]
                if more < 0x80:
                    add_offset(base_offset + (delta >> 1 & 0x3F | more << 6))
                    at += 3
                else:
                    delta, at = read_varint(payload, at + 1)
                    add_offset(base_offset + delta)
            size = payload[at]
            if size & 0x81:
                size, at = read_varint(payload, at)
                end = at + max(size, 0)
                add_key(None if size < 0 else shorten(payload[at:end]))
            else:
                at += 1
                end = at + (size >> 1)
                add_key(payload[at:end])
            if payload[end] == 1:
                nulls.append(len(starts) - 1)
            if end >= position:
                raise invalid(f"a key goes on beyond its record, in the batch at offset {base_offset}")
    except IndexError:
        raise invalid(f"a record goes on beyond its batch at offset {base_offset}") from None
    if position > len(payload):
        raise invalid(f"the last record goes on beyond its batch at offset {base_offset}")
    return starts, offsets, keys, nulls, position


# Of a batch: base offset, length, attributes, last offset delta, record count, and six bytes of its first record.
_SINGLE = Struct(">qi9xhi30xi6B")
_NOT_PLAIN = COMPRESSION_MASK | TRANSACTIONAL_FLAG | CONTROL_FLAG


def skim_singles(data, at, most):
    """The first of up to `most` batches at `at` of `data` (bytes), as far as each is plain and holds one record.

    Gives lists of where each begins and, last, where the next does, of their offsets and keys, and one of the indexes of
    those without a value. A log written record by record is walked in half the time, so.
    """
    starts, offsets, keys, nulls = [], [], [], []
    end = len(data)
    last = end - _SINGLE.size
    unpack = _SINGLE.unpack_from
    for _ in range(most):
        if at > last:
            break
        offset, length, attributes, last_delta, count, size, a, b, c, d, e = unpack(data, at)
        stop = at + length + LOG_OVERHEAD
        if count != 1 or attributes & _NOT_PLAIN or last_delta or stop > end:
            break
        # The record's attributes, its timestamp 0, offset 0 and the length of a key of up to 63 bytes.
        if size < 0x80:
            zero, size, key_at = b or c, d, at + HEADER_SIZE + 5
        else:
            zero, size, key_at = c or d or a > 0x7F, e, at + HEADER_SIZE + 6
        key_end = key_at + (size >> 1)
        if zero or size & 0x81 or key_end >= stop:
            break
        if data[key_end] == 1:
            nulls.append(len(starts))
        starts.append(at)
        offsets.append(offset)
        keys.append(data[key_at:key_end])
        at = stop
    starts.append(at)
    return starts, offsets, keys, nulls


def recut(header, payload, spans, delete_horizon_ms=None):
    """The batch `header` with those of its records only that stand in `spans`, [(start, end)] of `payload`.

    Ends, producer and leader epoch stay; as in Kafka the base timestamp becomes that of the first record that is left,
    or the delete horizon. Source: MemoryRecords.buildRetainedRecordsInto, DefaultRecordBatch.writeEmptyHeader.
    """
    attributes = header.attributes & _KEPT_FLAGS
    if not spans:
        return _pack(header, attributes & ~COMPRESSION_MASK, NO_TIMESTAMP, header.max_timestamp, 0, b"")
    deltas, rests = [], []
    try:
        for start, _ in spans:
            _, at = read_varint(payload, start)
            delta, at = read_varlong(payload, at + 1)
            deltas.append(delta)
            rests.append(at)
    except IndexError:
        raise invalid(f"a record goes on beyond its batch at offset {header.base_offset}") from None
    by_broker = header.timestamp_type == LOG_APPEND_TIME
    if by_broker:
        first = largest = header.max_timestamp
    else:
        first = header.base_timestamp + deltas[0]
        largest = max(header.base_timestamp + max(deltas), NO_TIMESTAMP)
    base_timestamp = first if delete_horizon_ms is None else delete_horizon_ms
    shift = header.base_timestamp - base_timestamp
    if by_broker:
        deltas = [0] * len(deltas)
        shift = first - base_timestamp
    if shift or by_broker:
        pieces = []
        for (_, end), delta, rest in zip(spans, deltas, rests):
            delta = varint(_int64(delta + shift))
            pieces += varint(1 + len(delta) + end - rest), b"\0", delta, payload[rest:end]
    else:
        pieces = [payload[start:end] for start, end in spans]
    if delete_horizon_ms is not None:
        attributes |= DELETE_HORIZON_FLAG
    return _pack(header, attributes, base_timestamp, largest, len(spans), b"".join(pieces))


def _pack(header, attributes, base_timestamp, max_timestamp, count, payload):
    if attributes & COMPRESSION_MASK:
        payload = codecs.compress(attributes & COMPRESSION_MASK, payload)
    batch = bytearray(HEADER_SIZE + len(payload))
    HEADER.pack_into(
        batch, 0, header.base_offset, len(batch) - LOG_OVERHEAD, header.partition_leader_epoch, 2, 0, attributes,
        header.last_offset_delta, _int64(base_timestamp), _int64(max_timestamp), header.producer_id,
        header.producer_epoch, header.base_sequence, count)
    batch[HEADER_SIZE:] = payload
    batch[CRC_AT:ATTRIBUTES_AT] = crc32c(memoryview(batch)[ATTRIBUTES_AT:]).to_bytes(4, "big")
    return batch


def _int64(value):
    # Java's addition wraps.
    return value if -1 << 63 <= value < 1 << 63 else (value + (1 << 63)) % _INT64 - (1 << 63)
