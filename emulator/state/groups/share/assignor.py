"""The `simple` assignor of share groups: every partition with enough members, every member with its share.

A partition may be with several members. What a member has, it keeps where that is fair.
Source: org.apache.kafka.coordinator.group.assignor.SimpleAssignor, SimpleHomogeneousAssignmentBuilder,
SimpleHeterogeneousAssignmentBuilder of Kafka 4.3.1.
"""

from math import ceil

from emulator.state.java import hash_order, int_hash, string_hash, uuid_hash

NAME = "simple"


def assign(subscriptions, assignable, before):
    """{member_id: {topic_id: frozenset of partitions}}.

    `subscriptions`: {member_id: set of topic ids}; `assignable`: {topic_id: partitions}; `before`: as the result.
    """
    members = hash_order(subscriptions, string_hash)
    topics = hash_order(set().union(*subscriptions.values()), uuid_hash)
    # Nobody keeps a topic that it is not subscribed to any more.
    held = {
        member: {
            (topic_id, index)
            for topic_id, partitions in before.get(member, {}).items()
            if topic_id in subscriptions[member]
            for index in partitions
        }
        for member in members
    }
    wanted = list(subscriptions.values())
    pools = [topics] if all(topic_ids == wanted[0] for topic_ids in wanted) else [[topic_id] for topic_id in topics]
    for pool in pools:
        partitions = [(topic_id, index) for topic_id in pool for index in sorted(assignable.get(topic_id, ()))]
        sharers = [member for member in members if pool[0] in subscriptions[member]] if pool else []
        if sharers:
            _share(sharers, partitions, set(pool), held)
    return {member: _by_topic(partitions) for member, partitions in held.items()}


def _share(members, partitions, topics, held):
    """Even out who has which of the partitions of these topics; `held` is changed."""
    count = len(partitions)
    sharing = -(-len(members) // count) if count else 0
    each = sharing * count / len(members)
    desired = {member: ceil(each * (i + 1)) - ceil(each * i) for i, member in enumerate(members)}
    owners, mine = {}, {}
    for member in members:
        mine[member] = _ordered(partition for partition in held[member] if partition[0] in topics)
        for partition in mine[member]:
            owners.setdefault(partition, []).append(member)

    def revoke(member, partition):
        held[member].discard(partition)
        mine[member].remove(partition)
        owners[partition].remove(member)

    for member in members:
        while len(mine[member]) > desired[member]:
            revoke(member, mine[member][0])
    for partition in _ordered(owners):
        while len(owners[partition]) > sharing:
            revoke(owners[partition][0], partition)
    for partition in partitions:
        owners.setdefault(partition, [])

    unfilled = [member for member in members if len(mine[member]) < desired[member]]
    position = 0
    for partition in _ordered(owners, sized=True):
        tried = 0
        while len(owners[partition]) < sharing and unfilled and tried < len(unfilled):
            position %= len(unfilled)
            member = unfilled[position]
            if member in owners[partition]:
                position += 1
                tried += 1
                continue
            owners[partition].append(member)
            held[member].add(partition)
            mine[member].append(partition)
            tried = 0
            if len(mine[member]) >= desired[member]:
                del unfilled[position]
            else:
                position += 1


def _ordered(partitions, sized=False):
    return hash_order(partitions, lambda partition: 31 * uuid_hash(partition[0]) + int_hash(partition[1]), copied=sized)


def _by_topic(partitions):
    topics = {}
    for topic_id, index in sorted(partitions):
        topics.setdefault(topic_id, []).append(index)
    return {topic_id: frozenset(indexes) for topic_id, indexes in topics.items()}
