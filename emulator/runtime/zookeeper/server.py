"""A ZooKeeper server: clients on one side, on the other a log of its own (standalone) or an ensemble that agrees on one."""

import logging
import time
from collections import deque

from gevent import socket

from emulator.runtime.clock import monotonic_clock
from emulator.runtime.listener import Listener, bind
from emulator.runtime.zookeeper.connection import ClientConnection
from emulator.runtime.zookeeper.directory import Directory
from emulator.runtime.zookeeper.peers import Peers, config_text
from emulator.runtime.zookeeper.words import answer_word
from emulator.state.zookeeper.database import Database
from emulator.state.zookeeper.epochs import Epochs
from emulator.state.zookeeper.leader import Limits
from emulator.state.zookeeper.peer import STATE_NAMES, QuorumPeer
from emulator.state.zookeeper.prepare import Preparer
from emulator.state.zookeeper.quorum import Ensemble
from emulator.state.zookeeper.sessions import SessionTracker, first_session_id, password
from wire.zookeeper import client

log = logging.getLogger(__name__)

_NOTHING = bytes(16)


class Alone:
    """What a Leader is to an ensemble, for a server without one."""

    def __init__(self, database, applied):
        self._database = database
        self._applied = applied
        self.last_proposed = database.last_zxid
        self._waiting = deque()

    def next_zxid(self):
        return self.last_proposed + 1

    def propose(self, zxid, txn):
        self.last_proposed = zxid
        self._waiting.append(zxid)
        self._database.log(zxid, txn)

        def on_disk():
            self._waiting.popleft()
            self._applied(zxid, txn, self._database.commit(zxid, txn))
        self._database.sync(on_disk)

    def sync(self, action):
        self._database.sync(action) if self._waiting else action()


