"""Connections between a leader and its learners: packets in their order, and snapshots among them."""

import logging
from struct import pack

from gevent import GreenletExit, get_hub, socket, spawn

from emulator.runtime.listener import bind
from wire.types import Malformed
from wire.zookeeper.quorum import SNAPSHOT_SIGNATURE, build_packet, parse_packet

log = logging.getLogger(__name__)

_READ = 64 * 1024
# What may wait for a learner that does not read. It is let go after syncLimit anyway.
_MAX_WAITING = 64 * 1024 * 1024
_SIGNATURE = pack(">i", len(SNAPSHOT_SIGNATURE)) + SNAPSHOT_SIGNATURE.encode()
WRITABLE = 2
_LAST_WORDS_S = 5.0  # for who does not read what is still to be said


class Outlet:
    """A socket whose bytes leave without anybody's waiting: those of one turn of the event loop in one piece."""

    def __init__(self, sock):
        self._sock = sock
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._out = []
        self._waiting = 0  # bytes that wait for a reader
        self._flushes = False
        self._writable = None
        self._ends = False
        self._hangs_up = None
        self.open = True

    def _append(self, octets):
        self._out.append(octets)
        self._waiting += len(octets)
        if not self._flushes:
            self._flushes = True
            get_hub().loop.run_callback(self._flush)

    def _flush(self):
        self._flushes = False
        if not self.open:
            return
        octets = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        try:
            sent = self._sock.send(octets, socket.MSG_DONTWAIT) if octets else 0
        except BlockingIOError:
            sent = 0
        except OSError as error:
            return self._lost(str(error))
        self._waiting -= sent
        if sent < len(octets):
            self._out = [memoryview(octets)[sent:]]
            self._flushes = True
            if self._writable is None:
                self._writable = get_hub().loop.io(self._sock.fileno(), WRITABLE)
            self._writable.start(self._flush_more)
        else:
            self._out = []
            if self._ends:
                self._lost("all is said")

    def _flush_more(self):
        self._writable.stop()
        self._flush()

    def end(self):
        """Hang up once all has left, or nobody reads it."""
        self._ends = True
        if not self._out:
            self._lost("all is said")
        elif self._hangs_up is None and self.open:
            self._hangs_up = get_hub().loop.timer(_LAST_WORDS_S)
            self._hangs_up.start(self._lost, "it does not read")

    def _lost(self, reason):
        self._shut()

    def _shut(self):
        self.open = False
        self._out = []
        if self._hangs_up is not None:
            self._hangs_up.close()
            self._hangs_up = None
        if self._writable is not None:
            self._writable.stop()
            self._writable.close()
            self._writable = None
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._sock.close()


class Link(Outlet):
    """One end. `attach(receiver)` starts to read: receiver.receive(packet), receiver.lost(reason) once, when the other hangs up."""

    def __init__(self, sock, name):
        super().__init__(sock)
        self.name = name  # who is there, for the log
        self._receiver = None
        self._reader = None
        self._buffer = bytearray()
        self._position = 0
        self._snapshot = None  # pieces of it that have not left
        self._held = []  # what is to follow it
        self._turn = None

    def attach(self, receiver):
        self._receiver = receiver
        self._reader = spawn(self._read_all)

    def send(self, packet):
        if not self.open:
            return
        octets = build_packet(packet)
        if self._snapshot is None:
            self._append(octets)
        else:
            self._held.append(octets)
            self._waiting += len(octets)
        if self._waiting > _MAX_WAITING:
            self._lost(f"it has {_MAX_WAITING} bytes to read and does not")

    def send_snapshot(self, pieces):
        """A piece when the one before has left, each in its own turn; what is sent later comes after it."""
        self._snapshot = iter(pieces)
        self._turn = get_hub().loop.timer(0)
        self._next_piece()

    def _next_piece(self):
        piece = next(self._snapshot, None)
        if piece:
            return self._append(piece)
        if piece is not None:
            return self._turn.start(self._next_piece)
        self._end_turns()
        held, self._held = self._held, []
        self._waiting -= sum(map(len, held))
        for octets in (_SIGNATURE, *held):
            self._append(octets)

    def _flush(self):
        super()._flush()
        if self._snapshot is not None and self.open and not self._out:
            self._turn.start(self._next_piece)

    def _end_turns(self):
        self._snapshot = None
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    def _shut(self):
        self._end_turns()
        super()._shut()

    def _read_all(self):
        try:
            while self.open:
                parsed = parse_packet(self._buffer, self._position, len(self._buffer))
                if parsed is None:
                    self._more()
                else:
                    packet, self._position = parsed
                    self._receiver.receive(packet)
        except GreenletExit:
            raise  # this server's disk has failed, which is no fault of who is there
        except (OSError, EOFError) as error:
            self._lost(str(error) or "the connection was closed")
        except Malformed as error:
            self._lost(f"not this protocol: {error}")
        except Exception:
            log.exception("connection with %s failed", self.name)
            self._lost("an internal error")

    def _more(self):
        octets = self._sock.recv(_READ)
        if not octets:
            raise EOFError("the connection was closed")
        del self._buffer[:self._position]
        self._position = 0
        self._buffer += octets

    def read(self, size):
        """Exactly so many bytes of the stream; for what comes between packets. Blocks. EOFError, OSError."""
        while len(self._buffer) - self._position < size:
            self._more()
            self._receiver.heard()
        octets = bytes(self._buffer[self._position:self._position + size])
        self._position += size
        return octets

    def read_snapshot(self, zxid):
        """Into the database of the learner that is attached."""
        self._receiver.database.restore(self.read, zxid)
        signature = self.read(len(_SIGNATURE))
        if signature != _SIGNATURE:
            raise Malformed("signature", 0, f"{signature!r} after a snapshot")

    def _lost(self, reason):
        if self.open:
            self._shut()
            if self._receiver is not None:
                self._receiver.lost(reason)

    def close(self, reason):
        if self.open:
            log.warning("connection with %s ends: %s", self.name, reason)
            self._shut()


def listen_at(what, host, port):
    """As `bind`; the OSError says where."""
    try:
        return bind(host, port)
    except OSError as error:
        raise OSError(error.errno, f"{what}, {host or '*'}:{port}: {error.strerror}") from None


def connect(address, timeout_ms):
    """A socket. Raises OSError."""
    sock = socket.create_connection(address, timeout_ms / 1000)
    sock.settimeout(None)
    return sock
