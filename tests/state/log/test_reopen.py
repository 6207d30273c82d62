"""A log that is closed, or loses power, and is opened again: over a simulated disk, and over a real one."""

import random

import pytest

from emulator.runtime.disk import Descriptors, DiskFiles
from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log import Log
from tests.state.log.simulated_disk import SimulatedDisk
from tests.state.log.test_log import values
from wire.records import Record, build_batch, iter_records


class Partition:
    """A log in a directory, and producers that write to it by number."""

    def __init__(self, files, **overrides):
        self.files = files
        self.clock = VirtualClock()
        self.overrides = {"internal.segment.bytes": "2000", "index.interval.bytes": "300"} | {
            name.replace("_", "."): str(value) for name, value in overrides.items()
        }
        self.log = None
        self.open()

    def open(self, **options):
        config = Configs(parse_broker_settings({})).preview(self.overrides)
        self.log = Log("t-0", config, self.clock, random.Random(1), self.files, **options)
        self.log.begin_epoch(0)
        return self.log

    def restart(self):
        start = self.log.log_start_offset
        self.log.close()
        return self.open(log_start_offset=start)

    def kill(self):
        """The process dies; the kernel does not."""
        point = self.log.recovery_point
        if isinstance(self.files, SimulatedDisk):
            self.files = self.files.copy()
        return self.open(clean=False, recovery_point=point)

    def send(self, *values, producer=-1, sequence=-1, epoch=-1, transactional=False, leader_epoch=0):
        self.clock.advance(10)
        now = self.clock.now()
        records = [Record(index, now + index, None, value, ()) for index, value in enumerate(values)]
        batch = build_batch(records, producer_id=producer, producer_epoch=epoch, base_sequence=sequence, transactional=transactional)
        return self.log.append(self.log.check(batch, now), leader_epoch, now, verified=True).base_offset

    def end(self, producer, commit, epoch=0):
        return self.log.append_marker(commit, producer, epoch, 0, 0, self.clock.now())

    def values(self):
        """All there is, as a consumer reads it."""
        found, offset = [], self.log.log_start_offset
        while offset < self.log.high_watermark:
            got = values(self.log, offset, min_one_message=True)
            offset = got[-1][0] + 1
            found += got
        return found


@pytest.fixture(params=["simulated", "disk"])
def partition(request, tmp_path):
    if request.param == "simulated":
        return Partition(SimulatedDisk())
    return Partition(DiskFiles(str(tmp_path / "t-0"), Descriptors(16)))


def fill(partition, count=100):
    return [(partition.send(b"%d" % number + b"x" * 50), b"%d" % number + b"x" * 50) for number in range(count)]


@pytest.fixture(params=["restart", "kill"])
def again(request, partition):
    return getattr(partition, request.param)


def test_all_is_there_again(partition, again):
    written = fill(partition)
    segments = [segment.base_offset for segment in partition.log.segments]
    assert len(segments) > 5
    log = again()
    assert [segment.base_offset for segment in log.segments] == segments
    assert (log.log_start_offset, log.end_offset, log.high_watermark) == (0, 100, 100)
    assert partition.values() == written
    assert partition.send(b"after") == 100
    assert partition.values()[-1] == (100, b"after")


def test_times_are_found_again(partition, again):
    fill(partition)
    began = 1_700_000_000_010
    before = [partition.log.find_timestamp(began + 10 * number, ) for number in range(0, 100, 7)]
    newest = partition.log.find_max_timestamp()
    log = again()
    assert [log.find_timestamp(began + 10 * number) for number in range(0, 100, 7)] == before
    assert [found[0] for found in before] == list(range(0, 100, 7))
    assert log.find_max_timestamp() == newest
    assert log.find_timestamp(began + 1_000_000) is None


@pytest.mark.parametrize("count", (3, 7, 23, 31))
def test_all_that_a_producer_may_send_again_is_known(partition, again, count):
    """Five requests may be under way when the connection breaks; Kafka knows but the last of them after a restart."""
    for sequence in range(count):
        partition.send(b"x" * 60, producer=7, epoch=0, sequence=sequence)
        partition.send(b"y", producer=8, epoch=2, sequence=sequence)
    again()
    for sequence in range(max(0, count - 5), count):
        assert partition.send(b"x" * 60, producer=7, epoch=0, sequence=sequence) == 2 * sequence
        assert partition.send(b"y", producer=8, epoch=2, sequence=sequence) == 2 * sequence + 1
    assert partition.log.end_offset == 2 * count
    assert partition.send(b"x", producer=7, epoch=0, sequence=count) == 2 * count


def test_a_producer_goes_on_where_it_was(partition, again):
    for sequence in range(40):
        partition.send(b"x" * 60, producer=7, epoch=0, sequence=sequence)
    again()
    assert partition.send(b"x" * 60, producer=7, epoch=0, sequence=39) == 39  # a repetition
    assert partition.send(b"y", producer=7, epoch=0, sequence=40) == 40
    assert partition.log.end_offset == 41


def test_transactions_stay_open_or_aborted(partition, again):
    for number in range(30):
        partition.send(b"x" * 60, producer=1, epoch=0, sequence=number, transactional=True)
    partition.send(b"y", producer=2, epoch=0, sequence=0, transactional=True)
    partition.end(1, commit=False)
    partition.send(b"z", producer=3, epoch=0, sequence=0, transactional=True)
    partition.end(3, commit=True)
    before = partition.log
    log = again()
    assert log.last_stable_offset == 30
    assert list(log.aborted) == list(before.aborted)
    assert list(log.aborted)[0].last_stable_offset == 30
    partition.end(2, commit=True)
    assert log.last_stable_offset == log.high_watermark


def test_leader_epochs_are_known_again(partition, again):
    for epoch in range(3):
        partition.log.begin_epoch(epoch)
        for _ in range(20):
            partition.send(b"x" * 60, leader_epoch=epoch)
    log = again()
    assert log.leader_epochs == [(0, 0), (1, 20), (2, 40)]


def test_what_was_deleted_stays_deleted(partition):
    fill(partition)
    partition.log.delete_records(55)
    assert sum(name.endswith(".log.deleted") for name in partition.files.names()) == 3
    log = partition.restart()
    assert log.log_start_offset == 55
    assert partition.values()[0][0] == 55
    assert log.leader_epochs == [(0, 55)]
    assert not [name for name in partition.files.names() if name.endswith(".deleted")]


def test_deleted_files_go_after_a_while(partition):
    fill(partition)
    partition.log.delete_records(55)
    partition.clock.advance(59_999)
    assert any(name.endswith(".deleted") for name in partition.files.names())
    partition.clock.advance(1)
    assert not any(name.endswith(".deleted") for name in partition.files.names())
    assert partition.values()[0][0] == 55


def test_files_that_are_missing_are_made_anew(partition):
    written = fill(partition)
    partition.log.close()
    for name in partition.files.names():
        if name.endswith((".index", ".timeindex")):
            partition.files.remove(name)
    partition.open()
    assert partition.values() == written
    assert partition.log.find_timestamp(1_700_000_000_010 + 500)[0] == 50
