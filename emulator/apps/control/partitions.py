"""Partitions: who leads one, who is in sync. Elections are the controller's own; leader epochs grow, and clients are told as ever."""

from emulator.apps.control.schema import number, text
from emulator.apps.control.table import Conflict, Route
from emulator.apps.control.topics import PARTITION, partition_of, shown_partition
from emulator.state.cluster import leadership
from emulator.state.cluster.changes import change_partition, may_lead


def lead(server, asked):
    cluster, partition, broker = server.cluster, partition_of(server, asked), asked["broker"]
    name = f"{partition.topic.name}-{partition.index}"
    if broker not in partition.replicas:
        raise Conflict(f"broker {broker} has no replica of {name}; those are at {_list(partition.replicas)}")
    if partition.leader == broker:
        raise Conflict(f"broker {broker} leads {name} already")
    if broker not in partition.isr:
        raise Conflict(f"broker {broker} is not in sync in {name}; in sync are {_list(partition.isr)}")
    if not may_lead(cluster, partition, broker):
        raise Conflict(f"broker {broker} takes no part at the moment")
    with cluster.metadata:
        change_partition(cluster, partition, able=lambda one: one == broker)
    return shown_partition(partition)


def shrink(server, asked):
    partition, broker = partition_of(server, asked), asked["broker"]
    name = f"{partition.topic.name}-{partition.index}"
    if broker not in partition.isr:
        raise Conflict(f"broker {broker} is not in sync in {name}; in sync are {_list(partition.isr)}")
    if broker == partition.leader:
        raise Conflict(f"broker {broker} leads {name}: the leader is always in sync")
    leadership.set_isr(server.cluster, partition, [one for one in partition.isr if one != broker])
    return shown_partition(partition)


def _list(brokers):
    return ", ".join(map(str, brokers)) or "none"


_FIELDS = {"topic": text("its name"), "partition": number("its index"), "broker": number("a node id")}

ROUTES = (
    Route("POST", "/topics/{topic}/partitions/{partition}/leader", lead, "has a broker that is in sync lead it; an election, in a new leader epoch",
          _FIELDS, PARTITION),
    Route("POST", "/topics/{topic}/partitions/{partition}/isr/shrink", shrink,
          "takes a follower out of sync, as its leader does with one that lags; it is back with its next fetch, unless the broker's replication is paused",
          _FIELDS, PARTITION),
)  # fmt: skip
