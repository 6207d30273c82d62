"""Which operations a client may do on a topic, a group or the cluster, as the bit field of KIP-430."""

from emulator.state.authorizer import OPERATIONS

CLUSTER_NAME = "kafka-cluster"  # what the one cluster resource is called


def _field(*operations):
    return sum(1 << OPERATIONS[operation] for operation in operations)


# Those that Kafka's AclEntry lists for a resource.
_TOPIC = _field("read", "write", "create", "delete", "alter", "describe", "describe_configs", "alter_configs")
_GROUP = _field("read", "delete", "describe", "describe_configs", "alter_configs")
_CLUSTER = _field("create", "alter", "describe", "cluster_action", "describe_configs", "alter_configs", "idempotent_write")


def topic_operations(call, name):
    return call.operations("topic", name) & _TOPIC


def group_operations(call, group_id):
    return call.operations("group", group_id) & _GROUP


def cluster_operations(call):
    return call.operations("cluster", CLUSTER_NAME) & _CLUSTER
