"""Servers of an ensemble on a clock in the hand and a network of dice: losses, partitions, crashes, all from one seed.

What a server has on disk survives `crash`, the rest does not. Links keep order and lose nothing, as TCP does, until they break.
"""

from io import BytesIO
from random import Random

from emulator.state.clock import VirtualClock
from emulator.state.zookeeper.epochs import Epochs
from emulator.state.zookeeper.leader import Limits
from emulator.state.zookeeper.peer import QuorumPeer
from emulator.state.zookeeper.quorum import Ensemble
from wire.zookeeper.quorum import LEADING, QuorumPacket, build_packet, parse_packet

RECENT = 5


class Disk:
    """What outlives a crash: the synced log, a snapshot, the epochs."""

    def __init__(self):
        self.log = []
        self.snapshot = (0, [])
        self.files = {}

    def load(self, name):
        return self.files.get(name)

    def replace(self, name, data):
        self.files[name] = data


class Database:
    """The interface that leaders and learners know. A transaction is bytes; the tree is the list of those applied."""

    def __init__(self, disk, clock, random):
        self._disk, self._clock, self._random = disk, clock, random
        self.dead = False
        self._unsynced = []
        self._syncing = 0  # when the last sync will be done
        self._load()

    def _load(self):
        zxid, applied = self._disk.snapshot
        self.applied = list(applied)
        self.last_zxid = zxid
        for logged, txn in self._disk.log:
            if logged > zxid:
                self.applied.append((logged, txn))
                self.last_zxid = logged
        self._recent = []

    def log(self, zxid, txn):
        last = (self._unsynced or self._disk.log or [(0, b"")])[-1][0]
        assert zxid > last, f"{zxid:x} is logged after {last:x}"
        self._unsynced.append((zxid, txn))

    def sync(self, done):
        def on_disk():
            if not self.dead:
                batch = [item for item in self._unsynced if item[0] <= upto]
                self._disk.log += batch
                del self._unsynced[:len(batch)]
                done()
        upto = self._unsynced[-1][0] if self._unsynced else 0
        self._syncing = max(self._syncing, self._clock.now() + self._random.randrange(4))
        self._clock.at(self._syncing, on_disk)

    def commit(self, zxid, txn):
        assert zxid > self.last_zxid, f"{zxid:x} is applied after {self.last_zxid:x}"
        self.applied.append((zxid, txn))
        self._recent = [*self._recent, (zxid, txn)][-RECENT:]
        self.last_zxid = zxid
        return txn

    def recent(self):
        return self._recent

    def history(self, zxid):
        first = self._disk.log[0][0] if self._disk.log else None
        return list(self._disk.log) if first is not None and first <= zxid else []

    def truncate(self, zxid):
        assert not self._unsynced
        if self._disk.snapshot[0] > zxid:
            return False
        self._disk.log = [item for item in self._disk.log if item[0] <= zxid]
        self._load()
        self.last_zxid = zxid
        return True

    def snapshot(self):
        for zxid, txn in self.applied:
            yield build_packet(QuorumPacket(0, zxid, txn))
        yield build_packet(QuorumPacket(1, 0))

    def restore(self, read, zxid):
        octets = read(-1)
        applied, at = [], 0
        while True:
            packet, at = parse_packet(octets, at, len(octets))
            if packet.type:
                break
            applied.append((packet.zxid, packet.data))
        assert not self._unsynced
        self._disk.snapshot = (zxid, applied)
        self._disk.log = []
        self._load()


