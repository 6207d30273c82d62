"""Time as state sees it: a clock to read, and one heap of deadlines that fire in order.

State modules never know which clock they run on. Two are injected: `time` stamps and expires
(timestamps, retention, sessions), `patience` serves (long polls, joins in progress).
"""

from heapq import heappop, heappush


class Deadline:
    """One scheduled action; `cancel()` makes sure that it never runs (again)."""

    __slots__ = ("at", "action")

    def __init__(self, at, action):
        self.at = at
        self.action = action

    def cancel(self):
        self.action = None

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

    def now(self):
        raise NotImplementedError

    def at(self, when, action):
        """Call `action()` once `now()` has reached `when` (ms)."""
        deadline = Deadline(when, action)
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
        return heap[0][0] if heap else None

    def run_due(self):
        """Fire every deadline that is due; what they schedule in turn may fire too."""
        heap = self._heap
        while heap and heap[0][0] <= self.now():
            deadline = heappop(heap)[2]
            action, deadline.action = deadline.action, None
            if action is not None:
                action()

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
