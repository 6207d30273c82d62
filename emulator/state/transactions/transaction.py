"""What a coordinator knows of one transactional id (Kafka's TransactionMetadata)."""

from emulator.state.transactions.states import EMPTY, IDS, NEXT, ONGOING, RESTING
from wire import errors
from wire.errors import KafkaError

NO_PRODUCER_ID = NO_EPOCH = -1
MAX_EPOCH = 2**15 - 1


def is_exhausted(producer_epoch):
    """The last epoch of a producer id is kept for fencing; nobody is given it."""
    return producer_epoch >= MAX_EPOCH - 1


class Transaction:
    """`partitions` are (topic, index), in the order in which they were added; times in ms.

    `version`: of the transaction protocol (KIP-890) that its client last spoke, 0 or 2.
    """

    __slots__ = (
        "transactional_id", "producer_id", "previous_producer_id", "next_producer_id", "producer_epoch",
        "last_producer_epoch", "timeout_ms", "state", "partitions", "start_timestamp", "last_update_timestamp", "version",
    )  # fmt: skip

    def __init__(self, transactional_id, producer_id, timeout_ms, now):
        self.transactional_id = transactional_id
        self.producer_id = producer_id
        self.previous_producer_id = NO_PRODUCER_ID
        self.next_producer_id = NO_PRODUCER_ID  # taken when this transaction is over: the epochs are used up
        self.producer_epoch = NO_EPOCH
        self.last_producer_epoch = NO_EPOCH
        self.timeout_ms = timeout_ms
        self.state = EMPTY
        self.partitions = {}
        self.start_timestamp = -1
        self.last_update_timestamp = now
        self.version = 0

    def __repr__(self):
        return f"<{self.transactional_id} {self.state} producer {self.producer_id} epoch {self.producer_epoch}>"

    @property
    def epoch_exhausted(self):
        return is_exhausted(self.producer_epoch)

    def _move(self, state, now):
        assert state in NEXT[self.state], f"{self} cannot become {state}"
        self.state = state
        self.previous_producer_id = self.producer_id
        self.last_update_timestamp = now

    def initialize(self, timeout_ms, expected_epoch, now):
        """A producer begins, or (KIP-360) goes on after an error, with `expected_epoch`. PRODUCER_FENCED."""
        if expected_epoch is None:
            self.producer_epoch, self.last_producer_epoch = self.producer_epoch + 1, NO_EPOCH
        elif self.producer_epoch == NO_EPOCH or expected_epoch == self.producer_epoch:
            self.producer_epoch, self.last_producer_epoch = self.producer_epoch + 1, self.producer_epoch
        elif expected_epoch != self.last_producer_epoch:  # else it asks again, and gets what it got
            raise KafkaError(errors.PRODUCER_FENCED)
        self._begin_empty(timeout_ms, now)

    def rotate(self, producer_id, timeout_ms, keep_epoch, now):
        """A producer begins with a new id, as the epochs of the old one are used up."""
        self.last_producer_epoch = self.producer_epoch if keep_epoch else NO_EPOCH
        self._begin_empty(timeout_ms, now)
        self.producer_id, self.producer_epoch = producer_id, 0

    def _begin_empty(self, timeout_ms, now):
        self._move(EMPTY, now)
        self.timeout_ms = timeout_ms
        self.partitions = {}
        self.start_timestamp = -1

    def add(self, partitions, version, now):
        if self.state in RESTING:
            self.start_timestamp = now
        self._move(ONGOING, now)
        self.partitions.update(dict.fromkeys(partitions))
        self.version = version

    def prepare(self, state, version, next_producer_id, now):
        """The outcome is decided; version 2 takes the epoch of the next transaction at once."""
        if self.state in RESTING:
            self.start_timestamp = now  # an abort of nothing
        if version >= 2:
            self.last_producer_epoch = self.producer_epoch
            self.producer_epoch = min(self.producer_epoch + 1, MAX_EPOCH)
        self._move(state, now)
        self.next_producer_id = next_producer_id
        self.version = version

    def complete(self, state, now):
        """All markers are written."""
        self._move(state, now)
        if self.version >= 2 and self.next_producer_id != NO_PRODUCER_ID:
            self.producer_id, self.producer_epoch = self.next_producer_id, 0
        self.next_producer_id = NO_PRODUCER_ID
        self.partitions = {}

    @property
    def state_id(self):
        return IDS[self.state]
