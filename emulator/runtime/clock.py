"""The clocks of a server: wall time for what is stamped and expires, monotonic time for what waits, and time by hand."""

import logging
import time
from contextlib import contextmanager

from gevent import get_hub
from gevent.lock import BoundedSemaphore

from emulator.runtime.turns import Turns, give_turn
from emulator.state.clock import Clock, VirtualClock

log = logging.getLogger(__name__)

_LONGEST_TIMER_S = 60.0  # wall time may be set while we sleep; look again at least this often
LATEST_MS = 253_402_300_799_999  # the last of the year 9999, where dates end in most languages


class SystemClock(Clock):
    """A Clock whose deadlines hang on one timer of the event loop; `now` gives milliseconds."""

    def __init__(self, now):
        super().__init__()
        self.now = now
        self._timer = None
        self._armed_for = None
        self._slices = []  # actions that wait for their turn
        self._turn = None

    def soon(self, action):
        """Once the event loop has looked at every socket; a pause, however short, would double the time of long work."""
        if not self._slices:
            if self._turn is None:
                self._turn = get_hub().loop.timer(0)
            self._turn.start(self._run_slices)
        self._slices.append(action)

    def _run_slices(self):
        slices, self._slices = self._slices, []
        try:
            while slices:
                self._run(slices.pop(0))
        finally:
            for action in slices:  # one before them has failed
                self.soon(action)

    def clear(self):
        super().clear()
        self._slices.clear()

    def next_turn(self, action):
        get_hub().loop.run_callback(action)

    def _earliest_changed(self, when):
        if self._armed_for is None or when < self._armed_for:
            self._arm(when)

    def _arm(self, when):
        if self._timer is not None:
            self._timer.close()
        self._armed_for = when
        delay = min(max((when - self.now()) / 1000, 0.0), _LONGEST_TIMER_S)
        self._timer = get_hub().loop.timer(delay)
        self._timer.start(self._fire)

    def _fire(self):
        self._armed_for = None
        try:
            self.run_due()
        finally:
            if (when := self.next_deadline()) is not None:
                self._arm(when)

    def close(self):
        for timer in (self._timer, self._turn):
            if timer is not None:
                timer.close()
        self._timer = self._turn = None


class ManualClock(VirtualClock):
    """Time in the user's hand, while real clients are served: it stands until `advance` is called (by a greenlet).

    `on_advance` is called with the time that was reached.
    """

    def __init__(self, now=None):
        super().__init__(wall_ms() if now is None else now)
        self.on_advance = []
        self._is_told = now is not None
        self._turn = BoundedSemaphore(1)
        self._advancing = False
        self._waking = None
        self._closed = False

    def advance(self, ms, expire_sessions=False):
        """Let `ms` pass: all that would have happened by then happens, in order, before this returns what: {what: how often}.

        Clients are served meanwhile, in the time that has been reached. Raises ValueError for a time that cannot be.
        """
        if ms < 0:
            raise ValueError("time does not go back")
        with self._turn:
            give_turn()  # who has just hung up is not connected any more
            if self._now + ms > LATEST_MS:
                raise ValueError("time ends with the year 9999")
            self._advancing, self.tally = True, {}
            try:
                turns = Turns()
                for _ in self.steps(ms, expire_sessions):
                    if self._closed:
                        break
                    turns.over()
                return self.tally
            finally:
                self._advancing = False
                for reached in self.on_advance:
                    reached(self._now)
                self._wake_if_due()

    @contextmanager
    def still(self):
        """Nobody advances meanwhile."""
        with self._turn:
            yield

    def set(self, now):
        """To any time, when nothing hangs on it."""
        self._now = now

    def go_on_from(self, now):
        """Stand where the clock stood before a restart, or later if it was told to start later; nothing hangs on it yet."""
        self._now = max(self._now, now) if self._is_told else now

    def _earliest_changed(self, when):
        """What is due at once need not wait for an advance."""
        if when <= self._now and not self._advancing and self._waking is None:
            self._waking = get_hub().loop.run_callback(self._wake)

    def _wake_if_due(self):
        if (when := self.next_deadline()) is not None:
            self._earliest_changed(when)

    def _wake(self):
        self._waking = None
        if not self._advancing and (due := self.next_deadline()) is not None and due <= self._now:
            self._fire_next()
            self._wake_if_due()

    def _run(self, action):
        try:
            action()
        except Exception:  # the rest of what is due must happen all the same
            log.exception("a deadline failed")

    def close(self):
        self._closed = True
        if self._waking is not None:
            self._waking.stop()


def wall_ms():
    return time.time_ns() // 1_000_000


def wall_clock():
    time_ns = time.time_ns
    return SystemClock(lambda: time_ns() // 1_000_000)


def monotonic_clock():
    """Starts at wall time, for readable deadlines, and never jumps after that."""
    monotonic_ns = time.monotonic_ns
    offset = time.time_ns() - monotonic_ns()
    return SystemClock(lambda: (monotonic_ns() + offset) // 1_000_000)
