"""Which log is compacted, and when: the dirtiest first, in slices between which others have their turn.

Source: org.apache.kafka.storage.internals.log.LogCleaner, LogCleanerManager, LogToClean of Kafka 4.3.1.
"""

import logging
from typing import NamedTuple

from emulator.state.log.compaction import Compaction
from emulator.state.log.offset_map import BYTES_A_KEY
from emulator.state.log.retention import delete_old_segments
from wire.errors import KafkaError

log_ = logging.getLogger(__name__)


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
    first_dirty = log.first_dirty_offset
    if not log.log_start_offset <= first_dirty <= log.end_offset:
        first_dirty = log.log_start_offset
    segments, clean, dirty, oldest, is_cleanable = [], 0, 0, None, True
    for segment in log.segments[:-1]:
        is_dirty = segment.next_offset > first_dirty
        if segment.next_offset > stable or is_dirty and lag > 0 and segment.age_mark > now - lag:
            is_cleanable = False
        if is_cleanable:
            segments.append(segment)
            if segment.base_offset < first_dirty:
                clean += segment.size  # as in Kafka, one that is both counts twice
            if is_dirty:
                dirty += segment.size
        if is_dirty and segment.first_timestamp > 0 and (oldest is None or segment.first_timestamp < oldest):
            oldest = segment.first_timestamp
    if not dirty:
        return None
    ratio = dirty / (clean + dirty)
    is_late = oldest is not None and oldest < now - config.max_compaction_lag_ms
    return Dirt(segments, first_dirty, ratio, is_late or ratio > config.min_cleanable_dirty_ratio)


class Round:
    """One round over one log, on its way. `asked`: what it wants a thread to call before it goes on, or None."""

    def __init__(self, log, compaction):
        self.log = log
        self.asked = None
        self._compaction = compaction
        self._slices = compaction.slices()
        self._answer = None

    def answer(self, asked, answer):
        """A thread has called what was asked for; somebody else may have done so before."""
        if self.asked is asked:
            self.asked, self._answer = None, answer

    def step(self):
        """One slice; whether there are more. Raises KafkaError, OSError."""
        if self.asked is not None:
            self.answer(self.asked, self.asked())
        answer, self._answer = self._answer, None
        try:
            self.asked = self._slices.send(answer)
        except StopIteration:
            return False
        return not self.log.closed

    @property
    def bytes(self):
        """Read and written so far."""
        return self._compaction.bytes

    @property
    def removed(self):
        """Records that have gone so far."""
        return self._compaction.removed


class LogCleaner:
    """`logs()` gives those with cleanup.policy compact; `settings()` the broker's, of which log.cleaner.* are read.

    `elsewhere(work, done)` has a thread call `work()`, and then calls `done(its result)`; None calls it here.
    """

    def __init__(self, logs, settings, time, elsewhere=None):
        self._logs = logs
        self._settings = settings
        self._time = time
        self._elsewhere = elsewhere
        self.removed = 0  # records, by all rounds that have ended
        self._rounds = []  # on their way
        self._spoilt = set()  # logs that cannot be read, left alone from then on
        self._failed = set()  # logs that the disk would not have written, left alone for a while
        self._next = None  # Deadline of the next look
        self._backoff_ms = None
        self._owed_ms = 0.0  # of rest, by log.cleaner.io.max.bytes.per.second

    def start(self):
        """Look for work every log.cleaner.backoff.ms, unless log.cleaner.enable is false."""
        if self._settings().log_cleaner_enable:
            self._backoff_ms = self._settings().log_cleaner_backoff_ms
            self._next = self._time.after(self._backoff_ms, self._look)

    def reconfigure(self):
        """Broker configs have changed."""
        if self._next is not None and self._settings().log_cleaner_backoff_ms != self._backoff_ms:
            self._next.cancel()
            self.start()

    def _look(self):
        self._failed.clear()
        self._begin_rounds()
        self.start()

    def _begin_rounds(self):
        """As many as may be on their way, each of another log."""
        while len(self._rounds) < self._settings().log_cleaner_threads and (found := self._dirtiest()) is not None:
            self._time.soon(lambda round=found: self._go_on(round))
        self._delete_old_segments()

    def _go_on(self, round):
        if round not in self._rounds:
            return  # `run` has ended it
        before = round.bytes
        following = (lambda: self._go_on(round)) if self._step(round) else self._begin_rounds
        self._owed_ms += (round.bytes - before) * 1000 / self._settings().log_cleaner_io_max_bytes_per_second
        rest, self._owed_ms = divmod(self._owed_ms, 1)
        if round.asked is not None and self._elsewhere is not None:
            asked = round.asked
            self._elsewhere(asked, lambda answer: self._answered(round, asked, answer))
        elif rest:
            self._time.after(rest, following)
        else:
            self._time.soon(following)

    def _answered(self, round, asked, answer):
        round.answer(asked, answer)
        self._go_on(round)

    def run(self):
        """Clean all that is due, now, to the end; gives the number of rounds."""
        return sum(self.steps())

    def steps(self):
        """As `run`, and yields after each slice: others may have a turn there. It gives 1 for the last of each round."""
        self._failed.clear()
        while self._rounds or self._dirtiest() is not None:
            round = self._rounds[0]
            yield 0 if self._step(round) else 1
        self._delete_old_segments()

    def _step(self, round):
        """One slice of a round; whether there are more."""
        try:
            if round.step():
                return True
            self._time.happened("rounds of compaction")
            self._time.happened("records compacted away", round.removed)
            self.removed += round.removed
        except KafkaError as reason:
            self._spoilt.add(round.log)
            log_.error("%s cannot be compacted and is left as it is: %s", round.log.name, reason)
        except OSError as reason:
            self._failed.add(round.log)
            log_.error("%s was not compacted: %s", round.log.name, reason)
        except Exception:  # as in Kafka: one log that cannot be cleaned must not keep the others from it
            self._spoilt.add(round.log)
            log_.exception("%s cannot be compacted and is left as it is", round.log.name)
        self._rounds.remove(round)
        return False

    def _delete_old_segments(self):
        """Of compacted logs too, those with cleanup.policy delete; others have theirs from Retention."""
        now = self._time.now()
        deleting = [log for log in self._logs() if log.config.delete]  # few: an advance of a week looks 40,000 times
        deleted = sum(delete_old_segments(log, now) for log in deleting)
        self._time.happened("segments deleted", deleted)

    def _dirtiest(self):
        """A new Round over the log that needs it most, or None."""
        now = self._time.now()
        worst, chosen = 0, None
        self._spoilt = {log for log in self._spoilt if not log.closed}
        busy = {round.log for round in self._rounds} | self._spoilt | self._failed
        for log in self._logs():
            if len(log.segments) > 1 and log not in busy:
                found = dirt(log, now)
                if found is not None and found.is_due and found.ratio > worst:
                    worst, chosen = found.ratio, (log, found)
        if chosen is None:
            return None
        log, found = chosen
        settings = self._settings()
        memory = settings.log_cleaner_dedupe_buffer_size / max(settings.log_cleaner_threads, 1)
        most_keys = max(int(memory * settings.log_cleaner_io_buffer_load_factor / BYTES_A_KEY), 1)
        window = settings.log_cleaner_io_buffer_size // max(settings.log_cleaner_threads, 1) // 2
        round = Round(log, Compaction(log, found.segments, found.first_dirty, now, most_keys, window))
        self._rounds.append(round)
        return round
