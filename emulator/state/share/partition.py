"""One partition as one share group sees it: which records are free, with whom, or done with.

Source: kafka.server.share.SharePartition of Kafka 4.3.1. What is asked for is told apart from what is stored:
`acquire` takes the (base offset, last offset) of the batches that were read; nothing here reads a log. All changes that
last go to the `persister` before anybody hears of them.
"""

from bisect import bisect_left, bisect_right

from emulator.state.share.batch import ACKNOWLEDGED, ACQUIRED, ARCHIVED, AVAILABLE, NOBODY, Batch, InFlight
from wire import errors
from wire.errors import KafkaError

GAP, ACCEPT, RELEASE, REJECT, RENEW = 0, 1, 2, 3, 4  # acknowledge types
_OUTCOMES = {GAP: ARCHIVED, ACCEPT: ACKNOWLEDGED, RELEASE: AVAILABLE, REJECT: ARCHIVED}
_FEWEST_BEFORE_THROTTLING = 2


def _first(batch):
    return batch.first


class SharePartition:
    """`config` gives the group's effective configs (GroupConfig) whenever asked; locks hang on the clock `time`.

    `persister`: the share coordinator's state; `key`: (group id, topic id, partition index).
    """

    __slots__ = (
        "key", "leader_epoch", "state_epoch", "start_offset", "end_offset", "delivery_complete_count", "closed",
        "_config", "_time", "_persister", "_batches", "_find_next", "_gap", "_waiters",
    )  # fmt: skip

    def __init__(self, key, leader_epoch, config, time, persister, reset):
        """Starts where the persister says; `reset(strategy)` gives the offset of share.auto.offset.reset."""
        self.key = key
        self.leader_epoch = leader_epoch
        self.delivery_complete_count = 0
        self.closed = False
        self._config = config
        self._time = time
        self._persister = persister
        self._batches = []
        self._find_next = False
        self._gap = None  # [first offset that may be in a hole of what was persisted, end of what was persisted]
        self._waiters = set()
        state = persister.read(key, leader_epoch)
        self.state_epoch = state.state_epoch
        self.start_offset = state.start_offset if state.start_offset >= 0 else reset(config().share_auto_offset_reset)
        self.end_offset = self.start_offset
        self._restore(state.batches)

    def _restore(self, batches):
        for first, last, state, delivery_count in batches:
            if last < self.start_offset:
                continue
            batch = Batch(first, last, InFlight(state, delivery_count))
            self._batches.append(batch)
            if batch.whole.is_terminal:
                self.delivery_complete_count += self._in_flight(first, last)
        if not self._batches:
            return
        self.end_offset = self._batches[-1].last
        if self._has_holes():
            self._gap = [self.start_offset, self.end_offset]
        self._find_next = True
        self._advance()

    def _has_holes(self):
        expected = self.start_offset
        for batch in self._batches:
            if batch.first > expected:
                return True
            expected = batch.last + 1
        return False

    # -- who waits for records ---------------------------------------------------------------------

    def watch(self, changed):
        """Call `changed()` whenever records may have become free, or the partition is closed."""
        self._waiters.add(changed)

    def unwatch(self, changed):
        self._waiters.discard(changed)

    def _tell(self):
        for changed in list(self._waiters):
            changed()

    def close(self):
        """Nobody asks this object any more; its locks go without a trace."""
        self.closed = True
        for batch in self._batches:
            for _, _, state in batch.states():
                state.unlock()
        self._batches = []
        self._tell()

    # -- where to read -----------------------------------------------------------------------------

    def next_fetch_offset(self):
        """The first offset that is free."""
        if not self._batches or self.start_offset > self._batches[-1].last:
            self._find_next = False
            return self.end_offset
        if not self._find_next:
            return self.end_offset + 1
        hole = self._gap[0] if self._gap_active else None
        for batch in self._batches:
            if hole is not None:
                if batch.first > hole:
                    return hole
                hole = max(batch.last + 1, hole)
            for first, _, state in batch.states():
                if state.state == AVAILABLE:
                    return first
        self._find_next = False
        return self.end_offset + 1

    def can_acquire(self):
        """Whether there is a record to give out again, or room for new ones."""
        if self.next_fetch_offset() != self.end_offset + 1:
            return True
        return self._in_flight_count() < self._config().share_partition_max_record_locks

    def _in_flight_count(self):
        return self.end_offset - self.start_offset + 1 if self._batches else 0

    def _in_flight(self, first, last):
        return max(last - max(self.start_offset, first) + 1, 0)

    @property
    def _gap_active(self):
        return self._gap is not None and self._gap[1] == self.end_offset

    def _gap_closed_to(self, offset):
        if self._gap is not None:
            if self._gap_active and offset <= self._gap[1]:
                self._gap[0] = offset
            else:
                self._gap = None

    # -- acquire -----------------------------------------------------------------------------------

    def acquire(self, member_id, max_records, fetch_offset, read, batch_size=1, strictly=False, aborted=()):
        """Give records to a member: [(first offset, last offset, delivery count)].

        `read`: (base offset, last offset) of the batches read from `fetch_offset` on. About `max_records` at most, as
        whole batches are given out, unless `strictly` (share.acquire.mode=record_limit). `aborted`: those of `read`
        that belong to aborted transactions and must not be seen.
        """
        if max_records <= 0 or not read or read[-1][1] < self.start_offset:
            return []
        base, last = read[0][0], read[-1][1]
        count = min(max_records, self._config().share_partition_max_record_locks - self._in_flight_count())
        if count <= 0:
            if fetch_offset > self.end_offset:
                return []
            count = min(max_records, self.end_offset - fetch_offset + 1)
            last = min(last, self.end_offset)
        acquired = self._acquire(member_id, count, fetch_offset, base, last, read, batch_size, strictly)
        return self._without(aborted, acquired) if aborted and acquired else acquired

    def _acquire(self, member_id, count, fetch_offset, base, last, read, batch_size, strictly):
        first_read = base
        if self._batches and fetch_offset < base:
            # The log has no such offsets any more (compaction): nobody will ever be given them.
            self._archive(fetch_offset, base, AVAILABLE, count_them=True)
        floor = self._floor(base)
        if floor is None:
            base = max(base, self.start_offset)
        elif floor.last >= base:
            base = floor.first
        known = self._between(min(first_read, base), last)
        if not known:
            return self._acquire_new(member_id, read, base, last, batch_size, count, strictly)
        result, taken, gap = [], 0, base
        limit = self._throttling_starts()
        for batch in known:
            if taken >= count:
                break
            if self._gap_active:
                if gap < batch.first:
                    new = self._acquire_new(member_id, read, gap, batch.first - 1, batch_size, count - taken, strictly)
                    result += new
                    taken += _size(new)
                gap = batch.last + 1
                if taken >= count:
                    break
            throttled = self._most_delivered(batch, first_read, last) >= limit
            if throttled and taken:
                return self._done(result)
            whole = batch.within(first_read, last) and batch.offsets is None
            if not whole or throttled or strictly and len(batch) > count - taken:
                if batch.offsets is None:
                    if batch.whole.state != AVAILABLE:
                        continue
                    batch.split(self._lock_until)
                some = self._acquire_some(member_id, batch, first_read, last, count - taken, strictly)
                result += _joined(some)
                taken += len(some)
                if throttled and some:
                    return self._done(result)
            elif batch.whole.state == AVAILABLE:
                batch.whole.acquire(member_id, self._lock(batch, None))
                result.append((batch.first, batch.last, batch.whole.delivery_count))
                taken += len(batch)
        if taken < count and known[-1].last < last:
            result += self._acquire_new(member_id, read, known[-1].last + 1, last, batch_size, count - taken, strictly)
        return self._done(result)

    def _done(self, result):
        if result:
            self._gap_closed_to(result[-1][1] + 1)
        return result

    def _acquire_new(self, member_id, read, first, last, batch_size, count, strictly):
        """Records that nobody had before, from `first` to `last` or to the end of the batch with the last that fits."""
        if not self._batches and self.end_offset > first:
            first = self.end_offset
        whole_last = last
        if count < last - first + 1:
            whole_last = _end_of_batch(read, first + count - 1)
            if self._gap_active:
                whole_last = min(whole_last, last)
        parts = [(first, whole_last)] if strictly else _cut(read, first, whole_last, batch_size)
        for part_first, part_last in parts:
            batch = Batch(part_first, part_last, InFlight(ACQUIRED, 1, member_id))
            self._insert(batch)
            if strictly and len(batch) > count:
                batch.split(None)
                for offset, state in batch.offsets.items():
                    if offset < part_first + count:
                        state.lock = self._lock(batch, offset)
                    else:
                        state.state, state.delivery_count, state.member_id = AVAILABLE, 0, NOBODY
                parts = [(part_first, part_first + count - 1)]
                self._find_next = True
            else:
                batch.whole.lock = self._lock(batch, None)
        if self._batches[0].first == first:
            self.start_offset = first
        self.end_offset = max(self.end_offset, whole_last)
        self._gap_closed_to(parts[-1][1] + 1)
        return [(part_first, part_last, 1) for part_first, part_last in parts]

    def _acquire_some(self, member_id, batch, first, last, count, strictly):
        """Single offsets of a batch: [(offset, offset, delivery count)].

        A record that failed often is given out with ever fewer others, at last alone (KIP-1222), so that a poisonous
        one takes no others with it.
        """
        most = self._config().share_delivery_count_limit
        limit = self._throttling_starts()
        alone_from = most - 1 if most > 2 else None
        throttled_to = None
        result = []
        for offset, state in batch.offsets.items():
            if offset < first or state.state != AVAILABLE:
                continue
            if offset > last:
                break
            if state.delivery_count == alone_from and result:
                break
            if state.delivery_count >= limit and throttled_to is None:
                throttled_to = max(1, len(batch.offsets) >> (state.delivery_count - limit + 1))
            state.acquire(member_id, self._lock(batch, offset))
            result.append((offset, offset, state.delivery_count))
            if state.delivery_count == most and most > 2:
                break
            if strictly and len(result) == count or len(result) == throttled_to:
                break
        return result

    def _throttling_starts(self):
        """Delivery counts from this on make a record suspect."""
        limit = self._config().share_delivery_count_limit
        return max(_FEWEST_BEFORE_THROTTLING, -(-limit // 2))

    @staticmethod
    def _most_delivered(batch, first, last):
        return max(
            (
                state.delivery_count
                for offset, _, state in batch.states()
                if state.state == AVAILABLE and (batch.offsets is None or first <= offset <= last)
            ),
            default=0,
        )

    def _without(self, aborted, acquired):
        for first, last in aborted:
            self._archive(first, last + 1, ACQUIRED, count_them=True)
        result = []
        for first, last, delivery_count in acquired:
            for hole_first, hole_last in aborted:
                if hole_last < first or hole_first > last:
                    continue
                if hole_first > first:
                    result.append((first, hole_first - 1, delivery_count))
                first = hole_last + 1
            if first <= last:
                result.append((first, last, delivery_count))
        return result

    # -- acknowledge -------------------------------------------------------------------------------

    def acknowledge(self, member_id, acknowledgements):
        """[(first offset, last offset, [type for all, or one for each offset])]: all of them, or KafkaError and none."""
        changes = _Changes(self)
        try:
            for first, last, types in acknowledgements:
                if last >= self.start_offset:
                    self._acknowledge(member_id, first, last, types, changes)
        except KafkaError:
            changes.undo()
            raise
        changes.commit()

    def _acknowledge(self, member_id, first, last, types, changes):
        for batch in self._acknowledged(first, last):
            if batch.last < self.start_offset:
                continue
            if batch.offsets is None:
                if batch.whole.member_id == NOBODY:
                    raise _invalid_state("The batch cannot be acknowledged. The batch is not in the acquired state.")
                if batch.whole.member_id != member_id:
                    raise _invalid_state("Member is not the owner of batch record")
                if batch.within(first, last) and len(types) == 1 and batch.first >= self.start_offset:
                    self._conclude(batch, None, batch.whole, types[0], changes)
                    continue
                batch.split(self._lock_until)
            for offset, state in batch.offsets.items():
                if offset < first or offset < self.start_offset:
                    continue
                if offset > last:
                    break
                if state.state != ACQUIRED:
                    raise _invalid_state("The offset cannot be acknowledged. The offset is not acquired.")
                if state.member_id != member_id:
                    raise _invalid_state("Member is not the owner of offset")
                self._conclude(batch, offset, state, types[offset - first if len(types) > 1 else 0], changes)

    def _acknowledged(self, first, last):
        floor = self._floor(first)
        if floor is None:
            if not first < self.start_offset <= last or (floor := self._floor(self.start_offset)) is None:
                raise _invalid_state("Batch record not found. The request batch offsets are not found in the cache.")
        batches = self._between(floor.first, last)
        if batches[-1].last < first:
            raise KafkaError(errors.INVALID_REQUEST, "Batch record not found. The first offset in request is past acquired records.")
        if last > batches[-1].last:
            raise KafkaError(errors.INVALID_REQUEST, "Batch record not found. The last offset in request is past acquired records.")
        return batches

    def _conclude(self, batch, offset, state, kind, changes):
        if kind != RENEW:
            changes.make(batch, offset, state, _OUTCOMES[kind])
            return
        if not self._config().share_renew_acknowledge_enable:
            raise _invalid_state("Renewing acquisition locks is not enabled for the group.")
        state.unlock()
        state.lock = self._lock(batch, offset)

    def release(self, member_id):
        """A member is gone: what it had is free again."""
        changes = _Changes(self)
        for batch in list(self._batches):
            if batch.offsets is None and batch.whole.member_id == member_id and batch.first < self.start_offset <= batch.last:
                batch.split(self._lock_until)
            for first, last, state in batch.states():
                if state.state == ACQUIRED and state.member_id == member_id:
                    changes.make(batch, None if batch.offsets is None else first, state, _given_back(self, last))
        changes.commit()

    # -- locks -------------------------------------------------------------------------------------

    def _lock(self, batch, offset):
        return self._lock_until(batch, offset, self._time.now() + self._config().share_record_lock_duration_ms)

    def _lock_until(self, batch, offset, at):
        return self._time.at(at, lambda: self._lock_expired(batch, offset))

    def _lock_expired(self, batch, offset):
        self._time.happened("locks of records expired")
        changes = _Changes(self)
        if offset is None:
            if batch.first < self.start_offset <= batch.last:
                batch.split(lambda *_: None)
            for first, last, state in batch.states():
                changes.make(batch, None if batch.offsets is None else first, state, _given_back(self, last))
        else:
            changes.make(batch, offset, batch.offsets[offset], _given_back(self, offset))
        changes.commit(unwritten=True)

    # -- the log moves on --------------------------------------------------------------------------

    def log_start_moved(self, log_start_offset):
        """Records before this offset are gone; those that somebody has may still be acknowledged."""
        if log_start_offset <= self.start_offset:
            return
        if not self._batches:
            self.start_offset = self.end_offset = log_start_offset
            self.delivery_complete_count = 0
            return
        for batch in self._batches:
            for first, last, state in batch.states():
                if state.is_terminal and last >= self.start_offset:
                    self.delivery_complete_count -= max(min(last, log_start_offset - 1) - max(first, self.start_offset) + 1, 0)
        self._archive(self.start_offset, log_start_offset, AVAILABLE, count_them=False)
        self.start_offset = log_start_offset
        self.end_offset = max(self.end_offset, log_start_offset)

    def _archive(self, first, end, state, count_them):
        """What is in `state` of offsets `first` to `end` (exclusive) will not be given out (again)."""
        for batch in self._batches:
            if batch.first >= end:
                break
            if batch.last < first:
                continue
            if batch.offsets is None and batch.whole.state == state and not batch.within(first, end - 1):
                batch.split(self._lock_until)
            for part_first, part_last, part in batch.states():
                if part.state == state and first <= part_first and part_last < end:
                    part.archive()
                    self._find_next = True
                    if count_them:
                        self.delivery_complete_count += part_last - part_first + 1

    def _advance(self):
        """Forget the batches that are done with at the beginning: True when the start offset moved."""
        done, terminal = -1, 0
        floor = self._floor(self.start_offset)
        if floor is None or not (floor.whole or floor.offsets[self.start_offset]).is_terminal:
            return False
        for batch in self._batches:
            if self._gap_active and batch.last >= self._gap[0]:
                break
            stop = False
            for first, last, state in batch.states():
                if not state.is_terminal:
                    stop = True
                    break
                done = last
                terminal += self._in_flight(first, last)
            if stop:
                break
        if done == -1:
            return False
        if done == self._batches[-1].last:
            self.start_offset = self.end_offset = done + 1
            self._batches = []
            self.delivery_complete_count = 0
            return True
        index = self._index_of(done)
        if self._batches[index].last == done:
            index += 1
            self.start_offset = max(self._batches[index].first, self.start_offset)
            if self._gap_active:
                self.start_offset = min(self._gap[0], self.start_offset)
        else:
            self.start_offset = max(done + 1, self.start_offset)
        self.delivery_complete_count -= terminal
        del self._batches[:index]
        return True

    # -- the sorted list of batches ----------------------------------------------------------------

    def _index_of(self, offset):
        return bisect_right(self._batches, offset, key=_first) - 1

    def _floor(self, offset):
        """The last batch that begins at or before `offset`, or None."""
        index = self._index_of(offset)
        return self._batches[index] if index >= 0 else None

    def _between(self, first, last):
        """The batches that begin in this range."""
        return self._batches[bisect_left(self._batches, first, key=_first) : bisect_right(self._batches, last, key=_first)]

    def _insert(self, batch):
        self._batches.insert(bisect_left(self._batches, batch.first, key=_first), batch)


class _Changes:
    """Records that leave their members, all at once: written down by `commit`, or as before after `undo`."""

    __slots__ = ("_partition", "_made", "_count", "_most")

    def __init__(self, partition):
        self._partition = partition
        self._made = []
        self._count = partition.delivery_complete_count
        self._most = partition._config().share_delivery_count_limit

    def make(self, batch, offset, state, outcome):
        before = state.member_id
        state.finish(outcome, self._most)
        first, last = (batch.first, batch.last) if offset is None else (offset, offset)
        self._made.append((first, last, state, before))
        if state.is_terminal:
            self._partition.delivery_complete_count += self._partition._in_flight(first, last)

    def undo(self):
        for _, _, state, member_id in self._made:
            state.state, state.member_id = ACQUIRED, member_id
        self._partition.delivery_complete_count = self._count

    def commit(self, unwritten=False):
        """`unwritten`: they are made even when nobody keeps this partition's state any more."""
        partition = self._partition
        if not self._made:
            return
        try:
            partition._persister.write(
                partition.key, partition.state_epoch, partition.leader_epoch, partition.start_offset,
                partition.delivery_complete_count,
                [(first, last, state.state, state.delivery_count) for first, last, state, _ in self._made],
            )  # fmt: skip
        except KafkaError:
            if not unwritten:
                self.undo()
                raise
        free = False
        for _, _, state, _ in self._made:
            state.unlock()
            free = free or state.state == AVAILABLE
        partition._find_next = partition._find_next or free
        if partition._advance() or free:
            partition._tell()


def _given_back(partition, last):
    return ARCHIVED if last < partition.start_offset else AVAILABLE


def _invalid_state(message):
    return KafkaError(errors.INVALID_RECORD_STATE, message)


def _size(acquired):
    return sum(last - first + 1 for first, last, _ in acquired)


def _joined(acquired):
    """Neighbours that were delivered equally often as one."""
    result = []
    for first, last, delivery_count in acquired:
        if result and result[-1][1] + 1 == first and result[-1][2] == delivery_count:
            result[-1] = (result[-1][0], last, delivery_count)
        else:
            result.append((first, last, delivery_count))
    return result


def _end_of_batch(read, offset):
    """The last offset of the batch that holds `offset`; `offset` itself when it is in a hole."""
    holder = None
    for batch in read:
        if offset < batch[0]:
            break
        holder = batch
    return holder[1] if holder is not None and offset <= holder[1] else offset


def _cut(read, first, last, batch_size):
    """[(first, last)] in pieces of at least `batch_size` records that end where batches do."""
    pieces = []
    if last - first + 1 > batch_size:
        for base, _ in read:
            if base > last:
                break
            if base - first >= batch_size:
                pieces.append((first, base - 1))
                first = base
    pieces.append((first, last))
    return pieces
