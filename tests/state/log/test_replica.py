"""Replicas of one partition: what a leader appends its followers take as it is; what is cut off them never was."""

import random

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log import Log
from emulator.state.log.files import MemoryFiles
from emulator.state.log.flush import Flusher
from emulator.state.log.memory import Memory
from emulator.state.log.replica import append_replicated, batches_from, start_at, truncate_to
from tests.state.log.simulated_disk import PowerCut, SimulatedDisk
from tests.state.log.test_crash import Later, contents, seeds
from wire import errors
from wire.compression import GZIP, LZ4, SNAPPY, ZSTD
from wire.errors import KafkaError
from wire.records import Record, build_batch

SMALL = {"internal.segment.bytes": "1500", "index.interval.bytes": "200"}


class Told:
    """The `replication` of a log."""

    def __init__(self):
        self.ends = []

    def grown(self, log):
        self.ends.append(log.acknowledged_end)

    def owe(self, log):
        pass


class Replicas:
    """Some logs of one partition, of which one leads, and what was done to it: [(end offset afterwards, how to do it to another)]."""

    def __init__(self, seed=1, count=3, disks=False, **overrides):
        self.choose = random.Random(seed)
        self.clock = VirtualClock()
        self.config = Configs(parse_broker_settings({})).preview(SMALL | {k.replace("_", "."): str(v) for k, v in overrides.items()})
        self.disks = [SimulatedDisk() if disks else None for _ in range(count)]
        self.later = [Later(self.choose) for _ in range(count)]
        self.checkpoints = [0] * count
        self.logs = [self.open(index) for index in range(count)]
        self.done, self.sequences, self.leader, self.epoch = [], {}, 0, 0

    def open(self, index, clean=True):
        if self.disks[index] is None:
            log = Log("t-0", self.config, self.clock, random.Random(1))
        else:
            self.later[index] = Later(self.choose)

            def lowered():
                self.checkpoints[index] = log.recovery_point

            self.disks[index].lowered = lowered

            log = Log(
                "t-0", self.config, self.clock, random.Random(1), self.disks[index],
                clean=clean, recovery_point=self.checkpoints[index], flusher=Flusher(self.later[index]),
            )  # fmt: skip
        log.replication = Told()
        log.begin_epoch(0)
        return log

    @property
    def leading(self):
        return self.logs[self.leader]

    def do(self, action, count):
        self.done.append((self.leading.end_offset + count, action))
        action(self.leading)

    def send(self, *values, producer=-1, transactional=False, codec=0, timestamps=None):
        now, epoch = self.clock.now(), self.epoch
        records = [Record(i, timestamps[i] if timestamps else now, None, value, ()) for i, value in enumerate(values)]
        options = {}
        if producer >= 0:
            sequence = self.sequences.get(producer, 0)
            self.sequences[producer] = sequence + len(records)
            options = {"producer_id": producer, "producer_epoch": 0, "base_sequence": sequence, "transactional": transactional}
        batch = build_batch(records, compression=codec, **options)
        self.do(lambda log: log.append(log.check(memoryview(bytearray(batch)), now), epoch, now, verified=True), len(records))

    def end(self, producer, commit):
        now, epoch = self.clock.now(), self.epoch
        self.do(lambda log: log.append_marker(commit, producer, 0, 3, epoch, now), 1)

    def follow(self, index, max_bytes=1 << 20):
        log = self.logs[index]
        batches, _ = batches_from(self.leading, log.end_offset, max_bytes)
        for header, data in batches:
            append_replicated(log, header, data)

    def follow_all(self):
        for index in range(len(self.logs)):
            while self.logs[index].end_offset < self.leading.end_offset:
                self.follow(index)

    def elect(self, index):
        """It leads from now on, with what it has; what nobody has any more never was."""
        self.leader, self.epoch = index, self.epoch + 1
        epoch, end = self.epoch, self.leading.end_offset
        self.done = [entry for entry in self.done if entry[0] <= end]
        self.sequences = {producer: entry.last_sequence + 1 for producer, entry in self.leading.producers.items()}
        for log in self.logs:
            truncate_to(log, end)
        self.do(lambda log: log.begin_epoch(epoch), 0)

    def reference(self, end):
        """A log to which the same was done, up to `end`, as if it always had led."""
        log = Log("t-0", self.config, self.clock, random.Random(1))
        log.begin_epoch(0)
        for reached, action in self.done:
            if reached > end:
                break
            action(log)
        return log

    def step(self):
        choose, chance = self.choose, self.choose.random()
        self.clock.advance(choose.randrange(3))
        if chance < 0.5:
            count, now = choose.randint(1, 3), self.clock.now()
            producer = choose.randrange(-1, 6)
            self.send(
                *(choose.randbytes(choose.randrange(1, 80)) for _ in range(count)),
                producer=producer, transactional=producer > 2, codec=choose.choice((0, 0, GZIP, LZ4, SNAPPY, ZSTD)),
                timestamps=[now + choose.randrange(-50, 50) for _ in range(count)],
            )  # fmt: skip
        elif chance < 0.6:
            if self.leading.producers.open:
                self.end(choose.choice(list(self.leading.producers.open)), choose.random() < 0.5)
        elif chance < 0.9:
            self.follow(choose.randrange(len(self.logs)), choose.choice((1, 300, 1 << 20)))
        elif chance < 0.97:
            index = choose.randrange(len(self.logs))
            if index != self.leader:
                end = self.logs[index].end_offset
                truncate_to(self.logs[index], choose.randint(max(0, end - 30), end) if choose.random() < 0.7 else choose.randint(0, end))
        else:
            self.elect(choose.randrange(len(self.logs)))

    def check(self, index):
        """This replica is what its leader is, or was when its log ended there."""
        log = self.logs[index]
        same = self.reference(log.end_offset)
        assert log.end_offset == same.end_offset == max(log.segments[-1].next_offset, log.segments[-1].base_offset)
        assert [bytes(batch) for _, batch in log.batches()] == [bytes(batch) for _, batch in same.batches()]
        # A snapshot names each producer's last batch alone; what came before is found again if it is not long ago.
        count = 5 if self.disks[index] is None else 1
        assert remembered(log, count) == remembered(same, count)
        assert list(log.producers.open.items()) == list(same.producers.open.items())
        assert list(log.aborted) == list(same.aborted)
        for offset, timestamp, *_ in contents(same):
            assert log.leader_epoch_at(offset) == same.leader_epoch_at(offset)
            assert log.find_timestamp(timestamp) == same.find_timestamp(timestamp)
            [(header, batch), *_], _ = batches_from(log, offset, 1)
            assert header.base_offset <= offset <= header.last_offset and len(batch) == header.size
        assert log.find_max_timestamp() == same.find_max_timestamp()
        assert log.high_watermark <= log.end_offset


