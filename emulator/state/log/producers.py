"""What each producer last wrote to this partition, and which transactions are open here.

Source: org.apache.kafka.storage.internals.log.ProducerStateManager, ProducerAppendInfo of Kafka 4.3.1.
"""

from emulator.state.log.formats import ProducerLine, pack_snapshot
from wire import errors
from wire.errors import KafkaError

NO_PRODUCER_ID = -1
REMEMBERED_BATCHES = 5  # a client may have this many requests in flight (KIP-98)
_HIGHEST_EPOCH = 2**15 - 1
_SEQUENCES = 2**31  # sequence numbers wrap to 0 after 2**31 - 1


def next_sequence(sequence, count):
    """The sequence number `count` after `sequence`."""
    return (sequence + count) % _SEQUENCES


class ProducerEntry:
    """One producer id's state: its epoch and its last batches, oldest first, as
    (first_sequence, last_sequence, base_offset, last_offset, timestamp).

    `first_open_offset`: where its open transaction begins here, or None. `coordinator_epoch`: that of the last
    marker, -1 when there was none.
    """

    __slots__ = ("producer_epoch", "batches", "last_timestamp", "first_open_offset", "coordinator_epoch")

    def __init__(self, producer_epoch):
        self.producer_epoch = producer_epoch
        self.batches = []
        self.last_timestamp = -1
        self.first_open_offset = None
        self.coordinator_epoch = -1

    @property
    def last_sequence(self):
        return self.batches[-1][1] if self.batches else -1


_UNKNOWN = ProducerEntry(-1)  # what a producer's first marker is held against


class Asked:
    """A batch of a transaction that the coordinator was asked about, as it was not known here (VerificationStateEntry).

    Until one is appended, no batch above the lowest sequence seen may be: what was refused will come again.
    `begins`: its client, of protocol version 2, begins at sequence 0 where it is unknown.
    """

    __slots__ = ("producer_epoch", "lowest_sequence", "begins", "timestamp")

    def __init__(self, producer_epoch, sequence, begins, now):
        self.producer_epoch = producer_epoch
        self.lowest_sequence = sequence
        self.begins = begins
        self.timestamp = now

    def again(self, producer_epoch, sequence):
        if producer_epoch > self.producer_epoch:
            self.producer_epoch, self.lowest_sequence = producer_epoch, sequence
        elif producer_epoch == self.producer_epoch:
            self.lowest_sequence = min(self.lowest_sequence, sequence)


