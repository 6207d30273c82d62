"""Where a coordinator keeps its state for good: records in the partitions of an internal topic.

    with store:                                 # one batch for each partition: what one request did stays together
        store.append(partition, key, value)     # value None: a tombstone

Outside of `with` every record is a batch of its own. What was appended is read again, oldest first, by `read`.
Source: org.apache.kafka.coordinator.common.runtime.CoordinatorRuntime, CoordinatorLoaderImpl of Kafka 4.3.1.
"""

from emulator.state.java import string_hash
from wire.errors import COORDINATOR_LOAD_IN_PROGRESS, MESSAGE_TOO_LARGE, NOT_COORDINATOR, KafkaError
from wire.records import COMMIT, NO_PRODUCER_ID, build_internal_batch, iter_records, parse_control

_BATCH_OVERHEAD = 61
RECORDS_A_SLICE = 500  # of those that are read again, some 5 ms
_RECORD_OVERHEAD = 32  # the most that a record adds to its key and value


def partition_for(key, partitions):
    """The partition of an internal topic whose leader coordinates `key`."""
    value = string_hash(key)
    return 0 if value == -(1 << 31) else abs(value) % partitions


class Store:
    """`partition_of(index)` is the cluster's Partition, its log with it; `time` stamps the records.

    `base_sequence` of batches that no producer wrote: Kafka's coordinators do not agree on it.
    """

    def __init__(self, partition_of, time, base_sequence=0):
        self._partition_of = partition_of
        self._base_sequence = base_sequence
        self._time = time
        self._depth = 0
        self._collected = {}  # partition -> [(key, value)]
        self._closed = {}  # partition -> the error that its coordinator answers for now

    def check(self, partition):
        """Raises what `partition_of` does for a partition that there is not; COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR."""
        if partition in self._closed:
            raise KafkaError(self._closed[partition])
        if self._partition_of(partition).log.failed:
            raise KafkaError(NOT_COORDINATOR)

    def check_all(self):
        """KafkaError COORDINATOR_LOAD_IN_PROGRESS as long as any partition is being loaded."""
        if COORDINATOR_LOAD_IN_PROGRESS in self._closed.values():
            raise KafkaError(COORDINATOR_LOAD_IN_PROGRESS)

    def expect(self, partitions):
        """These will be loaded: until each has been, `check` refuses it."""
        self._closed.update(dict.fromkeys(partitions, COORDINATOR_LOAD_IN_PROGRESS))

    def loaded(self, partition, failed=False):
        """What is kept there is known; or it cannot be, and nobody coordinates it."""
        if failed:
            self._closed[partition] = NOT_COORDINATOR
        else:
            self._closed.pop(partition, None)

    def append(self, partition, key, value):
        """Append a record; gives its offset, None inside of `with`.

        KafkaError MESSAGE_TOO_LARGE, and nothing else later: call this before state changes.
        """
        found = self._partition_of(partition)
        size = _size(key, value) + _BATCH_OVERHEAD
        if size > found.log.config.max_message_bytes:
            raise KafkaError(MESSAGE_TOO_LARGE, f"A record of {size} bytes is more than {found.log.name} takes.")
        if self._depth:
            self._collected.setdefault(partition, []).append((key, value))
            return None
        offset = found.log.end_offset
        self._write(found, [(key, value)])
        return offset

    def __enter__(self):
        self._depth += 1

    def __exit__(self, *raised):
        self._depth -= 1
        if not self._depth and self._collected:
            collected, self._collected = self._collected, {}
            for index, pairs in collected.items():
                found = self._partition_of(index)
                if len(pairs) == 1:
                    self._write(found, pairs)
                    continue
                for batch in _split(pairs, found.log.config.max_message_bytes):
                    self._write(found, batch)

    def append_batch(self, partition, pairs, *producer):
        """Append (key, value) pairs at once, in one batch or (KafkaError MESSAGE_TOO_LARGE) not at all.

        With a `producer` (id, epoch) they count once its transaction commits.
        """
        self._write(self._partition_of(partition), pairs, *producer, whole=True)

    def _write(self, partition, pairs, *producer, whole=False):
        now, sequence = self._time.now(), 0 if producer else self._base_sequence
        data, header = build_internal_batch(pairs, now, *producer, base_sequence=sequence)
        if whole and len(data) > partition.log.config.max_message_bytes:
            raise KafkaError(MESSAGE_TOO_LARGE, f"A batch of {len(data)} bytes is more than {partition.log.name} takes.")
        partition.log.append_own(data, header, partition.leader_epoch, now)

    def read(self, partition):
        """(producer id, key, value) of every record; (producer id, None, whether it committed) at a transaction's end.

        The producer id is NO_PRODUCER_ID for what is part of no transaction.
        """
        for header, record in self._records(partition):
            producer_id = header.producer_id if header.is_transactional else NO_PRODUCER_ID
            if header.is_control:
                yield producer_id, None, parse_control(record).type == COMMIT
            else:
                yield producer_id, record.key, record.value

    def records(self, partition):
        """(offset, key, value) of every record, in a topic without transactions."""
        for _, record in self._records(partition):
            yield record.offset, record.key, record.value

    def _records(self, partition):
        log = self._partition_of(partition).log
        for header, batch in log.batches():
            for record in iter_records(batch, control=True):
                if record.offset >= log.log_start_offset:
                    yield header, record

    def delete_before(self, partition, offset):
        """Nobody needs the records before this offset any more."""
        log = self._partition_of(partition).log
        log.delete_records(min(offset, log.high_watermark))


def _size(key, value):
    return len(key) + (0 if value is None else len(value)) + _RECORD_OVERHEAD


def _split(pairs, most):
    """The pairs in batches of at most `most` bytes: what expires at once may be more than one batch takes."""
    batch, size = [], _BATCH_OVERHEAD
    for pair in pairs:
        more = _size(*pair)
        if batch and size + more > most:
            yield batch
            batch, size = [], _BATCH_OVERHEAD
        batch.append(pair)
        size += more
    yield batch
