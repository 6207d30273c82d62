"""One segment: a file of batches and two sparse indexes, by offset and by time (Kafka's LogSegment)."""

from array import array
from bisect import bisect_left, bisect_right

from wire.records import read_header

NO_TIMESTAMP = -1


class Segment:
    """Batches from `base_offset` on.

    An index entry is made at most every `index.interval.bytes` of log, so that its memory stays a
    small part of the data's; from an entry the batch headers are walked.
    """

    __slots__ = (
        "base_offset", "file", "next_offset", "max_timestamp", "offset_of_max_timestamp",
        "first_timestamp", "created_ms", "roll_jitter_ms", "_offsets", "_positions", "_times", "_time_offsets",
        "_since_entry", "_last_read",
    )  # fmt: skip

    def __init__(self, base_offset, file, created_ms):
        self.base_offset = base_offset
        self.file = file
        self.next_offset = base_offset
        self.max_timestamp = NO_TIMESTAMP
        self.offset_of_max_timestamp = base_offset
        self.first_timestamp = NO_TIMESTAMP
        self.created_ms = created_ms
        self.roll_jitter_ms = 0
        self._offsets = array("q")  # base offset of an indexed batch
        self._positions = array("q")  # its position in the file
        self._times = array("q")  # the largest timestamp before ...
        self._time_offsets = array("q")  # ... and including the batch with this base offset
        self._since_entry = 0
        self._last_read = (base_offset, 0)  # where a consumer that reads on will come next

    @property
    def size(self):
        return self.file.size

    @property
    def age_mark(self):
        """The time (ms) that its age counts from: its newest record's, else its own."""
        return self.max_timestamp if self.max_timestamp >= 0 else self.created_ms

    @property
    def index_entries(self):
        return len(self._offsets)

    def append(self, prefix, batch, base_offset, next_offset, max_timestamp, index_interval):
        """Append one batch whose first bytes become `prefix`."""
        position = self.file.append(prefix, batch)
        if max_timestamp > self.max_timestamp:
            self.max_timestamp = max_timestamp
            self.offset_of_max_timestamp = base_offset
        if self.first_timestamp == NO_TIMESTAMP:
            self.first_timestamp = max_timestamp
        if self._since_entry > index_interval:
            self._offsets.append(base_offset)
            self._positions.append(position)
            self._times.append(self.max_timestamp)
            self._time_offsets.append(base_offset)
            self._since_entry = 0
        self._since_entry += len(batch)
        self.next_offset = next_offset

    # -- by offset ----------------------------------------------------------------------------

    def find(self, offset):
        """(position, header) of the first batch whose last offset is at least `offset`, or None."""
        known_offset, position = self._last_read
        if known_offset != offset:
            index = bisect_right(self._offsets, offset) - 1
            position = self._positions[index] if index >= 0 else 0
        for position, header in self.batches(position):
            if header.base_offset + header.last_offset_delta >= offset:
                return position, header
        return None

    def position_of(self, offset):
        """Where the batch that begins at or after `offset` stands: the end of what precedes it."""
        if offset >= self.next_offset:
            return self.file.size
        found = self.find(offset)
        if found is None:
            return self.file.size
        return found[0]

    def offset_after(self, position):
        """An offset that nothing before `position` reaches; the index is sparse, so it may be some batches on."""
        index = bisect_left(self._positions, position)
        return self._offsets[index] if index < len(self._offsets) else self.next_offset

    def remember(self, offset, position):
        """A reader got everything before `offset`, which stands at `position`."""
        self._last_read = (offset, position)

    def batches(self, position=0):
        """(position, header) of each batch from `position` on, which must be a batch's start."""
        file = self.file
        while position < file.size:
            buffer, at = file.view(position)
            header = read_header(buffer, at)
            yield position, header
            position += header.batch_length + 12

    def batch_bytes(self, position, header):
        buffer, at = self.file.view(position)
        return memoryview(buffer)[at : at + header.batch_length + 12]

    # -- by time ------------------------------------------------------------------------------

    def find_time(self, timestamp, start_offset):
        """(position, header) of the batches that may hold a record at or after `timestamp`."""
        index = bisect_left(self._times, timestamp) - 1
        position = self._positions[index] if index >= 0 else 0
        for position, header in self.batches(position):
            if header.max_timestamp >= timestamp and header.base_offset + header.last_offset_delta >= start_offset:
                yield position, header

    # -- shortening ---------------------------------------------------------------------------

    def truncate(self, offset):
        """Drop the batches from `offset` on."""
        position = self.position_of(offset)
        self.file.truncate(position)
        keep = bisect_left(self._offsets, offset)
        for column in (self._offsets, self._positions, self._times, self._time_offsets):
            del column[keep:]
        self._last_read = (self.base_offset, 0)
        self._since_entry = position - (self._positions[-1] if keep else 0)
        self.max_timestamp, self.offset_of_max_timestamp, self.first_timestamp = NO_TIMESTAMP, self.base_offset, NO_TIMESTAMP
        self.next_offset = self.base_offset
        for _, header in self.batches():
            if self.first_timestamp == NO_TIMESTAMP:
                self.first_timestamp = header.max_timestamp
            if header.max_timestamp > self.max_timestamp:
                self.max_timestamp = header.max_timestamp
                self.offset_of_max_timestamp = header.base_offset
            self.next_offset = header.base_offset + header.last_offset_delta + 1
