"""Power is cut at moments that chance chooses, over and over: what was promised is there, and all else is as if never written."""

import random

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log import Log
from emulator.state.log.cleaner import dirt
from emulator.state.log.compaction import Compaction
from emulator.state.log.flush import Flusher
from tests.state.log.simulated_disk import PowerCut, SimulatedDisk
from wire.records import Record, build_batch, iter_records


def seeds(few, many):
    """A few chances in every run, many more when there is time."""
    return [*range(few), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(few, many))]


class Later:
    """`offload` whose work is done, and told, when chance wants."""

    def __init__(self, choose):
        self.choose = choose
        self.undone, self.untold = [], []

    def __call__(self, function, done):
        self.undone.append((function, done))

    def step(self):
        if self.untold and self.choose.random() < 0.5:
            self.untold.pop(0)()
        elif self.undone:
            function, done = self.undone.pop(0)
            function()
            self.untold.append(lambda: done(None))


class Crashing:
    """A log whose disk crashes, and beside it what was done to it: [(end offset afterwards, how to do it to another log)]."""

    def __init__(self, seed, **overrides):
        self.choose = random.Random(seed)
        self.clock = VirtualClock()
        self.config = Configs(parse_broker_settings({})).preview(
            {"internal.segment.bytes": "1500", "index.interval.bytes": "200", "file.delete.delay.ms": "5"}
            | {name.replace("_", "."): str(value) for name, value in overrides.items()}
        )
        self.done, self.sequences, self.epoch, self.deletes = [], {}, 0, False
        self.written = {}  # offset -> value, of what was sent last
        self.disk, self.checkpoint, self.start = SimulatedDisk(), 0, 0
        self.open(True)

    def open(self, clean):
        self.later = Later(self.choose)
        self.log = Log(
            "t-0", self.config, self.clock, random.Random(1), self.disk,
            clean=clean, recovery_point=self.checkpoint, log_start_offset=self.start, flusher=Flusher(self.later),
        )  # fmt: skip
        self.epoch += 1
        self.log.begin_epoch(self.epoch)

    def do(self, action, count):
        self.done.append((self.log.end_offset + count, action))  # the power may be cut when it is done but for its end
        action(self.log)

    def send(self, key=None):
        choose, now, epoch = self.choose, self.clock.now(), self.epoch
        records = [Record(i, now + i, key, choose.randbytes(choose.randrange(1, 80)), ()) for i in range(choose.randint(1, 3))]
        producer = -1 if self.deletes else choose.randrange(-1, 6)
        options = {}
        if producer >= 0:
            sequence = self.sequences.get(producer, 0)
            options = {"producer_id": producer, "producer_epoch": 0, "base_sequence": sequence, "transactional": producer > 2}
        batch = build_batch(records, **options)
        self.written.update((self.log.end_offset + record.offset, record.value) for record in records)
        self.do(lambda log: log.append(log.check(batch, now), epoch, now, verified=True), len(records))
        if producer >= 0:
            self.sequences[producer] = sequence + len(records)

    def end(self):
        if self.log.producers.open:
            producer, commit = self.choose.choice(list(self.log.producers.open)), self.choose.random() < 0.5
            now, epoch = self.clock.now(), self.epoch
            self.do(lambda log: log.append_marker(commit, producer, 0, 0, epoch, now), 1)

    def step(self):
        chance = self.choose.random()
        self.clock.advance(self.choose.randrange(3))
        if chance < 0.6:
            self.send()
        elif chance < 0.75:
            self.end()
        elif chance < 0.95:
            self.later.step()
        elif chance < 0.98:
            self.checkpoint = self.log.recovery_point
        elif self.deletes:
            self.log.delete_records(self.choose.randint(self.log.log_start_offset, self.log.high_watermark))
            self.start = self.log.log_start_offset

    def crash(self, kernel_lives):
        """What was promised before it: the offset below which all must be there."""
        log = self.log
        promised = log.high_watermark if self.config.flush_messages == 1 else log.flushed_offset
        self.disk.fuse = None
        self.disk = self.disk.copy() if kernel_lives else self.disk.crash(self.choose)
        self.open(clean=False)
        return log.end_offset if kernel_lives else promised

    def forget(self):
        """What did not survive was never done."""
        end = self.log.end_offset
        self.done = [entry for entry in self.done if entry[0] <= end]
        for producer, entry in self.log.producers.items():
            self.sequences[producer] = entry.last_sequence + 1
        for producer in set(self.sequences) - {producer for producer, _ in self.log.producers.items()}:
            del self.sequences[producer]

    def reference(self):
        """A log in memory to which the same was done."""
        log = Log("t-0", self.config, self.clock, random.Random(1))
        log.begin_epoch(1)
        for _, action in self.done:
            action(log)
        return log


