"""__transaction_state: each transition of a transactional id is a record there, and the last one tells its state.

Source: org.apache.kafka.coordinator.transaction.TransactionLog of Kafka 4.3.1.
"""

from emulator.state.cluster.names import TRANSACTION_STATE
from emulator.state.internal_topics import RECORDS_A_SLICE, Store, partition_for
from emulator.state.transactions.states import BY_ID, EMPTY
from emulator.state.transactions.transaction import Transaction
from wire import errors
from wire.errors import KafkaError
from wire.internal import TRANSACTION_STATE as RECORDS
from wire.internal.transactions import TransactionLog as Kind

_VERSION = 1  # of the values, as transaction.version 2 has them
_Partitions = Kind.Value.TransactionPartitions


class TransactionLog:
    """The topic's partitions, by transactional id: those that `broker` leads."""

    def __init__(self, broker, cluster, settings, time):
        self._broker = broker
        self._cluster = cluster
        self._count = settings.transaction_state_log_num_partitions
        self.records = Store(self._partition, time, base_sequence=-1)

    def partition_for(self, transactional_id):
        return partition_for(transactional_id, self._count)

    def _partition(self, index):
        partition = self._cluster.partition(TRANSACTION_STATE, index)
        if partition is None or partition.leader != self._broker.id:
            raise KafkaError(errors.NOT_COORDINATOR)
        return partition

    def check(self, transactional_id):
        """Raise KafkaError NOT_COORDINATOR as long as nobody has looked for the coordinator of this id; see Store."""
        self.records.check(self.partition_for(transactional_id))

    def check_writable(self, transactional_id):
        """As `check`, and COORDINATOR_NOT_AVAILABLE as long as too few replicas are in sync to take another record."""
        index = self.partition_for(transactional_id)
        self.records.check(index)
        partition = self._partition(index)
        if len(partition.isr) < min(partition.log.config.min_insync_replicas, len(partition.replicas)):
            raise KafkaError(errors.COORDINATOR_NOT_AVAILABLE)

    def epoch_for(self, transactional_id):
        """The coordinator's epoch, which markers carry: its partition's leader epoch."""
        return self._partition(self.partition_for(transactional_id)).leader_epoch

    def write(self, transaction):
        self._append(transaction.transactional_id, _value(transaction))

    def erase(self, transactional_id):
        self._append(transactional_id, None)

    def _append(self, transactional_id, value):
        self.records.append(self.partition_for(transactional_id), Kind.key(transactional_id=transactional_id), value)

    def read_into(self, found, index):
        """A generator that fills `found`, {transactional id: Transaction}, as the records of one partition leave them."""
        for number, (_, key, value) in enumerate(self.records.read(index)):
            if number % RECORDS_A_SLICE == 0:
                yield
            _take(found, *RECORDS.parse(key, value)[1:])


def _value(transaction):
    topics = {}
    for topic, index in transaction.partitions:
        topics.setdefault(topic, []).append(index)
    return Kind.value(
        _VERSION,
        producer_id=transaction.producer_id,
        previous_producer_id=transaction.previous_producer_id,
        next_producer_id=transaction.next_producer_id,
        producer_epoch=transaction.producer_epoch,
        transaction_timeout_ms=transaction.timeout_ms,
        transaction_status=transaction.state_id,
        transaction_partitions=None
        if transaction.state == EMPTY
        else [_Partitions(topic=topic, partition_ids=indexes) for topic, indexes in topics.items()],
        transaction_last_update_timestamp_ms=transaction.last_update_timestamp,
        transaction_start_timestamp_ms=transaction.start_timestamp,
        client_transaction_version=transaction.version,
    )


def _take(found, key, value):
    transactional_id = key.transactional_id
    if value is None:
        found.pop(transactional_id, None)
        return
    transaction = Transaction(
        transactional_id, value.producer_id, value.transaction_timeout_ms, value.transaction_last_update_timestamp_ms
    )
    transaction.previous_producer_id = value.previous_producer_id
    transaction.next_producer_id = value.next_producer_id
    transaction.producer_epoch = value.producer_epoch
    transaction.state = BY_ID[value.transaction_status]
    transaction.start_timestamp = value.transaction_start_timestamp_ms
    transaction.version = value.client_transaction_version
    for topic in value.transaction_partitions or ():
        transaction.partitions.update(((topic.topic, index), None) for index in topic.partition_ids)
    found[transactional_id] = transaction
