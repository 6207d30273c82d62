"""Long work in slices, between which clients are served."""

import time

from gevent import sleep

_SLICE_S = 0.003


class Turns:
    """`over()` between any two steps of the work lets others have theirs, when it is time to."""

    def __init__(self):
        self._ends = time.monotonic() + _SLICE_S

    def over(self):
        if time.monotonic() > self._ends:
            sleep(0)
            self._ends = time.monotonic() + _SLICE_S
