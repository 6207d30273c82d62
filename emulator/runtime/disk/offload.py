"""Syncing in threads of its own, while all else goes on.

The thread pool of gevent makes who gives it a task wait while all threads are busy, which neither an append nor a callback of the
loop may do; and its locks and greenlets take longer.
"""

from _queue import SimpleQueue
from functools import partial
from weakref import finalize

from gevent import get_hub
from gevent.monkey import get_original

from emulator.state.log.flush import run_here

_MOST = 4  # syncs of one disk get no faster by being many


class Offload:
    """The `offload` of a Flusher: `function()` in a thread, then `done(error or None)` in the event loop."""

    def __init__(self):
        self._tasks = SimpleQueue()
        self._threads = self._busy = 0

    def __call__(self, function, done):
        self._busy += 1
        if self._busy > self._threads < _MOST:
            self._threads += 1
            get_original("_thread", "start_new_thread")(_work, (self._tasks,))
            finalize(self, self._tasks.put, None)
        self._tasks.put((function, partial(get_hub().loop.run_callback_threadsafe, self._done, done)))

    def _done(self, done, error):
        self._busy -= 1
        done(error)


def _work(tasks):
    while (task := tasks.get()) is not None:
        run_here(*task)
        del task  # whoever waits for the next one keeps nobody
