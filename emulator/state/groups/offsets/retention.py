"""Offsets past their retention are forgotten, and empty groups that have none left (KIP-211).

Source: OffsetMetadataManager.cleanupExpiredOffsets, OffsetExpirationConditionImpl,
GroupCoordinatorShard.cleanupGroupMetadata of Kafka 4.3.1.
"""


class Retention:
    """Looks through `table` every offsets.retention.check.interval.ms for as long as there are groups."""

    def __init__(self, table, commits, env):
        self._table = table
        self._commits = commits
        self._env = env
        self.next = None  # the deadline of the next look
        table.on_add.append(self._look_later)

    def _look_later(self):
        if self.next is None and len(self._table):
            self.next = self._env.time.after(self._env.settings.offsets_retention_check_interval_ms, self._look)

    def _look(self):
        self.next = None
        with self._env.batch:
            for group in self._table:
                self._forget_old(group)
                if group.is_empty and group.expires and not self._commits.any_of(group.group_id):
                    self._table.remove(group)
                    self._env.time.happened("groups forgotten")
        self._look_later()

    def _forget_old(self, group):
        group_id, now = group.group_id, self._env.time.now()
        retention = self._env.settings.offsets_retention_minutes * 60_000
        for topic, partition, committed in self._commits.positions(group_id):
            if (
                not group.subscribes_to(topic)
                and _is_expired(group, committed, now, retention)
                and not self._commits.is_pending(group_id, topic, partition)
            ):
                self._commits.forget(group_id, topic, partition)
                self._env.time.happened("offsets expired")


def _is_expired(group, committed, now, retention):
    start = group.retention_starts(committed.commit_timestamp)
    if start is None:
        return False
    if committed.expire_timestamp is not None:
        return now >= committed.expire_timestamp
    return now - start >= retention