class Producers:
    """The producers of one partition, by producer id.

    `open`: {producer id: first offset} of the open transactions, in the order in which they began.
    """

    def __init__(self, name):
        self._name = name  # of the partition, for messages
        self._entries = {}
        self.open = {}
        self._asked = {}

    def __len__(self):
        return len(self._entries)

    def get(self, producer_id):
        return self._entries.get(producer_id)

    def items(self):
        return self._entries.items()

    def duplicate(self, header):
        """The remembered batch that `header` repeats, or None."""
        entry = self._entries.get(header.producer_id)
        if entry is None or entry.producer_epoch != header.producer_epoch:
            return None
        first = header.base_sequence
        last = next_sequence(first, header.last_offset_delta)
        for batch in entry.batches:
            if batch[0] == first and batch[1] == last:
                return batch
        return None

    def in_transaction(self, producer_id, producer_epoch):
        """Whether this producer, in this epoch, has an open transaction here."""
        return producer_id in self.open and self._entries[producer_id].producer_epoch == producer_epoch

    def is_stale(self, producer_id, producer_epoch):
        """Whether this producer has written in a higher epoch here."""
        entry = self._entries.get(producer_id)
        return entry is not None and producer_epoch < entry.producer_epoch

    def check(self, header, end_offset):
        """Refuse a batch of an old epoch, out of sequence, or outside of its producer's open transaction.

        Raises KafkaError: INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_TXN_STATE.
        """
        entry = self._entries.get(header.producer_id)
        if entry is not None and header.producer_epoch < entry.producer_epoch:
            raise self._stale(header.producer_id, header.producer_epoch, entry, end_offset)
        if self._asked:
            self._check_asked(header, entry, end_offset)
        if entry is None:
            return  # state lost to expiry or DeleteRecords: any sequence may follow
        epoch, sequence = header.producer_epoch, header.base_sequence
        if epoch > entry.producer_epoch:
            if sequence != 0:
                raise KafkaError(
                    errors.OUT_OF_ORDER_SEQUENCE_NUMBER,
                    f"Invalid sequence number for new epoch of producer {header.producer_id} at offset {end_offset} "
                    f"in partition {self._name}: {epoch} (request epoch), {sequence} (seq. number), "
                    f"{entry.producer_epoch} (current producer epoch)",
                )
        elif sequence != next_sequence(entry.last_sequence, 1):
            raise KafkaError(
                errors.OUT_OF_ORDER_SEQUENCE_NUMBER,
                f"Out of order sequence number for producer {header.producer_id} at offset {end_offset} in partition "
                f"{self._name}: {sequence} (incoming seq. number), {entry.last_sequence} (current end sequence number)",
            )
        if entry.first_open_offset is not None and not header.is_transactional:
            raise KafkaError(
                errors.INVALID_TXN_STATE,
                f"Expected transactional write from producer {header.producer_id} at offset {end_offset} in partition {self._name}",
            )

    def check_epoch(self, producer_id, producer_epoch, end_offset):
        """Raise KafkaError INVALID_PRODUCER_EPOCH for an old epoch."""
        entry = self._entries.get(producer_id)
        if entry is not None and producer_epoch < entry.producer_epoch:
            raise self._stale(producer_id, producer_epoch, entry, end_offset)

    def ask(self, header, version, now):
        """The coordinator is asked about a batch of a transaction, in this version of the protocol (KIP-890)."""
        asked = self._asked.get(header.producer_id)
        if asked is None:
            self._asked[header.producer_id] = Asked(header.producer_epoch, header.base_sequence, version >= 2, now)
        else:
            asked.again(header.producer_epoch, header.base_sequence)

    def _check_asked(self, header, entry, end_offset):
        asked, sequence = self._asked.get(header.producer_id), header.base_sequence
        if asked is None:
            return
        if asked.begins and sequence and (entry is None or not entry.batches):
            raise KafkaError(
                errors.OUT_OF_ORDER_SEQUENCE_NUMBER,
                f"Invalid sequence number for producer {header.producer_id} at offset {end_offset} in partition "
                f"{self._name}: {sequence} (incoming seq. number). "
                f"Expected sequence 0 for transactions v2 idempotent producer with no existing state.",
            )
        if sequence > asked.lowest_sequence:
            raise KafkaError(
                errors.OUT_OF_ORDER_SEQUENCE_NUMBER,
                f"Out of order sequence number for producer {header.producer_id} at offset {end_offset} in partition "
                f"{self._name}: {sequence} (incoming seq. number), {asked.lowest_sequence} (earliest seen sequence)",
            )

    def check_marker(self, producer_id, producer_epoch, coordinator_epoch, end_offset, transaction_version):
        """Refuse a marker of an old producer epoch or an old coordinator.

        From transaction version 2 on a marker carries a higher epoch than the records before it; written again, it
        is let through. Raises KafkaError: INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED.
        """
        entry = self._entries.get(producer_id, _UNKNOWN)
        current = entry.producer_epoch
        if producer_epoch < current or (
            transaction_version >= 2
            and producer_epoch == current < _HIGHEST_EPOCH  # no marker could have a higher one
            and entry.first_open_offset is not None
        ):
            raise self._stale(producer_id, producer_epoch, entry, end_offset)
        if coordinator_epoch < entry.coordinator_epoch:
            raise KafkaError(
                errors.TRANSACTION_COORDINATOR_FENCED,
                f"Invalid coordinator epoch for producerId {producer_id} at offset {end_offset} in partition "
                f"{self._name}: {coordinator_epoch} (zombie), {entry.coordinator_epoch} (current)",
            )

    def _stale(self, producer_id, epoch, entry, end_offset):
        return KafkaError(
            errors.INVALID_PRODUCER_EPOCH,
            f"Epoch of producer {producer_id} at offset {end_offset} in {self._name} is {epoch}, "
            f"which is smaller than the last seen epoch {entry.producer_epoch}",
        )

    def _entry(self, producer_id, producer_epoch):
        entry = self._entries.get(producer_id)
        if entry is None:
            entry = self._entries[producer_id] = ProducerEntry(producer_epoch)
        elif entry.producer_epoch != producer_epoch:
            entry.producer_epoch = producer_epoch
            entry.batches.clear()
        return entry

    def update(self, header, base_offset, last_offset, timestamp):
        """Remember an appended batch."""
        entry = self._entry(header.producer_id, header.producer_epoch)
        first = header.base_sequence
        last = next_sequence(first, header.last_offset_delta)
        entry.batches.append((first, last, base_offset, last_offset, timestamp))
        if len(entry.batches) > REMEMBERED_BATCHES:
            del entry.batches[0]
        entry.last_timestamp = timestamp
        if self._asked:
            self._asked.pop(header.producer_id, None)
        if entry.first_open_offset is None and header.is_transactional:
            self.open[header.producer_id] = entry.first_open_offset = base_offset

    def end(self, producer_id, producer_epoch, coordinator_epoch, timestamp):
        """Remember an appended marker; gives the first offset of the transaction that it ended, or None."""
        entry = self._entry(producer_id, producer_epoch)
        # Kafka forgets the sequences only with the epoch: under version 1 of transactions they go on.
        entry.coordinator_epoch = coordinator_epoch
        entry.last_timestamp = timestamp
        asked = self._asked.get(producer_id)
        if asked is not None and not (asked.begins and asked.producer_epoch == producer_epoch):
            del self._asked[producer_id]
        began, entry.first_open_offset = entry.first_open_offset, None
        self.open.pop(producer_id, None)
        return began

    def expire(self, before):
        """Forget producers whose last batch carries a timestamp before `before` (ms), but for open transactions."""
        old = [
            producer_id
            for producer_id, entry in self._entries.items()
            if entry.last_timestamp < before and entry.first_open_offset is None
        ]
        for producer_id in old:
            del self._entries[producer_id]
        for producer_id in [one for one, asked in self._asked.items() if asked.timestamp < before]:
            del self._asked[producer_id]

    def put_back(self, producer_ids, before):
        """These producers are as they were in `before`, other Producers."""
        for producer_id in producer_ids:
            entry = before.get(producer_id)
            if entry is None:
                self._entries.pop(producer_id, None)
            else:
                self._entries[producer_id] = entry
        began = [(entry.first_open_offset, one) for one, entry in self._entries.items() if entry.first_open_offset is not None]
        self.open = {producer_id: offset for offset, producer_id in sorted(began)}

    def copy(self):
        """The same, apart from what the coordinator was asked: who waits for that asks again."""
        other = Producers(self._name)
        for producer_id, entry in self._entries.items():
            copied = other._entries[producer_id] = ProducerEntry(entry.producer_epoch)
            copied.batches, copied.last_timestamp = entry.batches[:], entry.last_timestamp
            copied.first_open_offset, copied.coordinator_epoch = entry.first_open_offset, entry.coordinator_epoch
        other.open = dict(self.open)
        return other

    def clear(self):
        self._entries.clear()
        self._asked.clear()
        self.open.clear()

    # -- snapshots ----------------------------------------------------------------------------

    def pack(self):
        """The bytes of a `.snapshot`: of each producer no more than its last batch, as in Kafka."""
        return pack_snapshot(_line(producer_id, entry) for producer_id, entry in self._entries.items())

    def load(self, lines):
        """Take over the ProducerLines of a snapshot."""
        for line in lines:
            entry = self._entries[line.producer_id] = ProducerEntry(line.producer_epoch)
            entry.last_timestamp = line.timestamp
            entry.coordinator_epoch = line.coordinator_epoch
            entry.first_open_offset = line.first_open_offset
            if line.last_offset >= 0:
                first = (line.last_sequence - line.offset_delta) % _SEQUENCES
                base_offset = line.last_offset - line.offset_delta
                entry.batches.append((first, line.last_sequence, base_offset, line.last_offset, line.timestamp))
        began = [(line.first_open_offset, line.producer_id) for line in lines if line.first_open_offset is not None]
        self.open.update((producer_id, offset) for offset, producer_id in sorted(began))


def _line(producer_id, entry):
    sequence, offset, delta = -1, -1, 0
    if entry.batches:
        _, sequence, base_offset, offset, _ = entry.batches[-1]
        delta = offset - base_offset
    return ProducerLine(
        producer_id, entry.producer_epoch, sequence, offset, delta,
        entry.last_timestamp, entry.coordinator_epoch, entry.first_open_offset,
    )  # fmt: skip
