"""A proxy in a thread of its own, before a cluster or before a broker that says what a test wants it to."""

import socket
import struct
import threading
from contextlib import contextmanager

from emulator.apps.proxy.server import ProxyServer
from emulator.apps.proxy.settings import ProxySettings
from emulator.runtime.thread import LoopThread


@contextmanager
def proxied(upstream, **settings):
    """A ProxyServer on free loopback ports; settings by their names, dots as underscores.

    Its `bootstrap` is where clients come first; `on_loop(function, ...)` calls something in its thread.
    """
    values = {"listeners": "PLAINTEXT://127.0.0.1:0", "upstream.bootstrap.servers": upstream}
    values.update({name.replace("_", "."): value for name, value in settings.items()})
    thread = LoopThread("proxy")
    thread.start()
    try:
        server = thread.call(lambda: ProxyServer(ProxySettings(values)).start())
        server.on_loop = thread.call
        server.bootstrap = f"127.0.0.1:{server.fronts[0].port}"
        yield server
        thread.call(server.stop)
    finally:
        thread.stop()


class ScriptedBroker:
    """Accepts connections and, of each, hands `serve(connection, receive)` the socket, in a thread; `receive()`: the next request's frame."""

    def __init__(self, serve, address=("127.0.0.1", 0)):
        self._serve = serve
        self._listener = socket.create_server(address)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.ended = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        with connection:
            def receive():
                head = self._exactly(connection, 4)
                return self._exactly(connection, struct.unpack(">i", head)[0])

            try:
                self._serve(connection, receive)
            except ConnectionError:
                self.ended.append(True)

    @staticmethod
    def _exactly(connection, size):
        data = b""
        while len(data) < size:
            part = connection.recv(size - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
