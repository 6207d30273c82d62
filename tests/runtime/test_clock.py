"""Time in the user's hand, on a real event loop."""

import gevent
import pytest

from emulator.runtime.clock import LATEST_MS, ManualClock


@pytest.fixture
def clock():
    clock = ManualClock(0)
    yield clock
    clock.close()


def test_it_stands_still_until_told(clock):
    fired = []
    clock.after(1, lambda: fired.append(clock.now()))
    gevent.sleep(0.01)
    assert (clock.now(), fired) == (0, [])
    clock.advance(10)
    assert (clock.now(), fired) == (10, [1])


def test_it_starts_now():
    assert 1_700_000_000_000 < ManualClock().now() < LATEST_MS


def test_what_is_due_at_once_needs_no_advance(clock):
    fired = []
    clock.soon(lambda: (fired.append("a"), clock.soon(lambda: fired.append("b"))))
    assert fired == []
    gevent.sleep(0)
    gevent.sleep(0)
    gevent.sleep(0)
    assert fired == ["a", "b"]


def test_others_are_served_during_a_long_advance(clock):
    turns, done = [], []

    def work():
        clock.after(1, work)

    clock.after(1, work)
    other = gevent.spawn(lambda: [(turns.append(clock.now()), gevent.sleep(0)) for _ in iter(lambda: bool(done), True)])
    gevent.sleep(0)
    clock.advance(200_000)
    done.append(True)
    other.join(5)
    assert len(turns) > 5 and turns == sorted(turns) and turns[0] == 0 and clock.now() == 200_000


def test_advances_go_one_after_the_other(clock):
    fired = []
    for at in range(1, 20_001):
        clock.at(at, lambda at=at: fired.append(at))
    both = [gevent.spawn(clock.advance, 10_000), gevent.spawn(clock.advance, 10_000)]
    gevent.joinall(both, timeout=10)
    assert fired == list(range(1, 20_001)) and clock.now() == 20_000


def test_one_failure_does_not_keep_the_rest_from_happening(clock, caplog):
    fired = []
    clock.at(1, lambda: 1 / 0)
    clock.at(2, lambda: fired.append(2))
    clock.advance(5)
    assert fired == [2] and "division by zero" in caplog.text


@pytest.mark.parametrize("ms", [-1, LATEST_MS + 1])
def test_times_that_cannot_be(clock, ms):
    with pytest.raises(ValueError):
        clock.advance(ms)
    assert clock.now() == 0


def test_an_advance_ends_with_its_server(clock):
    def work():
        clock.after(1, work)

    clock.after(1, work)
    advancing = gevent.spawn(clock.advance, 10_000_000_000)
    gevent.sleep(0.02)
    clock.close()
    advancing.join(5)
    assert advancing.ready() and clock.now() < 10_000_000_000


def test_it_tells_what_happened(clock):
    clock.at(1, lambda: clock.happened("offsets expired", 2))
    assert clock.advance(1) == {"offsets expired": 2}
    assert clock.advance(1) == {}
