"""What the leader of a partition knows of its followers, and what follows from it: the high watermark and the ISR.

Source: kafka.cluster.Partition and Replica of 4.3.1.
"""

from emulator.state.cluster import leadership

UNKNOWN = -1


class FollowerState:
    """How far a follower is (UNKNOWN before its first fetch), and when (ms) it last had all that the leader had."""

    __slots__ = ("end_offset", "caught_up_ms", "cursor", "_asked_ms", "_leader_end_then")

    def __init__(self, caught_up_ms):
        self.end_offset = UNKNOWN
        self.caught_up_ms = caught_up_ms
        self.cursor = None  # where in the leader's log it will go on
        self._asked_ms = 0
        self._leader_end_then = 0

    def fetched(self, end_offset, leader_end, now):
        """It asks for what comes from `end_offset` on."""
        if end_offset >= leader_end:
            self.caught_up_ms = now
        elif end_offset >= self._leader_end_then:
            self.caught_up_ms = max(self.caught_up_ms, self._asked_ms)
        self.end_offset = end_offset
        self._asked_ms, self._leader_end_then = now, leader_end

    def is_caught_up(self, leader_end, now, longest_lag_ms):
        return self.end_offset == leader_end or now - self.caught_up_ms <= longest_lag_ms


class Leading:
    """One leader's time over one partition, in one leader epoch; its log's `replication`."""

    def __init__(self, partition, replication):
        self.partition = partition
        self.leader = partition.leader
        self.log = partition.log
        self.epoch_start = self.log.end_offset
        self.on_start_moved = []  # called when a follower has let go of records, too
        self._replication = replication
        self._cluster = replication.cluster
        now = replication.clock.now()
        self.followers = {
            broker: FollowerState(now if broker in partition.isr else 0) for broker in partition.replicas if broker != self.leader
        }

    def grown(self, log):
        """The leader's log has more."""
        self._replication.follow(self)
        if len(self.partition.isr) == 1:
            self.advance()

    def owe(self, log):
        """What a coordinator has just written is to be on all replicas in sync before it answers."""
        self._replication.owe(log)

    def fetched(self, broker, end_offset):
        """A follower has all below `end_offset`; it may come in sync, or what it has may be all that was missing."""
        now = self._replication.clock.now()
        follower = self.followers[broker]
        follower.fetched(end_offset, self.log.end_offset, now)
        if broker not in self.partition.isr and self._may_join(broker) and self._cluster.governed and end_offset >= max(self.log.high_watermark, self.epoch_start):
            leadership.set_isr(self._cluster, self.partition, [*self.partition.isr, broker])  # which lets us advance
        else:
            self.advance()

    def _may_join(self, broker):
        registered = self._cluster.brokers.get(broker)
        return registered is not None and registered.active

    def advance(self):
        """What every replica in sync has is there for consumers, too, as long as enough are in sync."""
        partition, log = self.partition, self.log
        if log.closed or len(partition.isr) < self.least_in_sync:
            return
        reached, now = log.acknowledged_end, None
        for broker, follower in self.followers.items():
            if follower.end_offset >= reached:
                continue
            if broker not in partition.isr:
                if not self._may_join(broker):
                    continue
                now = self._replication.clock.now() if now is None else now
                if not follower.is_caught_up(log.end_offset, now, self._replication.longest_lag_ms):
                    continue
            reached = follower.end_offset
        if reached > log.high_watermark:
            log.advance_high_watermark(reached)
            self._replication.tell(self)

    @property
    def low_watermark(self):
        """Below it no broker that is up has anything any more."""
        brokers, logs = self._cluster.brokers, self.partition.logs
        up = [broker for broker in self.followers if broker in brokers and not brokers[broker].fenced]
        return min(log.log_start_offset for log in (self.log, *(logs[broker] for broker in up)))

    @property
    def least_in_sync(self):
        return min(self.log.config.min_insync_replicas, len(self.followers) + 1)

    def shrink(self):
        """Followers that have not caught up for too long are not waited for any more."""
        now, end = self._replication.clock.now(), self.log.end_offset
        longest = self._replication.longest_lag_ms
        behind = [
            broker for broker in self.partition.isr
            if broker != self.leader and not self.followers[broker].is_caught_up(end, now, longest)
        ]  # fmt: skip
        if behind and self._cluster.governed:
            leadership.set_isr(self._cluster, self.partition, [broker for broker in self.partition.isr if broker not in behind])
