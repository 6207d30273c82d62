"""Who gets which partitions. Balance and stickiness are held on random groups; exact results are Kafka's (see tests/api)."""

from random import Random

import pytest

from emulator.state.groups.assignors import ASSIGNORS, Subscriber
from emulator.state.java import hash_order, int_hash, string_hash, timeline_order, uuid_hash


def topic(number):
    return number.to_bytes(16, "big")


T, U = topic(1), topic(2)


def members(*names, topics=(T,), target=()):
    target = dict(target)
    return {name: Subscriber(None, list(topics), target.get(name, {})) for name in names}


def held(*partitions, topic_id=T):
    return {topic_id: frozenset(partitions)}


def test_range_gives_neighbouring_partitions_in_the_order_of_names():
    assert ASSIGNORS["range"](members("b", "a"), {T: 5}, True) == {"a": held(0, 1, 2), "b": held(3, 4)}


def test_range_puts_static_members_first():
    two = {"a": Subscriber(None, [T], {}), "z": Subscriber("i", [T], {})}
    assert ASSIGNORS["range"](two, {T: 2}, True) == {"z": held(0), "a": held(1)}


def test_range_copartitions_topics_of_as_many_partitions():
    target = ASSIGNORS["range"](members("a", "b", topics=[T, U]), {T: 4, U: 4}, True)
    assert target["a"] == {T: frozenset({0, 1}), U: frozenset({0, 1})}


def test_uniform_moves_no_more_than_it_must():
    target = ASSIGNORS["uniform"](members("a", "b", target={"a": held(0, 1, 2, 3)}), {T: 4}, True)
    assert target == {"a": held(0, 1), "b": held(2, 3)}


def test_uniform_leaves_the_extra_partition_where_it_is():
    before = {"a": held(0), "b": held(1, 2)}
    assert ASSIGNORS["uniform"](members("a", "b", target=before), {T: 3}, True) == before


def test_uniform_takes_what_is_subscribed_no_more():
    both = {"a": Subscriber(None, [T], {**held(0), **held(0, topic_id=U)}), "b": Subscriber(None, [T], {})}
    assert ASSIGNORS["uniform"](both, {T: 1}, True) == {"a": held(0), "b": {}}


def test_nobody_subscribes():
    for assign in ASSIGNORS.values():
        for same in (True, False):
            assert not any(assign(members("a", topics=()), {}, same).values())


def test_mixed_subscriptions_are_balanced_across_topics():
    both = {"a": Subscriber(None, [T], {}), "b": Subscriber(None, [T, U], {})}
    target = ASSIGNORS["uniform"](both, {T: 2, U: 2}, False)
    assert target == {"a": held(0, 1), "b": held(0, 1, topic_id=U)}


@pytest.mark.parametrize("assignor", ASSIGNORS)
def test_every_partition_has_one_owner_and_loads_differ_by_one(assignor):
    random = Random(7)
    for _ in range(200):
        names = [f"m{n}" for n in range(random.randint(1, 6))]
        partitions = {topic(n): random.randint(1, 9) for n in range(1, random.randint(2, 5))}
        same = random.random() < 0.5
        topics = list(partitions)
        group = {n: Subscriber(None, topics if same else random.sample(topics, random.randint(1, len(topics))), {}) for n in names}
        target = {}
        for _ in range(3):
            subscribed = {topic_id for member in group.values() for topic_id in member.topic_ids}
            target = ASSIGNORS[assignor](group, {t: partitions[t] for t in subscribed}, same)
            owners = sorted((t, p) for topics_of in target.values() for t, ps in topics_of.items() for p in ps)
            assert owners == sorted((t, p) for t in subscribed for p in range(partitions[t]))
            assert all(t in group[name].topic_ids for name, topics_of in target.items() for t in topics_of)
            if assignor == "uniform" and same:
                loads = [sum(map(len, topics_of.values())) for topics_of in target.values()]
                assert max(loads) - min(loads) <= 1
            if assignor == "uniform":
                again = {n: group[n]._replace(target=target[n]) for n in group}
                assert ASSIGNORS[assignor](again, {t: partitions[t] for t in subscribed}, same) == target
            newcomer = f"n{len(group)}"
            group = {n: member._replace(target=target[n]) for n, member in group.items()}
            group[newcomer] = Subscriber(None, topics if same else [random.choice(topics)], {})


def test_the_order_of_kafkas_timeline_tables():
    assert timeline_order(["range", "uniform"], string_hash) == ["uniform", "range"]


def test_the_order_of_javas_hash_maps():
    assert hash_order(["uniform", "range"], string_hash) == ["uniform", "range"]
    assert hash_order([16, 1, 17, 0], int_hash) == [16, 0, 1, 17]
    assert hash_order([topic(17), topic(2)], uuid_hash) == [topic(17), topic(2)]
