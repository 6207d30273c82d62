"""Which operations a client may do on a topic or the cluster, as the bit field of KIP-430."""

# AclOperation codes by resource: those that Kafka's AclEntry lists for it.
_TOPIC = {"read": 3, "write": 4, "create": 5, "delete": 6, "alter": 7, "describe": 8, "describe_configs": 10, "alter_configs": 11}
_CLUSTER = {
    "create": 5, "alter": 7, "describe": 8, "cluster_action": 9, "describe_configs": 10, "alter_configs": 11, "idempotent_write": 12,
}  # fmt: skip

CLUSTER_NAME = "kafka-cluster"  # what the one cluster resource is called


def topic_operations(call, name):
    return sum(1 << code for operation, code in _TOPIC.items() if call.allowed(operation, "topic", name))


def cluster_operations(call):
    return sum(1 << code for operation, code in _CLUSTER.items() if call.allowed(operation, "cluster", CLUSTER_NAME))
