"""One replica's log of one partition (Kafka's UnifiedLog): append, read, find, shorten.

Batches are kept as the bytes that they came in; only their first 16 bytes (base offset, length,
leader epoch) are written anew. Nothing here waits: who wants to know of growth leaves a callback.
What the disk refuses is KafkaError KAFKA_STORAGE_ERROR of this log alone.
"""

import logging
import struct
from operator import is_

from emulator.state.log.aborted import AbortedTransactions
from emulator.state.log.directory import Directory
from emulator.state.log.files import MemoryFiles
from emulator.state.log.flush import Flusher
from emulator.state.log.formats import SNAPSHOT, file_name
from emulator.state.log.leader_epochs import LeaderEpochs
from emulator.state.log.memory import UNBOUNDED
from emulator.state.log.producers import NO_PRODUCER_ID, Producers
from emulator.state.log.recovery import Loader
from emulator.state.log.segments import EMPTY, Segments
from wire import errors
from wire.errors import KafkaError
from wire.records import ABORT, COMMIT, build_end_marker, check_batch, check_shape

log_ = logging.getLogger(__name__)

_PREFIX = struct.Struct(">qii")  # base_offset, batch_length, partition_leader_epoch
_MOST_RELATIVE = 2**31 - 1  # offsets in a segment are stored relative to its base
_ANY_CODEC = 7  # Produce from this version on takes every codec


class Appended:
    """Where a batch went. `duplicate`: it had been appended before, and was not again."""

    __slots__ = ("base_offset", "log_append_time", "duplicate")

    def __init__(self, base_offset, log_append_time=-1, duplicate=False):
        self.base_offset = base_offset
        self.log_append_time = log_append_time
        self.duplicate = duplicate


