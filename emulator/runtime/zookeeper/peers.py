"""How one server of an ensemble reaches the others: by their election ports, and by the leader's port for learners."""

import logging

from gevent import socket, spawn

from emulator.runtime.listener import Listener
from emulator.runtime.zookeeper.election_port import ElectionPort
from emulator.runtime.zookeeper.links import Link, connect, listen_at

log = logging.getLogger(__name__)

_MAX_LEARNERS = 256  # connections at the leader's port, whoever they say they are


class Peers:
    """The network of emulator.state.zookeeper.peer. `servers`: {id: Server}, see `Server`; `notified(notification)` from others.

    `everywhere`: whether this server listens at all its addresses, and not only at that by which others know it.
    """

    def __init__(self, my_id, servers, limits, notified, everywhere=False):
        self._my_id = my_id
        self._servers = servers
        self._limits = limits
        self._listeners = []
        self._links = set()
        addresses = {sid: (server.host, server.election_port) for sid, server in servers.items()}
        own = servers[my_id]
        self._here = "" if everywhere else own.host
        self._election = ElectionPort(my_id, addresses, config_text(servers).encode(), notified, (self._here, own.election_port))
        self.notify = self._election.send

    def start(self):
        """Raises OSError when the election port cannot be had."""
        self._election.start()

    def close(self):
        self.close_leader_port()
        self._election.close()

    def listen(self, accept):
        """Open the port for learners: `accept(link)` gives what is attached to it. Raises OSError."""
        server = self._servers[self._my_id]

        def accepted(sock, peer):
            self._links = {link for link in self._links if link.open}
            if len(self._links) >= _MAX_LEARNERS:
                sock.close()
                return
            link = Link(socket.socket(fileno=sock.detach()), f"a learner at {peer[0]}:{peer[1]}")
            self._links.add(link)
            link.attach(accept(link))
        self._listeners = [Listener(sock, accepted) for sock in listen_at("the port for learners", self._here, server.leader_port)]
        for listener in self._listeners:
            listener.start()

    def close_leader_port(self):
        for listener in self._listeners:
            spawn(listener.close)  # who calls may be the event loop itself, which cannot wait
        self._listeners = []

    def connect(self, sid, done):
        """`done(link, reason)`, one of them None, when it is decided whether the leader can be reached."""
        spawn(self._connect, sid, done)

    def _connect(self, sid, done):
        server = self._servers[sid]
        try:
            sock = connect((server.host, server.leader_port), self._limits.init_ms)
        except OSError as error:
            return done(None, str(error))
        done(Link(sock, f"server {sid}, the leader"), None)


class Server:
    """A `server.X` of zoo.cfg: `leader_port` for learners, `election_port`, and whether it is an observer."""

    def __init__(self, sid, host, leader_port, election_port, is_observer=False, client_address=None):
        self.sid = sid
        self.host = host
        self.leader_port = leader_port
        self.election_port = election_port
        self.is_observer = is_observer
        self.client_address = client_address

    def __str__(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        text = f"{host}:{self.leader_port}:{self.election_port}:{'observer' if self.is_observer else 'participant'}"
        return f"{text};{self.client_address}" if self.client_address else text


def config_text(servers, version=0):
    """The ensemble as /zookeeper/config and election messages have it."""
    lines = [f"server.{sid}={server}" for sid, server in sorted(servers.items())]
    return "\n".join([*lines, f"version={version:x}"])
