"""The directories that partitions' logs are in, and how much is there (KIP-113).

Source: ReplicaManager.describeLogDirs, alterReplicaLogDirs of Kafka 4.3.1.
"""

from collections import namedtuple

from wire.errors import INVALID_TOPIC_EXCEPTION, KAFKA_STORAGE_ERROR, LOG_DIR_NOT_FOUND, NONE, UNKNOWN_TOPIC_OR_PARTITION, KafkaError

MEMORY = "memory:"  # the one directory of a broker that keeps its logs in memory: no path that a person could look into

# `partitions`: (topic, index, size in bytes) of those that were asked for; `total` and `usable` bytes of the disk, -1 unknown;
# `error`: KAFKA_STORAGE_ERROR where the disk does not let it be used, else NONE.
Directory = namedtuple("Directory", "path partitions total usable error", defaults=(NONE,))

_FUTURE_SUFFIX = ".00112233445566778899aabbccddeeff-future"  # as long as what Kafka puts behind the name of a log that moves
_LONGEST = 255


class LogDirs:
    """Of one broker. `directories`: their paths; `place(partition)` is the one of a Partition, `space(path)` (total, usable) bytes, None offline."""

    def __init__(self, cluster, broker_id, directories=(MEMORY,), place=None, space=None):
        self._cluster = cluster
        self._broker_id = broker_id
        self.directories = tuple(directories)
        self._place = place or (lambda partition: self.directories[0])
        self._space = space or (lambda path: (-1, -1))

    def describe(self, wanted=None):
        """[Directory] with the partitions `wanted` ({(topic, index)}), or all."""
        partitions = {path: [] for path in self.directories}
        for topic in self._cluster.topics.values():
            for partition in topic.partitions:
                log = partition.logs.get(self._broker_id)
                if log is not None and not log.closed and (wanted is None or (topic.name, partition.index) in wanted):
                    partitions[self._place(partition)].append((topic.name, partition.index, log.size))
        return [self._directory(path, partitions[path]) for path in self.directories]

    def _directory(self, path, partitions):
        space = self._space(path)
        return Directory(path, (), -1, -1, KAFKA_STORAGE_ERROR) if space is None else Directory(path, partitions, *space)

    def move(self, topic, index, path):
        """Bring a replica to another directory. KafkaError where there is no such directory or partition."""
        if len(f"{topic}-{index}{_FUTURE_SUFFIX}") > _LONGEST:
            raise KafkaError(INVALID_TOPIC_EXCEPTION)
        if path not in self.directories:
            raise KafkaError(LOG_DIR_NOT_FOUND)
        if self._space(path) is None:
            raise KafkaError(KAFKA_STORAGE_ERROR)
        partition = self._cluster.partition(topic, index)
        if partition is None or self._broker_id not in partition.logs:
            raise KafkaError(UNKNOWN_TOPIC_OR_PARTITION)
        if self._place(partition) != path:
            raise KafkaError(KAFKA_STORAGE_ERROR)  # logs stay where they were made
