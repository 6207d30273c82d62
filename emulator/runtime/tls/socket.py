"""A socket over TLS that does not block, for a Connection.

Records are read and written in memory, so that the kernel is asked for many of them at once (a fifth less CPU than a system
call or two for each). What it is asked, and how it says that it must wait, is as with a plain socket.
"""

import socket
import ssl

_RAW = memoryview(bytearray(256 * 1024))  # of all connections: what is in it goes on to OpenSSL before anybody else reads
_MOST_PLAIN = 256 * 1024  # bytes that are encrypted at once
_RECORD = 16 * 1024
_MOST_OWED = 64 * 1024  # bytes that a client asks for and does not take
_END = (b"", 0)


class TlsSocket:
    """The server's side of `sock`. Raises BlockingIOError where it must wait, ssl.SSLError where the client breaks the protocol."""

    def __init__(self, sock, context):
        self._socket = sock
        self._received, self._made = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._made, server_side=True)
        self._unsent = memoryview(b"")  # records that the kernel has not taken
        self._promised = 0  # bytes in them, whose sender has not been told yet
        self._ahead = b""  # read for who only looked

    def __getattr__(self, name):
        return getattr(self._socket, name)

    # -- the handshake ---------------------------------------------------------------------------

    def handshake(self):
        """Go on with it; done once this returns."""
        while True:
            try:
                self._tls.do_handshake()
                self._flush_what_goes()
                return
            except ssl.SSLWantReadError:
                self._flush_what_goes()
                if not self._receive():
                    raise ConnectionResetError("it hung up during the handshake") from None
            except ssl.SSLError:
                self._flush_what_goes()  # the alert that says why
                raise

    @property
    def certificate(self):
        """That of the client, checked, as DER; None without one."""
        return self._tls.getpeercert(binary_form=True)

    def version(self):
        return self._tls.version()

    def cipher(self):
        return self._tls.cipher()

    # -- reading ---------------------------------------------------------------------------------

    def pending(self):
        """Whether there may be something to read that the kernel does not know of any more."""
        return bool(self._ahead) or self._received.pending > 0 or self._tls.pending() > 0

    def recv(self, size, flags=0):
        if not self._ahead:
            data = self._read(max(size, _RECORD))
            if len(data) <= size and not flags:
                return data
            self._ahead = data
        data = self._ahead[:size]
        if not flags & socket.MSG_PEEK:
            self._ahead = self._ahead[size:]
        return data

    def recv_into(self, buffer, most=0):
        view = memoryview(buffer)[:most] if most else memoryview(buffer)
        if self._ahead:
            count = min(len(self._ahead), len(view))
            view[:count] = self._ahead[:count]
            self._ahead = self._ahead[count:]
            return count
        count = self._one(len(view), view)
        while count and count < len(view) and self._received.pending:
            try:
                more = self._tls.read(len(view) - count, view[count:])
            except ssl.SSLError:  # which comes again with the next read
                break
            if not more:
                break
            count += more
        return count

    def _read(self, size):
        """Of `size` bytes, a record at least, what there is."""
        data = self._one(size)
        if len(data) < _RECORD or not self._received.pending:
            return data
        parts, left = [data], size - len(data)
        while left >= _RECORD and self._received.pending:
            try:
                data = self._tls.read(left)
            except ssl.SSLError:  # which comes again with the next read
                break
            parts.append(data)
            left -= len(data)
        return b"".join(parts)

    def _one(self, *arguments):
        """A record of so many bytes, or how many of one came into a buffer; as at the end of a plain socket once the client has taken leave."""
        while True:
            try:
                return self._tls.read(*arguments)
            except ssl.SSLWantReadError:
                self._flush_what_goes()  # an answer to a change of keys
                if not self._receive():
                    return _END[len(arguments) == 2]
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return _END[len(arguments) == 2]

    def _receive(self):
        if self._made.pending > _MOST_OWED:
            raise ConnectionAbortedError("it asks for new keys and takes none")
        count = self._socket.recv_into(_RAW)
        self._received.write(_RAW[:count])
        return count

    # -- writing ---------------------------------------------------------------------------------

    def send(self, data):
        """How many bytes of `data` have left, some at least; who is told to wait comes back with the same."""
        if not self._promised:
            self._promised = self._tls.write(memoryview(data)[:_MOST_PLAIN])
        self._flush()
        sent, self._promised = self._promised, 0
        return sent

    def sendmsg(self, pieces):
        if self._promised:
            return self.send(b"")
        if len(pieces[0]) >= _MOST_PLAIN:
            return self.send(pieces[0])
        taken, size = [], 0
        for piece in pieces:
            taken.append(memoryview(piece)[: _MOST_PLAIN - size])
            size += len(taken[-1])
            if size >= _MOST_PLAIN:
                break
        return self.send(b"".join(taken))

    def _flush(self):
        if not self._unsent and self._made.pending:
            self._unsent = memoryview(self._made.read())
        while self._unsent:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
            if not self._unsent and self._made.pending:
                self._unsent = memoryview(self._made.read())

    def _flush_what_goes(self):
        try:
            self._flush()
        except OSError:
            pass

    # -- the end ---------------------------------------------------------------------------------

    def close(self):
        """Take leave, if there is room to say so, and close."""
        try:
            self._tls.unwrap()
        except (ssl.SSLError, ValueError, OSError):
            pass
        if self._socket.fileno() >= 0:
            self._flush_what_goes()
        self._socket.close()