class Log:
    """`name` is "topic-partition"; `config` the topic's resolved configuration, replaced when that changes.

    `files` is its directory; what is in it is opened: after a clean stop as it is, else recovered from `recovery_point`
    on, below which all had been synced. It begins at `log_start_offset` at the earliest. A new one gets `topic_id`
    (16 bytes) written down. `largest_segment` (bytes) bounds segments where segment.bytes would let them grow larger.
    `flusher` brings what was written to disk. `on_read(bytes)` is called as it is recovered.

    A log that cannot be opened, or of which the disk lost something, is there, but closed; `failed` says why.
    """

    def __init__(
        self, name, config, time, random, files=None, *,
        clean=True, recovery_point=0, log_start_offset=0, topic_id=None, largest_segment=_MOST_RELATIVE, flusher=None, on_read=None,
    ):  # fmt: skip
        self.name = name
        self.config = config
        self.closed = False
        self.failed = None  # why the disk closed it, as text
        self.on_failure = None  # called when that happens
        self._replication = None
        self.files = files = files or MemoryFiles()
        self._memory = files.memory or UNBOUNDED
        self.last_flush_ms = time.now()
        self._flusher = (flusher or Flusher()) if files.lasting else None
        self._moves_alone = self._flusher is None  # whether what is appended is there for consumers at once
        self._flushing = None  # (flushed_offset, recovery_point) that will be when what is on its way to disk is there
        self._directory = Directory(files, time)
        self._time = time
        self._random = random
        self._largest_segment = largest_segment
        self._waiters = set()
        self.first_dirty_offset = 0  # what comes before it has been compacted
        self.cuts = 0  # how often its end was cut off
        self.leader_epochs = LeaderEpochs()
        self.aborted = AbortedTransactions()
        self.producers = Producers(name)
        self.log_start_offset = self.end_offset = log_start_offset
        self.flushed_offset = self.recovery_point = log_start_offset  # as far as all is on disk; where recovery would begin
        self.segments = Segments()
        if files.lasting:
            try:
                self._load(clean, recovery_point, topic_id, on_read)
            except KafkaError as error:
                if error.error != errors.KAFKA_STORAGE_ERROR:  # of those the disk has told
                    log_.error("%s cannot be opened: %s", name, error)
                self.fail(str(error))
        else:
            self.segments.append(self._directory.new_segment(log_start_offset))
        self.high_watermark = self.end_offset

    def _load(self, clean, recovery_point, topic_id, on_read):
        self._directory.identify(topic_id)
        loader = Loader(self.name, self.files, self.config, clean, recovery_point, self.log_start_offset, self._time.now(), on_read)
        found = loader.load()
        self.segments, self.producers, self.leader_epochs = Segments(found.segments), found.producers, found.leader_epochs
        for aborted in found.aborted:
            self.aborted.add(*aborted)
        self.log_start_offset, self.end_offset = found.log_start_offset, found.end_offset
        self.flushed_offset = self.recovery_point = found.recovery_point
        self._trim()

    def copy(self, config, time, random, files):
        """The same log in other `files`, in memory both, at no cost for its bytes: neither sees what becomes of the other."""
        other = Log(self.name, config, time, random, files, log_start_offset=self.log_start_offset, largest_segment=self._largest_segment)
        other.segments = Segments(segment.copy(files) for segment in self.segments)
        other.leader_epochs, other.aborted, other.producers = LeaderEpochs(self.leader_epochs), self.aborted.copy(), self.producers.copy()
        for name in ("end_offset", "high_watermark", "flushed_offset", "recovery_point", "first_dirty_offset", "cuts"):
            setattr(other, name, getattr(self, name))
        return other

    def new_segment(self, base_offset, created_ms):
        """An empty one to compact into, which is not part of the log until `replace_segments`."""
        return self._directory.new_cleaned(base_offset, created_ms)

    @property
    def segment_bytes(self):
        """The size at which a segment is full."""
        return min(self.config.segment_bytes, self._largest_segment)

    @property
    def size(self):
        return self.segments.size

    @property
    def last_stable_offset(self):
        """Below it every transaction has ended: how far consumers with read_committed may read."""
        for first_offset in self.producers.open.values():  # the oldest is the first
            return min(max(first_offset, self.log_start_offset), self.high_watermark)
        return self.high_watermark

    @property
    def unflushed(self):
        """How many offsets are not known to be on disk."""
        return self.end_offset - self.flushed_offset if self._flusher and not self.closed else 0

    def check_open(self):
        """Raise KafkaError for a log that is closed: why it failed, or UNKNOWN_TOPIC_OR_PARTITION when it was deleted."""
        if self.closed:
            raise self.refusal() or KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION)

    def refusal(self):
        """The KafkaError for who asks something of a log that has failed, else None."""
        # A new one each time: one that is raised again keeps all the frames that it came through.
        return self.failed and KafkaError(errors.KAFKA_STORAGE_ERROR, self.failed)

    @property
    def replication(self):
        """With other replicas: who is told, by `grown(log)`, that this one vouches for more, and moves the high watermark."""
        return self._replication

    @replication.setter
    def replication(self, replication):
        self._replication = replication
        self._moves_alone = replication is None and self._flusher is None

    @property
    def acknowledged_end(self):
        """Below it this replica vouches for all: with flush.messages, for what is on disk."""
        end = self.end_offset
        if self._flusher is None or end - self.flushed_offset < self.config.flush_messages:
            return end
        return max(self.flushed_offset, self.high_watermark)

    @property
    def cleanable_offset(self):
        """Below it compaction may change what there is: no more than is stable, and on disk as it was."""
        stable = self.last_stable_offset
        return min(stable, self.recovery_point) if self._flusher else stable

    # -- append -------------------------------------------------------------------------------

    def begin_epoch(self, epoch):
        """This replica leads from now on, in `epoch`."""
        if self.leader_epochs.latest < epoch:
            self.assign_epoch(epoch, self.end_offset)

    def assign_epoch(self, epoch, offset):
        """A batch at `offset` is of `epoch`."""
        if self.leader_epochs.assign(epoch, offset):
            self._directory.new_epochs = True

    def check(self, records, now, version=13):
        """What a client's batch, the whole `records` field of its Produce request, will be stored as.

        `records` may be kept and written into when it is a writable memoryview. Touches nothing of the
        log, so it may run in another thread. Raises KafkaError with Kafka's code for what must not be stored.
        """
        if version < _ANY_CODEC:
            check_shape(records, version)
        return check_batch(records, now, self.config, self.name)

    def append(self, checked, leader_epoch, now, verified=False):
        """Append a batch that `check` has passed; gives Appended.

        `verified`: the coordinator knows that this partition is part of the batch's transaction (KIP-890).
        It is there once `high_watermark` has passed it: with flush.messages that may be later.
        Raises KafkaError: RECORD_LIST_TOO_LARGE, INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_TXN_STATE,
        KAFKA_STORAGE_ERROR.
        """
        header, data = checked.header, checked.records
        if self.closed:
            self.check_open()
        if self._memory.full:
            self._memory.settle()
            if self._memory.full:
                raise KafkaError(errors.KAFKA_STORAGE_ERROR, "log.memory.max.bytes are taken")
        if len(data) > self.config.segment_bytes:
            raise KafkaError(
                errors.RECORD_LIST_TOO_LARGE,
                f"Message batch size is {len(data)} bytes in append to partition {self.name}, "
                f"which exceeds the maximum configured segment size of {self.config.segment_bytes}.",
            )
        if header.producer_id <= NO_PRODUCER_ID:
            base_offset = self._write(data, header.last_offset_delta, checked.max_timestamp, leader_epoch, now)
        else:
            producers = self.producers
            seen = producers.duplicate(header)
            if seen is not None:
                return Appended(seen[2], seen[4], duplicate=True)
            if (
                header.is_transactional
                and not verified
                and not producers.in_transaction(header.producer_id, header.producer_epoch)
            ):
                raise KafkaError(errors.INVALID_TXN_STATE, "Record was not part of an ongoing transaction")
            producers.check(header, self.end_offset)
            base_offset = self._write(data, header.last_offset_delta, checked.max_timestamp, leader_epoch, now)
            producers.update(header, base_offset, base_offset + header.last_offset_delta, checked.max_timestamp)
        if self._moves_alone:  # as `_grow`, which would cost each produced batch a call more
            self.end_offset = self.high_watermark = base_offset + header.last_offset_delta + 1
            if self._waiters:
                self._notify()
        else:
            self._grow(base_offset + header.last_offset_delta + 1)
        return Appended(base_offset, checked.log_append_time)

    def append_own(self, data, header, leader_epoch, now):
        """Append a coordinator's batch: `data` with its BatchHeader; gives its base offset.

        Its sequence is not looked at. Raises KafkaError INVALID_PRODUCER_EPOCH.
        """
        if self.closed:
            self.check_open()
        if header.has_producer_id:
            self.producers.check_epoch(header.producer_id, header.producer_epoch, self.end_offset)
        base_offset = self._write(data, header.last_offset_delta, header.max_timestamp, leader_epoch, now)
        if header.has_producer_id:
            self.producers.update(header, base_offset, base_offset + header.last_offset_delta, header.max_timestamp)
        self._grow_own(base_offset + header.last_offset_delta + 1)
        return base_offset

    def append_marker(self, commit, producer_id, producer_epoch, coordinator_epoch, leader_epoch, now, transaction_version=0):
        """End a producer's transaction here by a COMMIT or ABORT marker; gives the marker's offset.

        Raises KafkaError: INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED.
        """
        if self.closed:
            self.check_open()
        producers = self.producers
        known = producer_id > NO_PRODUCER_ID  # others are nobody's, and nothing is remembered of them
        if known:
            producers.check_marker(producer_id, producer_epoch, coordinator_epoch, self.end_offset, transaction_version)
        data = build_end_marker(COMMIT if commit else ABORT, now, producer_id, producer_epoch, coordinator_epoch)
        offset = self._write(data, 0, now, leader_epoch, now)
        began = producers.end(producer_id, producer_epoch, coordinator_epoch, now) if known else None
        if began is not None and not commit:
            stable = next(iter(producers.open.values()), offset + 1)
            self.aborted.add(producer_id, began, offset, stable)
        self._grow_own(offset + 1)
        return offset

    def append_as_it_is(self, header, data):
        """One more batch of the leader's, where compaction may have left a gap before it; see replica.py."""
        base_offset, last_offset, max_timestamp = header.base_offset, header.last_offset, header.max_timestamp
        segment = self.segments[-1]
        if segment.size and self._should_roll(segment, len(data), last_offset, max_timestamp, self._time.now()):
            segment = self._roll(base_offset)
        if self.leader_epochs.latest != header.partition_leader_epoch:
            self.assign_epoch(header.partition_leader_epoch, base_offset)
        segment.append(b"", data, base_offset, last_offset + 1, max_timestamp, self.config.index_interval_bytes)
        self._grow(last_offset + 1)

    def _write(self, data, last_offset_delta, max_timestamp, leader_epoch, now):
        """One batch at the log's end, which it does not move yet; gives its base offset."""
        base_offset = self.end_offset
        next_offset = base_offset + last_offset_delta + 1
        segment = self.segments[-1]
        if segment.size and self._should_roll(segment, len(data), next_offset - 1, max_timestamp, now):
            segment = self._roll(base_offset)
        if self.leader_epochs[-1][0] < leader_epoch:
            self.begin_epoch(leader_epoch)
        segment.append(
            _PREFIX.pack(base_offset, len(data) - 12, leader_epoch),
            data, base_offset, next_offset, max_timestamp, self.config.index_interval_bytes,
        )  # fmt: skip
        return base_offset

    def _grow_own(self, next_offset):
        self._grow(next_offset)
        if self.high_watermark < next_offset:
            (self._replication or self._flusher).owe(self)

    def _grow(self, next_offset):
        self.end_offset = next_offset
        if self._flusher is not None and next_offset - self.flushed_offset >= self.config.flush_messages:
            if self._flushing is None:  # else `end_flush` sees what is left
                self._flusher.flush(self)
            return
        self._acknowledge(next_offset)

    def _acknowledge(self, offset):
        if self._replication is None:
            self.high_watermark = offset
            if self._waiters:
                self._notify()
        else:
            self._replication.grown(self)  # there is more to read once the high watermark has moved

    def advance_high_watermark(self, offset):
        """All replicas in sync have what is below: there it is for consumers. It never goes back."""
        if offset > self.high_watermark:
            self.high_watermark = offset
            if self._waiters:
                self._notify()

    def _should_roll(self, segment, size, last_offset, max_timestamp, now):
        config = self.config
        if segment.size > self.segment_bytes - size or last_offset - segment.base_offset > _MOST_RELATIVE:
            return True
        if segment.index_bytes > config.segment_index_bytes:
            return True
        if segment.first_timestamp >= 0 and max_timestamp >= 0:
            waited = max_timestamp - segment.first_timestamp
        else:
            waited = now - segment.created_ms
        longest = min(config.segment_ms, config.max_compaction_lag_ms) if config.compact else config.segment_ms
        return waited > longest - segment.roll_jitter_ms

    def _roll(self, base_offset=None):
        base_offset = self.end_offset if base_offset is None else base_offset
        before, segment = self.segments[-1], self._directory.new_segment(base_offset)
        if self._flusher is not None:
            try:
                self._directory.write_snapshot(base_offset, self.producers)
                before.seal(self.aborted)
            except KafkaError:
                segment.remove()
                raise
        jitter = min(self.config.segment_jitter_ms, self.config.segment_ms)
        segment.roll_jitter_ms = self._random.randrange(jitter) if jitter > 0 else 0
        self.segments.append(segment)
        if self._flusher is not None:
            self._flusher.flush(self)
        return segment

    # -- growth -------------------------------------------------------------------------------

    def watch(self, grown):
        """Call `grown()` whenever there is more to read, or the log closes; until `unwatch`."""
        self._waiters.add(grown)

    def unwatch(self, grown):
        self._waiters.discard(grown)

    def wake(self):
        """Somebody else leads from now on: who waits here is to look again."""
        self._notify()

    def _notify(self):
        for grown in list(self._waiters):
            grown()

    # -- to disk ------------------------------------------------------------------------------

    def begin_flush(self):
        """A function that brings all that is there now to disk, which blocks and may run in another thread.

        `end_flush` must follow before another begins.
        """
        self._flushing = self.end_offset, self._recovery_point_at(self.end_offset)
        self.last_flush_ms = self._time.now()
        syncs = self._directory.syncs(self.segments, self.recovery_point, self.leader_epochs)

        def flush():
            for sync in syncs:
                sync()

        return flush

    def _recovery_point_at(self, end):
        # The segment that ends here may be sealed later, with indexes that are not on disk yet: so not its last record.
        return end - 1 if end > self.segments[-1].base_offset else end

    def end_flush(self, error=None):
        """What `begin_flush` gave has run, and raised `error` if any: then nobody knows what is on disk."""
        (flushed, point), self._flushing = self._flushing, None
        if self.closed:
            return
        if error is not None:
            self.fail(str(error))
            return
        self.flushed_offset, self.recovery_point = flushed, point
        if self.end_offset - flushed < self.config.flush_messages:
            flushed = self.end_offset
        else:
            self._flusher.flush(self)
        if flushed > self.high_watermark:
            self._acknowledge(flushed)
            if self._replication is not None:
                self._notify()  # who needs no other replica has waited for this

    # -- the end ------------------------------------------------------------------------------

    def close(self):
        """A clean stop: all is on disk, and nothing need be recovered. Blocks; raises KafkaError KAFKA_STORAGE_ERROR."""
        if self._flusher is not None and not self.closed:
            active, directory = self.segments[-1], self._directory
            active.seal(self.aborted)
            if self.end_offset > self.log_start_offset:
                directory.write_snapshot(self.end_offset, self.producers)
            directory.new_epochs = directory.new_names = True
            self.begin_flush()()
            for sync in active.syncs(sealed=True):
                sync()
            self.files.sync(file_name(self.end_offset, SNAPSHOT))
            self.flushed_offset = self.recovery_point = self.end_offset
        self._end()

    def delete(self):
        """The partition is deleted: its bytes go, and those who wait are told."""
        self._end()
        try:
            self.files.delete()
        except KafkaError:
            pass  # who looks after the disk has been told

    def fail(self, reason):
        """The disk has lost something of it, or all: it is closed, and says why."""
        self.failed = reason
        self._end()
        if self.on_failure is not None:
            self.on_failure()

    def _end(self):
        self.closed = True
        for segment in self.segments:
            segment.close()
        self._directory.close()
        self.segments = Segments()
        self._notify()
        self._waiters.clear()

    # -- read ---------------------------------------------------------------------------------

    def read(self, offset, max_bytes, upto, min_one_message=False):
        """Batches from the one that holds `offset` on, below the offset `upto`, of one segment.

        At most `max_bytes`; with `min_one_message` the first batch whole, however large (KIP-74).
        Raises KafkaError: OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR.
        """
        if self.closed:
            self.check_open()
        if not self.log_start_offset <= offset <= self.end_offset:
            raise KafkaError(errors.OFFSET_OUT_OF_RANGE)
        if offset >= upto:
            return EMPTY
        return self.segments.read(offset, max_bytes, upto, min_one_message, self.aborted)

    def batches(self):
        """(header, bytes) of every batch from the log's start on."""
        return self.segments.batches(self.log_start_offset)

    def aborted_transactions(self, offset, result):
        """[(producer id, first offset)] of the aborted transactions in what `read` gave from `offset` on.

        Some that begin a little after it may be among them: the end is found by the sparse index, as in Kafka.
        """
        if not self.aborted or not result.size:
            return ()
        return self.aborted.between(offset, result.upto)

    def readable_bytes(self, offset, upto):
        """How many bytes a fetch from `offset` could get now; what `fetch.min.bytes` is measured by."""
        if not self.log_start_offset <= offset < upto:
            return 0
        return self.segments.bytes_between(offset, upto)

    # -- find ---------------------------------------------------------------------------------

    def find_timestamp(self, timestamp):
        """(offset, timestamp) of the first record stamped at or after `timestamp` (ms), or None."""
        return self.segments.find_timestamp(timestamp, self.log_start_offset)

    def find_max_timestamp(self):
        """(offset, timestamp) of the first record with the largest timestamp, or None."""
        return self.segments.find_max_timestamp()

    def leader_epoch_at(self, offset):
        """The leader epoch that `offset` was (or would be) written in, or -1."""
        return self.leader_epochs.at(offset)

    def end_offset_of_epoch(self, epoch):
        """(epoch, end offset) of the largest epoch not above `epoch`; (-1, -1) when there is none."""
        return self.leader_epochs.end_of(epoch, self.end_offset)

    def replace_segments(self, old, new, cuts):
        """Put the segment `new`, sealed and synced, in the place of `old`, adjacent ones.

        False when these are no longer all there, or the log has been cut (so that `cuts` is another): then `new` is removed.
        """
        for index, segment in enumerate(self.segments):
            if segment is old[0] and cuts == self.cuts:
                there = self.segments[index : index + len(old)]
                if len(there) == len(old) and all(map(is_, there, old)):
                    self._directory.swap_in(there, new, self.config.file_delete_delay_ms)
                    self.segments[index : index + len(old)] = [new]
                    return True
        if self.files.lasting:
            new.remove()
        return False

    # -- shorten ------------------------------------------------------------------------------

    def cut_at(self, end):
        """The segments end at `end` now; nothing that lies beyond is on its way to disk either."""
        self.cuts += 1
        self.end_offset = end
        self.log_start_offset = min(self.log_start_offset, end)
        self.high_watermark = min(self.high_watermark, end)
        self.first_dirty_offset = min(self.first_dirty_offset, end)
        # The last segment may have had other indexes on disk: it is recovered, should it be sealed as it is.
        point = self._recovery_point_at(end)
        self.flushed_offset, self.recovery_point = min(self.flushed_offset, end), min(self.recovery_point, point)
        if self._flushing is not None:
            self._flushing = min(self._flushing[0], end), min(self._flushing[1], point)
        self._directory.new_epochs = self._directory.new_names = True
        self._notify()

    def begin_anew(self, offset):
        """Without segments: the first one begins at `offset`."""
        self.segments.append(self._directory.new_segment(offset))
        self.log_start_offset = self.high_watermark = offset
        self.cut_at(offset)
        self.flushed_offset = offset
        if self._flushing is not None:
            self._flushing = offset, self._flushing[1]

    def lower_recovery_point(self, offset):
        """What lies from `offset` on is about to be cut off, though it is on disk. Blocks until a crash would not mind."""
        point = max(offset - 1, 0)
        if point < self.recovery_point and self._flusher is not None:
            self.recovery_point = point
            self.files.lowered()

    def drop_snapshots(self, end):
        """Forget what was written down of producers when the log ended beyond `end`."""
        self._directory.drop_snapshots(end)

    def increment_log_start(self, offset):
        """The leader has let go of what is before `offset`."""
        if offset > self.log_start_offset:
            self.advance_high_watermark(offset)
            self.delete_records(offset)

    def delete_records(self, offset):
        """Move the log start to `offset` (-1: the high watermark); gives the new log start."""
        if offset == -1:
            offset = self.high_watermark
        self.check_open()
        if offset < 0 or offset > self.high_watermark:
            raise KafkaError(errors.OFFSET_OUT_OF_RANGE)
        if offset > self.log_start_offset:
            while len(self.segments) > 1 and self.segments[0].next_offset <= offset:
                self._drop_first()
            self._begin_at(offset)
        return self.log_start_offset

    def drop_oldest(self):
        """The oldest segment goes, whole; where it is the only one, another begins first. Raises KafkaError KAFKA_STORAGE_ERROR."""
        if len(self.segments) == 1:
            self._roll()
        self._drop_first()
        if self.segments[0].base_offset > self.log_start_offset:
            self._begin_at(self.segments[0].base_offset)

    def _drop_first(self):
        self._directory.drop(self.segments.pop(0), self.config.file_delete_delay_ms)

    def _begin_at(self, offset):
        self.log_start_offset = offset
        self._trim()

    def _trim(self):
        """Forget what lies wholly before the log's start."""
        self.aborted.trim(self.log_start_offset)
        self.leader_epochs.begin_at(self.log_start_offset)
