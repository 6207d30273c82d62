"""The walk over the records of a batch (magic 2): is each of them what a consumer will be able to read?

    length varint | attributes int8 | timestamp_delta varlong | offset_delta varint |
    key_length varint, key | value_length varint, value | header_count varint, headers

All varints are zig-zag. This is the hot path of a produce request, so there are three ways through it:
`_walk_record` judges one record, whatever it looks like; `walk` takes the ordinary ones in line and leaves
the others to it; and since records sent together mostly look alike, runs of one length are compared column
by column (lengths, offset deltas, header counts), as slices with a stride, in C. The latter two only ever
accept. Source of what is refused: DefaultRecord.readFrom, DefaultRecordBatch.RecordIterator.
"""

import sys
from struct import Struct

from wire import errors

MIN_RUN = 16  # the columns of a shorter run cost more than they save
MAX_RUN = 512  # those of a longer one outgrow the processor's cache
_EIGHT = Struct("8B")

# The bytes of the offset deltas 0, 1, 2 ... as zig-zag varints, by place: delta i has its one byte in
# ONLY[2i] up to 63, its first in FIRST[i & 63] and its second in SECOND[i] up to 8191, or from there on in
# MIDDLE[i & 8191].
ONLY = bytes(range(128))
FIRST = bytes(2 * i & 0x7F | 0x80 for i in range(64 + MAX_RUN))
SECOND = bytes(i >> 6 for i in range(8192))
MIDDLE = bytes(i >> 6 | 0x80 for i in range(8192))
BELOW_128 = bytes(range(128))
FROM_128 = bytes(range(128, 256))
EVEN = bytes(range(0, 256, 2))


class BadBatch(errors.KafkaError):
    """A batch that is not stored. `error` and `message` are what Kafka answers, `reason` says why.

    Kafka names no reason for most of these: then `message` is None. `record_errors` is a list of
    (batch_index, message) when single records are to blame (KIP-467).
    """

    def __init__(self, error, reason, message=None, record_errors=()):
        super().__init__(error, reason)
        self.reason = reason
        self.message = message
        self.record_errors = record_errors


def invalid(reason):
    return BadBatch(errors.INVALID_RECORD, reason)


def read_varint(buffer, position):
    """(int32, end). BadBatch INVALID_RECORD after five bytes without an end, IndexError past the buffer."""
    raw = shift = 0
    while True:
        byte = buffer[position]
        position += 1
        raw |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 28:
            raise invalid(f"a varint of more than 5 bytes at byte {position - 5}")
    raw &= 0xFFFFFFFF
    return (raw >> 1) ^ -(raw & 1), position


def read_varlong(buffer, position):
    """(int64, end). BadBatch INVALID_RECORD after ten bytes without an end, IndexError past the buffer."""
    raw = shift = 0
    while True:
        byte = buffer[position]
        position += 1
        raw |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise invalid(f"a varlong of more than 10 bytes at byte {position - 10}")
    raw &= 0xFFFFFFFFFFFFFFFF
    return (raw >> 1) ^ -(raw & 1), position


