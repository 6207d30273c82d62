"""What all groups of a coordinator share."""


class Environment:
    """`settings`: the broker's configs as attributes; `configs(group_id)` those of one group (GroupConfig);
    `random`: seeded; `topics`: Topics; `new_id()`: an id for a member; `write(group_id, key, value)`: a record, value None a tombstone;
    `batch`: with it, what is written becomes one batch; `replace(group)`: another group takes this one's place;
    `new_classic(group_id)`: a ClassicGroup that is in nobody's list yet.
    """

    __slots__ = ("settings", "configs", "time", "patience", "random", "topics", "new_id", "write", "batch", "replace", "new_classic")

    def __init__(self, **shared):
        for name in self.__slots__:
            setattr(self, name, shared[name])