def remembered(log, count):
    return {
        producer: (
            entry.producer_epoch, [batch[:4] for batch in entry.batches[-count:]],
            entry.last_timestamp, entry.first_open_offset, entry.coordinator_epoch,
        )
        for producer, entry in log.producers.items()
    }  # fmt: skip


def offsets(log):
    return [(header.base_offset, header.last_offset) for header, _ in log.batches()]


@pytest.fixture(params=["memory", "disk"])
def replicas(request):
    return Replicas(disks=request.param == "disk")


# -- appends --------------------------------------------------------------------------------------


def test_a_log_with_replicas_does_not_move_its_own_high_watermark(replicas):
    replicas.send(b"a", b"b")
    log = replicas.leading
    assert (log.end_offset, log.high_watermark, log.replication.ends) == (2, 0, [2])
    woken = []
    log.watch(lambda: woken.append(log.high_watermark))
    replicas.send(b"c")
    assert woken == []  # nothing more to read
    log.advance_high_watermark(2)
    log.advance_high_watermark(1)
    assert (log.high_watermark, woken) == (2, [2])


def test_what_is_to_be_flushed_first_is_acknowledged_once_it_is():
    replicas = Replicas(disks=True, flush_messages=1)
    later = replicas.later[0]
    replicas.send(b"a")
    log = replicas.leading
    assert (log.end_offset, log.acknowledged_end, log.replication.ends) == (1, 0, [])
    while later.undone or later.untold:
        later.step()
    assert (log.acknowledged_end, log.high_watermark, log.replication.ends) == (1, 0, [1])


