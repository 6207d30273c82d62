"""Idempotence: what each producer last wrote to this partition (Kafka's ProducerStateManager)."""

from wire import errors
from wire.errors import KafkaError

NO_PRODUCER_ID = -1
_REMEMBERED_BATCHES = 5  # a client may have this many requests in flight (KIP-98)
_SEQUENCES = 2**31  # sequence numbers wrap to 0 after 2**31 - 1


def next_sequence(sequence, count):
    """The sequence number `count` after `sequence`."""
    return (sequence + count) % _SEQUENCES


class ProducerEntry:
    """One producer id's state: its epoch and its last batches, oldest first, as
    (first_sequence, last_sequence, base_offset, last_offset, timestamp)."""

    __slots__ = ("producer_epoch", "batches", "last_timestamp")

    def __init__(self, producer_epoch):
        self.producer_epoch = producer_epoch
        self.batches = []
        self.last_timestamp = -1

    @property
    def last_sequence(self):
        return self.batches[-1][1] if self.batches else -1


class Producers:
    """The producers of one partition, by producer id."""

    def __init__(self, name):
        self._name = name  # of the partition, for messages
        self._entries = {}

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

    def check(self, header, end_offset):
        """Refuse a batch of an old epoch or out of sequence.

        Raises KafkaError: INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER (ProducerAppendInfo).
        """
        entry = self._entries.get(header.producer_id)
        if entry is None:
            return  # state lost to expiry or DeleteRecords: any sequence may follow
        epoch, sequence = header.producer_epoch, header.base_sequence
        if epoch < entry.producer_epoch:
            raise KafkaError(
                errors.INVALID_PRODUCER_EPOCH,
                f"Epoch of producer {header.producer_id} at offset {end_offset} in {self._name} is {epoch}, "
                f"which is smaller than the last seen epoch {entry.producer_epoch}",
            )
        if epoch > entry.producer_epoch:
            if sequence != 0:
                raise KafkaError(
                    errors.OUT_OF_ORDER_SEQUENCE_NUMBER,
                    f"Invalid sequence number for new epoch of producer {header.producer_id} at offset {end_offset} "
                    f"in partition {self._name}: {epoch} (request epoch), {sequence} (seq. number), "
                    f"{entry.producer_epoch} (current producer epoch)",
                )
            return
        expected = next_sequence(entry.last_sequence, 1)
        if sequence != expected and entry.batches:
            raise KafkaError(
                errors.OUT_OF_ORDER_SEQUENCE_NUMBER,
                f"Out of order sequence number for producer {header.producer_id} at offset {end_offset} in partition "
                f"{self._name}: {sequence} (incoming seq. number), {entry.last_sequence} (current end sequence number)",
            )

    def update(self, header, base_offset, last_offset, timestamp):
        """Remember an appended batch."""
        entry = self._entries.get(header.producer_id)
        if entry is None:
            entry = self._entries[header.producer_id] = ProducerEntry(header.producer_epoch)
        elif entry.producer_epoch != header.producer_epoch:
            entry.producer_epoch = header.producer_epoch
            entry.batches.clear()
        first = header.base_sequence
        last = next_sequence(first, header.last_offset_delta)
        entry.batches.append((first, last, base_offset, last_offset, timestamp))
        if len(entry.batches) > _REMEMBERED_BATCHES:
            del entry.batches[0]
        entry.last_timestamp = timestamp

    def expire(self, before):
        """Forget producers whose last batch carries a timestamp before `before` (ms)."""
        old = [producer_id for producer_id, entry in self._entries.items() if entry.last_timestamp < before]
        for producer_id in old:
            del self._entries[producer_id]

    def clear(self):
        self._entries.clear()
