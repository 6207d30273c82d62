"""A share-partition as members see it: what they get, what becomes of it, what is written down."""

from types import SimpleNamespace

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.share.batch import ACKNOWLEDGED, ARCHIVED, AVAILABLE
from emulator.state.share.partition import ACCEPT, GAP, REJECT, RELEASE, RENEW, SharePartition
from emulator.state.share.persister import Persister
from wire import errors
from wire.errors import KafkaError

KEY = ("g", bytes(15) + b"t", 0)
LOCK = 30_000


class Store:
    """Records of one partition, as internal_topics.Store keeps them."""

    def __init__(self):
        self.kept = []
        self.start = 0

    def check(self, partition):
        """It is there."""

    def append(self, partition, key, value):
        self.kept.append((len(self.kept), key, value))
        return len(self.kept) - 1

    def records(self, partition):
        return self.kept[self.start :]

    def delete_before(self, partition, offset):
        self.start = offset


class Trace:
    """`share.fetch("a")` is what a gets of the batches in `share.log`; (base, last) each."""

    def __init__(self, *log, start=0, **config):
        config = {"delivery_count_limit": 5, "partition_max_record_locks": 2000, "renew_acknowledge_enable": True, **config}
        self.config = SimpleNamespace(
            share_auto_offset_reset="earliest", share_record_lock_duration_ms=LOCK,
            **{f"share_{name}": value for name, value in config.items()},
        )  # fmt: skip
        self.log, self.start = list(log), start
        self.time, self.store = VirtualClock(), Store()
        self.persister = Persister(self.store, lambda key: 0, 500, self.time, lambda topic_id: 1)
        self.persister.initialize(KEY, 1, -1)
        self.share = self.lead()

    def lead(self, epoch=0):
        return SharePartition(KEY, epoch, lambda: self.config, self.time, self.persister, lambda strategy: self.start)

    def fetch(self, member, count=500, batch_size=500, strictly=False, aborted=()):
        if not self.share.can_acquire():
            return []
        offset = self.share.next_fetch_offset()
        read = [batch for batch in self.log if batch[1] >= offset]
        return self.share.acquire(member, count, offset, read, batch_size, strictly, aborted)

    def say(self, member, *said):
        self.share.acknowledge(member, [(first, last, [kind] if isinstance(kind, int) else kind) for first, last, kind in said])

    def refuses(self, error, member, *said):
        with pytest.raises(KafkaError) as refusal:
            self.say(member, *said)
        assert refusal.value.error == error, refusal.value

    @property
    def written(self):
        state = self.persister.summary(KEY)
        return state.start_offset, state.delivery_complete_count, list(state.batches)

    @property
    def bounds(self):
        return self.share.start_offset, self.share.end_offset


def test_what_one_has_nobody_else_gets():
    trace = Trace((0, 9), (10, 14))
    assert trace.fetch("a") == [(0, 14, 1)]
    assert trace.fetch("b") == []
    trace.log.append((15, 15))
    assert trace.fetch("b") == [(15, 15, 1)]


def test_batches_are_given_out_whole():
    trace = Trace((0, 9), (10, 19), (20, 29))
    assert trace.fetch("a", count=11) == [(0, 19, 1)]


def test_a_limit_can_be_strict():
    trace = Trace((0, 9), (10, 19))
    assert trace.fetch("a", count=3, strictly=True) == [(0, 2, 1)]
    assert trace.fetch("b", count=3, strictly=True) == [(3, 5, 1)]
    assert trace.fetch("a") == [(6, 9, 1), (10, 19, 1)]


def test_large_reads_are_cut_where_batches_end():
    trace = Trace((0, 3), (4, 7), (8, 11), (12, 15))
    assert trace.fetch("a", batch_size=5) == [(0, 7, 1), (8, 15, 1)]


