"""The deadlines of a group's members, of the protocols with member epochs.

Sessions hang on the clock `time`, what a rebalance waits for on `patience`. A heartbeat only notes the new end of the
session; the deadline re-arms itself when it comes too early.
"""

REBALANCE, JOIN, SYNC = "rebalance", "join", "sync"


class Timers:
    """`expired(member_id)` is called when a session ends."""

    __slots__ = ("_time", "_patience", "_expired", "_sessions", "_waits")

    def __init__(self, time, patience, expired):
        self._time = time
        self._patience = patience
        self._expired = expired
        self._sessions = {}  # member_id -> [when it expires, deadline, client]
        self._waits = {}  # (what for, member_id) -> deadline

    def extend_session(self, member_id, timeout_ms, client=None):
        """Expect to hear from this member within `timeout_ms`; `client`: by which connection it was, where that is known."""
        expires_at = self._time.now() + timeout_ms
        session = self._sessions.get(member_id)
        if session is None:
            session = self._sessions[member_id] = [expires_at, None, client]
        else:
            session[0] = expires_at
            session[2] = client or session[2]
            if session[1].at <= expires_at:
                return
            session[1].cancel()
        self._arm(member_id, session)

    def client_of(self, member_id):
        """The connection by which a member was last heard of, None where that is not known."""
        session = self._sessions.get(member_id)
        return None if session is None else session[2]

    def _arm(self, member_id, session):
        session[1] = self._time.at(session[0], lambda: self._due(member_id, session))

    def _due(self, member_id, session):
        now = self._time.now()
        if now >= session[0]:
            session[0] += self._time.spared(session[2])
        if now < session[0]:
            self._arm(member_id, session)
        else:
            del self._sessions[member_id]
            self._time.happened("sessions expired")
            self._expired(member_id)

    def wait(self, what, member_id, timeout_ms, action):
        """Call `action()` in `timeout_ms`, and no more at the time that was set before."""
        self.cancel(what, member_id)

        def due():
            del self._waits[what, member_id]
            action()

        self._waits[what, member_id] = self._patience.after(timeout_ms, due)

    def waits(self, what, member_id):
        return (what, member_id) in self._waits

    def cancel(self, what, member_id):
        deadline = self._waits.pop((what, member_id), None)
        if deadline is not None:
            deadline.cancel()

    def forget(self, member_id):
        """The member is gone."""
        session = self._sessions.pop(member_id, None)
        if session is not None:
            session[1].cancel()
        for what in (REBALANCE, JOIN, SYNC):
            self.cancel(what, member_id)

    def close(self):
        for _, deadline, _ in self._sessions.values():
            deadline.cancel()
        for deadline in self._waits.values():
            deadline.cancel()
        self._sessions.clear()
        self._waits.clear()
