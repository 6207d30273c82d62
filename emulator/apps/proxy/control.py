"""What the control API of a proxy answers."""

import os
import time

from emulator import __version__
from emulator.apps.addresses import EVERY_INTERFACE, format_address
from emulator.apps.control import faults
from emulator.apps.control.schema import flag, many, number, text, thing
from emulator.apps.control.table import Route

_STATUS = thing(
    version=text("of this program"),
    pid=number("of its process"),
    bootstrap=text("HOST:PORT of the first listener"),
    bound=many(text("HOST:PORT"), "of each listener that clients come to first"),
    upstream=many(text("HOST:PORT"), "upstream.bootstrap.servers"),
    upstream_answers=flag("whether the cluster behind did when it was last asked"),
    uptime_ms=number("since it serves"),
    nodes=many(text("which node, and where it is here and there"), "of the cluster behind"),
    connections=number("of clients"),
)


def routes(started, stop):
    """Of a ProxyServer that runs since `started` (time.monotonic()); `stop()` asks for its end."""

    def show(server, asked):
        return {
            "version": __version__,
            "pid": os.getpid(),
            "bootstrap": bootstrap_of(server),
            "bound": [format_address(host, port) for _, host, port in server.bound],
            "upstream": [format_address(host, port) for host, port in server.settings.bootstrap],
            "upstream_answers": bool(server.cluster_is_there),
            "uptime_ms": int((time.monotonic() - started) * 1000),
            "nodes": [_shown(front, node) for front in server.fronts for _, node in sorted(front.nodes.items())],
            "connections": len(server.connections),
        }

    return Route("GET", "/status", show, "what it is and how it does", answer=_STATUS), _end(stop), *faults.ROUTES


_REPLAY_STATUS = thing(
    version=text("of this program"),
    pid=number("of its process"),
    bootstrap=text("HOST:PORT where clients come first"),
    uptime_ms=number("since it serves"),
    connections=number("of clients"),
    differed=number("requests that are not in the recording"),
    differences=many(text("how one differs"), "the newest"),
)


def replay_routes(started, stop):
    """Of a ReplayServer."""

    def show(server, asked):
        return {
            "version": __version__,
            "pid": os.getpid(),
            "bootstrap": bootstrap_of(server),
            "uptime_ms": int((time.monotonic() - started) * 1000),
            "connections": len(server.connections),
            "differed": server.differed,
            "differences": server.differences,
        }

    return Route("GET", "/status", show, "what it is and how it does", answer=_REPLAY_STATUS), _end(stop)


def _end(stop):
    def end(server, asked):
        stop()
        return {"stopping": True}

    return Route("POST", "/stop", end, "ends it once the answer is out", answer=thing(stopping=flag("true")))


def bootstrap_of(server):
    """HOST:PORT of the first listener, for a client on this machine."""
    _, host, port = server.bound[0]
    return format_address("localhost" if host in EVERY_INTERFACE else host, port)


def _shown(front, node):
    here, there = format_address(front.advertised_host, node.port), format_address(*node.upstream)
    return f"{node.kind} {node.id} at {here} for {there}{'' if node.listens else ' (gone)'}"
