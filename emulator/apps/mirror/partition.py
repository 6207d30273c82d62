"""One partition that is copied: where it is read, what waits to be written, what has been."""

from collections import deque

IN_FLIGHT = 5  # batches of one producer that a broker tells apart: max.in.flight.requests.per.connection


class Waiting:
    """A batch on its way."""

    __slots__ = ("data", "count", "offset", "next_offset", "sequence", "is_done")

    def __init__(self, data, count, offset, next_offset):
        self.data, self.count, self.offset, self.next_offset = data, count, offset, next_offset
        self.sequence = None
        self.is_done = False


class Partition:
    """`position`: the next offset to be read; `room`: what all partitions' batches take."""

    def __init__(self, topic, index, there, position, offsets, room):
        self.topic, self.index, self.there = topic, index, there
        self.position = self.done = position  # read, and written
        self.end = None  # of the source's partition, as last seen
        self.offsets = offsets  # an OffsetMap
        self.committed = None  # what is known to be kept as `done`
        self.records = self.bytes = 0  # copied in this run
        self.is_cleared = False  # known not to come from the target: it may be written
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

    # -- what was read -----------------------------------------------------------------------------

    def put(self, piece):
        self.position = piece.next_offset
        if piece.data is None:
            if not self._pending:
                self.done = piece.next_offset
            else:
                self._pending[-1].next_offset = piece.next_offset  # it is behind that
            return
        self._pending.append(Waiting(piece.data, piece.count, piece.offset, piece.next_offset))
        self.waiting_bytes += len(piece.data)
        self._room.take(len(piece.data))

    # -- what is written ---------------------------------------------------------------------------

    def next(self):
        """The next Waiting to be sent, None where there is none now."""
        if not self.is_cleared or self.trouble is not None or self.in_flight >= IN_FLIGHT or self._sent >= len(self._pending):
            return None
        waiting = self._pending[self._sent]
        if waiting.sequence is None:
            waiting.sequence = self._next_sequence
            self._next_sequence = (self._next_sequence + waiting.count) & 0x7FFFFFFF
        return waiting

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

    def _learn(self, waiting, base_offset):
        end = base_offset + waiting.count
        if waiting.offset is not None:
            self.offsets.add(waiting.offset, base_offset, waiting.count)
        if waiting.offset is None or waiting.offset + waiting.count != waiting.next_offset:
            self.offsets.add(waiting.next_offset, end, 0)

    def again(self, anew=False):
        """Send what is not written once more; `anew`: as another producer."""
        self.trouble, self._sent = None, 0
        if anew:
            self.producer, self._next_sequence = None, 0
            for waiting in self._pending:
                waiting.sequence = None

    def fail(self, why):
        self.failed = why
        while self._pending:
            self._release(self._pending.popleft())
        self._sent = 0

    def _release(self, waiting):
        self.waiting_bytes -= len(waiting.data)
        self._room.give(len(waiting.data))
