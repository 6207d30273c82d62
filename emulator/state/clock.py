"""Time as state sees it: a clock to read, and one heap of deadlines that fire in order.

State modules never know which clock they run on. Two are injected: `time` stamps and expires
(timestamps, retention, sessions), `patience` serves (long polls, joins in progress).
"""

from heapq import heapify, heappop, heappush


class Deadline:
    """One scheduled action; `cancel()` makes sure that it never runs (again)."""

    __slots__ = ("at", "action", "_clock")

    def __init__(self, at, action, clock):
        self.at = at
        self.action = action
        self._clock = clock

    def cancel(self):
        if self.action is not None:
            self.action = None
            self._clock._forget()

    @property
    def pending(self):
        return self.action is not None


class Clock:
    """Milliseconds since the epoch and the deadlines that hang on them.

    Subclasses say what `now()` is and who calls `run_due()`; equal deadlines fire in the
    order in which they were made.
    """

    def __init__(self):
        self._heap = []
        self._made = 0
        self._cancelled = 0

    def now(self):
        raise NotImplementedError

    def at(self, when, action):
        """Call `action()` once `now()` has reached `when` (ms)."""
        deadline = Deadline(when, action, self)
        self._made += 1
        heappush(self._heap, (when, self._made, deadline))
        if self._heap[0][2] is deadline:
            self._earliest_changed(when)
        return deadline

    def after(self, delay_ms, action):
        return self.at(self.now() + delay_ms, action)

    def next_deadline(self):
        """When the earliest live deadline is due (ms), or None."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else None

    def run_due(self):
        """Fire every deadline that is due; what they schedule in turn may fire too."""
        heap = self._heap
        while heap and heap[0][0] <= self.now():
            deadline = heappop(heap)[2]
            action, deadline.action = deadline.action, None
            if action is None:
                self._cancelled -= 1
            else:
                action()

    def _forget(self):
        # A heartbeat replaces its session's deadline: without this sweep the dead ones would
        # pile up for as long as the session time-out, however fast a client sends.
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled * 2 > len(self._heap):
            self._heap[:] = [entry for entry in self._heap if entry[2].action is not None]
            heapify(self._heap)
            self._cancelled = 0

    def _earliest_changed(self, when):
        """For a clock that must arm a real timer."""


class VirtualClock(Clock):
    """Stands still until told: `advance(ms)` fires, in order, all that falls due on the way."""

    def __init__(self, now=1_700_000_000_000):
        super().__init__()
        self._now = now

    def now(self):
        return self._now

    def advance(self, ms):
        end = self._now + ms
        while (due := self.next_deadline()) is not None and due <= end:
            self._now = max(self._now, due)
            self.run_due()
        self._now = end
