"""Who is in an ensemble, and what a majority of it is."""


class Ensemble:
    """`voters` and `observers`: ids of servers. A quorum is more than half of the voters; observers never count."""

    def __init__(self, voters, observers=()):
        self.voters = frozenset(voters)
        self.observers = frozenset(observers)
        self.members = self.voters | self.observers

    def is_quorum(self, servers):
        return 2 * len(self.voters.intersection(servers)) > len(self.voters)


def epoch_of(zxid):
    """The upper half: which leader made it. An observer's vote has none."""
    return zxid >> 32


def first_zxid(epoch):
    """What a leader of this epoch starts from; the lower half counts its transactions."""
    return epoch << 32


LAST_COUNT = 0xFFFFFFFF  # a leader that has counted so far steps down, for a new epoch
