"""Message sets of magic 0 and 1 (before Kafka 0.11), which are read but never written.

    offset int64 | length int32 | crc uint32 | magic int8 | attributes int8 | timestamp int64 (magic 1) |
    key int32 + bytes | value int32 + bytes

A compressed message is a wrapper: its value is a message set. Inner offsets are absolute in magic 0, in
magic 1 relative such that the last one has the wrapper's offset (KIP-31). Source: AbstractLegacyRecordBatch.
"""

from struct import Struct, error as struct_error
from zlib import crc32

from wire import compression, errors
from wire.records.record import Record
from wire.records.walk import BadBatch, invalid

START = Struct(">qiIbb")
INT64 = Struct(">q")
INT32 = Struct(">i")
MIN_LENGTH = 14
CRC_FROM = 16
NO_TIMESTAMP = -1


def iter_message(message, limit):
    """Each Record of one message, a wrapper or a plain one; BadBatch when it is not sound."""
    offset, magic, attributes, timestamp, key, value = _read(message)
    codec = attributes & 0x07
    if not codec:
        yield Record(offset, timestamp, key, value)
        return
    if value is None:
        raise invalid("a compressed message without a value")
    if magic == 1 and codec == compression.ZSTD:
        raise invalid("zstd in a message of magic 1")
    if codec == compression.LZ4 and magic == 0:
        value = compression.mend_lz4_header(value)
    try:
        inner = bytes(compression.decompress(codec, value, limit))
    except compression.CorruptData as error:
        raise BadBatch(errors.CORRUPT_MESSAGE, str(error)) from None
    found, position = [], 0
    while position < len(inner):
        if len(inner) - position < START.size:
            raise invalid("the messages in a wrapper end within one")
        length = INT32.unpack_from(inner, position + 8)[0]
        end = position + 12 + length
        if length < MIN_LENGTH or end > len(inner):
            raise invalid(f"a message of {length} bytes in a wrapper")
        each = _read(inner[position:end])
        if each[1] != magic:
            raise invalid(f"a message of magic {each[1]} in a wrapper of magic {magic}")
        if each[2] & 0x07:
            raise invalid("a compressed message in a compressed one")
        found.append(each)
        position = end
    if not found:
        raise invalid("a compressed message without messages")
    base = offset - found[-1][0] if magic == 1 else 0
    appended = magic == 1 and attributes & 0x08
    for inner_offset, _, _, inner_timestamp, key, value in found:
        yield Record(base + inner_offset, timestamp if appended else inner_timestamp, key, value)


def _read(message):
    try:
        offset, length, crc, magic, attributes = START.unpack_from(message)
        if magic not in (0, 1):
            raise invalid(f"a message of magic {magic}")
        if crc32(message[CRC_FROM:12 + length]) != crc:
            raise BadBatch(errors.CORRUPT_MESSAGE, f"wrong checksum of the message at offset {offset}")
        position = START.size
        timestamp = NO_TIMESTAMP
        if magic == 1:
            timestamp, = INT64.unpack_from(message, position)
            position += 8
        key, position = _read_bytes(message, position)
        value, position = _read_bytes(message, position)
    except struct_error:
        raise invalid("a message ends within its fields") from None
    if position != 12 + length:
        raise invalid(f"the message at offset {offset} has {12 + length} bytes, its fields {position}")
    return offset, magic, attributes, timestamp, key, value


def _read_bytes(message, position):
    size, = INT32.unpack_from(message, position)
    position += 4
    if size < 0:
        return None, position
    if size > len(message) - position:
        raise invalid(f"a field of {size} bytes where {len(message) - position} are left")
    return bytes(message[position:position + size]), position + size