class Link:
    """One end of a connection between a leader and a learner."""

    def __init__(self, network, here, there):
        self.here, self.there = here, there
        self._network = network
        self._receiver = None
        self.other = None
        self.open = True
        self.hangs = False
        self._arrives = 0

    def attach(self, receiver):
        self._receiver = receiver

    def send(self, packet):
        again = parse_packet(octets := build_packet(packet), 0, len(octets))[0]
        self._deliver(lambda end: end._receiver.receive(again))

    def send_snapshot(self, pieces):
        self.other.snapshot = b"".join(pieces)  # the other end reads it as soon as SNAP is there

    def read_snapshot(self, zxid):
        self._receiver.database.restore(BytesIO(self.snapshot).read, zxid)

    def _deliver(self, action):
        network = self._network
        self._arrives = max(self._arrives, network.clock.now() + network.delay())

        def arrived():
            end = self.other
            if not network.reaches(self.here, self.there):
                self.hangs = True  # and nothing that comes later arrives, as nothing arrives twice
            elif self.open and end.open and not self.hangs:
                action(end)
        if self.open:
            network.clock.at(self._arrives, arrived)

    def close(self, reason):
        if self.open:
            self.open = False
            self._network.clock.after(self._network.delay(), lambda: self.other.broken(reason))

    def broken(self, reason):
        if self.open:
            self.open = False
            if self._receiver is not None:
                self._receiver.lost(reason)


class Network:
    def __init__(self, clock, random):
        self.clock, self.random = clock, random
        self.servers = {}
        self.listening = {}
        self.parts = None  # sets of servers that reach each other; None: all do
        self.loss = 0.0
        self.links = []

    def delay(self):
        return 1 + self.random.randrange(5)

    def reaches(self, one, other):
        return self.parts is None or any(one in part and other in part for part in self.parts)

    def at(self, sid):
        return Port(self, sid)


class Port:
    """The network as one server has it."""

    def __init__(self, network, sid):
        self._network, self._sid = network, sid

    def notify(self, sid, notification):
        network, here = self._network, self._sid
        sender = network.servers[here].life

        def arrived():
            if network.reaches(here, sid) and network.servers[here].life == sender and network.servers[sid].peer:
                network.servers[sid].peer.notified(notification)
        if network.random.random() >= network.loss:
            network.clock.after(network.delay(), arrived)

    def listen(self, accept):
        self._network.listening[self._sid] = accept

    def close_leader_port(self):
        self._network.listening.pop(self._sid, None)

    def connect(self, sid, done):
        network = self._network

        def arrived():
            accept = network.listening.get(sid)
            if accept is None or not network.reaches(self._sid, sid):
                return done(None, "refused")
            here, there = Link(network, self._sid, sid), Link(network, sid, self._sid)
            here.other, there.other = there, here
            there.attach(accept(there))
            network.links.append((here, there))
            done(here, None)
        network.clock.after(network.delay(), arrived)


class Server:
    """One server; writes are bytes, and acknowledged ones are told to the ensemble."""

    def __init__(self, simulation, sid):
        self._simulation = simulation
        self.sid = sid
        self.disk = Disk()
        self.peer = None
        self.life = 0
        self.history = []  # all that this life has applied
        self._own = {}

    def start(self):
        simulation = self._simulation
        self.life += 1
        self.database = Database(self.disk, simulation.clock, simulation.random)
        epochs = Epochs(self.disk, self.database.last_zxid)
        self._own = {}
        self.peer = QuorumPeer(self.sid, simulation.ensemble, epochs, self.database, simulation.clock, simulation.limits,
                               simulation.network.at(self.sid), self)
        self.peer.start()

    def crash(self):
        """At once: nothing is flushed, nobody is told but by broken links."""
        peer, self.peer = self.peer, None
        if peer is None:
            return
        self.database.dead = True
        self.life += 1
        self._simulation.network.listening.pop(self.sid, None)
        peer._closed = True
        peer._role += 1
        peer.election.stop()
        for role in (peer.leader, peer.learner):
            if role is not None:
                role._stopped = True
                role._deadline.cancel()
        for deadline in (peer._again,):
            if deadline is not None:
                deadline.cancel()
        for pair in self._simulation.network.links:
            for end in pair:
                if end.here == self.sid and end.open:
                    if peer.leader is not None:
                        for handler in peer.leader.handlers:
                            handler._closed = True
                            handler._deadline.cancel()
                    end.close("crashed")

    def write(self, txn):
        """Through whichever role this server has; False without one."""
        peer = self.peer
        if peer is None or not peer.serving:
            return False
        if peer.leader is not None:
            self._propose(txn)
        else:
            peer.learner.request(self.sid, 0, 1, txn)
        self._own[txn] = self.life
        return True

    def _propose(self, txn):
        leader = self.peer.leader
        if (zxid := leader.next_zxid()) is not None:
            leader.propose(zxid, txn)

    # What the peer tells

    def elected(self):
        pass

    def established(self, peer):
        if peer.state == LEADING:
            self._simulation.leads(peer.leader.epoch, self.sid)

    def looking(self, reason):
        self._own = {}  # their clients are told that the connection is lost

    def applied(self, zxid, txn, result):
        self._simulation.applied(self.sid, zxid, txn)
        if self._own.pop(txn, None) == self.life:
            self._simulation.acknowledged.append(txn)

    def request(self, handler, session_id, cxid, opcode, body, auth_info):
        self._propose(body)

    def revalidate(self, handler, session_id, timeout):
        return session_id in self._simulation.sessions

    def touched(self, session_id, timeout):
        self._simulation.touched.append((session_id, timeout))

    def tick(self):
        pass

    def revalidated(self, session_id, valid):
        self._simulation.revalidated.append((self.sid, session_id, valid))

    def synced(self):
        self._simulation.synced.append(self.sid)

    def touches(self):
        return {self.sid: 4000}