def test_a_follower_takes_batches_beyond_the_high_watermark(replicas):
    replicas.send(b"a")
    replicas.send(b"b", b"c", producer=1)
    replicas.follow(1)
    assert replicas.logs[1].end_offset == 3
    assert replicas.logs[1].high_watermark == replicas.logs[0].high_watermark == 0
    replicas.check(1)


def test_the_first_batch_comes_however_large_and_no_other(replicas):
    replicas.send(b"a" * 400)
    replicas.send(b"b" * 400)
    batches, _ = batches_from(replicas.leading, 0, 100)
    assert [header.base_offset for header, _ in batches] == [0]
    size = batches[0][0].size
    assert len(batches_from(replicas.leading, 0, 2 * size - 1)[0]) == 1
    assert len(batches_from(replicas.leading, 0, 2 * size)[0]) == 2
    assert batches_from(replicas.leading, 2, 100)[0] == []


def test_a_cursor_spares_the_search_and_survives_the_end_of_a_segment(replicas):
    cursor, found = None, []
    for number in range(100):
        replicas.send(b"%d" % number * 20)
        batches, cursor = batches_from(replicas.leading, number, 1 << 20, cursor)
        found += [header.base_offset for header, _ in batches]
    assert found == list(range(100)) and len(replicas.leading.segments) > 2


def test_transactions_are_known_to_followers(replicas):
    replicas.send(b"a", producer=4, transactional=True)
    replicas.send(b"b", producer=5, transactional=True)
    replicas.end(4, commit=False)
    replicas.follow_all()
    log = replicas.logs[2]
    assert dict(log.producers.open) == {5: 1}
    assert list(log.aborted) == [(4, 0, 2, 1)]
    log.advance_high_watermark(3)
    assert log.last_stable_offset == 1


def test_what_is_not_the_next_batch_is_refused(replicas):
    replicas.send(b"a")
    [first], _ = batches_from(replicas.leading, 0, 1)
    append_replicated(replicas.logs[1], *first)
    with pytest.raises(ValueError):
        append_replicated(replicas.logs[1], *first)


def test_gaps_that_compaction_left_are_taken_over(replicas):
    for value in b"abcdef":
        replicas.send(bytes([value]))
    batches, _ = batches_from(replicas.leading, 0, 1 << 20)
    log = replicas.logs[1]
    for index in (1, 2, 5):
        append_replicated(log, *batches[index])
    assert offsets(log) == [(1, 1), (2, 2), (5, 5)] and log.end_offset == 6
    truncate_to(log, 4)
    assert (offsets(log), log.end_offset) == ([(1, 1), (2, 2)], 4)


def test_a_follower_of_a_log_that_starts_within_a_batch_begins_with_that(replicas):
    replicas.send(b"a", b"b", b"c")
    replicas.send(b"d")
    leader, log = replicas.logs[:2]
    leader.advance_high_watermark(4)
    leader.delete_records(1)
    start_at(log, 1)
    replicas.follow(1)
    log.advance_high_watermark(4)
    log.increment_log_start(1)
    assert (log.log_start_offset, log.end_offset, contents(log)) == (1, 4, contents(leader))


# -- cuts -----------------------------------------------------------------------------------------


