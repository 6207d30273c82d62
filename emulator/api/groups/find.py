"""FindCoordinator: which broker coordinates a group.

Source: KafkaApis.getCoordinator of 4.3.1; KIP-699 (several keys at once).
"""

from emulator.api.registry import handles
from wire import errors
from wire.apis.metadata import FindCoordinator
from wire.errors import KafkaError

_GROUP, _TRANSACTION, _SHARE = 0, 1, 2
_OFFSETS_TOPIC = "__consumer_offsets"


@handles(FindCoordinator)
def find_coordinator(request, call, cluster, groups):
    if call.version >= 4:
        Coordinator = FindCoordinator.Response.Coordinators
        return FindCoordinator.reply(
            coordinators=[
                Coordinator(key=key, **_find(request.key_type, key, call, cluster, groups)) for key in request.coordinator_keys
            ]
        )
    return FindCoordinator.reply(**_find(request.key_type, request.key, call, cluster, groups))


def _find(key_type, key, call, cluster, groups):
    try:
        endpoint, node_id = _coordinator(key_type, key, call, cluster, groups)
    except KafkaError as refusal:
        return {"error_code": refusal.error, "error_message": refusal.message or "", "node_id": -1, "host": "", "port": -1}
    message = "NONE" if call.version < 4 else ""  # what Kafka happens to send
    return {"error_message": message, "node_id": node_id, "host": endpoint.host, "port": endpoint.port}


def _coordinator(key_type, key, call, cluster, groups):
    if key_type == _SHARE and call.version < 6:
        raise KafkaError(errors.INVALID_REQUEST, "Coordinators of share groups are found with version 6 or later")
    if key_type in (_TRANSACTION, _SHARE):
        # Of all errors only this one ends the search of librdkafka, the Java producer, kafka-python and aiokafka
        # at once, the first two with the message.
        kind = "transactions" if key_type == _TRANSACTION else "share groups"
        raise KafkaError(errors.CLUSTER_AUTHORIZATION_FAILED, f"{kind} are not implemented yet")
    if key_type != _GROUP:
        raise KafkaError(errors.INVALID_REQUEST, f"There is no coordinator type {key_type}")
    if not call.allowed("describe", "group", key):
        raise KafkaError(errors.GROUP_AUTHORIZATION_FAILED)
    try:
        # Kafka answers COORDINATOR_NOT_AVAILABLE while it makes the topic; here it is there at once.
        topic = cluster.ensure_internal_topic(_OFFSETS_TOPIC)
    except KafkaError:
        raise KafkaError(errors.COORDINATOR_NOT_AVAILABLE) from None  # too few brokers yet
    leader = cluster.brokers.get(topic.partitions[groups.partition_for(key)].leader)
    endpoint = leader and leader.endpoints.get(call.listener)
    if endpoint is None:
        raise KafkaError(errors.COORDINATOR_NOT_AVAILABLE)
    return endpoint, leader.id
