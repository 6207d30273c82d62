"""Time as state sees it: a clock to read, and one heap of deadlines that fire in order.

State modules never know which clock they run on. Two are injected:

`time`      stamps and expires: timestamps, retention, compaction lag and its rounds, sessions of members, transactions,
            transactional and producer ids, offsets, locks of share groups. It may stand still, and be advanced.
`patience`  serves: long polls, joins and syncs in progress, rebalance delays and intervals, revocations, markers sent
            again, idle connections, throttles, checkpoints on disk. It goes on, so that nobody hangs on a clock that stands.
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

    spared_ms = 0  # how far the advance goes that is under way and that connected clients are to survive

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

    def soon(self, action):
        """Call `action()`, a slice of longer work, after others have had a turn."""
        self.after(0, action)

    def next_turn(self, action):
        """Call `action()` as soon as what runs now is done."""
        self.at(self.now(), action)

    def spared(self, client):
        """By how much (ms) a session that is due now is to be prolonged.

        The client's own time does not jump with an advance: it could send no heartbeat. `client.is_open` says whether it
        is there; None is not.
        """
        return self.spared_ms if client is not None and client.is_open else 0

    def happened(self, what, count=1):
        """Told of each thing that only time brought about, by a plural noun such as "sessions expired"."""

    def clear(self):
        """Nothing that was scheduled happens any more."""
        for _, _, deadline in self._heap:
            deadline.action = None
        self._heap.clear()
        self._cancelled = 0

    def next_deadline(self):
        """When the earliest live deadline is due (ms), or None."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else None

    def run_due(self):
        """Fire every deadline that is due; what they schedule in turn may fire too."""
        while (due := self.next_deadline()) is not None and due <= self.now():
            self._fire_next()

    def _fire_next(self):
        deadline = heappop(self._heap)[2]
        action, deadline.action = deadline.action, None
        self._run(action)

    def _run(self, action):
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
    """Stands still until told: `advance(ms)` fires, in order, all that falls due on the way.

    `tally` counts what happened by it, {what: how often}.
    """

    def __init__(self, now=1_700_000_000_000):
        super().__init__()
        self._now = now
        self.tally = {}

    def now(self):
        return self._now

    def happened(self, what, count=1):
        if count:
            self.tally[what] = self.tally.get(what, 0) + count

    def advance(self, ms, expire_sessions=False):
        for _ in self.steps(ms, expire_sessions):
            pass

    def steps(self, ms, expire_sessions):
        """As `advance`, and yields after each deadline: others may have a turn there, but none of them may advance.

        Without `expire_sessions` those of clients that are connected survive, see `spared`.
        """
        end = self._now + ms
        self.spared_ms = 0 if expire_sessions else ms
        try:
            while (due := self.next_deadline()) is not None and due <= end:
                self._now = max(self._now, due)
                self._fire_next()
                yield
            self._now = end
        finally:
            self.spared_ms = 0
