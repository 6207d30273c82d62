"""A thread that waits for the disk, so that the event loop need not; one job after another.

The thread pool of gevent does as much, with locks and a greenlet for each job: a tenth of a synchronous write's time.
"""

from _queue import SimpleQueue
from collections import deque

from gevent import get_hub
from gevent.monkey import get_original


class DiskThread:
    def __init__(self):
        self._jobs = SimpleQueue()
        self._done = deque()
        self._wakes = get_hub().loop.async_()
        self._wakes.start(self._finished)
        self._working = get_original("_thread", "allocate_lock")()
        self._working.acquire()
        get_original("_thread", "start_new_thread")(self._work, ())

    def run(self, act, then):
        """`act()` there; afterwards `then(what it gave)` on the loop, in the order of the calls. `act` raises nothing."""
        self._jobs.put((act, then))

    def close(self):
        """Once all jobs are done; nobody hears of them any more. Waits for them."""
        self._wakes.close()
        self._wakes = None
        self._jobs.put(None)
        self._working.acquire()

    def _work(self):
        while True:
            job = self._jobs.get()
            if job is None:
                return self._working.release()
            act, then = job
            self._done.append((then, act()))
            wakes = self._wakes
            if wakes is not None:
                wakes.send()

    def _finished(self):
        try:
            while self._done:
                then, result = self._done.popleft()
                then(result)
        finally:
            if self._done and self._wakes is not None:
                self._wakes.send()  # one has failed: the others have their turn
