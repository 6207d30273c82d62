"""How much memory the records of all partitions may take together (log.memory.max.bytes)."""

import logging
from collections import deque

log_ = logging.getLogger(__name__)


class Memory:
    """Counts what files in memory take, in bytes. `full`: as much as `limit` allows, so that nobody may write more.

    The log says so when it comes to that, and not again before a tenth has become free.
    """

    __slots__ = ("used", "limit", "full", "_told", "_kept", "_returned")

    def __init__(self, limit=float("inf")):
        self.used = 0
        self.limit = limit
        self.full = limit <= 0
        self._told = False
        self._kept = {}  # id of a buffer that files keep as it came -> how many do
        self._returned = deque()  # what loans have come back with

    def keep(self, buffer):
        """A file keeps a buffer: the replicas of a partition may all keep the same one, which is counted once."""
        times = self._kept.get(id(buffer), 0)
        self._kept[id(buffer)] = times + 1
        if not times:
            self.take(len(buffer))

    def let_go(self, buffer):
        """Of a buffer that was kept; when nobody keeps it any more it takes nothing."""
        times = self._kept.pop(id(buffer)) - 1
        if times:
            self._kept[id(buffer)] = times
        else:
            self.give(len(buffer))

    def give_chunk(self, chunk):
        """Of a file that is gone; a memoryview is of a buffer that was kept."""
        if isinstance(chunk, memoryview):
            self.let_go(chunk.obj)
        else:
            self.give(len(chunk))

    def settle(self):
        """Take back what loans have returned."""
        while self._returned:
            for chunk in self._returned.popleft():
                self.give_chunk(chunk)

    def take(self, size):
        if self._returned:
            self.settle()
        self.used += size
        if self.used >= self.limit and not self.full:
            self.full = True
            if not self._told:
                self._told = True
                log_.warning(
                    "Records take %d bytes of memory, and log.memory.max.bytes is %d: producers get KAFKA_STORAGE_ERROR "
                    "until retention, compaction or a deletion has freed some.", self.used, self.limit,
                )  # fmt: skip

    def give(self, size):
        self.used -= size
        if self.full and self.used < self.limit:
            self.full = False
        if self._told and self.used < self.limit * 0.9:
            self._told = False


class Loan:
    """Chunks that several files read, and none writes: they are counted until the last of these is gone, in whatever thread.

    `before`: the loan of what stands before them, None where nothing does.
    """

    __slots__ = ("_memory", "_chunks", "_before")

    def __init__(self, memory, chunks, before):
        self._memory = memory
        self._chunks = chunks
        self._before = before

    def __del__(self):
        self._memory._returned.append(self._chunks)


UNBOUNDED = Memory()
