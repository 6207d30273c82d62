"""Which offset of the target a source's offset is: runs of records that follow each other on both sides.

Source: org.apache.kafka.connect.mirror.OffsetSyncStore, which knows single offsets only, and is exact at those.
"""

from bisect import bisect_left, bisect_right

_MOST = 1000  # runs that are kept; of the older half every other is given up then
_MOST_TOLD = 20  # in what outlives the process


class OffsetMap:
    def __init__(self, runs=()):
        self._sources = [run[0] for run in runs]
        self._runs = [tuple(run) for run in runs]  # (first offset, first offset there, records)

    def add(self, source, target, count):
        """`count` records from `source` on are there from `target` on; none: what comes from `source` on comes there from `target` on."""
        if self._runs:
            first, there, known = self._runs[-1]
            if first + known == source and there + known == target:
                self._runs[-1] = first, there, known + count
                return
        self._sources.append(source)
        self._runs.append((source, target, count))
        if len(self._runs) > _MOST:
            half = _MOST // 2
            self._runs[:half] = self._runs[:half:2]
            self._sources[:half] = self._sources[:half:2]

    def cut(self, source):
        """Forget where what comes from `source` on is."""
        at = bisect_left(self._sources, source)
        del self._sources[at:], self._runs[at:]
        if self._runs:
            first, there, count = self._runs[-1]
            self._runs[-1] = first, there, min(count, source - first)

    def translate(self, offset):
        """Of a consumer that goes on at `offset`: where it goes on there; too early rather than too late, None where that is not known."""
        at = bisect_right(self._sources, offset) - 1
        if at < 0:
            return None
        first, there, count = self._runs[at]
        return there + min(offset - first, count)

    def told(self):
        """The last runs, for a commit's metadata."""
        return self._runs[-_MOST_TOLD:]

    @classmethod
    def read(cls, told):
        """From such metadata, of whatever; what is no run is no map."""
        runs = []
        for run in told if isinstance(told, list) else ():
            if not (isinstance(run, list) and len(run) == 3 and all(type(one) is int and 0 <= one < 1 << 63 for one in run)):
                return cls()
            if runs and runs[-1][0] >= run[0]:
                return cls()
            runs.append(run)
        return cls(runs)
