"""One change of a partition: what other replicas, another ISR or a wish for an election come to together.

Whoever wants something of a partition says what is to be, and `change_partition` finds what follows: a reassignment may be
complete, who left the ISR may still lead one day (KIP-966), somebody else may have to lead now.
Source: org.apache.kafka.controller.PartitionChangeBuilder, PartitionReassignmentReplicas of 4.3.1.
"""

NO_LEADER = -1
ONLINE, PREFERRED, UNCLEAN = "online", "preferred", "unclean"  # elections: if need be; of the first replica; of anybody if need be


def change_partition(cluster, partition, election=ONLINE, able=None, died=(), new_epoch=False, **wanted):
    """Bring a partition to what is `wanted` (isr, replicas, adding, removing); gives whether anything changed.

    `able(broker id)`: who may lead, see `may_lead` if None. `died`: brokers that went without a clean stop, and may
    have lost what they had. `new_epoch`: who leads on does so in a new leader epoch.
    """
    plan = _Plan(cluster, partition, able or (lambda broker: may_lead(cluster, partition, broker)), wanted)
    plan.complete_reassignment()
    plan.keep_eligible(died)
    plan.elect(election)
    changes = plan.changes(new_epoch)
    if changes:
        cluster.change(partition, **changes)
    return bool(changes)


def active(cluster, broker_ids):
    """Those of the brokers that are registered and take part, in order."""
    return [one for one in broker_ids if one in cluster.brokers and cluster.brokers[one].active]


def may_lead(cluster, partition, broker):
    """Whether a broker takes part, and its disk lets it have its replica."""
    log = partition.logs.get(broker)
    return bool(active(cluster, [broker])) and not (log and log.failed)


class _Plan:
    def __init__(self, cluster, partition, able, wanted):
        self.partition = partition
        self.able = able
        self.replicas, self.isr = list(partition.replicas), list(partition.isr)
        self.adding, self.removing = partition.adding, partition.removing
        self.elr, self.last_known_elr = list(partition.elr), partition.last_known_elr
        for name, value in wanted.items():
            setattr(self, name, value)
        self.leader = None  # the new one, or the old one when its epoch is to grow
        self.unclean = False
        self._keeps_elr = cluster.configs.pinned
        least = cluster.configs.topic(partition.topic.name).min_insync_replicas
        self._least = min(least, partition.topic.replication_factor)

    def complete_reassignment(self):
        """Once all that come are in sync, those that go are gone."""
        if not (self.adding or self.removing):
            return
        isr = [replica for replica in self.isr if replica not in self.removing]
        replicas = [replica for replica in self.replicas if replica not in self.removing]
        if not isr or not replicas or not set(self.adding) <= set(isr):
            return
        if len(self.adding) < len(self.removing) and not set(replicas) <= set(isr):
            return  # of fewer replicas all are to be in sync
        self.isr, self.replicas, self.adding, self.removing = isr, replicas, [], []

    def keep_eligible(self, died):
        """Below the minimum nothing is acknowledged to acks=all any more: who was in sync then has all that was."""
        if not self._keeps_elr:
            return
        if len(self.isr) >= self._least:
            self.elr = []
            return
        candidates = dict.fromkeys([*self.elr, *self.partition.isr])
        self.elr = sorted(replica for replica in candidates if replica not in self.isr and replica not in died)

    def elect(self, election):
        leader = self._next_leader(election)
        if leader == self.partition.leader:
            return
        if leader in self.elr:
            self.isr = [leader]
            self.elr.remove(leader)
        elif self.unclean:
            self.isr = [leader]
        self.leader = leader

    def _next_leader(self, election):
        first, *others = self.replicas
        now = self.partition.leader
        for leader in ([first, now] if election == PREFERRED else [now, first]) + others:
            if self._may_lead(leader):
                return leader
        if self._keeps_elr and not (self.elr or self.isr):
            last = self.partition.last_known_elr
            if len(last) == 1 and self.able(last[0]):
                self.unclean = True
                return last[0]
        if election == UNCLEAN:
            for leader in self.replicas:
                if self.able(leader):
                    self.unclean = True
                    return leader
        return NO_LEADER

    def _may_lead(self, replica):
        in_sync = replica in self.isr or not self.isr and replica in self.elr
        return in_sync and self.able(replica)

    def changes(self, new_epoch):
        """What differs from what is there."""
        partition = self.partition
        if self.leader is None and (new_epoch or not set(partition.replicas) <= set(self.replicas)):
            self.leader = partition.leader  # replicas that are gone must not be followed any more
        if self.unclean or not self._keeps_elr:
            self.elr = []
        if not self.isr and not self._keeps_elr:
            self.isr = partition.isr
        if self.leader == NO_LEADER and not self.last_known_elr and self._keeps_elr:
            self.last_known_elr = [partition.leader]
        elif self.leader is not None and self.leader >= 0:
            self.last_known_elr = []
        wanted = {name: getattr(self, name) for name in ("replicas", "isr", "adding", "removing", "elr", "last_known_elr")}
        changes = {name: value for name, value in wanted.items() if value != getattr(partition, name)}
        if self.leader is not None:
            changes["leader"] = self.leader
            changes["leader_epoch"] = partition.leader_epoch + 1
        return changes
