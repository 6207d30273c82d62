"""A thread with an event loop of its own, so that a server runs beside blocking or asyncio code of the same process.

Nothing of the process is patched. Where gevent has patched `threading` already, the thread is a real one all the same,
and who waits for it lets other greenlets run.
"""

import threading
from collections import deque

from gevent import Greenlet, GreenletExit, get_hub, killall
from gevent.event import Event
from gevent.monkey import get_original, is_module_patched

_allocate_lock, _get_ident = get_original("_thread", ["allocate_lock", "get_ident"])


class Stopped(RuntimeError):
    """What was asked for is not done: the thread has ended."""


class _Outcome:
    """What a call came to, for the thread that waits for it."""

    def __init__(self):
        self._lock = _allocate_lock()
        self._lock.acquire()
        self._value = self._error = None

    def set(self, value=None, error=None):
        self._value, self._error = value, error
        self._lock.release()

    def wait(self):
        if is_module_patched("threading"):
            get_hub().threadpool.apply(self._lock.acquire)
        else:
            self._lock.acquire()
        self._lock.release()
        if self._error is not None:
            raise self._error
        return self._value


class LoopThread:
    """`start()`, then `call` what is to run there, then `stop()`; all three from any other thread."""

    def __init__(self, name):
        self.name = name
        self._guard = _allocate_lock()
        self._runs = False
        self._asked = deque()
        self._greenlets = set()
        self._over = _Outcome()
        self._thread = self._ident = None

    def start(self):
        ready = _Outcome()
        if is_module_patched("threading"):
            get_original("_thread", "start_new_thread")(self._serve, (ready,))
        else:
            self._thread = threading.Thread(target=self._serve, args=(ready,), name=self.name, daemon=True)
            self._thread.start()
        ready.wait()

    def call(self, function, *arguments):
        """`function(*arguments)` in a greenlet there: its value, or what it raises. Stopped when the thread has ended."""
        if _get_ident() == self._ident:
            return function(*arguments)
        outcome = _Outcome()
        with self._guard:
            if not self._runs:
                raise Stopped(f"{self.name} does not run")
            self._asked.append((outcome, function, arguments))
            self._knock.send()
        return outcome.wait()

    def stop(self):
        """End the loop; calls under way raise Stopped. Returns once nothing of it is left."""
        with self._guard:
            if self._runs:
                self._asked.append((_Outcome(), self._end.set, ()))
                self._knock.send()
        self._over.wait()
        if self._thread is not None:
            self._thread.join()

    # -- in the thread -----------------------------------------------------------------------------

    def _serve(self, ready):
        try:
            self._ident, self._hub = _get_ident(), get_hub()
            self._end = Event()
            self._knock = self._hub.loop.async_()
            self._knock.start(self._answer_all)
            self._runs = True
        except BaseException as error:
            ready.set(error=error)
            self._over.set()
            raise
        ready.set()
        try:
            self._end.wait()
            with self._guard:
                self._runs = False
            killall(list(self._greenlets))
            for outcome, _, _ in self._asked:
                outcome.set(error=Stopped(f"{self.name} has ended"))
        finally:
            self._knock.close()
            hub, over = self._hub, self._over
            self._hub = self._ident = None
            # gevent loses the exception that ends a hub, and with it the frames that it came through: nothing may hang on these.
            del self, ready
            hub.destroy(destroy_loop=True)
            vars(hub).clear()
            over.set()
            del hub, over

    def _answer_all(self):
        while self._asked:
            greenlet = Greenlet(self._answer, *self._asked.popleft())
            self._greenlets.add(greenlet)
            greenlet.link(self._greenlets.discard)
            greenlet.start()

    def _answer(self, outcome, function, arguments):
        try:
            outcome.set(function(*arguments))
        except GreenletExit:
            outcome.set(error=Stopped(f"{self.name} has ended"))
        except BaseException as error:  # whoever asked is to know
            outcome.set(error=error)
