"""Long work in slices, between which clients are served."""

import time

from gevent import get_hub, sleep

_SLICE_S = 0.003


def give_turn():
    """Let whoever has something to do, do it: the event loop looks at every socket once.

    `sleep(0)` would not: gevent looks at sockets again after fifty of those only.
    """
    nothing = get_hub().loop.idle()  # while there is such a watcher the loop looks without waiting
    nothing.start(lambda: None)
    try:
        sleep(1e-6)
    finally:
        nothing.close()


class Turns:
    """`over()` between any two steps of the work lets others have theirs, when it is time to."""

    def __init__(self):
        self._ends = time.monotonic() + _SLICE_S

    def over(self):
        if time.monotonic() > self._ends:
            give_turn()
            self._ends = time.monotonic() + _SLICE_S
