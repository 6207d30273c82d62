"""Bringing logs to disk while others go on, by the time or the number of records that flush.ms and flush.messages allow.

Source: LogManager.flushDirtyLogs, UnifiedLog.flush of Kafka 4.3.1; unlike there, an append does not wait in place for
its flush: it becomes visible once that is done, and one flush serves all that was appended before it began.
"""

from wire.errors import KafkaError

_NEVER = 1 << 53  # ms; what nobody lives to see needs no timer


def run_here(function, done):
    """For where nobody else waits: `function()` at once, then `done(the KafkaError that it raised, or None)`."""
    try:
        function()
    except KafkaError as error:
        done(error)
    else:
        done(None)


class Flusher:
    """`offload(function, done)`: as `run_here`, but somewhere where `function` may block; `done` is called back here."""

    def __init__(self, offload=run_here):
        self.offload = offload
        self._running = {}  # log -> whether somebody asked again meanwhile
        self._drained = []
        self.owing = {}  # log -> the offset below which all that its coordinator wrote must be on disk before it answers
        self.owed = 0  # how often something was owed

    def flush(self, log):
        """See to it that all that is in `log` now reaches the disk soon."""
        if log in self._running:
            self._running[log] = True
            return
        self._running[log] = False
        self.offload(log.begin_flush(), lambda error: self._flushed(log, error))

    def owe(self, log):
        """What a coordinator has just written waits for its flush."""
        self.owing[log] = log.end_offset
        self.owed += 1

    def _flushed(self, log, error):
        again = self._running.pop(log)
        log.end_flush(error)
        if log.closed or self.owing.get(log, log.high_watermark) <= log.high_watermark:
            self.owing.pop(log, None)
        if again and not log.closed and log.unflushed:
            self.flush(log)
        if not self._running:
            drained, self._drained = self._drained, []
            for done in drained:
                done()

    def drain(self, done):
        """Call `done()` once nothing is on its way to disk."""
        if self._running:
            self._drained.append(done)
        else:
            done()

    def start(self, logs, interval_ms, time):
        """Look every log.flush.scheduler.interval.ms which of `logs()` have waited for their flush.ms."""
        if interval_ms >= _NEVER:
            return

        def look():
            now = time.now()
            for log in list(logs()):
                if log.unflushed and now - log.last_flush_ms >= log.config.flush_ms:
                    self.flush(log)
            time.after(interval_ms, look)

        time.after(interval_ms, look)
