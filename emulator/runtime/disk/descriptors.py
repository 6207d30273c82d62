"""Open file descriptors, of which a process may have only so many: thousands of partitions share them."""

from collections import deque
from threading import Lock

from emulator.runtime.machine import most_descriptors

_MOST = 4096
_RESERVED = 256  # for sockets, at the least


class Descriptors:
    """Who opens a file one too many closes another that was not used lately.

    `limit`: how many stay open; by default half of what the process may have, once that has been raised as far as it goes.
    """

    def __init__(self, limit=None):
        self.limit = limit or _default_limit()
        self.lock = Lock()  # a thread that syncs must not find its descriptor closed, or of another file
        self._open = deque()

    def opened(self, file):
        """`file` (with `descriptor`, `used` and `release()`) has been opened."""
        queue = self._open
        queue.append(file)
        while len(queue) > self.limit:
            oldest = queue.popleft()
            if oldest.descriptor is None:
                continue
            if oldest.used or oldest is file:
                oldest.used = False  # a second chance
                queue.append(oldest)
            else:
                oldest.release()

    def closed(self, file):
        try:
            self._open.remove(file)
        except ValueError:
            pass


def _default_limit():
    return max(16, min(_MOST, (most_descriptors() - _RESERVED) // 2))
