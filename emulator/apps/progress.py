"""How far a long start has come: one line that changes on a terminal, a plain line now and then elsewhere."""

import sys
import time

_EVERY_S = {True: 0.1, False: 5.0}  # by whether it is a terminal


class Recovery:
    """`progress` of a LogManager: nothing is said of what takes but a moment."""

    def __init__(self, stream=None, clock=time.monotonic):
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._terminal = self._stream.isatty()
        self._next = clock() + _EVERY_S[self._terminal]
        self._shown = 0

    def __call__(self, done, total, done_bytes, total_bytes):
        now = self._clock()
        if self._terminal and done == total and self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()
            self._shown = 0
        elif now >= self._next and done < total:
            self._next = now + _EVERY_S[self._terminal]
            text = f"recovering: {done} of {total} partitions, {_size(done_bytes)} of {_size(total_bytes)}"
            if self._terminal:
                self._stream.write("\r" + text.ljust(self._shown))
                self._shown = len(text)
            else:
                self._stream.write(text + "\n")
            self._stream.flush()


def _size(count):
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit in ("bytes", "kB") else f"{count:.1f} {unit}"
        count /= 1000
