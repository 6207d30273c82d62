"""What a client has used lately: bytes in windows, or tokens of a bucket.

Source: org.apache.kafka.common.metrics.stats.{Rate, SampledStat, TokenBucket}, org.apache.kafka.server.quota.QuotaUtils.
Times are milliseconds; limits are by second.
"""

from math import floor, isfinite

_LONGEST = 2**31 - 1  # an int32 of milliseconds


def milliseconds(value):
    """`value` as Java rounds it to an int."""
    if not isfinite(value):
        return _LONGEST if value > 0 else 0
    return min(floor(value + 0.5), _LONGEST)


class _Sample:
    __slots__ = ("start", "last", "value")

    def __init__(self, now):
        self.reset(now)

    def reset(self, now):
        self.start = self.last = now
        self.value = 0.0


class Rate:
    """A sum over the last `samples` windows of `window_ms`, the current one included, by second."""

    __slots__ = ("samples", "window_ms", "limit", "_ring", "_current")

    def __init__(self, samples, window_ms, limit):
        self.samples = samples
        self.window_ms = window_ms
        self.limit = limit
        self._ring = []
        self._current = 0

    def record(self, value, now):
        ring = self._ring
        if not ring:
            ring.append(_Sample(now))
        sample = ring[self._current]
        if now - sample.start >= self.window_ms:
            sample = self._advance(now)
        sample.value += value
        sample.last = now

    def _advance(self, now):
        # One more than the samples: the oldest may still overlap the time that is looked at.
        self._current = (self._current + 1) % (self.samples + 1)
        if self._current == len(self._ring):
            self._ring.append(_Sample(now))
        else:
            self._ring[self._current].reset(now)
        return self._ring[self._current]

    def _window(self, now):
        """The time that the samples stand for: at least all windows but the current one."""
        oldest = now
        for sample in self._ring:
            if now - sample.last >= self.samples * self.window_ms:
                sample.reset(now)
            oldest = min(oldest, sample.start)
        elapsed = now - oldest
        missing = self.samples - 1 - elapsed // self.window_ms
        return max(elapsed + max(missing, 0) * self.window_ms, 1)

    def throttle(self, value, now):
        """Record `value`; how long to wait until the rate is within the limit, 0 when it is."""
        self.record(value, now)
        window = self._window(now)
        rate = sum(sample.value for sample in self._ring) * 1000 / window
        if rate <= self.limit:
            return 0
        return milliseconds((rate - self.limit) / self.limit * window) if self.limit else _LONGEST

    def idle(self, now):
        """Whether a new one would answer the same."""
        return all(now - sample.last >= self.samples * self.window_ms for sample in self._ring)


class TokenBucket:
    """Tokens that come in at `limit` a second, at most those of all windows; one may take more than there are."""

    __slots__ = ("samples", "window_ms", "limit", "_tokens", "_filled")

    def __init__(self, samples, window_ms, limit):
        self.samples = samples
        self.window_ms = window_ms
        self.limit = limit
        self._tokens = None
        self._filled = 0

    def _fill(self, now):
        most = self.samples * self.window_ms / 1000 * self.limit
        if self._tokens is None:
            self._tokens = most
        else:
            self._tokens = min(most, self._tokens + self.limit * (now - self._filled) / 1000)
        self._filled = now

    def record(self, value, now):
        self._fill(now)
        self._tokens -= value

    def missing(self, now):
        """How long until there is no debt, 0 when there is none."""
        self._fill(now)
        return milliseconds(-self._tokens / self.limit * 1000) if self._tokens < 0 else 0

    def idle(self, now):
        return self._tokens is None or now - self._filled >= self.samples * self.window_ms and not self.missing(now)
