"""FindCoordinator: which broker coordinates a group, a transactional id or a share-partition.

Source: KafkaApis.getCoordinator of 4.3.1; KIP-699 (several keys at once).
"""

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.registry import handles
from emulator.state.cluster.names import CONSUMER_OFFSETS, SHARE_GROUP_STATE, TRANSACTION_STATE
from emulator.state.share.persister import parse_coordinator_key
from wire import errors
from wire.apis.metadata import FindCoordinator
from wire.errors import KafkaError

_DENIED = {
    errors.GROUP_AUTHORIZATION_FAILED: "Group authorization failed.",
    errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "Transactional Id authorization failed.",
}
_GROUP, _TRANSACTION, _SHARE = 0, 1, 2


@handles(FindCoordinator)
def find_coordinator(request, call, cluster, groups, transactions, persister):
    if call.version >= 4:
        Coordinator = FindCoordinator.Response.Coordinators
        return FindCoordinator.reply(
            coordinators=[
                Coordinator(key=key, **_find(request.key_type, key, call, cluster, groups, transactions, persister)) for key in request.coordinator_keys
            ]
        )
    return FindCoordinator.reply(**_find(request.key_type, request.key, call, cluster, groups, transactions, persister))


def _find(key_type, key, call, cluster, groups, transactions, persister):
    try:
        endpoint, node_id = _coordinator(key_type, key, call, cluster, groups, transactions, persister)
    except KafkaError as refusal:
        if call.version < 4 and refusal.error in _DENIED:
            refusal.message = _DENIED[refusal.error]
        return {"error_code": refusal.error, "error_message": refusal.message or "", "node_id": -1, "host": "", "port": -1}
    message = "NONE" if call.version < 4 else ""  # what Kafka happens to send
    return {"error_message": message, "node_id": node_id, "host": endpoint.host, "port": endpoint.port}


def _coordinator(key_type, key, call, cluster, groups, transactions, persister):
    if key_type == _SHARE and call.version < 6:
        raise KafkaError(errors.INVALID_REQUEST, "Coordinators of share groups are found with version 6 or later")
    if key_type == _GROUP:
        kind, refusal, name, coordinators = "group", errors.GROUP_AUTHORIZATION_FAILED, CONSUMER_OFFSETS, groups
    elif key_type == _TRANSACTION:
        kind, refusal = "transactional_id", errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        name, coordinators = TRANSACTION_STATE, transactions
    elif key_type == _SHARE:
        kind, refusal, name, coordinators = "cluster", errors.CLUSTER_AUTHORIZATION_FAILED, SHARE_GROUP_STATE, persister
    else:
        raise KafkaError(errors.INVALID_REQUEST, f"There is no coordinator type {key_type}")
    operation, what = ("cluster_action", CLUSTER_NAME) if key_type == _SHARE else ("describe", key)
    if not call.allowed(operation, kind, what):
        raise KafkaError(refusal, "Cluster authorization failed." if key_type == _SHARE else None)
    if key_type == _SHARE and (key := parse_coordinator_key(key)) is None:
        raise KafkaError(errors.INVALID_REQUEST)
    try:
        # Kafka answers COORDINATOR_NOT_AVAILABLE while it makes the topic; here it is there at once.
        cluster.ensure_internal_topic(name)
    except KafkaError:
        raise KafkaError(errors.COORDINATOR_NOT_AVAILABLE) from None  # too few brokers yet
    partition = cluster.partition(name, coordinators.partition_for(key))
    if partition is None:  # a client made the topic itself, with fewer partitions
        raise KafkaError(errors.COORDINATOR_NOT_AVAILABLE)
    leader = cluster.brokers.get(partition.leader)
    endpoint = leader and leader.endpoints.get(call.listener)
    if endpoint is None:
        raise KafkaError(errors.COORDINATOR_NOT_AVAILABLE)
    return endpoint, leader.id
