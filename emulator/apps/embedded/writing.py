"""Topics and records that a test makes without a client. All of it runs in the server's thread."""

from emulator.apps.embedded.record import Record, partition_of_key
from emulator.runtime.broker import RUNNING
from emulator.runtime.watch import wait_until
from wire import records as batches
from wire.errors import KafkaError

_LONGEST_S = 30  # that replicas may take, as Kafka's producers wait


def create_topic(server, name, partitions, replication_factor, configs):
    """Returns once the topic is there. Raises ValueError."""
    texts = {key: value if value is None or isinstance(value, str) else _text(value) for key, value in (configs or {}).items()}
    try:
        server.cluster.create_topic(name, partitions, replication_factor, texts)
    except KafkaError as refusal:
        raise ValueError(f"topic {name}: {refusal}") from None


def _text(value):
    """As Kafka writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


class Writer:
    """Appends at the leaders, as with acks=all. Without a key partitions take turns, the first one first."""

    def __init__(self):
        self._turns = {}  # topic -> how many records without a key it got

    def copy(self):
        other = Writer()
        other._turns = dict(self._turns)
        return other

    def produce(self, server, topic, partition, timestamp, key, value, headers):
        """The Record as it was appended, on all replicas in sync. Raises ValueError, LookupError, RuntimeError."""
        found = self._partition(server, self._topic(server, topic), partition, key)
        leader = server.brokers.get(found.leader)
        if leader is None or leader.state != RUNNING:
            raise RuntimeError(f"{topic}-{found.index} has no leader that is up")
        now = server.time.now()
        log = found.log
        data = batches.build_batch([batches.Record(None, now if timestamp is None else timestamp, key, value, headers)])
        try:
            appended = log.append(log.check(memoryview(bytearray(data)), now), found.leader_epoch, now)
        except KafkaError as refusal:
            raise ValueError(f"{log.name}: {refusal}") from None
        offset, epoch = appended.base_offset, found.leader_epoch
        if not wait_until(lambda: log.high_watermark > offset or log.closed or found.leader_epoch != epoch, _LONGEST_S):
            raise RuntimeError(f"{log.name}: replicas in sync do not have the record after {_LONGEST_S} s")
        if log.high_watermark <= offset:
            raise RuntimeError(f"{log.name}: its leader went before other replicas had the record")
        stamped = appended.log_append_time if appended.log_append_time >= 0 else now if timestamp is None else timestamp
        return Record(topic, found.index, offset, stamped, key, value, headers)

    def _topic(self, server, name):
        cluster = server.cluster
        topic = cluster.topics.get(name)
        if topic is None:
            if not cluster.configs.settings.auto_create_topics_enable:
                raise LookupError(f"there is no topic {name}, and auto.create.topics.enable is false")
            create_topic(server, name, None, None, None)
            topic = cluster.topics[name]
        if topic.internal:
            raise ValueError(f"{name} is one of Kafka's own topics: nobody but brokers writes to it")
        return topic

    def _partition(self, server, topic, wanted, key):
        count = len(topic.partitions)
        if wanted is None:
            if key is None:
                wanted = self._turns.get(topic.name, 0) % count
                self._turns[topic.name] = wanted + 1
            else:
                wanted = partition_of_key(key, count)
        if not 0 <= wanted < count:
            raise LookupError(f"{topic.name} has partitions 0 to {count - 1}, and no {wanted}")
        return topic.partitions[wanted]
