"""A copy of a log in memory shares its bytes, and nothing else: neither sees what becomes of the other."""

import random

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log import Log
from emulator.state.log.files import MemoryFile, MemoryFiles
from emulator.state.log.memory import Memory
from emulator.state.log.replica import truncate_to
from emulator.state.log.retention import delete_old_segments
from wire import errors
from wire.errors import KafkaError
from wire.records import Record, build_batch, iter_records

NOW = 1_700_000_000_000


def new_log(memory, **configs):
    texts = {name.replace("_", "."): str(value) for name, value in configs.items()}
    config = Configs(parse_broker_settings({})).preview(texts)
    log = Log("t-0", config, VirtualClock(NOW), random.Random(1), MemoryFiles(memory))
    log.begin_epoch(0)
    return log


def copied(log, memory=None):
    return log.copy(log.config, log._time, random.Random(1), MemoryFiles(memory or log.files.memory))


def append(log, value, **producer):
    batch = build_batch([Record(None, NOW, None, value)], **producer)
    return log.append(log.check(memoryview(bytearray(batch)), NOW), 0, NOW, verified=bool(producer)).base_offset


def values(log):
    return [record.value for _, batch in log.batches() for record in iter_records(batch)]


@pytest.mark.parametrize("size", [10, 5_000, 40_000])
@pytest.mark.parametrize("seed", range(5))
def test_each_goes_its_own_way(size, seed):
    """Whatever is done to any of several copies of copies, each has what was done to it."""
    chance, memory = random.Random(seed), Memory()
    logs = [(new_log(memory, internal_segment_bytes=100_000, retention_bytes=300_000), [])]
    for step in range(150):
        log, model = chance.choice(logs)
        what = chance.random()
        if what < 0.75:
            value = b"%d:" % step * (size // 4)
            append(log, value)
            model.append(value)
        elif what < 0.85 and log.end_offset > log.log_start_offset:
            end = chance.randint(log.log_start_offset, log.end_offset)
            truncate_to(log, end)
            log.begin_epoch(0)
            del model[end - log.log_start_offset :]
        elif what < 0.9:
            before = log.log_start_offset
            delete_old_segments(log, NOW)
            del model[: log.log_start_offset - before]
        elif len(logs) < 6:
            logs.append((copied(log), model[:]))
        for one, expected in logs:
            assert values(one) == expected, step
    del log, one
    for one, _ in logs:
        one.delete()
    logs.clear()
    memory.settle()
    assert memory.used == 0


def test_a_reader_keeps_what_it_was_given():
    memory = Memory()
    log = new_log(memory)
    append(log, b"one")
    other = copied(log)
    given = log.read(0, 1000, log.end_offset)
    append(other, b"other")
    truncate_to(log, 0)
    log.begin_epoch(0)
    append(log, b"two")
    assert [record.value for piece in given.records for record in iter_records(piece)] == [b"one"]
    assert (values(log), values(other)) == ([b"two"], [b"one", b"other"])


def test_what_is_known_of_producers_and_transactions_goes_along():
    log = new_log(Memory())
    producer = dict(producer_id=7, producer_epoch=0)
    append(log, b"aborted", base_sequence=0, transactional=True, **producer)
    log.append_marker(False, 7, 0, 0, 0, NOW)
    append(log, b"open", base_sequence=1, transactional=True, **producer)
    other = copied(log)
    assert (other.last_stable_offset, other.high_watermark, list(other.aborted)) == (2, 3, list(log.aborted))
    assert append(other, b"open", base_sequence=1, transactional=True, **producer) == 2, "a duplicate"
    log.append_marker(True, 7, 0, 0, 0, NOW)
    append(log, b"next", base_sequence=2, transactional=True, **producer)
    assert (log.last_stable_offset, other.last_stable_offset) == (4, 2)
    with pytest.raises(KafkaError) as refused:
        append(other, b"gap", base_sequence=9, transactional=True, **producer)
    assert refused.value.error == errors.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_shared_bytes_are_counted_once_and_until_nobody_has_them():
    memory, elsewhere = Memory(10_000_000), Memory(10_000_000)
    log = new_log(memory)
    for _ in range(20):
        append(log, bytes(100_000))
    once = memory.used
    copies = [copied(log), copied(log), copied(log, elsewhere)]
    assert (memory.used, elsewhere.used) == (once, 0)
    append(copies[2], bytes(100_000))
    assert memory.used == once and 100_000 < elsewhere.used < 110_000
    log.delete()
    del copies[:2]
    memory.settle()
    assert memory.used == once
    copies.clear()
    memory.settle(), elsewhere.settle()
    assert (memory.used, elsewhere.used) == (0, 0)


def test_who_is_refused_for_want_of_memory_is_not_once_a_copy_is_gone():
    memory = Memory(1_000_000)
    log = new_log(memory)
    other = copied(log)
    while not memory.full:
        append(other, bytes(100_000))
    third = copied(other)
    other.delete()
    with pytest.raises(KafkaError):
        append(log, b"no room")
    del other, third
    append(log, b"room")


def test_copies_of_copies_without_end_take_no_more_and_more():
    memory = Memory()
    file = MemoryFile(memory)
    for number in range(2_000):
        file.append(b"", b"x" * 3_000)
        file = file.copy(memory)
    assert file.size == 6_000_000 and memory.used < 10_000_000
    del file
    memory.settle()
    assert memory.used == 0
