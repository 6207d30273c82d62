"""What a broker checks of the batch that a producer sends, and what it makes of it before it is stored.

    checked = check_batch(records, now, config, "topic-0")

`records` is the whole `records` field of one partition of a Produce request (v3 or later), bytes-like.
`config` is the topic's: `max_message_bytes`, `compact`, `log_append_time`, `message_timestamp_before_max_ms`,
`message_timestamp_after_max_ms`, `compression_type` and `compression_{gzip,lz4,zstd}_level` are read of it.
What Kafka refuses raises BadBatch (a KafkaError) with Kafka's code, in Kafka's order of precedence:
ProduceRequest.validateRecords, UnifiedLog.analyzeAndValidateRecords, LogValidator, DefaultRecord.readFrom.

Refused here (INVALID_RECORD) though Kafka 4.3.1 stores it, since no consumer reads it well: offset deltas
that are not 0, 1, 2 ..., and compressed records whose length is not what their fields take.
"""

from struct import Struct

from wire import compression, errors
from wire.records.batch import (
    ATTRIBUTES_AT, COMPRESSION_MASK, CRC_AT, CREATE_TIME, HEADER, HEADER_SIZE, LOG_APPEND_TIME, LOG_OVERHEAD,
    MAGIC_AT, NO_TIMESTAMP, TIMESTAMP_TYPE_FLAG, TRANSACTIONAL_FLAG, BatchHeader, crc32c,
)
from wire.records.build import build_batch
from wire.records.read import iter_batch
from wire.records.walk import BadBatch, invalid, walk

BATCH_LENGTH = Struct(">i")
SMALLEST_RECORD = 14  # bytes after the length in the smallest message there ever was (magic 0)
PRODUCER_ID_END = 51
# A batch may hold more than message.max.bytes once decompressed (Kafka streams it and has no bound);
# here it is decompressed at once, so there is one.
MIN_DECOMPRESSED_LIMIT = 128 * 1024 * 1024
DECOMPRESSED_RATIO = 8
MANY_RECORDS = 20_000
LARGE_COMPRESSED = 512 * 1024
# Slices of bytes are fast, of a memoryview slow; records this large are few enough not to copy them.
LARGE_RECORD = 2048

_INT64 = 1 << 64


class NoBatch(BadBatch):
    """Refused for its shape, before any log is asked (ProduceRequest.validateRecords)."""


class CheckedBatch:
    """A batch fit to be stored.

    records          bytes-like: the batch alone, as it is to be stored but for base offset and leader epoch
    header           its BatchHeader (base_offset is 0)
    max_timestamp    ms, -1 when no record has one; equals header.max_timestamp
    log_append_time  ms, or -1 when the records carry their producer's time
    """

    __slots__ = ("records", "header", "max_timestamp", "log_append_time")

    def __init__(self, records, header, max_timestamp, log_append_time):
        self.records = records
        self.header = header
        self.max_timestamp = max_timestamp
        self.log_append_time = log_append_time


def takes_long(records):
    """Whether `check_batch` might take longer than some 20 ms, going by the header alone."""
    if len(records) < HEADER_SIZE:
        return False
    count = int.from_bytes(records[HEADER_SIZE - 4:HEADER_SIZE], "big")
    return count > MANY_RECORDS or len(records) > LARGE_COMPRESSED and records[ATTRIBUTES_AT + 1] & COMPRESSION_MASK


def check_shape(records, version):
    """The size of the one batch that `records` must hold; BadBatch else (ProduceRequest.validateRecords).

    `check_batch` does this too; a handler needs it for Produce below v7, which knows no zstd.
    """
    length = len(records)
    if length < LOG_OVERHEAD:
        raise NoBatch(errors.INVALID_RECORD, "no record batch")
    size = _size_at(records, 0, length)
    if not LOG_OVERHEAD < size <= length:
        raise NoBatch(errors.INVALID_RECORD, "no whole record batch")
    if records[MAGIC_AT] != 2:
        raise NoBatch(errors.INVALID_RECORD, f"record batch has magic {records[MAGIC_AT]}; Produce v3 and later take 2 only")
    if size < PRODUCER_ID_END:
        raise NoBatch(errors.UNKNOWN_SERVER_ERROR, f"a batch of {size} bytes ends within its header")
    if version < 7 and records[ATTRIBUTES_AT + 1] & COMPRESSION_MASK == compression.ZSTD:
        raise NoBatch(errors.UNSUPPORTED_COMPRESSION_TYPE, f"Produce v{version} takes no zstd (KIP-110)")
    # What is left and is no batch is cut off, as Kafka does.
    if length - size >= LOG_OVERHEAD and LOG_OVERHEAD < _size_at(records, size, length) <= length - size:
        raise NoBatch(errors.INVALID_RECORD, "more than one record batch")
    return size


