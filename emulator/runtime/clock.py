"""The real clocks: wall time for what is stamped and expires, monotonic time for what waits."""

import time

from gevent import get_hub

from emulator.state.clock import Clock

_LONGEST_TIMER_S = 60.0  # wall time may be set while we sleep; look again at least this often


class SystemClock(Clock):
    """A Clock whose deadlines hang on one timer of the event loop; `now` gives milliseconds."""

    def __init__(self, now):
        super().__init__()
        self.now = now
        self._timer = None
        self._armed_for = None

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
        if self._timer is not None:
            self._timer.close()
            self._timer = None


def wall_clock():
    time_ns = time.time_ns
    return SystemClock(lambda: time_ns() // 1_000_000)


def monotonic_clock():
    """Starts at wall time, for readable deadlines, and never jumps after that."""
    monotonic_ns = time.monotonic_ns
    offset = time.time_ns() - monotonic_ns()
    return SystemClock(lambda: (monotonic_ns() + offset) // 1_000_000)
