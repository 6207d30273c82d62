"""What Kafka's controller checks before it makes topics and partitions, and where they then go.

Checks, their order and their words are those of org.apache.kafka.controller.ReplicationControlManager.
A plan is a list of (replicas, isr) pairs of broker id lists, by partition.
"""

from emulator.state.cluster import names
from emulator.state.cluster.placement import place
from wire.errors import (
    INVALID_CONFIG, INVALID_PARTITIONS, INVALID_REPLICA_ASSIGNMENT, INVALID_REPLICATION_FACTOR, INVALID_REQUEST,
    INVALID_TOPIC_EXCEPTION, POLICY_VIOLATION, TOPIC_ALREADY_EXISTS, UNKNOWN_SERVER_ERROR, KafkaError,
)

# Of one request, and of the metadata records that it would write.
MAX_PARTITIONS_PER_BATCH = 10_000
MAX_RECORDS_PER_BATCH = 10_000


def check_batch(new_topics, default_partitions):
    """Raise KafkaError POLICY_VIOLATION for a request that asks for too many partitions in all."""
    total = 0
    for new in new_topics:
        if new.assignments:
            total += len(new.assignments)
        elif new.num_partitions == -1:
            total += default_partitions
        elif new.num_partitions > 0:
            total += new.num_partitions
    if total > MAX_PARTITIONS_PER_BATCH:
        raise KafkaError(POLICY_VIOLATION, "Excessively large number of partitions per request.")


def check_records(count):
    """Raise KafkaError POLICY_VIOLATION when a change would take more metadata records than one batch holds."""
    if count > MAX_RECORDS_PER_BATCH:
        raise KafkaError(POLICY_VIOLATION, "Unable to perform excessively large batch operation.")


def check_name(name, cluster):
    """Raise KafkaError unless a topic may be made under this name now."""
    if name in cluster.topics or name in cluster.opening:
        raise KafkaError(TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
    if names.may_collide(name):
        other = cluster.collision(name)
        if other:
            raise KafkaError(INVALID_TOPIC_EXCEPTION, f"Topic '{name}' collides with existing topic: {other}")
    names.check(name)


def creation_configs(configs):
    """{name: text} of a new topic's configs; raises KafkaError INVALID_CONFIG for nulls."""
    nulls = [name for name, text in configs if text is None]
    if nulls:
        raise KafkaError(INVALID_CONFIG, "Null value not supported for topic configs: " + ",".join(nulls))
    return dict(configs)


def plan_topic(new, cluster):
    """The plan of a new topic; raises KafkaError."""
    if new.assignments:
        return _plan_assigned(new, cluster)
    if new.replication_factor < -1 or new.replication_factor == 0:
        raise KafkaError(INVALID_REPLICATION_FACTOR, "Replication factor must be larger than 0, or -1 to use the default value.")
    if new.num_partitions < -1 or new.num_partitions == 0:
        raise KafkaError(INVALID_PARTITIONS, "Number of partitions was set to an invalid non-positive value.")
    settings = cluster.configs.settings
    partitions = settings.num_partitions if new.num_partitions == -1 else new.num_partitions
    factor = settings.default_replication_factor if new.replication_factor == -1 else new.replication_factor
    try:
        return _with_isr(cluster, place(cluster.brokers.values(), partitions, factor, cluster.random), factor)
    except KafkaError as error:
        raise KafkaError(INVALID_REPLICATION_FACTOR, f"Unable to replicate the partition {factor} time(s): {error.message}") from None


def _plan_assigned(new, cluster):
    if new.replication_factor != -1:
        raise KafkaError(INVALID_REQUEST, "A manual partition assignment was specified, but replication factor was not set to -1.")
    if new.num_partitions != -1:
        raise KafkaError(INVALID_REQUEST, "A manual partition assignment was specified, but numPartitions was not set to -1.")
    plan, factor = {}, None
    for index, replicas in new.assignments:
        if index in plan:
            raise KafkaError(INVALID_REPLICA_ASSIGNMENT, f"Found multiple manual partition assignments for partition {index}")
        plan[index] = _assigned(cluster, index, replicas, factor)
        factor = len(replicas)
    if set(plan) != set(range(len(plan))):
        raise KafkaError(INVALID_REPLICA_ASSIGNMENT, "partitions should be a consecutive 0-based integer sequence")
    return [plan[index] for index in range(len(plan))]


def plan_growth(topic, count, assignments, cluster, charge=None):
    """The plan of the partitions that bring `topic` to `count`; raises KafkaError.

    `assignments`: None, or the broker ids of each new partition; `charge(new partitions)` may raise a KafkaError.
    """
    present = len(topic.partitions)
    if count == present:
        raise KafkaError(INVALID_PARTITIONS, f"Topic already has {present} partition(s).")
    if count < present:
        raise KafkaError(INVALID_PARTITIONS, f"The topic {topic.name} currently has {present} partition(s); {count} would not be an increase.")
    additional = count - present
    if assignments is not None and len(assignments) != additional:
        raise KafkaError(
            INVALID_REPLICA_ASSIGNMENT,
            f"Attempted to add {additional} additional partition(s), but only {len(assignments)} assignment(s) were specified.",
        )
    if charge is not None:
        charge(additional)
    factor = topic.replication_factor
    if assignments is None:
        if additional > MAX_RECORDS_PER_BATCH:
            raise KafkaError(UNKNOWN_SERVER_ERROR)  # as Kafka answers what its batch of records cannot hold
        return _with_isr(cluster, place(cluster.brokers.values(), additional, factor, cluster.random), factor)
    return [_assigned(cluster, present + number, replicas, factor) for number, replicas in enumerate(assignments)]


def _with_isr(cluster, placed, factor):
    plan = []
    for replicas in placed:
        isr = cluster.active(replicas)
        if not isr:
            raise KafkaError(
                INVALID_REPLICATION_FACTOR,
                f"Unable to replicate the partition {factor} time(s): All brokers are currently fenced or in controlled shutdown.",
            )
        plan.append((replicas, isr))
    return plan


def _assigned(cluster, index, replicas, factor):
    """One manual assignment, checked; `factor`: what the other partitions have, None for the first."""
    if not replicas:
        raise KafkaError(INVALID_REPLICA_ASSIGNMENT, "The manual partition assignment includes an empty replica list.")
    previous = None
    for broker in sorted(replicas):
        if broker not in cluster.brokers:
            raise KafkaError(INVALID_REPLICA_ASSIGNMENT, f"The manual partition assignment includes broker {broker}, but no such broker is registered.")
        if broker == previous:
            raise KafkaError(INVALID_REPLICA_ASSIGNMENT, f"The manual partition assignment includes the broker {broker} more than once.")
        previous = broker
    if factor is not None and len(replicas) != factor:
        raise KafkaError(
            INVALID_REPLICA_ASSIGNMENT,
            f"The manual partition assignment includes a partition with {len(replicas)} replica(s), but this is not consistent"
            f" with previous partitions, which have {factor} replica(s).",
        )
    isr = cluster.active(replicas)
    if not isr:
        raise KafkaError(
            INVALID_REPLICA_ASSIGNMENT,
            f"All brokers specified in the manual partition assignment for partition {index} are fenced or in controlled shutdown.",
        )
    return list(replicas), isr
