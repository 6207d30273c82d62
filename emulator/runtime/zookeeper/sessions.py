"""Which client is connected here by which session, and how it came to have one.

A session is global, a transaction that all servers know and whoever leads tracks; or, where `localSessionsEnabled` is set, local:
known to this server alone, while it keeps its role. Source: ZooKeeperServer, LearnerSessionTracker, ReadOnlyZooKeeperServer of 3.8.4.
"""

import logging
import time

from emulator.state.zookeeper.sessions import SessionTracker, first_session_id, password
from wire.zookeeper import client

log = logging.getLogger(__name__)

_NOTHING = bytes(16)


class ClientSessions:
    """`connections` {session id: ClientConnection}; `local` tracks the sessions of this server alone."""

    def __init__(self, server):
        config = server.config
        self.connections = {}
        self.has_local = config.local_sessions and bool(config.servers)
        self._server = server
        self._tick_ms = config.tick_time
        self._least, self._most = config.min_session_timeout, config.max_session_timeout
        self._next = first_session_id(server.my_id if config.servers else 1, time.time_ns() // 1_000_000)
        self.clear()

    def clear(self):
        """This server has another role from now on."""
        self.connections.clear()
        self.local = SessionTracker(self._tick_ms)
        self._opening = {}  # {session id: connections that wait for their session}
        self._upgrading = set()
        self._touched = {}

    def connect(self, connection, request):
        """A ConnectRequest; `connection.connected` is called when it is decided."""
        server, database = self._server, self._server.database
        counts = server.stats.counts
        counts["connection_request_count"] += 1
        if not (server.serving or server.read_only and connection.read_only):
            return connection.close()
        if request.last_zxid_seen > database.last_zxid:
            log.warning("a client at %s has seen zxid %x, this server only %x", connection.peer[0], request.last_zxid_seen,
                        database.last_zxid)
            return connection.close()
        timeout = connection.timeout = min(max(request.timeout, self._least), self._most)
        session_id, now = request.session_id, server.clock.now()
        if not session_id:
            return self._new(connection, timeout)
        if server.read_only and session_id in database.sessions:
            return connection.close()  # nobody can say whether it still lives
        counts["connection_revalidate_count"] += 1
        if request.password != password(session_id):
            return self._open(connection, session_id, 0)
        if session_id in self.local:
            self.local.touch(session_id, now, timeout=timeout)
            return self._open(connection, session_id, timeout)
        if session_id not in database.sessions:
            return self._open(connection, session_id, 0)
        if server.tracker is not None:
            lives = server.tracker.touch(session_id, now, server.my_id, timeout)
            return self._open(connection, session_id, timeout if lives else 0)
        self._opening.setdefault(session_id, []).append(connection)
        server.peer.learner.revalidate(session_id, timeout)

    def _new(self, connection, timeout):
        server = self._server
        session_id, self._next = self._next, self._next + 1
        if self.has_local:
            self.local.add(session_id, timeout, server.clock.now())
            return self._open(connection, session_id, timeout)
        if server.read_only:
            log.warning("a client at %s gets no session: without a quorum only local ones can be made (localSessionsEnabled)",
                        connection.peer[0])
            return connection.not_read_only()
        self._opening[session_id] = [connection]
        server.pass_on(session_id, 0, client.CREATE_SESSION, timeout.to_bytes(4, "big"), ())

    def created(self, session_id, timeout):
        """A global session, here or elsewhere; it may have been local until now."""
        self.local.remove(session_id)
        self._upgrading.discard(session_id)
        for connection in self._opening.pop(session_id, ()):
            self._open(connection, session_id, timeout)

    def revalidated(self, session_id, valid):
        for connection in self._opening.pop(session_id, ()):
            self._open(connection, session_id, connection.timeout if valid else 0)

    def _open(self, connection, session_id, timeout):
        if not timeout:
            return connection.connected(0, 0, _NOTHING)
        before = self.connections.get(session_id)
        if before is not None and before is not connection:
            before.close()
        self.connections[session_id] = connection
        connection.connected(session_id, timeout, password(session_id))

    def left(self, connection):
        if self.connections.get(connection.session_id) is connection:
            del self.connections[connection.session_id]

    def touch(self, connection):
        """A packet has come."""
        server = self._server
        if self.has_local and self.local.touch(connection.session_id, server.clock.now()):
            return
        if server.tracker is not None:
            server.tracker.touch(connection.session_id, server.clock.now())
        else:
            self._touched[connection.session_id] = connection.timeout

    def touches(self):
        """{session id: time-out} of those heard of since the last time."""
        touched, self._touched = self._touched, {}
        return touched

    # Local ones

    def must_upgrade(self, session_id, opcode, body):
        """Whether a local session is to become a global one before this request: an ephemeral node needs an owner whom all know."""
        if not self.has_local or not self._server.config.upgrades_sessions or session_id in self._upgrading or \
                session_id not in self.local or not client.makes_ephemeral(opcode, body):
            return False
        self._upgrading.add(session_id)
        return True

    def close_local(self, session_id):
        self.local.remove(session_id)

    def expire_local(self):
        for session_id in self.local.expired(self._server.clock.now()):
            log.info("local session %#x expires", session_id & (1 << 64) - 1)
            connection = self.connections.pop(session_id, None)
            if connection is not None:
                connection.end()
