"""What is counted of the requests to a server, from when this is first asked for on."""

from time import perf_counter_ns
from weakref import WeakKeyDictionary

from emulator.pipeline.measure import Measure

_of_servers = WeakKeyDictionary()


def begin_measuring(server):
    """{(broker, API, version): Counts} of its requests."""
    counts = _of_servers.get(server)
    if counts is None:
        counts = _of_servers[server] = {}
        for broker in server.brokers.values():
            broker.add_layer(Measure(broker.id, counts, perf_counter_ns))
    return counts