def is_transactional(records):
    """Whether the first batch that `records` (bytes or None) holds belongs to a transaction.

    BadBatch CORRUPT_MESSAGE when they begin like no batch at all (RequestUtils.hasTransactionalRecords).
    """
    length = 0 if records is None else len(records)
    if length < LOG_OVERHEAD or not LOG_OVERHEAD < _size_at(records, 0, length) <= length:
        return False
    return length > ATTRIBUTES_AT + 1 and records[MAGIC_AT] == 2 and records[ATTRIBUTES_AT + 1] & TRANSACTIONAL_FLAG != 0


def _size_at(records, position, end):
    """The size that a batch at `position` says it has; 0 when too few bytes are there to tell."""
    length, = BATCH_LENGTH.unpack_from(records, position + 8)
    if length < SMALLEST_RECORD:
        raise _corrupt_at(position, f"Record size {length} is less than the minimum record overhead ({SMALLEST_RECORD})")
    if position + MAGIC_AT >= end:
        return 0
    if records[position + MAGIC_AT] > 2:
        magic = records[position + MAGIC_AT]
        raise _corrupt_at(position, f"Invalid magic found in record: {magic - 256 if magic > 127 else magic}")
    return length + LOG_OVERHEAD


def _corrupt_at(position, reason):
    # Kafka names the reason of the first batch only: there its whole request fails on it.
    return NoBatch(errors.CORRUPT_MESSAGE, reason, None if position else reason)


def check_batch(records, now, config, name=""):
    """The batch in `records` as it is to be stored; BadBatch with Kafka's code when it is refused.

    `now` (ms) is the broker's time, `name` the topic-partition for Kafka's messages. A writable memoryview
    may be written into (log append time), other bytes never are.
    """
    size = len(records)
    if (size < HEADER_SIZE or records[MAGIC_AT] != 2
            or BATCH_LENGTH.unpack_from(records, 8)[0] != size - LOG_OVERHEAD):
        size = check_shape(records, 7)
        records = records[:size]
        if size < HEADER_SIZE:
            if records[:8] != bytes(8):
                raise invalid("base offset is not 0")
            raise BadBatch(errors.CORRUPT_MESSAGE, f"a batch of {size} bytes is smaller than its header")
    header = BatchHeader._make(HEADER.unpack_from(records))
    (base_offset, _, _, _, crc, attributes, last_offset_delta, base_timestamp, max_timestamp,
     producer_id, _, base_sequence, count) = header

    if base_offset:
        raise invalid(f"base offset is {base_offset}, not 0")
    if size > config.max_message_bytes:
        raise _too_large(size, config)
    if crc32c(memoryview(records)[ATTRIBUTES_AT:]) != crc:
        raise BadBatch(errors.CORRUPT_MESSAGE, f"Record is corrupt (stored crc = {crc}) in topic partition {name}.")
    source = attributes & COMPRESSION_MASK
    if source > compression.ZSTD:
        raise BadBatch(errors.UNKNOWN_SERVER_ERROR, f"unknown compression type id: {source}")
    if last_offset_delta < 0:
        raise invalid(f"last offset delta is {last_offset_delta}")
    if count <= 0 or count != last_offset_delta + 1:
        raise invalid(f"{count} records with a last offset delta of {last_offset_delta}")
    if attributes & 0x20:
        raise invalid("clients are not allowed to write control records")
    if producer_id >= 0 and base_sequence < 0:
        raise invalid(f"base sequence is {base_sequence} with producer id {producer_id}")

    if source:
        payload = _decompress(source, memoryview(records)[HEADER_SIZE:], config)
        low, high, keyless = walk(payload, count)
    else:
        payload = memoryview(records)[HEADER_SIZE:]
        if size < count * LARGE_RECORD:
            payload = bytes(payload)
        low, high, keyless = walk(payload, count, errors.UNKNOWN_SERVER_ERROR)

    if attributes & TIMESTAMP_TYPE_FLAG:
        oldest = newest = max_timestamp  # of every record, as far as readers see
    else:
        oldest, newest = base_timestamp + low, base_timestamp + high
    if keyless and config.compact or (
            attributes & TIMESTAMP_TYPE_FLAG if config.log_append_time else
            oldest < now - config.message_timestamp_before_max_ms or newest > now + config.message_timestamp_after_max_ms
            or oldest < -1 << 63):
        newest = _refuse_records(header, payload, now, config, name)

    if config.log_append_time:
        timestamp_type, newest, log_append_time = LOG_APPEND_TIME, now, now
    else:
        # As Kafka, whose largest timestamp starts from -1.
        timestamp_type, newest, log_append_time = CREATE_TIME, max(newest, NO_TIMESTAMP), NO_TIMESTAMP
    if config.compression_type != "producer":
        target = compression.CODES.get(config.compression_type, compression.NONE)  # "uncompressed" is none
        if target != source:
            records, header = _convert(header, payload, target, timestamp_type, newest, config)
            if len(records) > config.max_message_bytes:
                raise _too_large(len(records), config)
            return CheckedBatch(records, header, newest, log_append_time)
    if newest != max_timestamp or (attributes & TIMESTAMP_TYPE_FLAG != 0) != timestamp_type:
        records, header = _restamp(records, header, timestamp_type, newest)
    return CheckedBatch(records, header, newest, log_append_time)


