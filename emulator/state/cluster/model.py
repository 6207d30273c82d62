"""Brokers, topics and partitions as the cluster knows them."""

from collections import deque, namedtuple

from wire.errors import NOT_LEADER_OR_FOLLOWER, KafkaError

# Where a listener is reached: its name (PLAINTEXT, EXTERNAL, ...), host, port and security protocol.
Endpoint = namedtuple("Endpoint", "name host port security_protocol")

# A topic to be made: -1 is the cluster's default; `assignments` are (partition index, broker ids),
# `configs` are (name, text or None).
NewTopic = namedtuple("NewTopic", "name num_partitions replication_factor assignments configs", defaults=(-1, -1, (), ()))

_FORMS = 16  # in which a topic is told, by APIs, versions and what a client may do


class Broker:
    """A registered broker: `endpoints` by listener name, its rack, and whether it takes part."""

    __slots__ = ("id", "endpoints", "rack", "fenced", "shutting_down")

    def __init__(self, id, endpoints=(), rack=None):
        self.id = id
        self.endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        self.rack = rack
        self.fenced = False
        self.shutting_down = False

    @property
    def active(self):
        """Whether it may be in an ISR and lead."""
        return not (self.fenced or self.shutting_down)


class Partition:
    """One partition: who leads it, since which epoch, who replicates it, and its logs.

    `leader` is -1 when no in-sync replica is up. `leader_epoch` grows with every change of leader,
    `partition_epoch` with every change at all. `adding` and `removing`: those of its `replicas` that a
    reassignment under way brings and takes. `elr`: those that are not in sync and yet have all that was
    acknowledged, `last_known_elr`: who led last, while nobody does (KIP-966).
    `logs`: the Log of each replica, by broker id; `log` is the leader's, the last one's while there is none.
    """

    __slots__ = (
        "topic", "index", "replicas", "isr", "elr", "last_known_elr", "adding", "removing", "leader", "leader_epoch", "partition_epoch",
        "log", "logs",
    )  # fmt: skip

    def __init__(self, topic, index, replicas, isr):
        self.topic = topic
        self.index = index
        self.replicas = replicas
        self.isr = isr
        self.elr, self.last_known_elr = [], []
        self.adding, self.removing = [], []
        self.leader = isr[0]
        self.leader_epoch = 0
        self.partition_epoch = 0
        self.log = None
        self.logs = {}

    def no_leader(self, broker_id):
        """The KafkaError for clients that take a broker for the leader which it is not."""
        log = self.logs.get(broker_id)
        return log and log.refusal() or KafkaError(NOT_LEADER_OR_FOLLOWER)

    def __repr__(self):
        return f"<{self.topic.name}-{self.index} leader={self.leader} isr={self.isr}>"


class Topic:
    """A topic: name, id (16 bytes), its partitions by index, whether it is one of Kafka's own.

    `told`: what was made of it for clients, by what that depends on; the cluster empties it when the topic changes.
    """

    __slots__ = ("name", "topic_id", "partitions", "internal", "told")

    def __init__(self, name, topic_id, internal=False):
        self.name = name
        self.topic_id = topic_id
        self.partitions = []
        self.internal = internal
        self.told = {}

    def tell(self, form, told):
        """Keep what was made of it in this `form`."""
        if len(self.told) >= _FORMS:
            self.told.clear()
        self.told[form] = told

    @property
    def replication_factor(self):
        return len(self.partitions[0].replicas)

    def __str__(self):
        return self.name

    def __repr__(self):
        return f"<Topic {self.name}, {len(self.partitions)} partition(s)>"


class Opening:
    """New partitions, of which the logs of those `missing` are still to be made; then `show()` lets everybody see them."""

    __slots__ = ("partitions", "missing", "show", "in_turns")

    def __init__(self, partitions, show, in_turns):
        self.partitions = partitions
        self.missing = deque(partitions)
        self.show = show
        self.in_turns = in_turns  # others may do something in the middle
