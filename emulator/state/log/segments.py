"""The segments of one log, oldest first, read as one run of batches (Kafka's LogSegments and LocalLog)."""

from bisect import bisect_right

from emulator.state.log.segment import NO_TIMESTAMP
from wire.records import find_max_timestamp, find_timestamp


class ReadResult:
    """Views of consecutive batches; the last may be cut short, as Kafka's are. All lie below the offset `upto`."""

    __slots__ = ("records", "size", "first_incomplete", "upto")

    def __init__(self, records, size, first_incomplete=False, upto=-1):
        self.records = records
        self.size = size
        self.first_incomplete = first_incomplete
        self.upto = upto


EMPTY = ReadResult((), 0)


class Segments(list):
    @property
    def size(self):
        return sum(segment.size for segment in self)

    def from_offset(self, offset):
        """The one that holds `offset`, or did before compaction, and those after it."""
        if offset >= self[-1].base_offset:
            return self[-1:]
        return self[max(bisect_right(self, offset, key=lambda segment: segment.base_offset) - 1, 0) :]

    def read(self, offset, max_bytes, upto, min_one_message, closely):
        """Batches from the one that holds `offset` on, below the offset `upto`, of one segment.

        At most `max_bytes`; with `min_one_message` the first batch whole, however large (KIP-74). `closely`: the result's
        `upto` is that of the batches in it, as far as the index tells, else the one asked for.
        Raises KafkaError: CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR.
        """
        for segment in self.from_offset(offset):
            found = segment.find(offset)
            if found is None:
                continue  # compacted away at the segment's end
            position, header = found
            limit = segment.position_of(upto) - position if upto < segment.next_offset else segment.size - position
            if limit <= 0:
                return EMPTY
            first = header.batch_length + 12
            size = max(max_bytes, first) if min_one_message else max_bytes
            if size >= limit:
                size = limit
                segment.remember(min(upto, segment.next_offset), position + size)
            upto = min(upto, segment.offset_after(position + size)) if closely else upto
            return ReadResult(segment.file.read(position, size), size, size < first, upto)
        return EMPTY

    def batches(self, offset):
        """(header, bytes) of every batch that reaches `offset`."""
        for segment in self:
            for position, header in segment.batches():
                if header.last_offset >= offset:
                    yield header, segment.batch_bytes(position, header)

    def bytes_between(self, offset, upto):
        """How many bytes `read` could give, in all, of what lies from `offset` on and below `upto`."""
        total = 0
        for segment in self.from_offset(offset):
            if segment.base_offset >= upto:
                break
            end = segment.size if upto >= segment.next_offset else segment.position_of(upto)
            total += end - (segment.position_of(offset) if offset > segment.base_offset else 0)
        return total

    def find_timestamp(self, timestamp, log_start_offset):
        """(offset, timestamp) of the first record stamped at or after `timestamp` (ms), or None."""
        for segment in self:
            if segment.max_timestamp < timestamp:
                continue
            for position, header in segment.find_time(timestamp, log_start_offset):
                found = find_timestamp(segment.batch_bytes(position, header), timestamp, log_start_offset)
                if found is not None:
                    return found
        return None

    def find_max_timestamp(self):
        """(offset, timestamp) of the first record with the largest timestamp, or None."""
        stamped = [segment for segment in self if segment.max_timestamp != NO_TIMESTAMP]
        if not stamped:
            return None
        segment = max(stamped, key=lambda segment: segment.max_timestamp)
        position, header = segment.find(segment.offset_of_max_timestamp)
        return find_max_timestamp(segment.batch_bytes(position, header))
