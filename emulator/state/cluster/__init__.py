"""Brokers, topics and partitions: what there is, where it lies and how it comes and goes.

model.py has the nouns, names.py and ids.py what may name them, placement.py where replicas go,
creation.py the controller's checks, cluster.py the state.
"""

from emulator.state.cluster.cluster import Cluster
from emulator.state.cluster.ids import new_uuid, uuid_text
from emulator.state.cluster.model import Broker, Endpoint, NewTopic, Partition, Topic

__all__ = ["Broker", "Cluster", "Endpoint", "NewTopic", "Partition", "Topic", "new_uuid", "uuid_text"]
