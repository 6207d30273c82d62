"""One broker's fetches from the leaders that it follows.

Source: kafka.server.AbstractFetcherThread, ReplicaFetcherThread of 4.3.1.
"""

import logging

from emulator.state.log.replica import append_replicated, batches_from, start_at, truncate_to
from emulator.state.replication.leader import UNKNOWN
from wire.errors import KafkaError

log_ = logging.getLogger(__name__)

_PARTITIONS_A_ROUND = 64  # before others have their turn


class Following:
    """The `replication` of a follower's log: what it has just brought to disk it tells its leader."""

    __slots__ = ("_fetcher", "_leading")

    def __init__(self, fetcher, leading):
        self._fetcher = fetcher
        self._leading = leading

    def grown(self, log):
        if not self._fetcher.is_fetching:  # else it will say so itself
            self._fetcher.wake(self._leading)

    def owe(self, log):
        """Whoever leads owes it."""


class Fetcher:
    """`paused`: it does not fetch; `delay_ms`: how long it waits before each round of fetches."""

    def __init__(self, broker, replication):
        self.broker = broker
        self.paused = False
        self.delay_ms = 0
        self.is_fetching = False
        self._replication = replication
        self._clock = replication.clock
        self._waiting = {}  # Leading that has news -> None, the oldest first
        self._scheduled = False

    def wake(self, leading):
        """There may be something to fetch."""
        self._waiting[leading] = None
        if not self._scheduled:
            self._schedule()

    @property
    def is_prompt(self):
        """Whether nothing holds it up."""
        return not (self.paused or self.delay_ms or self.is_fetching or self._replication.is_cut(self.broker))

    def follow(self, leading):
        """A leader's log has grown: a follower that keeps up has it at once, which saves everybody a turn of the event loop."""
        if leading in self._waiting or not self.is_prompt or self._try(leading):
            self.wake(leading)

    def tell(self, leading):
        """Consumers may read on: a follower that keeps up knows at once."""
        log = leading.partition.logs[self.broker]
        if self.is_fetching:
            return  # it looks when it has all
        if self.is_prompt and not log.closed and log.end_offset >= leading.log.high_watermark:
            log.advance_high_watermark(leading.log.high_watermark)
        else:
            self.wake(leading)

    def go_on(self):
        if self._waiting and not self._scheduled:
            self._schedule()

    def _schedule(self):
        if self.paused or self._replication.is_cut(self.broker):
            return
        self._scheduled = True
        if self.delay_ms:
            self._clock.after(self.delay_ms, self._round)
        else:
            self._clock.next_turn(self._round)

    def _round(self):
        self._scheduled = False
        if self.paused or self._replication.is_cut(self.broker):
            return
        if len(self._waiting) <= _PARTITIONS_A_ROUND:
            round, self._waiting = self._waiting, {}
        else:
            round = dict.fromkeys(list(self._waiting)[:_PARTITIONS_A_ROUND])
            for leading in round:
                del self._waiting[leading]
        for leading in round:
            if self._replication.is_current(leading) and self._try(leading):
                self._waiting[leading] = None
        if self._waiting and not self._scheduled:
            self._schedule()

    def _try(self, leading):
        """As `_fetch`; what goes wrong concerns nobody but this follower."""
        self.is_fetching = True
        try:
            return self._fetch(leading)
        except KafkaError as error:  # its disk, or the leader's, has said so already
            log_.info("broker %d cannot follow %s: %s", self.broker, leading.log.name, error)
        except Exception:
            log_.exception("broker %d cannot follow %s", self.broker, leading.log.name)
        finally:
            self.is_fetching = False
        return False

    def _fetch(self, leading):
        """All that a leader has and this follower not, or as much as one fetch brings; gives whether there may be more."""
        log, source = leading.partition.logs[self.broker], leading.log
        if log.closed or source.closed or self._replication.is_cut(leading.leader):
            return False
        state = leading.followers[self.broker]
        if state.end_offset == UNKNOWN:
            _agree(log, source)
        end, told = log.end_offset, log.acknowledged_end
        if told != state.end_offset or self.delay_ms or self.broker not in leading.partition.isr:
            leading.fetched(self.broker, told)
        if end < source.end_offset:
            batches, state.cursor = batches_from(source, end, self._replication.fetch_bytes, state.cursor)
            for header, data in batches:
                append_replicated(log, header, data)
            if not self.delay_ms:  # else its next fetch tells
                told = log.acknowledged_end
                leading.fetched(self.broker, told)
        if source.log_start_offset > log.log_start_offset:
            log.increment_log_start(min(source.log_start_offset, log.end_offset))
            for moved in list(leading.on_start_moved):
                moved()
        log.advance_high_watermark(min(source.high_watermark, log.end_offset))
        return log.end_offset < source.end_offset or told < log.acknowledged_end


def _agree(log, source):
    """Cut from a follower's log what its leader does not have: it comes from leaders that nobody followed far enough."""
    if log.end_offset < source.log_start_offset:
        start_at(log, source.log_start_offset)
        return
    while log.end_offset > log.log_start_offset:
        mine = log.leader_epoch_at(log.end_offset - 1)
        epoch, end = source.end_offset_of_epoch(mine)
        if epoch == mine and end >= log.end_offset:
            return
        if end < 0:
            cut = min(log.high_watermark, source.end_offset)  # the leader knows nothing so old, or so new
        elif epoch == mine:
            cut = end
        else:
            own_epoch, own_end = log.end_offset_of_epoch(epoch)
            cut = min(own_end, end) if own_epoch == epoch else own_end
        if not log.log_start_offset <= cut < log.end_offset:
            cut = max(log.log_start_offset, min(source.end_offset, log.end_offset - 1))
        truncate_to(log, cut)
