"""Followers, in-sync replicas and the high watermark, step by step."""

import random

from emulator.state.cluster import leadership
from tests.state.replication.trace import Trace


def test_what_is_appended_is_there_for_consumers_once_all_in_sync_have_it():
    trace = Trace()
    trace.turn()
    trace.append(b"a")
    assert trace.ends() == {1: (1, 1), 2: (1, 1), 3: (1, 1)}
    trace.replication.pause(2)
    trace.append(b"b")
    assert trace.ends() == {1: (2, 1), 2: (1, 1), 3: (2, 1)}
    trace.replication.resume(2)
    trace.turn()
    assert trace.ends() == {1: (2, 2), 2: (2, 2), 3: (2, 2)}
    assert trace.values(1) == trace.values(2) == trace.values(3) == [b"a", b"b"]


def test_a_follower_that_stops_is_waited_for_until_it_has_lagged_too_long():
    trace = Trace()
    trace.replication.pause(3)
    trace.append(b"a")
    trace.turn(29_000)
    assert (trace.ends(), trace.partition.isr) == ({1: (1, 0), 2: (1, 0), 3: (0, 0)}, [1, 2, 3])
    trace.turn(16_000)  # it is looked after every 15 s
    assert (trace.ends(), trace.partition.isr) == ({1: (1, 1), 2: (1, 1), 3: (0, 0)}, [1, 2])
    trace.replication.resume(3)
    trace.turn()
    assert (trace.ends(), trace.partition.isr) == ({1: (1, 1), 2: (1, 1), 3: (1, 1)}, [1, 2, 3])


def test_a_follower_with_nothing_to_fetch_stays_in_sync():
    trace = Trace()
    trace.replication.pause(3)
    trace.turn(600_000)
    assert trace.partition.isr == [1, 2, 3]
    trace.append(b"a")
    trace.turn(14_000)
    trace.replication.resume(3)
    trace.turn()
    assert trace.ends() == {1: (1, 1), 2: (1, 1), 3: (1, 1)}


def test_a_slow_follower_holds_all_up():
    trace = Trace()
    trace.replication.slow(2, 50)
    trace.append(b"a")
    trace.turn(99)
    assert trace.ends()[1] == (1, 0) and trace.ends()[2] == (1, 0)
    trace.turn(1)  # its next fetch tells that it has the last
    assert trace.ends() == {1: (1, 1), 2: (1, 1), 3: (1, 1)}


def test_below_the_minimum_nothing_gets_visible():
    trace = Trace(min_insync_replicas=2)
    for broker in (2, 3):
        trace.replication.cut(broker)
        leadership.fence(trace.cluster, broker)
    trace.append(b"a")
    trace.turn(100_000)
    assert (trace.partition.isr, trace.partition.elr, trace.ends()[1]) == ([1], [3], (1, 0))
    trace.replication.mend(2)
    leadership.unfence(trace.cluster, 2, clean=True)
    trace.turn()
    assert (trace.partition.isr, trace.partition.elr, trace.ends()[1]) == ([1, 2], [], (1, 1))


def test_the_leader_is_killed_and_what_all_had_is_kept():
    trace = Trace()
    trace.append(b"a")
    trace.turn()
    trace.replication.cut(1)
    trace.append(b"only the leader has it")
    leadership.fence(trace.cluster, 1)
    trace.turn()
    assert (trace.partition.leader, trace.partition.leader_epoch, trace.partition.isr) == (2, 1, [2, 3])
    assert trace.append(b"b") == 1
    trace.turn()
    trace.replication.mend(1)
    leadership.unfence(trace.cluster, 1, clean=False)
    trace.turn()
    assert trace.values(1) == trace.values(2) == trace.values(3) == [b"a", b"b"]
    assert (trace.partition.leader, sorted(trace.partition.isr)) == (2, [1, 2, 3])
    assert trace.partition.logs[1].leader_epochs == trace.partition.logs[2].leader_epochs


def test_a_leader_alone_takes_what_it_has_with_it():
    trace = Trace(replicas=(1, 2), unclean_leader_election_enable="true")
    trace.append(b"a")
    trace.turn()
    trace.replication.pause(2)
    trace.append(b"lost")
    trace.turn(60_000)
    assert trace.partition.isr == [1]
    trace.replication.cut(1)
    leadership.fence(trace.cluster, 1)
    trace.replication.resume(2)
    trace.turn()
    assert (trace.partition.leader, trace.partition.isr) == (2, [2])
    trace.append(b"b")
    trace.replication.mend(1)
    leadership.unfence(trace.cluster, 1, clean=False)
    trace.turn()
    assert trace.values(1) == trace.values(2) == [b"a", b"b"]


