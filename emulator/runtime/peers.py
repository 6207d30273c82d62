"""What one broker asks of another: a function call here, a request between brokers in Kafka.

A broker that is down, or hangs, gives no answer: who asks is told what Kafka tells who waited for one in vain.
"""

from emulator.state.cluster import names
from wire import errors
from wire.errors import KafkaError


class Peers:
    """`answering`: {broker id: services} of the brokers that are up, and answer."""

    def __init__(self, cluster):
        self.answering = {}
        self._cluster = cluster

    def coordinator(self, topic, index, service):
        """A service of the broker that leads this partition of an internal topic. KafkaError COORDINATOR_NOT_AVAILABLE."""
        partition = self._cluster.partition(topic, index)
        services = partition and self.answering.get(partition.leader)
        if services is None:
            raise KafkaError(errors.COORDINATOR_NOT_AVAILABLE)
        return services[service]

    def write_marker(self, topic, index, *marker):
        """See Markers.write, at the partition's leader."""
        partition = self._cluster.partition(topic, index)
        if partition is None:
            return errors.UNKNOWN_TOPIC_OR_PARTITION
        services = self.answering.get(partition.leader)
        return errors.NOT_LEADER_OR_FOLLOWER if services is None else services["markers"].write(topic, index, *marker)


class TransactionPeers:
    """What brokers ask the coordinator of a transactional id, whichever of them it is; `own`: the one that is here."""

    def __init__(self, own, peers):
        self._own = own
        self._peers = peers

    def add_partitions(self, transactional_id, *arguments, **options):
        """See TransactionCoordinator."""
        return self._of(transactional_id).add_partitions(transactional_id, *arguments, **options)

    def verify_partitions(self, transactional_id, *arguments):
        """See TransactionCoordinator."""
        return self._of(transactional_id).verify_partitions(transactional_id, *arguments)

    def _of(self, transactional_id):
        if not transactional_id:
            return self._own  # which says what is wrong
        return self._peers.coordinator(names.TRANSACTION_STATE, self._own.partition_for(transactional_id), "transactions")


class PersisterPeers:
    """The share coordinator of a share-partition, whichever broker it is; `own`: the one that is here."""

    def __init__(self, own, cluster, peers):
        self._own = own
        self._cluster = cluster
        self._peers = peers

    def _of(self, key):
        self._cluster.ensure_internal_topic(names.SHARE_GROUP_STATE)
        return self._at_leader(key)

    def _at_leader(self, key):
        return self._peers.coordinator(names.SHARE_GROUP_STATE, self._own.partition_for(key), "persister")

    def initialize(self, key, *arguments):
        """See Persister, as for all that follow."""
        self._of(key).initialize(key, *arguments)

    def read(self, key, *arguments):
        return self._of(key).read(key, *arguments)

    def write(self, key, *arguments):
        self._of(key).write(key, *arguments)

    def summary(self, key):
        try:
            return self._at_leader(key).summary(key)
        except KafkaError:
            return None

    def delete(self, key):
        self._of(key).delete(key)

    def topic_deleted(self, topic_id):
        self._own.topic_deleted(topic_id)  # the others learn of it as well
