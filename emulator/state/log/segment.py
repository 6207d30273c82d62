"""One segment: a file of batches and two sparse indexes, by offset and by time (Kafka's LogSegment).

An index entry is made at most every `index.interval.bytes` of log, so that indexes stay a small part of the
data; from an entry the batch headers are walked. The segment that is appended to has its indexes in memory; those
of the others are read in their files, where there are any, entry by entry as the search goes.
"""

from array import array
from bisect import bisect_left, bisect_right
from functools import partial

from emulator.state.log.formats import (
    INDEX, LOG, OFFSET_ENTRY, SEGMENT_FILES, TIME_ENTRY, TIME_INDEX, TXN_INDEX,
    Corrupt, file_name, pack_aborted, pack_offset_index, pack_time_index, parse_aborted, parse_offset_index, parse_time_index,
)  # fmt: skip
from wire import errors
from wire.errors import KafkaError
from wire.records import HEADER, HEADER_SIZE, LOG_OVERHEAD, crc32c, read_header

NO_TIMESTAMP = -1
_CRC_FROM = 21  # of a batch: where what its checksum covers begins
_MOST_RELATIVE = 2**31 - 1  # offsets in indexes are relative to the segment's base
_READ_AT_ONCE = 1024 * 1024
_LAZY = frozenset({
    "max_timestamp", "offset_of_max_timestamp", "first_timestamp", "_offsets", "_positions", "_times", "_time_offsets",
})  # fmt: skip

# What a copy has as it is.
_PLAIN = (
    "base_offset", "created_ms", "roll_jitter_ms", "next_offset", "index_bytes", "max_timestamp", "offset_of_max_timestamp",
    "first_timestamp", "_since_entry", "_last_read", "_suffix",
)  # fmt: skip


