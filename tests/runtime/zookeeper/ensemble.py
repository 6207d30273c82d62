"""Servers of an ensemble over real sockets in this process; their databases are lists in memory."""

import socket
from io import BytesIO
from random import Random
from struct import unpack

import gevent

from emulator.runtime.clock import monotonic_clock
from emulator.runtime.zookeeper.peers import Peers, Server
from emulator.state.zookeeper.epochs import Epochs
from emulator.state.zookeeper.leader import Limits
from emulator.state.zookeeper.peer import QuorumPeer
from emulator.state.zookeeper.quorum import Ensemble
from tests.state.zookeeper.ensemble import Database, Disk


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


class SocketDatabase(Database):
    def restore(self, read, zxid):
        pieces = []
        while True:
            head = read(16)
            kind, _, length = unpack(">iqi", head)
            pieces += head, read(max(length, 0) + 4)
            if kind:
                return super().restore(BytesIO(b"".join(pieces)).read, zxid)


class Node:
    def __init__(self, sid, servers, limits):
        self.sid = sid
        self.servers = servers
        self.limits = limits
        self.disk = Disk()
        self.log = []
        self.applied_here = []
        self.peer = None

    def start(self):
        self.clock = monotonic_clock()
        self.database = SocketDatabase(self.disk, self.clock, Random(self.sid))
        self.peers = Peers(self.sid, self.servers, self.limits, lambda n: self.peer.notified(n))
        ensemble = Ensemble([s for s, server in self.servers.items() if not server.is_observer],
                            [s for s, server in self.servers.items() if server.is_observer])
        self.peer = QuorumPeer(self.sid, ensemble, Epochs(self.disk, self.database.last_zxid), self.database, self.clock,
                               self.limits, self.peers, self)
        self.peers.start()
        self.peer.start()

    def stop(self):
        if self.peer is not None:
            self.peer.close()
            self.peers.close()
            self.database.dead = True
            self.clock.close()
            self.peer = None

    def write(self, txn):
        if self.peer.leader is not None:
            self.peer.leader.propose(self.peer.leader.next_zxid(), txn)
        else:
            self.peer.learner.request(self.sid, 0, 1, txn)

    def elected(self):
        pass

    def established(self, peer):
        self.log.append("serving")

    def looking(self, reason):
        self.log.append(reason)

    def applied(self, zxid, txn, result):
        self.applied_here.append(txn)

    def request(self, handler, session_id, cxid, opcode, body, auth_info):
        self.write(body)

    def revalidate(self, handler, session_id, timeout):
        return True

    def touched(self, session_id, timeout):
        pass

    def tick(self):
        pass

    def touches(self):
        return {self.sid: 4000}


class SocketEnsemble:
    def __init__(self, voters=3, observers=0, tick_ms=200, init_limit=20, sync_limit=5):
        ports = free_ports(2 * (voters + observers))
        self.servers = {sid: Server(sid, "127.0.0.1", ports[2 * sid - 2], ports[2 * sid - 1], sid > voters)
                        for sid in range(1, voters + observers + 1)}
        self.nodes = {sid: Node(sid, self.servers, Limits(tick_ms, init_limit, sync_limit)) for sid in self.servers}

    def __enter__(self):
        for node in self.nodes.values():
            node.start()
        return self

    def __exit__(self, *exc):
        for node in self.nodes.values():
            node.stop()

    def leader(self):
        return next((n for n in self.nodes.values() if n.peer and n.peer.serving and n.peer.leader), None)

    def settled(self):
        up = [n for n in self.nodes.values() if n.peer]
        return self.leader() is not None and all(n.peer.serving and n.peer.leader_id == self.leader().sid for n in up)


def until(condition, seconds=10):
    with gevent.Timeout(seconds, AssertionError(f"not within {seconds} s")):
        while not condition():
            gevent.sleep(0.005)
