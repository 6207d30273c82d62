"""Who leads and who follows, partition by partition, and what holds brokers up in it.

Source: kafka.server.ReplicaManager of 4.3.1.
"""

from emulator.state.replication.follower import Fetcher, Following
from emulator.state.replication.leader import Leading


class Replication:
    """Of all partitions of a cluster that have several replicas.

    `clock`: `patience`, as who serves goes on when time stands still. A broker that is paused or slowed fetches late;
    one that is cut neither fetches nor can be fetched from.
    """

    def __init__(self, cluster, clock):
        self.cluster = cluster
        self.clock = clock
        settings = cluster.configs.settings
        self.longest_lag_ms = settings.replica_lag_time_max_ms
        self.fetch_bytes = settings.replica_fetch_max_bytes
        self._leading = {}  # Partition -> Leading
        self._fetchers = {}  # broker id -> Fetcher
        self._cut = set()
        self._looking = False
        self.owed = 0  # how often something was owed
        self._owing = {}  # log -> (the number of the last time, the offset below which it must be everywhere)
        cluster.on_create.append(self._attach_topic)
        cluster.on_grow.append(self._attach_topic)
        cluster.on_delete.append(self._detach_topic)
        cluster.on_leader.append(lambda partition, before: self._attach(partition))
        cluster.on_isr.append(self._isr_changed)
        for topic in cluster.topics.values():
            self._attach_topic(topic)

    # -- who leads ----------------------------------------------------------------------------

    def _attach_topic(self, topic):
        for partition in topic.partitions:
            if partition not in self._leading:
                self._attach(partition)

    def _detach_topic(self, topic):
        for partition in topic.partitions:
            self._leading.pop(partition, None)

    def _attach(self, partition):
        """A partition has a leader, in a new epoch; or none."""
        self._leading.pop(partition, None)
        if partition.leader not in partition.logs:
            for log in partition.logs.values():
                log.replication = _NOBODY
            return
        if len(partition.logs) == 1:
            partition.log.replication = None
            partition.log.advance_high_watermark(partition.log.acknowledged_end)
            return
        leading = self._leading[partition] = Leading(partition, self)
        for broker, log in partition.logs.items():
            log.replication = leading if broker == leading.leader else Following(self._fetcher(broker), leading)
        self.spread(leading)
        leading.advance()
        self._look_soon()

    def _isr_changed(self, partition):
        leading = self._leading.get(partition)
        if leading is None or set(partition.logs) - {leading.leader} != set(leading.followers):
            self._attach(partition)
        else:
            leading.advance()

    def is_current(self, leading):
        return self._leading.get(leading.partition) is leading

    def leading(self, partition):
        """What the leader of a partition knows of its followers, or None."""
        return self._leading.get(partition)

    # -- what is owed -------------------------------------------------------------------------

    def owe(self, log):
        """What a coordinator has just written is to be on all replicas in sync before it answers."""
        self.owed += 1
        self._owing[log] = self.owed, log.end_offset

    def owing(self, since):
        """[(log, offset)] that was owed after `owed` was `since`, and whose high watermark has not passed the offset yet."""
        self._owing = {log: owed for log, owed in self._owing.items() if not log.closed and log.high_watermark < owed[1]}
        return [(log, offset) for log, (number, offset) in self._owing.items() if number > since]

    # -- who follows --------------------------------------------------------------------------

    def _fetcher(self, broker):
        fetcher = self._fetchers.get(broker)
        if fetcher is None:
            fetcher = self._fetchers[broker] = Fetcher(broker, self)
        return fetcher

    def spread(self, leading):
        """There is something new for the followers of a partition."""
        for broker in leading.followers:
            self._fetchers[broker].wake(leading)

    def follow(self, leading):
        """As `spread`; followers that keep up fetch it now."""
        for broker in leading.followers:
            self._fetchers[broker].follow(leading)

    def tell(self, leading):
        """The followers of a partition learn its high watermark."""
        for broker in leading.followers:
            self._fetchers[broker].tell(leading)

    def pause(self, broker):
        """This broker stops fetching."""
        self._last_seen(broker)
        self._fetcher(broker).paused = True

    def resume(self, broker):
        fetcher = self._fetcher(broker)
        fetcher.paused = False
        fetcher.go_on()

    def slow(self, broker, delay_ms):
        """This broker waits so long before each round of fetches; 0: as soon as there is something."""
        self._fetcher(broker).delay_ms = delay_ms

    def habits(self, broker):
        """How a broker fetches, for `adopt_habits` of another Replication."""
        fetcher = self._fetcher(broker)
        return fetcher.paused, fetcher.delay_ms

    def adopt_habits(self, broker, habits):
        fetcher = self._fetcher(broker)
        fetcher.paused, fetcher.delay_ms = habits

    def cut(self, broker):
        """This broker neither fetches nor answers fetches: it is gone, or hangs."""
        self._last_seen(broker)
        self._cut.add(broker)

    def mend(self, broker):
        self._cut.discard(broker)
        for fetcher in self._fetchers.values():
            fetcher.go_on()
        for leading in self._leading.values():
            if broker == leading.leader:
                self.spread(leading)
            elif broker in leading.followers:
                self._fetchers[broker].wake(leading)

    def is_cut(self, broker):
        return broker in self._cut

    def _last_seen(self, broker):
        """Up to now it has asked all the time, also where there was nothing to be had."""
        if self.is_cut(broker) or self._fetcher(broker).paused:
            return
        now = self.clock.now()
        for leading in self._leading.values():
            follower = leading.followers.get(broker)
            if follower is not None and follower.end_offset == leading.log.end_offset:
                follower.caught_up_ms = now

    def look_again(self):
        """ISRs may change that could not: there is a controller again, or a broker."""
        for leading in list(self._leading.values()):
            if self.is_current(leading) and leading.leader not in self._cut:
                leading.shrink()
                self.spread(leading)

    # -- who keeps up -------------------------------------------------------------------------

    def _look_soon(self):
        if not self._looking:
            self._looking = True
            self.clock.after(self.longest_lag_ms // 2, self._look)

    def _look(self):
        self._looking = False
        for leading in list(self._leading.values()):
            if self.is_current(leading) and leading.leader not in self._cut:
                leading.shrink()
        if self._leading:
            self._look_soon()


class _Nobody:
    """The `replication` of logs that nobody leads: what is written there stays unseen."""

    def grown(self, log):
        """Nobody may have it yet."""

    def owe(self, log):
        """It is owed for ever, or until somebody leads."""


_NOBODY = _Nobody()
