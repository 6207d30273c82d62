"""FindCoordinator: which broker coordinates a group or a transactional id.

Source: KafkaApis.getCoordinator of 4.3.1; KIP-699 (several keys at once).
"""

from emulator.api.registry import handles
from emulator.state.cluster.names import CONSUMER_OFFSETS, TRANSACTION_STATE
from wire import errors
from wire.apis.metadata import FindCoordinator
from wire.errors import KafkaError

_GROUP, _TRANSACTION, _SHARE = 0, 1, 2


@handles(FindCoordinator)
def find_coordinator(request, call, cluster, groups, transactions):
    if call.version >= 4:
        Coordinator = FindCoordinator.Response.Coordinators
        return FindCoordinator.reply(
            coordinators=[
                Coordinator(key=key, **_find(request.key_type, key, call, cluster, groups, transactions)) for key in request.coordinator_keys
            ]
        )
    return FindCoordinator.reply(**_find(request.key_type, request.key, call, cluster, groups, transactions))


def _find(key_type, key, call, cluster, groups, transactions):
    try:
        endpoint, node_id = _coordinator(key_type, key, call, cluster, groups, transactions)
    except KafkaError as refusal:
        return {"error_code": refusal.error, "error_message": refusal.message or "", "node_id": -1, "host": "", "port": -1}
    message = "NONE" if call.version < 4 else ""  # what Kafka happens to send
    return {"error_message": message, "node_id": node_id, "host": endpoint.host, "port": endpoint.port}


def _coordinator(key_type, key, call, cluster, groups, transactions):
    if key_type == _SHARE and call.version < 6:
        raise KafkaError(errors.INVALID_REQUEST, "Coordinators of share groups are found with version 6 or later")
    if key_type == _SHARE:
        # Of all errors only this one ends the search of the Java clients at once.
        raise KafkaError(errors.CLUSTER_AUTHORIZATION_FAILED, "share groups are not implemented yet")
    if key_type == _GROUP:
        kind, refusal, name, coordinators = "group", errors.GROUP_AUTHORIZATION_FAILED, CONSUMER_OFFSETS, groups
    elif key_type == _TRANSACTION:
        kind, refusal = "transactional_id", errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        name, coordinators = TRANSACTION_STATE, transactions
    else:
        raise KafkaError(errors.INVALID_REQUEST, f"There is no coordinator type {key_type}")
    if not call.allowed("describe", kind, key):
        raise KafkaError(refusal)
    try:
        # Kafka answers COORDINATOR_NOT_AVAILABLE while it makes the topic; here it is there at once.
        topic = cluster.ensure_internal_topic(name)
    except KafkaError:
        raise KafkaError(errors.COORDINATOR_NOT_AVAILABLE) from None  # too few brokers yet
    leader = cluster.brokers.get(topic.partitions[coordinators.partition_for(key)].leader)
    endpoint = leader and leader.endpoints.get(call.listener)
    if endpoint is None:
        raise KafkaError(errors.COORDINATOR_NOT_AVAILABLE)
    return endpoint, leader.id
