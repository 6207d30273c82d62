"""The transaction coordinator: requests and clocks in, transitions of transactional ids out.

Every method takes plain values and raises KafkaError with Kafka's code. Nothing waits: a transaction's outcome is
written, answered, and its markers go out at once; where a partition cannot take its marker now, the transaction stays
PrepareCommit or PrepareAbort (others are told CONCURRENT_TRANSACTIONS) and the marker is sent again.
Source: kafka.coordinator.transaction.TransactionCoordinator, TransactionStateManager of Kafka 4.3.1.
"""

from emulator.state.regex import InvalidRegex, compile_regex
from emulator.state.internal_topics import RECORDS_A_SLICE
from emulator.state.transactions.states import (
    BY_ID, DEAD, END_V1, END_V2, END_V2_AGAIN, ENDING, ONGOING, PREPARE_ABORT, PREPARE_COMMIT, RESTING,
)  # fmt: skip
from emulator.state.transactions.transaction import MAX_EPOCH, NO_EPOCH, NO_PRODUCER_ID, Transaction, is_exhausted
from wire import errors
from wire.errors import KafkaError

SERVER_VERSION = 2  # of the transaction protocol: the feature transaction.version
_SEND_AGAIN_MS = 100


class TransactionCoordinator:
    """`settings` has the broker's configs as attributes, and may be replaced; `log` is a `store.TransactionLog`.

    `write_marker(topic, index, producer_id, producer_epoch, coordinator_epoch, commit, version)` gives an error code:
    NOT_LEADER_OR_FOLLOWER and NOT_ENOUGH_REPLICAS mean "later".
    """

    def __init__(self, settings, time, patience, producer_ids, log, write_marker):
        self.settings = settings
        self._time = time
        self._patience = patience
        self.producer_ids = producer_ids
        self._log = log
        self.store = log.records
        self._write_marker = write_marker
        self._transactions = {}
        self._ongoing = {}  # those of them that time out
        self._unsent = {}  # those whose markers wait
        self._timing = self._sending = self._expiring = None

    def partition_for(self, transactional_id):
        """The partition of __transaction_state that keeps this id."""
        return self._log.partition_for(transactional_id)

    # -- producers ---------------------------------------------------------------------------------

    def initialize(self, transactional_id, timeout_ms, expected=None):
        """(producer id, epoch) for a producer that begins, or that goes on from `expected`, such a pair (KIP-360).

        Raises INVALID_REQUEST, INVALID_TRANSACTION_TIMEOUT, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS (its last
        transaction is being aborted: ask again).
        """
        if transactional_id is None:
            return self.producer_ids.next(), 0
        if not transactional_id:
            raise KafkaError(errors.INVALID_REQUEST)
        if not 0 < timeout_ms <= self.settings.transaction_max_timeout_ms:
            raise KafkaError(errors.INVALID_TRANSACTION_TIMEOUT)
        self._log.check_writable(transactional_id)
        now = self._time.now()
        transaction = self._transactions.get(transactional_id)
        if transaction is None:
            transaction = Transaction(transactional_id, self.producer_ids.next(), timeout_ms, now)
            self._transactions[transactional_id] = transaction
            self._expire_later()
        if expected is not None and not _may_go_on(transaction, *expected):
            raise KafkaError(errors.PRODUCER_FENCED)
        if transaction.state in ENDING:
            raise KafkaError(errors.CONCURRENT_TRANSACTIONS)
        if transaction.state == ONGOING:
            self._fence(transaction)
            raise KafkaError(errors.CONCURRENT_TRANSACTIONS)
        epoch = None if expected is None else expected[1]
        if transaction.epoch_exhausted and epoch in (None, transaction.producer_epoch):
            transaction.rotate(self.producer_ids.next(), timeout_ms, epoch is not None, now)
        else:
            transaction.initialize(timeout_ms, epoch, now)
        self._log.write(transaction)
        return transaction.producer_id, transaction.producer_epoch

    def add_partitions(self, transactional_id, producer_id, producer_epoch, partitions, version=0):
        """Make (topic, index) pairs part of the ongoing transaction, which the first of them begins.

        Raises INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS.
        """
        transaction = self._of_producer(transactional_id, producer_id, producer_epoch)
        if transaction.state == ONGOING and all(one in transaction.partitions for one in partitions):
            return
        self._log.check_writable(transactional_id)
        transaction.add(partitions, version, self._time.now())
        self._log.write(transaction)
        self._ongoing[transactional_id] = transaction
        self._time_out_later()

    def verify_partitions(self, transactional_id, producer_id, producer_epoch, partitions):
        """{(topic, index): error code}: TRANSACTION_ABORTABLE for what is no part of the transaction (KIP-890)."""
        transaction = self._of_producer(transactional_id, producer_id, producer_epoch)
        return {
            one: errors.NONE if one in transaction.partitions else errors.TRANSACTION_ABORTABLE for one in partitions
        }

    def _of_producer(self, transactional_id, producer_id, producer_epoch):
        if not transactional_id:
            raise KafkaError(errors.INVALID_REQUEST)
        transaction = self._find(transactional_id)
        if transaction is None or transaction.producer_id != producer_id:
            raise KafkaError(errors.INVALID_PRODUCER_ID_MAPPING)
        if transaction.producer_epoch != producer_epoch:
            raise KafkaError(errors.PRODUCER_FENCED)
        if transaction.state in ENDING:
            raise KafkaError(errors.CONCURRENT_TRANSACTIONS)
        return transaction

    def _find(self, transactional_id):
        self._log.check(transactional_id)
        return self._transactions.get(transactional_id)

    # -- the end -----------------------------------------------------------------------------------

    def end(self, transactional_id, producer_id, producer_epoch, commit, version):
        """Commit or abort; gives the (producer id, epoch) of the next transaction.

        `version` 2 raises the epoch with every transaction. Raises INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING,
        PRODUCER_FENCED, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE.
        """
        if not transactional_id:
            raise KafkaError(errors.INVALID_REQUEST)
        transaction = self._find(transactional_id)
        if transaction is None:
            raise KafkaError(errors.INVALID_PRODUCER_ID_MAPPING)
        if version >= 2:
            table = self._end_v2(transaction, producer_id, producer_epoch)
        else:
            if transaction.producer_id != producer_id:
                raise KafkaError(errors.INVALID_PRODUCER_ID_MAPPING)
            if transaction.producer_epoch != producer_epoch:
                raise KafkaError(errors.PRODUCER_FENCED)
            table = END_V1
        step = table[commit].get(transaction.state, errors.INVALID_TXN_STATE)
        if step in ENDING:
            self._log.check_writable(transactional_id)
            self._prepare(transaction, step, version)
        elif step != errors.NONE:
            raise KafkaError(step)
        if transaction.next_producer_id != NO_PRODUCER_ID:
            return transaction.next_producer_id, 0
        return transaction.producer_id, transaction.producer_epoch

    def _end_v2(self, transaction, producer_id, producer_epoch):
        """The table by which a request of version 2 is answered: does it come for the first time?"""
        current = transaction.producer_epoch
        again = current == producer_epoch + 1
        overflown = transaction.previous_producer_id == producer_id and producer_epoch == MAX_EPOCH - 1 and current == 0
        if transaction.producer_id != producer_id and not overflown:
            raise KafkaError(errors.INVALID_PRODUCER_ID_MAPPING)
        if transaction.state in ENDING:
            valid = again
        elif transaction.state in ENDING.values():
            valid = again or overflown or current == producer_epoch
        else:
            valid = current == producer_epoch
        if not valid:
            raise KafkaError(errors.PRODUCER_FENCED)
        return END_V2_AGAIN if again or overflown else END_V2

    def _fence(self, transaction):
        """Abort an ongoing transaction under an epoch that its producer does not have."""
        self._prepare(transaction, PREPARE_ABORT, SERVER_VERSION)

    def _prepare(self, transaction, state, version):
        exhausted = version >= 2 and transaction.epoch_exhausted
        next_id = self.producer_ids.next() if exhausted else NO_PRODUCER_ID
        transaction.prepare(state, version, next_id, self._time.now())
        self._log.write(transaction)
        self._ongoing.pop(transaction.transactional_id, None)
        self._send_markers(transaction)

    def _send_markers(self, transaction):
        commit = transaction.state == PREPARE_COMMIT
        epoch = self._log.epoch_for(transaction.transactional_id)
        waiting = {}
        for topic, index in transaction.partitions:
            error = self._write_marker(
                topic, index, transaction.producer_id, transaction.producer_epoch, epoch, commit, transaction.version
            )
            # What is deleted needs no marker, and where a newer epoch has written there is nothing left to end.
            if error in (errors.NOT_LEADER_OR_FOLLOWER, errors.NOT_ENOUGH_REPLICAS):
                waiting[topic, index] = None
        if waiting:
            transaction.partitions = waiting
            self._unsent[transaction.transactional_id] = transaction
            if self._sending is None:
                self._sending = self._patience.after(_SEND_AGAIN_MS, self._send_again)
            return
        self._unsent.pop(transaction.transactional_id, None)
        transaction.complete(ENDING[transaction.state], self._time.now())
        self._log.write(transaction)

    def _send_again(self):
        self._sending = None
        for transaction in list(self._unsent.values()):
            self._send_markers(transaction)

    # -- time --------------------------------------------------------------------------------------

    def _time_out_later(self):
        if self._timing is None and self._ongoing:
            interval = self.settings.transaction_abort_timed_out_transaction_cleanup_interval_ms
            self._timing = self._time.after(interval, self._time_out)

    def _time_out(self):
        """Abort what has been open for longer than its producer asked for."""
        self._timing = None
        now = self._time.now()
        for transaction in list(self._ongoing.values()):
            if transaction.start_timestamp + transaction.timeout_ms < now:
                self._fence(transaction)
                self._time.happened("transactions aborted")
        self._time_out_later()

    def _expire_later(self):
        if self._expiring is None and self._transactions:
            interval = self.settings.transaction_remove_expired_transaction_cleanup_interval_ms
            self._expiring = self._time.after(interval, self._expire)

    def _expire(self):
        """Forget transactional ids that nobody has used for transactional.id.expiration.ms."""
        self._expiring = None
        latest = self._time.now() - self.settings.transactional_id_expiration_ms
        for transaction in list(self._transactions.values()):
            if transaction.state in RESTING and transaction.last_update_timestamp <= latest:
                transaction.state = DEAD
                self._log.erase(transaction.transactional_id)
                del self._transactions[transaction.transactional_id]
                self._time.happened("transactional ids expired")
        self._expire_later()

    # -- looking -----------------------------------------------------------------------------------

    def describe(self, transactional_id):
        """The Transaction, to be read only. INVALID_REQUEST, TRANSACTIONAL_ID_NOT_FOUND."""
        if not transactional_id:
            raise KafkaError(errors.INVALID_REQUEST)
        transaction = self._find(transactional_id)
        if transaction is None:
            raise KafkaError(errors.TRANSACTIONAL_ID_NOT_FOUND)
        return transaction

    def list(self, states=(), producer_ids=(), longer_than_ms=-1, pattern=None):
        """(Transactions, unknown state names). The whole transactional id must match `pattern`.

        The pattern is RE2's; letters beyond ASCII in it match nothing. Raises INVALID_REGULAR_EXPRESSION,
        COORDINATOR_LOAD_IN_PROGRESS.
        """
        unknown = [state for state in dict.fromkeys(states) if state not in BY_ID]
        try:
            matches = compile_regex(pattern) if pattern else None
        except InvalidRegex as reason:
            raise KafkaError(errors.INVALID_REGULAR_EXPRESSION, f"Transaction ID pattern `{pattern}` is invalid: {reason}") from None
        self.store.check_all()
        now = self._time.now()
        found = [
            transaction
            for transaction in self._transactions.values()
            if (not states or transaction.state in states)
            and (not producer_ids or transaction.producer_id in producer_ids)
            and (longer_than_ms < 0 or now - transaction.start_timestamp > longer_than_ms)
            and (matches is None or matches(_ascii(transaction.transactional_id)))
        ]
        return found, unknown

    # -- __transaction_state -----------------------------------------------------------------------

    def load(self, partition):
        """Take over a partition of __transaction_state: its records tell everything; what was decided is carried out."""
        for _ in self.load_in_slices(partition):
            pass

    def load_in_slices(self, partition):
        """As `load`, a generator: between its steps others have their turn."""
        found = {}
        yield from self._log.read_into(found, partition)
        for number, (transactional_id, transaction) in enumerate(found.items()):
            if number % RECORDS_A_SLICE == 0:
                yield
            self._transactions[transactional_id] = transaction
            self.producer_ids.taken(transaction.producer_id)  # by another cluster, where its log was brought here
            if transaction.state == ONGOING:
                self._ongoing[transactional_id] = transaction
            elif transaction.state in ENDING:
                self._send_markers(transaction)
        self._time_out_later()
        self._expire_later()

    def unload(self, partition):
        """Give a partition up; its records stay."""
        for transactional_id in [one for one in self._transactions if self.partition_for(one) == partition]:
            for table in (self._transactions, self._ongoing, self._unsent):
                table.pop(transactional_id, None)


def _ascii(text):
    """What a pattern made for topic names can be held against: other letters stand as a character that no class names."""
    return text if text.isascii() else "".join(one if one.isascii() else "\x01" for one in text)


def _may_go_on(transaction, producer_id, producer_epoch):
    """Whether the producer that says it had this id and epoch is the transactional id's last one (KIP-360)."""
    return (
        transaction.producer_epoch == NO_EPOCH
        or producer_id == transaction.producer_id
        or (producer_id == transaction.previous_producer_id and is_exhausted(producer_epoch))
    )
