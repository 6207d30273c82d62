"""HTTP for the control API: gevent's pywsgi, which takes 40 ms to import, so server.py asks for it late.

What it does not have: clients that send or read slowly are given up, of too many the slowest, and large bodies are refused.
"""

import io
import json
import logging
import socket

from gevent import get_hub, getcurrent, joinall, killall, spawn
from gevent.pywsgi import WSGIHandler, WSGIServer

from emulator.runtime.connection import notice_end

log = logging.getLogger(__name__)

_MOST_CLIENTS = 64
_LARGEST_BODY = 8 * 1024 * 1024
_LARGEST_OF_STRANGERS = 64 * 1024  # who may not ask is still told so after a small body
_LARGEST_HEADERS = 64 * 1024  # all of a request's together
_READ_WITHIN_MS = 10_000  # a whole request
_WRITE_WITHIN_MS = 30_000  # each piece of an answer


def _whole(status, why):
    text = json.dumps({"error": why}).encode() + b"\n"
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


_BAD_REQUEST = _whole("400 Bad Request", "that is not HTTP")
_TOO_LARGE = _whole("413 Content Too Large", f"a request's body has at most {_LARGEST_BODY} bytes")
_HEADERS_TOO_LARGE = _whole("431 Request Header Fields Too Large", f"a request's headers have at most {_LARGEST_HEADERS} bytes")
_TOO_MANY = _whole("503 Service Unavailable", f"{_MOST_CLIENTS} clients are being answered")


class _HeadersTooLarge(Exception):
    pass


class _Headers:
    """The lines of a file, up to so many bytes; Python's own bound is a hundred lines of 64 KiB."""

    def __init__(self, file):
        self._file = file
        self._left = _LARGEST_HEADERS

    def readline(self, most):
        line = self._file.readline(min(most, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise _HeadersTooLarge
        return line


class _Handler(WSGIHandler):
    def handle(self):
        self._deadline = self.server.patience.after(_READ_WITHIN_MS, self.give_up)
        try:
            super().handle()
        except OSError:
            pass  # it has gone, or was given up
        finally:
            self._deadline.cancel()

    def give_up(self):
        _hang_up(self.socket)

    def MessageClass(self, file, seekable):
        """pywsgi's name for what reads headers."""
        return super().MessageClass(_Headers(file), seekable)

    def get_environ(self):
        environ = super().get_environ()
        environ["control.path"] = self.path.partition("?")[0]
        return environ

    def run_application(self):
        """A request is read whole before anybody works on it."""
        body = b""
        if self.command not in ("GET", "HEAD"):
            largest = _LARGEST_BODY if self.server.hears(self.environ) else _LARGEST_OF_STRANGERS
            if self.content_length is not None and int(self.content_length or 0) > largest:
                return self._refuse_body("413", _TOO_LARGE)
            try:
                body = self.environ["wsgi.input"].read(largest + 1)
            except OSError as error:
                log.info("control: %s", error)
                return self._refuse_body("400", _BAD_REQUEST)
            if len(body) > largest:
                return self._refuse_body("413", _TOO_LARGE)
        self._deadline.cancel()
        self.server.clients.reading.pop(getcurrent(), None)
        self.environ["wsgi.input"] = io.BytesIO(body)
        super().run_application()

    def process_result(self):
        """An answer that goes on ends when its client leaves, not with its next piece: there may be only so many of them."""
        if isinstance(self.result, list):
            return super().process_result()
        leaving, answering = get_hub().loop.io(self.socket.fileno(), 1), getcurrent()
        leaving.start(notice_end, self.socket._sock, leaving, lambda: answering.kill(block=False))
        try:
            super().process_result()
        finally:
            leaving.stop()
            leaving.close()

    def _refuse_body(self, status, answer):
        self.wsgi_input.content_length, self.wsgi_input.chunked_input = 0, False  # nobody reads the rest
        self.close_connection, self.status, self.code = True, status, int(status)
        self._sendall(answer)

    def _sendall(self, data):
        self._deadline.cancel()
        self._deadline = self.server.patience.after(_WRITE_WITHIN_MS, self.give_up)
        try:
            super()._sendall(data)
        finally:
            self._deadline.cancel()

    def _handle_client_error(self, ex):
        """pywsgi's hook for bytes that are no HTTP; as it stands, some of them print a traceback."""
        if isinstance(ex, _HeadersTooLarge):
            return "431", _HEADERS_TOO_LARGE
        log.info("control: not HTTP: %.200s", ex)
        return "400", _BAD_REQUEST


class _Clients:
    """Those of one listener; where they are too many, the one goes that has been saying for the longest what it wants."""

    def __init__(self):
        self.reading = {}  # greenlet -> socket of those that have not said it yet, the oldest first
        self._greenlets = set()

    def spawn(self, handle, *arguments):
        if len(self._greenlets) >= _MOST_CLIENTS:
            if not self.reading:
                _turn_away(*arguments)
                return
            slowest = next(iter(self.reading))
            _hang_up(self.reading.pop(slowest))
            self._greenlets.discard(slowest)  # it ends with its next turn
        greenlet = spawn(handle, *arguments)
        self._greenlets.add(greenlet)
        self.reading[greenlet] = arguments[-1][0]
        greenlet.link(self._gone)

    def _gone(self, greenlet):
        self._greenlets.discard(greenlet)
        self.reading.pop(greenlet, None)

    def end(self, within_s):
        """Answers in the making have a moment to leave."""
        greenlets = list(self._greenlets)
        joinall(greenlets, within_s)
        killall(greenlets, block=False)


def _hang_up(sock):
    """Whoever reads from it or writes to it finds it gone."""
    try:
        sock._sock.shutdown(socket.SHUT_RDWR)  # gevent's own wakes its waiters with an error of ours
    except OSError:
        pass


def _turn_away(_, close, connection):
    try:
        connection[0]._sock.send(_TOO_MANY)
    except OSError:
        pass
    close(*connection)


class _Server(WSGIServer):
    def __init__(self, listener, application, patience):
        self.clients, self.patience = _Clients(), patience
        self.hears = getattr(application, "hears", lambda environ: True)
        super().__init__(listener, application, spawn=self.clients.spawn, handler_class=_Handler, log=None, error_log=_Log())

    def end(self):
        self.stop(timeout=0)
        self.clients.end(within_s=0.2)


class _Log:
    """What else pywsgi has to say."""

    def write(self, text):
        if text := text.strip():
            log.info("control: %s", text)

    def writelines(self, lines):
        self.write("".join(lines))

    def flush(self):
        pass


def make_server(listener, application, patience):
    return _Server(listener, application, patience)
