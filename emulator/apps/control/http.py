"""HTTP for the control API: gevent's pywsgi, which takes 40 ms to import, so server.py asks for it late."""

import logging

from gevent.pywsgi import WSGIHandler, WSGIServer

log = logging.getLogger(__name__)

_MOST_CLIENTS = 64
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class _Handler(WSGIHandler):
    def _handle_client_error(self, ex):
        """pywsgi's hook for bytes that are no HTTP; as it stands, some of them print a traceback."""
        log.info("control: not HTTP: %.200s", ex)
        return "400", _BAD_REQUEST


class _Log:
    """What else pywsgi has to say."""

    def write(self, text):
        if text := text.strip():
            log.info("control: %s", text)

    def writelines(self, lines):
        self.write("".join(lines))

    def flush(self):
        pass


def make_server(listener, application):
    return WSGIServer(listener, application, spawn=_MOST_CLIENTS, handler_class=_Handler, log=None, error_log=_Log())
