"""What groups know of the topics there are: names, ids, numbers of partitions, racks.

Source: org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage, Utils.computeTopicHash of Kafka 4.3.1.
"""

from struct import pack, unpack

from emulator.state.xxh3 import xxh3_64

_MAGIC = 0  # the version of the hash

class Topics:
    """A view of a Cluster. `on_change(name)` hooks are called when a topic was made, deleted or got partitions."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._hashes = {}
        self.created_at = 0  # the version at which the newest topic came
        self.on_change = []
        cluster.on_create.append(self._created)
        cluster.on_delete.append(self._changed)
        cluster.on_grow.append(self._changed)

    @property
    def version(self):
        return self._cluster.metadata_offset

    def names(self):
        return list(self._cluster.topics)

    def id_of(self, name):
        """The topic's id, or None."""
        topic = self._cluster.topics.get(name)
        return topic and topic.topic_id

    def name_of(self, topic_id):
        topic = self._cluster.topics_by_id.get(topic_id)
        return topic and topic.name

    def ids_of(self, names):
        """[topic_id] of those of the names that there are."""
        topics = self._cluster.topics
        return [topics[name].topic_id for name in names if name in topics]

    def count_of(self, topic_id):
        """How many partitions a topic has, None when there is none."""
        topic = self._cluster.topics_by_id.get(topic_id)
        return None if topic is None else len(topic.partitions)

    def hash_of(self, names):
        """A signed 64-bit number that changes when one of these topics does; 0 when there is none of them."""
        hashes = [self._hash(name) for name in sorted(set(names)) if name in self._cluster.topics]
        return _signed(xxh3_64(pack(f"<{len(hashes)}q", *hashes))) if hashes else 0

    def _hash(self, name):
        found = self._hashes.get(name)
        if found is None:
            found = self._hashes[name] = _signed(xxh3_64(b"".join(self._pieces(self._cluster.topics[name]))))
        return found

    def _pieces(self, topic):
        """What is hashed of a topic: its id, name and, of each partition, the racks where it is."""
        brokers = self._cluster.brokers
        yield pack("<Bqq", _MAGIC, *unpack(">qq", topic.topic_id))
        yield _text(topic.name)
        yield pack("<i", len(topic.partitions))
        for index, partition in enumerate(topic.partitions):
            yield pack("<i", index)
            racks = (brokers[broker].rack for broker in partition.replicas if broker in brokers)
            for rack in sorted(rack for rack in racks if rack is not None):
                yield pack("<i", len(rack)) + _text(rack)

    def _created(self, topic):
        self.created_at = self.version
        self._changed(topic)

    def _changed(self, topic):
        self._hashes.pop(topic.name, None)
        for changed in self.on_change:
            changed(topic.name)


def _text(text):
    """A string as hash4j's HashSink takes it: UTF-16 code units, then how many."""
    units = text.encode("utf-16-le", "surrogatepass")
    return units + pack("<i", len(units) // 2)


def _signed(number):
    return number - (1 << 64) if number >> 63 else number
