"""Opening a partition's directory: after a clean stop, after a crash, or with what compaction left half done.

After a clean stop nothing is scanned. Otherwise every segment that may hold what was not flushed is read from the
recovery point on: batches whose checksum is right stay, all after the first bad one goes; indexes, leader epochs,
transaction indexes and the producers' state are made anew from what stayed.
Source: LogLoader, LogSegment.recover, UnifiedLog.rebuildProducerState of Kafka 4.3.1.
"""

import logging
from collections import namedtuple

from emulator.state.log.aborted import AbortedTransactions
from emulator.state.log.formats import (
    CLEANED, DELETED, INDEX, LEADER_EPOCHS, LOG, PARTITION_METADATA, SNAPSHOT, SWAP, TIME_INDEX,
    Corrupt, file_name, parse_leader_epochs, parse_name, parse_snapshot,
)  # fmt: skip
from emulator.state.log.leader_epochs import LeaderEpochs
from emulator.state.log.producers import Producers
from emulator.state.log.recall import recall
from emulator.state.log.segment import Segment
from wire import errors
from wire.errors import KafkaError
from wire.records import ABORT, iter_batch, iter_records, parse_control, payload_of
from wire.records.batch import MAGIC_AT

log_ = logging.getLogger(__name__)

_LONGEST_OLD = 1024 * 1024  # bytes looked at of what may be of an older format

# What was found: `segments` (at least one, the last is ready to be appended to), the Producers, [(epoch, offset)].
Loaded = namedtuple("Loaded", "segments producers aborted leader_epochs log_start_offset end_offset recovery_point")


