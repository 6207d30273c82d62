"""What is no longer kept goes: old segments, and what is known of producers that were not heard of for long.

Source: LogManager.cleanupLogs, ProducerStateManager.removeExpiredProducers of Kafka 4.3.1.
"""


class Retention:
    """`logs()` gives those of the broker; `settings()` its own, of which log.retention.check.interval.ms and
    producer.id.expiration.ms are read."""

    def __init__(self, logs, settings, time):
        self._logs = logs
        self._settings = settings
        self._time = time

    def start(self):
        """Look every log.retention.check.interval.ms."""
        self._time.after(self._settings().log_retention_check_interval_ms, self._look)

    def _look(self):
        self._time.happened("segments deleted", self.run())
        self.start()

    def run(self):
        """Delete all that is due, now; gives the number of segments that went."""
        now = self._time.now()
        expired = now - self._settings().producer_id_expiration_ms
        deleted = 0
        for log in list(self._logs()):
            deleted += log.delete_old_segments(now)
            log.producers.expire(expired)
        return deleted
