"""What is no longer kept goes: old segments, and what is known of producers that were not heard of for long.

Source: LogManager.cleanupLogs, ProducerStateManager.removeExpiredProducers of Kafka 4.3.1.
"""

import logging

log_ = logging.getLogger(__name__)


class Retention:
    """`logs()` gives those of the broker; `settings()` its own, of which log.retention.check.interval.ms, log.initial.task.delay.ms
    and producer.id.expiration.ms are read."""

    def __init__(self, logs, settings, time):
        self._logs = logs
        self._settings = settings
        self._time = time

    def start(self):
        """Look after log.initial.task.delay.ms, and then every log.retention.check.interval.ms.

        Logs with cleanup.policy compact are left to the cleaner.
        """
        self._time.after(self._settings().log_initial_task_delay_ms, self._look)

    def _look(self):
        self._time.after(self._settings().log_retention_check_interval_ms, self._look)
        self._time.happened("segments deleted", self._delete(compacted=False))

    def run(self):
        """Delete all that is due, now, of any log; gives the number of segments that went."""
        return self._delete(compacted=True)

    def _delete(self, compacted):
        now = self._time.now()
        expired = now - self._settings().producer_id_expiration_ms
        deleted = 0
        for log in list(self._logs()):
            if compacted or not log.config.compact:
                try:
                    deleted += log.delete_old_segments(now)
                except OSError as reason:
                    log_.error("old segments of %s could not be deleted: %s", log.name, reason)
            log.producers.expire(expired)
        return deleted
