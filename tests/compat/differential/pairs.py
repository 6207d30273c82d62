"""Ids that a server makes up: the two servers' differ, and stand for one another."""

from wire.record import Record

# Field of a response -> kind of id in it.
PAIRED = {
    "topic_id": "topic_id", "member_id": "member_id", "leader": "member_id", "producer_id": "producer_id",
    "current_producer_id": "producer_id", "session_id": "session_id", "cluster_id": "cluster_id", "voter_directory_id": "directory_id",
    "token_id": "token_id", "hmac": "hmac", "replica_directory_id": "directory_id", "client_instance_id": "client_instance_id", "subscription_id": "subscription_id",
}  # fmt: skip
# What stands for "none" everywhere, and so for itself; a topic id that nobody has is one of them.
_SAME = (None, "", 0, -1, bytes(16), bytes(15) + b"\x09")


class Known:
    """An id in a request that each server gets its own of."""

    def __init__(self, kind, number):
        self.kind = kind
        self.number = number

    def __repr__(self):
        return f"<{self.kind} {self.number}>"


class Pairs:
    """`ids[kind]` lists pairs (Kafka's id, the emulator's)."""

    def __init__(self):
        self.ids = {}
        self._partners = ({}, {})  # (kind, one server's id) -> the other's
        self._numbers = ({}, {})

    def match(self, kind, real, ours):
        """Whether these two stand for one another; two that were never seen do from now on."""
        if real in _SAME or ours in _SAME:
            return real == ours
        real_key, ours_key = (kind, real), (kind, ours)
        if real_key in self._partners[0] or ours_key in self._partners[1]:
            return self._partners[0].get(real_key) == ours
        self._partners[0][real_key], self._partners[1][ours_key] = ours, real
        known = self.ids.setdefault(kind, [])
        self._numbers[0][real_key] = self._numbers[1][ours_key] = len(known)
        known.append((real, ours))
        return True

    def number(self, kind, value, side):
        """What to sort an id of one side by: the same for both that stand for one another, None for what was never seen."""
        if value in _SAME:
            return repr(value)
        return self._numbers[side].get((kind, value))

    def known(self, kind, real):
        """A Known that stands for this id of Kafka's; itself when it stands for itself."""
        number = self._numbers[0].get((kind, real))
        return real if number is None else Known(kind, number)

    def draw(self, kind, random):
        """A Known of this kind, or None when there is none yet; the newest are drawn more often."""
        count = len(self.ids.get(kind, ()))
        if not count:
            return None
        number = count - 1 if random.random() < 0.5 else random.randrange(count)
        return Known(kind, number)

    def realize(self, value, side):
        """`value`, a record with Knowns in it, as server `side` (0 Kafka, 1 the emulator) is to get it."""
        if isinstance(value, Known):
            if hasattr(value, "build"):
                return value.build(None if value.producer is None else self.realize(value.producer, side))
            return self.ids[value.kind][value.number][side]
        if isinstance(value, Record):
            if value is type(value).DEFAULT:
                return value
            return type(value)(**{name: self.realize(getattr(value, name), side) for name in value.fields_in_order})
        if isinstance(value, (list, tuple)):
            return [self.realize(item, side) for item in value]
        return value
