"""Makes the internal topics that topologies miss, and remembers for a while what could not be made.

Source: kafka.server.DefaultAutoTopicCreationManager.createStreamsInternalTopics of Kafka 4.3.1.
"""

from emulator.state.cluster import NewTopic
from wire.errors import KafkaError


class InternalTopics:
    """`cluster`: the Cluster to make them in; `patience` says how long an error is remembered."""

    def __init__(self, cluster, patience):
        self._cluster = cluster
        self._patience = patience
        self._errors = {}  # name -> (until when, what)

    def errors(self, names):
        """[(name, why it could not be made)] of those of the names that failed not long ago."""
        now = self._patience.now()
        return [(name, self._errors[name][1]) for name in names if name in self._errors and self._errors[name][0] > now]

    def create(self, topics, wait_ms):
        """Make these InternalTopics; one that fails is not tried again for `wait_ms`."""
        now = self._patience.now()
        self._errors = {name: error for name, error in self._errors.items() if error[0] > now}
        wanted = [
            NewTopic(topic.name, topic.partitions, topic.replication_factor or -1, configs=tuple(topic.configs.items()))
            for topic in topics
            if topic.name not in self._errors
        ]
        try:
            results = self._cluster.create_topics(wanted) if wanted else []
        except KafkaError as refusal:
            results = [refusal] * len(wanted)
        for new, result in zip(wanted, results):
            if isinstance(result, KafkaError):
                self._errors[new.name] = now + wait_ms, result.message or str(result)