class Loader:
    """Of the partition `name` in `files`. `clean`: the log was closed, and nothing happened to it since.

    `recovery_point`: below it all had been synced. `log_start_offset`: where the log began, at the least.
    `config` is the topic's; `now`: ms, for a segment that must be made. `on_read(bytes)` is called as segments are recovered.
    """

    def __init__(self, name, files, config, clean, recovery_point, log_start_offset, now, on_read=None):
        self._name = name
        self._files = files
        self._clean = clean
        self._recovery_point = recovery_point
        self._log_start_offset = log_start_offset
        self._config = config
        self._now = now
        self._on_read = on_read
        self._segments = []
        self._epochs = LeaderEpochs()

    def load(self):
        """The Loaded; raises KafkaError."""
        if set(self._files.names()) <= {PARTITION_METADATA}:
            return self._begin()  # a thousand new partitions are not looked through for what cannot be there
        self._finish_swaps()
        self._epochs = self._load_epochs()
        missing = self._find_segments()
        self._link()
        if not self._clean:
            self._recover(missing)
        elif missing:
            for segment in missing:
                log_.warning("%s: segment %d lacks an index; it is rebuilt", self._name, segment.base_offset)
                self._recover_segment(segment)
            self._link()
        self._open_last()
        end = self._segments[-1].next_offset
        if end < self._log_start_offset:
            log_.warning("%s ends at %d, before its start %d: all its segments are deleted", self._name, end, self._log_start_offset)
            self._drop(self._segments)
            self._segments, self._epochs = [], LeaderEpochs()
            self._open_last()
            end = self._log_start_offset
        start = max(self._log_start_offset, self._segments[0].base_offset)
        aborted = []
        for segment in self._segments:
            aborted += self._aborted_of(segment)
        self._epochs.end_at(end)
        self._remove_strays()
        producers = self._producers_at(end, save=True)
        recall(producers, self._segments)
        point = end if self._clean else min(self._recovery_point, end)
        return Loaded(self._segments, producers, aborted, self._epochs, start, end, point)

    def _begin(self):
        start = self._log_start_offset
        return Loaded([Segment(self._files, start, self._now)], Producers(self._name), [], LeaderEpochs(), start, start, start)

    # -- files --------------------------------------------------------------------------------

    def _finish_swaps(self):
        """Throw away what was not finished, and put in place what compaction had finished but not put there."""
        files, cleaned, swaps = self._files, [], []
        names = files.names()
        if not any(name.endswith((CLEANED, SWAP, DELETED, ".tmp")) for name in names):
            return
        for name in names:
            parsed = parse_name(name)
            if name.endswith((DELETED, ".tmp")):
                files.remove(name)
            elif parsed and parsed[2] == CLEANED:
                cleaned.append((parsed[0], name))
            elif parsed and parsed[2] == SWAP:
                swaps.append((*parsed, name))
        first_cleaned = min(cleaned, default=(float("inf"),))[0]
        low, high = float("inf"), -1
        for offset, kind, suffix, name in swaps:
            if offset >= first_cleaned:
                files.remove(name)  # it was being swapped in when something else was still being written
            elif kind == LOG:
                segment = Segment(files, offset, self._now, suffix, exists=True)
                low, high = min(low, offset), max(high, segment.read_next_offset())
                segment.close()
        for _, name in cleaned:
            files.remove(name)
        for name in files.names():
            parsed = parse_name(name)
            if parsed and not parsed[2] and parsed[1] != SNAPSHOT and low <= parsed[0] < high:
                files.remove(name)
        for name in files.names():
            parsed = parse_name(name)
            if parsed and parsed[2] == SWAP:
                files.rename(name, file_name(*parsed[:2]))

    def _find_segments(self):
        """Open all segments in order of their offsets; gives those that lack an index."""
        names = set(self._files.names())
        parsed = [entry for entry in map(parse_name, sorted(names)) if entry and not entry[2] and entry[1] != SNAPSHOT]
        bases = [offset for offset, kind, _ in parsed if kind == LOG]
        for offset, kind, _ in parsed:
            if file_name(offset, LOG) not in names:
                log_.warning("%s: %s belongs to no segment", self._name, file_name(offset, kind))
                self._files.remove(file_name(offset, kind))
        missing = []
        for base in bases:
            segment = Segment(self._files, base, self._now, exists=True)
            segment.created_ms = segment.file.modified_ms
            self._segments.append(segment)
            if file_name(base, INDEX) not in names or file_name(base, TIME_INDEX) not in names:
                missing.append(segment)
        return missing

    def _link(self):
        for segment, after in zip(self._segments, self._segments[1:]):
            segment.next_offset = after.base_offset

    def _open_last(self):
        if not self._segments:
            self._segments.append(Segment(self._files, self._log_start_offset, self._now))
            return
        last = self._segments[-1]
        try:
            last.activate()
            last.next_offset = last.read_next_offset()
        except (Corrupt, KafkaError) as reason:
            log_.warning("%s: segment %d is recovered: %s", self._name, last.base_offset, reason)
            self._recover_segment(last)
            last.activate()

    def _drop(self, segments):
        for segment in segments:
            segment.remove()

    # -- recovery -----------------------------------------------------------------------------

    def _forget_unflushed(self):
        """What lay beyond the recovery point may have been cut off since, and something else written in its place."""
        self._epochs.end_at(self._recovery_point)
        known = max(self._recovery_point, self._segments[0].base_offset) if self._segments else -1
        for offset in self._snapshots():
            if offset > known:
                self._files.remove(file_name(offset, SNAPSHOT))

    def _recover(self, missing):
        self._forget_unflushed()
        unflushed = [
            segment
            for index, segment in enumerate(self._segments)
            if segment in missing or index + 1 == len(self._segments) or self._segments[index + 1].base_offset > self._recovery_point
        ]
        for segment in unflushed:
            log_.debug("%s: recovering segment %d, %d bytes", self._name, segment.base_offset, segment.size)
            cut = self._recover_segment(segment)
            after = self._segments[self._segments.index(segment) + 1 :]
            # The end of a file may be lost as if it never was. Where compaction removed records, Kafka's may have gaps.
            is_short = after and segment.next_offset < after[0].base_offset and not self._config.compact
            # A segment that was cut off with what came before it, and written anew since, may have come back.
            is_long = after and segment.next_offset > after[0].base_offset
            if cut or is_short or is_long:
                log_.warning(
                    "%s: %d bytes after offset %d were never written whole, or are spoilt, and are cut off",
                    self._name, cut + sum(segment.size for segment in after), segment.next_offset,
                )  # fmt: skip
                self._drop(after)
                del self._segments[len(self._segments) - len(after) :]
                break
        self._link()

    def _recover_segment(self, segment):
        """Make its side files anew from the valid batches at its beginning; gives how many bytes were cut off."""
        producers = self._producers_at(segment.base_offset)
        aborted, epochs = AbortedTransactions(), self._epochs

        def seen(header, batch):
            if header.partition_leader_epoch > epochs.latest:
                epochs.assign(header.partition_leader_epoch, header.base_offset)
            if header.has_producer_id:
                found = replay(producers, header, batch)
                if found is not None:
                    aborted.add(*found)

        end = segment.recover(self._config.index_interval_bytes, epochs.latest, seen, self._on_read)
        cut = segment.size - end
        if cut:
            self._spare_old_format(segment, end)
            segment.file.truncate(end)
        segment.seal(aborted)
        self._files.replace(file_name(segment.next_offset, SNAPSHOT), producers.pack())
        return cut

    def _spare_old_format(self, segment, position):
        """What was written before Kafka 0.11 is not read here; it is no reason to cut it off."""
        start = b"".join(segment.file.read(position, _LONGEST_OLD))
        if len(start) > MAGIC_AT and start[MAGIC_AT] < 2:
            try:
                found = next(iter_records(start), None)
            except KafkaError:
                return
            if found is not None:
                reason = f"segment {segment.base_offset} of {self._name} holds records in a format older than Kafka 0.11's"
                raise KafkaError(errors.UNSUPPORTED_FOR_MESSAGE_FORMAT, reason)

    def _aborted_of(self, segment):
        try:
            return segment.aborted()
        except Corrupt as reason:
            log_.warning("%s: segment %d is recovered: %s", self._name, segment.base_offset, reason)
            self._recover_segment(segment)
            if segment is self._segments[-1]:
                segment.activate()
            return segment.aborted()

    # -- what else is remembered --------------------------------------------------------------

    def _load_epochs(self):
        try:
            return LeaderEpochs(parse_leader_epochs(self._files.load(LEADER_EPOCHS) or b"0\n0\n"))
        except Corrupt as reason:
            log_.warning("%s: %s", self._name, reason)
            return LeaderEpochs()

    def _snapshots(self):
        return sorted(parsed[0] for name in self._files.names() if (parsed := parse_name(name)) and parsed[1:] == (SNAPSHOT, ""))

    def _remove_strays(self):
        """Of the snapshots, those at the beginning of a segment and the newest of all stay."""
        wanted = {segment.base_offset for segment in self._segments}
        for offset in self._snapshots()[:-1]:
            if offset not in wanted:
                self._files.remove(file_name(offset, SNAPSHOT))

    def producers_of(self, segments, end, only):
        """The Producers of a log that has been cut, and has these segments now, for the producer ids in `only`."""
        self._segments = segments
        return self._producers_at(end, only=only)

    def _producers_at(self, end, save=False, only=None):
        """The Producers as they were when the log ended at `end`: of the newest snapshot, and of what came after it."""
        producers, at = Producers(self._name), max(self._log_start_offset, 0)
        snapshots = self._snapshots()
        for offset in reversed(snapshots):
            name = file_name(offset, SNAPSHOT)
            if not self._log_start_offset < offset <= end:
                if save:
                    self._files.remove(name)
                continue
            try:
                producers.load(parse_snapshot(self._files.load(name) or b""))
            except Corrupt as reason:
                log_.warning("%s: %s: %s", self._name, name, reason)
                self._files.remove(name)
                continue
            at = offset
            break
        else:
            if self._clean and not snapshots:
                at = end  # written by what knew no producers: nothing to find
        for segment in self._segments:
            if segment.base_offset < end and segment.next_offset > at:
                for position, header in segment.batches(segment.position_of(at) if at > segment.base_offset else 0):
                    if header.base_offset >= end:
                        break
                    if header.has_producer_id and (only is None or header.producer_id in only):
                        replay(producers, header, segment.batch_bytes(position, header))
        return producers


def replay(producers, header, batch):
    """Take a stored batch into Producers; gives, as for `.txnindex`, the transaction that it aborted, or None."""
    if not header.is_control:
        producers.update(header, header.base_offset, header.last_offset, header.max_timestamp)
        return None
    for record in iter_batch(header, payload_of(header, batch)):
        control = parse_control(record)
        if control.coordinator_epoch is None:
            return None
        began = producers.end(header.producer_id, header.producer_epoch, control.coordinator_epoch, header.max_timestamp)
        if began is None or control.type != ABORT:
            return None
        stable = next(iter(producers.open.values()), header.last_offset + 1)
        return header.producer_id, began, header.last_offset, stable
    return None  # compacted away

