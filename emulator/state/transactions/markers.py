"""COMMIT and ABORT markers into the partitions of a transaction.

Source: KafkaApis.handleWriteTxnMarkersRequest of Kafka 4.3.1.
"""

from emulator.state.cluster.names import CONSUMER_OFFSETS
from wire import errors
from wire.errors import KafkaError


class Markers:
    """Those into partitions that `broker` leads. Offsets committed within a transaction take effect with the marker in __consumer_offsets."""

    def __init__(self, broker, cluster, groups, time):
        self._broker = broker
        self._cluster = cluster
        self._groups = groups
        self._time = time

    def write(self, topic, index, producer_id, producer_epoch, coordinator_epoch, commit, version):
        """The error code."""
        partition = self._cluster.partition(topic, index)
        if partition is None:
            return errors.UNKNOWN_TOPIC_OR_PARTITION
        if partition.leader != self._broker.id:
            return errors.NOT_LEADER_OR_FOLLOWER
        if -1 in (producer_id, producer_epoch):
            return errors.UNKNOWN_SERVER_ERROR  # nobody's; so answers Kafka
        if len(partition.isr) < min(partition.log.config.min_insync_replicas, len(partition.replicas)):
            return errors.NOT_ENOUGH_REPLICAS
        try:
            partition.log.append_marker(
                commit, producer_id, producer_epoch, coordinator_epoch, partition.leader_epoch, self._time.now(), version
            )
        except KafkaError as refusal:
            return refusal.error
        if topic == CONSUMER_OFFSETS:
            self._groups.end_transaction(producer_id, index, commit)
        return errors.NONE
