"""Bytes from one socket to another without coming here: through a pipe, by splice(2) of Linux, which moves pages and copies nothing.

A pipe is lent to a flow while it has bytes in it; who is not slow gives it back before anybody else asks.
"""

import fcntl
import os

_SIZE = 1024 * 1024  # bytes of a pipe: as much as one that is no superuser may ask for
_SPARE = 8  # pipes that are kept though nobody uses them


class Pipe:
    def __init__(self):
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            fcntl.fcntl(self._write, fcntl.F_SETPIPE_SZ, _SIZE)
        except OSError:  # somebody has many: the usual size will do
            pass

    def fill(self, source, most):
        """How many bytes came from a socket, 0 at its end. Raises BlockingIOError."""
        return os.splice(source.fileno(), self._write, min(most, _SIZE), flags=_FLAGS)

    def drain(self, sink, count):
        """How many of `count` bytes a socket took. Raises BlockingIOError."""
        return os.splice(self._read, sink.fileno(), count, flags=_FLAGS)

    def close(self):
        os.close(self._read)
        os.close(self._write)


class Pipes:
    """Those that nobody uses."""

    def __init__(self):
        self._spare = []

    def take(self):
        return self._spare.pop() if self._spare else Pipe()

    def give(self, pipe):
        """`pipe` is empty."""
        if len(self._spare) < _SPARE:
            self._spare.append(pipe)
        else:
            pipe.close()

    def close(self):
        while self._spare:
            self._spare.pop().close()


try:
    _FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
except AttributeError:  # not Linux


    def pipes():
        return None
else:
    pipes = Pipes
