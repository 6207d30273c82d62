"""Syncing in threads of its own, while all else goes on."""

from functools import partial

from gevent import get_hub
from gevent.threadpool import ThreadPool

from emulator.state.log.flush import run_here

_MOST = 4  # syncs of one disk get no faster by being many


class Offload:
    """The `offload` of a Flusher: `function()` in a thread, then `done(error or None)` in the event loop."""

    def __init__(self):
        self._pool = None

    def __call__(self, function, done):
        if self._pool is None:
            self._pool = ThreadPool(_MOST)
        self._pool.spawn(run_here, function, partial(get_hub().loop.run_callback_threadsafe, done))
