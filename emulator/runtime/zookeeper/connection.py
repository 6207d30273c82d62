"""One client of a ZooKeeper server: its frames in, its answers out, strictly in the order of the requests.

Writes are passed on as they come; a read is answered when all before it is. Source: NIOServerCnxn, CommitProcessor of 3.8.4.
"""

import logging
from collections import deque
from struct import Struct

from gevent import Timeout, get_hub, spawn
from gevent.event import Event

from emulator.runtime.reader import Reader
from emulator.runtime.zookeeper.links import Outlet
from emulator.state.zookeeper import reads
from emulator.state.zookeeper.acl import allowed, digest_id
from emulator.state.zookeeper.prepare import Refused
from emulator.state.zookeeper.stats import ConnectionStats
from wire.types import Malformed
from wire.zookeeper import client
from wire.zookeeper.client import ConnectRequest

log = logging.getLogger(__name__)

_INT = Struct(">i")
_HEADER = Struct(">ii")
_REPLY = Struct(">iiqi")
_CONNECTED = Struct(">iiqi")
_MAX_OUTSTANDING = 1000  # zookeeper.globalOutstandingLimit
_MAX_WAITING = 16 * 1024 * 1024  # bytes of requests to be answered, and of answers to be read; it is not read from meanwhile
_CONNECT_S = 10.0
_NO_TOKEN = b"\xff\xff\xff\xff"


class _Request:
    __slots__ = ("xid", "opcode", "body", "result", "is_done", "came")

    def __init__(self, xid, opcode, body, is_done, came):
        self.came = came  # ms of the server's clock
        self.xid = xid
        self.opcode = opcode
        self.body = body
        self.result = None
        self.is_done = is_done  # whether its turn is enough


