"""One round of compaction over one log: of each key the last record stays, and stays where it is.

Offsets never change; a batch that keeps but some of its records keeps its base and last offset, its producer and
its leader epoch. Tombstones, and the markers of transactions of which nothing is left, stay for
delete.retention.ms from the first round that sees them as such (KIP-534). Aborted records go.
Source: org.apache.kafka.storage.internals.log.Cleaner and MemoryRecords.filterTo of Kafka 4.3.1.
"""

from functools import partial

from emulator.state.log.aborted import AbortedTransactions
from emulator.state.log.decided import Decided
from emulator.state.log.offset_map import OffsetMap, shorten
from wire.records import (
    CONTROL_FLAG, HEADER, HEADER_SIZE, LOG_OVERHEAD, TRANSACTIONAL_FLAG,
    BatchHeader, invalid, payload_of, read_header, recut, skim, skim_singles,
)  # fmt: skip

_WORK_A_SLICE = 500  # a record is 1, a batch some more: 0.5 ms or so
_OF_A_BATCH = 4  # and its kilobytes
_RECORDS_AT_ONCE = 250
_SMALLEST_WINDOW = 64 * 1024  # of what is read at once
_LARGE = 16 * 1024  # bytes of a compressed batch that are better left to a thread
_TOGETHER = 16 * 1024  # bytes of small batches that are written at once

_AS_IT_IS = object()  # what becomes of a batch


