"""Who leads a partition and who replicates it: elections, reassignments, brokers that come, go and are let go.

Source: org.apache.kafka.controller.ReplicationControlManager.
"""

from emulator.state.cluster import changes
from emulator.state.cluster.changes import NO_LEADER, active, change_partition, may_lead
from wire.errors import (
    BROKER_ID_NOT_REGISTERED, ELECTION_NOT_NEEDED, ELIGIBLE_LEADERS_NOT_AVAILABLE, INVALID_REPLICA_ASSIGNMENT,
    INVALID_REPLICATION_FACTOR, NO_REASSIGNMENT_IN_PROGRESS, PREFERRED_LEADER_NOT_AVAILABLE, UNKNOWN_TOPIC_OR_PARTITION,
    KafkaError,
)

PREFERRED, UNCLEAN = 0, 1


# Elections ------------------------------------------------------------------------------------


def elect(cluster, name, index, kind):
    """Make another replica the leader of a partition: the preferred one, or any. Raises KafkaError."""
    topic = cluster.topics.get(name)
    if topic is None:
        raise KafkaError(UNKNOWN_TOPIC_OR_PARTITION, f"No such topic as {name}")
    partition = cluster.partition(name, index)
    if partition is None:
        raise KafkaError(UNKNOWN_TOPIC_OR_PARTITION, f"No such partition as {name}-{index}")
    if partition.leader == partition.replicas[0] if kind == PREFERRED else partition.leader != NO_LEADER:
        raise KafkaError(ELECTION_NOT_NEEDED, "Leader election not needed for topic partition.")
    if not change_partition(cluster, partition, changes.PREFERRED if kind == PREFERRED else changes.UNCLEAN):
        if kind == PREFERRED:
            raise KafkaError(PREFERRED_LEADER_NOT_AVAILABLE, "The preferred leader was not available.")
        raise KafkaError(ELIGIBLE_LEADERS_NOT_AVAILABLE, "Eligible topic partition leaders are not available.")


def keep_balanced(cluster, clock):
    """Give leadership back to preferred replicas, every leader.imbalance.check.interval.seconds, unless that is switched off."""
    settings = cluster.configs.settings
    if settings.auto_leader_rebalance_enable:

        def balance():
            with cluster.metadata:
                for partition in _partitions(cluster) if cluster.governed else ():
                    if partition.leader != partition.replicas[0] and partition.replicas[0] in partition.isr:
                        change_partition(cluster, partition, changes.PREFERRED)
            clock.after(settings.leader_imbalance_check_interval_seconds * 1000, balance)

        clock.after(settings.leader_imbalance_check_interval_seconds * 1000, balance)


# Reassignments --------------------------------------------------------------------------------


def reassign(cluster, name, index, target, allow_factor_change=True):
    """Give a partition the replicas `target` (broker ids, the preferred leader first); None calls a change under way off.

    It is done at once where the replicas that are to stay are in sync and none is new, else it goes on. Raises KafkaError.
    """
    if name not in cluster.topics:
        raise KafkaError(UNKNOWN_TOPIC_OR_PARTITION, f"Unable to find a topic named {name}.")
    partition = cluster.partition(name, index)
    if partition is None:
        raise KafkaError(UNKNOWN_TOPIC_OR_PARTITION, f"Unable to find partition {name}:{index}.")
    if target is None:
        return _call_off(cluster, partition)
    _check_target(cluster, target)
    before = len(set(partition.replicas) - set(partition.removing))
    if not allow_factor_change and len(target) != before:
        raise KafkaError(INVALID_REPLICATION_FACTOR, f"The replication factor is changed from {before} to {len(target)}")
    removing = sorted(set(partition.replicas) - set(target))
    adding = sorted(set(target) - set(partition.replicas))
    replicas = [*target, *removing]
    if (replicas, adding, removing) != (partition.replicas, partition.adding, partition.removing):
        with cluster.metadata:
            change_partition(cluster, partition, replicas=replicas, adding=adding, removing=removing)


def under_way(cluster, asked=None):
    """[(topic, [partition])] that are being reassigned, of all or of those `asked` for: (name, indexes)."""
    if not cluster.moving:
        return []
    if asked is None:
        named = ((topic, topic.partitions) for topic in cluster.topics.values())
    else:
        named = ((cluster.topics.get(name), [cluster.partition(name, index) for index in indexes]) for name, indexes in asked)
    found = []
    for topic, partitions in named:
        moving = [one for one in partitions if one and (one.adding or one.removing)]
        if moving:
            found.append((topic, moving))
    return found


def _check_target(cluster, target):
    wrong = "The manual partition assignment includes"
    if not target:
        raise KafkaError(INVALID_REPLICA_ASSIGNMENT, f"{wrong} an empty replica list.")
    before = None
    for broker in sorted(target):
        if broker not in cluster.brokers:
            raise KafkaError(INVALID_REPLICA_ASSIGNMENT, f"{wrong} broker {broker}, but no such broker is registered.")
        if broker == before:
            raise KafkaError(INVALID_REPLICA_ASSIGNMENT, f"{wrong} the broker {broker} more than once.")
        before = broker


