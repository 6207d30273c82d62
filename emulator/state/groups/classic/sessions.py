"""When members were last heard of: deadlines on the clock `time`, one for each member.

A heartbeat only notes the new end of the session; the deadline re-arms itself when it comes too early. So a
heartbeat costs no work on the heap, however many there are.
"""


class Sessions:
    """`group.session_expired(member)` is called for one silent for too long, `group.unused_id_expired(member_id)` for an id nobody used."""

    __slots__ = ("_time", "_group", "_handed_out")

    def __init__(self, time, group):
        self._time = time
        self._group = group
        self._handed_out = {}

    def extend(self, member, timeout_ms):
        """Expect to hear from this member (again) within `timeout_ms`."""
        member.expires_at = self._time.now() + timeout_ms
        deadline = member.deadline
        if deadline is not None and deadline.pending:
            if deadline.at <= member.expires_at:
                return
            deadline.cancel()
        self._arm(member)

    def end(self, member):
        if member.deadline is not None:
            member.deadline.cancel()
            member.deadline = None

    def _arm(self, member):
        member.deadline = self._time.at(member.expires_at, lambda: self._due(member))

    def _due(self, member):
        now = self._time.now()
        if now >= member.expires_at:
            member.expires_at += self._time.spared(member.client)
        if now < member.expires_at:
            self._arm(member)
        elif member.is_new or not member.waits:
            # One that waits for us is not silent, unless it waits since its very first join.
            self._time.happened("sessions expired")
            self._group.session_expired(member)

    def hand_out(self, member_id, timeout_ms, client):
        """A member id that must be used within `timeout_ms` (KIP-394)."""

        def due():
            if spared_ms := self._time.spared(client):
                self.hand_out(member_id, spared_ms, client)
            else:
                self._group.unused_id_expired(member_id)

        self._handed_out[member_id] = self._time.after(timeout_ms, due)

    def used(self, member_id):
        """The id became a member, or is given up."""
        deadline = self._handed_out.pop(member_id, None)
        if deadline is not None:
            deadline.cancel()