class Compaction:
    """`segments` of `log` are rewritten; those from the offset `first_dirty` on are new since the last round.

    `now` (ms) decides about tombstones. At most `most_keys` keys are told apart: what does not fit waits for
    the next round. `window`: how many bytes are read at once.
    """

    def __init__(self, log, segments, first_dirty, now, most_keys, window=_SMALLEST_WINDOW):
        self.log = log
        self.end_offset = first_dirty  # up to here the log is clean once the round is over
        self.bytes = 0  # read and written so far
        self.removed = 0  # records that have gone
        self._segments = segments
        self._cuts = log.cuts
        self._last_offset = segments[-1].next_offset - 1
        self._first_dirty = first_dirty
        self._now = now
        self._map = OffsetMap(most_keys)
        self._window = max(window, _SMALLEST_WINDOW)
        self._work = 0
        self._taken = 0

    def slices(self):
        """A generator: each step is a slice of the work. Segments that retention takes meanwhile stay gone.

        It yields None, or a function without arguments for any thread to call: its result is then to be sent, or it is
        called here. Raises KafkaError, OSError.
        """
        yield from self._read_keys()
        decided = Decided(self.log.aborted)
        for group in self._groups():
            if not (yield from self._rewrite(group, decided)):
                return  # the log was shortened meanwhile: another round will begin with what is left
        self.log.first_dirty_offset = self.end_offset

    # -- what is there --------------------------------------------------------------------------

    def _is_there(self, segment):
        return not self.log.closed and self._cuts == self.log.cuts and any(segment is one for one in self.log.segments)

    def _windows(self, segment):
        """The bytes of whole batches of a segment, some at a time, as long as that is part of the log.

        Before the next `self._taken` must say how many of them were taken.
        """
        position, size = 0, self._window
        while position < segment.size and self._is_there(segment):
            self._taken = 0
            for piece in segment.file.read(position, size):
                self._taken = 0
                yield bytes(piece)
                position += self._taken
                self.bytes += self._taken
                if self._taken < len(piece):
                    break  # within a batch: it is read again, whole
            size = self._window if self._taken else next(segment.batches(position))[1].size

    def _payload(self, header, data, at):
        """(bytes, start, end) of a batch's records, decompressed."""
        stop = at + header.size
        if not header.compression:
            return data, at + HEADER_SIZE, stop
        work = partial(payload_of, header, data[at:stop])
        payload = bytes((yield from self._elsewhere(work, stop - at)))
        return payload, 0, len(payload)

    def _elsewhere(self, work, size):
        """What `work()` gives; where it is much, a thread has called it."""
        if size < _LARGE:
            return work()
        work = partial(_attempt, work)
        value, error = (yield work) or work()
        if error is not None:
            raise error
        return value

    def _parts(self, header, payload, position, end):
        """What `skim` gives of the batch's records, some hundred at a time."""
        left = header.record_count
        while left > 0:
            part = skim(payload, position, min(left, _RECORDS_AT_ONCE), header.base_offset, shorten)
            left -= _RECORDS_AT_ONCE
            position = part[-1]
            if position > end or left <= 0 and position != end:
                raise invalid(f"the records of the batch at offset {header.base_offset} do not fill it")
            yield part

    # -- first, the keys ------------------------------------------------------------------------

    def _read_keys(self):
        first_dirty, keys_of = self._first_dirty, self._map
        dirty = [segment for segment in self._segments if segment.next_offset > first_dirty]
        decided = Decided(one for one in self.log.aborted if one.last_offset >= dirty[0].base_offset)
        for segment in dirty:
            for data in self._windows(segment):
                at = 0
                while (header := whole_batch(data, at)) is not None:
                    flags, count = header.attributes, header.record_count
                    following = at + header.batch_length + LOG_OVERHEAD
                    self._work += _OF_A_BATCH + (header.batch_length >> 10)
                    if flags & CONTROL_FLAG:
                        decided.marker(header, data, at)
                    elif flags & TRANSACTIONAL_FLAG and decided.batch(header) or not count or header.last_offset < first_dirty:
                        pass
                    elif keys_of.is_full(_RECORDS_AT_ONCE if count == 1 else count):
                        keys_of.end()
                        return
                    elif count == 1 and (singles := skim_singles(data, at, _RECORDS_AT_ONCE))[1]:
                        starts, offsets, keys, _ = singles
                        keys_of.put(keys, offsets, first_dirty)
                        following = starts[-1]
                        self._work += 2 * len(keys)
                        self.end_offset = offsets[-1] + 1
                    else:
                        payload, position, end = yield from self._payload(header, data, at)
                        for _, offsets, keys, _, _ in self._parts(header, payload, position, end):
                            keys_of.put(keys, offsets, first_dirty)
                            self._work += len(keys)
                            if self._work >= _WORK_A_SLICE:
                                self._work = 0
                                yield
                    self.end_offset = max(self.end_offset, header.last_offset + 1)
                    if self._work >= _WORK_A_SLICE:
                        self._work = 0
                        yield
                    self._taken = at = following
            self.end_offset = segment.next_offset
        keys_of.end()

    # -- then, the records ----------------------------------------------------------------------

    def _groups(self):
        """The segments in groups that together make one: compaction must not leave many small ones."""
        most_index = self.log.config.segment_index_bytes
        group, size, index = [], 0, 0
        for segment in self._segments:
            if segment.base_offset >= self.end_offset:
                break
            spans = segment.next_offset - group[0].base_offset if group else 0
            if group and (
                size + segment.size > self.log.segment_bytes or index + segment.index_bytes > most_index or spans > 1 << 31
            ):
                yield group
                group, size, index = [], 0, 0
            group.append(segment)
            size += segment.size
            index += segment.index_bytes
        if group:
            yield group

    def _rewrite(self, group, decided):
        """Whether one segment has taken the place of the `group`."""
        log = self.log
        cleaned = log.new_segment(group[0].base_offset, created_ms=group[-1].created_ms)
        output = _Output(cleaned, log.config.index_interval_bytes)
        for segment in group:
            for data in self._windows(segment):
                at = 0
                while (header := whole_batch(data, at)) is not None:
                    flags, count = header.attributes, header.record_count
                    following = at + header.batch_length + LOG_OVERHEAD
                    self._work += _OF_A_BATCH + (header.batch_length >> 10)
                    if flags & CONTROL_FLAG:
                        batch = self._rewrite_marker(header, data, at, decided.marker(header, data, at))
                    elif flags & TRANSACTIONAL_FLAG and decided.batch(header) or not count:
                        batch = self._emptied(header)
                        self.removed += count
                    elif count == 1 and (singles := skim_singles(data, at, _RECORDS_AT_ONCE))[1]:
                        following = self._rewrite_singles(data, singles, output)
                        batch = None
                    else:
                        batch = yield from self._rewrite_batch(header, data, at)
                    if batch is _AS_IT_IS:
                        output.add(header, data[at:following])
                    elif batch is not None:
                        output.add(read_header(batch), batch)
                    if self._work >= _WORK_A_SLICE:
                        self._work = 0
                        yield
                    self._taken = at = following
        output.flush()
        self.bytes += cleaned.size
        cleaned.next_offset = group[-1].next_offset
        yield from self._make_last(cleaned, set(decided.emptied))
        if not log.replace_segments(group, cleaned, self._cuts):
            return False
        for offset in decided.emptied:
            log.aborted.forget(offset)
        decided.emptied.clear()
        return True

    def _make_last(self, cleaned, emptied):
        """All of the new segment is on disk before it takes the place of others."""
        if not self.log.files.lasting:
            return
        aborted = AbortedTransactions()
        for one in self.log.aborted:
            if one.last_offset not in emptied:
                aborted.add(*one)
        cleaned.seal(aborted)
        for sync in cleaned.syncs(sealed=True):
            yield from self._elsewhere(sync, _LARGE)

    def _rewrite_singles(self, data, singles, output):
        """Write what stays of batches of one record; gives where the next batch begins."""
        starts, offsets, keys, nulls = singles
        self._work += 2 * len(keys)
        kept = self._staying(offsets, keys)
        self.removed += len(keys) - len(kept)
        candidates = kept
        if nulls or len(self.log.producers) or offsets[-1] >= self._last_offset:
            kept, nulls, candidates = set(kept), set(nulls), range(len(keys))  # some may have to be made anew
        for index in candidates:
            at, following = starts[index], starts[index + 1]
            header = read_header(data, at)
            batch = _AS_IT_IS
            if index not in kept:
                batch = self._emptied(header)
            elif index in nulls:
                part = [at + HEADER_SIZE], [offsets[index]], [keys[index]], [0], following
                spans, tombstones = self._sift(header, part)
                self.removed += not spans
                batch = _done(self._rebuilding(header, data, spans, tombstones))
            if batch is _AS_IT_IS:
                output.add(header, data[at:following])
            elif batch is not None:
                output.add(read_header(batch), batch)
        return starts[-1]

    def _rewrite_batch(self, header, data, at):
        """What stays of a batch of records, see `_rebuilding`."""
        payload, position, end = yield from self._payload(header, data, at)
        spans, tombstones = [], False
        for part in self._parts(header, payload, position, end):
            kept, nulls = self._sift(header, part)
            spans += kept
            tombstones = tombstones or nulls
            if self._work >= _WORK_A_SLICE:
                self._work = 0
                yield
        self.removed += header.record_count - len(spans)
        work = self._rebuilding(header, payload, spans, tombstones)
        return (yield from self._elsewhere(work, end - position)) if callable(work) and header.compression else _done(work)

    def _staying(self, offsets, keys):
        """The indexes of the records that stay, were there no tombstones."""
        kept, end_offset = self._map.latest(keys, offsets), self.end_offset
        if offsets[-1] >= end_offset:
            kept = sorted({*kept, *(index for index, offset in enumerate(offsets) if offset >= end_offset)})
        return kept

    def _sift(self, header, part):
        """([(start, end)] of the records that stay, whether there are tombstones among them) of what `skim` gave."""
        starts, offsets, keys, nulls, following = part
        kept = self._staying(offsets, keys)
        if nulls:
            horizon, end_offset = header.delete_horizon_ms, self.end_offset
            if horizon is not None and horizon <= self._now:
                gone = {index for index in nulls if offsets[index] < end_offset}
                kept = [index for index in kept if index not in gone]
            nulls = not set(nulls).isdisjoint(kept)
        self._work += len(keys) + len(kept)
        if not kept:
            return (), False
        starts.append(following)
        return [(starts[index], starts[index + 1]) for index in kept], bool(nulls)

    def _rebuilding(self, header, payload, spans, tombstones):
        """A batch of which the records in `spans` stay: _AS_IT_IS, None where nothing is left of it, or a function that
        makes it anew."""
        if not spans:
            return self._emptied(header)
        horizon = header.delete_horizon_ms
        if tombstones and horizon is None:
            horizon = self._now + self.log.config.delete_retention_ms
        elif len(spans) == header.record_count:
            return _AS_IT_IS
        return partial(recut, header, payload, spans, horizon)

    def _rewrite_marker(self, header, data, at, is_empty):
        """As `_rewrite_batch`, of a marker; `is_empty`: nothing is left of its transaction."""
        horizon = header.delete_horizon_ms
        if not is_empty:
            return _AS_IT_IS
        if horizon is not None:
            return _AS_IT_IS if self._now < horizon else self._emptied(header)
        if not header.record_count:
            return self._emptied(header)
        payload, stop = data, at + header.size
        horizon = self._now + self.log.config.delete_retention_ms
        return recut(header, payload, [(at + HEADER_SIZE, stop)], horizon)

    def _emptied(self, header):
        """A batch of nothing, or None where that is not needed.

        It tells how far the log goes, and to a producer that comes back, where it was.
        """
        stays = header.last_offset == self._last_offset
        producer = self.log.producers.get(header.producer_id) if header.has_producer_id else None
        if producer is not None:
            if producer.batches:
                stays = stays or producer.batches[-1][3] == header.last_offset
            else:
                stays = stays or header.is_control and header.producer_epoch == producer.producer_epoch
        return recut(header, b"", ()) if stays else None


