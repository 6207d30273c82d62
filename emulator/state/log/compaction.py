"""One round of compaction over one log: of each key the last record stays, and stays where it is.

Offsets never change; a batch that keeps but some of its records keeps its base and last offset, its producer and
its leader epoch. Tombstones, and the markers of transactions of which nothing is left, stay for
delete.retention.ms from the first round that sees them as such (KIP-534). Aborted records go.
Source: org.apache.kafka.storage.internals.log.Cleaner, CleanedTransactionMetadata and
MemoryRecords.filterTo of Kafka 4.3.1.
"""

from collections import defaultdict
from hashlib import blake2b

from wire.records import LOG_APPEND_TIME, build_batch, iter_batch, payload_of, read_header

_WORK_A_SLICE = 500  # records and batches, some 3 ms
_DIGEST = 16


class Compaction:
    """`segments` of `log` are rewritten; those from the offset `first_dirty` on are new since the last round.

    `now` (ms) decides about tombstones. At most `most_keys` keys are told apart: what does not fit waits for
    the next round.
    """

    def __init__(self, log, segments, first_dirty, now, most_keys):
        self.log = log
        self.end_offset = first_dirty  # up to here the log is clean once the round is over
        self._segments = segments
        self._first_dirty = first_dirty
        self._now = now
        self._most_keys = most_keys
        self._last = {}  # key, or its digest -> offset of its last record
        self._aborted = defaultdict(list)  # producer id -> [(first offset, offset of the marker)]
        for aborted in log.aborted:
            self._aborted[aborted.producer_id].append((aborted.first_offset, aborted.last_offset))
        self._unfinished = set()  # producers with records since their last marker
        self._emptied = []  # offsets of the markers whose transaction left nothing

    def slices(self):
        """A generator: each step is a slice of the work. Segments that retention takes meanwhile stay gone."""
        yield from self._read_keys()
        for group in self._groups():
            yield from self._rewrite(group)
        self.log.first_dirty_offset = self.end_offset

    def _read_keys(self):
        work, last = 0, self._last
        for segment in self._segments:
            if segment.next_offset <= self._first_dirty:
                continue
            for position, header in segment.batches():
                work += 1
                if not header.is_control and not self._is_aborted(header) and header.last_offset >= self._first_dirty:
                    if len(last) + header.record_count > self._most_keys and last:
                        return
                    for record in iter_batch(header, payload_of(header, segment.batch_bytes(position, header))):
                        if record.key is not None:
                            last[_short(record.key)] = record.offset
                        work += 1
                        if work >= _WORK_A_SLICE:
                            work = 0
                            yield
                self.end_offset = header.last_offset + 1
            self.end_offset = segment.next_offset

    def _groups(self):
        """The segments in groups that together make one: compaction must not leave many small ones."""
        group, size = [], 0
        for segment in self._segments:
            if segment.base_offset >= self.end_offset:
                break
            spans = segment.next_offset - group[0].base_offset if group else 0
            if group and (size + segment.size > self.log.segment_bytes or spans >= 1 << 31):
                yield group
                group, size = [], 0
            group.append(segment)
            size += segment.size
        if group:
            yield group

    def _rewrite(self, group):
        log, work = self.log, 0
        cleaned = log.new_segment(group[0].base_offset, created_ms=group[-1].created_ms)
        for segment in group:
            for position, header in segment.batches():
                work += 1
                batch = segment.batch_bytes(position, header)
                horizon = header.delete_horizon_ms
                if header.is_control:
                    stays, horizon = self._check_marker(header)
                    kept = list(iter_batch(header, payload_of(header, batch))) if stays else ()
                elif self._is_aborted(header):
                    kept = ()
                else:
                    kept = []
                    for record in iter_batch(header, payload_of(header, batch)):
                        if self._stays(record, header.delete_horizon_ms):
                            kept.append(record)
                            if record.value is None and horizon is None:
                                horizon = self._now + log.config.delete_retention_ms
                        work += 1
                        if work >= _WORK_A_SLICE:
                            work = 0
                            yield
                if header.is_transactional and not header.is_control:
                    self._unfinished.add(header.producer_id)
                if not kept and not self._stays_empty(header):
                    continue
                if len(kept) < header.record_count or kept and horizon != header.delete_horizon_ms:
                    batch = _rebuilt(header, kept, horizon)
                    header = read_header(batch)
                cleaned.append(
                    bytes(batch[:16]), batch, header.base_offset, header.last_offset + 1, header.max_timestamp,
                    log.config.index_interval_bytes,
                )  # fmt: skip
        cleaned.next_offset = group[-1].next_offset
        if log.replace_segments(group, cleaned):
            for offset in self._emptied:
                log.aborted.forget(offset)
        self._emptied.clear()

    def _stays(self, record, horizon):
        if record.offset >= self.end_offset:
            return True
        if record.key is None or self._last.get(_short(record.key), -1) > record.offset:
            return False
        return record.value is not None or horizon is None or self._now < horizon

    def _check_marker(self, header):
        """(whether a marker stays, its delete horizon)."""
        if header.producer_id in self._unfinished:
            self._unfinished.remove(header.producer_id)
            return True, header.delete_horizon_ms
        self._emptied.append(header.base_offset)
        horizon = header.delete_horizon_ms
        if horizon is None:
            return True, self._now + self.log.config.delete_retention_ms
        return self._now < horizon, horizon

    def _stays_empty(self, header):
        """A batch of nothing tells how far the log goes, and to a producer that comes back, where it was."""
        if header.last_offset + 1 == self.end_offset:
            return True
        producer = self.log.producers.get(header.producer_id)
        if producer is None:
            return False
        if producer.batches:
            return producer.batches[-1][3] == header.last_offset
        return header.is_control and header.producer_epoch == producer.producer_epoch

    def _is_aborted(self, header):
        if not header.is_transactional or header.producer_id not in self._aborted:
            return False
        return any(first <= header.base_offset < last for first, last in self._aborted[header.producer_id])


def _short(key):
    """The key, or where it is long its digest: what a round remembers is bounded."""
    return key if len(key) < _DIGEST else blake2b(key, digest_size=_DIGEST).digest()


def _rebuilt(header, records, horizon):
    by_broker = header.timestamp_type == LOG_APPEND_TIME
    return build_batch(
        records,
        base_offset=header.base_offset,
        compression=header.compression if records else 0,
        timestamp_type=header.timestamp_type,
        producer_id=header.producer_id,
        producer_epoch=header.producer_epoch,
        base_sequence=header.base_sequence,
        transactional=header.is_transactional,
        control=header.is_control,
        partition_leader_epoch=header.partition_leader_epoch,
        delete_horizon_ms=horizon if records else None,
        max_timestamp=header.max_timestamp if by_broker or not records else None,
        last_offset_delta=header.last_offset_delta,
    )
