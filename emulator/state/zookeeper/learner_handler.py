"""The leader's side of one learner: who it is, what it has, what it lacks, and then what it says.

Each step waits until the leader has a quorum for the one before. What comes out of turn ends the connection, with a line
that says why. Source: LearnerHandler of 3.8.4.
"""

from emulator.state.zookeeper.quorum import epoch_of, first_zxid
from emulator.state.zookeeper.synchronisation import synchronise
from wire.types import Malformed
from wire.zookeeper import quorum as wire
from wire.zookeeper.quorum import (
    ACK, ACKEPOCH, FOLLOWERINFO, LEADERINFO, NAMES, NEWLEADER, OBSERVERINFO, PING, REQUEST, REVALIDATE, SNAP, UPTODATE,
    QuorumPacket,
)

_SYNC_OPCODE = 9


class LearnerHandler:
    """`server_id` once it is known; `forwards` once proposals go there; `answers_by`: when silence will have been too long."""

    def __init__(self, leader, link):
        self._leader = leader
        self._link = link
        self.server_id = None
        self.is_observer = False
        self.forwards = False
        self.kind = None  # of the synchronisation: DIFF, TRUNC or SNAP
        self._expects = self._info
        self._peer = None
        self._unacknowledged = {}  # {zxid of a proposal: when it was sent}
        limits = leader.limits
        self.answers_by = leader.clock.now() + limits.init_ms + limits.sync_ms
        self._deadline = leader.clock.after(limits.init_ms, self._too_late)
        self._closed = False

    def send(self, packet):
        self._link.send(packet)

    def propose(self, packet):
        self._unacknowledged[packet.zxid] = self._leader.clock.now()
        self._link.send(packet)

    def close(self, reason):
        if self._closed:
            return
        self._closed = True
        self.forwards = False
        self._deadline.cancel()
        self._leader.disconnected(self)
        self._link.close(reason)

    def lost(self, reason):
        """The connection has ended."""
        self.close(reason)

    def receive(self, packet):
        """A packet of the learner."""
        if self._closed:
            return
        limits = self._leader.limits
        self.answers_by = self._leader.clock.now() + limits.sync_ms
        try:
            self._expects(packet)
        except Malformed as error:
            self.close(f"{NAMES.get(packet.type, packet.type)}: {error}")

    def _too_late(self):
        self.close(f"server {self.server_id} was not in sync within initLimit, {self._leader.limits.init_ms} ms")

    # Discovery

    def _info(self, packet):
        if packet.type not in (FOLLOWERINFO, OBSERVERINFO):
            return self.close(f"the first packet is {NAMES.get(packet.type, packet.type)}, not FOLLOWERINFO or OBSERVERINFO")
        server_id, version, _config = wire.parse_learner_info(packet.data)
        leader = self._leader
        members = leader.ensemble.voters if packet.type == FOLLOWERINFO else leader.ensemble.observers
        if server_id not in members or server_id == leader.my_id:
            kind = "follower" if packet.type == FOLLOWERINFO else "observer"
            return self.close(f"server {server_id} is no {kind} of this ensemble")
        if version < wire.PROTOCOL_VERSION:
            return self.close(f"server {server_id} speaks protocol {version:#x}, from before 3.4")
        for other in list(leader.handlers):
            if other is not self and other.server_id == server_id:
                other.close(f"server {server_id} has connected again")
        self.server_id = server_id
        self.is_observer = packet.type == OBSERVERINFO
        self._expects = self._out_of_turn
        waits = leader.epoch_waits
        leader.accept_epoch(server_id, epoch_of(packet.zxid))
        if not waits:
            self.epoch_known()

    def epoch_known(self):
        """The epoch of this leader stands: tell the learner, if it has come so far."""
        if self.server_id is None or self._expects != self._out_of_turn:
            return
        self._expects = self._epoch_ack
        self.send(QuorumPacket(LEADERINFO, first_zxid(self._leader.epoch), wire.int_data(wire.PROTOCOL_VERSION)))

    def _epoch_ack(self, packet):
        if packet.type != ACKEPOCH:
            return self._out_of_turn(packet)
        current_epoch = wire.parse_int(packet.data)
        self._peer = packet.zxid
        self._expects = self._out_of_turn
        waits = not self._leader.epoch_acknowledged
        if not self._leader.acknowledge_epoch(self.server_id, current_epoch, packet.zxid):
            return self.close(f"server {self.server_id} is ahead of its leader: epoch {current_epoch:x}, zxid {packet.zxid:x}")
        if not waits:
            self.epoch_acknowledged()

    # Synchronisation

    def epoch_acknowledged(self):
        """A quorum knows the epoch: bring the learner to the leader's history, if it has come so far."""
        if self._peer is None or self.kind is not None:
            return
        leader, database = self._leader, self._leader.database
        plan = synchronise(self._peer, database.last_zxid, database.recent(), database.history)
        self.kind = plan.kind
        self.send(QuorumPacket(plan.kind, plan.zxid))
        if plan.kind == SNAP:
            self._link.send_snapshot(database.snapshot())
        for zxid, txn in plan.proposals:
            self.send(QuorumPacket(wire.PROPOSAL, zxid, txn))
            self.send(QuorumPacket(wire.COMMIT, zxid))
        leader.start_forwarding(self, plan.sent)
        self.send(QuorumPacket(NEWLEADER, first_zxid(leader.epoch)))
        self._expects = self._new_leader_ack

    def _new_leader_ack(self, packet):
        if packet.type != ACK:
            return self._out_of_turn(packet)
        if packet.zxid != first_zxid(self._leader.epoch):
            return self._acknowledged(packet)  # of a proposal on the way: a real learner's may come before
        self._deadline.cancel()
        self._expects = self._broadcast
        self.answers_by = self._leader.clock.now() + self._leader.limits.init_ms
        waits = not self._leader.leads
        self._leader.synced(self.server_id)
        if not waits:
            self.up_to_date()

    def up_to_date(self):
        """The leader leads: the learner may serve, if it has come so far."""
        if self._expects == self._broadcast:
            self.answers_by = self._leader.clock.now() + self._leader.limits.sync_ms
            self.send(QuorumPacket(UPTODATE, -1))

    # Broadcast

    def _broadcast(self, packet):
        if packet.type == ACK:
            self._acknowledged(packet)
        elif packet.type == PING:
            for session_id, timeout in wire.parse_touches(packet.data):
                self._leader.on.touched(session_id, timeout)
        elif packet.type == REQUEST:
            session_id, cxid, opcode, body = wire.parse_request(packet.data)
            if not self._leader.leads:
                return self._out_of_turn(packet)
            if opcode == _SYNC_OPCODE:
                self._leader.sync_learner(self)
            else:
                self._leader.on.request(self, session_id, cxid, opcode, body, packet.auth_info)
        elif packet.type == REVALIDATE:
            session_id, timeout = wire.parse_revalidation(packet.data)
            valid = self._leader.on.revalidate(self, session_id, timeout)
            self.send(QuorumPacket(REVALIDATE, -1, wire.revalidated(session_id, valid)))
        else:
            self._out_of_turn(packet)

    def _acknowledged(self, packet):
        if not packet.zxid & 0xFFFFFFFF:
            return  # of UPTODATE
        self._unacknowledged.pop(packet.zxid, None)
        self._leader.acknowledge(self.server_id, packet.zxid)

    def _out_of_turn(self, packet):
        self.close(f"server {self.server_id} sent {NAMES.get(packet.type, packet.type)} out of turn")

    def ping(self, now):
        """Twice a tick."""
        if not self.forwards:
            return
        if now > self.answers_by:
            return self.close(f"server {self.server_id} has been silent for longer than syncLimit")
        oldest = next(iter(self._unacknowledged.values()), None)
        if oldest is not None and now - oldest >= self._leader.limits.sync_ms:
            return self.close(f"server {self.server_id} has a proposal unacknowledged for longer than syncLimit")
        self.send(QuorumPacket(PING, self._leader.last_proposed))
