"""From a source's offsets to the target's."""

import random

import pytest

from emulator.apps.mirror.offset_map import OffsetMap


def test_runs_are_exact_and_gaps_too_early_rather_than_too_late():
    offsets = OffsetMap()
    assert offsets.translate(5) is None
    offsets.add(10, 100, 5)
    offsets.add(15, 105, 5)  # goes on from there
    offsets.add(21, 110, 4)  # a marker was between
    assert [offsets.translate(one) for one in (9, 10, 14, 15, 20, 21, 23, 25, 1000)] == [None, 100, 104, 105, 110, 110, 112, 114, 114]
    assert offsets.told() == [(10, 100, 10), (21, 110, 4)]
    assert OffsetMap.read([list(run) for run in offsets.told()]).translate(23) == 112


def test_of_many_runs_old_ones_are_given_up_and_none_is_too_late():
    chance, offsets, truth = random.Random(7), OffsetMap(), {}
    source = target = 0
    for _ in range(5000):
        count = chance.randint(1, 5)
        offsets.add(source, target, count)
        truth.update((source + number, target + number) for number in range(count))
        source, target = source + count + 1, target + count
    assert len(offsets._runs) <= 1000
    assert all(offsets.translate(one) <= there for one, there in truth.items())
    assert offsets.translate(source - 2) == truth[source - 2]


@pytest.mark.parametrize("told", [None, 1, "x", [1], [[1, 2]], [[1, 2, "3"]], [[-1, 2, 3]], [[5, 1, 1], [4, 2, 1]], [[True, 1, 1]], [[1 << 70, 1, 1]]])
def test_what_is_no_map_is_none(told):
    assert OffsetMap.read(told).told() == []


def test_what_was_given_up_is_forgotten():
    one = OffsetMap([(0, 100, 10), (10, 200, 10), (20, 300, 0)])
    one.cut(15)
    assert one.told() == [(0, 100, 10), (10, 200, 5)] and one.translate(19) == 205
    one.add(15, 400, 5)
    assert one.translate(17) == 402
    one.cut(0)
    assert one.told() == [] and one.translate(3) is None
