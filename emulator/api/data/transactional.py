"""What a Produce request must have settled with the transaction coordinator before its batches are stored (KIP-890).

Up to v11 the partitions must have been added to the transaction; v12 adds them. Once the first batch of a transaction
is in a partition's log, that log knows, and the coordinator is asked no more.
Source: KafkaApis.handleProduceRequest, ReplicaManager.handleProduceAppend, AddPartitionsToTxnManager of 4.3.1.
"""

from wire import errors
from wire.errors import KafkaError
from wire.records import HEADER_SIZE, read_header

_FLAGS_AT, _TRANSACTIONAL = 22, 0x10  # the low byte of a batch's attributes
_ADDS_PARTITIONS = 12
_KNOWS_ABORTABLE = 11
# What older producers take for the end of the world; this they try again.
_TRY_AGAIN = (
    errors.CONCURRENT_TRANSACTIONS, errors.NOT_COORDINATOR, errors.COORDINATOR_NOT_AVAILABLE, errors.COORDINATOR_LOAD_IN_PROGRESS,
)  # fmt: skip


class Unsettled(KafkaError):
    """A partition's batch is refused before its log is asked; `message` goes to the client."""


def has_transactional(request):
    """Whether any batch of a Produce request says that it belongs to a transaction."""
    for topic in request.topic_data:
        for data in topic.partition_data:
            records = data.records
            if records is not None and len(records) >= HEADER_SIZE and records[_FLAGS_AT] & _TRANSACTIONAL:
                return True
    return False


def transaction_errors(request, call, cluster, configs, transactions):
    """({(topic, index): Unsettled} of the partitions whose batches may not be stored, an Unsettled when none may)."""
    transactional_id, version = request.transactional_id, call.version
    if transactional_id is None or not call.allowed("write", "transactional_id", transactional_id):
        return {}, Unsettled(errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    verifies = configs.settings.transaction_partition_verification_enable
    producers, unknown, refused = set(), [], {}
    for topic, index, log, header in _transactional(request, cluster, version):
        producers.add((header.producer_id, header.producer_epoch))
        if log.producers.in_transaction(header.producer_id, header.producer_epoch):
            continue
        entry = log.producers.get(header.producer_id)
        if entry is not None and header.producer_epoch < entry.producer_epoch:
            refused[topic, index] = Unsettled(errors.INVALID_PRODUCER_EPOCH)
        else:
            unknown.append((topic, index))
            if verifies:
                log.producers.ask(header, 2 if version >= _ADDS_PARTITIONS else 1, call.now)
    if len({producer_id for producer_id, _ in producers}) > 1:
        return {}, Unsettled(errors.INVALID_PRODUCER_ID_MAPPING)
    if unknown and verifies:
        verdicts = _ask(transactions, (transactional_id, *producers.pop()), unknown, version)
        refused.update((each, _unsettled(error, version)) for each, error in verdicts.items() if error)
    return refused, None


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
            records = data.records
            if records is None or len(records) < HEADER_SIZE or not records[_FLAGS_AT] & _TRANSACTIONAL:
                continue
            if 0 <= data.index < len(topic.partitions):
                yield topic.name, data.index, topic.partitions[data.index].log, read_header(records)


def _unsettled(error, version):
    if error == errors.PRODUCER_FENCED:
        return Unsettled(errors.INVALID_PRODUCER_EPOCH)
    if error == errors.TRANSACTION_ABORTABLE and version < _KNOWS_ABORTABLE:
        return Unsettled(errors.INVALID_TXN_STATE, "Partition was not added to the transaction")
    if error in _TRY_AGAIN and not (error == errors.CONCURRENT_TRANSACTIONS and version >= _ADDS_PARTITIONS):
        return Unsettled(errors.NOT_ENOUGH_REPLICAS)
    return Unsettled(error)
