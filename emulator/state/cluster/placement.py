"""Where the replicas of new partitions go: striped over racks and brokers.

Semantics of org.apache.kafka.metadata.placement.StripedReplicaPlacer: the replicas of a partition lie
on as many racks as there are, leaders go round the racks and the brokers in them, fenced brokers are
taken last and never lead, and after as many partitions as there are brokers the order is shuffled, so
that followers of one leader differ.
"""

from wire.errors import INVALID_REPLICATION_FACTOR, KafkaError


class _Ring:
    """Brokers handed out in turn: a partition starts one broker further than the one before."""

    __slots__ = ("brokers", "start", "taken", "partition")

    def __init__(self, brokers, random):
        self.brokers = sorted(brokers)
        self.start = random.randrange(len(brokers)) if brokers else 0
        self.taken = 0
        self.partition = 0

    def take(self, partition):
        """The next broker for this partition; None when all have been taken."""
        if not self.brokers:
            return None
        if partition != self.partition:
            self.partition = partition
            self.taken = 0
            self.start = (self.start + 1) % len(self.brokers)
        if self.taken == len(self.brokers):
            return None
        broker = self.brokers[(self.start + self.taken) % len(self.brokers)]
        self.taken += 1
        return broker


class _Rack:
    __slots__ = ("unfenced", "fenced")

    def __init__(self, brokers, random):
        self.fenced = _Ring([broker.id for broker in brokers if broker.fenced], random)
        self.unfenced = _Ring([broker.id for broker in brokers if not broker.fenced], random)

    def take(self, partition):
        broker = self.unfenced.take(partition)
        return self.fenced.take(partition) if broker is None else broker


def place(brokers, partitions, replication_factor, random):
    """A list of replica lists (broker ids, the preferred leader first), one for each new partition.

    `brokers` have .id, .rack (or None) and .fenced. Raises KafkaError INVALID_REPLICATION_FACTOR.
    """
    brokers = list(brokers)
    unfenced = sum(not broker.fenced for broker in brokers)
    if replication_factor <= 0:
        raise KafkaError(INVALID_REPLICATION_FACTOR, f"Invalid replication factor {replication_factor}: the replication factor must be positive.")
    if not unfenced:
        raise KafkaError(INVALID_REPLICATION_FACTOR, "All brokers are currently fenced, or have all their log directories cordoned.")
    if replication_factor > len(brokers):
        raise KafkaError(
            INVALID_REPLICATION_FACTOR,
            f"The target replication factor of {replication_factor} cannot be reached because only {len(brokers)}"
            " broker(s) are registered or some brokers have all their log directories cordoned.",
        )
    names = sorted({broker.rack for broker in brokers}, key=lambda rack: (rack is not None, rack or ""))
    racks = [_Rack([broker for broker in brokers if broker.rack == name], random) for name in names]
    first = random.randrange(len(racks))
    placed, turn = [], 0
    for _ in range(partitions):
        if turn == unfenced > 1:
            random.shuffle(racks)
            for rack in racks:
                random.shuffle(rack.fenced.brokers)
                random.shuffle(rack.unfenced.brokers)
            turn = 0
        first %= len(racks)
        placed.append(_stripe(racks, first, turn, replication_factor))
        turn += 1
        first += 1
    return placed


def _stripe(racks, first, turn, replication_factor):
    """One partition's replicas: the leader from the first rack that can lead, then rack by rack."""
    at = first
    while (leader := racks[at].unfenced.take(turn)) is None:
        at = (at + 1) % len(racks)
    replicas, leading = [leader], at
    at = first
    while len(replicas) < replication_factor:
        if at == leading:
            leading = None  # the leader's rack had its turn, once
        elif (broker := racks[at].take(turn)) is not None:
            replicas.append(broker)
        at = (at + 1) % len(racks)
    return replicas
