"""`uniform`: as balanced as may be, and within that as little moved as may be.

Here for members that all subscribe to the same topics; `mixed` has the rest.
Source: org.apache.kafka.coordinator.group.assignor.UniformAssignor, UniformHomogeneousAssignmentBuilder of 4.3.1.
"""

from emulator.state.groups.assignors import mixed
from emulator.state.java import hash_order, int_hash, uuid_hash


def assign(members, partitions, same_topics):
    if not members:
        return {}
    return _assign_same(members, partitions) if same_topics else mixed.assign(members, partitions)


def _assign_same(members, partitions):
    topic_ids = hash_order(next(iter(members.values())).topic_ids, uuid_hash, copied=True)
    if not topic_ids:
        return {}
    assigned = {}
    for member in members.values():
        for topic_id, held in member.target.items():
            assigned.setdefault(topic_id, set()).update(held)
    free = [
        (topic_id, index)
        for topic_id in topic_ids
        for index in range(partitions[topic_id])
        if index not in assigned.get(topic_id, ())
    ]
    quota, extra = divmod(sum(partitions[topic_id] for topic_id in topic_ids), len(members))
    target, unfilled = {}, []
    for number, (member_id, member) in enumerate(members.items()):
        has_extra = extra > 0
        target[member_id], room = _keep(member.target, partitions, quota + has_extra, free)
        if room and has_extra and len(members) - number > extra:
            # Whoever is full already may use the extra partition better; the last ones must take it.
            room -= 1
            has_extra = False
        if room:
            unfilled.append((member_id, room))
        extra -= has_extra
    remaining = iter(free)
    for member_id, room in unfilled:
        taken = {topic_id: set(held) for topic_id, held in target[member_id].items()}
        for _, (topic_id, index) in zip(range(room), remaining):
            taken.setdefault(topic_id, set()).add(index)
        target[member_id] = {topic_id: frozenset(held) for topic_id, held in taken.items()}
    return target


def _keep(target, partitions, room, free):
    """(what a member keeps of its target, how much more it may have); what it must give up goes to `free`."""
    kept = {}
    for topic_id in hash_order(target, uuid_hash):
        if topic_id not in partitions:
            continue
        held = target[topic_id]
        if len(held) > room:
            ordered = hash_order(sorted(held), int_hash)
            free += [(topic_id, index) for index in ordered[room:]]
            held = frozenset(ordered[:room])
        if held:
            kept[topic_id] = held
        room -= len(held)
    return kept, room
