"""The bound on what records take in memory."""

import random

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log import Log
from emulator.state.log.files import MemoryFiles
from emulator.state.log.memory import Memory
from emulator.state.log.retention import delete_old_segments
from wire import errors
from wire.errors import KafkaError
from wire.records import Record, build_batch

HOUR = 3_600_000


@pytest.fixture
def memory():
    return Memory(1_000_000)


@pytest.fixture
def log(memory):
    config = Configs(parse_broker_settings({})).preview({"internal.segment.bytes": "100000", "retention.ms": str(HOUR)})
    log = Log("t-0", config, VirtualClock(), random.Random(1), MemoryFiles(memory))
    log.begin_epoch(0)
    return log


def fill(log, size, count=10_000):
    """Batches of `size` until one is refused; how many were taken."""
    now = log._time.now()
    for taken in range(count):
        try:
            log.append(log.check(memoryview(bytearray(build_batch([Record(None, now, None, b"v" * size)]))), now), 0, now)
        except KafkaError as refusal:
            assert refusal.error == errors.KAFKA_STORAGE_ERROR
            return taken
    return count


@pytest.mark.parametrize("size", [10, 1_000, 20_000, 60_000])
def test_when_it_is_full_producers_are_refused_until_something_went(log, memory, caplog, size):
    fill(log, size)
    fill(log, size)
    assert 1_000_000 <= memory.used < 1_000_000 + 256 * 1024
    assert log.size > 650_000  # most of it is records, even where a segment ends within a chunk
    assert caplog.text.count("log.memory.max.bytes is 1000000") == 1
    log.delete_records(log.end_offset // 2)
    assert not memory.full and memory.used < 900_000
    assert fill(log, size)
    assert caplog.text.count("log.memory.max.bytes") == 2


def test_markers_are_written_all_the_same(log, memory):
    now = log._time.now()
    batch = build_batch([Record(None, now, None, b"v")], producer_id=7, producer_epoch=0, base_sequence=0, transactional=True)
    log.append(log.check(memoryview(bytearray(batch)), now), 0, now, verified=True)
    fill(log, 1_000)
    log.append_marker(True, 7, 0, 0, 0, now)
    assert log.last_stable_offset == log.end_offset


def test_all_is_given_back(log, memory):
    fill(log, 1_000)
    held = log.read(0, 1 << 20, log.high_watermark)
    log._time.advance(2 * HOUR)
    delete_old_segments(log, log._time.now())
    assert memory.used == 0 and bytes(held.records[0][:8]) == bytes(8)
    fill(log, 1_000, 10)
    log.delete()
    assert memory.used == 0


def test_a_truncated_file_gives_back_what_it_lost(memory):
    file = MemoryFiles(memory).open("f")
    for _ in range(100):
        file.append(b"", b"x" * 10_000)
    file.truncate(500_000)
    assert 500_000 <= memory.used < 800_000
    del file
    assert memory.used == 0
