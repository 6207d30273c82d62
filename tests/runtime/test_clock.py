"""Time in the user's hand, on a real event loop."""

import gevent
import pytest
from gevent import event, socket

from emulator.runtime.clock import LATEST_MS, ManualClock, wall_clock


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


@pytest.fixture
def wall():
    clock = wall_clock()
    yield clock
    clock.close()


def test_every_socket_is_looked_at_between_slices_and_nothing_is_waited_for(wall):
    ours, theirs = socket.socketpair()
    served = gevent.spawn(lambda: [theirs.sendall(theirs.recv(1)) for _ in range(100)])
    slices, waited = [0], []

    def work():
        slices[0] += 1
        if len(waited) < 100:
            wall.soon(work)

    wall.soon(work)
    with gevent.Timeout(20):
        for _ in range(100):
            before = slices[0]
            ours.sendall(b"x")
            ours.recv(1)
            waited.append(slices[0] - before)
        served.join()
    assert max(waited) <= 4 and slices[0] > 100


def test_a_slice_that_fails_does_not_take_the_others_with_it(wall, capsys):
    done = event.Event()
    wall.soon(lambda: 1 // 0)
    wall.soon(done.set)
    assert done.wait(10)
    assert "ZeroDivisionError" in capsys.readouterr().err