def test_an_offset_within_a_batch_takes_all_of_it(replicas):
    replicas.send(b"a")
    replicas.send(b"b", b"c", b"d")
    replicas.send(b"e")
    replicas.follow_all()
    truncate_to(replicas.logs[1], 2)
    assert (offsets(replicas.logs[1]), replicas.logs[1].end_offset) == ([(0, 0)], 1)
    replicas.check(1)
    replicas.follow_all()
    replicas.check(1)


def test_an_offset_at_the_end_takes_nothing(replicas):
    replicas.send(b"a")
    replicas.follow_all()
    log = replicas.logs[1]
    for offset in (1, 2, 100):
        truncate_to(log, offset)
    assert (log.end_offset, log.cuts) == (1, 0)


def test_an_epoch_in_which_nothing_was_written_goes(replicas):
    replicas.send(b"a")
    replicas.follow_all()
    log = replicas.logs[1]
    log.begin_epoch(5)
    assert log.end_offset_of_epoch(5) == (5, 1)
    truncate_to(log, 1)
    assert log.leader_epochs == [(0, 0)]


def test_a_leader_of_an_older_epoch_was_right_after_all(replicas):
    log = replicas.logs[1]
    replicas.send(b"a")
    replicas.follow_all()
    log.begin_epoch(1)
    replicas.send(b"b")
    replicas.follow(1)
    assert log.leader_epochs == [(0, 0)]


def test_the_high_watermark_is_cut_too_and_readers_look_again(replicas):
    for value in b"abc":
        replicas.send(bytes([value]))
    replicas.follow_all()
    log, woken = replicas.logs[1], []
    log.advance_high_watermark(3)
    log.watch(lambda: woken.append((log.end_offset, log.high_watermark)))
    truncate_to(log, 1)
    assert woken == [(1, 1)]


def test_a_transaction_whose_marker_is_cut_is_open_again(replicas):
    replicas.send(b"a", producer=4, transactional=True)
    replicas.send(b"b", producer=5, transactional=True)
    replicas.end(4, commit=False)
    replicas.end(5, commit=True)
    replicas.follow_all()
    log = replicas.logs[1]
    assert not log.producers.open and len(log.aborted) == 1
    truncate_to(log, 2)
    assert list(log.producers.open.items()) == [(4, 0), (5, 1)] and not log.aborted
    replicas.check(1)


def test_what_readers_hold_stays_as_it_was(replicas):
    replicas.send(b"a" * 100)
    replicas.send(b"b" * 100)
    replicas.follow_all()
    log = replicas.logs[1]
    held = log.read(0, 1 << 20, 2).records
    before = b"".join(map(bytes, held))
    truncate_to(log, 1)
    replicas.elect(1)
    replicas.send(b"c" * 100)
    assert b"".join(map(bytes, held)) == before


def test_beginning_anew_nothing_is_left(replicas):
    for number in range(60):
        replicas.send(b"v" * 40, producer=4, transactional=True)
    replicas.follow_all()
    log = replicas.logs[1]
    start_at(log, 500)
    assert (log.log_start_offset, log.end_offset, log.high_watermark, log.size) == (500, 500, 500, 0)
    assert not len(log.producers) and not log.producers.open and not log.leader_epochs
    assert not [name for name in log.files.names() if "snapshot" in name]
    start_at(log, 0)
    replicas.follow_all()
    replicas.check(1)


def test_below_its_first_segment_it_begins_anew(replicas):
    log = replicas.logs[1]
    start_at(log, 10)
    truncate_to(log, 3)
    assert (log.log_start_offset, log.end_offset) == (3, 3)


def test_a_disk_that_refuses_a_cut_closes_the_log():
    replicas = Replicas(disks=True)
    for number in range(60):
        replicas.send(b"v" * 40)
    replicas.follow_all()
    replicas.disks[1].broken = KafkaError(errors.KAFKA_STORAGE_ERROR, "broken")
    with pytest.raises(KafkaError):
        truncate_to(replicas.logs[1], 5)
    assert replicas.logs[1].closed and replicas.logs[1].failed.message == "broken"