def contents(log):
    start = log.log_start_offset
    records = [record for _, batch in log.batches() for record in iter_records(batch, control=True)]
    return [(r.offset, r.timestamp, bytes(r.key or b""), bytes(r.value or b"")) for r in records if r.offset >= start]


def cut(crashing, steps):
    """Go on until the power is cut, in the middle of something."""
    crashing.disk.fuse = crashing.choose.randrange(60)
    try:
        for _ in range(steps):
            crashing.step()
    except PowerCut:
        pass


@pytest.mark.parametrize("flush_messages", [1, 5, 2**63 - 1])
@pytest.mark.parametrize("seed", seeds(5, 200))
def test_nothing_promised_is_lost_and_nothing_else_is_different(seed, flush_messages):
    crashing = Crashing(seed, flush_messages=flush_messages)
    for round in range(6):
        for _ in range(crashing.choose.randrange(150)):
            crashing.step()
        cut(crashing, 100)
        written = crashing.log.end_offset
        promised = crashing.crash(kernel_lives=round % 3 == 2)
        log = crashing.log
        assert promised <= log.end_offset <= max(written, log.end_offset)
        assert log.high_watermark == log.end_offset
        crashing.forget()
        same = crashing.reference()
        assert same.end_offset == log.end_offset
        assert contents(log) == contents(same)
        assert sorted(log.producers.pack()[10:]) == sorted(same.producers.pack()[10:])
        assert dict(log.producers.open) == dict(same.producers.open)
        assert list(log.producers.open) == list(same.producers.open)
        assert list(log.aborted) == list(same.aborted)
        for offset, timestamp, *_ in contents(same):
            assert log.leader_epoch_at(offset) == same.leader_epoch_at(offset)
            found = b"".join(bytes(piece) for piece in log.read(offset, 1, log.end_offset, min_one_message=True).records)
            assert offset in [record.offset for record in iter_records(found, control=True)]
            assert log.find_timestamp(timestamp) == same.find_timestamp(timestamp)
        assert log.find_max_timestamp() == same.find_max_timestamp()


@pytest.mark.parametrize("seed", seeds(8, 300))
def test_what_was_deleted_does_not_come_back(seed):
    crashing = Crashing(seed)
    crashing.deletes = True
    for round in range(6):
        for _ in range(crashing.choose.randrange(150)):
            crashing.step()
        cut(crashing, 100)
        start = crashing.start
        promised = crashing.crash(kernel_lives=round % 3 == 2)
        log = crashing.log
        assert log.end_offset >= promised
        assert log.log_start_offset >= start
        crashing.written = {o: v for o, v in crashing.written.items() if log.log_start_offset <= o < log.end_offset}
        assert {offset: value for offset, _, _, value in contents(log)} == crashing.written


@pytest.mark.parametrize("seed", seeds(10, 500))
def test_compaction_may_be_cut_off_anywhere(seed):
    crashing = Crashing(seed, cleanup_policy="compact", min_cleanable_dirty_ratio=0)
    choose, newest = crashing.choose, {}
    for round in range(5):
        for _ in range(choose.randrange(40, 120)):
            key, value, now, epoch = b"%d" % choose.randrange(8), choose.randbytes(40), crashing.clock.now(), crashing.epoch
            batch = build_batch([Record(0, now, key, value, ())])
            crashing.log.append(crashing.log.check(batch, now), epoch, now)
            while crashing.later.undone or crashing.later.untold:
                crashing.later.step()
        log = crashing.log
        before = {key: (offset, value) for offset, _, key, value in contents(log)}
        crashing.checkpoint = log.recovery_point
        crashing.disk.fuse = choose.randrange(120)
        try:
            for _ in range(3):
                found = dirt(log, crashing.clock.now())
                if found:
                    for _ in Compaction(log, found.segments, found.first_dirty, crashing.clock.now(), 1_000_000).slices():
                        pass
                crashing.clock.advance(3)
        except PowerCut:
            pass
        end, promised = log.end_offset, log.flushed_offset
        crashing.crash(kernel_lives=round % 3 == 2)
        log = crashing.log
        assert promised <= log.end_offset <= end
        after = {key: (offset, value) for offset, _, key, value in contents(log)}
        for key, (offset, value) in before.items():
            if offset < log.end_offset:
                assert after[key] == (offset, value)
        assert [entry[0] for entry in contents(log)] == sorted({entry[0] for entry in contents(log)})