class ClientConnection(Outlet):
    """`server` is the ZooKeeperServer. `session_id` is 0 until the session stands."""

    def __init__(self, server, sock, peer):
        super().__init__(sock)
        self.peer = peer
        self.session_id = 0
        self.timeout = 0
        self.ids = [("ip", peer[0])]
        self.stats = ConnectionStats()
        self.established = 0  # ms of wall time
        self.heard = server.clock.now()
        self._server = server
        self._requests = deque()
        self._asked = 0  # bytes of them
        self._go_on = Event()
        self._is_old = False  # a client of before 3.4 does not say, nor is told, who only reads
        self.read_only = False
        self._reader = Reader(sock)

    def start(self):
        spawn(self._serve)

    # Reading

    def _serve(self):
        try:
            with Timeout(_CONNECT_S):
                head = self._reader.exactly(4)
                word = bytes(head)
                if self._server.knows_word(word):
                    return self._words(word.decode())
                frame = self._frame(_INT.unpack(head)[0])
            self._connect(frame)
            while self.open and not (self.session_id or self._ends):
                self._wait()  # requests may have come already: they are the session's
            while self.open:
                self._request(self._frame(_INT.unpack(self._reader.exactly(4))[0]))
                while self.open and (len(self._requests) >= _MAX_OUTSTANDING or max(self._asked, self._waiting) > _MAX_WAITING):
                    self._wait()
        except (OSError, EOFError, Timeout):
            pass
        except Malformed as error:
            log.warning("connection of %s ends: %s", self.peer[0], error)
        except Exception:
            log.exception("connection of %s failed", self.peer[0])
        if not self._ends:
            self._lost("it hung up")

    def _wait(self):
        self._go_on.clear()
        self._go_on.wait(1.0)

    def _frame(self, length):
        if not 0 <= length <= self._server.max_buffer:
            raise Malformed("frame", 0, f"a length of {length}, where jute.maxbuffer is {self._server.max_buffer}")
        return self._reader.exactly(length)

    def _words(self, word):
        self._count(4)
        self._append(self._server.four_letter_word(word).encode())
        self._server.stats.sent += 1
        self.end()

    def _count(self, size):
        self.stats.received += 1
        stats = self._server.stats
        stats.received += 1
        stats.counts["bytes_received_count"] += size

    @property
    def outstanding(self):
        """How many requests wait for their answers."""
        return len(self._requests)

    @property
    def interests(self):
        """What the event loop waits for: 1 to read, 4 to write."""
        return (1 if self.session_id else 0) | (4 if self._writable is not None and self._waiting else 0)

    # The session

    def _connect(self, frame):
        self._count(4 + len(frame))
        request, end = ConnectRequest.parse(frame)
        self._is_old = len(frame) == end
        self.read_only = not self._is_old and frame[end] != 0
        self._server.sessions.connect(self, request)

    def connected(self, session_id, timeout, password):
        """The session stands; timeout 0: it does not, and the client is sent away."""
        if not self.open:
            return
        now = self._server.clock.now()
        if not self.session_id:
            self.established = self._server.wall_ms()
        self.session_id, self.timeout = (session_id, timeout) if timeout else (0, 0)
        body = _CONNECTED.pack(0, timeout, session_id, len(password)) + password + \
            (b"" if self._is_old else b"\1" if self._server.read_only else b"\0")
        self._append(_INT.pack(len(body)) + body)
        self._sent(4 + len(body))
        self._go_on.set()
        if not timeout:
            return self.end()
        self._answered(client.CREATE_SESSION, 0, self._server.database.last_zxid, now - self.heard, now)

    def _sent(self, size):
        self.stats.sent += 1
        stats = self._server.stats
        stats.sent += 1
        stats.counts["response_bytes"] += size

    def _answered(self, opcode, cxid, zxid, latency, now):
        self.stats.answered(opcode, cxid, zxid, latency, now)
        self._server.stats.latency.add(latency)

    def not_read_only(self):
        """Without a quorum no session can be made; said with a reply's header, as there."""
        self._reply(0, self._server.database.last_zxid, client.NOT_READ_ONLY, b"")
        self.end()

    # Requests

    def _request(self, frame):
        if len(frame) < 8:
            raise Malformed("request", 0, f"{len(frame)} bytes")
        self._count(4 + len(frame))
        xid, opcode = _HEADER.unpack_from(frame)
        body = frame[8:]
        now = self.heard = self._server.clock.now()
        if not self.session_id:
            raise Malformed("request", 0, "it comes before the session stands")
        self._server.sessions.touch(self)
        if opcode == client.AUTH:
            return self._auth(xid, body)
        if opcode == client.SASL:
            if client.SaslToken.parse(body)[0].token is None:
                raise Malformed("sasl", 8, "there is no token")
            return self._reply(xid, 0, 0, _NO_TOKEN)  # as a server without SASL does
        self._asked += len(body)
        request = _Request(client.PING_XID if opcode == client.PING else xid, opcode, body, True, now)
        if self._server.read_only or opcode == client.CLOSE_SESSION and self.session_id in self._server.sessions.local:
            self._requests.append(request)
            self.go_on()
        elif opcode in client.WRITES or opcode == client.CLOSE_SESSION:
            request.is_done = False
            self._requests.append(request)
            self._server.submit(self, xid, opcode, body)
        elif opcode == client.SYNC:
            request.is_done = False
            self._requests.append(request)
            self._server.sync(self, xid, request, body)
        else:
            self._requests.append(request)
            self.go_on()

    def _auth(self, xid, body):
        packet = client.AuthPacket.parse(body)[0]
        if packet.scheme == "digest" and packet.auth is not None:
            entries = [("digest", digest_id(packet.auth))]
            if self._server.super_digest == entries[0][1]:
                entries.insert(0, ("super", ""))
            self.ids += [entry for entry in entries if entry not in self.ids]
            self._reply(xid, 0, 0, b"")
        elif packet.scheme == "ip":
            self._reply(xid, 0, 0, b"")
        else:
            self._server.stats.counts["auth_failed_count"] += 1
            self._reply(xid, 0, client.AUTH_FAILED, b"")
            self.end()

    def written(self, cxid, result):
        """The oldest write of this session that waits has been applied."""
        for request in self._requests:
            if not request.is_done and request.opcode != client.SYNC:
                if request.xid != cxid:
                    return
                request.is_done, request.result = True, result
                break
        self.go_on()

    def synced(self, request):
        request.is_done = True
        self.go_on()

    def go_on(self):
        """Answer what can be, in order."""
        requests = self._requests
        while requests and requests[0].is_done and self.open:
            request = requests.popleft()
            self._asked -= len(request.body)
            if request.result is not None:
                self._answer_write(request)
            else:
                self._answer_read(request)
        if not self._go_on.is_set():
            self._go_on.set()

    def _answer_write(self, request):
        result = request.result
        if result.err == client.SESSION_MOVED:
            return self.end()  # what it asked before may be answered on the other connection: no answer is in order here
        body = b"" if result.err else reads.written(request.opcode, result)
        self._reply(request.xid, result.header.zxid, result.err, body, request)
        if request.opcode == client.CLOSE_SESSION:
            self.end()

    def _answer_read(self, request):
        database = self._server.database
        if self._server.has_moved(self.session_id):
            return self.end()
        err, body = 0, b""
        try:
            if self._server.read_only and (request.opcode in client.WRITES or request.opcode == client.SYNC):
                raise Refused(client.NOT_READ_ONLY)
            if request.opcode == client.CLOSE_SESSION:
                self._server.sessions.close_local(self.session_id)
            elif request.opcode == client.SYNC:
                body = client.Path.parse(request.body)[0].build()
            elif request.opcode != client.PING:
                body = reads.answer(database, request.opcode, request.body, self.ids, self)
        except Refused as refused:
            err = refused.code
        except Malformed:
            err = client.MARSHALLING_ERROR
        self._reply(request.xid, -1 if err == client.UNIMPLEMENTED else database.last_zxid, err, b"" if err else body,
                    request)
        if err == client.UNIMPLEMENTED or request.opcode == client.CLOSE_SESSION:
            self.end()

    def _reply(self, xid, zxid, err, body, request=None):
        self._append(_REPLY.pack(16 + len(body), xid, zxid, err) + body)
        self._sent(20 + len(body))
        if request is not None:
            now = self._server.clock.now()
            self._answered(request.opcode, xid, zxid, now - request.came, now)
            self._server.stats.answers.add(16 + len(body))

    def event(self, type_, path, acl=()):
        """A watch has fired; its word leaves before any answer that knows of the change. Who may not read does not hear of it."""
        if self.open and not self._ends and allowed(acl, client.READ, self.ids):
            body = client.WatcherEvent(type_, client.SYNC_CONNECTED, path).build()
            self._append(_REPLY.pack(16 + len(body), client.WATCH_XID, -1, 0) + body)
            self._sent(20 + len(body))
            if self._waiting > 2 * _MAX_WAITING:  # nothing that it asks makes these: they would come for ever
                log.warning("a client at %s does not read: %d bytes wait", self.peer[0], self._waiting)
                self._ends = True
                get_hub().loop.run_callback(self._lost, "it does not read")

    def _lost(self, reason):
        if self.open:
            self._shut()
            self._go_on.set()
            self._server.disconnected(self)

    def close(self):
        self._lost("the server has no quorum")
