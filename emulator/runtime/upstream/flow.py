"""One direction of a proxied connection: bytes from one socket to the other, of which no more is kept than one read.

While one side does not take what it is sent, the other is not read: a slow client slows the broker down, as it would
without a proxy, and the kernel's buffers are the only ones that fill. What passes without being looked at does not come here
at all where the kernel can move it (pipes.py).
"""

import socket

from gevent import get_hub

READ, WRITE = 1, 2
_LARGE = 64 * 1024  # so many bytes that are only to pass are worth a pipe
_TURN = 2 * 1024 * 1024  # bytes after which others have theirs
_HEAD = 4 * 1024  # of a frame that is probably large: enough to tell what it is


class Flow:
    """Reads `source`, hands what came to `take(view)`, and sends on `sink` what that puts there.

    `buffer`: a memoryview that all flows of a server read into, one after the other: what is kept of it is copied.
    `pipes`: a Pipes, None where the kernel moves nothing by itself.
    """

    __slots__ = (
        "pair", "source", "sink", "buffer", "unsent", "is_held", "_readable", "_writable", "_reads", "passing", "_pipes", "_pipe", "_piped", "_expects",
    )  # fmt: skip

    def __init__(self, pair, source, sink, buffer, pipes=None):
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
        self._pipes = pipes if type(source) is type(sink) is socket.socket else None  # and no TLS
        self._pipe = None  # that holds
        self._piped = 0  # so many bytes, before those of `unsent`
        self._expects = len(buffer)  # bytes that are read at once

    @property
    def kept(self):
        """Bytes that the sink has not taken."""
        return self._piped + len(self.unsent or b"")

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
            if self._is_moving:
                count = self._move()
            elif count := self.source.recv_into(self.buffer, self._expects):
                pair.heard()
                is_full = count == self._expects
                self.take(self.buffer[:count])
                if self._is_moving:
                    self._expects = _HEAD
                    if self._reads:
                        count = self._move()
                elif is_full:  # no large frame: there may be many small ones
                    self._expects = len(self.buffer)
            if count:
                if self._reads and getattr(self.source, "pending", None) and self.source.pending():
                    get_hub().loop.run_callback(self._on_readable)
            else:
                self.pause()
                self.ended()
        except BlockingIOError:
            pass
        except Exception as error:
            pair.fail(error)

    @property
    def _is_moving(self):
        return self.passing >= _LARGE and self._pipes is not None

    def _move(self):
        """Let the kernel pass on what there is of `passing`; gives how much in the end, 0 at the end of all. Raises BlockingIOError."""
        moved = 0
        while self.passing and self.unsent is None and moved < _TURN:
            if self._pipe is None:
                self._pipe = self._pipes.take()
            count = self._pipe.fill(self.source, self.passing)
            if not count:
                return 0
            self.pair.heard()
            self.passing -= count
            moved += count
            self._piped = count
            self._drain_pipe()
            if self._piped:
                self.unsent = bytearray()
                self._wait_for_sink()
        return moved

    def _drain_pipe(self):
        try:
            self._piped -= self._pipe.drain(self.sink, self._piped)
        except BlockingIOError:
            return
        if not self._piped:
            self._pipes.give(self._pipe)
            self._pipe = None

    # -- writing --------------------------------------------------------------------------------

    def put(self, data):
        """Send `data`, bytes-like; what does not leave at once is copied, and nothing more is read until it has left."""
        if self.unsent is not None:
            self.unsent += data
            return
        try:
            sent = self.sink.send(data, socket.MSG_MORE) if self._is_moving else self.sink.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self.unsent = bytearray(memoryview(data)[sent:])
            self._wait_for_sink()

    def _wait_for_sink(self):
        self.pause()
        if self._writable is None:
            self._writable = get_hub().loop.io(self.sink.fileno(), WRITE)
        self._writable.start(self._on_writable)

    def _on_writable(self):
        pair = self.pair
        try:
            if self._piped:
                self._drain_pipe()
                pair.heard()
            if not self._piped and self.unsent:
                sent = self.sink.send(self.unsent)
                pair.heard()
                del self.unsent[:sent]
            if not self._piped and not self.unsent:
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
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
