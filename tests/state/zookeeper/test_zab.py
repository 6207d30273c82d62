"""Discovery, synchronisation and broadcast, over a simulated network; the promises hold whatever the dice do."""

import pytest

from tests.state.zookeeper.ensemble import Simulation
from wire.zookeeper.quorum import DIFF, SNAP, TRUNC


def started(**options):
    simulation = Simulation(**options)
    simulation.start()
    simulation.until(simulation.settled, 5000)
    return simulation


def write(simulation, *txns, at=None):
    server = simulation.servers[at] if at else simulation.leader()
    for txn in txns:
        assert server.write(txn)
    simulation.until(lambda: set(txns) <= set(simulation.acknowledged))


@pytest.mark.parametrize("voters, observers", [(3, 0), (5, 0), (3, 2), (1, 1)])
def test_servers_that_start_together_follow_the_highest_id(voters, observers):
    s = started(voters=voters, observers=observers)
    assert s.leader().sid == voters
    assert s.leaders == {1: voters}
    states = [s.servers[sid].peer.state for sid in s.servers]
    assert states == [1] * (voters - 1) + [2] + [3] * observers


def test_a_start_takes_less_than_half_a_second():
    s = Simulation(voters=5, tick_ms=2000)
    s.start()
    s.until(s.settled, 500)


def test_writes_at_any_server_reach_all_in_one_order():
    s = started(voters=3, observers=1)
    for round in range(5):
        for sid in s.servers:
            assert s.servers[sid].write(b"%d of %d" % (round, sid))
    s.until(lambda: len(s.acknowledged) == 20)
    s.advance(100)
    assert all(server.database.applied == s.leader().database.applied for server in s.servers.values())
    assert [zxid for zxid, _ in s.leader().database.applied] == [(1 << 32) + n for n in range(1, 21)]


def test_a_dead_leader_is_replaced_within_700_ms_and_nothing_is_lost():
    s = started(tick_ms=2000)
    write(s, b"a", b"b")
    old = s.leader()
    old.crash()
    s.until(lambda: s.settled(1, 2), 700)
    assert s.leaders == {1: 3, 2: 2}
    write(s, b"c")
    assert s.heal()[:3] == [b"a", b"b", b"c"]


def test_without_a_quorum_the_leader_stops_within_a_few_ticks_and_nothing_is_acknowledged():
    s = started()
    s.servers[1].crash()
    s.servers[2].crash()
    s.servers[3].write(b"lonely")
    s.until(lambda: not s.servers[3].peer.serving, 1000)
    assert s.acknowledged == []
    assert b"lonely" in s.heal()  # it was logged by the best history there is


@pytest.mark.parametrize("written, kind", [((), TRUNC), ((b"b",), SNAP)])
def test_a_leader_that_is_cut_off_steps_down_and_follows(written, kind):
    """A cut does not go back over an epoch: with something written in the new one it is a snapshot."""
    s = started(voters=5)
    write(s, b"a")
    s.split({5}, {1, 2, 3, 4})
    s.servers[5].write(b"lost")
    s.until(lambda: s.settled(1, 2, 3, 4), 3000)
    s.until(lambda: not s.servers[5].peer.serving)
    write(s, *written)
    s.mend()
    s.until(s.settled)
    assert s.servers[5].peer.learner.kind == kind
    assert s.heal() == [b"a", *written, b"healed"]


def behind(missed, seed=0):
    """A follower that was away for so many writes, back: what it got."""
    s = started(seed=seed)
    write(s, b"before")
    s.advance(50)
    s.servers[1].crash()
    for n in range(missed):
        write(s, b"%d" % n)
    s.servers[1].start()
    s.until(s.settled)
    kind = s.servers[1].peer.learner.kind
    assert s.heal() == [b"before", *(b"%d" % n for n in range(missed)), b"healed"]
    return kind


def test_a_follower_that_lacks_little_gets_it():
    assert behind(0) == DIFF
    assert behind(3) == DIFF


def test_a_follower_that_lacks_more_than_is_in_memory_gets_it_from_the_log():
    assert behind(30) == DIFF


def test_a_follower_without_a_common_log_gets_a_snapshot():
    s = started()
    write(s, *(b"%d" % n for n in range(20)))
    s.advance(50)
    leader = s.leader()
    leader.disk.snapshot, leader.disk.log = (leader.database.last_zxid, list(leader.database.applied)), []
    s.servers[1].crash()
    s.servers[1].disk.__init__()
    s.servers[1].start()
    s.until(s.settled)
    assert s.servers[1].peer.learner.kind == SNAP
    assert len(s.heal()) == 21


def test_a_learner_that_was_cut_off_is_let_go_within_the_sync_limit():
    s = started()
    s.split({1}, {2, 3})
    s.until(lambda: not s.servers[1].peer.serving and len(s.servers[3].peer.leader.handlers) == 1, 1200)
    assert s.settled(2, 3)


def test_sessions_are_touched_and_asked_for_at_the_leader():
    s = started()
    s.sessions.add(7)
    s.servers[1].peer.learner.revalidate(7, 4000)
    s.servers[2].peer.learner.revalidate(8, 4000)
    s.until(lambda: len(s.revalidated) == 2)
    assert sorted(s.revalidated) == [(1, 7, True), (2, 8, False)]
    s.until(lambda: {(1, 4000), (2, 4000)} <= set(s.touched))


def test_sync_comes_after_what_was_proposed_before():
    s = started()
    s.servers[3].write(b"a")
    s.servers[1].peer.learner.request(1, 1, 9, b"")
    s.until(lambda: s.synced == [1])
    assert s.servers[1].database.applied[-1][1] == b"a"


@pytest.mark.soak
@pytest.mark.parametrize("hundred", range(10))
def test_nothing_acknowledged_is_lost_in_a_thousand_runs(hundred):
    for seed in range(1000 + 100 * hundred, 1100 + 100 * hundred):
        breaking(seed)


@pytest.mark.parametrize("seed", [*range(12), 735])
def test_nothing_acknowledged_is_lost_whatever_breaks(seed):
    assert breaking(seed) > 10


def breaking(seed):
    """Epochs have one leader, zxids one transaction (asserted as they happen), and every acknowledged write is there at the end.

    Gives how many were.
    """
    s = Simulation(voters=3 + seed % 2 * 2, observers=seed % 3, seed=seed, tick_ms=50)
    s.start()
    random, written = s.random, 0
    for _ in range(120):
        dice = random.random()
        up = [server for server in s.servers.values() if server.peer]
        if dice < 0.12 and up:
            random.choice(up).crash()
        elif dice < 0.35 and (down := [server for server in s.servers.values() if not server.peer]):
            random.choice(down).start()
        elif dice < 0.40:
            cut = random.sample(sorted(s.servers), random.randint(1, len(s.servers) - 1))
            s.split(set(cut), set(s.servers) - set(cut))
        elif dice < 0.50:
            s.mend()
        elif dice < 0.55:
            s.network.loss = random.choice([0.0, 0.3])
        for _ in range(random.randrange(6)):
            written += 1
            random.choice(sorted(s.servers.values(), key=lambda server: server.sid)).write(b"%d" % written)
        s.advance(random.randrange(1, 200))
    final = s.heal()
    assert len(set(final)) == len(final)
    assert not set(s.acknowledged) - set(final)
    return len(s.acknowledged)