def _too_large(size, config):
    return BadBatch(errors.MESSAGE_TOO_LARGE, f"The record batch size is {size} bytes "
                    f"which exceeds the maximum configured value of {config.max_message_bytes}.")


def _decompress(codec, payload, config):
    limit = max(MIN_DECOMPRESSED_LIMIT, DECOMPRESSED_RATIO * config.max_message_bytes)
    try:
        return compression.decompress(codec, payload, limit)
    except compression.TooLarge as error:
        raise BadBatch(errors.MESSAGE_TOO_LARGE, str(error)) from None
    except compression.CorruptData as error:
        raise BadBatch(errors.UNKNOWN_SERVER_ERROR, f"Failed to decompress record stream: {error}") from None


def _refuse_records(header, payload, now, config, name):
    """Raise BadBatch with an error for each record that is to blame; if none is, the largest timestamp."""
    wrong, bad_timestamp, newest = [], False, NO_TIMESTAMP
    earliest = now - config.message_timestamp_before_max_ms
    latest = now + config.message_timestamp_after_max_ms
    # Kafka skims records that it will not have to make over, and tells so by their name.
    skimmed = header.compression and config.compression_type in ("producer", compression.NAMES[header.compression])
    kind = "PartialDefaultRecord" if skimmed else "DefaultRecord"
    for index, record in enumerate(iter_batch(header, payload)):
        newest = max(newest, record.timestamp)
        if config.compact and record.key is None:
            wrong.append((index, f"Compacted topic cannot accept message without key in topic partition {name}"))
        elif config.log_append_time or record.timestamp == NO_TIMESTAMP:
            if header.timestamp_type == LOG_APPEND_TIME:
                bad_timestamp = True
                wrong.append((index, (
                    f"Invalid timestamp type in message {kind}(offset={index}, timestamp={record.timestamp}, "
                    f"key={len(record.key or b'')} bytes, value={len(record.value or b'')} bytes). "
                    f"Producer should not set timestamp type to LogAppendTime.")))
        elif not earliest <= record.timestamp <= latest:
            bad_timestamp = True
            wrong.append((index, (
                f"Timestamp {record.timestamp} of message with offset {index} is out of range. "
                f"The timestamp should be within [{earliest}, {_java_long(latest)}]")))
    if bad_timestamp:
        reason = "One or more records have been rejected due to invalid timestamp"
        raise BadBatch(errors.INVALID_TIMESTAMP, reason, reason, wrong)
    if wrong:
        shown = ", ".join(f"RecordError(batchIndex={index}, message='{text}')" for index, text in wrong[:3])
        reason = (f"One or more records have been rejected due to {len(wrong)} record errors in total, "
                  f"and only showing the first three errors at most: [{shown}]")
        raise BadBatch(errors.INVALID_RECORD, reason, reason, wrong)
    return newest


def _java_long(value):
    return (value + (_INT64 >> 1)) % _INT64 - (_INT64 >> 1)


def _restamp(records, header, timestamp_type, max_timestamp):
    """The batch with another timestamp type and largest timestamp; its records stay as they are."""
    # Kafka makes the attributes anew from the bits that it knows.
    attributes = header.attributes & 0x77 | (TIMESTAMP_TYPE_FLAG if timestamp_type == LOG_APPEND_TIME else 0)
    if not isinstance(records, memoryview) or records.readonly:
        records = memoryview(bytearray(records))
    fields = header._replace(attributes=attributes, max_timestamp=max_timestamp)
    HEADER.pack_into(records, 0, *fields)
    crc = crc32c(records[ATTRIBUTES_AT:])
    records[CRC_AT:ATTRIBUTES_AT] = crc.to_bytes(4, "big")
    return records, fields._replace(crc=crc)


def _convert(header, payload, target, timestamp_type, max_timestamp, config):
    """The batch with its records in another codec (the topic's compression.type)."""
    records = bytearray(build_batch(
        iter_batch(header, payload), compression=target,
        level=getattr(config, f"compression_{compression.NAMES[target]}_level", None),
        timestamp_type=timestamp_type, max_timestamp=max_timestamp, producer_id=header.producer_id,
        producer_epoch=header.producer_epoch, base_sequence=header.base_sequence,
        transactional=header.is_transactional))
    return memoryview(records), BatchHeader._make(HEADER.unpack_from(records))
