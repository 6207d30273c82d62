"""Host names to IP addresses."""

import socket

from gevent.threadpool import ThreadPool


class Resolver:
    """`resolve(host)` gives an IP address or None; a name may take as long as the machine's resolver does.

    Names are looked up one after the other in a thread of their own: whoever asks for many that nobody answers for holds
    up nothing else.
    """

    def __init__(self):
        self._pool = None

    def resolve(self, host):
        address = _look_up(host, socket.AI_NUMERICHOST)
        if address is None:
            if self._pool is None:
                self._pool = ThreadPool(1)
            address = self._pool.apply(_look_up, (host,))
        return address


def _look_up(host, flags=0):
    try:
        return socket.getaddrinfo(host, None, flags=flags)[0][4][0]
    except (OSError, UnicodeError):
        return None
