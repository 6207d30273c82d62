"""What is to be on other brokers, and on disk, before it is answered."""

from gevent.event import Event

from wire.errors import COORDINATOR_NOT_AVAILABLE, KafkaError


class Lasting:
    """`replication`: Replication, for what coordinators write; `longest_ms`: how long that may take; `logs`: a LogManager, None in memory."""

    def __init__(self, replication, longest_ms, logs=None):
        self._replication = replication
        self._longest_s = longest_ms / 1000
        self._logs = logs

    def changes(self):
        """Another value after each change."""
        return self._replication.owed, 0 if self._logs is None else self._logs.changes()

    def settle(self, before):
        """Wait until all changes since `before` will outlive a broker. Raises KafkaError."""
        if self._logs is not None and self._logs.changes() != before[1]:
            self._logs.settle()
        for log, offset in self._replication.owing(before[0]):
            self._wait(log, offset)

    def _wait(self, log, offset):
        reached, leading = Event(), log.replication

        def over():
            return log.high_watermark >= offset or log.closed or log.replication is not leading

        def moved():
            if over():
                reached.set()

        log.watch(moved)
        try:
            if not over():
                reached.wait(self._longest_s)
        finally:
            log.unwatch(moved)
        if log.high_watermark < offset:
            raise KafkaError(COORDINATOR_NOT_AVAILABLE, f"{log.name} is not replicated up to offset {offset}")
