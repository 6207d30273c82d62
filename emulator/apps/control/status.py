"""The server as a whole: what it is, and its end."""

import os
import time

from emulator import __version__
from emulator.apps.addresses import bootstrap_of, format_address
from emulator.apps.control.schema import flag, many, number, text, thing
from emulator.apps.control.table import Route

_STATUS = thing(
    version=text("of this program"),
    pid=number("of its process"),
    bootstrap=text("HOST:PORT of each broker, with commas between them"),
    bound=many(text("HOST:PORT"), "where it really listens"),
    seed=number("of every id and choice"),
    uptime_ms=number("since it serves"),
    brokers=number("how many"),
    topics=number("how many"),
    connections=number("of clients"),
    memory_bytes=number("of records, without a data directory", default=0),
    memory_max_bytes=number("that records may take, without a data directory", default=0),
)


# A port for metrics alone has it, too.
HEALTH = Route("GET", "/health", lambda server, asked: {"serving": True}, "answers as long as the server does", answer=thing(serving=flag("true")))


def routes(started, stop):
    """Of a server that runs since `started` (time.monotonic()); `stop()` asks for its end."""

    def show(server, asked):
        return {
            **process(started),
            "bootstrap": bootstrap_of(server),
            "bound": [format_address(host, port) for _, host, port in server.bound],
            "seed": server.seed,
            "brokers": len(server.brokers),
            "topics": len(server.cluster.topics),
            "connections": len(server.connections),
            **_memory(server.memory),
        }

    return HEALTH, Route("GET", "/status", show, "what it is and how it does", answer=_STATUS), end_route(stop, "the server")


def process(started):
    """What every server says of its process."""
    return {"version": __version__, "pid": os.getpid(), "uptime_ms": int((time.monotonic() - started) * 1000)}


def end_route(stop, what="it"):
    def end(server, asked):
        stop()
        return {"stopping": True}

    return Route("POST", "/stop", end, f"ends {what} once the answer is out", answer=thing(stopping=flag("true")))


def _memory(memory):
    return {} if memory is None else {"memory_bytes": memory.used, "memory_max_bytes": memory.limit}
