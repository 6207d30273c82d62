"""A listening socket and the greenlet that accepts on it."""

import errno
import logging
import socket

from gevent import get_hub, sleep, spawn

from emulator.runtime.machine import most_descriptors

log = logging.getLogger(__name__)

_BACKLOG = 1024
_ACCEPTS_BEFORE_YIELD = 64
_AFTER_FAILURE_S = 0.1
_RESERVE = 64  # descriptors that connections leave to logs and to the control socket


def bind(host, port):
    """Non-blocking listening sockets for `host`: one per address family that it resolves to.

    `localhost` is both 127.0.0.1 and ::1 on most machines and clients may try either first, so both
    are bound, with the same port. Raises OSError when an IPv4 or the only address cannot be bound.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
    addresses.sort(key=lambda item: item[0] != socket.AF_INET)
    sockets = []
    try:
        for family, address in addresses:
            if sockets and port == 0:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            try:
                sockets.append(_listen(family, address))
            except OSError as error:
                # A machine may name ::1 and yet have IPv6 switched off.
                unavailable = error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
                if not (unavailable and sockets):
                    raise
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _listen(family, address):
    sock = _bound(family, address)
    try:
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _bound(family, address):
    """A socket that has the address, and refuses who comes as long as it does not listen."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


class Listener:
    """Accepts on one socket and hands each connection to `accepted(socket, peer)`."""

    def __init__(self, sock, accepted):
        self.socket = sock
        self.address = sock.getsockname()
        self._accepted = accepted
        self._greenlet = None
        self._readable = None

    def start(self):
        self.socket.listen(_BACKLOG)
        self._readable = get_hub().loop.io(self.socket.fileno(), 1)
        self._greenlet = spawn(self._accept)

    def _accept(self):
        accepts, is_failing, highest = 0, False, most_descriptors() - _RESERVE
        while True:
            try:
                sock, peer = self.socket.accept()
            except BlockingIOError:
                get_hub().wait(self._readable)
                accepts = 0
                continue
            except OSError as error:
                # Out of descriptors, or a client that left before we looked: neither ends us.
                if error.errno != errno.ECONNABORTED:
                    if not is_failing:
                        log.warning("accept failed, and is tried again: %s", error)
                    is_failing = True
                    sleep(_AFTER_FAILURE_S)
                continue
            if (is_crowded := sock.fileno() >= highest) or is_failing:
                if is_crowded and not is_failing:
                    log.warning("closing new connections at once: the process has as many descriptors as it may (ulimit -n)")
                is_failing = is_crowded
            accepts += 1
            if accepts >= _ACCEPTS_BEFORE_YIELD:
                sleep(0)
                accepts = 0
            if is_crowded:
                sock.close()
                sleep(0)
                continue
            try:
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._accepted(sock, peer)
            except OSError as error:
                log.info("connection from %s lost at once: %s", peer[0], error)
                sock.close()
            except BaseException:  # it waited for its turn, and the broker is gone
                sock.close()
                raise

    def hold(self):
        """Whoever comes waits until the next `start`."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None
            self._readable.close()
            self._readable = None

    @property
    def listens(self):
        return self._greenlet is not None

    def pause(self):
        """Whoever comes is refused until the next `start`; the address stays ours."""
        self.close()
        self.socket = _bound(self.socket.family, self.address)

    def close(self):
        self.hold()
        self.socket.close()
