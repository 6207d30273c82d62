"""What is counted of the requests to a server, from when this is first asked for on."""

from time import perf_counter_ns
from weakref import WeakKeyDictionary

from emulator.pipeline.measure import Measure
from wire.errors import Error

_of_servers = WeakKeyDictionary()


def begin_measuring(server):
    """{(broker, API, version): Counts} of its requests."""
    counts = _of_servers.get(server)
    if counts is None:
        counts = _of_servers[server] = {}
        for broker in server.brokers.values():
            broker.add_layer(Measure(broker.id, counts, perf_counter_ns))
    return counts


def error_name(code):
    """As Kafka calls it; a number that it does not know as text."""
    try:
        return Error(code).name
    except ValueError:
        return str(code)