class Segment:
    """Batches from `base_offset` on.

    A new one, unless `exists`: then its files in `files` are opened, and what they say is read when it is asked for;
    but for `next_offset`, which is for the opener to set.
    """

    __slots__ = (
        "base_offset", "file", "next_offset", "max_timestamp", "offset_of_max_timestamp",
        "first_timestamp", "created_ms", "roll_jitter_ms", "index_bytes", "_offsets", "_positions", "_times", "_time_offsets",
        "_since_entry", "_last_read", "_files", "_suffix", "_index_files",
    )  # fmt: skip

    def __init__(self, files, base_offset, created_ms, suffix="", exists=False):
        self.base_offset = base_offset
        self.created_ms = created_ms
        self.roll_jitter_ms = 0
        self.next_offset = base_offset
        self.index_bytes = 0  # of the fuller index, were one more entry made; what segment.index.bytes bounds
        self.file = files.open(file_name(base_offset, LOG, suffix))
        self._files = files
        self._suffix = suffix
        self._index_files = ()  # those that are read from
        self._since_entry = 0
        self._last_read = (base_offset, 0)  # where a consumer that reads on will come next
        if not exists:
            self.reset()
            if files.lasting:
                for kind in (INDEX, TIME_INDEX):
                    self._side_file(kind).close()

    def __getattr__(self, name):
        # Only for what has not been read yet: once set, a slot is found without coming here.
        if name not in _LAZY:
            raise AttributeError(name)
        if name == "first_timestamp":
            self.first_timestamp = self._header_at(0).max_timestamp if self.file.size else NO_TIMESTAMP
        elif name in ("max_timestamp", "offset_of_max_timestamp"):
            times = self._times
            self.max_timestamp = times[len(times) - 1] if times else NO_TIMESTAMP
            self.offset_of_max_timestamp = self.base_offset + (self._time_offsets[len(times) - 1] if times else 0)
        else:
            self._index_files = offsets, times = self._side_file(INDEX), self._side_file(TIME_INDEX)
            self._offsets, self._positions = _Column(offsets, OFFSET_ENTRY, 0), _Column(offsets, OFFSET_ENTRY, 1)
            self._times, self._time_offsets = _Column(times, TIME_ENTRY, 0), _Column(times, TIME_ENTRY, 1)
        return getattr(self, name)

    def reset(self):
        """Forget what was known of its batches."""
        self.next_offset = self.base_offset
        self.max_timestamp = self.first_timestamp = NO_TIMESTAMP
        self.offset_of_max_timestamp = self.base_offset
        self._offsets = array("I")  # last offset, less the segment's base, of an indexed batch
        self._positions = array("I")  # its position in the file
        self._times = array("q")  # the largest timestamp so far
        self._time_offsets = array("I")  # last offset, less the base, of the batch that had it
        self.index_bytes = self._since_entry = 0
        self._last_read = (self.base_offset, 0)

    def copy(self, files):
        """The same in other `files`, in memory both: neither sees what becomes of the other."""
        other = Segment.__new__(Segment)
        for name in _PLAIN:
            setattr(other, name, getattr(self, name))
        for name in ("_offsets", "_positions", "_times", "_time_offsets"):
            setattr(other, name, getattr(self, name)[:])
        other.file, other._files, other._index_files = self.file.copy(files.memory), files, ()
        return other

    @property
    def size(self):
        return self.file.size

    @property
    def age_mark(self):
        """The time (ms) that its age counts from: its newest record's, else its own."""
        return self.max_timestamp if self.max_timestamp >= 0 else self.created_ms

    def append(self, prefix, batch, base_offset, next_offset, max_timestamp, index_interval):
        """Append one batch whose first bytes become `prefix`."""
        position = self.file.append(prefix, batch)
        if max_timestamp > self.max_timestamp:
            self.max_timestamp = max_timestamp
            self.offset_of_max_timestamp = next_offset - 1
        if self.first_timestamp == NO_TIMESTAMP:
            self.first_timestamp = max_timestamp
        if self._since_entry > index_interval:
            self._add_entry(next_offset - 1, position)
        self._since_entry += len(batch)
        self.next_offset = next_offset

    def _add_entry(self, last_offset, position):
        self._offsets.append(last_offset - self.base_offset)
        self._positions.append(position)
        self._since_entry = 0
        self._add_time()

    def _add_time(self):
        times = self._times
        if self.max_timestamp > (times[-1] if times else NO_TIMESTAMP):
            times.append(self.max_timestamp)
            self._time_offsets.append(self.offset_of_max_timestamp - self.base_offset)
        # One entry of the time index is kept for the end of the segment.
        self.index_bytes = max((len(self._offsets) + 1) * OFFSET_ENTRY.size, (len(times) + 2) * TIME_ENTRY.size)

    def learn(self, position, header, index_interval):
        """Take into the indexes a batch that is in the file already."""
        if header.max_timestamp > self.max_timestamp:
            self.max_timestamp = header.max_timestamp
            self.offset_of_max_timestamp = header.last_offset
        if self.first_timestamp == NO_TIMESTAMP:
            self.first_timestamp = header.max_timestamp
        if self._since_entry > index_interval:
            self._add_entry(header.last_offset, position)
        self._since_entry += header.size
        self.next_offset = header.last_offset + 1

    def recover(self, index_interval, latest_epoch=-1, seen=None, on_read=None):
        """Make the indexes anew from what is in the file, up to the first batch that is not whole and right.

        `seen(header, batch)` is called for those of producers, and of leader epochs above `latest_epoch`; `on_read(bytes)` now
        and then. Gives how many bytes are good (LogSegment.recover).
        """
        self.reset()
        file, base, size = self.file, self.base_offset, self.file.size
        position, next_offset, since = 0, base, 0
        largest, first = NO_TIMESTAMP, None
        unpack = HEADER.unpack_from
        wanted = _READ_AT_ONCE
        while position < size:
            chunk = memoryview(b"".join(file.read(position, wanted)))
            at, end = 0, len(chunk)
            if on_read is not None:
                on_read(end)
            if end < min(wanted, size - position):
                size = position + end  # shorter than it was a moment ago
            if end < HEADER_SIZE:
                break
            wanted = _READ_AT_ONCE
            while end - at >= HEADER_SIZE:
                # Millions of these decide how long a start takes: no call and no attribute that can be spared.
                offset, length, epoch, magic, crc, _, delta, _, newest, producer_id, _, _, _ = unpack(chunk, at)
                stop = at + length + LOG_OVERHEAD
                if length < HEADER_SIZE - LOG_OVERHEAD or position + length + LOG_OVERHEAD > size or magic != 2:
                    size = position
                    break
                if stop > end:
                    wanted = max(stop - at, _READ_AT_ONCE)
                    break
                last = offset + delta
                if crc32c(chunk[at + _CRC_FROM : stop]) != crc or offset < next_offset or delta < 0 or last - base > _MOST_RELATIVE:
                    size = position
                    break
                if newest > largest:
                    largest = self.max_timestamp = newest
                    self.offset_of_max_timestamp = last
                if first is None:
                    first = self.first_timestamp = newest
                if since > index_interval:
                    self._add_entry(last, position)
                    since = 0
                if epoch > latest_epoch or producer_id >= 0:
                    if seen is not None:
                        latest_epoch = max(epoch, latest_epoch)
                        seen(read_header(chunk, at), chunk[at:stop])
                since += stop - at
                next_offset = last + 1
                position += stop - at
                at = stop
        self._since_entry, self.next_offset = since, next_offset
        return position

    # -- by offset ----------------------------------------------------------------------------

    def find(self, offset):
        """(position, header) of the first batch whose last offset is at least `offset`, or None."""
        known_offset, position = self._last_read
        if known_offset != offset:
            index = bisect_right(self._offsets, offset - self.base_offset) - 1
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
        return self.base_offset + self._offsets[index] if index < len(self._offsets) else self.next_offset

    def remember(self, offset, position):
        """A reader got everything before `offset`, which stands at `position`."""
        self._last_read = (offset, position)

    def batches(self, position=0):
        """(position, header) of each batch from `position` on, which must be a batch's start.

        Raises KafkaError CORRUPT_MESSAGE where none is.
        """
        file = self.file
        while position < file.size:
            buffer, at = file.view(position, HEADER_SIZE)
            if len(buffer) - at < HEADER_SIZE:
                raise self.no_batch(position)
            header = read_header(buffer, at)
            length = header.batch_length
            if length < HEADER_SIZE - LOG_OVERHEAD or position + length + LOG_OVERHEAD > file.size:
                raise self.no_batch(position)
            yield position, header
            position += length + LOG_OVERHEAD

    def tail(self, size):
        """The position of a batch that stands at least `size` bytes before the end, or the beginning."""
        index = bisect_right(self._positions, self.size - size) - 1
        return self._positions[index] if index >= 0 else 0

    def read_next_offset(self):
        """The offset after its last batch, found from the last index entry on; raises as `batches` does."""
        entries, after = len(self._positions), self.base_offset
        for _, header in self.batches(self._positions[entries - 1] if entries else 0):
            after = header.last_offset + 1
        return after

    def _header_at(self, position):
        return next(self.batches(position))[1]

    def no_batch(self, position):
        """The KafkaError for a place where a batch should begin."""
        name = file_name(self.base_offset, LOG, self._suffix)
        return KafkaError(errors.CORRUPT_MESSAGE, f"{name} holds no record batch at position {position}")

    def batch_bytes(self, position, header):
        size = header.batch_length + LOG_OVERHEAD
        buffer, at = self.file.view(position, size)
        return memoryview(buffer)[at : at + size]

    # -- by time ------------------------------------------------------------------------------

    def find_time(self, timestamp, start_offset):
        """(position, header) of the batches that may hold a record at or after `timestamp`."""
        index = bisect_left(self._times, timestamp) - 1
        position = 0
        if index >= 0:
            index = bisect_right(self._offsets, self._time_offsets[index]) - 1
            position = self._positions[index] if index >= 0 else 0
        for position, header in self.batches(position):
            if header.max_timestamp >= timestamp and header.base_offset + header.last_offset_delta >= start_offset:
                yield position, header

    # -- shortening ---------------------------------------------------------------------------

    def truncate(self, offset, index_interval):
        """Drop the batches that reach `offset`. From now on it is appended to."""
        position = self.position_of(offset)
        if position < self.file.size:
            self.file.truncate(position)
        try:
            if not isinstance(self._offsets, array):
                self._let_go()
                self.activate()
        except Corrupt:
            self.recover(index_interval)
            return
        entries = bisect_left(self._positions, position)
        del self._offsets[entries:], self._positions[entries:]
        entries = bisect_left(self._time_offsets, offset - self.base_offset)
        del self._times[entries:], self._time_offsets[entries:]
        self.max_timestamp = self._times[-1] if entries else NO_TIMESTAMP
        self.offset_of_max_timestamp = self.base_offset + (self._time_offsets[-1] if entries else 0)
        self.index_bytes = max((len(self._offsets) + 1) * OFFSET_ENTRY.size, (entries + 2) * TIME_ENTRY.size)
        if not position:
            self.first_timestamp = NO_TIMESTAMP
        self._since_entry, self._last_read, self.next_offset = 0, (self.base_offset, 0), self.base_offset
        for position, header in self.batches(self._positions[-1] if self._positions else 0):
            self.learn(position, header, index_interval)

    # -- side files ---------------------------------------------------------------------------

    def _side_file(self, kind):
        return self._files.open(file_name(self.base_offset, kind, self._suffix))

    def _load(self, kind):
        return self._files.load(file_name(self.base_offset, kind, self._suffix)) or b""

    def _side_kinds(self):
        there = set(self._files.names())
        return [kind for kind in SEGMENT_FILES[1:] if file_name(self.base_offset, kind, self._suffix) in there]

    def activate(self):
        """Make ready to be appended to: the indexes come into memory. Raises Corrupt."""
        offsets, positions = parse_offset_index(self._load(INDEX))
        times, time_offsets = parse_time_index(self._load(TIME_INDEX))
        self._offsets, self._positions, self._times, self._time_offsets = offsets, positions, times, time_offsets
        self.index_bytes = max((len(offsets) + 1) * OFFSET_ENTRY.size, (len(times) + 2) * TIME_ENTRY.size)
        self._since_entry = 0  # as in Kafka, which does not know either

    def seal(self, aborted):
        """No more will be appended (before `activate`): the indexes go to their files.

        `aborted`: the AbortedTransactions of the log; those whose marker is here go to its `.txnindex`.
        """
        self._add_time()
        if not self._files.lasting:
            return
        _write_all(self._side_file(INDEX), pack_offset_index(self._offsets, self._positions))
        _write_all(self._side_file(TIME_INDEX), pack_time_index(self._times, self._time_offsets))
        entries = b"".join(map(pack_aborted, aborted.ended_within(self.base_offset, self.next_offset)))
        if entries:
            _write_all(self._side_file(TXN_INDEX), entries)
        else:
            self._files.remove(file_name(self.base_offset, TXN_INDEX, self._suffix))
        del self._offsets, self._positions, self._times, self._time_offsets

    def aborted(self):
        """[(producer id, first offset, marker's offset, last stable offset)] of its transaction index; raises Corrupt."""
        return parse_aborted(self._load(TXN_INDEX))

    def syncs(self, sealed):
        """Functions that bring its files to disk, which block and may run in another thread."""
        functions = [self.file.sync]
        if sealed:
            for kind in SEGMENT_FILES[1:]:
                functions.append(partial(self._files.sync, file_name(self.base_offset, kind, self._suffix)))
        return functions

    def rename(self, suffix):
        """Give all its files another suffix, the `.log` first."""
        kinds, old, self._suffix = self._side_kinds(), self._suffix, suffix
        self._let_go()
        self.file.rename(file_name(self.base_offset, LOG, suffix))
        for kind in kinds:
            self._files.rename(file_name(self.base_offset, kind, old), file_name(self.base_offset, kind, suffix))

    def remove(self):
        """All its files go."""
        kinds = self._side_kinds()
        self.close()
        self.file.remove()
        for kind in kinds:
            self._files.remove(file_name(self.base_offset, kind, self._suffix))

    def close(self):
        """Let go of descriptors."""
        self._let_go()
        self.file.close()

    def _let_go(self):
        """Of index files that are open; they open again when somebody looks."""
        if self._index_files:
            for file in self._index_files:
                file.close()
            self._index_files = ()
            del self._offsets, self._positions, self._times, self._time_offsets


class _Column:
    """One field of the entries of an index file: a sequence for `bisect`, of which no more is read than it looks at."""

    __slots__ = ("_file", "_entry", "_field")

    def __init__(self, file, entry, field):
        self._file = file
        self._entry = entry
        self._field = field

    def __len__(self):
        return self._file.size // self._entry.size

    def __getitem__(self, index):
        entry = self._entry
        return entry.unpack_from(*self._file.view(index * entry.size, entry.size))[self._field]


def _write_all(file, data):
    file.truncate(0)
    file.append(b"", data)
    file.close()
