"""One direction of a proxied connection: bytes from one socket to the other, of which no more is kept than one read.

While one side does not take what it is sent, the other is not read: a slow client slows the broker down, as it would
without a proxy, and the kernel's buffers are the only ones that fill.
"""

from gevent import get_hub

READ, WRITE = 1, 2


class Flow:
    """Reads `source`, hands what came to `take(view)`, and sends on `sink` what that puts there.

    `buffer`: a memoryview that all flows of a server read into, one after the other: what is kept of it is copied.
    """

    __slots__ = ("pair", "source", "sink", "buffer", "unsent", "is_held", "_readable", "_writable", "_reads", "passing")

    def __init__(self, pair, source, sink, buffer):
        self.pair = pair
        self.source = source
        self.sink = sink
        self.buffer = buffer
        self.unsent = None  # a bytearray of what the sink has not taken yet
        self.is_held = False  # whether somebody wants nothing more to be read for now
        self._readable = get_hub().loop.io(source.fileno(), READ)
        self._writable = None
        self._reads = False
        self.passing = 0  # bytes still to come that pass, whatever they are

    def take(self, view):
        """Look at what came; `view` is another's after that."""
        raise NotImplementedError

    def ended(self):
        """The source will send nothing more."""
        raise NotImplementedError

    # -- reading --------------------------------------------------------------------------------

    def read_on(self):
        """Read again, if nothing speaks against it."""
        if not self._reads and self.unsent is None and not self.is_held and self.pair.is_open:
            self._reads = True
            self._readable.start(self._on_readable)
            if getattr(self.source, "pending", None) and self.source.pending():  # decrypted, and not in the socket any more
                get_hub().loop.run_callback(self._on_readable)

    def pause(self):
        if self._reads:
            self._reads = False
            self._readable.stop()

    def _on_readable(self):
        if not self._reads:
            return
        pair = self.pair
        try:
            count = self.source.recv_into(self.buffer)
            if count:
                pair.heard()
                self.take(self.buffer[:count])
                if self._reads and getattr(self.source, "pending", None) and self.source.pending():
                    get_hub().loop.run_callback(self._on_readable)
            else:
                self.pause()
                self.ended()
        except BlockingIOError:
            pass
        except Exception as error:
            pair.fail(error)

    # -- writing --------------------------------------------------------------------------------

    def put(self, data):
        """Send `data`, bytes-like; what does not leave at once is copied, and nothing more is read until it has left."""
        if self.unsent is not None:
            self.unsent += data
            return
        try:
            sent = self.sink.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self.unsent = bytearray(memoryview(data)[sent:])
            self.pause()
            if self._writable is None:
                self._writable = get_hub().loop.io(self.sink.fileno(), WRITE)
            self._writable.start(self._on_writable)

    def _on_writable(self):
        pair = self.pair
        try:
            sent = self.sink.send(self.unsent)
            pair.heard()
            del self.unsent[:sent]
            if not self.unsent:
                self._writable.stop()
                self.unsent = None
                self.drained()
                self.read_on()
        except BlockingIOError:
            pass
        except Exception as error:
            pair.fail(error)

    def drained(self):
        """All that was put has left."""

    def close(self):
        self._reads = False
        for watcher in (self._readable, self._writable):
            if watcher is not None:
                watcher.close()
        self.unsent = None
