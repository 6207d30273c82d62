"""The server's end: a Unix socket and, where it is asked for, a TCP port. HTTP is imported when somebody first connects: 40 ms of a start otherwise."""

import os
import socket
import time
from functools import cache

from gevent import get_hub, spawn

from emulator.apps.addresses import EVERY_INTERFACE, format_address
from emulator.apps.control import places
from emulator.apps.control.doors import LISTEN, METRICS, Doors
from emulator.apps.errors import UsageError
from emulator.apps.logs import warn


class _Door:
    """A listening socket, and behind it what `application()` gives (WSGI), once somebody knocks. `patience`: a Clock."""

    def __init__(self, listener, application, patience):
        self._listener = listener
        self._application = application
        self._patience = patience
        self._server = None
        self._first = get_hub().loop.io(listener.fileno(), 1)
        self._first.start(self._somebody_knocks)

    def _somebody_knocks(self):
        self._first.stop()
        spawn(self._serve)

    def _serve(self):
        from emulator.apps.control.http import make_server

        self._server = make_server(self._listener, self._application(), self._patience)
        self._server.start()

    def close(self):
        """Answers in the making have a moment to leave."""
        self._first.close()
        if self._server is not None:
            self._server.end()
        self._listener.close()


class ControlSocket(_Door):
    """At `path`, or at a place of its own that is named after `port`."""

    def __init__(self, application, port, patience, path=None):
        if path is None:
            path = os.path.join(places.private_folder(), f"{port}-{os.getpid()}.sock")
        self.path = path
        super().__init__(places.listen(path), application, patience)

    def close(self):
        places.remove(self.path)
        super().close()


class ControlPort(_Door):
    """At `address`, (host, port), where no page of elsewhere is heard, and nobody without the `token` if there is one.

    `hosts`: further names that clients may call it. Raises OSError when the address is not to be had.
    """

    def __init__(self, application, address, patience, token=None, hosts=(), path="/"):
        host, port = address
        bound = "127.0.0.1" if host == "localhost" else host
        listener = socket.create_server((bound, port), family=socket.AF_INET6 if ":" in bound else socket.AF_INET, backlog=64)
        listener.setblocking(False)
        self.address = format_address("localhost" if host in EVERY_INTERFACE else bound, listener.getsockname()[1])
        self.url = f"http://{self.address}{path}"

        def guarded():
            from emulator.apps.control.guard import Guard

            return Guard(application(), () if host in EVERY_INTERFACE else (host.lower(),), hosts, token)

        super().__init__(listener, guarded, patience)


def open_control(server, stop, path, doors=Doors(), routes=None):
    """(what is to be closed at the end, the ports as open_ports has them) of a server's control API: those that `doors` name, and the
    Unix socket, at `path` or a place of its own.

    `stop()` asks for the server's end; `routes(started, stop)`: what it answers, where that is not what a cluster's server does. Where
    nobody asked for a certain place, it can do without the socket. Raises UsageError.
    """
    application = application_of(server, stop, routes)
    ports = open_ports(server, application, doors)
    opened = list(ports.values())
    try:
        opened.append(ControlSocket(application, server.bound[0][2], server.patience, path))
    except (OSError, places.PlaceError) as error:
        reason = getattr(error, "strerror", None) or error
        if path is not None:
            for port in opened:
                port.close()
            raise UsageError(f"--control {path}: {reason}") from None
        warn(f"no control socket: {reason}")
    return opened, ports


def open_ports(server, application, doors):
    """{"control": ControlPort, "metrics": ControlPort}, of what `doors` name. Raises UsageError."""
    ports = {}
    try:
        if doors.listen is not None:
            key, address = LISTEN, doors.listen
            ports["control"] = ControlPort(application, address, server.patience, doors.token, doors.hosts)
        if doors.metrics is not None:
            key, address = METRICS, doors.metrics
            ports["metrics"] = ControlPort(_metrics_of(server), address, server.patience, hosts=doors.hosts, path="/metrics")
    except OSError as error:
        for port in ports.values():
            port.close()
        raise UsageError(f"{key} {format_address(*address)}: {error.strerror or error}") from None
    if ports and hasattr(server, "brokers"):  # a proxy has none of its own, and tells no metrics
        from emulator.apps.control.measures import begin_measuring  # who has no port pays nothing for it

        begin_measuring(server)
    return ports


def _metrics_of(server):
    """What makes an application that only tells how the server does."""
    @cache
    def make():
        from emulator.apps.control import metrics, status
        from emulator.apps.control.api import ControlApi

        return ControlApi(server, (status.HEALTH, *metrics.ROUTES), describes=False)

    return make


def application_of(server, stop, routes=None):
    """What makes the application, once."""
    started = time.monotonic()

    @cache
    def make():
        from emulator.apps.control.api import ControlApi

        if routes is None:
            from emulator.apps.control.routes import routes as of_a_cluster

            return ControlApi(server, of_a_cluster(started, stop))
        return ControlApi(server, routes(started, stop))

    return make
