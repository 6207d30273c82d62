"""FastLeaderElection as a machine: votes and time go in, votes and a decision come out.

Each server votes for itself, then for the best it hears of: the highest (epoch, zxid, id). Who has a majority behind the
best for a moment longer decides. Servers that are not looking answer with the vote that made their leader, so that a
newcomer finds it. Source: FastLeaderElection of 3.8.4.
"""

from collections import namedtuple

from wire.zookeeper.quorum import FOLLOWING, LEADING, LOOKING, OBSERVING, Notification

FINALIZE_WAIT_MS = 200  # a better vote may be on its way
# Doubles from the one to the other; a real server goes on to 60 s, which is long for a quorum whose network is mended.
FIRST_NOTIFICATION_MS = 200
LAST_NOTIFICATION_MS = 1600

_NOBODY = -2**63  # how an observer votes: less than anybody

Vote = namedtuple("Vote", "leader zxid round epoch state", defaults=(LOOKING,))


def _same(one, other):
    if LOOKING in (one.state, other.state):
        return one[:4] == other[:4]
    # Zxids and rounds of votes from after an election may differ for the same leader (ZOOKEEPER-1805).
    return one.leader == other.leader and one.epoch == other.epoch


class Election:
    """One server's part in all elections; `state` is LOOKING, FOLLOWING, LEADING or OBSERVING, `vote` is for the leader then.

    `send(sid, notification)` reaches one other server, or not. `decided(vote)` is called once for each `look`.
    """

    def __init__(self, my_id, ensemble, clock, send, decided):
        self.my_id = my_id
        self.state = LOOKING
        self.round = 0
        self.vote = Vote(my_id, 0, 0, 0)
        self._ensemble = ensemble
        self._votes_itself = my_id in ensemble.voters
        self._clock = clock
        self._send = send
        self._decided = decided
        self._first = self._proposal = None
        self._received = {}  # votes of this round, by who gave them
        self._outside = {}  # votes of servers that are not looking
        self._resend = self._finalize = None
        self._interval = FIRST_NOTIFICATION_MS
        self._under_way = False

    def look(self, zxid, epoch):
        """Start a round: `zxid` is the last that is logged here, `epoch` the current one."""
        self.pause()
        self._under_way = True
        self.round += 1
        self._first = (self.my_id, zxid, epoch) if self._votes_itself else (_NOBODY, _NOBODY, _NOBODY)
        self._received, self._outside = {}, {}
        self._interval = FIRST_NOTIFICATION_MS
        self._propose(*self._first)
        self._count()
        if self.state == LOOKING:
            self._resend = self._clock.after(self._interval, self._send_again)

    def pause(self):
        """Looking, but with no vote until `look`."""
        self.stop()
        self.state = LOOKING

    def stop(self):
        self._under_way = False
        for deadline in (self._resend, self._finalize):
            if deadline is not None:
                deadline.cancel()
        self._resend = self._finalize = None

    def established(self, epoch):
        """The leader's own epoch has begun: newcomers are to compare it, not the one that it was elected with."""
        self.vote = self.vote._replace(epoch=epoch)

    def receive(self, notification):
        """A Notification of another server."""
        n = notification
        if self.state == LOOKING and not self._under_way:
            return
        if n.sid not in self._ensemble.voters:
            if n.state == LOOKING:
                self._answer(n.sid)
            return
        if self.state != LOOKING:
            if n.state == LOOKING:
                self._answer(n.sid)
            return
        if n.leader in self._ensemble.voters:
            if n.state == LOOKING:
                self._looking(n)
            elif n.state in (FOLLOWING, LEADING):
                self._settled(n)
        if n.state == LOOKING and n.round < self.round and self.state == LOOKING:
            self._answer(n.sid)

    def _looking(self, n):
        theirs = (n.leader, n.zxid, n.epoch)
        if n.round < self.round:
            return
        if n.round > self.round:
            self.round = n.round
            self._received = {}
            self._propose(*(theirs if _better(theirs, self._first) else self._first))
        elif _better(theirs, self._proposal):
            self._propose(*theirs)
        self._received[n.sid] = Vote(n.leader, n.zxid, n.round, n.epoch)
        self._count()

    def _settled(self, n):
        vote = Vote(n.leader, n.zxid, n.round, n.epoch, n.state)
        if n.round == self.round:
            self._received[n.sid] = vote
            if self._has_quorum(self._received, vote) and self._leads(self._received, n):
                return self._decide(vote)
        # A vote of the current election stands here, too: ZOOKEEPER-1732.
        self._outside[n.sid] = vote
        if self._has_quorum(self._outside, vote) and self._leads(self._outside, n):
            self.round = n.round
            self._decide(vote)

    def _has_quorum(self, votes, vote):
        return self._ensemble.is_quorum(sid for sid, other in votes.items() if _same(vote, other))

    def _leads(self, votes, n):
        """Whether the leader itself says so: others may speak of one that is dead."""
        if n.leader == self.my_id:
            return self.round == n.round
        return n.leader in votes and votes[n.leader].state == LEADING

    def _count(self):
        proposal = self._current()
        supporters = {sid for sid, vote in self._received.items() if _same(proposal, vote)}
        if not self._ensemble.is_quorum(supporters):
            return
        if supporters >= self._ensemble.voters:
            self._decide(proposal)  # there is nobody from whom a better vote could come
        elif self._finalize is None:
            self._finalize = self._clock.after(FINALIZE_WAIT_MS, self._decide_now)

    def _decide_now(self):
        self._finalize = None
        proposal = self._current()
        if self._has_quorum(self._received, proposal):
            self._decide(proposal)

    def _decide(self, vote):
        self.stop()
        if vote.leader == self.my_id:
            self.state = LEADING
        else:
            self.state = FOLLOWING if self._votes_itself else OBSERVING
        self.vote = vote._replace(state=self.state)
        self._decided(self.vote)

    def _current(self):
        leader, zxid, epoch = self._proposal
        return Vote(leader, zxid, self.round, epoch)

    def _propose(self, leader, zxid, epoch):
        self._proposal = (leader, zxid, epoch)
        if self._finalize is not None:
            self._finalize.cancel()
            self._finalize = None
        if self._votes_itself:
            self._received[self.my_id] = self._current()
        self._send_all()

    def _send_all(self):
        for sid in sorted(self._ensemble.voters):
            if sid != self.my_id:
                self._answer(sid)

    def _send_again(self):
        self._send_all()
        self._interval = min(2 * self._interval, LAST_NOTIFICATION_MS)
        self._resend = self._clock.after(self._interval, self._send_again)

    def _answer(self, sid):
        if self.state == LOOKING:
            leader, zxid, epoch = self._proposal
            self._send(sid, Notification(self.my_id, LOOKING, leader, zxid, self.round, epoch))
        else:
            vote = self.vote
            self._send(sid, Notification(self.my_id, self.state, vote.leader, vote.zxid, vote.round, vote.epoch))


def _better(one, other):
    """Of two (leader, zxid, epoch)."""
    return (one[2], one[1], one[0]) > (other[2], other[1], other[0])
