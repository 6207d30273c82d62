"""What the control API of a proxy answers."""

from emulator.apps.addresses import EVERY_INTERFACE, format_address
from emulator.apps.control import faults, requests
from emulator.apps.control.schema import flag, many, number, text, thing
from emulator.apps.control.status import end_route, process
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
            **process(started),
            "bootstrap": bootstrap_of(server),
            "bound": [format_address(host, port) for _, host, port in server.bound],
            "upstream": [format_address(host, port) for host, port in server.settings.upstream.bootstrap],
            "upstream_answers": bool(server.cluster_is_there),
            "nodes": [_shown(front, node) for front in server.fronts for _, node in sorted(front.nodes.items())],
            "connections": len(server.connections),
        }

    return Route("GET", "/status", show, "what it is and how it does", answer=_STATUS), end_route(stop), *faults.ROUTES, *requests.ROUTES


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
            **process(started),
            "bootstrap": bootstrap_of(server),
            "connections": len(server.connections),
            "differed": server.differed,
            "differences": server.differences,
        }

    return Route("GET", "/status", show, "what it is and how it does", answer=_REPLAY_STATUS), end_route(stop)


def bootstrap_of(server):
    """HOST:PORT of the first listener, for a client on this machine."""
    _, host, port = server.bound[0]
    return format_address("localhost" if host in EVERY_INTERFACE else host, port)


def _shown(front, node):
    here, there = format_address(front.advertised_host, node.port), format_address(*node.upstream)
    return f"{node.kind} {node.id} at {here} for {there}{'' if node.listens else ' (gone)'}"
