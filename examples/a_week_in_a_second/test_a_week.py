"""A week and more, in no time: the cluster's clock stands until a test advances it."""

import pytest
from sign_ins import TOPIC, Archive, SignIns, set_up

CONFIG = {"offsets.topic.num.partitions": 1}  # Kafka has 50; a week goes by more quickly with fewer
pytestmark = pytest.mark.kafka(clock="virtual", config=CONFIG)


@pytest.fixture
def sign_ins(kafka):
    set_up(kafka.bootstrap)
    return SignIns(kafka.bootstrap)


@pytest.fixture
def archive(kafka):
    archive = Archive(kafka.bootstrap)
    yield archive
    archive.close()


def test_a_sign_in_is_there_for_a_week_and_no_longer(kafka, sign_ins):
    sign_ins.add("ann")
    kafka.clock.advance(days=6, hours=23)
    assert [record.text for record in kafka.records(TOPIC)] == ["ann"]
    assert kafka.clock.advance(hours=2) == {"segments deleted": 1}
    assert kafka.records(TOPIC) == []


def test_each_day_of_a_month_only_the_last_week_is_there(kafka, sign_ins):
    for day in range(30):
        sign_ins.add(f"day {day}")
        kafka.clock.advance(days=1)
        there = [record.text for record in kafka.records(TOPIC)]
        assert there[-1] == f"day {day}" and len(there) <= 8  # a day's segment goes when its newest sign-in is old enough


def test_an_archive_that_was_away_for_six_days_misses_nothing(kafka, sign_ins, archive):
    for day in range(6):
        sign_ins.add(f"day {day}")
        kafka.clock.advance(days=1)
    assert archive.catch_up() == (6, 0)


def test_after_a_fortnight_nobody_knows_how_far_it_was(kafka, sign_ins, archive):
    """offsets.retention.minutes is a week, too: it cannot tell what it has missed from what it has counted."""
    sign_ins.add("before")
    assert archive.catch_up() == (1, 0)
    for day in range(14):
        sign_ins.add(f"day {day}")
        kafka.clock.advance(days=1)
    assert archive.catch_up() == (8, 7)  # one of the seven it had counted


@pytest.mark.kafka(clock="virtual", config={**CONFIG, "offsets.retention.minutes": 30 * 24 * 60})
def test_with_offsets_kept_for_longer_it_knows(kafka, sign_ins, archive):
    sign_ins.add("before")
    assert archive.catch_up() == (1, 0)
    for day in range(14):
        sign_ins.add(f"day {day}")
        kafka.clock.advance(days=1)
    assert archive.catch_up() == (8, 6)
