from emulator.state.clock import VirtualClock


def test_deadlines_fire_in_order_and_see_their_own_time():
    clock, fired = VirtualClock(0), []
    clock.at(5, lambda: fired.append(("b", clock.now())))
    clock.at(3, lambda: clock.after(1, lambda: fired.append(("a", clock.now()))))
    clock.advance(4)
    assert fired == [("a", 4)]
    clock.advance(10)
    assert fired == [("a", 4), ("b", 5)]
    assert clock.now() == 14


def test_equal_deadlines_fire_in_the_order_they_were_made():
    clock, fired = VirtualClock(0), []
    for name in "abc":
        clock.at(1, lambda name=name: fired.append(name))
    clock.advance(1)
    assert fired == ["a", "b", "c"]


def test_a_cancelled_deadline_never_fires_and_does_not_stay():
    clock, fired = VirtualClock(0), []
    for _ in range(10_000):
        clock.after(1_000_000, lambda: fired.append(1)).cancel()
    kept = clock.after(5, lambda: fired.append(2))
    assert len(clock._heap) < 200
    assert clock.next_deadline() == 5 and kept.pending
    clock.advance(2_000_000)
    assert fired == [2] and not kept.pending
