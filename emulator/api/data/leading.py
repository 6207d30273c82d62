"""Whether this broker is the one to ask about a partition, and who is, if not (KIP-320, KIP-392, KIP-951)."""

from wire import errors
from wire.errors import KafkaError

ASK_ANOTHER = (errors.NOT_LEADER_OR_FOLLOWER, errors.FENCED_LEADER_EPOCH)
RACK_AWARE = "org.apache.kafka.common.replica.RackAwareReplicaSelector"


def check_leader_epoch(partition, current_leader_epoch):
    """Refuse a client whose metadata is older, or newer, than ours. Raises KafkaError."""
    if current_leader_epoch != -1 and current_leader_epoch != partition.leader_epoch:
        raise KafkaError(
            errors.FENCED_LEADER_EPOCH
            if current_leader_epoch < partition.leader_epoch
            else errors.UNKNOWN_LEADER_EPOCH
        )


def check_leads(partition, broker, current_leader_epoch=-1):
    """Refuse, besides, what only the leader answers. Raises KafkaError."""
    if broker.id in partition.logs:  # else it is not asked which epoch it knows
        check_leader_epoch(partition, current_leader_epoch)
    if partition.leader != broker.id:
        raise partition.no_leader(broker.id)


def name_leader(answer, partition):
    """Tell in `answer`, whose error is of ASK_ANOTHER, who leads a partition."""
    answer.current_leader = type(answer).CurrentLeader(leader_id=partition.leader, leader_epoch=partition.leader_epoch)


def node_endpoints(partitions, cluster, listener, Node):
    """`Node` records of those who lead these partitions, as far as the client's listener reaches them."""
    nodes = {}
    for partition in partitions:
        broker = cluster.brokers.get(partition.leader)
        if broker is not None and not broker.fenced and listener in broker.endpoints:
            endpoint = broker.endpoints[listener]
            nodes[broker.id] = Node(node_id=broker.id, host=endpoint.host, port=endpoint.port, rack=broker.rack)
    return list(nodes.values())
