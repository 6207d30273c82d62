"""A client of ZooKeeper: one session, kept on whatever server of the ensemble can be reached.

Requests are answered in their order; who asks waits through lost connections, as Kafka does, until the session is over.
Source: org.apache.zookeeper.ClientCnxn of 3.8.4, kafka.zookeeper.ZooKeeperClient of 3.9.1.
"""

import logging
from collections import deque
from struct import Struct

from gevent import Timeout, sleep, socket, spawn
from gevent.event import AsyncResult, Event

from emulator.runtime.reader import Reader
from emulator.runtime.registration.multi import ANY_VERSION, ANYBODY, PERSISTENT, Refused, multi_body, multi_result
from emulator.runtime.zookeeper.links import Outlet
from wire.types import Malformed
from wire.zookeeper import client as messages
from wire.zookeeper.client import ConnectRequest, ConnectResponse, CreateRequest, PathVersion, PathWatch, SetDataRequest

log = logging.getLogger(__name__)

_INT = Struct(">i")
_HEADER = Struct(">ii")
_REPLY = Struct(">iqi")
_LARGEST = 4 * 1024 * 1024  # of what a server sends; jute.maxbuffer is 1 MB
_PAUSES_S = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)  # after each round of servers that nobody answered


class Expired(Exception):
    """The session is over: its ephemeral znodes are gone."""


class Closed(Exception):
    """The client is."""


class _Lost(Exception):
    """The connection went before the answer came."""


class _Connection(Outlet):
    """One connection: requests that wait for their answer, oldest first."""

    def __init__(self, sock):
        super().__init__(sock)
        self.waiting = deque()
        self._reader = Reader(sock)

    def send(self, frame):
        if self.open:
            self._append(_INT.pack(len(frame)) + frame)

    def frame(self):
        """The next one. EOFError, OSError, Malformed."""
        length = _INT.unpack(self._reader.exactly(4))[0]
        if not 0 <= length <= _LARGEST:
            raise Malformed("frame", 0, f"a length of {length}")
        return self._reader.exactly(length)

    def close(self):
        if self.open:
            self._shut()


