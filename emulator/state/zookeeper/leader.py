"""The leader of an epoch: it finds the epoch (discovery), brings learners to its history (synchronisation), then has a
majority log each transaction before anybody applies it (broadcast).

It asks the world for little: `database` logs and applies, links carry packets, `clock` ticks. Source: Leader, LearnerHandler.
"""

from emulator.state.zookeeper.learner_handler import LearnerHandler
from emulator.state.zookeeper.quorum import LAST_COUNT, first_zxid
from wire.zookeeper.quorum import COMMIT, INFORM, PROPOSAL, SYNC, QuorumPacket


class Limits:
    """`tick_ms` and, in ticks, how long a start and how long an answer may take."""

    def __init__(self, tick_ms, init_limit, sync_limit):
        self.tick_ms = tick_ms
        self.init_limit = init_limit
        self.sync_limit = sync_limit
        self.init_ms = init_limit * tick_ms
        self.sync_ms = sync_limit * tick_ms


class Leader:
    """`started(epoch)` when a quorum has the history: clients may be served; `stopped(reason)` when it leads no more, once.

    `on` hears of the rest:

        on.applied(zxid, txn, result)  a transaction of database.commit
        on.request(handler, session_id, cxid, opcode, body, auth_info)  a learner's client writes
        on.revalidate(handler, session_id, timeout) -> whether the session lives
        on.touched(session_id, timeout)
        on.tick()                      twice a tick, while leading
    """

    def __init__(self, my_id, ensemble, epochs, database, clock, limits, started, stopped, on):
        self.my_id = my_id
        self.ensemble = ensemble
        self.database = database
        self.clock = clock
        self.limits = limits
        self.on = on
        self._started = started
        self._on_stopped = stopped
        self.epoch = -1  # until a quorum has said which it has accepted
        self.leads = False
        self.last_proposed = self.last_committed = 0
        self.last_tick = None  # on `clock`, ms
        self.tick = 0
        self.handlers = []
        self.outstanding = {}  # proposals that wait for a quorum, {zxid: txn} in their order
        self._epochs = epochs
        self._summary = None
        self._joining, self._acked_epoch, self._synced = {}, set(), set()
        self._acked = {}  # {server id: the last zxid that it has on disk}
        self._syncs = []  # (zxid, action): what waits until all that was proposed before it is committed
        self._stopped = False
        self._deadline = None
        self._ticks_halves = 0

    def start(self):
        self._summary = (self._epochs.current, self.database.last_zxid)
        self._deadline = self.clock.after(self.limits.init_ms, self._init_limit)
        self.accept_epoch(self.my_id, self._epochs.accepted)

    def connected(self, link):
        """A LearnerHandler for a new connection; its `receive(packet)` and `lost(reason)` are to be called.

        `link` has send(packet), send_snapshot(pieces) and close(reason).
        """
        handler = LearnerHandler(self, link)
        self.handlers.append(handler)
        return handler

    def disconnected(self, handler):
        if handler in self.handlers:
            self.handlers.remove(handler)

    def stop(self, reason):
        if self._stopped:
            return
        self._stopped = True
        self.leads = False
        if self._deadline is not None:
            self._deadline.cancel()
        for handler in list(self.handlers):
            handler.close(f"the leader stops: {reason}")
        self._syncs = []
        # What is logged counts as history from now on: whoever leads next decides about it (ZKDatabase.fastForwardDataBase).
        outstanding, self.outstanding = self.outstanding, {}
        for zxid, txn in outstanding.items():
            self.database.commit(zxid, txn)
        self._on_stopped(reason)

    def _init_limit(self):
        phase = "an epoch" if self.epoch_waits else "its history"
        self.stop(f"no quorum has agreed on {phase} within initLimit, {self.limits.init_ms} ms")

    # Discovery

    @property
    def epoch_waits(self):
        return self._joining is not None

    def accept_epoch(self, server_id, accepted):
        """A server has accepted this epoch before; the new one is above all of a quorum's."""
        if self._joining is None:
            return
        self.epoch = max(self.epoch, accepted + 1)
        if server_id in self.ensemble.voters:
            self._joining[server_id] = accepted
        if self.my_id in self._joining and self.ensemble.is_quorum(self._joining):
            self._joining = None
            self._epochs.accepted = self.epoch
            self.last_proposed = first_zxid(self.epoch)
            self.acknowledge_epoch(self.my_id, *self._summary)
            for handler in list(self.handlers):
                handler.epoch_known()

    @property
    def epoch_acknowledged(self):
        return self._acked_epoch is None

    def acknowledge_epoch(self, server_id, current_epoch, last_zxid):
        """False for a server whose history is newer than the leader's own: the election went wrong for it."""
        if self._acked_epoch is None:
            return True
        if current_epoch != -1:
            if (current_epoch, last_zxid) > self._summary:
                return False
            if server_id in self.ensemble.voters:
                self._acked_epoch.add(server_id)
        if self.my_id in self._acked_epoch and self.ensemble.is_quorum(self._acked_epoch):
            self._acked_epoch = None
            self._epochs.current = self.epoch
            self._synced.add(self.my_id)
            for handler in list(self.handlers):
                handler.epoch_acknowledged()
            self._start_if_synced()
        return True

    # Synchronisation

    def synced(self, server_id):
        """A server has this leader's history on disk."""
        if not self.leads and server_id in self.ensemble.voters:
            self._synced.add(server_id)
            self._start_if_synced()

    def _start_if_synced(self):
        if self.leads or self._stopped or not self.ensemble.is_quorum(self._synced):
            return
        self.leads = True
        self._deadline.cancel()
        self.last_committed = self.database.last_zxid = first_zxid(self.epoch)
        self.last_tick = self.clock.now()
        self._deadline = self.clock.after(self.limits.tick_ms // 2, self._half_tick)
        self._started(self.epoch)
        for handler in list(self.handlers):
            handler.up_to_date()

    def start_forwarding(self, handler, seen):
        """What is proposed and not yet committed, for a learner that has all up to `seen`."""
        if not handler.is_observer:
            for zxid, txn in self.outstanding.items():
                if zxid > seen:
                    handler.propose(QuorumPacket(PROPOSAL, zxid, txn))
        handler.forwards = True

    # Broadcast

    def next_zxid(self):
        """Of the next proposal; None when the epoch has no more, and the leader steps down."""
        if self.last_proposed & LAST_COUNT == LAST_COUNT:
            self.stop("the zxids of this epoch are used up")
            return None
        return self.last_proposed + 1

    def propose(self, zxid, txn):
        """`zxid` from next_zxid; `on.applied` is called once a quorum has it on disk."""
        self.last_proposed = zxid
        self.outstanding[zxid] = txn
        packet = QuorumPacket(PROPOSAL, zxid, txn)
        for handler in self.handlers:
            if handler.forwards and not handler.is_observer:
                handler.propose(packet)
        self.database.log(zxid, txn)
        self.database.sync(lambda: self.acknowledge(self.my_id, zxid))

    def acknowledge(self, server_id, zxid):
        """A server has everything up to `zxid` on disk."""
        if self._stopped or server_id not in self.ensemble.voters or zxid <= self._acked.get(server_id, 0):
            return
        self._acked[server_id] = zxid
        while self.outstanding:
            first = next(iter(self.outstanding))
            if first > zxid or not self.ensemble.is_quorum(sid for sid, acked in self._acked.items() if acked >= first):
                break
            self._commit(first, self.outstanding.pop(first))

    def _commit(self, zxid, txn):
        self.last_committed = zxid
        commit, inform = QuorumPacket(COMMIT, zxid), None
        for handler in self.handlers:
            if not handler.forwards:
                continue
            if handler.is_observer:
                inform = inform or QuorumPacket(INFORM, zxid, txn)
                handler.send(inform)
            else:
                handler.send(commit)
        self.on.applied(zxid, txn, self.database.commit(zxid, txn))
        while self._syncs and self._syncs[0][0] <= zxid:
            self._syncs.pop(0)[1]()

    def sync(self, action):
        """`action()` when all that has been proposed so far is committed."""
        if self.outstanding:
            self._syncs.append((self.last_proposed, action))
        else:
            action()

    @property
    def pending_syncs(self):
        return len(self._syncs)

    def sync_learner(self, handler):
        self.sync(lambda: handler.send(QuorumPacket(SYNC, 0)))

    # Ticks

    def _half_tick(self):
        self._deadline = self.clock.after(self.limits.tick_ms // 2, self._half_tick)
        self._ticks_halves += 1
        now = self.clock.now()
        if self._ticks_halves % 2 == 0:
            self.tick += 1
            self.last_tick = now
            following = self.following(now)
            if not self.ensemble.is_quorum(following):
                return self.stop(f"not enough followers in sync, only servers {sorted(following)}")
        for handler in list(self.handlers):
            handler.ping(now)
        self.on.tick()

    def following(self, now):
        """Ids of the voters that have been heard of within the limits, this one included."""
        return {self.my_id} & self.ensemble.voters | {
            handler.server_id for handler in self.handlers
            if handler.server_id in self.ensemble.voters and handler.forwards and now <= handler.answers_by}
