"""Memory for large frames: on disk one after the other in the same, in memory each in its own."""

import pytest

from emulator.runtime.frames import FreshFrames, ReusedFrames


def test_a_frame_that_nobody_looks_at_serves_the_next_one():
    frames = ReusedFrames()
    first = frames.take(1000)
    frames.give(first)
    assert frames.take(900) is first
    assert len(first) == 1000


def test_a_frame_that_somebody_still_looks_at_is_left_to_him():
    frames = ReusedFrames()
    frame = frames.take(1000)
    view = memoryview(frame)[10:20]
    frames.give(frame)
    assert frames.take(1000) is not frame
    del view


def test_one_that_is_too_short_is_not_given_out():
    frames = ReusedFrames()
    frames.give(frames.take(1000))
    assert len(frames.take(1001)) == 1001


@pytest.mark.parametrize("sizes", [[3_000_000] * 10, [9_000_000], [100, 8_300_000]])
def test_no_more_than_a_few_megabytes_are_kept(sizes):
    frames = ReusedFrames()
    for frame in [frames.take(size) for size in sizes]:
        frames.give(frame)
    assert sum(map(len, frames._free)) <= 8 * 1024 * 1024


def test_fresh_ones_are_never_used_again():
    frames = FreshFrames()
    frame = frames.take(1000)
    frames.give(frame)
    assert frames.take(1000) is not frame
