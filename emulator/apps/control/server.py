"""The server's end: a Unix socket and, where it is asked for, a TCP port. HTTP is imported when somebody first connects: 40 ms of a start otherwise."""

import os
import socket
import time
from functools import cache

from gevent import get_hub, spawn

from emulator.apps.addresses import format_address
from emulator.apps.control import places
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
    """At a loopback address, where no page of elsewhere is heard. Raises OSError when it is not to be had."""

    def __init__(self, application, address, patience):
        host, port = address
        host = "127.0.0.1" if host == "localhost" else host
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=64)
        listener.setblocking(False)
        self.address = format_address(host, listener.getsockname()[1])
        super().__init__(listener, lambda: _guarded(application()), patience)


def _guarded(application):
    from emulator.apps.control.guard import Guard

    return Guard(application)


def open_control(server, stop, path, address, routes=None):
    """The doors of a server's control API: at an (host, port) if there is one, then the Unix socket, at `path` or a place of its own.

    `stop()` asks for the server's end; `routes(started, stop)`: what it answers, where that is not what a cluster's server does. Where nobody asked for a certain place, it can do without the latter. Raises UsageError.
    """
    application, doors = application_of(server, stop, routes), []
    if address is not None:
        doors.append(open_port(server, application, address))
    try:
        doors.append(ControlSocket(application, server.bound[0][2], server.patience, path))
    except (OSError, places.PlaceError) as error:
        reason = getattr(error, "strerror", None) or error
        if path is not None:
            for door in doors:
                door.close()
            raise UsageError(f"--control {path}: {reason}") from None
        warn(f"no control socket: {reason}")
    return doors


def open_port(server, application, address):
    """The ControlPort at (host, port). Raises UsageError."""
    try:
        port = ControlPort(application, address, server.patience)
    except OSError as error:
        raise UsageError(f"control.listen {format_address(*address)}: {error.strerror or error}") from None
    from emulator.apps.control.measures import begin_measuring  # who has no port pays nothing for it

    begin_measuring(server)
    return port


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
