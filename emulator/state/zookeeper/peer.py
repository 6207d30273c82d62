"""One server of an ensemble through its life: looking, then leading, following or observing, then looking again.

Source: QuorumPeer of 3.8.4.
"""

from emulator.state.zookeeper.election import Election
from emulator.state.zookeeper.leader import Leader
from emulator.state.zookeeper.learner import Learner
from wire.zookeeper.quorum import FOLLOWING, LEADING, LOOKING, OBSERVING

_CONNECTS = 5
_CONNECT_AGAIN_MS = 100  # zookeeper.leaderConnectDelayDuringRetryMs
_LOOK_AGAIN_MS = 100  # after a role that came to nothing: it may come to nothing again


class QuorumPeer:
    """`state` is LOOKING, FOLLOWING, LEADING or OBSERVING; `leader` or `learner` is there in the last three, else None.

    `network` has notify(sid, notification), connect(sid, done) with done(link, reason) later, one of them None, and
    listen(accept) with accept(link) -> LearnerHandler, and close_leader_port(). A link has `attach(receiver)`: a
    LearnerHandler or a Learner. `on` is what Leader and Learner ask for, and

        on.elected()          a leader is found, and it may be this server
        on.established(peer)  a quorum stands behind this server
        on.looking(reason)    it does no more
    """

    def __init__(self, my_id, ensemble, epochs, database, clock, limits, network, on):
        self.my_id = my_id
        self.ensemble = ensemble
        self.epochs = epochs
        self.database = database
        self.limits = limits
        self.leader = self.learner = None
        self.serving = False
        self.election = Election(my_id, ensemble, clock, network.notify, self._decided)
        self._clock = clock
        self._network = network
        self._on = on
        self._role = 0  # counts roles: what was begun for an earlier one does not count
        self._again = None
        self._closed = False

    @property
    def state(self):
        return self.election.state

    @property
    def leader_id(self):
        """Whom this server serves under, None while it does not."""
        return self.election.vote.leader if self.serving else None

    def start(self):
        self._look()

    def close(self, reason="the server stops"):
        """For good; what was logged is applied."""
        self._closed = True
        self._role += 1
        if self._again is not None:
            self._again.cancel()
        self.election.stop()
        self._end(reason)

    def _look(self):
        self._again = None
        self._role += 1
        role = self._role
        self.election.pause()

        def on_disk():
            # A vote is a promise: what it counts must survive a crash.
            if role == self._role and not self._closed:
                self.election.look(self.database.last_zxid, self.epochs.current)
        self.database.sync(on_disk)

    def _decided(self, vote):
        self._role += 1
        role = self._role
        self._on.elected()
        if vote.state == LEADING:
            self.leader = Leader(self.my_id, self.ensemble, self.epochs, self.database, self._clock, self.limits,
                                 self._started, self._stopped, self._on)
            try:
                self._network.listen(self.leader.connected)
            except OSError as error:
                return self.leader.stop(f"it cannot be a leader: {error.strerror or error}")
            self.leader.start()
        else:
            self._connect(vote.leader, role, 1)

    def _connect(self, sid, role, tries):
        def done(link, reason):
            if role != self._role or self._closed:
                if link is not None:
                    link.close("no longer wanted")
            elif link is not None:
                self.learner = Learner(self.my_id, self.state == OBSERVING, self.epochs, self.database, self._clock,
                                       self.limits, link, self._started, self._stopped, self._on)
                link.attach(self.learner)
                self.learner.start()
            elif tries < _CONNECTS:
                self._again = self._clock.after(_CONNECT_AGAIN_MS, lambda: self._connect(sid, role, tries + 1))
            else:
                self._stopped(f"server {sid}, the leader, cannot be reached: {reason}")
        self._network.connect(sid, done)

    def _started(self, epoch):
        self.election.established(epoch)
        self.serving = True
        self._on.established(self)

    def _stopped(self, reason):
        served, self.serving = self.serving, False
        was_leader, self.leader, self.learner = self.leader is not None, None, None
        if was_leader:
            self._network.close_leader_port()
        self._on.looking(reason)
        if self._closed:
            return
        self._role += 1
        self.election.pause()
        if served:
            self._look()
        else:
            self._again = self._clock.after(_LOOK_AGAIN_MS, self._look)

    def _end(self, reason):
        role = self.leader or self.learner
        if role is not None:
            role.stop(reason)

    def notified(self, notification):
        """An election message has come."""
        if not self._closed:
            self.election.receive(notification)


STATE_NAMES = {LOOKING: "looking", FOLLOWING: "follower", LEADING: "leader", OBSERVING: "observer"}
