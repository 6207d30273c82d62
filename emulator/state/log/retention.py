"""What is no longer kept goes: old segments, and what is known of producers that were not heard of for long.

Source: LogManager.cleanupLogs, ProducerStateManager.removeExpiredProducers of Kafka 4.3.1.
"""

import logging

from wire.errors import KafkaError

log_ = logging.getLogger(__name__)


def delete_old_segments(log, now):
    """What the log's retention.bytes and retention.ms no longer keep goes, segment by segment; gives how many went."""
    config = log.config
    if not config.delete or log.closed:
        return 0
    deleted = 0
    if config.retention_bytes >= 0:
        excess = log.size - config.retention_bytes

        def too_much(segment):
            nonlocal excess
            excess -= segment.size
            return excess >= 0

        deleted += _delete_while(log, too_much)
    if config.retention_ms >= 0:
        deleted += _delete_while(log, lambda segment: now - segment.age_mark > config.retention_ms)
    return deleted


def _delete_while(log, condition):
    deleted = 0
    while (log.segments[0].size or len(log.segments) > 1) and log.segments[0].next_offset <= log.high_watermark:
        if not condition(log.segments[0]):
            break
        try:
            log.drop_oldest()
        except KafkaError:
            break  # who looks after the disk has been told
        deleted += 1
    return deleted


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
                    deleted += delete_old_segments(log, now)
                except OSError as reason:
                    log_.error("old segments of %s could not be deleted: %s", log.name, reason)
            log.producers.expire(expired)
        return deleted
