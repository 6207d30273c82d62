"""A client is let in by the proxy itself: TLS and SASL of its own, before there is any connection to a broker behind."""

import logging

from emulator.api import HANDLERS
from emulator.pipeline.dispatch import Dispatcher, Refused
from emulator.runtime.upstream.exchange import READ, receive, send, wait
from wire.apis.sasl import SaslAuthenticate, SaslHandshake

log = logging.getLogger(__name__)

ASKED = (SaslHandshake.key, SaslAuthenticate.key)  # by who authenticates again


class Entrance:
    """What a ChannelBuilder takes for a connection: `socket`, `call`, `answer`, `largest`, `wait()`.

    The clocks and what is said of the client are the pair's.
    """

    def __init__(self, pair, builder):
        self._pair = pair
        self._builder = builder
        self._exchange = None
        self._expiry = None
        self.socket = pair.socket
        self.call = pair.call
        self.largest = pair.largest
        self.answer = _AFTERWARDS.answer

    def wait(self):
        wait(self.socket, READ)

    def let_in(self):
        """In the pair's greenlet; its socket is another then. Raises Refused, OSError, Disconnected."""
        self._builder.begin(self)
        self._pair.socket = self.socket
        while self.call.exchange is not None:
            self._exchange = self.call.exchange
            out = []
            try:
                frame = self._frame()
                self.answer(frame, 0, len(frame), self.call, out)
            finally:
                if out:
                    send(self.socket, b"".join(out))
            self._pair.heard()
        if self._exchange is not None:
            log.info("%s:%s is %s", *self._pair.peer[:2], self.call.principal)
            self._watch_expiry()

    def _frame(self):
        size = int.from_bytes(receive(self.socket, 4), "big", signed=True)
        if not 0 <= size <= self.largest:
            raise Refused(f"Invalid receive (size = {size}, largest {self.largest})")
        return receive(self.socket, size)

    # -- while it lasts ----------------------------------------------------------------------------

    def again(self, frame, position, end, call, out):
        """SaslHandshake or SaslAuthenticate of who is in: to begin again (KIP-368), or out of turn."""
        self.answer(frame, position, end, call, out)
        self._exchange = call.exchange or self._exchange

    def _watch_expiry(self):
        if self._exchange.expires is not None:
            self._expiry = self.call.time.at(self._exchange.expires + 1, self.look)
            if self._cancel not in self._pair.on_close:
                self._pair.on_close.append(self._cancel)

    def look(self):
        """Whether its session has expired, which ends the connection."""
        expires = self._exchange.expires
        if self.call.exchange is not None or expires is not None and self.call.now > expires:
            log.info("closing %s:%s: its session has expired", *self._pair.peer[:2])
            self._pair.close()
        else:
            self._watch_expiry()

    def _cancel(self, pair):
        if self._expiry is not None:
            self._expiry.cancel()


_AFTERWARDS = Dispatcher({key: HANDLERS[key] for key in ASKED}, {})