def _call_off(cluster, partition):
    if not (partition.adding or partition.removing):
        raise KafkaError(NO_REASSIGNMENT_IN_PROGRESS)
    replicas = [replica for replica in partition.replicas if replica not in partition.adding]
    isr = [replica for replica in partition.isr if replica not in partition.adding]
    if not isr:
        if not _may_be_unclean(cluster, partition):
            raise KafkaError(
                INVALID_REPLICA_ASSIGNMENT,
                f"Unable to revert partition assignment for {partition.topic.name}:{partition.index} because it would require an"
                " unclean leader election.",
            )
        isr = active(cluster, replicas)[:1] or replicas[:1]
    change_partition(cluster, partition, replicas=replicas, isr=isr, adding=[], removing=[])


def _may_be_unclean(cluster, partition):
    return cluster.configs.topic(partition.topic.name).unclean_leader_election_enable


# In-sync replicas ------------------------------------------------------------------------------


def set_isr(cluster, partition, isr):
    """The leader has found that these replicas (broker ids) keep up with it (AlterPartition)."""
    _change(cluster, partition, isr=sorted(isr))  # they come out of a set


# Brokers --------------------------------------------------------------------------------------


def fence(cluster, broker_id):
    """A broker is not heard of any more: it leaves every ISR, and others lead what it led."""
    cluster.brokers[broker_id].fenced = True
    _without(cluster, broker_id)
    cluster.elect_controller()


def shut_down(cluster, broker_id):
    """A broker wants to stop: others lead what it leads, before it is gone."""
    cluster.brokers[broker_id].shutting_down = True
    _without(cluster, broker_id)


def unfence(cluster, broker_id, clean):
    """A broker is there (again) and leads what nobody leads. `clean`: whether it had stopped by itself, and so lost nothing."""
    broker = cluster.brokers[broker_id]
    with cluster.metadata:
        if not clean and cluster.configs.pinned:
            _without(cluster, broker_id, died=(broker_id,))
        broker.fenced = broker.shutting_down = False
        cluster.elect_controller()
        for partition in _partitions(cluster):
            if partition.leader == NO_LEADER:
                _change(cluster, partition)


def restart(cluster, brokers):
    """All of these were away, and have come back one after the other: {broker id: whether it had stopped by itself}.

    What nobody led then (as when ZooKeeper alone remembers it) goes to whoever of its replicas may lead.
    """
    with cluster.metadata:
        led = [partition for partition in _partitions(cluster) if partition.leader != NO_LEADER or cluster.configs.pinned]
        for partition in _partitions(cluster):
            if partition not in led:
                _change(cluster, partition)
        for broker_id in brokers:
            cluster.brokers[broker_id].fenced = True
            _without(cluster, broker_id, among=led)
        for broker_id, clean in brokers.items():
            unfence(cluster, broker_id, clean)


def unregister(cluster, broker_id):
    """Forget a broker: it leaves every ISR, and leads nothing. Raises KafkaError."""
    if broker_id not in cluster.brokers:
        raise KafkaError(BROKER_ID_NOT_REGISTERED, f"Broker ID {broker_id} is not currently registered")
    del cluster.brokers[broker_id]
    cluster.elect_controller()
    _without(cluster, broker_id)


def log_failed(cluster, partition, broker_id):
    """The disk does not let a broker have its replica. Raises KafkaError."""
    if broker_id in partition.isr:
        _leave(cluster, partition, broker_id)


def leave_failed(cluster):
    """As `log_failed`, of all that have failed while nobody could take note."""
    for partition in _partitions(cluster):
        for broker_id in list(partition.isr):
            log = partition.logs.get(broker_id)
            if log is not None and log.failed:
                _leave(cluster, partition, broker_id)


def _without(cluster, broker_id, died=(), among=None):
    """Nobody waits for this broker any more, and it does not lead; of all partitions, or of those `among` which it may be."""
    with cluster.metadata:
        for partition in _partitions(cluster) if among is None else among:
            if broker_id in partition.isr or died and broker_id in partition.elr:
                _leave(cluster, partition, broker_id, died)


def _leave(cluster, partition, broker_id, died=()):
    isr = [replica for replica in partition.isr if replica != broker_id]
    _change(cluster, partition, lambda broker: broker != broker_id and may_lead(cluster, partition, broker), died,
            new_epoch=not cluster.elects_controller, isr=isr)  # ReplicaStateMachine of 3.9.1: any replica that goes begins one


def _change(cluster, partition, able=None, died=(), new_epoch=False, **wanted):
    election = changes.UNCLEAN if _may_be_unclean(cluster, partition) else changes.ONLINE
    change_partition(cluster, partition, election, able, died, new_epoch, **wanted)


def _partitions(cluster):
    cluster.finish_opening()
    return [partition for topic in cluster.topics.values() for partition in topic.partitions]
