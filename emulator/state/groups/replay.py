"""Groups of one protocol read again from their records: the last word of each key counts.

Source: GroupMetadataManager.replay of Kafka 4.3.1.
"""


class Replay:
    """The groups of one partition of __consumer_offsets, as far as their records have been read."""

    def __init__(self, kinds):
        self.kinds = kinds
        self._groups = {}  # group id -> kind -> {what is named beside the group, None for nothing: value}

    def replay(self, kind, key, value):
        """One record; value None is a tombstone."""
        group_id, *name = (getattr(key, field) for field in key.__slots__)
        name = name[0] if name else None
        if value is not None:
            self._groups.setdefault(group_id, {}).setdefault(kind, {})[name] = value
        elif group_id in self._groups:
            kinds = self._groups[group_id]
            if kinds.get(kind, {}).pop(name, None) is not None and not kinds[kind]:
                del kinds[kind]
                if not kinds:
                    del self._groups[group_id]

    def __iter__(self):
        """(group id, Values) of each group."""
        return ((group_id, Values(kinds)) for group_id, kinds in self._groups.items())


class Values:
    """What the records of one group say."""

    def __init__(self, kinds):
        self._kinds = kinds

    def one(self, kind):
        """The value of the one record of a kind, or None."""
        return self._kinds.get(kind, {}).get(None)

    def all(self, kind):
        """{name: value} of the records of a kind, by member id or expression."""
        return self._kinds.get(kind, {})
