"""Bytes of a socket, as many at a time as somebody wants."""

_READ = 64 * 1024


class Reader:
    """`rest`: what has been read already."""

    def __init__(self, sock, rest=b""):
        self._sock = sock
        self._buffer = bytearray(rest)

    def exactly(self, size):
        """The next `size` bytes. Raises EOFError where the other side ends before, OSError."""
        while len(self._buffer) < size:
            octets = self._sock.recv(_READ)
            if not octets:
                raise EOFError
            self._buffer += octets
        octets = bytes(self._buffer[:size])
        del self._buffer[:size]
        return octets
