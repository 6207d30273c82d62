"""A client's connection to a proxy and its own connection to the broker behind: they begin, and end, together."""

import logging
import socket
from collections import deque

from gevent import Greenlet, get_hub, getcurrent, spawn

from emulator.pipeline.dispatch import Refused
from emulator.runtime.connection import Call, Disconnected, Pending, notice_end
from emulator.runtime.upstream.answers import Answers, BadAnswer
from emulator.runtime.upstream.dial import Unreachable
from emulator.runtime.upstream.entrance import Entrance
from emulator.runtime.upstream.exchange import wait
from emulator.runtime.upstream.flow import READ
from emulator.runtime.upstream.plans import Asked
from emulator.runtime.upstream.requests import Requests

log = logging.getLogger(__name__)

_AT_ONCE = b"\1\0\0\0\0\0\0\0"
_SWALLOWED = 64 * 1024
_LEAVE_MS = 10_000  # for what a client that has closed its half is still owed


class Pair:
    """`server` has what all of them share: routes, patience, time, buffer, pipes, largest (request, bytes) and forget(pair).

    `dial()` gives the socket to the broker, or raises Unreachable; it is asked for when the client first says something.
    `listener`: the name of the listener that the client came to, `node`: of which broker, None where it came first.
    """

    __slots__ = (
        "server", "socket", "upstream", "listener", "node", "peer", "front", "in_flight", "requests", "answers", "last_active", "is_open",
        "is_serving", "on_close", "out", "entrance", "_dial", "_call", "_greenlet", "_first", "_calm", "_leaving", "__weakref__",
    )  # fmt: skip

    def __init__(self, server, front, sock, peer, dial, node=None):
        self.server = server
        self.front = front
        self.listener = front.name
        self.node = node
        self.socket = sock
        self.peer = peer
        self.upstream = self.requests = self.answers = None
        self.in_flight = deque()  # (Plan, correlation id) of what the broker has not answered yet
        self.last_active = server.patience.now()
        self.is_open = True
        self.is_serving = False  # a request that is looked into
        self.on_close = []
        self.out = []
        self.entrance = None  # by which the client was let in, where more is asked of it than to come
        self._dial = dial
        self._call = self._greenlet = self._calm = self._leaving = None
        self._first = get_hub().loop.io(sock.fileno(), READ)
        self._first.start(self._spoken)

    @property
    def routes(self):
        return self.front.routes

    @property
    def largest(self):
        return self.server.largest

    @property
    def builder(self):
        """The ChannelBuilder of the listener."""
        return self.front.builder

    @property
    def call(self):
        """Of the requests that are looked into."""
        if self._call is None:
            self._call = Call(self, self.listener, self.peer, self.server.time, self.server.patience)
        return self._call

    # -- the beginning --------------------------------------------------------------------------

    def _spoken(self):
        self._first.stop()
        self._greenlet = spawn(self._open)

    def _open(self):
        self._first.close()
        self._first = None
        try:
            if (builder := self.builder) is not None and builder.asks:
                self.entrance = Entrance(self, builder)
                self.entrance.let_in()
            self.upstream = self._dial()
        except Refused as error:
            log.info("%s:%s closed: %s", self.peer[0], self.peer[1], error)
            self.close()
            return
        except Unreachable as error:
            log.info("closing %s:%s: no broker to be had: %s", self.peer[0], self.peer[1], error)
            self.close()
            return
        except Exception as error:
            self.fail(error)
            return
        if not self.is_open:
            self.upstream.close()
            return
        self._greenlet = self._dial = None
        self.requests = Requests(self, self.socket, self.upstream, self.server.buffer, self.server.pipes)
        self.answers = Answers(self, self.upstream, self.socket, self.server.buffer, self.server.pipes)
        self.heard()
        self.requests.read_on()
        self.answers.read_on()

    def heard(self):
        self.last_active = self.server.patience.now()

    # -- requests that are looked into ----------------------------------------------------------

    def serve(self, frame, following):
        """Answer `frame` as a broker would; `following`: what came after it, and waits."""
        self.is_serving = self.requests.is_held = True
        self.requests.pause()
        self._greenlet = Greenlet.spawn(self._serve, frame, following)

    def _serve(self, frame, following):
        try:
            refused = None
            try:
                self.routes.dispatcher.answer(frame, 0, len(frame), self.call, self.out)
            except Refused as error:
                refused = error
            if not self._is_calm:
                self._calm = Pending(self.call)
                self._calm.wait()
            self.flush()
            self.is_serving = self.requests.is_held = False
            self._greenlet = self._calm = None
            if refused is not None:
                raise refused
            if following:
                self.requests.take(memoryview(following))
            self.requests.answered()
            self.requests.read_on()
        except Exception as error:
            self.fail(error)

    def ask(self, api, call, build, is_silent=False):
        """The bytes of the broker's answer to a request that `build(out)` makes; None where there is none to come."""
        name = call.raw_client_id
        pieces = [b"", _head(api, call, name)]
        build(pieces)
        pieces[0] = sum(map(len, pieces)).to_bytes(4, "big")
        if is_silent:
            self.requests.put(b"".join(pieces))
            return None
        pending = Pending(call)
        self.in_flight.append((Asked(pending), call.correlation_id))
        self.requests.put(b"".join(pieces))
        return pending.wait()

    @property
    def _is_calm(self):
        """Whether all that was asked has been answered."""
        return not self.in_flight and self.answers.is_between

    def answered(self):
        """Something of what was in flight has been answered, or has left."""
        if self._calm is not None and self._is_calm:
            self._calm.resolve()
        if self._leaving is not None:
            self._leave_if_calm()
        elif self.requests.is_held:
            self.requests.answered()

    def flush(self):
        """Send what was answered here, once all that was asked before has been."""
        if self.out and self._is_calm:
            pieces = self.out[:]
            self.out.clear()
            self.answers.put(b"".join(pieces))

    def watch_for_end(self, gone):
        """Call `gone()` should the client hang up meanwhile."""
        self._first = get_hub().loop.io(self.socket.fileno(), READ)
        self._first.start(notice_end, self.socket, self._first, gone)

    def unwatch(self):
        if self._first is not None:
            self._first.close()
            self._first = None

    def swallow(self):
        """Read until the client leaves, or is closed for its silence; raises Disconnected then."""
        while True:
            wait(self.socket, READ)
            try:
                if not self.socket.recv(_SWALLOWED):
                    raise Disconnected
            except BlockingIOError:
                continue
            self.heard()

    def cut(self):
        """Whoever closes it now resets it."""
        self.out.clear()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)

    # -- the end --------------------------------------------------------------------------------

    def fail(self, error):
        """It cannot go on. After a request that is refused, what was asked before is still answered."""
        if isinstance(error, Refused):
            log.info("%s:%s closed: %s", self.peer[0], self.peer[1], error)
            self.client_left()
            return
        if isinstance(error, BadAnswer):
            log.warning("closing %s:%s: its broker gave %s", self.peer[0], self.peer[1], error)
        elif not isinstance(error, (OSError, Disconnected)):
            log.error("closing %s:%s after an unexpected error", self.peer[0], self.peer[1], exc_info=error)
        self.close()

    def client_left(self):
        """Nothing more is asked; what was is still answered, for a while."""
        self.requests.is_held = True
        self.requests.pause()
        if self._leaving is None:
            self._leaving = self.server.patience.after(_LEAVE_MS, self.close)
        self._leave_if_calm()

    def broker_left(self):
        """What it said is still for the client to read."""
        if self.answers.unsent is None:
            self.close()
        elif self._leaving is None:
            self._leaving = self.server.patience.after(_LEAVE_MS, self.close)

    def _leave_if_calm(self):
        if self.answers.unsent is None and not self.is_serving and self._is_calm:
            self.close()

    def reset(self):
        """End it as the kernel does for a process that is gone."""
        self.cut()
        self.close()

    def close(self):
        """Close both sockets; safe to call twice."""
        if not self.is_open:
            return
        self.is_open = False
        self.server.forget(self)
        gone, self.on_close = self.on_close, []
        for ended in gone:
            ended(self)
        if self._leaving is not None:
            self._leaving.cancel()
        if self._first is not None:
            self._first.close()
        for flow in (self.requests, self.answers):
            if flow is not None:
                flow.close()
        for sock in (self.socket, self.upstream):
            if sock is not None:
                sock.close()
        greenlet, self._greenlet = self._greenlet, None
        if greenlet is not None and greenlet is not getcurrent():
            greenlet.kill(block=False)


def _head(api, call, name):
    fixed = api.key.to_bytes(2, "big") + call.version.to_bytes(2, "big") + (call.correlation_id & 0xFFFFFFFF).to_bytes(4, "big")
    fixed += b"\xff\xff" if name is None else len(name).to_bytes(2, "big") + name
    return fixed + b"\0" if call.version in api.flexible else fixed
