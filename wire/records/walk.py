"""The walk over the records of a batch (magic 2): is each of them what a consumer will be able to read?

    length varint | attributes int8 | timestamp_delta varlong | offset_delta varint |
    key_length varint, key | value_length varint, value | header_count varint, headers

All varints are zig-zag. This is the hot path of a produce request, so it is written twice: record by
record, and in columns. Records sent together mostly look alike; when the next one begins like the last,
the bytes that give a run of records its shape (lengths, offset deltas, header counts) are compared column
by column, as slices with a stride, in C. Where the pattern ends the plain walk takes over, and it alone
refuses. Source of what is refused: DefaultRecord.readFrom and DefaultRecordBatch.RecordIterator.
"""

from wire import errors

MIN_RUN = 16  # the columns of a shorter run cost more than they save
MAX_RUN = 8192

# The bytes of the offset deltas 0, 1, 2 ... as zig-zag varints, by place: delta i has its one byte in
# ONLY[2i] up to 63, its first in FIRST[i] and its second in SECOND[i] up to 8191, more from there on.
ONLY = bytes(range(128))
FIRST = bytes(2 * i & 0x7F | 0x80 for i in range(2 * MAX_RUN))
SECOND = bytes(i >> 6 & 0x7F for i in range(MAX_RUN))
MIDDLE = bytes(i >> 6 & 0x7F | 0x80 for i in range(MAX_RUN))
BELOW_128 = bytes(range(128))
FROM_128 = bytes(range(128, 256))


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
    smallest, largest, keyless = 1 << 63, -1 << 63, False
    index = position = 0
    window, next_try = MIN_RUN, 1
    try:
        while index < count:
            start = position
            raw = buffer[position]
            if raw < 0x80:
                position += 1
                stop = position + (raw >> 1)
                negative = raw & 1
            else:
                more = buffer[position + 1]
                if more < 0x80:
                    position += 2
                    stop = position + (raw >> 1 & 0x3F | more << 6)
                    negative = raw & 1
                else:
                    size, position = _read_size(buffer, position, overlong)
                    stop = position + size
                    negative = size < 0
            if negative or stop > end:
                raise invalid(f"record {index} has a size beyond the batch or below 0")

            timestamp_at = position + 1
            raw = buffer[timestamp_at]
            if raw < 0x80:
                delta = raw >> 1 ^ -(raw & 1)
                offset_at = timestamp_at + 1
            else:
                more = buffer[timestamp_at + 1]
                if more < 0x80:
                    delta = (raw >> 1 & 0x3F | more << 6) ^ -(raw & 1)
                    offset_at = timestamp_at + 2
                else:
                    delta, offset_at = read_varlong(buffer, timestamp_at)
            if delta > largest:
                largest = delta
            if delta < smallest:
                smallest = delta

            raw = buffer[offset_at]
            if raw < 0x80:
                key_at = offset_at + 1
                offset = raw >> 1 ^ -(raw & 1)
            else:
                more = buffer[offset_at + 1]
                if more < 0x80:
                    key_at = offset_at + 2
                    offset = (raw >> 1 & 0x3F | more << 6) ^ -(raw & 1)
                else:
                    offset, key_at = read_varint(buffer, offset_at)
            if offset != index:
                raise invalid(f"record {index} has offset delta {offset}")

            raw = buffer[key_at]
            if raw < 0x80:
                value_at = key_at + 1
                if raw & 1:
                    keyless = True
                else:
                    value_at += raw >> 1
            else:
                size, value_at = read_varint(buffer, key_at)
                if size < 0:
                    keyless = True
                else:
                    value_at += size

            raw = buffer[value_at]
            if raw < 0x80:
                headers_at = value_at + 1
                if not raw & 1:
                    headers_at += raw >> 1
            else:
                more = buffer[value_at + 1]
                if more < 0x80:
                    headers_at = value_at + 2
                    if not raw & 1:
                        headers_at += raw >> 1 & 0x3F | more << 6
                else:
                    size, headers_at = read_varint(buffer, value_at)
                    if size > 0:
                        headers_at += size

            if buffer[headers_at] == 0:
                position = headers_at + 1
            else:
                position = walk_headers(buffer, headers_at, stop, index)
            if position != stop:
                raise invalid(f"record {index} says {stop - start} bytes and has {position - start}")
            index += 1

            if index >= next_try and index < count and buffer[position] == buffer[start] and position < end:
                length = position - start
                run = min(count - index, window, (end - position) // length)
                if run >= MIN_RUN:
                    shape = [*range(start, timestamp_at - 1), *_varint_places(buffer, key_at),
                             *_varint_places(buffer, value_at), *_header_places(buffer, headers_at)]
                    done, low, high = _walk_columns(buffer, position, length, run, index, start, shape,
                                                    timestamp_at, offset_at, key_at)
                    if done:
                        index += done
                        position += done * length
                        if low < smallest:
                            smallest = low
                        if high > largest:
                            largest = high
                    if done >= MIN_RUN:
                        window = min(window * 8, MAX_RUN)
                        next_try = index + 1
                    else:
                        window = MIN_RUN
                        next_try = index + 32
    except IndexError:
        raise invalid(f"record {index} goes on beyond the batch") from None
    if position != end:
        raise invalid(f"{end - position} bytes follow the last record")
    return smallest, largest, keyless


def _read_size(buffer, position, overlong):
    try:
        return read_varint(buffer, position)
    except BadBatch as bad:
        bad.error = overlong
        raise


def walk_headers(buffer, position, stop, index):
    """The end of the headers whose count stands at `position` of record `index`."""
    count, position = read_varint(buffer, position)
    if not 0 <= count <= stop - position:
        raise invalid(f"record {index} has {count} headers")
    for _ in range(count):
        size, position = read_varint(buffer, position)
        if size < 0:
            raise invalid(f"record {index} has a header without a key")
        size, position = read_varint(buffer, position + size)
        if size > 0:
            position += size
    return position


def _varint_places(buffer, position):
    """Where the varint at `position` has its bytes."""
    end = position
    while buffer[end] & 0x80:
        end += 1
    return range(position, end + 1)


def _header_places(buffer, position):
    """Where the count and the lengths of a sound record's headers have their bytes."""
    if buffer[position] == 0:
        return (position,)
    places = [*_varint_places(buffer, position)]
    count, position = read_varint(buffer, position)
    for _ in range(count):
        for _ in "key", "value":
            places += _varint_places(buffer, position)
            size, position = read_varint(buffer, position)
            position += max(size, 0)
    return places


def _walk_columns(buffer, position, length, run, index, start, shape, timestamp_at, offset_at, key_at):
    """How many of `run` records from `position` on are shaped as the one at `start`, and their deltas.

    Returns (records, smallest timestamp delta, largest). All are `length` bytes long; `shape` are the
    places of the bytes that must not differ. What is not counted is for the plain walk to judge.
    """
    def column(place):
        first = position + place - start
        return bytes(buffer[first:first + (run - 1) * length + 1:length])

    # Offset deltas grow by a byte at 64, 8192, ...: a run ends there, as it does where a table does.
    width = key_at - offset_at
    if width == 1:
        expected = [ONLY[2 * index:2 * (index + run):2]]
    elif width == 2:
        expected = [FIRST[index & 63:(index & 63) + run], SECOND[index:index + run]]
    elif width == 3 and index < 1 << 20:
        low = index & MAX_RUN - 1
        run = min(run, MAX_RUN - low)
        expected = [FIRST[index & 63:(index & 63) + run], MIDDLE[low:low + run], bytes((index >> 13,)) * run]
    else:
        return 0, 0, 0
    run = min(run, len(expected[-1]))
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

    columns = [column(place) for place in range(timestamp_at, offset_at)]
    for found in columns[:-1]:
        run = min(run, len(found) - len(found.lstrip(FROM_128)))
    if not columns[-1].isascii():
        run = min(run, len(columns[-1]) - len(columns[-1].lstrip(BELOW_128)))
    if not run:
        return 0, 0, 0
    deltas = [read_varlong(digits, 0)[0] for digits in set(zip(*(found[:run] for found in columns)))]
    return run, min(deltas), max(deltas)
