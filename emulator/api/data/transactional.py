"""What a Produce request must have settled with the transaction coordinator before its batches are stored (KIP-890).

Up to v11 the partitions must have been added to the transaction; v12 adds them. Once the first batch of a transaction
is in a partition's log, that log knows, and the coordinator is asked no more.
Source: KafkaApis.handleProduceRequest, ReplicaManager.handleProduceAppend, AddPartitionsToTxnManager of 4.3.1.
"""

from wire import errors
from wire.errors import KafkaError
from wire.records import HEADER_SIZE, check_shape, is_transactional, read_header

_ADDS_PARTITIONS = 12
_KNOWS_ABORTABLE = 11
# What older producers take for the end of the world; this they try again.
_TRY_AGAIN = (
    errors.CONCURRENT_TRANSACTIONS, errors.NOT_COORDINATOR, errors.COORDINATOR_NOT_AVAILABLE, errors.COORDINATOR_LOAD_IN_PROGRESS,
)  # fmt: skip


class Unsettled(KafkaError):
    """A partition's batch is refused before its log is asked; `message` goes to the client."""


def has_transactional(request):
    """Whether any batch of a Produce request says that it belongs to a transaction; BadBatch for what is no batch."""
    found = False
    for topic in request.topic_data:
        for data in topic.partition_data:
            if is_transactional(data.records):
                found = True
    return found


def check_may_write(request, call):
    """Raises Unsettled: the client may not write in the name of its transactional id, or has none."""
    transactional_id = request.transactional_id
    if transactional_id is None or not call.allowed("write", "transactional_id", transactional_id):
        raise Unsettled(errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)


def settle(request, call, cluster, configs, transactions):
    """{(topic, index): Unsettled} of the partitions whose batches may not be stored.

    Raises Unsettled when none may: INVALID_PRODUCER_ID_MAPPING.
    """
    transactional_id, version = request.transactional_id, call.version
    verifies = configs.settings.transaction_partition_verification_enable
    batches = list(_transactional(request, cluster, version))
    producers = {(header.producer_id, header.producer_epoch) for _, _, _, header in batches}
    if len(producers) > 1:
        raise Unsettled(errors.INVALID_PRODUCER_ID_MAPPING)
    unknown, refused = [], {}
    for topic, index, log, header in batches:
        if log.producers.in_transaction(header.producer_id, header.producer_epoch):
            continue
        if log.producers.is_stale(header.producer_id, header.producer_epoch):
            refused[topic, index] = Unsettled(errors.INVALID_PRODUCER_EPOCH)
        else:
            unknown.append((topic, index))
            if verifies:
                log.producers.ask(header, 2 if version >= _ADDS_PARTITIONS else 1, call.now)
    if unknown and verifies:
        verdicts = _ask_patiently(transactions, (transactional_id, *producers.pop()), unknown, call, configs.settings)
        refused.update((each, _unsettled(error, version)) for each, error in verdicts.items() if error)
    return refused


def _ask_patiently(transactions, producer, partitions, call, settings):
    """As `_ask`, again and again while the last transaction is still being ended: the client's own retry would cost more."""
    verdicts = _ask(transactions, producer, partitions, call.version)
    begun = call.patience.now()
    while call.version >= _ADDS_PARTITIONS and errors.CONCURRENT_TRANSACTIONS in verdicts.values():
        now = call.patience.now()
        if now - begun >= settings.add_partitions_to_txn_retry_backoff_max_ms:
            break
        call.pending().wait(now + settings.add_partitions_to_txn_retry_backoff_ms)
        verdicts = _ask(transactions, producer, partitions, call.version)
    return verdicts


def _ask(transactions, producer, partitions, version):
    """{(topic, index): error code} as the coordinator knows the partitions, or gets to know them."""
    try:
        if version < _ADDS_PARTITIONS:
            return transactions.verify_partitions(*producer, partitions)
        transactions.add_partitions(*producer, partitions, version=2)
    except KafkaError as refusal:
        return dict.fromkeys(partitions, refusal.error)
    return {}


def _transactional(request, cluster, version):
    """(topic name, index, log, header) of every transactional batch for a partition that there is."""
    for asked in request.topic_data:
        topic = cluster.topics_by_id.get(asked.topic_id) if version >= 13 else cluster.topics.get(asked.name)
        if topic is None:
            continue
        for data in asked.partition_data:
            if 0 <= data.index < len(topic.partitions) and _is_whole(data.records, version) and is_transactional(data.records):
                header = read_header(data.records)
                if header.has_producer_id:  # others are stored as if they were of no transaction
                    yield topic.name, data.index, topic.partitions[data.index].log, header


def _is_whole(records, version):
    try:
        return records is not None and check_shape(records, version) >= HEADER_SIZE
    except KafkaError:
        return False


def _unsettled(error, version):
    if error == errors.PRODUCER_FENCED:
        return Unsettled(errors.INVALID_PRODUCER_EPOCH)
    if error == errors.TRANSACTION_ABORTABLE and version < _KNOWS_ABORTABLE:
        return Unsettled(errors.INVALID_TXN_STATE, "Partition was not added to the transaction")
    if error in _TRY_AGAIN and not (error == errors.CONCURRENT_TRANSACTIONS and version >= _ADDS_PARTITIONS):
        return Unsettled(errors.NOT_ENOUGH_REPLICAS)
    return Unsettled(error)