def whole_batch(data, at):
    """The header of the batch at `at`, None where it is not wholly there. Raises BadBatch."""
    if len(data) - at < HEADER_SIZE:
        return None
    header = tuple.__new__(BatchHeader, HEADER.unpack_from(data, at))  # as _make, in half the time
    if header[1] < HEADER_SIZE - LOG_OVERHEAD:
        raise invalid(f"a batch of {header[1]} bytes at offset {header[0]}")
    return header if at + header[1] + LOG_OVERHEAD <= len(data) else None


def _done(work):
    return work() if callable(work) else work


class _Output:
    """Writes into a new segment, small batches together."""

    def __init__(self, segment, index_interval):
        self._segment = segment
        self._interval = index_interval
        self._pieces, self._headers, self._size = [], [], 0

    def add(self, header, batch):
        self._pieces.append(batch)
        self._headers.append(header)
        self._size += len(batch)
        if self._size >= _TOGETHER:
            self.flush()

    def flush(self):
        if not self._pieces:
            return
        segment = self._segment
        position = segment.file.append(b"", b"".join(self._pieces))
        for header in self._headers:
            segment.learn(position, header, self._interval)
            position += header.size
        self._pieces, self._headers, self._size = [], [], 0


def _attempt(work):
    """(what `work` gives, None) or (None, what it raised)."""
    try:
        return work(), None
    except Exception as error:
        return None, error
