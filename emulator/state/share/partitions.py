"""All share-partitions that are led here, and the sessions of those who fetch from them.

Source: kafka.server.share.SharePartitionManager of Kafka 4.3.1.
"""

from emulator.state.configs.group import BY_DURATION, EARLIEST, LATEST, duration_ms
from emulator.state.share.partition import SharePartition
from emulator.state.share.sessions import ShareSessions
from wire import errors
from wire.errors import KafkaError

# What the leader makes of an error of its persister.
_OF_PERSISTER = {
    errors.FENCED_LEADER_EPOCH: errors.NOT_LEADER_OR_FOLLOWER,
    errors.FENCED_STATE_EPOCH: errors.NOT_LEADER_OR_FOLLOWER,
    errors.INVALID_REQUEST: errors.UNKNOWN_SERVER_ERROR,
    errors.COORDINATOR_LOAD_IN_PROGRESS: errors.COORDINATOR_NOT_AVAILABLE,
    errors.NOT_COORDINATOR: errors.COORDINATOR_NOT_AVAILABLE,
}


class SharePartitions:
    """Of one `broker`. `configs(group_id)`: a GroupConfig; `cluster`: whose partitions and logs; `time`: what locks hang on."""

    def __init__(self, settings, configs, broker, cluster, persister, time):
        self.sessions = ShareSessions(settings.group_share_max_share_sessions)
        self._configs = configs
        self._broker = broker
        self._cluster = cluster
        self._persister = persister
        self._time = time
        self._partitions = {}  # (group id, topic id, index) -> SharePartition
        cluster.on_delete.append(self._topic_deleted)
        cluster.on_leader.append(self._led)

    def config(self, group_id):
        return self._configs(group_id)

    def log(self, topic_id, index):
        """The Log of a partition. KafkaError UNKNOWN_TOPIC_OR_PARTITION."""
        return self._partition(topic_id, index).log

    def _partition(self, topic_id, index):
        topic = self._cluster.topics_by_id.get(topic_id)
        if topic is None or not 0 <= index < len(topic.partitions):
            raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION)
        partition = topic.partitions[index]
        if partition.leader != self._broker.id:
            raise KafkaError(errors.NOT_LEADER_OR_FOLLOWER)
        return partition

    def begin(self, group_id, topic_id, index):
        """The SharePartition, made when it is first fetched from. KafkaError."""
        key = group_id, topic_id, index
        found = self._partitions.get(key)
        if found is None:
            partition = self._partition(topic_id, index)
            try:
                found = SharePartition(
                    key, partition.leader_epoch, lambda: self._configs(group_id), self._time, self._persister,
                    lambda strategy: self._reset(partition.log, strategy),
                )  # fmt: skip
            except KafkaError as refusal:
                raise KafkaError(_OF_PERSISTER.get(refusal.error, refusal.error), refusal.message) from None
            self._partitions[key] = found
        return found

    def _reset(self, log, strategy):
        """The offset that share.auto.offset.reset means: earliest, latest, by_duration:<ISO 8601>."""
        if strategy == EARLIEST:
            return log.log_start_offset
        if strategy == LATEST:
            return log.high_watermark
        found = log.find_timestamp(max(self._time.now() - duration_ms(strategy[len(BY_DURATION) :]), 0))
        if found is None:
            raise KafkaError(errors.OFFSET_NOT_AVAILABLE)
        return found[0]

    def acknowledge(self, group_id, member_id, topic_id, index, acknowledgements):
        """See SharePartition.acknowledge. KafkaError."""
        key = group_id, topic_id, index
        found = self._partitions.get(key)
        if found is None:
            raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION)
        self._change(key, found.acknowledge, member_id, acknowledgements)

    def _change(self, key, method, *arguments):
        try:
            method(*arguments)
        except KafkaError as refusal:
            if refusal.error in (errors.INVALID_RECORD_STATE, errors.INVALID_REQUEST) and key in self._partitions:
                if self._persister.summary(key) is not None:
                    raise
            error = _OF_PERSISTER.get(refusal.error, refusal.error)
            if error == errors.NOT_LEADER_OR_FOLLOWER:
                self._drop(key)
            raise KafkaError(error, refusal.message) from None

    def release(self, group_id, member_id):
        """End a member's session: what it had is free again. KafkaError SHARE_SESSION_NOT_FOUND."""
        session = self.sessions.close(group_id, member_id)
        for topic_id, index in session.partitions:
            key = group_id, topic_id, index
            found = self._partitions.get(key)
            if found is not None:
                try:
                    self._change(key, found.release, member_id)
                except KafkaError:
                    continue  # nobody keeps the state of this partition any more

    def connection_closed(self, connection):
        """End the sessions of a client that is gone; a group without any is not remembered here."""
        for group_id, member_id in self.sessions.of_connection(connection):
            self.release(group_id, member_id)
        gone = self.sessions.forget_connection(connection)
        for key in [key for key in self._partitions if key[0] in gone]:
            self._drop(key)

    def _led(self, partition, before):
        """Whoever leads a partition in a new epoch begins with what the persister knows."""
        topic_id, index = partition.topic.topic_id, partition.index
        for key in [key for key in self._partitions if key[1] == topic_id and key[2] == index]:
            self._drop(key)

    def _topic_deleted(self, topic):
        for key in [key for key in self._partitions if key[1] == topic.topic_id]:
            self._drop(key)
        self._persister.topic_deleted(topic.topic_id)

    def _drop(self, key):
        self._partitions.pop(key).close()
