"""Building record batches (magic 2): the emulator's own records, and batches made over."""

from struct import Struct

from wire import compression as codecs
from wire.records.batch import (
    ATTRIBUTES_AT, CONTROL_FLAG, CRC_AT, DELETE_HORIZON_FLAG, HEADER, HEADER_SIZE, LOG_APPEND_TIME, LOG_OVERHEAD,
    NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, TIMESTAMP_TYPE_FLAG, TRANSACTIONAL_FLAG, CREATE_TIME, BatchHeader, crc32c,
)


def build_batch(records, base_offset=0, compression=codecs.NONE, level=None, timestamp_type=CREATE_TIME,
                producer_id=NO_PRODUCER_ID, producer_epoch=-1, base_sequence=NO_SEQUENCE, transactional=False,
                control=False, partition_leader_epoch=-1, delete_horizon_ms=None, max_timestamp=None,
                last_offset_delta=None):
    """The bytes of one batch of `records` (Record; at least one unless `last_offset_delta` is given).

    A record's offset counts from `base_offset`, None is the one after the last. `max_timestamp` is that of
    the records unless given, as it is for LOG_APPEND_TIME. `last_offset_delta` is kept by the cleaner when
    it drops a batch's last records. A batch with a delete horizon has it for its base timestamp (KIP-534).
    """
    pieces = []
    base_timestamp = delete_horizon_ms
    largest, offset = NO_TIMESTAMP, base_offset - 1
    count = 0
    for record in records:
        offset = offset + 1 if record.offset is None else record.offset
        if base_timestamp is None:
            base_timestamp = record.timestamp
        if record.timestamp > largest:
            largest = record.timestamp
        body = _body(record, offset - base_offset, record.timestamp - base_timestamp)
        pieces += varint(len(body)), body
        count += 1
    if not count and last_offset_delta is None:
        raise ValueError("a batch of no records")
    attributes = (compression
                  | (TIMESTAMP_TYPE_FLAG if timestamp_type == LOG_APPEND_TIME else 0)
                  | (TRANSACTIONAL_FLAG if transactional else 0)
                  | (CONTROL_FLAG if control else 0)
                  | (0 if delete_horizon_ms is None else DELETE_HORIZON_FLAG))
    payload = b"".join(pieces)
    if compression:
        payload = codecs.compress(compression, payload, level)
    batch = bytearray(HEADER_SIZE + len(payload))
    HEADER.pack_into(
        batch, 0, base_offset, len(batch) - LOG_OVERHEAD, partition_leader_epoch, 2, 0, attributes,
        offset - base_offset if last_offset_delta is None else last_offset_delta,
        NO_TIMESTAMP if base_timestamp is None else base_timestamp,
        largest if max_timestamp is None else max_timestamp,
        producer_id, producer_epoch, base_sequence, count)
    batch[HEADER_SIZE:] = payload
    batch[CRC_AT:ATTRIBUTES_AT] = crc32c(memoryview(batch)[ATTRIBUTES_AT:]).to_bytes(4, "big")
    return bytes(batch)


_FRONT = Struct(">qiibI")  # the header up to the checksum, and what the checksum covers of it
_REST = Struct(">hiqqqhii")


def build_internal_batch(pairs, timestamp, producer_id=NO_PRODUCER_ID, producer_epoch=-1, base_sequence=0):
    """(the bytes, the BatchHeader) of a batch of (key, value) pairs as a coordinator writes them.

    All of one timestamp, without headers; transactional when there is a producer.
    Source: CoordinatorRuntime, which builds its batches so. What `build_batch` would build, in a third of the time:
    every commit of an offset is one.
    """
    pieces = []
    for delta, (key, value) in enumerate(pairs):
        if value is None:
            body = b"".join((b"\0\0", varint(delta), varint(len(key)), key, b"\1\0"))
        else:
            body = b"".join((b"\0\0", varint(delta), varint(len(key)), key, varint(len(value)), value, b"\0"))
        pieces += varint(len(body)), body
    payload = b"".join(pieces)
    rest = (0 if producer_id == NO_PRODUCER_ID else TRANSACTIONAL_FLAG, len(pairs) - 1, timestamp, timestamp,
            producer_id, producer_epoch, base_sequence, len(pairs))
    covered = _REST.pack(*rest)
    front = (0, HEADER_SIZE - LOG_OVERHEAD + len(payload), -1, 2, crc32c(payload, crc32c(covered)))
    return b"".join((_FRONT.pack(*front), covered, payload)), BatchHeader._make(front + rest)


def _body(record, offset_delta, timestamp_delta):
    pieces = [b"\0", varint(timestamp_delta), varint(offset_delta)]
    for field in record.key, record.value:
        _add_field(pieces, field)
    pieces.append(varint(len(record.headers)))
    for name, value in record.headers:
        _add_field(pieces, name.encode("utf-8", "surrogateescape"))
        _add_field(pieces, value)
    return b"".join(pieces)


def _add_field(pieces, data):
    if data is None:
        pieces.append(b"\1")
    else:
        pieces += varint(len(data)), data


_ONE_BYTE = [bytes((raw,)) for raw in range(128)]


def varint(value):
    """A signed int of up to 64 bits, zig-zag, in as few bytes as it takes."""
    raw = value << 1 if value >= 0 else ~(value << 1)
    if raw < 0x80:
        return _ONE_BYTE[raw]
    out = bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    out.append(raw)
    return bytes(out)
