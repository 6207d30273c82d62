"""The server's end of the control socket. HTTP is imported when somebody first connects: 40 ms of a start otherwise."""

import os

from gevent import get_hub, spawn

from emulator.apps.control import places


class ControlSocket:
    """Listens at `path`, or at a place of its own, and answers with what `application()` gives (WSGI), once somebody asks."""

    def __init__(self, application, port, path=None):
        if path is None:
            path = os.path.join(places.private_folder(), f"{port}-{os.getpid()}.sock")
        self.path = path
        self._application = application
        self._listener = places.listen(path)
        self._server = None
        self._first = get_hub().loop.io(self._listener.fileno(), 1)
        self._first.start(self._somebody_knocks)

    def _somebody_knocks(self):
        self._first.stop()
        spawn(self._serve)

    def _serve(self):
        from emulator.apps.control.http import make_server

        self._server = make_server(self._listener, self._application())
        self._server.start()

    def close(self):
        """Answers in the making have a moment to leave."""
        self._first.close()
        places.remove(self.path)
        if self._server is not None:
            self._server.stop(timeout=0.2)
        self._listener.close()
