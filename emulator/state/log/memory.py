"""How much memory the records of all partitions may take together (log.memory.max.bytes)."""

import logging

log_ = logging.getLogger(__name__)


class Memory:
    """Counts what files in memory take, in bytes. `full`: as much as `limit` allows, so that nobody may write more.

    The log says so when it comes to that, and not again before a tenth has become free.
    """

    __slots__ = ("used", "limit", "full", "_told", "_kept")

    def __init__(self, limit=float("inf")):
        self.used = 0
        self.limit = limit
        self.full = limit <= 0
        self._told = False
        self._kept = {}  # id of a buffer that files keep as it came -> how many do

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

    def take(self, size):
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


UNBOUNDED = Memory()
