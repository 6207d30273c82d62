"""Retention: what goes when, segment by segment."""

import random
from types import SimpleNamespace

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log import Log
from emulator.state.log.retention import Retention
from wire.records import Record, build_batch

HOUR = 3_600_000


class Kept:
    """A log under retention: `put` appends a batch of 1,000 bytes or so, stamped now or by `ago` ms before."""

    def __init__(self, **configs):
        self.time = VirtualClock()
        names = {name.replace("_", "."): str(value) for name, value in {"internal.segment.bytes": 2500, **configs}.items()}
        self.log = Log("t-0", Configs(parse_broker_settings({})).preview(names), self.time, random.Random(1))
        self.log.begin_epoch(0)
        settings = SimpleNamespace(log_initial_task_delay_ms=30_000, log_retention_check_interval_ms=300_000, producer_id_expiration_ms=24 * HOUR)
        self.retention = Retention(lambda: [self.log], lambda: settings, self.time)

    def put(self, count=1, ago=0, **options):
        now = self.time.now()
        for _ in range(count):
            batch = build_batch([Record(None, now - ago, b"k", b"v" * 930)], **options)
            self.log.append(self.log.check(memoryview(bytearray(batch)), now), 0, now)
        return self

    @property
    def offsets(self):
        return self.log.log_start_offset, self.log.end_offset


@pytest.fixture
def kept():
    return Kept(retention_ms=HOUR)


def test_what_is_due_goes_when_told(kept):
    kept.put(5)
    assert kept.retention.run() == 0
    kept.time.advance(HOUR + 1)
    assert kept.offsets == (0, 5)
    assert kept.retention.run() == 3
    assert kept.offsets == (5, 5)


def test_it_looks_every_check_interval(kept):
    kept.put(5)
    kept.retention.start()
    kept.time.advance(HOUR + 29_999)  # the last look was at 55:30
    assert kept.offsets == (0, 5)
    kept.time.advance(1)
    assert kept.offsets == (5, 5)
    assert kept.time.tally == {"segments deleted": 3}


def test_a_segment_stamped_in_the_future_keeps_those_behind_it_but_for_size(kept):
    kept.put(2, ago=-HOUR).put(3)
    kept.time.advance(HOUR + 1)
    assert kept.retention.run() == 0
    kept.log.config = Kept(retention_ms=HOUR, retention_bytes=3000).log.config
    assert kept.retention.run() == 3  # by size the first, and then by time the others
    assert kept.offsets == (5, 5)


def test_an_empty_active_segment_stays(kept):
    kept.put(2)
    kept.log._roll()
    active = kept.log.segments[-1]
    kept.time.advance(2 * HOUR)
    assert kept.retention.run() == 1
    assert kept.log.segments == [active]
    assert kept.retention.run() == 0


def test_producers_that_were_not_heard_of_are_forgotten(kept):
    kept.put(producer_id=7, producer_epoch=0, base_sequence=0)
    kept.time.advance(24 * HOUR + 1)
    kept.retention.run()
    assert len(kept.log.producers) == 0
