"""Reading records out of batches that are stored or were fetched: any magic, any codec.

Bytes that are not what they should be raise BadBatch; nothing is read past the buffer.
"""

from wire import compression, errors
from wire.records import legacy
from wire.records.batch import (
    ATTRIBUTES_AT, HEADER_SIZE, LOG_APPEND_TIME, LOG_OVERHEAD, MAGIC_AT, NO_TIMESTAMP, crc32c, read_header,
)
from wire.records.record import Record
from wire.records.walk import BadBatch, invalid, read_varint, read_varlong

#: Most bytes that one batch may decompress to.
LIMIT = 1024 * 1024 * 1024


def iter_batches(buffer):
    """A view of each whole batch in `buffer`, of any magic; a part of one at the end is left out."""
    view = memoryview(buffer)
    position, end = 0, len(view)
    while end - position > MAGIC_AT:
        length = int.from_bytes(view[position + 8:position + 12], "big", signed=True)
        magic = view[position + MAGIC_AT]
        if length < (HEADER_SIZE - LOG_OVERHEAD if magic == 2 else legacy.MIN_LENGTH) or magic > 2:
            raise BadBatch(errors.CORRUPT_MESSAGE, f"no batch at byte {position}: length {length}, magic {magic}")
        size = LOG_OVERHEAD + length
        if size > end - position:
            return
        yield view[position:position + size]
        position += size


def iter_records(buffer, limit=LIMIT, control=False):
    """Each Record in the batches of `buffer`, checksums checked; of control batches only with `control`."""
    for batch in iter_batches(buffer):
        if batch[MAGIC_AT] < 2:
            yield from legacy.iter_message(batch, limit)
            continue
        header = read_header(batch)
        if crc32c(batch[ATTRIBUTES_AT:]) != header.crc:
            raise BadBatch(errors.CORRUPT_MESSAGE, f"wrong checksum of the batch at offset {header.base_offset}")
        if control or not header.is_control:
            yield from iter_batch(header, payload_of(header, batch, limit))


def payload_of(header, batch, limit=LIMIT):
    """The records of a batch (magic 2) after its header, decompressed; bytes-like."""
    payload = memoryview(batch)[HEADER_SIZE:header.size]
    if not header.compression:
        return payload
    try:
        return compression.decompress(header.compression, payload, limit)
    except compression.CorruptData as error:
        raise BadBatch(errors.CORRUPT_MESSAGE, str(error)) from None


def iter_batch(header, payload):
    """Each Record of one batch (magic 2), given its header and its decompressed records."""
    payload = bytes(payload)
    base_offset, base_timestamp = header.base_offset, header.base_timestamp
    appended = header.max_timestamp if header.timestamp_type == LOG_APPEND_TIME else None
    position = 0
    for _ in range(header.record_count):
        try:
            size, position = read_varint(payload, position)
            stop = position + size
            delta, at = read_varlong(payload, position + 1)
            offset_delta, at = read_varint(payload, at)
            key, at = _read_bytes(payload, at)
            value, at = _read_bytes(payload, at)
            headers = ()
            if payload[at]:
                headers, at = _read_headers(payload, at, stop)
            else:
                at += 1
        except IndexError:
            raise invalid(f"a record goes on beyond its batch at offset {base_offset}") from None
        if at != stop or at > len(payload):
            raise invalid(f"a record's size is not that of its fields, in the batch at offset {base_offset}")
        position = stop
        yield Record(base_offset + offset_delta, _timestamp(base_timestamp + delta) if appended is None else appended,
                     key, value, headers)


def _timestamp(value):
    # Java's addition wraps.
    return value if -1 << 63 <= value < 1 << 63 else (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _read_bytes(payload, position):
    size, position = read_varint(payload, position)
    if size < 0:
        return None, position
    return payload[position:position + size], position + size


def _read_headers(payload, position, stop):
    count, position = read_varint(payload, position)
    if not 0 <= count <= stop - position:
        raise invalid(f"a record with {count} headers")
    headers = []
    for _ in range(count):
        key, position = _read_bytes(payload, position)
        if key is None:
            raise invalid("a header without a key")
        value, position = _read_bytes(payload, position)
        headers.append((key.decode("utf-8", "surrogateescape"), value))
    return headers, position


def find_timestamp(batch, timestamp, start_offset=0):
    """(offset, timestamp) of the first record from `start_offset` on stamped at `timestamp` (ms) or later, or None.

    `batch` is one whole batch of any magic. What ListOffsets asks for; ConsumerRecords of control batches
    count as in Kafka (FileRecords.searchForTimestamp).
    """
    for found in _iter_stamps(batch):
        if found[1] >= timestamp and found[0] >= start_offset:
            return found
    return None


def find_max_timestamp(batch):
    """(offset, timestamp) of the first record with the batch's largest timestamp, or None without timestamps.

    Source: RecordBatch.offsetOfMaxTimestamp (KIP-734).
    """
    best = None
    for found in _iter_stamps(batch):
        if found[1] > (NO_TIMESTAMP if best is None else best[1]):
            best = found
    return best


def _iter_stamps(batch):
    """(offset, timestamp) of each record: lengths are trusted, keys and values not looked at."""
    if batch[MAGIC_AT] < 2:
        for record in legacy.iter_message(batch, LIMIT):
            yield record.offset, record.timestamp
        return
    header = read_header(batch)
    base_offset, base_timestamp = header.base_offset, header.base_timestamp
    appended = header.max_timestamp if header.timestamp_type == LOG_APPEND_TIME else None
    payload = payload_of(header, batch)
    position = 0
    for _ in range(header.record_count):
        try:
            size, position = read_varint(payload, position)
            delta, at = read_varlong(payload, position + 1)
            offset_delta, _ = read_varint(payload, at)
        except IndexError:
            raise invalid(f"a record goes on beyond its batch at offset {base_offset}") from None
        if size < 0:
            raise invalid(f"a record of {size} bytes in the batch at offset {base_offset}")
        position += size
        yield base_offset + offset_delta, _timestamp(base_timestamp + delta) if appended is None else appended
