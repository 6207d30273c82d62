"""A server that follows a leader, or observes it: it takes over the leader's history, then logs and applies what it is told.

Source: Learner, Follower and Observer of 3.8.4. Unlike there, NEWLEADER is acknowledged only once the leader's history is
on disk, and the epoch after it (ZOOKEEPER-4643).
"""

from emulator.state.zookeeper.quorum import epoch_of, first_zxid
from wire.types import Malformed
from wire.zookeeper import quorum as wire
from wire.zookeeper.quorum import (
    ACK, ACKEPOCH, COMMIT, DIFF, FOLLOWERINFO, INFORM, LEADERINFO, NAMES, NEWLEADER, OBSERVERINFO, PING, PROPOSAL,
    REQUEST, REVALIDATE, SNAP, SYNC, TRUNC, UPTODATE, QuorumPacket,
)

_MAX_WAITING = 100_000  # proposals that were never committed; a leader that sends more is none


class Learner:
    """`link` has send(packet), read_snapshot(zxid) (the database takes it from the stream) and close(reason).

    `started(epoch)` when the history is the leader's: clients may be served; `stopped(reason)` when it follows nobody any
    more, once. `on` hears of the rest:

        on.applied(zxid, txn, result)  a transaction of database.commit
        on.revalidated(session_id, valid)
        on.synced()                    the answer to the oldest `sync`
        on.touches() -> {session id: time-out} since the last time
    """

    def __init__(self, my_id, is_observer, epochs, database, clock, limits, link, started, stopped, on):
        self.my_id = my_id
        self.is_observer = is_observer
        self.database = database
        self.epoch = -1
        self.follows = False
        self.kind = None  # of the synchronisation: DIFF, TRUNC or SNAP
        self.last_tick = None  # when the leader pinged last
        self._epochs = epochs
        self._clock = clock
        self._limits = limits
        self._link = link
        self._started = started
        self._on_stopped = stopped
        self._on = on
        self._expects = self._leader_info
        self._waiting = {}  # {zxid: txn}: logged, or to be logged, and not yet committed; in order
        self._committed = []  # zxids whose turn to be applied comes when this server may serve
        self._last = -1  # the last zxid that was proposed
        self._logs = False  # whether proposals go to the log at once
        self._logged = -1  # the last zxid that this leader had logged here
        self._stopped = False
        self._heard = clock.now()
        self._limit_ms = limits.init_ms
        self._deadline = clock.after(limits.init_ms, self._silence)

    def start(self):
        """The connection is there."""
        kind = OBSERVERINFO if self.is_observer else FOLLOWERINFO
        self._link.send(QuorumPacket(kind, first_zxid(self._epochs.accepted), wire.learner_info(self.my_id)))

    def stop(self, reason):
        if self._stopped:
            return
        self._stopped = True
        self.follows = False
        self._deadline.cancel()
        # What is logged counts as history from now on: whoever leads next decides about it (ZKDatabase.fastForwardDataBase).
        for zxid, txn in self._waiting.items():
            if zxid <= self._logged:
                self.database.commit(zxid, txn)
        self._waiting = {}
        self._link.close(reason)
        self._on_stopped(reason)

    def lost(self, reason):
        """The connection has ended."""
        self.stop(f"the leader is gone: {reason}")

    def _silence(self):
        silent = self._clock.now() - self._heard
        if silent >= self._limit_ms:
            return self.stop(f"nothing came from the leader for {silent} ms")
        self._deadline = self._clock.after(self._limit_ms - silent, self._silence)

    def heard(self):
        """Part of something has come."""
        self._heard = self._clock.now()

    def receive(self, packet):
        """A packet of the leader."""
        if self._stopped:
            return
        self.heard()
        try:
            self._expects(packet)
        except Malformed as error:
            self.stop(f"{NAMES.get(packet.type, packet.type)}: {error}")

    def _out_of_turn(self, packet):
        self.stop(f"the leader sent {NAMES.get(packet.type, packet.type)} out of turn")

    # Discovery

    def _leader_info(self, packet):
        if packet.type != LEADERINFO:
            return self._out_of_turn(packet)
        wire.parse_int(packet.data)
        epoch = epoch_of(packet.zxid)
        if epoch < self._epochs.accepted:
            return self.stop(f"the leader's epoch, {epoch:x}, is less than the accepted one, {self._epochs.accepted:x}")
        current = self._epochs.current
        if epoch == self._epochs.accepted:
            current = -1  # it was acknowledged before, to whoever had it then; it must not count again
        else:
            self._epochs.accepted = epoch
        self.epoch = epoch
        self._link.send(QuorumPacket(ACKEPOCH, self.database.last_zxid, wire.int_data(current)))
        self._expects = self._how

    # Synchronisation

    def _how(self, packet):
        if packet.type == SNAP:
            self._link.read_snapshot(packet.zxid)
            if self._stopped:
                return
        elif packet.type == TRUNC:
            if not self.database.truncate(packet.zxid):
                return self.stop(f"the log cannot be cut back to zxid {packet.zxid:x}")
        elif packet.type != DIFF:
            return self._out_of_turn(packet)
        self.kind = packet.type
        self._expects = self._synchronise

    def _synchronise(self, packet):
        kind = packet.type
        if kind == PROPOSAL:
            self._proposed(packet)
        elif kind == COMMIT:
            if packet.zxid in self._waiting:
                self._committed.append(packet.zxid)
        elif kind == INFORM:
            self._proposed(packet)
            self._committed.append(packet.zxid)
        elif kind == NEWLEADER:
            if epoch_of(packet.zxid) != self.epoch:
                return self._out_of_turn(packet)
            self._new_leader(packet.zxid)
        elif kind == UPTODATE:
            if not self._logs:
                return self._out_of_turn(packet)
            self._up_to_date()
        elif kind != PING:
            self._out_of_turn(packet)

    def _new_leader(self, zxid):
        if self.is_observer:  # is told of commits only from now on
            committed = set(self._committed)
            self._waiting = {zxid: txn for zxid, txn in self._waiting.items() if zxid in committed}
        # What this leader has proposed itself comes after the epoch: no log may be ahead of it (QuorumPeer.loadDataBase).
        for waiting, txn in self._waiting.items():
            if epoch_of(waiting) < self.epoch:
                self._log(waiting, txn)

        def on_disk():
            if self._stopped:
                return
            self._epochs.current = self.epoch
            self._logs = True
            self._limit_ms = self._limits.sync_ms
            self._link.send(QuorumPacket(ACK, zxid))
            committed = set(self._committed)
            for waiting, txn in self._waiting.items():
                if waiting > self._logged:
                    self._log(waiting, txn)
                if waiting not in committed:
                    self._acknowledge_on_disk(waiting)
        self.database.sync(on_disk)

    def _log(self, zxid, txn):
        self.database.log(zxid, txn)
        self._logged = zxid

    def _up_to_date(self):
        self._link.send(QuorumPacket(ACK, first_zxid(self.epoch)))
        self.follows = True
        self._limit_ms = self._limits.sync_ms
        self._expects = self._broadcast
        for zxid in self._committed:
            self._commit(zxid)
        self._committed = []
        self.last_tick = self._clock.now()
        self._started(self.epoch)

    # Broadcast

    def _broadcast(self, packet):
        kind = packet.type
        if kind == PROPOSAL:
            self._proposed(packet)
        elif kind == COMMIT:
            self._commit(packet.zxid)
        elif kind == INFORM:
            self._inform(packet)
        elif kind == PING:
            self.last_tick = self._clock.now()
            self._link.send(QuorumPacket(PING, packet.zxid, wire.touches(self._on.touches())))
        elif kind == REVALIDATE:
            self._on.revalidated(*wire.parse_revalidated(packet.data))
        elif kind == SYNC:
            self._on.synced()
        elif kind != UPTODATE:
            self._out_of_turn(packet)

    def _txn(self, packet):
        if packet.data is None:
            raise Malformed("txn", 0, "there is none")
        return packet.data

    def _proposed(self, packet):
        if self.is_observer and self.follows:
            return
        zxid = packet.zxid
        if len(self._waiting) >= _MAX_WAITING and self.follows:
            return self.stop(f"{_MAX_WAITING} proposals wait for their commit")
        if epoch_of(self._last) == epoch_of(zxid) and zxid != self._last + 1:
            return self.stop(f"zxid {zxid:x} is proposed after {self._last:x}")
        self._last = zxid
        self._waiting[zxid] = self._txn(packet)
        if self._logs:
            self._log(zxid, packet.data)
            self._acknowledge_on_disk(zxid)

    def _acknowledge_on_disk(self, zxid):
        def on_disk():
            if not self._stopped and not self.is_observer:
                self._link.send(QuorumPacket(ACK, zxid))
        self.database.sync(on_disk)

    def _inform(self, packet):
        txn = self._txn(packet)
        self._log(packet.zxid, txn)
        self._acknowledge_on_disk(packet.zxid)
        self._apply(packet.zxid, txn)

    def _commit(self, zxid):
        if self.is_observer and zxid not in self._waiting:
            return
        first = next(iter(self._waiting), None)
        if first != zxid:
            return self.stop(f"zxid {zxid:x} is committed, where {0 if first is None else first:x} is next")
        self._apply(zxid, self._waiting.pop(zxid))

    def _apply(self, zxid, txn):
        self._on.applied(zxid, txn, self.database.commit(zxid, txn))

    # What this server's clients want

    def request(self, session_id, cxid, opcode, body, auth_info=()):
        """Pass a client's request on; its transaction, if it makes one, comes with `on.applied`."""
        self._link.send(QuorumPacket(REQUEST, -1, wire.request_data(session_id, cxid, opcode, body), auth_info))

    def revalidate(self, session_id, timeout):
        """Ask whether a session that comes from another server lives; `on.revalidated` tells."""
        self._link.send(QuorumPacket(REVALIDATE, -1, wire.revalidation(session_id, timeout)))
