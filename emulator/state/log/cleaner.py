"""Which log is compacted, and when: the dirtiest first, one at a time, in slices between which others have their turn.

Source: org.apache.kafka.storage.internals.log.LogCleaner, LogCleanerManager of Kafka 4.3.1.
"""

import logging
from typing import NamedTuple

from emulator.state.log.compaction import Compaction
from wire.errors import KafkaError

log_ = logging.getLogger(__name__)

_MOST_KEYS = 1_000_000  # told apart in one round


class Dirt(NamedTuple):
    """What of a log could be cleaned: its `segments` (the clean ones too), those from `first_dirty` on are new."""

    segments: list
    first_dirty: int
    ratio: float
    is_due: bool


def dirt(log, now):
    """The Dirt of a log, or None when there is none.

    Never of the active segment, of open transactions, of what is younger than min.compaction.lag.ms.
    """
    config = log.config
    stable, lag = log.cleanable_offset, config.min_compaction_lag_ms
    first_dirty = max(log.first_dirty_offset, log.log_start_offset)
    segments, clean, dirty, oldest = [], 0, 0, None
    for segment in log.segments[:-1]:
        if segment.next_offset > stable or lag > 0 and segment.age_mark > now - lag:
            break
        segments.append(segment)
        if segment.next_offset <= first_dirty:
            clean += segment.size
        else:
            dirty += segment.size
            if segment.first_timestamp > 0 and (oldest is None or segment.first_timestamp < oldest):
                oldest = segment.first_timestamp
    if not dirty:
        return None
    ratio = dirty / (clean + dirty)
    is_late = oldest is not None and oldest < now - config.max_compaction_lag_ms
    return Dirt(segments, first_dirty, ratio, is_late or ratio > config.min_cleanable_dirty_ratio)


class LogCleaner:
    """`logs()` gives those with cleanup.policy compact; `settings()` the broker's, of which log.cleaner.backoff.ms is read."""

    def __init__(self, logs, settings, time):
        self._logs = logs
        self._settings = settings
        self._time = time
        self._spoilt = set()  # names of logs that cannot be read, left alone from then on

    def start(self):
        """Look for work every log.cleaner.backoff.ms."""
        self._time.after(self._settings().log_cleaner_backoff_ms, self._look)

    def _look(self):
        found = self._dirtiest()
        if found is None:
            self.start()
        else:
            log, slices = found
            self._time.soon(lambda: self._go_on(log, slices))

    def _go_on(self, log, slices):
        if self._step(log, slices):
            self._time.soon(lambda: self._go_on(log, slices))
        else:
            self._look()

    def run(self):
        """Clean all that is due, now, to the end."""
        while (found := self._dirtiest()) is not None:
            while self._step(*found):
                pass

    def _step(self, log, slices):
        """One slice of a round; whether there are more."""
        try:
            next(slices)
        except StopIteration:
            return False
        except KafkaError as reason:
            self._spoilt.add(log.name)
            log_.error("%s cannot be compacted and is left as it is: %s", log.name, reason)
            return False
        return not log.closed

    def _dirtiest(self):
        """(log, the slices of a round) of the log that needs it most, or None."""
        now = self._time.now()
        worst, chosen = 0, None
        for log in self._logs():
            if len(log.segments) > 1 and log.name not in self._spoilt:
                found = dirt(log, now)
                if found is not None and found.is_due and found.ratio > worst:
                    worst, chosen = found.ratio, (log, found)
        if chosen is None:
            return None
        log, found = chosen
        return log, Compaction(log, found.segments, found.first_dirty, now, _MOST_KEYS).slices()
