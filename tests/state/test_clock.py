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


def test_others_have_a_turn_between_the_deadlines_of_an_advance():
    clock, seen = VirtualClock(0), []
    clock.at(5, lambda: clock.soon(lambda: seen.append("soon")))
    clock.at(5, lambda: seen.append("equal"))
    clock.at(7, lambda: seen.append("later"))
    for _ in clock.steps(6, expire_sessions=False):
        seen.append(clock.now())
    assert seen == [5, "equal", 5, "soon", 5]
    assert clock.now() == 6


def test_what_is_made_on_the_way_for_a_time_on_the_way_happens_on_the_way():
    clock, fired = VirtualClock(0), []

    def again():
        fired.append(clock.now())
        clock.after(10, again)

    clock.after(10, again)
    clock.advance(35)
    clock.advance(5)
    assert fired == [10, 20, 30, 40]


def test_an_advance_says_how_far_it_spares_those_who_are_there():
    clock, seen = VirtualClock(0), []
    for at in (1, 3):
        clock.at(at, lambda: seen.append(clock.spared_ms))
    clock.advance(2)
    clock.advance(2, expire_sessions=True)
    assert seen == [2, 0] and clock.spared_ms == 0


def test_what_happened_is_counted():
    clock = VirtualClock(0)
    for what, count in (("offsets expired", 2), ("sessions expired", 1), ("offsets expired", 1), ("locks expired", 0)):
        clock.happened(what, count)
    assert clock.tally == {"offsets expired": 3, "sessions expired": 1}