class Simulation:
    def __init__(self, voters=3, observers=0, seed=0, tick_ms=100, init_limit=10, sync_limit=5):
        self.random = Random(seed)
        self.clock = VirtualClock()
        self.network = Network(self.clock, self.random)
        everybody = range(1, voters + observers + 1)
        self.ensemble = Ensemble(everybody[:voters], everybody[voters:])
        self.limits = Limits(tick_ms, init_limit, sync_limit)
        self.servers = {sid: Server(self, sid) for sid in everybody}
        self.network.servers = self.servers
        self.leaders = {}  # {epoch: who led it}
        self.order = {}  # {zxid: txn} as anybody has applied it
        self.acknowledged, self.sessions, self.touched, self.revalidated, self.synced = [], set(), [], [], []

    def start(self, *sids):
        for sid in sids or self.servers:
            self.servers[sid].start()

    def advance(self, ms):
        self.clock.advance(ms)

    def until(self, condition, ms=60_000, step=5):
        for _ in range(0, ms, step):
            if condition():
                return
            self.advance(step)
        raise AssertionError(f"not within {ms} ms")

    def leader(self):
        """Of the serving leaders the one of the latest epoch, None without any."""
        serving = [s for s in self.servers.values() if s.peer and s.peer.serving and s.peer.leader is not None]
        return max(serving, key=lambda server: server.peer.leader.epoch, default=None)

    def settled(self, *sids):
        """Whether all these serve, under one of them."""
        servers = [self.servers[sid] for sid in sids or self.servers]
        return all(s.peer and s.peer.serving for s in servers) and \
            any({s.peer.leader_id for s in servers} == {s.sid} for s in servers)

    def leads(self, epoch, sid):
        assert self.leaders.setdefault(epoch, sid) == sid, f"epoch {epoch} has two leaders"

    def applied(self, sid, zxid, txn):
        assert self.order.setdefault(zxid, txn) == txn, f"zxid {zxid:x} is two transactions"

    def split(self, *parts):
        """Servers of different parts do not reach each other; their connections hang until somebody gives up."""
        self.network.parts = [set(part) for part in parts]

    def mend(self):
        self.network.parts = None

    def heal(self):
        """Everybody up, everything reachable; until all serve the same history, which is returned."""
        self.network.loss = 0.0
        self.mend()
        for server in self.servers.values():
            if server.peer is None:
                server.start()
        asked = set()  # epochs whose leader was asked for a last write: one that is deposed takes it with it

        def whole():
            leader = self.leader()
            if leader is None or not self.settled():
                return False
            applied = leader.database.applied
            if any(txn == b"healed" for _, txn in applied[-50:]):  # writes that were on their way may come after it
                return all(server.database.applied == applied for server in self.servers.values())
            if leader.peer.leader.epoch not in asked:
                asked.add(leader.peer.leader.epoch)
                leader.write(b"healed")
            return False
        self.until(whole)
        return [txn for _, txn in self.leader().database.applied]