def test_acknowledged_records_are_behind_the_start():
    trace = Trace((0, 9))
    trace.fetch("a")
    trace.say("a", (0, 3, ACCEPT))
    assert trace.written == (0, 4, [(0, 3, ACKNOWLEDGED, 1)])
    assert trace.bounds == (4, 9)
    trace.say("a", (4, 9, [ACCEPT, REJECT, RELEASE, GAP, ACCEPT, ACCEPT]))
    assert trace.written[2] == [
        (4, 4, ACKNOWLEDGED, 1), (5, 5, ARCHIVED, 1), (6, 6, AVAILABLE, 1), (7, 7, ARCHIVED, 1), (8, 9, ACKNOWLEDGED, 1),
    ]  # fmt: skip
    assert trace.bounds == (6, 9)
    assert trace.fetch("b") == [(6, 6, 2)]
    trace.say("b", (6, 6, ACCEPT))
    assert trace.bounds == (10, 10)


def test_all_of_a_request_counts_or_nothing():
    trace = Trace((0, 9))
    trace.fetch("a")
    trace.refuses(errors.INVALID_RECORD_STATE, "a", (0, 4, ACCEPT), (4, 5, RELEASE))
    assert trace.written == (-1, -1, [])
    trace.say("a", (0, 9, ACCEPT))
    assert trace.bounds == (10, 10)


def test_only_the_owner_acknowledges_and_only_once():
    trace = Trace((0, 9), (10, 19))
    trace.fetch("a")
    trace.refuses(errors.INVALID_RECORD_STATE, "b", (0, 9, ACCEPT))
    trace.refuses(errors.INVALID_REQUEST, "a", (20, 25, ACCEPT))
    trace.refuses(errors.INVALID_REQUEST, "a", (15, 20, ACCEPT))
    trace.say("a", (5, 5, ACCEPT))
    trace.refuses(errors.INVALID_RECORD_STATE, "a", (5, 5, ACCEPT))
    trace.refuses(errors.INVALID_RECORD_STATE, "b", (6, 6, ACCEPT))
    trace.say("a", (0, 4, ACCEPT))
    trace.say("a", (0, 3, ACCEPT))  # before the start: too late to matter


def test_a_lock_ends_and_the_record_is_free_again():
    trace = Trace((0, 9))
    trace.fetch("a")
    heard = []
    trace.share.watch(lambda: heard.append(trace.time.now()))
    trace.time.advance(LOCK - 1)
    assert trace.fetch("b") == [] and not heard
    trace.time.advance(1)
    assert len(heard) == 1
    assert trace.written[2] == [(0, 9, AVAILABLE, 1)]
    trace.refuses(errors.INVALID_RECORD_STATE, "a", (0, 9, ACCEPT))
    assert trace.fetch("b") == [(0, 9, 2)]


def test_a_lock_is_renewed():
    trace = Trace((0, 9))
    trace.fetch("a")
    trace.time.advance(20_000)
    trace.say("a", (0, 1, RENEW))
    trace.time.advance(10_000)
    assert trace.fetch("b") == [(2, 9, 2)]
    trace.time.advance(20_000)
    assert trace.fetch("b") == [(0, 1, 2)]


def test_renewing_can_be_forbidden():
    trace = Trace((0, 9), renew_acknowledge_enable=False)
    trace.fetch("a")
    trace.refuses(errors.INVALID_RECORD_STATE, "a", (0, 9, RENEW))


def test_the_delivery_limit_archives():
    trace = Trace((0, 0), delivery_count_limit=2)
    for delivery in (1, 2):
        assert trace.fetch("a") == [(0, 0, delivery)]
        trace.say("a", (0, 0, RELEASE))
    assert trace.fetch("a") == []
    assert trace.written == (0, 1, [(0, 0, ARCHIVED, 2)])
    assert trace.bounds == (1, 1)


def test_what_fails_often_is_given_out_with_ever_fewer_others():
    trace = Trace((0, 7))
    sizes = []
    while got := trace.fetch("a"):
        [(first, last, count)] = got
        sizes.append((count, last - first + 1))
        trace.say("a", (first, last, RELEASE))
    assert sizes[:4] == [(1, 8), (2, 8), (3, 8), (4, 4)]
    assert (5, 1) in sizes and trace.bounds == (8, 8)


def test_locks_are_limited():
    trace = Trace(*((base, base + 49) for base in range(0, 300, 50)), partition_max_record_locks=100)
    assert trace.fetch("a") == [(0, 99, 1)]
    assert trace.fetch("a") == []
    trace.say("a", (0, 49, ACCEPT))
    assert trace.fetch("a") == [(100, 149, 1)]
    trace.say("a", (110, 119, RELEASE))
    assert trace.fetch("a") == [(110, 119, 2)]