def test_without_unclean_elections_nobody_leads_until_it_is_back():
    trace = Trace(replicas=(1, 2))
    trace.replication.pause(2)
    trace.append(b"a")
    trace.turn(60_000)
    trace.replication.cut(1)
    leadership.fence(trace.cluster, 1)
    trace.replication.resume(2)
    trace.turn()
    assert (trace.partition.leader, trace.partition.isr, trace.partition.elr, trace.partition.last_known_elr) == (-1, [], [1], [1])
    trace.replication.mend(1)
    leadership.unfence(trace.cluster, 1, clean=True)
    trace.turn()
    assert (trace.partition.leader, sorted(trace.partition.isr), trace.values(2)) == (1, [1, 2], [b"a"])


def test_a_reassignment_moves_the_data():
    trace = Trace(brokers=4)
    for number in range(5):
        trace.append(b"%d" % number)
    trace.turn()
    leadership.reassign(trace.cluster, "orders", 0, [4, 2])
    trace.turn()
    assert (trace.partition.replicas, sorted(trace.partition.isr), trace.partition.leader) == ([4, 2], [2, 4], 4)
    assert sorted(trace.partition.logs) == [2, 4]
    assert trace.values(4) == trace.values(2) == [b"0", b"1", b"2", b"3", b"4"]
    assert trace.append(b"5") == 5
    trace.turn()
    assert trace.ends() == {2: (6, 6), 4: (6, 6)}


def test_the_preferred_replica_gets_its_partition_back_in_time():
    trace = Trace()
    leadership.keep_balanced(trace.cluster, trace.patience)
    trace.replication.cut(1)
    leadership.fence(trace.cluster, 1)
    trace.turn(299_000)
    trace.replication.mend(1)
    leadership.unfence(trace.cluster, 1, clean=False)
    trace.turn()
    assert (trace.partition.leader, trace.partition.isr) == (2, [1, 2, 3])
    trace.turn(1_000)
    assert (trace.partition.leader, trace.partition.leader_epoch) == (1, 2)


def test_what_is_deleted_at_the_leader_goes_from_its_followers():
    trace = Trace()
    for value in (b"a", b"b", b"c"):
        trace.append(value)
    trace.turn()
    trace.replication.pause(2)
    trace.partition.log.delete_records(2)
    trace.replication.spread(trace.replication.leading(trace.partition))
    trace.turn()
    assert {broker: log.log_start_offset for broker, log in trace.partition.logs.items()} == {1: 2, 2: 0, 3: 2}
    assert trace.replication.leading(trace.partition).low_watermark == 0
    trace.replication.resume(2)
    trace.turn()
    assert trace.replication.leading(trace.partition).low_watermark == 2


def test_a_follower_away_so_long_that_the_leader_has_let_go_begins_anew():
    trace = Trace()
    trace.append(b"a")
    trace.turn()
    trace.replication.cut(3)
    leadership.fence(trace.cluster, 3)
    for value in (b"b", b"c"):
        trace.append(value)
    trace.turn()
    trace.partition.log.delete_records(2)
    trace.replication.mend(3)
    leadership.unfence(trace.cluster, 3, clean=True)
    trace.turn()
    assert trace.ends()[3] == (3, 3) and trace.partition.logs[3].log_start_offset == 2
    assert trace.values(3) == [b"c"] and sorted(trace.partition.isr) == [1, 2, 3]


def test_random_failures_lose_nothing_that_was_acknowledged():
    """With a minimum of two in sync what the high watermark has passed stays, whoever is killed."""
    for seed in range(30):
        _random_failures(seed)


def _random_failures(seed):
    choose = random.Random(seed)
    trace = Trace(min_insync_replicas=2)
    acknowledged, sent, away, number = [], {}, set(), 0
    for _ in range(200):
        chance, partition = choose.random(), trace.partition
        if chance < 0.5 and partition.leader > 0 and len(partition.isr) >= 2:
            number += 1
            sent[b"%d" % number] = trace.append(b"%d" % number), partition.leader_epoch
        elif chance < 0.6 and len(away) < 2:
            broker = choose.choice(sorted({1, 2, 3} - away))
            away.add(broker)
            trace.replication.cut(broker)
            leadership.fence(trace.cluster, broker)
        elif chance < 0.7 and away:
            broker = choose.choice(sorted(away))
            away.discard(broker)
            trace.replication.mend(broker)
            leadership.unfence(trace.cluster, broker, clean=True)
        elif chance < 0.75:
            trace.replication.slow(choose.randint(1, 3), choose.choice([0, 0, 40]))
        else:
            trace.turn(choose.choice([0, 0, 10, 100]))
        for value, (offset, epoch) in list(sent.items()):
            if partition.leader > 0 and partition.leader_epoch == epoch and partition.log.high_watermark > offset:
                acknowledged.append(value)
                del sent[value]
            elif partition.leader_epoch != epoch:
                del sent[value]  # nobody was told
    for broker in sorted(away):
        trace.replication.mend(broker)
        leadership.unfence(trace.cluster, broker, clean=True)
    trace.turn(100)
    kept = trace.values(trace.partition.leader)
    assert set(acknowledged) <= set(kept), f"seed {seed}"
    assert trace.values(1) == trace.values(2) == trace.values(3) == kept, f"seed {seed}"
    assert sorted(trace.partition.isr) == [1, 2, 3], f"seed {seed}"
