"""Striping replicas over racks and brokers (the promises of Kafka's StripedReplicaPlacer)."""

from collections import Counter
from random import Random

import pytest

from emulator.state.cluster.model import Broker
from emulator.state.cluster.placement import place
from wire import errors
from wire.errors import KafkaError

SEEDS = range(25)


def brokers(*racks, fenced=()):
    made = [Broker(number, rack=rack) for number, rack in enumerate(racks)]
    for broker in made:
        broker.fenced = broker.id in fenced
    return made


@pytest.mark.parametrize("seed", SEEDS)
def test_leaders_and_replicas_are_spread_evenly(seed):
    placed = place(brokers(*[None] * 4), 8, 3, Random(seed))
    assert all(len(set(replicas)) == 3 for replicas in placed)
    assert set(Counter(replicas[0] for replicas in placed).values()) == {2}
    assert set(Counter(broker for replicas in placed[:4] for broker in replicas).values()) == {3}


@pytest.mark.parametrize("seed", SEEDS)
def test_replicas_lie_on_as_many_racks_as_there_are(seed):
    racks = ["a", "a", "b", "b", "c", "c"]
    for replicas in place(brokers(*racks), 12, 3, Random(seed)):
        assert {racks[broker] for broker in replicas} == {"a", "b", "c"}
    for replicas in place(brokers(*racks), 12, 4, Random(seed)):
        assert len(set(replicas)) == 4 and {racks[broker] for broker in replicas} == {"a", "b", "c"}


@pytest.mark.parametrize("seed", SEEDS)
def test_leaders_go_round_racks_of_unequal_size(seed):
    racks = ["a", "b", "b", "b"]
    leaders = Counter(racks[replicas[0]] for replicas in place(brokers(*racks), 4, 2, Random(seed)))
    assert leaders == {"a": 2, "b": 2}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_is_shuffled_so_that_followers_differ(seed):
    placed = place(brokers(*[None] * 5), 100, 2, Random(seed))
    assert len({tuple(replicas) for replicas in placed}) > 5  # else each leader would always have the same follower


@pytest.mark.parametrize("seed", SEEDS)
def test_fenced_brokers_are_taken_last_and_never_lead(seed):
    for replicas in place(brokers(*[None] * 4, fenced={1}), 12, 3, Random(seed)):
        assert 1 not in replicas
    for replicas in place(brokers(*[None] * 4, fenced={1}), 12, 4, Random(seed)):
        assert replicas[0] != 1 and sorted(replicas) == [0, 1, 2, 3]
    for replicas in place(brokers("a", "b", "b", fenced={0}), 6, 2, Random(seed)):
        assert replicas[0] != 0


def test_the_same_seed_places_the_same():
    assert place(brokers(*"aabbc"), 30, 3, Random(5)) == place(brokers(*"aabbc"), 30, 3, Random(5))


@pytest.mark.parametrize("there, factor, message", [
    (brokers(None), 0, "Invalid replication factor 0: the replication factor must be positive."),
    (brokers(None, fenced={0}), 1, "All brokers are currently fenced, or have all their log directories cordoned."),
    (brokers(None, None), 3, "The target replication factor of 3 cannot be reached because only 2 broker(s) are registered"
                             " or some brokers have all their log directories cordoned."),
])
def test_what_cannot_be_placed(there, factor, message):
    with pytest.raises(KafkaError) as refusal:
        place(there, 1, factor, Random(1))
    assert (refusal.value.error, refusal.value.message) == (errors.INVALID_REPLICATION_FACTOR, message)