class ZooKeeperServer:
    """`config` is a ZooConfig; `my_id` 0 without `config.servers`."""

    def __init__(self, config, my_id=0):
        self.config = config
        self.my_id = my_id
        self.on_failure = lambda error: None
        self.max_buffer = config.max_buffer
        self.super_digest = config.super_digest
        self.started_at = None
        self.connections = set()
        self.clock = monotonic_clock()
        self._directory = Directory(config.version_directory(my_id), self._disk_failed)
        self.database = Database(self._directory, config.snap_count)
        self.tracker = None  # of sessions, where they are tracked: at a leader
        self.peer = None
        self.writer = None  # Leader or Alone
        self._preparer = None
        self._by_session = {}
        self._opening = {}  # {session id: connections that wait for their session}
        self._touched = {}
        self._syncs = deque()
        self._next_session = first_session_id(my_id, time.time_ns() // 1_000_000)
        self._listeners = []
        self._tick = self._purges = None
        self._peers = None

    # Life

    def start(self):
        """Raises OSError for a port that cannot be had, DamagedEpoch for a dataDir that makes no sense."""
        config = self.config
        self.started_at = time.time()
        if config.servers:
            limits = Limits(config.tick_time, config.init_limit, config.sync_limit)
            servers = config.servers
            self._show_config()
            self._peers = Peers(self.my_id, servers, limits, lambda notification: self.peer.notified(notification))
            ensemble = Ensemble([sid for sid, server in servers.items() if not server.is_observer],
                                [sid for sid, server in servers.items() if server.is_observer])
            self.peer = QuorumPeer(self.my_id, ensemble, Epochs(self._directory, self.database.last_zxid), self.database,
                                   self.clock, limits, self._peers, self)
            self._peers.start()
        self._listeners = [Listener(sock, self._accepted) for sock in bind(*config.client_address(self.my_id))]
        for listener in self._listeners:
            listener.start()
        if config.purge_hours:
            self._purge_later()
        if self.peer is not None:
            self.peer.start()
        else:
            self._lead(Alone(self.database, self.applied))
            self._ticks()

    def _purge_later(self):
        gone = self.database.purge(self.config.retain_count)
        if gone:
            log.info("autopurge: %d files of old snapshots and logs are removed", gone)
        self._purges = self.clock.after(self.config.purge_hours * 3_600_000, self._purge_later)

    @property
    def address(self):
        return self._listeners[0].address

    def stop(self):
        for listener in self._listeners:
            listener.close()
        if self.peer is not None:
            self.peer.close()
            self._peers.close()
        for deadline in (self._tick, self._purges):
            if deadline is not None:
                deadline.cancel()
        self._close_connections()
        self.clock.close()
        self._directory.close()

    def _disk_failed(self, error):
        """As a real server, which ends: the others go on without this one. `on_failure` ends the process."""
        self.stop()
        self.on_failure(error)

    @property
    def serving(self):
        return self.writer is not None or self.peer is not None and self.peer.serving

    @property
    def role(self):
        return "standalone" if self.peer is None else STATE_NAMES[self.peer.state]

    def _show_config(self):
        # No transaction makes this node: each server shows the file that it was started with.
        self.database.tree.nodes["/zookeeper/config"].data = config_text(self.config.servers).encode()

    def _lead(self, writer):
        self.writer = writer
        self._preparer = Preparer(self.database.tree)
        self.tracker = SessionTracker(self.config.tick_time)
        now = self.clock.now()
        for session_id, timeout in self.database.sessions.items():
            self.tracker.add(session_id, timeout, now)

    def _ticks(self):
        self._tick = self.clock.after(self.config.tick_time // 2, self._ticks)
        self.tick()

    # What the peer tells

    def established(self, peer):
        self._show_config()
        if self.peer.leader is not None:
            self._lead(self.peer.leader)
        log.info("server %d is %s in epoch %x, last zxid %x", self.my_id, self.role,
                 (self.peer.leader or self.peer.learner).epoch, self.database.last_zxid)

    def looking(self, reason):
        log.warning("server %d looks for a leader: %s", self.my_id, reason)
        self.writer = self._preparer = self.tracker = None
        self._syncs.clear()
        self._close_connections()

    def _close_connections(self):
        for connection in list(self.connections):
            connection.close()
        self._by_session.clear()
        self._opening.clear()
        self._touched.clear()

    def applied(self, zxid, txn, result):
        header = result.header
        session_id = header.client_id
        if self._preparer is not None:
            self._preparer.applied(zxid)
        if result.type == client.CREATE_SESSION:
            timeout = self.database.sessions[session_id]
            if self.tracker is not None and session_id not in self.tracker:
                self.tracker.add(session_id, timeout, self.clock.now())
            for connection in self._opening.pop(session_id, ()):
                self._open(connection, session_id, timeout)
            return
        connection = self._by_session.get(session_id)
        if result.type == client.CLOSE_SESSION:
            if self.tracker is not None:
                self.tracker.remove(session_id)
            if connection is not None:
                connection.written(header.cxid, result)
                connection.end()  # it did not ask for it: its time was over
            return
        if connection is not None:
            connection.written(header.cxid, result)

    def request(self, handler, session_id, cxid, opcode, body, auth_info):
        self._write(handler.server_id, session_id, cxid, opcode, body, auth_info)

    def revalidate(self, handler, session_id, timeout):
        return self.tracker is not None and self.tracker.touch(session_id, self.clock.now(), handler.server_id)

    def touched(self, session_id, timeout):
        if self.tracker is not None:
            self.tracker.touch(session_id, self.clock.now())

    def tick(self):
        if self.tracker is None:
            return
        for session_id in self.tracker.expired(self.clock.now()):
            log.info("session %#x expires", session_id & (1 << 64) - 1)
            self._write(None, session_id, 0, client.CLOSE_SESSION, b"", ())

    def revalidated(self, session_id, valid):
        for connection in self._opening.pop(session_id, ()):
            self._open(connection, session_id, self.database.sessions.get(session_id, connection.timeout) if valid else 0)

    def synced(self):
        if self._syncs:
            connection, request = self._syncs.popleft()
            connection.synced(request)

    def touches(self):
        touched, self._touched = self._touched, {}
        return touched

    # Writing

    def _write(self, owner, session_id, cxid, opcode, body, ids):
        zxid = self.writer.next_zxid()
        if zxid is None:
            return
        if opcode == client.CREATE_SESSION:
            self.tracker.owners[session_id] = owner
        # A session that has moved on writes no more from where it was.
        moved = owner is not None and self.tracker.owners.get(session_id, owner) != owner
        txn = self._preparer.txn(zxid, time.time_ns() // 1_000_000, session_id, cxid, opcode, body, ids,
                                 refused=client.SESSION_MOVED if moved and opcode != client.CLOSE_SESSION else None)
        self.writer.propose(zxid, txn)

    def submit(self, connection, cxid, opcode, body):
        """A client's write; `connection.written` when it is applied here."""
        self._pass_on(connection.session_id, cxid, opcode, body, tuple(connection.ids))

    def _pass_on(self, session_id, cxid, opcode, body, ids):
        if self.writer is not None:
            self._write(self.my_id, session_id, cxid, opcode, body, ids)
        elif self.peer is not None and self.peer.learner is not None:
            self.peer.learner.request(session_id, cxid, opcode, body, ids)

    def sync(self, connection, cxid, request, body):
        """`connection.synced(request)` once all that was agreed on before is applied here."""
        if self.writer is not None:
            self.writer.sync(lambda: connection.synced(request))
        elif self.peer.learner is not None:
            self._syncs.append((connection, request))
            self.peer.learner.request(connection.session_id, cxid, client.SYNC, body, tuple(connection.ids))

    # Clients

    def _accepted(self, sock, peer):
        most = self.config.max_client_cnxns
        if most and sum(connection.peer[0] == peer[0] for connection in self.connections) >= most:
            log.warning("too many connections from %s: maxClientCnxns is %d", peer[0], most)
            sock.close()
            return
        connection = ClientConnection(self, socket.socket(fileno=sock.detach()), peer)
        self.connections.add(connection)
        connection.start()

    def disconnected(self, connection):
        self.connections.discard(connection)
        self.database.watches.forget(connection)
        if self._by_session.get(connection.session_id) is connection:
            del self._by_session[connection.session_id]

    def connect(self, connection, request):
        """A ConnectRequest; `connection.connected` is called when it is decided."""
        if not self.serving:
            return connection.close()
        if request.last_zxid_seen > self.database.last_zxid:
            log.warning("a client at %s has seen zxid %x, this server only %x", connection.peer[0], request.last_zxid_seen,
                        self.database.last_zxid)
            return connection.close()
        timeout = connection.timeout = min(max(request.timeout, self.config.min_session_timeout),
                                           self.config.max_session_timeout)
        session_id = request.session_id
        if not session_id:
            session_id, self._next_session = self._next_session, self._next_session + 1
            self._opening[session_id] = [connection]
            return self._pass_on(session_id, 0, client.CREATE_SESSION, timeout.to_bytes(4, "big"), ())
        if request.password != password(session_id) or session_id not in self.database.sessions:
            return connection.connected(0, 0, _NOTHING)
        if self.tracker is not None:
            lives = self.tracker.touch(session_id, self.clock.now(), self.my_id)
            return self._open(connection, session_id, self.database.sessions[session_id] if lives else 0)
        self._opening.setdefault(session_id, []).append(connection)
        self.peer.learner.revalidate(session_id, timeout)

    def _open(self, connection, session_id, timeout):
        if not timeout:
            return connection.connected(0, 0, _NOTHING)
        before = self._by_session.get(session_id)
        if before is not None and before is not connection:
            before.close()
        self._by_session[session_id] = connection
        connection.connected(session_id, timeout, password(session_id))

    def touch(self, connection):
        """A packet has come."""
        if self.tracker is not None:
            self.tracker.touch(connection.session_id, self.clock.now())
        else:
            self._touched[connection.session_id] = connection.timeout

    def four_letter_word(self, word):
        return answer_word(self, word)