def test_who_leaves_gives_back_what_it_had():
    trace = Trace((0, 9), (10, 19))
    trace.fetch("a", count=10)
    trace.fetch("b")
    trace.share.release("a")
    assert trace.fetch("c") == [(0, 9, 2)]
    trace.say("b", (10, 19, ACCEPT))


def test_records_that_the_log_dropped_are_not_given_out():
    trace = Trace((0, 9))
    trace.fetch("a")
    trace.say("a", (0, 9, RELEASE))
    trace.share.log_start_moved(5)
    assert trace.bounds == (5, 9)
    assert trace.fetch("b") == [(5, 9, 2)]
    trace.say("b", (0, 9, ACCEPT))
    assert trace.bounds == (10, 10)


def test_aborted_records_are_passed_over():
    trace = Trace((0, 4), (5, 9), (10, 14))
    assert trace.fetch("a", aborted=[(5, 9)]) == [(0, 4, 1), (10, 14, 1)]
    trace.say("a", (0, 4, ACCEPT), (10, 14, ACCEPT))
    assert trace.bounds == (15, 15)


def test_another_leader_goes_on_where_this_one_was():
    trace = Trace((0, 9), (10, 19))
    trace.fetch("a")
    trace.say("a", (2, 4, ACCEPT), (12, 12, RELEASE))
    again = Persister(trace.store, lambda key: 0, 500, trace.time, lambda topic_id: 1)
    again.load(0)
    assert again.summary(KEY).batches == trace.persister.summary(KEY).batches
    trace.persister.unload(0)
    trace.persister = again
    trace.share = trace.lead(epoch=1)
    assert trace.fetch("b") == [(0, 1, 1), (5, 11, 1), (12, 12, 2), (13, 19, 1)]
    trace.say("b", (0, 1, ACCEPT), (5, 19, ACCEPT))
    assert trace.bounds == (20, 20)


def test_the_leader_of_before_is_fenced():
    trace = Trace((0, 9))
    trace.fetch("a")
    trace.lead(epoch=1)
    trace.refuses(errors.FENCED_LEADER_EPOCH, "a", (0, 9, ACCEPT))


def test_offsets_that_were_altered_fence():
    trace = Trace((0, 9))
    trace.fetch("a")
    trace.persister.initialize(KEY, 2, 5)
    trace.refuses(errors.FENCED_STATE_EPOCH, "a", (0, 9, ACCEPT))
    assert trace.lead().start_offset == 5


def test_after_so_many_updates_comes_a_snapshot():
    trace = Trace(*((offset, offset) for offset in range(600)))
    trace.fetch("a", count=600)
    for offset in range(520):
        trace.say("a", (offset, offset, ACCEPT))
    kinds = [key[1] for _, key, _ in trace.store.kept]
    assert kinds == [0] + [1] * 500 + [0] + [1] * 19
    again = Persister(trace.store, lambda key: 0, 500, trace.time, lambda topic_id: 1)
    again.load(0)
    state = again.summary(KEY)
    assert (state.snapshot_epoch, state.start_offset, state.batches) == (1, 519, ((519, 519, ACKNOWLEDGED, 1),))


def test_a_cold_partition_is_snapshotted_and_what_came_before_is_pruned():
    trace = Trace((0, 9))
    other = ("g", bytes(15) + b"u", 0)
    trace.persister.initialize(other, 1, -1)
    trace.fetch("a")
    trace.say("a", (0, 9, ACCEPT))
    first = trace.persister.summary(KEY)
    trace.time.advance(300_000)
    cold = trace.persister.summary(KEY)
    assert (cold.snapshot_epoch, cold.created, cold.written) == (1, first.created, first.created + 300_000)
    assert cold.batches == first.batches
    count = len(trace.store.kept)
    trace.time.advance(900_000)
    assert len(trace.store.kept) == count  # all is quiet
    assert trace.store.start == count - 2  # the two snapshots are all that is needed
    again = Persister(trace.store, lambda key: 0, 500, trace.time, lambda topic_id: 1)
    again.load(0)
    assert again.summary(KEY) == cold