def test_replicas_in_memory_share_large_batches_which_are_counted_once():
    memory = Memory(10_000_000)
    config = Configs(parse_broker_settings({})).preview({})
    leader, follower = (Log("t-0", config, VirtualClock(), random.Random(1), MemoryFiles(memory)) for _ in range(2))
    leader.begin_epoch(0)
    for _ in range(10):
        batch = build_batch([Record(0, 0, None, bytes(100_000), ())])
        leader.append(leader.check(memoryview(bytearray(batch)), 0), 0, 0)
    once = memory.used
    batches = batches_from(leader, 0, 1 << 30)[0]
    for header, data in batches:
        append_replicated(follower, header, data)
    assert len(batches) == 10 and memory.used == once
    truncate_to(leader, 5)
    assert memory.used == once  # the follower has all of it
    truncate_to(follower, 2)
    assert memory.used == once // 2
    leader.delete()
    assert memory.used == once // 5
    follower.delete()
    assert memory.used == 0


# -- chance ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("disks", [False, True])
@pytest.mark.parametrize("seed", seeds(6, 200))
def test_a_follower_is_what_its_leader_was(seed, disks):
    replicas = Replicas(seed, disks=disks)
    for _ in range(8):
        for _ in range(replicas.choose.randrange(60)):
            replicas.step()
            if disks and replicas.choose.random() < 0.3:
                replicas.choose.choice(replicas.later).step()
        for index in range(3):
            replicas.check(index)
    replicas.follow_all()
    for index in range(3):
        replicas.check(index)


# -- crashes --------------------------------------------------------------------------------------


def common_end(log, other):
    """How far two logs are the same."""
    for (mine, data), (theirs, others) in zip(log.batches(), other.batches()):
        if bytes(data) != bytes(others):
            return min(mine.base_offset, theirs.base_offset)
    return min(log.end_offset, other.end_offset)


@pytest.mark.parametrize("seed", seeds(12, 400))
def test_a_follower_may_crash_anywhere(seed):
    """What was on disk and not cut is there; once it has cut what its leader has not, it is as if nothing had happened."""
    replicas = Replicas(seed, disks=True)
    choose = replicas.choose
    for round in range(8):
        victim = choose.randrange(3)
        for _ in range(choose.randrange(60)):
            replicas.step()
            if choose.random() < 0.3:
                choose.choice(replicas.later).step()
            if choose.random() < 0.03:
                index = choose.randrange(3)
                replicas.checkpoints[index] = replicas.logs[index].recovery_point
        if victim == replicas.leader:
            replicas.elect((victim + 1) % 3)
        disk, log = replicas.disks[victim], replicas.logs[victim]
        disk.fuse = choose.randrange(40)
        cut = None
        try:
            for _ in range(40):
                cut, end = None, log.end_offset
                replicas.follow(victim, choose.choice((1, 300, 1 << 20)))
                if choose.random() < 0.3 or end == log.end_offset:
                    offset = choose.randint(0, end)
                    cut = max((base for base, _ in offsets(log) if base <= offset), default=0)
                    truncate_to(log, offset)
                replicas.later[victim].step()
        except PowerCut:
            pass
        disk.fuse = None
        flushed = log.flushed_offset if cut is None else min(cut, log.flushed_offset)
        replicas.disks[victim] = disk.copy() if round % 3 == 2 else disk.crash(choose)
        log = replicas.logs[victim] = replicas.open(victim, clean=False)
        end = common_end(log, replicas.leading)
        assert end >= flushed
        truncate_to(log, end)
        replicas.check(victim)
        replicas.follow(victim, 600)
        replicas.check(victim)
    replicas.follow_all()
    for index in range(3):
        replicas.check(index)
