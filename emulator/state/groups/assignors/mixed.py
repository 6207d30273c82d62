"""`uniform` for members that subscribe to different topics.

First everybody keeps what it may; what is free goes, topic by topic, to the least loaded subscriber; then
partitions move from the most to the least loaded, topic by topic, until that helps no more.
Source: org.apache.kafka.coordinator.group.assignor.UniformHeterogeneousAssignmentBuilder of 4.3.1.
"""

from emulator.state.java import uuid_key

MAX_ROUNDS = 16
NOBODY = -1


def assign(members, partitions):
    member_ids = list(members)
    subscribers = {}
    for number, member in enumerate(members.values()):
        for topic_id in member.topic_ids:
            subscribers.setdefault(topic_id, []).append(number)
    if not subscribers:
        return {}
    owners = {topic_id: [NOBODY] * partitions[topic_id] for topic_id in subscribers}
    loads = [0] * len(members)
    for number, member in enumerate(members.values()):
        topic_ids = set(member.topic_ids)
        for topic_id, held in member.target.items():
            if topic_id in topic_ids:
                loads[number] += len(held)
                for index in held:
                    owners[topic_id][index] = number
    order = sorted(
        subscribers,
        key=lambda topic_id: (
            -partitions[topic_id] / len(subscribers[topic_id]),
            len(subscribers[topic_id]),
            uuid_key(topic_id),
        ),
    )
    _give_free(order, subscribers, owners, loads)
    _balance([topic_id for topic_id in order if len(subscribers[topic_id]) > 1], subscribers, owners, loads)
    target = {member_id: {} for member_id in member_ids}
    for topic_id in order:
        for index, number in enumerate(owners[topic_id]):
            target[member_ids[number]].setdefault(topic_id, set()).add(index)
    return {
        member_id: {topic_id: frozenset(held) for topic_id, held in topics.items()} for member_id, topics in target.items()
    }


def _give_free(order, subscribers, owners, loads):
    for topic_id in order:
        least = None
        owned_by = owners[topic_id]
        for index, owner in enumerate(owned_by):
            if owner == NOBODY:
                if least is None:
                    least = _Scale(subscribers[topic_id], loads)
                number = least.next_light()
                owned_by[index] = number
                loads[number] += 1


def _balance(order, subscribers, owners, loads):
    last_moved = None
    for _ in range(MAX_ROUNDS):
        for topic_id in order:
            if topic_id == last_moved:
                return  # once around without a move
            if _balance_topic(subscribers[topic_id], owners[topic_id], loads) or last_moved is None:
                last_moved = topic_id


def _balance_topic(subscribed, owned_by, loads):
    """How many partitions of one topic moved."""
    scale = _Scale(subscribed, loads)
    if scale.imbalance <= 1:
        return 0
    held = {}
    for index, number in enumerate(owned_by):
        held.setdefault(number, []).append(index)
    moved = 0
    while not scale.is_balanced:
        heavy = scale.next_heavy()
        while heavy is not None and not held.get(heavy):
            scale.exclude_heavy()
            heavy = scale.next_heavy()
        if heavy is None:
            break
        index = held[heavy].pop()
        light = scale.next_light()
        if scale.is_balanced:
            break
        owned_by[index] = light
        loads[heavy] -= 1
        loads[light] += 1
        moved += 1
    return moved


class _Scale:
    """The subscribers of a topic by load: a growing range of light ones at one end, of heavy ones at the other.

    Each range is a plateau: all in it have the same load, and are taken in turn; then its level moves by one and
    the range takes in who is at that level already.
    """

    def __init__(self, subscribed, loads):
        self._loads = loads
        self._order = order = sorted(subscribed, key=lambda number: (loads[number], number))
        self.imbalance = loads[order[-1]] - loads[order[0]]
        self._light_end, self._light_level, self._light_next = 0, loads[order[0]] - 1, 0
        self._heavy_start = self._heavy_end = len(order)
        self._heavy_level, self._heavy_next = loads[order[-1]] + 1, len(order) - 1

    @property
    def is_balanced(self):
        return self._heavy_level - self._light_level <= 1

    def next_light(self):
        order, loads = self._order, self._loads
        if self._light_next >= self._light_end:
            self._light_level += 1
            while self._light_end < len(order) and loads[order[self._light_end]] == self._light_level:
                self._light_end += 1
            self._light_next = 0
        self._light_next += 1
        return order[self._light_next - 1]

    def next_heavy(self):
        """The next one, or None when nobody is left that could give."""
        order, loads = self._order, self._loads
        if self._heavy_next < self._heavy_start:
            if self._heavy_end <= self._heavy_start and self._heavy_start > 0:
                self._heavy_level = loads[order[self._heavy_start - 1]]  # all of the range were excluded
            else:
                self._heavy_level -= 1
            while self._heavy_start > 0 and loads[order[self._heavy_start - 1]] == self._heavy_level:
                self._heavy_start -= 1
            self._heavy_next = self._heavy_end - 1
        if self._heavy_next < 0:
            return None
        self._heavy_next -= 1
        return order[self._heavy_next + 1]

    def exclude_heavy(self):
        """Take the last one given out of the range: it has nothing to give."""
        order = self._order
        last = self._heavy_end - 1
        order[self._heavy_next + 1], order[last] = order[last], order[self._heavy_next + 1]
        self._heavy_end = last
