"""Who leads a partition and who replicates it, changed by an administrator: elections, reassignments, brokers let go.

Source: org.apache.kafka.controller.ReplicationControlManager, PartitionReassignmentReplicas, PartitionChangeBuilder.
"""

from wire.errors import (
    BROKER_ID_NOT_REGISTERED, ELECTION_NOT_NEEDED, ELIGIBLE_LEADERS_NOT_AVAILABLE, INVALID_REPLICA_ASSIGNMENT,
    INVALID_REPLICATION_FACTOR, NO_REASSIGNMENT_IN_PROGRESS, PREFERRED_LEADER_NOT_AVAILABLE, UNKNOWN_TOPIC_OR_PARTITION,
    KafkaError,
)

PREFERRED, UNCLEAN = 0, 1
_NO_LEADER = -1


# Elections ------------------------------------------------------------------------------------


def elect(cluster, name, index, kind):
    """Make another replica the leader of a partition: the preferred one, or any. Raises KafkaError."""
    topic = cluster.topics.get(name)
    if topic is None:
        raise KafkaError(UNKNOWN_TOPIC_OR_PARTITION, f"No such topic as {name}")
    partition = cluster.partition(name, index)
    if partition is None:
        raise KafkaError(UNKNOWN_TOPIC_OR_PARTITION, f"No such partition as {name}-{index}")
    preferred = partition.replicas[0]
    if partition.leader == preferred if kind == PREFERRED else partition.leader != _NO_LEADER:
        raise KafkaError(ELECTION_NOT_NEEDED, "Leader election not needed for topic partition.")
    if kind == PREFERRED:
        if preferred not in partition.isr or not _able(cluster, partition, [preferred]):
            raise KafkaError(PREFERRED_LEADER_NOT_AVAILABLE, "Preferred leader was not available.")
        return _lead(cluster, partition, preferred)
    able = _able(cluster, partition, partition.isr) or _able(cluster, partition, partition.replicas)
    if not able:
        raise KafkaError(ELIGIBLE_LEADERS_NOT_AVAILABLE, "Eligible topic partition leaders are not available.")
    isr = partition.isr if able[0] in partition.isr else [able[0]]
    _lead(cluster, partition, able[0], isr=isr)


def _active(cluster, broker_ids):
    return [one for one in broker_ids if one in cluster.brokers and cluster.brokers[one].active]


def _able(cluster, partition, broker_ids):
    """Those of the active ones that have the partition's log."""
    return [one for one in _active(cluster, broker_ids) if not (partition.log.failed and one == cluster.controller_id)]


def _lead(cluster, partition, leader, **changes):
    cluster.change(partition, leader=leader, leader_epoch=partition.leader_epoch + 1, **changes)


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
            cluster.change(partition, replicas=replicas, adding=adding, removing=removing)
            complete(cluster, partition)


def complete(cluster, partition):
    """End the reassignment of `partition` if its in-sync replicas allow it (they changed, or a new target was set)."""
    if not (partition.adding or partition.removing):
        return
    isr = [replica for replica in partition.isr if replica not in partition.removing]
    replicas = [replica for replica in partition.replicas if replica not in partition.removing]
    fewer = len(partition.adding) < len(partition.removing)
    if isr and replicas and set(partition.adding) <= set(isr) and not (fewer and set(replicas) - set(isr)):
        _settle(cluster, partition, replicas, isr)


def under_way(cluster, asked=None):
    """[(topic, [partition])] that are being reassigned, of all or of those `asked` for: (name, indexes)."""
    if asked is None:
        asked = [(name, range(len(topic.partitions))) for name, topic in cluster.topics.items()]
    found = []
    for name, indexes in asked:
        partitions = [one for one in (cluster.partition(name, index) for index in indexes) if one and (one.adding or one.removing)]
        if partitions:
            found.append((cluster.topics[name], partitions))
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
        if not cluster.configs.topic(partition.topic.name).unclean_leader_election_enable:
            raise KafkaError(
                INVALID_REPLICA_ASSIGNMENT,
                f"Unable to revert partition assignment for {partition.topic.name}:{partition.index} because it would require an"
                " unclean leader election.",
            )
        isr = _active(cluster, replicas)[:1] or replicas[:1]
    _settle(cluster, partition, replicas, isr)


def _settle(cluster, partition, replicas, isr):
    changes = {"replicas": replicas, "isr": isr, "adding": [], "removing": []}
    if partition.leader in isr:
        return cluster.change(partition, **changes)
    able = _able(cluster, partition, isr)
    _lead(cluster, partition, able[0] if able else _NO_LEADER, **changes)


# Brokers --------------------------------------------------------------------------------------


def unregister(cluster, broker_id):
    """Forget a broker: it leaves every ISR but one that it is alone in, and leads nothing. Raises KafkaError."""
    if broker_id not in cluster.brokers:
        raise KafkaError(BROKER_ID_NOT_REGISTERED, f"Broker ID {broker_id} is not currently registered")
    del cluster.brokers[broker_id]
    with cluster.metadata:
        for topic in cluster.topics.values():
            for partition in topic.partitions:
                _leave(cluster, partition, broker_id)


def _leave(cluster, partition, broker_id):
    isr = [replica for replica in partition.isr if replica != broker_id] or partition.isr
    if partition.leader == broker_id:
        able = _able(cluster, partition, isr)
        _lead(cluster, partition, able[0] if able else _NO_LEADER, isr=isr)
    elif isr != partition.isr:
        cluster.change(partition, isr=isr)
