"""When a log is brought to disk, and what may be seen of it before: by flush.messages, by flush.ms, at a roll."""

import random

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log import Log
from emulator.state.log.flush import Flusher
from emulator.state.log.retention import delete_old_segments
from tests.state.log.simulated_disk import SimulatedDisk
from wire import errors
from wire.errors import KafkaError
from wire.records import Record, build_batch


class Offload:
    """Work waits here until the test has it done."""

    def __init__(self):
        self.waiting = []

    def __call__(self, function, done):
        self.waiting.append((function, done))

    def do(self, error=None):
        function, done = self.waiting.pop(0)
        function()
        done(error)


class Partition:
    def __init__(self, broker=(), **overrides):
        self.clock, self.offload = VirtualClock(), Offload()
        self.flusher = Flusher(self.offload)
        self.disk = SimulatedDisk()
        configs = Configs(parse_broker_settings(dict(broker)))
        config = configs.preview({name.replace("_", "."): str(value) for name, value in overrides.items()})
        self.log = Log("t-0", config, self.clock, random.Random(1), self.disk, flusher=self.flusher)
        self.log.begin_epoch(0)

    def send(self, count=1):
        now = self.clock.now()
        batch = build_batch([Record(index, now, None, b"v", ()) for index in range(count)])
        self.log.append(self.log.check(batch, now), 0, now)

    @property
    def seen(self):
        return self.log.high_watermark

    @property
    def flushes(self):
        return len(self.offload.waiting)


def test_by_default_nothing_waits():
    partition = Partition()
    partition.send(1000)
    assert (partition.seen, partition.flushes, partition.log.unflushed) == (1000, 0, 1000)


def test_one_flush_serves_all_that_came_before_it_began():
    partition = Partition(flush_messages=1)
    told = []
    partition.log.watch(lambda: told.append(partition.seen))
    partition.send()
    partition.send()
    partition.send()
    assert (partition.seen, partition.flushes) == (0, 1)
    partition.offload.do()  # began with the first record; the others need another
    assert (partition.seen, partition.flushes) == (1, 1)
    partition.offload.do()
    assert (partition.seen, partition.flushes, told) == (3, 0, [1, 3])
    assert partition.log.unflushed == 0


def test_a_number_of_records_may_wait_together():
    partition = Partition(flush_messages=10)
    for _ in range(9):
        partition.send()
    assert (partition.seen, partition.flushes) == (9, 0)
    partition.send()
    assert (partition.seen, partition.flushes) == (9, 1)
    partition.send(3)
    assert partition.seen == 9
    partition.offload.do()
    assert (partition.seen, partition.flushes, partition.log.flushed_offset) == (13, 0, 10)


def test_after_a_while_what_was_written_is_flushed():
    partition = Partition(flush_ms=1000)
    partition.flusher.start(lambda: [partition.log], 300, partition.clock)
    partition.clock.advance(2000)
    assert partition.flushes == 0  # there is nothing
    partition.send()
    assert partition.seen == 1
    partition.clock.advance(299)
    partition.clock.advance(2)
    assert partition.flushes == 1
    partition.offload.do()
    assert partition.log.flushed_offset == 1
    partition.send()
    partition.clock.advance(900)
    assert partition.flushes == 0
    partition.clock.advance(300)
    assert partition.flushes == 1


@pytest.mark.parametrize("broker, flush_ms, flush_messages", [
    ({}, 2**63 - 1, 2**63 - 1),
    ({"log.flush.interval.messages": 7}, 2**63 - 1, 7),
    ({"log.flush.scheduler.interval.ms": 500}, 500, 2**63 - 1),
    ({"log.flush.scheduler.interval.ms": 500, "log.flush.interval.ms": 800}, 800, 2**63 - 1),
])  # fmt: skip
def test_the_broker_s_defaults(broker, flush_ms, flush_messages):
    config = Configs(parse_broker_settings(broker)).preview({})
    assert (config.flush_ms, config.flush_messages) == (flush_ms, flush_messages)


def test_a_roll_brings_the_segment_before_it_to_disk():
    partition = Partition(internal_segment_bytes=150)
    partition.send()
    partition.send()
    assert partition.flushes == 0
    partition.send()
    assert (len(partition.log.segments), partition.flushes, partition.seen) == (2, 1, 3)
    partition.offload.do()
    assert partition.log.flushed_offset == partition.log.recovery_point == 2
    sealed = partition.disk.crash(random.Random(1))
    assert sealed.load("00000000000000000000.log")
    assert {"00000000000000000000.index", "00000000000000000000.timeindex", "00000000000000000002.snapshot"} <= set(sealed.names())


def test_a_log_whose_flush_failed_is_closed_and_says_why():
    partition = Partition(flush_messages=1)
    woken = []
    partition.log.watch(lambda: woken.append(True))
    partition.send()
    partition.offload.do(KafkaError(errors.KAFKA_STORAGE_ERROR, "gone"))
    assert partition.log.closed and woken and partition.seen == 0
    for action in (partition.send, lambda: partition.log.read(0, 100, 1), lambda: partition.log.delete_records(0)):
        with pytest.raises(KafkaError) as refused:
            action()
        assert (refused.value.error, refused.value.message) == (errors.KAFKA_STORAGE_ERROR, "gone")
    assert delete_old_segments(partition.log, partition.clock.now()) == 0


def test_what_coordinators_wrote_is_owed_until_it_is_on_disk():
    partition = Partition(flush_messages=1)
    log, now = partition.log, partition.clock.now()
    log.append_marker(True, 7, 0, 0, 0, now)
    assert (partition.flusher.owed, dict(partition.flusher.owing)) == (1, {log: 1})
    partition.offload.do()
    assert (partition.flusher.owed, dict(partition.flusher.owing)) == (1, {})
    log.append_marker(True, 7, 0, 0, 0, now)
    log.delete()
    partition.offload.do()
    assert not partition.flusher.owing


def test_who_stops_waits_for_what_is_on_its_way():
    partition, told = Partition(flush_messages=1), []
    partition.flusher.drain(lambda: told.append("nothing was"))
    partition.send()
    partition.send()
    partition.flusher.drain(lambda: told.append("all is there"))
    partition.offload.do()
    assert told == ["nothing was"] and partition.flushes == 1
    partition.offload.do()
    assert told == ["nothing was", "all is there"] and partition.seen == 2
