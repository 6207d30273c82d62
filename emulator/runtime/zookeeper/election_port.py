"""Connections between election ports: one for each pair of servers, which the one with the higher id has opened.

Only the latest message for each server is kept: an older vote is worth nothing. Source: QuorumCnxManager of 3.8.4.
"""

import logging
from struct import unpack

from gevent import Timeout, socket, spawn
from gevent.event import Event

from emulator.runtime.listener import Listener
from emulator.runtime.reader import Reader
from emulator.runtime.zookeeper.links import connect, listen_at
from wire.types import Malformed
from wire.zookeeper.quorum import (
    MAX_NOTIFICATION, build_handshake, build_notification, parse_handshake, parse_notification,
)

log = logging.getLogger(__name__)

_HANDSHAKE_S = 5.0
_CONNECT_MS = 5000
_MAX_STRANGERS = 64  # connections that have not said yet who they are


class ElectionPort:
    """`addresses`: {server id: (host, port)} of all servers, this one included, by which others know it; it listens at `here`.

    `received(notification)` is called for each.
    """

    def __init__(self, my_id, addresses, config, received, here):
        self.my_id = my_id
        self._here = here
        self._addresses = addresses
        self._config = config
        self._received = received
        self._latest = {}
        self._connections = {}
        self._connecting = set()
        self._strangers = 0
        self._listeners = []
        self._closed = False

    def start(self):
        """Raises OSError when the port cannot be had."""
        self._listeners = [Listener(sock, self._accepted) for sock in listen_at("the election port", *self._here)]
        for listener in self._listeners:
            listener.start()

    def close(self):
        self._closed = True
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections.values()):
            connection.close()

    def send(self, sid, notification):
        """To one server, now or when it can be reached, unless something newer is sent before."""
        message = build_notification(notification, self._config)
        self._latest[sid] = message
        connection = self._connections.get(sid)
        if connection is not None:
            connection.send(message)
        else:
            self._connect(sid)

    def _connect(self, sid):
        if sid in self._connecting or sid not in self._addresses or self._closed:
            return
        self._connecting.add(sid)
        spawn(self._connect_now, sid)

    def _connect_now(self, sid):
        try:
            sock = connect(self._addresses[sid], _CONNECT_MS)
            host, port = self._addresses[self.my_id]
            sock.sendall(build_handshake(self.my_id, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))
        except OSError as error:
            log.debug("server %d cannot be reached at its election port: %s", sid, error)
            return
        finally:
            self._connecting.discard(sid)
        if sid > self.my_id or self._closed:
            sock.close()  # it connects to us now that it knows of us
        else:
            self._keep(sid, sock)

    def _accepted(self, sock, peer):
        if self._strangers >= _MAX_STRANGERS:
            sock.close()
            return
        self._strangers += 1
        spawn(self._greet, socket.socket(fileno=sock.detach()), peer)

    def _greet(self, sock, peer):
        try:
            sid, rest = self._handshake(sock)
        except (Malformed, OSError, EOFError, Timeout) as error:
            reason = "no handshake in time" if isinstance(error, Timeout) else error
            log.warning("connection from %s to the election port refused: %s", peer[0], reason)
            sock.close()
            return
        finally:
            self._strangers -= 1
        if sid == self.my_id or sid not in self._addresses:
            whose = "our own" if sid == self.my_id else "of no server of this ensemble"
            log.warning("connection from %s to the election port refused: its id, %d, is %s", peer[0], sid, whose)
            sock.close()
        elif sid < self.my_id:
            if sid in self._connections:
                self._connections[sid].close()
            sock.close()
            self._connect(sid)
        elif self._closed:
            sock.close()
        else:
            self._keep(sid, sock, rest)

    @staticmethod
    def _handshake(sock):
        octets = b""
        with Timeout(_HANDSHAKE_S):
            while True:
                more = sock.recv(4096)
                if not more:
                    raise EOFError("closed before a handshake")
                octets += more
                parsed = parse_handshake(octets)
                if parsed is not None:
                    return parsed[0], octets[parsed[2]:]

    def _keep(self, sid, sock, rest=b""):
        if sid in self._connections:
            self._connections[sid].close()
        connection = self._connections[sid] = _Connection(self, sid, sock, rest)
        connection.start()
        if sid in self._latest:
            connection.send(self._latest[sid])

    def gone(self, sid, connection):
        if self._connections.get(sid) is connection:
            del self._connections[sid]

    def message(self, sid, octets):
        if not self._closed:
            self._received(parse_notification(sid, octets))


class _Connection:
    def __init__(self, port, sid, sock, rest):
        self._port = port
        self._sid = sid
        self._sock = sock
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = Reader(self._sock, rest)
        self._next = None
        self._some = Event()
        self._open = True

    def start(self):
        spawn(self._read)
        spawn(self._write)

    def send(self, message):
        self._next = message
        self._some.set()

    def close(self):
        if self._open:
            self._open = False
            self._some.set()
            self._port.gone(self._sid, self)
            try:
                self._sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._sock.close()

    def _write(self):
        while self._open:
            self._some.wait()
            self._some.clear()
            message, self._next = self._next, None
            if message is not None and self._open:
                try:
                    self._sock.sendall(message)
                except OSError:
                    return self.close()

    def _read(self):
        try:
            while self._open:
                length, = unpack(">i", self._reader.exactly(4))
                if not 0 < length <= MAX_NOTIFICATION:
                    raise Malformed("notification", 0, f"a length of {length}, where {MAX_NOTIFICATION} is the most")
                self._port.message(self._sid, self._reader.exactly(length))
        except Malformed as error:
            log.warning("election connection of server %d ends: %s", self._sid, error)
        except (OSError, EOFError):
            pass
        self.close()
