"""Consume, transform, produce: whatever is killed, late, or comes back from the dead, each record goes through once.

A failure prints the seed of its round; EXACTLY_ONCE_SEED=N runs that round alone.
"""

import os
from random import Random

import pytest

from tests.state.transactions.world import World
from wire.errors import KafkaError

_PARTITIONS = 2
_RECORDS = 12  # in each input partition
_TIMEOUT_MS = 5_000


class Worker:
    """One incarnation of who copies one input partition to the output; several may believe that they are it."""

    def __init__(self, world, index, version, random):
        self.world = world
        self.index = index
        self.random = random
        self.producer = world.producer(f"copier-{index}", version=version, timeout_ms=_TIMEOUT_MS)
        self.step = self.start

    def start(self):
        self.producer.init_once()
        self.step = self.begin

    def begin(self):
        committed = self.world.committed_offset("copiers", "in", self.index)
        if committed == "unstable":
            return  # asked for stable offsets; told to wait
        self.records = self.world.read("in", self.index, committed or 0)[: self.random.randint(1, 3)]
        self.left = list(self.records)
        if self.records:
            self.step = self.copy

    def copy(self):
        _, value = self.left[0]
        self.producer.send(value, topic="out", index=self.random.randrange(_PARTITIONS))
        del self.left[0]
        if not self.left:
            self.step = self.commit_offset

    def commit_offset(self):
        self.producer.commit_offset("copiers", "in", self.records[-1][0] + 1, self.index)
        self.step = self.end if self.random.random() < 0.8 else self.abort

    def end(self):
        self.producer.commit()
        self.step = self.begin

    def abort(self):
        self.producer.abort()
        self.step = self.begin


class Observer:
    """Reads the output with read_committed all the while; what it has seen once must stay true."""

    def __init__(self, world):
        self.world = world
        self.positions = [0] * _PARTITIONS
        self.seen = []

    def poll(self, index):
        self.seen += self.world.values("out", index, offset=self.positions[index])
        self.positions[index] = self.world.log("out", index).last_stable_offset


def play(seed):
    print("round", seed)  # shown when it fails
    random = Random(seed)
    world = World(seed, transaction_abort_timed_out_transaction_cleanup_interval_ms=1000)
    world.topic("in", _PARTITIONS)
    world.topic("out", _PARTITIONS)
    feed = world.producer("feed").init()
    for index in range(_PARTITIONS):
        for number in range(_RECORDS):
            feed.send(b"%d-%d" % (index, number), topic="in", index=index)
    feed.commit()
    events = []

    def new_worker(index):
        return Worker(world, index, random.choice((1, 2)), random)

    workers = [new_worker(index) for index in range(_PARTITIONS)]
    zombies, observer = [], Observer(world)
    for _ in range(600):
        chance = random.random()
        index = random.randrange(_PARTITIONS)
        observer.poll(index)
        if chance < 0.03:
            events.append("kill")
            workers[index] = new_worker(index)
        elif chance < 0.06:
            events.append("zombie")  # replaced, but does not know
            zombies.append(workers[index])
            workers[index] = new_worker(index)
        elif chance < 0.08:
            events.append("rebuild")
            world.rebuild()
        elif chance < 0.10:
            events.append("tick")
            world.tick(random.choice((200, 2_000, 7_000)))
        elif chance < 0.13:
            partition = world.cluster.partition(random.choice(("out", "__consumer_offsets")), index)
            partition.leader = -1 if partition.leader >= 0 else 1
            events.append("leader")
        else:
            acting = random.choice(zombies) if zombies and chance < 0.3 else workers[index]
            try:
                acting.step()
            except KafkaError as refusal:
                events.append(refusal.error)
                if acting in zombies:
                    continue  # it goes on trying the same
                # Retriable or not: a client that gives up is replaced by one that begins anew.
                if random.random() < 0.3:
                    workers[index] = new_worker(index)
    settle(world, workers)
    for index in range(_PARTITIONS):
        observer.poll(index)
    check(world, observer, seed)
    return events


def settle(world, workers):
    """Everything is up again, and one worker for each partition runs to the end."""
    for name in ("out", "__consumer_offsets"):
        for partition in world.cluster.topics[name].partitions:
            partition.leader = 1
    world.tick(2 * _TIMEOUT_MS)
    for worker in workers:
        fresh = Worker(world, worker.index, 2, Random(0))
        fresh.producer.init()
        fresh.step = fresh.begin
        for _ in range(20 * _RECORDS):
            fresh.step()
        assert fresh.step == fresh.begin and not fresh.records


def check(world, observer, seed):
    expected = sorted(b"%d-%d" % (index, number) for index in range(_PARTITIONS) for number in range(_RECORDS))
    copied = sorted(value for index in range(_PARTITIONS) for value in world.values("out", index))
    assert copied == expected, f"round {seed}: lost {set(expected) - set(copied)}, {len(copied) - len(set(copied))} doubled"
    assert sorted(observer.seen) == expected, f"round {seed}: seen before it was committed, or not seen after"
    for index in range(_PARTITIONS):
        assert world.committed_offset("copiers", "in", index) == world.read("in", index)[-1][0] + 1, f"round {seed}"
        for topic in ("in", "out"):
            log = world.log(topic, index)
            assert log.last_stable_offset == log.end_offset, f"round {seed}: a transaction hangs"


def seeds(count):
    chosen = os.environ.get("EXACTLY_ONCE_SEED")
    first = Random().randrange(1_000_000_000)
    return [int(chosen)] if chosen else range(first, first + count)


def test_each_record_goes_through_once():
    for seed in seeds(40):
        play(seed)


def test_the_rounds_are_rough():
    """What the test is worth: everything that it means to happen does happen."""
    seen = {event for seed in range(8) for event in play(seed)}
    assert {"kill", "zombie", "rebuild", "tick", "leader"} <= seen
    assert {"PRODUCER_FENCED", "CONCURRENT_TRANSACTIONS", "INVALID_TXN_STATE"} <= {getattr(event, "name", event) for event in seen}


@pytest.mark.soak
def test_each_record_goes_through_once_in_1000_rounds():
    for seed in seeds(1000):
        play(seed)
