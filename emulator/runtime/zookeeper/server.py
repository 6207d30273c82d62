"""A ZooKeeper server: clients on one side, on the other a log of its own (standalone) or an ensemble that agrees on one."""

import logging
import time
from collections import deque
from random import Random

from gevent import socket

from emulator.runtime.clock import monotonic_clock
from emulator.runtime.listener import Listener
from emulator.runtime.zookeeper.connection import ClientConnection
from emulator.runtime.zookeeper.containers import ContainerManager
from emulator.runtime.zookeeper.directory import Directory
from emulator.runtime.zookeeper.links import listen_at
from emulator.runtime.zookeeper.peers import Peers, config_text
from emulator.runtime.zookeeper.sessions import ClientSessions
from emulator.runtime.zookeeper.words import KNOWN, answer_word
from emulator.state.zookeeper.database import Database
from emulator.state.zookeeper.epochs import Epochs
from emulator.state.zookeeper.leader import Limits
from emulator.state.zookeeper.peer import STATE_NAMES, QuorumPeer
from emulator.state.zookeeper.prepare import Preparer
from emulator.state.zookeeper.quorum import Ensemble
from emulator.state.zookeeper.sessions import SessionTracker
from emulator.state.zookeeper.stats import ServerStats
from wire.zookeeper import client
from wire.zookeeper.quorum import LOOKING

log = logging.getLogger(__name__)

_READ_ONLY_MS = 2000  # how long a quorum may be missed, at the least, before clients may read without one


