"""Records in flight: consecutive offsets that share a fate, until some of them part from it.

Source: org.apache.kafka.server.share.fetch.InFlightBatch, InFlightState, RecordState of Kafka 4.3.1.
"""

AVAILABLE, ACQUIRED, ACKNOWLEDGED, ARCHIVED = 0, 1, 2, 4  # as they are written down

TRANSITIONS = {
    AVAILABLE: (ACQUIRED, ARCHIVED),
    ACQUIRED: (AVAILABLE, ACKNOWLEDGED, ARCHIVED),
    ACKNOWLEDGED: (),
    ARCHIVED: (),
}

NOBODY = ""


class InFlight:
    """The state of one record, or of the records of a batch alike: who has it, how often it was delivered."""

    __slots__ = ("state", "delivery_count", "member_id", "lock")

    def __init__(self, state, delivery_count, member_id=NOBODY, lock=None):
        self.state = state
        self.delivery_count = delivery_count
        self.member_id = member_id
        self.lock = lock  # the Deadline at which it is taken away from its member

    @property
    def is_terminal(self):
        return self.state in (ACKNOWLEDGED, ARCHIVED)

    def acquire(self, member_id, lock):
        self.state = ACQUIRED
        self.delivery_count += 1
        self.member_id = member_id
        self.lock = lock

    def finish(self, state, max_delivery_count):
        """Leave ACQUIRED for `state`; what was delivered often enough is not AVAILABLE again, but ARCHIVED."""
        if state == AVAILABLE and self.delivery_count >= max_delivery_count:
            state = ARCHIVED
        assert state in TRANSITIONS[self.state]
        self.state = state
        self.member_id = NOBODY

    def archive(self):
        self.state = ARCHIVED
        self.member_id = NOBODY
        self.unlock()

    def unlock(self):
        if self.lock is not None:
            self.lock.cancel()
            self.lock = None


class Batch:
    """Offsets `first` to `last`: `whole` is the state of all, or None once `offsets` has that of each, in order."""

    __slots__ = ("first", "last", "whole", "offsets")

    def __init__(self, first, last, whole):
        self.first = first
        self.last = last
        self.whole = whole
        self.offsets = None

    def __len__(self):
        return self.last - self.first + 1

    def within(self, first, last):
        return first <= self.first and self.last <= last

    def split(self, lock):
        """Give every offset a state of its own; `lock(batch, offset, at)` makes a new lock with the old one's end."""
        whole, self.whole = self.whole, None
        at = whole.lock.at if whole.lock is not None else None
        whole.unlock()
        self.offsets = {
            offset: InFlight(whole.state, whole.delivery_count, whole.member_id, None if at is None else lock(self, offset, at))
            for offset in range(self.first, self.last + 1)
        }

    def states(self):
        """(first, last, InFlight) of all its parts."""
        if self.offsets is None:
            yield self.first, self.last, self.whole
        else:
            for offset, state in self.offsets.items():
                yield offset, offset, state