def walk(buffer, count, overlong=errors.INVALID_RECORD):
    """Walk `count` records that should fill `buffer` (bytes-like); raises BadBatch.

    Returns (smallest timestamp delta, largest timestamp delta, whether a record has no key).
    Offset deltas must be 0, 1, 2 ...: Kafka stores others when nothing is compressed, and consumers then
    see an offset twice or out of turn. `overlong`: the error for a record length that does not end.
    """
    end = len(buffer)
    near_end = end - 11  # before it, the eight bytes after a record's attributes are there to unpack
    smallest, largest, keyless = 1 << 63, -1 << 63, False
    index = start = length = 0
    window, next_run = MIN_RUN, 2
    unpack = _EIGHT.unpack_from
    try:
        while index < count:
            # In line: a size of 1 or 2 bytes, timestamp 1 or 2, offset 1 to 3, key 1, value 1 or 2, no headers.
            # What `stop` is set to 0 for is anything else.
            stop = 0
            if start < near_end:
                size = buffer[start]
                if size < 0x80:
                    position = start + 1
                    stop = position + (size >> 1)
                else:
                    more = buffer[start + 1]
                    if more < 0x80:
                        position = start + 2
                        stop = position + (size >> 1 & 0x3F | more << 6)
            if stop:
                a, b, c, d, e, f, g, h = unpack(buffer, position + 1)
                if a < 0x80:
                    delta = a >> 1 ^ -(a & 1)
                    if b < 0x80:
                        offset, key, value, more = b, c, d, e
                        position += 4
                    elif c < 0x80:
                        offset, key, value, more = b & 0x7F | c << 7, d, e, f
                        position += 5
                    else:
                        offset, key, value, more = b & 0x7F | (c & 0x7F) << 7 | d << 14, e, f, g
                        position += 6
                        if d > 0x7F:
                            stop = 0
                else:
                    delta = (a >> 1 & 0x3F | b << 6) ^ -(a & 1)
                    if c < 0x80:
                        offset, key, value, more = c, d, e, f
                        position += 5
                    elif d < 0x80:
                        offset, key, value, more = c & 0x7F | d << 7, e, f, g
                        position += 6
                    else:
                        offset, key, value, more = c & 0x7F | (d & 0x7F) << 7 | e << 14, f, g, h
                        position += 7
                        if e > 0x7F:
                            stop = 0
                    if b > 0x7F:
                        stop = 0
                if key != 1:
                    if key & 0x81:
                        stop = 0
                    elif stop:
                        position += key >> 1
                        value = buffer[position]
                        more = buffer[position + 1]
                if value < 0x80:
                    position += 1 + (value >> 1)
                else:
                    position += 2 + (value >> 1 & 0x3F | more << 6)
                    if more > 0x7F:
                        stop = 0
            if stop and position + 1 == stop and buffer[position] == 0 and offset == 2 * index and (
                    value & 1 == 0 or value == 1) and size & 1 == 0:
                if key == 1:
                    keyless = True
            else:
                stop, delta, no_key = _walk_record(buffer, start, end, index, overlong)
                keyless = keyless or no_key
            if delta > largest:
                largest = delta
            if delta < smallest:
                smallest = delta
            index += 1
            size, length = length, stop - start

            if size == length and index >= next_run:
                run = min(count - index, window, (end - stop) // length)
                if run >= MIN_RUN:
                    run, low, high = _walk_columns(buffer, start, length, run, index)
                    if run:
                        index += run
                        stop += run * length
                        if low < smallest:
                            smallest = low
                        if high > largest:
                            largest = high
                    if run >= MIN_RUN:
                        window = MAX_RUN
                        next_run = index + 1
                    else:
                        window = MIN_RUN
                        next_run = index + 2 * MIN_RUN
            start = stop
    except IndexError:
        raise invalid(f"record {index} goes on beyond the batch") from None
    if start != end:
        raise invalid(f"{end - start} bytes follow the last record")
    return smallest, largest, keyless


def _walk_record(buffer, start, end, index, overlong):
    """(end of the record, timestamp delta, whether it has no key) of any sound record; BadBatch of the others."""
    try:
        size, position = read_varint(buffer, start)
    except BadBatch as bad:
        bad.error = overlong
        raise
    stop = position + size
    if size < 0 or stop > end:
        raise invalid(f"record {index} says that it has {size} bytes, and {end - position} are left")
    delta, position = read_varlong(buffer, position + 1)
    offset, position = read_varint(buffer, position)
    if offset != index:
        raise invalid(f"record {index} has offset delta {offset}")
    key_size, position = read_varint(buffer, position)
    position += max(key_size, 0)
    size, position = read_varint(buffer, position)
    position += max(size, 0)
    count, position = read_varint(buffer, position)
    if not 0 <= count <= max(stop - position, 0):
        raise invalid(f"record {index} has {count} headers")
    for _ in range(count):
        size, position = read_varint(buffer, position)
        if size < 0:
            raise invalid(f"record {index} has a header without a key")
        size, position = read_varint(buffer, position + size)
        position += max(size, 0)
    if position != stop:
        raise invalid(f"record {index} says that it has {stop - start} bytes, and its fields take {position - start}")
    return stop, delta, key_size < 0


def _places(buffer, start):
    """Of a sound record: where its timestamp, its offset and its key begin, and the places of all bytes
    of lengths and counts but these: what gives a record its shape."""
    shape = []

    def varint(position):
        value, after = read_varint(buffer, position)
        shape.extend(range(position, after))
        return value, after

    _, position = varint(start)
    timestamp_at = position + 1
    _, offset_at = read_varlong(buffer, timestamp_at)
    _, key_at = read_varint(buffer, offset_at)
    size, position = varint(key_at)
    size, position = varint(position + max(size, 0))
    count, position = varint(position + max(size, 0))
    for _ in range(2 * count):
        size, position = varint(position)
        position += max(size, 0)
    return timestamp_at, offset_at, key_at, shape


def _walk_columns(buffer, start, length, run, index):
    """How many of the next `run` records are shaped as the one at `start`, and their timestamp deltas.

    Returns (records, smallest delta, largest). `index` is that of the first of the next, `length` of all of
    them. What is not counted is for the plain walk to judge.
    """
    timestamp_at, offset_at, key_at, shape = _places(buffer, start)

    def column(place):
        first = place + length
        return bytes(buffer[first:first + (run - 1) * length + 1:length])

    # An offset delta grows by a byte at 64 and at 8192: a run ends there, as it does where a table does.
    width = key_at - offset_at
    if width == 1:
        expected = [ONLY[2 * index:2 * (index + run):2]]
    elif width == 2:
        expected = [FIRST[index & 63:(index & 63) + run], SECOND[index:index + run]]
    elif width == 3 and index < 1 << 20:
        low = index & 8191
        expected = [FIRST[index & 63:(index & 63) + run], MIDDLE[low:low + run], bytes((index >> 13,)) * run]
    else:
        return 0, 0, 0
    run = min(map(len, expected))
    if run < 2:
        return 0, 0, 0

    for place in shape:
        found = column(place)
        wanted = bytes((buffer[place],))
        if found != wanted * run:
            run -= len(found.lstrip(wanted))
            if run < 2:
                return 0, 0, 0
    for place, wanted in zip(range(offset_at, key_at), expected):
        if column(place) != wanted[:run]:
            return 0, 0, 0

    digits = [column(place) for place in range(timestamp_at, offset_at)]
    for found in digits[:-1]:
        run = min(run, len(found) - len(found.lstrip(FROM_128)))
    if not digits[-1].isascii():
        run = min(run, len(digits[-1]) - len(digits[-1].lstrip(BELOW_128)))
    if not run:
        return 0, 0, 0
    return run, *_extremes([found[:run] for found in digits])


def _extremes(digits):
    """(smallest, largest) of the varlongs whose first bytes stand in digits[0], their second in digits[1] ..."""
    width = len(digits)
    if width > 8 or len(digits[0].translate(None, EVEN)):
        # Some are negative.
        deltas = [read_varlong(each, 0)[0] for each in set(zip(*digits))]
        return min(deltas), max(deltas)
    # All have the same continuation bits, so they compare as the integers that their bytes make.
    cells = bytearray(8 * len(digits[0]))
    for place, found in enumerate(digits):
        cells[place if sys.byteorder == "little" else 7 - place::8] = found
    cells = memoryview(cells).cast("Q")
    return [read_varlong(each.to_bytes(8, "little"), 0)[0] for each in (min(cells), max(cells))]