def wall_ms():
    return time.time_ns() // 1_000_000


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
    """`config` is a ZooConfig; `my_id` 0 without `config.servers`; `random` says when snapshots are made, more or less."""

    def __init__(self, config, my_id=0, random=None):
        self.config = config
        self.my_id = my_id
        self.on_failure = lambda error: None
        self.max_buffer = config.max_buffer
        self.super_digest = config.super_digest
        self.started_at = None
        self.connections = set()
        self.clock = monotonic_clock()
        self.wall_ms = wall_ms
        self.stats = ServerStats()
        self.serves_since = None  # in the role that it has, on `clock`
        self.last_tick = 0  # of one that stands alone, on `clock`
        self.looks_because = None  # the last reason for which it had to look for a leader
        self._directory = Directory(config.version_directory(my_id), self._disk_failed, config.log_directory(my_id))
        self.database = Database(self._directory, config.snap_count, random or Random())
        self.tracker = None  # of sessions, where they are tracked: at a leader
        self.peer = None
        self.writer = None  # Leader or Alone
        self.read_only = False  # whether clients that only read are served without a quorum
        self.sessions = ClientSessions(self)
        self.touches = self.sessions.touches
        self.revalidated = self.sessions.revalidated
        self._preparer = self._containers = None
        self._syncs = deque()
        self._listeners = []
        self._deadlines = {}  # {what for: deadline}
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
            self._peers = Peers(self.my_id, servers, limits, lambda notification: self.peer.notified(notification), config.everywhere)
            ensemble = Ensemble([sid for sid, server in servers.items() if not server.is_observer],
                                [sid for sid, server in servers.items() if server.is_observer])
            self.peer = QuorumPeer(self.my_id, ensemble, Epochs(self._directory, self.database.last_zxid), self.database,
                                   self.clock, limits, self._peers, self)
            self._peers.start()
        self._listeners = [Listener(sock, self._accepted) for sock in listen_at("the clients' port", *config.client_address(self.my_id))]
        for listener in self._listeners:
            listener.start()
        if config.purge_hours:
            self._purge_later()
        if self.peer is not None:
            self._read_only_later()
            if self.sessions.has_local:
                self._local_ticks()
            self.peer.start()
        else:
            self.serves_since = self.clock.now()
            self._lead(Alone(self.database, self.applied))
            self._ticks()

    def _after(self, what, milliseconds, action):
        self._cancel(what)
        self._deadlines[what] = self.clock.after(milliseconds, action)

    def _cancel(self, what):
        deadline = self._deadlines.pop(what, None)
        if deadline is not None:
            deadline.cancel()

    def _purge_later(self):
        gone = self.database.purge(self.config.retain_count)
        if gone:
            log.info("autopurge: %d files of old snapshots and logs are removed", gone)
        self._after("purge", self.config.purge_hours * 3_600_000, self._purge_later)

    @property
    def address(self):
        return self._listeners[0].address

    def stop(self):
        for listener in self._listeners:
            listener.close()
        if self.peer is not None:
            self.peer.close()
            self._peers.close()
        for what in list(self._deadlines):
            self._cancel(what)
        self._stop_containers()
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
        if self.read_only:
            return "read-only"
        return "standalone" if self.peer is None else STATE_NAMES[self.peer.state]

    def _show_config(self):
        # No transaction makes this node: each server shows the file that it was started with.
        tree, data = self.database.tree, config_text(self.config.servers).encode()
        node = tree.nodes["/zookeeper/config"]
        tree.size += len(data) - len(node.data)
        node.data = data

    def _lead(self, writer):
        config, tree = self.config, self.database.tree
        self.writer = writer
        self._preparer = Preparer(tree, config.extended_types, config.enforce_quota, self._is_local_session)
        self._containers = ContainerManager(
            self.clock, config.container_check_ms, 60_000 // config.containers_per_minute,
            lambda: tree.expired(wall_ms(), config.container_never_used_ms), self._delete_expired)
        self.tracker = SessionTracker(config.tick_time)
        now = self.clock.now()
        for session_id, timeout in self.database.sessions.items():
            self.tracker.add(session_id, timeout, now)

    def _stop_containers(self):
        if self._containers is not None:
            self._containers.stop()
            self._containers = None

    def _ticks(self):
        self._after("tick", self.config.tick_time // 2, self._ticks)
        self.last_tick = self.clock.now()
        self.tick()

    def _local_ticks(self):
        self._after("local tick", self.config.tick_time // 2, self._local_ticks)
        self.sessions.expire_local()

    # Reading without a quorum

    def _read_only_later(self):
        if self.config.read_only_mode:
            self._after("read-only mode", max(_READ_ONLY_MS, self.config.tick_time), self._begin_read_only)

    def _begin_read_only(self):
        if self.peer.state == LOOKING:
            self.read_only = True
            self.serves_since = self.clock.now()
            log.warning("server %d: no quorum for long: clients that only read are served", self.my_id)

    # What the peer tells

    def elected(self):
        """A leader is found, or it is this server; whether a quorum follows is to be seen."""
        self._cancel("read-only mode")
        if self.read_only:
            self.read_only = False
            self._close_connections()

    def established(self, peer):
        self.serves_since = self.clock.now()
        self._show_config()
        if self.peer.leader is not None:
            self._lead(self.peer.leader)
        log.info("server %d is %s in epoch %x, last zxid %x", self.my_id, self.role,
                 (self.peer.leader or self.peer.learner).epoch, self.database.last_zxid)

    def looking(self, reason):
        log.warning("server %d looks for a leader: %s", self.my_id, reason)
        self.looks_because = reason
        self.stats.counts["looking_count"] += 1
        self.serves_since = None
        self.writer = self._preparer = self.tracker = None
        self._stop_containers()
        self._syncs.clear()
        self._close_connections()
        self._read_only_later()

    def _close_connections(self):
        for connection in list(self.connections):
            connection.close()
        self.sessions.clear()

    def applied(self, zxid, txn, result):
        header = result.header
        session_id = header.client_id
        self.stats.counts["commit_count"] += 1
        if self._preparer is not None:
            self._preparer.applied(zxid)
        if result.type == client.CREATE_SESSION:
            timeout = self.database.sessions[session_id]
            if self.tracker is not None and session_id not in self.tracker:
                self.tracker.add(session_id, timeout, self.clock.now())
            return self.sessions.created(session_id, timeout)
        connection = self.sessions.connections.get(session_id)
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
        return self.tracker is not None and self.tracker.touch(session_id, self.clock.now(), handler.server_id, timeout)

    def touched(self, session_id, timeout):
        if self.tracker is not None:
            self.tracker.touch(session_id, self.clock.now(), timeout=timeout)

    def tick(self):
        if self.tracker is None:
            return
        for session_id in self.tracker.expired(self.clock.now()):
            log.info("session %#x expires", session_id & (1 << 64) - 1)
            self._write(None, session_id, 0, client.CLOSE_SESSION, b"", ())

    def synced(self):
        if self._syncs:
            connection, request = self._syncs.popleft()
            connection.synced(request)

    # Writing

    def _write(self, owner, session_id, cxid, opcode, body, ids):
        zxid = self.writer.next_zxid()
        if zxid is None:
            return
        if opcode == client.CREATE_SESSION:
            self.tracker.owners[session_id] = owner
        moved = owner is not None and self._is_elsewhere(session_id, owner)
        txn = self._preparer.txn(zxid, wall_ms(), session_id, cxid, opcode, body, ids,
                                 refused=client.SESSION_MOVED if moved and opcode != client.CLOSE_SESSION else None)
        self.stats.proposals.add(len(txn))
        self.stats.counts["proposal_count"] += 1
        self.writer.propose(zxid, txn)

    def _is_elsewhere(self, session_id, server_id):
        """A session that has moved on does nothing more from where it was."""
        return self.tracker.owners.get(session_id, server_id) != server_id

    def has_moved(self, session_id):
        """Whether a session that was here is known to be at another server: whoever leads knows."""
        return self.tracker is not None and self._is_elsewhere(session_id, self.my_id)

    def _is_local_session(self, session_id):
        """Of another server's local sessions only that server knows."""
        sessions = self.sessions
        return sessions.has_local and (session_id in sessions.local or session_id >> 56 & 0xFF != self.my_id & 0xFF)

    def _delete_expired(self, path):
        zxid = self.writer.next_zxid()
        if zxid is not None:
            self.writer.propose(zxid, self._preparer.delete_expired(zxid, wall_ms(), path))

    def submit(self, connection, cxid, opcode, body):
        """A client's write; `connection.written` when it is applied here."""
        session_id = connection.session_id
        if self.sessions.must_upgrade(session_id, opcode, body):
            self.pass_on(session_id, 0, client.CREATE_SESSION, connection.timeout.to_bytes(4, "big"), ())
        self.pass_on(session_id, cxid, opcode, body, tuple(connection.ids))

    def pass_on(self, session_id, cxid, opcode, body, ids):
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
            self.stats.counts["connection_rejected"] += 1
            sock.close()
            return
        connection = ClientConnection(self, socket.socket(fileno=sock.detach()), peer)
        self.connections.add(connection)
        connection.start()

    def disconnected(self, connection):
        self.connections.discard(connection)
        self.database.watches.forget(connection)
        self.sessions.left(connection)

    def directory_sizes(self):
        return self._directory.sizes()

    @staticmethod
    def knows_word(octets):
        return octets in KNOWN

    def four_letter_word(self, word):
        return answer_word(self, word)
