"""The queue's bound: bytes that were read and are not written yet, of all partitions together."""

from gevent.event import Event


class Room:
    def __init__(self, most):
        self.most = most
        self.used = 0
        self._free = Event()
        self._free.set()

    def take(self, size):
        self.used += size
        if self.used >= self.most:
            self._free.clear()

    def give(self, size):
        self.used -= size
        if self.used < self.most:
            self._free.set()

    def wait(self, timeout_s):
        """Whether there is some."""
        return self._free.wait(timeout_s)
