"""Sessions as whoever leads tracks them: until when each lives, and which server it is connected to.

Expiry falls on whole ticks. Source: SessionTrackerImpl, ExpiryQueue, ZooKeeperServer.generatePasswd of 3.8.4.
"""

_SECRET = 0xB3415C00


class SessionTracker:
    def __init__(self, tick_ms):
        self._tick_ms = tick_ms
        self._expires = {}  # {id: the tick, ms}
        self._buckets = {}  # {tick: ids}
        self.owners = {}
        self._timeouts = {}

    def add(self, session_id, timeout, now):
        self._timeouts[session_id] = timeout
        self._move(session_id, timeout, now)

    def touch(self, session_id, now, owner=None, timeout=None):
        """Whether the session lives; with an `owner` it is connected there from now on, with a `timeout` that is its own now."""
        if session_id not in self._timeouts:
            return False
        if timeout is not None:
            self._timeouts[session_id] = timeout
        self._move(session_id, self._timeouts[session_id], now)
        if owner is not None:
            self.owners[session_id] = owner
        return True

    def _move(self, session_id, timeout, now):
        tick = ((now + timeout) // self._tick_ms + 1) * self._tick_ms
        before = self._expires.get(session_id)
        if tick != before:
            if before is not None:
                self._buckets[before].discard(session_id)
            self._expires[session_id] = tick
            self._buckets.setdefault(tick, set()).add(session_id)

    def remove(self, session_id):
        tick = self._expires.pop(session_id, None)
        if tick is not None:
            self._buckets.get(tick, set()).discard(session_id)
        self._timeouts.pop(session_id, None)
        self.owners.pop(session_id, None)

    def expired(self, now):
        """Ids whose time is over; they live until they are removed, and are named once."""
        found = []
        for tick in sorted(tick for tick in self._buckets if tick <= now):
            found += sorted(self._buckets.pop(tick))
        for session_id in found:
            self._expires.pop(session_id, None)
            self._timeouts.pop(session_id, None)
        return found

    def ticks(self):
        """[(when, ms, ids)] in order, of all that have been named since the last that is over."""
        return sorted((tick, sorted(ids)) for tick, ids in self._buckets.items())

    def __contains__(self, session_id):
        return session_id in self._timeouts

    def __len__(self):
        return len(self._timeouts)


def password(session_id):
    """The 16 bytes that prove that a client had this session; the same on every server: java.util.Random's."""
    seed = ((session_id ^ _SECRET) ^ 0x5DEECE66D) & (1 << 48) - 1
    octets = bytearray()
    for _ in range(4):
        seed = (seed * 0x5DEECE66D + 0xB) & (1 << 48) - 1
        octets += (seed >> 16 & 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(octets)


def first_session_id(server_id, now):
    """Of those that a server makes; its id is the top byte."""
    number = (server_id & 0xFF) << 56 | (now << 24 & (1 << 64) - 1) >> 8
    return number - (1 << 64) if number >> 63 else number
