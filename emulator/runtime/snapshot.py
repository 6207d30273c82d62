"""A whole cluster as it stood at one moment, and the way back to that: for clusters in memory.

What coordinators know is in the logs of Kafka's own topics, and all else in the tables of the metadata: so these are kept, the
bytes of logs uncopied, and a cluster is made of them as after a restart; but with the leaders, epochs and high watermarks that
there were. What no restart keeps is not kept either: connections, sessions, joins under way, locks on records of share groups.
"""

from emulator.runtime.clock import ManualClock
from emulator.state.log.files import MemoryFiles


_IN_ZOOKEEPER = "a cluster that is registered in ZooKeeper is there, too, where no snapshot goes: leave zookeeper.connect out"


class NoSnapshot(ValueError):
    """It cannot be made, or not be used here; says why."""


class KeptBroker:
    """How one broker did."""

    def __init__(self, broker, cluster, replication):
        registered = cluster.brokers.get(broker.id)
        self.state, self.is_split = broker.state, broker.is_split
        self.registered = registered is not None
        self.fenced, self.shutting_down = (registered.fenced, registered.shutting_down) if registered else (True, False)
        self.fetches = replication.habits(broker.id)
        self.producer_ids = broker.services["transactions"].producer_ids.block

    def stand(self, registered):
        registered.fenced, registered.shutting_down = self.fenced, self.shutting_down


class Snapshot:
    """Of a Server: any number of Servers may begin with it, or go back to it. Nothing changes it, so any thread may have it."""

    def __init__(self, server):
        if server.logs is not None:
            raise NoSnapshot(
                "snapshots are of clusters in memory, and this one has its data in a directory: "
                "stop it and copy the directory, or leave data_dir (log.dirs) out"
            )
        if server.is_registered:
            raise NoSnapshot(_IN_ZOOKEEPER)
        cluster, services = server.cluster, server.services
        cluster.finish_opening()
        self.cluster_id = cluster.cluster_id
        self.controller = cluster.controller_id, cluster.controller_epoch
        self.metadata = services["metadata"].copy()
        self.random = services["random"].getstate()
        self.made_at = server.time.now()
        self.now = self.made_at if isinstance(server.time, ManualClock) else None  # what the clock is set back to
        self.brokers = {one.id: KeptBroker(one, cluster, services["replication"]) for one in server.brokers.values()}
        files = MemoryFiles(server.memory)
        self.logs = {
            (topic.topic_id, partition.index, broker): log.copy(log.config, server.time, services["random"], files)
            for topic in cluster.topics.values()
            for partition in topic.partitions
            for broker, log in partition.logs.items()
        }

    def check(self, server):
        """Raise NoSnapshot where a Server cannot become this."""
        if server.logs is not None:
            raise NoSnapshot("a cluster with its data in a directory cannot become what it was in memory")
        if server.is_registered:
            raise NoSnapshot(_IN_ZOOKEEPER)
        if list(server.brokers) != list(self.brokers):
            raise NoSnapshot(f"the snapshot is of brokers {_listed(self.brokers)}, and here are {_listed(server.brokers)}")
        if (self.now is None) == isinstance(server.time, ManualClock):
            raise NoSnapshot("one of the two has a virtual clock, and the other a real one")

    def stand(self, cluster):
        """Before anybody leads anything: who is up, and who the controller is."""
        for broker_id, kept in self.brokers.items():
            kept.stand(cluster.brokers[broker_id])
        cluster.controller_id, cluster.controller_epoch = self.controller

    def resume(self, server):
        """Once the brokers have joined."""
        for broker_id, kept in self.brokers.items():
            broker = server.brokers[broker_id]
            broker.services["transactions"].producer_ids.block = kept.producer_ids
            server.services["replication"].adopt_habits(broker_id, kept.fetches)
        for broker_id, kept in self.brokers.items():
            server.brokers[broker_id].resume(kept)
            if not kept.registered:
                del server.cluster.brokers[broker_id]


def _listed(brokers):
    return ", ".join(map(str, brokers))
