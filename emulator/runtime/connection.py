"""One client connection: bytes in, frames to the dispatcher, answers out in request order.

One greenlet serves a connection and answers every complete frame of a read before it sends, so that
pipelined requests share system calls. While a handler waits, nothing further is read (Kafka mutes
the channel likewise), but a client that goes away is noticed.
"""

import errno
import logging
import socket
import struct
from time import perf_counter_ns

from gevent import get_hub, getcurrent

from emulator.pipeline.dispatch import Refused
from emulator.runtime.frames import FIRST
from emulator.runtime.frozen import FrozenSocket
from emulator.runtime.turns import give_turn
from emulator.state.authorizer import EVERYTHING
from emulator.state.principals import ANONYMOUS

log = logging.getLogger(__name__)

_READ_SIZE = 64 * 1024
_BELIEVED = 8 * 1024  # bytes: whoever sends so many of a frame most likely has the others, too
_JOIN_BELOW = 64 * 1024  # smaller answers are joined into one send; larger ones leave as pieces
_FLUSH_ABOVE = 1024 * 1024  # answers of one read are gathered up to this size
_TURN_MS = 5  # a client that always has more to say must let others speak
_READS_BEFORE_TURN = 32  # of a large frame
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset
_MOST_PIECES = 512  # of one sendmsg; IOV_MAX is 1024 on Linux


class Disconnected(Exception):
    """The client is gone, or the server stops: the greenlet ends."""


class Pending:
    """An answer that is not there yet.

    `resolve(value)` may come at any time and counts once; `wait(deadline_ms)` gives the value, or
    None when the deadline (on the `patience` clock) passes first. Resolved beforehand, it never
    touches the event loop.
    """

    __slots__ = ("_call", "value", "done", "_waiting", "_gone")

    def __init__(self, call):
        self._call = call
        self.value = None
        self.done = False
        self._waiting = None
        self._gone = False

    def resolve(self, value=None):
        if self.done:
            return
        self.done = True
        self.value = value
        if self._waiting is not None:
            get_hub().loop.run_callback(self._wake)

    def wait(self, deadline_ms=None):
        if self.done:
            return self.value
        call = self._call
        connection = call.connection
        connection.flush()
        if self.done:  # while a client that reads slowly was waited for
            return self.value
        timer = None if deadline_ms is None else call.patience.at(deadline_ms, self.resolve)
        connection.watch_for_end(self._client_gone)
        self._waiting = getcurrent()
        since = perf_counter_ns()
        try:
            get_hub().switch()
        finally:
            call.waited += perf_counter_ns() - since
            self._waiting = None
            connection.unwatch()
            if timer is not None:
                timer.cancel()
        if self._gone:
            raise Disconnected
        return self.value

    def _client_gone(self):
        self._gone = True
        self._wake()

    def _wake(self):
        greenlet, self._waiting = self._waiting, None
        if greenlet is not None:
            greenlet.switch()


class Call:
    """What a handler may know of the request beside its fields, and of who sent it.

    One object serves all requests of a connection, as they are answered one after the other.
    """

    __slots__ = (
        "connection", "listener", "client_host", "client_port", "version", "correlation_id",
        "raw_client_id", "client_id", "time", "patience", "waited", "muted_until", "throttle_ms",
        "software", "refused", "principal", "authorizer", "exchange", "failure_delay_ms",
    )  # fmt: skip

    def __init__(self, connection, listener, peer, time, patience, authorizer=None):
        self.connection = connection
        self.principal = ANONYMOUS
        self.authorizer = authorizer
        self.exchange = None  # a state.sasl Exchange until the client is authenticated
        self.failure_delay_ms = 0
        self.listener = listener
        self.client_host, self.client_port = peer[0], peer[1]
        self.version = self.correlation_id = 0
        self.raw_client_id = None
        self.client_id = None
        self.time = time
        self.patience = patience
        self.software = "unknown", "unknown"  # name and version, as its ApiVersions request tells
        self.waited = 0  # nanoseconds in all that handlers have spent waiting
        self.muted_until = 0  # on `patience`: until then a throttled client is not heard
        self.refused = None  # refused(topic, topic_id, partition): the error code of what a fetch is not to have, or None
        self.throttle_ms = None  # throttle_ms(response): set where an answer may be too large to be given

    @property
    def user(self):
        """The name of its principal, by which quotas go."""
        return self.principal.name

    @property
    def security_protocol(self):
        """Of the listener, one of Kafka's four."""
        return self.connection.builder.security_protocol

    @property
    def out(self):
        """The answers that are about to leave, as pieces of bytes."""
        return self.connection.out

    @property
    def now(self):
        """Milliseconds of the clock that stamps and expires."""
        return self.time.now()

    def take_client_id(self, raw):
        self.raw_client_id = raw
        try:
            self.client_id = None if raw is None else str(raw, "utf-8")
        except UnicodeDecodeError:
            raise Refused("The client id is not UTF-8") from None

    def allowed(self, operation, resource_type, name):
        """Whether the client may do `operation`, which it has asked to do there; without an authorizer everybody may."""
        if self.may(operation, resource_type, name):
            return True
        self.connection.server.denials.tell(self, operation, resource_type, name)
        return False

    def may(self, operation, resource_type, name):
        """The same where it has not asked for that in particular: it misses what it may not see, and that is no denial."""
        authorizer = self.authorizer
        return authorizer is None or authorizer.allows(self.principal, self.client_host, operation, resource_type, name)

    def allowed_any(self, operation, resource_type):
        """Whether the client may do `operation` on any resource of that type at all."""
        authorizer = self.authorizer
        return authorizer is None or authorizer.allows_any(self.principal, self.client_host, operation, resource_type)

    def operations(self, resource_type, name):
        """All that the client may do there, as a bit field (KIP-430)."""
        authorizer = self.authorizer
        return EVERYTHING if authorizer is None else authorizer.operations(self.principal, self.client_host, resource_type, name)

    def pending(self):
        return Pending(self)

    def offload(self, function, *arguments):
        """`function(*arguments)` in another thread, for what would hold up every other client.

        The function must not touch what this thread may change meanwhile.
        """
        return get_hub().threadpool.apply(function, arguments)

    def after_failure(self):
        """Who could not be authenticated learns so in a while: guessing is slow (KIP-306)."""
        if self.failure_delay_ms > 0:
            self.pending().wait(self.patience.now() + self.failure_delay_ms)

    def breathe(self):
        """Let other clients be served in the middle of a large request."""
        since = perf_counter_ns()
        give_turn()
        self.waited += perf_counter_ns() - since

    def close(self, reason):
        """End the connection instead of answering; what was answered before is still sent."""
        raise Refused(reason)

    def reset(self, reason):
        """End the connection as if the wire were cut: what was answered and not sent is lost."""
        self.connection.cut()
        raise Refused(reason)

    def swallow(self):
        """Never answer: what the client goes on to say is read and forgotten until it leaves, however much that is."""
        self.connection.swallow()


