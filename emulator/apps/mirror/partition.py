"""One partition that is copied: where it is read, what waits to be written, what has been."""

from collections import deque

from emulator.apps.mirror.batches import halves, is_small, merged
from emulator.apps.mirror.marks import Mark
from emulator.apps.mirror.offset_map import OffsetMap
from wire.records import BadBatch

IN_FLIGHT = 5  # batches of one producer that a broker tells apart: max.in.flight.requests.per.connection
_MOST_MERGED = 128 * 1024  # bytes of small batches that are written as one


class Waiting:
    """A batch on its way. `runs`: [(offset of its first record or None, records, what follows them at the source)]."""

    __slots__ = ("data", "count", "runs", "size", "parts", "sequence", "is_done")

    def __init__(self, data, count, runs, parts=()):
        self.data, self.count, self.runs, self.parts = data, count, runs, parts
        self.size = sum(one.size for one in parts) or len(data)
        self.sequence = None
        self.is_done = False

    @property
    def next_offset(self):
        return self.runs[-1][2]

    def extend(self, next_offset):
        """What follows is no record, up to there."""
        offset, count, _ = self.runs[-1]
        self.runs[-1] = offset, count, next_offset


class Partition:
    """`position`: the next offset to be read; `room`: what all partitions' batches take; `topic_id`: of the source's topic, "" if not known."""

    def __init__(self, topic, index, there, position, offsets, room, topic_id=""):
        self.topic, self.index, self.there, self.topic_id = topic, index, there, topic_id
        self.position = self.done = position  # read, and written
        self.end = None  # of the source's partition, as last seen
        self.offsets = offsets  # an OffsetMap
        self.committed = None  # what is known to be kept as `done`
        self.records = self.bytes = 0  # copied in this run
        self._kept = position, 0, 0  # done, records and bytes when the last transaction ended
        self.is_cleared = False  # known not to come from the target: it may be written
        self.is_open = True  # what was not begun may be
        self.failed = None  # why it is not copied any more
        self.waiting_bytes = 0
        self.in_flight = 0
        self.sender = None  # whose those are
        self.trouble = None  # the first error of those in flight
        self.not_before = 0.0
        self.producer = None  # (id, epoch)
        self._next_sequence = 0
        self._pending = deque()
        self._sent = 0  # of them
        self._merges = True
        self._room = room

    @property
    def name(self):
        return f"{self.topic}-{self.index}"

    @property
    def lag(self):
        return 0 if self.end is None else max(self.end - self.done, 0)

    @property
    def is_idle(self):
        return not self._pending

    @property
    def is_settled(self):
        """Whether all that was begun is written."""
        return not self.in_flight and not (self._pending and self._pending[0].sequence is not None)

    # -- what was read -----------------------------------------------------------------------------

    def put(self, piece):
        self.position = piece.next_offset
        if piece.data is None:
            if not self._pending:
                self.done = piece.next_offset
            else:
                self._pending[-1].extend(piece.next_offset)
            return
        self._pending.append(Waiting(piece.data, piece.count, [(piece.offset, piece.count, piece.next_offset)]))
        self._grow(len(piece.data))

    def _grow(self, size):
        self.waiting_bytes += size
        if size > 0:
            self._room.take(size)
        else:
            self._room.give(-size)

    def skip_to(self, position):
        """What was before that has gone from the source."""
        self.position = self.done = position
        self._kept = position, self.records, self.bytes
        self.committed = None

    def restart(self, position, topic_id):
        """The source's topic is another one."""
        self.skip_to(position)
        self.offsets = OffsetMap()
        self.topic_id = topic_id

    # -- what is written ---------------------------------------------------------------------------

    def written_by(self, producer):
        """`producer`: (id, epoch). One that is new begins its sequence, with all that is not written."""
        if producer != self.producer:
            self.producer, self._next_sequence = producer, 0
            for waiting in self._pending:
                waiting.sequence = None

    def next(self):
        """The next Waiting to be sent, None where there is none now."""
        if not self.is_cleared or self.trouble is not None or self.in_flight >= IN_FLIGHT or self._sent >= len(self._pending):
            return None
        waiting = self._pending[self._sent]
        if waiting.sequence is None:
            if not self.is_open:
                return None
            if self._merges and is_small(waiting.data):
                waiting = self._merge()
            waiting.sequence = self._next_sequence
            self._next_sequence = (self._next_sequence + waiting.count) & 0x7FFFFFFF
        return waiting

    def _merge(self):
        """The next one, together with those behind it that are as small."""
        pending = self._pending
        begun = [pending.popleft() for _ in range(self._sent)]
        parts, size = [pending.popleft()], 0
        while pending and size < _MOST_MERGED and is_small(pending[0].data):
            size += pending[0].size
            parts.append(pending.popleft())
        one = parts[0]
        if len(parts) > 1:
            one = Waiting(merged([each.data for each in parts]), sum(each.count for each in parts), [run for each in parts for run in each.runs], parts)
        pending.appendleft(one)
        pending.extendleft(reversed(begun))
        return one

    def split(self):
        """Whether what was refused as too large can be written in parts."""
        first = self._pending[0] if self._pending else None
        parts = [] if first is None else first.parts or self._halves(first)
        if not parts:
            return False
        self._merges = False
        self._next_sequence = first.sequence
        self._pending.popleft()
        self._pending.extendleft(reversed(parts))
        self._grow(sum(one.size for one in parts) - first.size)
        for waiting in self._pending:
            waiting.sequence = None
        return True

    def _halves(self, waiting):
        """The producer's batches were larger than the target takes; its records may fit. Where each is at the source must be known."""
        [(offset, count, next_offset)] = waiting.runs
        if count < 2 or offset is None:
            return []
        try:
            (one, first), (other, second) = halves(waiting.data)
        except BadBatch:
            return []
        return [Waiting(one, first, [(offset, first, offset + first)]), Waiting(other, second, [(offset + first, second, next_offset)])]

    def sent(self, sender):
        self._sent += 1
        self.in_flight += 1
        self.sender = sender

    def answered(self, waiting, error, base_offset=-1):
        """`error`: a code, or None. Gives whether nothing is in flight any more after trouble."""
        self.in_flight -= 1
        if error is None:
            waiting.is_done = True
            if base_offset >= 0:
                self._learn(waiting, base_offset)
            while self._pending and self._pending[0].is_done:
                first = self._pending.popleft()
                self._sent -= 1
                self._release(first)
                self.done = first.next_offset
                self.records += first.count
                self.bytes += len(first.data)
        elif self.trouble is None:
            self.trouble = error
        return self.trouble is not None and not self.in_flight

    def _learn(self, waiting, there):
        for offset, count, next_offset in waiting.runs:
            if offset is not None:
                self.offsets.add(offset, there, count)
            there += count
            if offset is None or offset + count != next_offset:
                self.offsets.add(next_offset, there, 0)

    def again(self, anew=False):
        """Send what is not written once more; `anew`: as another producer."""
        self.trouble, self._sent = None, 0
        if anew:
            self.producer = None

    def drop(self):
        """What waits is not written."""
        while self._pending:
            self._release(self._pending.popleft())
        self._sent = 0

    def _release(self, waiting):
        self.waiting_bytes -= waiting.size
        self._room.give(waiting.size)

    # -- how far it is -----------------------------------------------------------------------------

    def mark(self):
        return Mark(self.there, self.index, self.done, self.offsets.told(), self.topic_id)

    def keep(self, mark):
        """That is how far it is known to be."""
        self.committed = mark.offset
        self._kept = mark.offset, self.records, self.bytes

    def rewind(self):
        """Back to what is kept: what was written since is not there."""
        self.drop()
        self.trouble = None
        self.done, self.records, self.bytes = self._kept
        self.position = self.done
        self.offsets.cut(self.done)
