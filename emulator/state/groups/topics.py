"""What groups know of the topics there are: names, ids, numbers of partitions, racks.

Source: org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage, Utils.computeTopicHash of Kafka 4.3.1.
"""

import hashlib


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
        """How many partitions a topic has."""
        return len(self._cluster.topics_by_id[topic_id].partitions)

    def hash_of(self, names):
        """A signed 64-bit number that changes when one of these topics does; 0 when there is none of them.

        The number itself is ours: it is only ever compared with the one before.
        """
        hashes = [self._hash(name) for name in sorted(names) if name in self._cluster.topics]
        return _int64(b"".join(hashes)) if hashes else 0

    def _hash(self, name):
        found = self._hashes.get(name)
        if found is None:
            topic, brokers = self._cluster.topics[name], self._cluster.brokers
            racks = [
                sorted(brokers[broker].rack or "" for broker in partition.replicas if broker in brokers)
                for partition in topic.partitions
            ]
            found = hashlib.blake2b(repr((topic.topic_id, name, racks)).encode(), digest_size=8).digest()
            self._hashes[name] = found
        return found

    def _created(self, topic):
        self.created_at = self.version
        self._changed(topic)

    def _changed(self, topic):
        self._hashes.pop(topic.name, None)
        for changed in self.on_change:
            changed(topic.name)


def _int64(data):
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)