def notice_end(sock, watcher, gone):
    """There is something to read at `sock`, says `watcher`: `gone()` if that is its end; a request waits its turn."""
    try:
        if sock.recv(1, socket.MSG_PEEK):
            watcher.stop()
            return
    except BlockingIOError:
        return
    except OSError:
        pass
    watcher.stop()
    gone()


class Connection:
    """`builder`: the ChannelBuilder of its listener.

    `answer` takes each frame, see Dispatcher.answer: before its client is authenticated, that is who asks it to be. `largest`: of a frame, in bytes.
    """

    def __init__(self, server, sock, builder, peer):
        self.server = server
        self.socket = sock
        self.builder = builder
        self.answer = server.dispatcher.answer
        self.largest = server.settings.socket_request_max_bytes
        self.last_active = server.patience.now()
        self.call = Call(self, builder.listener, peer, server.time, server.patience, server.authorizer)
        self.out = []
        loop = get_hub().loop
        self._readable = loop.io(sock.fileno(), 1)
        self._writable = None
        self.greenlet = None
        self.is_open = True
        self.on_close = []  # called with the connection once it has ended

    # -- serving ------------------------------------------------------------------------------

    def serve(self):
        """Serve until the client leaves, breaks the protocol or is closed; never raises."""
        try:
            self._serve()
        except (Disconnected, OSError):
            pass
        except Refused as refused:
            self._say_goodbye()
            log.info("%s:%s closed: %s", self.call.client_host, self.call.client_port, refused)
        except Exception:
            log.exception("closing %s:%s after an unexpected error", self.call.client_host, self.call.client_port)
        finally:
            self.close()

    def _serve(self):
        call, out = self.call, self.out
        if self.builder.asks:
            self.builder.begin(self)
        self._pending = getattr(self.socket, "pending", None)  # over TLS there may be more than the event loop knows of
        rest = b""
        while True:
            data = self._receive(bool(rest))
            if rest:
                data = rest + data
            position, filled = 0, len(data)
            while filled - position >= 4:
                size = int.from_bytes(data[position : position + 4], "big", signed=True)
                if not 0 <= size <= self.largest:
                    raise Refused(f"Invalid receive (size = {size}, largest {self.largest})")
                start, end = position + 4, position + 4 + size
                if end > filled:
                    if size > _READ_SIZE:
                        frame = self._receive_large(data[start:], size)
                        self.answer(memoryview(frame), 0, size, call, out)
                        self.server.frames.give(frame)
                        position = filled
                    break
                self.answer(data, start, end, call, out)
                position = end
                if len(out) > 1024:
                    self.flush()
            rest = data[position:] if position < filled else b""
            self.flush()

    def _say_goodbye(self):
        """What was answered before the offence is still owed to the client."""
        try:
            self.flush()
        except (Disconnected, OSError):
            pass

    # -- reading ------------------------------------------------------------------------------

    def _receive(self, expecting):
        """The next bytes of the client; `expecting`: more of a frame is probably there already."""
        hub = get_hub()
        if not expecting and (self._pending is None or not self._pending()):
            # The client most likely waits for our answer and has sent nothing yet: asking the
            # event loop first saves a failing system call, and lets other connections run.
            hub.wait(self._readable)
            self._turn_began = None
        elif self._turn_began is None:
            self._turn_began = self.server.patience.now()
        elif self.server.patience.now() - self._turn_began > _TURN_MS:
            give_turn()
            self._turn_began = None
        while True:
            try:
                data = self.socket.recv(_READ_SIZE)
            except BlockingIOError:
                hub.wait(self._readable)
                self._turn_began = None
                continue
            if not data:
                raise Disconnected
            self.last_active = self.server.patience.now()
            return data

    _pending = None
    _turn_began = None  # since when (ms) requests of this client have been answered without a pause

    def wait(self):
        """Until the client says something, or has left."""
        get_hub().wait(self._readable)

    def _receive_large(self, beginning, size):
        """A buffer that holds a whole frame, and perhaps more after it; the log may keep it."""
        hub, frames = get_hub(), self.server.frames
        filled = len(beginning)
        frame = frames.take(self._room(filled, size))
        frame[:filled] = beginning
        room = min(len(frame), size)
        reads = 0
        while filled < size:
            if filled == room:
                frame, shorter = frames.take(self._room(filled, size)), frame
                frame[:filled] = shorter[:filled]
                room = min(len(frame), size)
            if reads >= _READS_BEFORE_TURN:
                give_turn()
                reads = 0
            try:
                with memoryview(frame) as view:
                    count = self.socket.recv_into(view[filled:room])
            except BlockingIOError:
                hub.wait(self._readable)
                reads = 0
                continue
            if not count:
                raise Disconnected
            reads += 1
            filled += count
            self.last_active = self.server.patience.now()
        return frame

    def _room(self, filled, size):
        """Bytes to have for a frame of which so much is there: a length alone, or a stranger, is given little more than has come."""
        least = FIRST if filled >= _BELIEVED and self.call.exchange is None else 2 * _BELIEVED
        return min(size, max(least, 2 * filled))

    # -- writing ------------------------------------------------------------------------------

    def flush(self):
        """Send what has been answered so far."""
        out = self.out
        if not out:
            return
        pieces = out[:]
        out.clear()
        if len(pieces) > 1:
            if sum(map(len, pieces)) <= _JOIN_BELOW:
                self._send(b"".join(pieces))
            else:
                self._send_pieces(pieces)
        else:
            self._send(pieces[0])

    def _send(self, data):
        sent = self._try(self.socket.send, data)
        if sent < len(data):
            view = memoryview(data)
            while sent < len(view):
                sent += self._try(self.socket.send, view[sent:])

    def _send_pieces(self, pieces):
        """Large answers leave without being joined: the log's own bytes go to the kernel."""
        pieces = [piece for piece in pieces if len(piece)]
        first = 0
        while first < len(pieces):
            sent = self._try(self.socket.sendmsg, pieces[first : first + _MOST_PIECES])
            while first < len(pieces) and sent >= len(pieces[first]):
                sent -= len(pieces[first])
                first += 1
            if sent:
                pieces[first] = memoryview(pieces[first])[sent:]

    def _try(self, send, data):
        while True:
            try:
                sent = send(data)
            except BlockingIOError:
                if self._writable is None:
                    self._writable = get_hub().loop.io(self.socket.fileno(), 2)
                get_hub().wait(self._writable)
                continue
            self.last_active = self.server.patience.now()
            return sent

    # -- while a handler waits ----------------------------------------------------------------

    def watch_for_end(self, gone):
        """Call `gone()` from the event loop should the client hang up meanwhile."""
        self._readable.start(notice_end, self.socket, self._readable, gone)

    def unwatch(self):
        self._readable.stop()

    # -- the end ------------------------------------------------------------------------------

    def reset(self):
        """End it as the kernel does for a process that is gone: what was not sent never is, and nobody takes leave."""
        self.on_close = []
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        if self.greenlet is not None:
            self.greenlet.kill(block=False)

    def cut(self):
        """Whoever closes it now resets it."""
        self.out.clear()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)

    def swallow(self):
        """Read until the client leaves, or is closed for its silence; raises Disconnected then."""
        self.flush()
        while True:
            self._receive(False)

    def freeze(self, thawed):
        """Neither read nor write before `thawed`, an Event; None: from now on again."""
        if thawed is not None:
            self.socket = FrozenSocket(self.socket, thawed)
        elif isinstance(self.socket, FrozenSocket):
            self.socket = self.socket.socket

    def close(self):
        """Close the socket; safe to call twice, and from outside the serving greenlet."""
        self.is_open = False
        self.server.forget(self)
        gone, self.on_close = self.on_close, []
        for ended in gone:
            ended(self)
        for watcher in (self._readable, self._writable):
            if watcher is not None:
                watcher.close()
        self._writable = None
        try:
            self.socket.close()
        except OSError as error:  # pragma: no cover - the descriptor was already gone
            if error.errno != errno.EBADF:
                raise
