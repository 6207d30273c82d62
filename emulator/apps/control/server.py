"""The server's end of the control socket. HTTP is imported when somebody first connects: 40 ms of a start otherwise."""

import logging
import os

from gevent import get_hub, spawn

from emulator.apps.control import places

log = logging.getLogger(__name__)

_MOST_CLIENTS = 64


class ControlSocket:
    """Listens at `path`, or at a place of its own, and answers with `application` (WSGI)."""

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
        from gevent.pywsgi import WSGIServer

        self._server = WSGIServer(
            self._listener, self._application, spawn=_MOST_CLIENTS, log=None, error_log=_LogErrors())
        self._server.start()

    def close(self):
        """Answers in the making have a moment to leave."""
        self._first.close()
        places.remove(self.path)
        if self._server is not None:
            self._server.stop(timeout=0.2)
        self._listener.close()


class _LogErrors:
    """What pywsgi says of malformed requests, for the log."""

    def write(self, text):
        if text := text.strip():
            log.info("control: %s", text)

    def writelines(self, lines):
        self.write("".join(lines))

    def flush(self):
        pass