class ZooKeeperClient:
    """`servers`: [(host, port)]; `chroot`: "" or /path, before every path; `timeout_ms`: of the session, as asked for.

    `clock`: patience. `on_session()` is called, in a greenlet, when a new session stands, `on_connected(bool)` when a connection
    of it comes or goes, `on_event(type, path)` when a watch has fired.
    """

    def __init__(self, servers, chroot, timeout_ms, clock, random):
        self._servers = list(servers)
        random.shuffle(self._servers)
        self.chroot = chroot
        self._asked_ms = self.timeout_ms = timeout_ms
        self._clock = clock
        self.on_session = self.on_connected = self.on_event = lambda *told: None
        self.session_id, self._password = 0, bytes(16)
        self.past_sessions = set()  # that have expired
        self._last_zxid = 0
        self._connection = None
        self._connected = Event()
        self._xid = 0
        self._watches = {"data": set(), "exist": set(), "child": set()}
        self._session = 0  # counts
        self._heard_ms = self._sent_ms = 0
        self._beat_due = None
        self._thawed = Event()
        self._thawed.set()
        self._greenlet = None
        self._is_closed = False

    # Life

    def start(self):
        self._greenlet = spawn(self._run)

    @property
    def is_connected(self):
        return self._connected.is_set() and self._thawed.is_set()

    def wait_connected(self, timeout_ms):
        """Whether a connection stands within this time."""
        return self._connected.wait(timeout_ms / 1000)

    def freeze(self):
        """As in a process that is stopped: nothing is read, and nothing sent."""
        self._thawed.clear()

    def thaw(self):
        self._heard_ms = self._clock.now()
        self._thawed.set()

    def close(self, wait_s=2.0):
        """End the session, so that its ephemeral znodes are gone at once; without a connection they go when its time is over."""
        if self._connected.is_set() and self._thawed.is_set():
            with Timeout(wait_s, False):
                try:
                    self._ask(messages.CLOSE_SESSION, b"")
                except (Refused, _Lost, Expired, Closed):
                    pass
        self.drop()

    def drop(self):
        """Be gone without a word, as a process that is killed."""
        self._is_closed = True
        self._thawed.set()
        if self._beat_due is not None:
            self._beat_due.cancel()
        if self._connection is not None:
            self._connection.close()
            self._fail(Closed())
        self._connected.set()  # who waits for it looks whether it is closed
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    # Asking

    def ask(self, opcode, body, path=""):
        """The answer's body; waits for a connection. Raises Refused, Expired, Closed."""
        session = self._session
        while True:
            self._ready()
            if self._session != session and session:
                raise Expired
            session = self._session
            try:
                return self._ask(opcode, body, path)
            except _Lost:
                continue

    def _ready(self):
        self._thawed.wait()
        self._connected.wait()
        if self._is_closed:
            raise Closed

    def _ask(self, opcode, body, path=""):
        return self.send(opcode, body, path).get()

    def send(self, opcode, body, path=""):
        """An AsyncResult of the answer's body; _Lost when the connection goes before."""
        result, connection = AsyncResult(), self._connection
        if connection is None or not connection.open or not self._connected.is_set():
            result.set_exception(_Lost())
            return result
        self._xid = self._xid % 0x7FFFFFFF + 1
        connection.waiting.append((self._xid, result, path))
        connection.send(_HEADER.pack(self._xid, opcode) + body)
        self._sent_ms = self._clock.now()
        return result

    def gather(self, requests):
        """The answers, bytes or an exception each, to many [(opcode, body)] that are on their way together. Raises Expired, Closed."""
        while True:
            self._ready()
            session, results = self._session, [self.send(opcode, body) for opcode, body in requests]
            answers = []
            for result in results:
                try:
                    answers.append(result.get())
                except (Refused, _Lost) as error:
                    answers.append(error)
            if self._session != session:
                raise Expired
            if not any(isinstance(answer, _Lost) for answer in answers):
                return answers

    # What is asked

    def at(self, path):
        return self.chroot + path if path != "/" else self.chroot or "/"

    def create(self, path, data, flags=PERSISTENT):
        self.ask(messages.CREATE, CreateRequest(self.at(path), data, ANYBODY, flags).build(), path)

    def delete(self, path, version=ANY_VERSION):
        self.ask(messages.DELETE, PathVersion(self.at(path), version).build(), path)

    def set_data(self, path, data, version=ANY_VERSION):
        self.ask(messages.SET_DATA, SetDataRequest(self.at(path), data, version).build(), path)

    def get(self, path, watch=False):
        """(data, stat) of a znode; (None, None) without it, and `watch` waits for it to come to be."""
        while True:
            try:
                answer = messages.DataAndStat.parse(self._look(messages.GET_DATA, path, watch))[0]
                return answer.data, answer.stat
            except Refused as refused:
                if refused.code != messages.NO_NODE:
                    raise
            if not watch:
                return None, None
            try:
                self._look(messages.EXISTS, path, True)
            except Refused as refused:
                if refused.code == messages.NO_NODE:
                    return None, None
                raise

    def children(self, path, watch=False):
        """Names; none without the znode."""
        try:
            return messages.ChildrenAndStat.parse(self._look(messages.GET_CHILDREN2, path, watch))[0].children
        except Refused as refused:
            if refused.code == messages.NO_NODE:
                return []
            raise

    def watches(self, path):
        """It has been read with a watch, by `gather`."""
        self._watches["data"].add(self.at(path))

    def _look(self, opcode, path, watch):
        path = self.at(path)
        try:
            answer = self.ask(opcode, PathWatch(path, watch).build(), path)
        except Refused as refused:
            if watch and opcode == messages.EXISTS and refused.code == messages.NO_NODE:
                self._watches["exist"].add(path)  # it is told when it comes to be
            raise
        if watch:
            self._watches["child" if opcode == messages.GET_CHILDREN2 else "data"].add(path)
        return answer

    def multi(self, *operations):
        """All of [(opcode, record)], or none. Raises Refused with the first that failed."""
        failed = multi_result(self.ask(messages.MULTI, multi_body(operations)))
        if failed:
            raise failed

    # The connection

    def _run(self):
        rounds = 0
        while not self._is_closed:
            for address in list(self._servers):
                self._thawed.wait()
                if self._is_closed:
                    return
                if self._serve(address):
                    rounds = 0
            sleep(_PAUSES_S[min(rounds, len(_PAUSES_S) - 1)])
            rounds += 1

    def _serve(self, address):
        """Whether there was a session at this server; returns when it is no more.

        Who says that a session has expired is asked for the next: others may yet be of another mind."""
        try:
            connection = self._connection = _Connection(self._reach(address))
        except (OSError, Timeout) as error:
            log.debug("ZooKeeper at %s:%d: %s", *address, error)
            return False
        try:
            with Timeout(self._patience_s):
                while not self._handshake(connection):
                    connection.close()
                    connection = self._connection = _Connection(self._reach(address))
            self._begin()
            while connection.open:
                frame = connection.frame()
                self._thawed.wait()
                self._take(connection, frame)
        except (OSError, EOFError, Timeout) as error:
            log.debug("ZooKeeper at %s:%d: %s", *address, error)
        except Malformed as error:
            log.warning("ZooKeeper at %s:%d: %s", *address, error)
        finally:
            was_connected = self._connected.is_set() and not self._is_closed
            self._end(connection)
            if was_connected:
                self.on_connected(False)
        return was_connected

    @property
    def _patience_s(self):
        """For one server; the session is to be found again before its time is over."""
        return max(self.timeout_ms / len(self._servers) / 1000 * 2 / 3, 0.1)

    def _reach(self, address):
        sock = socket.create_connection(address, self._patience_s)
        sock.settimeout(None)
        return sock

    def _handshake(self, connection):
        """Whether the session stands; one that has expired is forgotten. Raises Malformed when there was none."""
        request = ConnectRequest(0, self._last_zxid, self._asked_ms, self.session_id, self._password)
        connection.send(request.build() + b"\0")  # not for a server that is read-only
        response, _ = ConnectResponse.parse(connection.frame())
        if not response.timeout:
            if not self.session_id:
                raise Malformed("ConnectResponse", 0, "no session, where a new one was asked for")
            log.warning("ZooKeeper: session %#x has expired", self.session_id & (1 << 64) - 1)
            self.past_sessions.add(self.session_id)
            self.session_id, self._password = 0, bytes(16)
            return False
        self._is_new = response.session_id != self.session_id
        self.session_id, self._password, self.timeout_ms = response.session_id, response.password, response.timeout
        return True

    def _begin(self):
        self._heard_ms = self._sent_ms = self._clock.now()
        self._beat()
        if self._is_new:
            self._session += 1
            for paths in self._watches.values():
                paths.clear()
        else:
            self._watch_again()
        self._connected.set()
        if self._is_new:
            self.on_session()
        self.on_connected(True)

    def _watch_again(self):
        watches = self._watches
        if any(watches.values()):
            body = messages.SetWatches(self._last_zxid, *(sorted(watches[kind]) for kind in ("data", "exist", "child"))).build()
            self._connection.waiting.append((messages.SET_WATCHES_XID, AsyncResult(), ""))
            self._connection.send(_HEADER.pack(messages.SET_WATCHES_XID, messages.SET_WATCHES) + body)

    def _end(self, connection):
        self._connected.clear()
        if self._is_closed:
            self._connected.set()
        if self._beat_due is not None:
            self._beat_due.cancel()
        connection.close()
        self._fail(Closed() if self._is_closed else _Lost())

    def _fail(self, error):
        waiting, self._connection.waiting = self._connection.waiting, deque()
        for _, result, _ in waiting:
            result.set_exception(error)

    def _beat(self):
        """Pings while there is nothing else to say; a server that is silent for too long is left."""
        self._beat_due = self._clock.after(max(self.timeout_ms // 6, 10), self._beat)
        if not self._thawed.is_set():
            return
        now = self._clock.now()
        if now - self._heard_ms > self.timeout_ms * 2 // 3:
            log.warning("ZooKeeper is silent for %d ms: on to another server", now - self._heard_ms)
            self._connection.close()
        elif now - self._sent_ms >= self.timeout_ms // 3:
            self._sent_ms = now
            self._connection.send(_HEADER.pack(messages.PING_XID, messages.PING))

    def _take(self, connection, frame):
        self._heard_ms = self._clock.now()
        if len(frame) < _REPLY.size:
            raise Malformed("reply", 0, f"{len(frame)} bytes")
        xid, zxid, err = _REPLY.unpack_from(frame)
        if xid == messages.WATCH_XID:
            return self._fired(messages.WatcherEvent.parse(frame, _REPLY.size)[0])
        if xid == messages.PING_XID:
            return
        if not connection.waiting or connection.waiting[0][0] != xid:
            raise Malformed("reply", 0, f"nobody waits for {xid}")
        _, result, path = connection.waiting.popleft()
        if zxid > 0:
            self._last_zxid = zxid
        if err:
            result.set_exception(Refused(err, path))
        else:
            result.set(frame[_REPLY.size :])

    def _fired(self, event):
        kinds = {messages.NODE_CREATED: ("data", "exist"), messages.NODE_DATA_CHANGED: ("data", "exist"),
                 messages.NODE_CHILDREN_CHANGED: ("child",)}.get(event.type, ("data", "exist", "child"))
        for kind in kinds:
            self._watches[kind].discard(event.path)
        self.on_event(event.type, event.path[len(self.chroot):] or "/")
