"""Offsets committed within transactions: they count when the transaction does."""

import pytest

from emulator.state.cluster.names import CONSUMER_OFFSETS
from wire import errors
from wire.errors import KafkaError

MINUTE, DAY = 60_000, 86_400_000


@pytest.fixture
def producer(world, version):
    return world.producer(version=version).init()


def test_committed_offsets_count_with_the_transaction(world, producer):
    producer.commit_offset("g", "t", 5)
    assert world.committed_offset("g", "t") == "unstable"
    assert world.groups.offsets.fetch("g") == {}
    producer.commit()
    assert world.committed_offset("g", "t") == 5


def test_aborted_offsets_never_count(world, producer):
    producer.commit_offset("g", "t", 5)
    producer.commit()
    producer.commit_offset("g", "t", 9)
    assert world.groups.offsets.fetch("g")["t"][0].offset == 5
    producer.abort()
    assert world.committed_offset("g", "t") == 5


def test_two_transactions_may_be_open_for_one_group(world, version):
    one, two = (world.producer(tid, version=version).init() for tid in ("one", "two"))
    one.commit_offset("g", "t", 1)
    two.commit_offset("g", "t", 2, index=1)
    one.commit()
    assert (world.committed_offset("g", "t"), world.committed_offset("g", "t", 1)) == (1, "unstable")
    two.abort()
    assert world.committed_offset("g", "t", 1) is None


def test_a_later_commit_outside_of_the_transaction_wins(world, producer):
    producer.commit_offset("g", "t", 5)
    world.groups.offsets.commit("g", "", None, -1, [("t", [(0, 7, -1, "")])])
    assert world.committed_offset("g", "t") == "unstable"
    producer.commit()
    assert world.committed_offset("g", "t") == 7


def test_deleted_groups_and_topics_take_what_is_pending_with_them(world, producer):
    producer.commit_offset("g", "t", 5)
    producer.commit_offset("other", "t", 5)
    world.groups.delete("g")
    world.cluster.delete_topic(world.cluster.topics["t"].topic_id)
    assert (world.committed_offset("g", "t"), world.committed_offset("other", "t")) == (None, None)
    producer.commit()
    assert (world.committed_offset("g", "t"), world.committed_offset("other", "t")) == (None, None)


def test_a_group_with_a_pending_offset_does_not_expire(world_with):
    world = world_with(offsets_retention_minutes=1, transaction_max_timeout_ms=7 * DAY)
    producer = world.producer(timeout_ms=DAY).init()
    producer.commit_offset("g", "t", 5)
    world.tick(30 * MINUTE)
    producer.commit()
    assert world.committed_offset("g", "t") == 5
    world.tick(30 * MINUTE)
    assert world.committed_offset("g", "t") is None


@pytest.mark.parametrize("commit", (True, False))
def test_a_rebuilt_coordinator_knows_what_is_pending(world, producer, commit):
    producer.commit_offset("g", "t", 4)
    producer.commit()
    producer.commit_offset("g", "t", 5)
    world.rebuild()
    assert world.committed_offset("g", "t") == "unstable"
    producer.commit() if commit else producer.abort()
    world.rebuild()
    assert world.committed_offset("g", "t") == (5 if commit else 4)


def test_pending_offsets_are_transactional_records(world, producer):
    producer.commit_offset("g", "t", 5)
    index = world.groups.partition_for("g")
    log = world.log(CONSUMER_OFFSETS, index)
    assert log.last_stable_offset == 0 and log.end_offset == 1
    producer.commit()
    assert (log.last_stable_offset, world.markers(CONSUMER_OFFSETS, index)) == (2, ["commit"])


def test_who_names_a_member_must_be_one(world, producer):
    def commit(generation, member=""):
        return world.groups.offsets.commit_in_transaction("g", member, None, generation, (producer.producer_id, 0), [("t", [(0, 1, -1, "")])])

    with pytest.raises(KafkaError) as caught:
        commit(3)
    assert caught.value.error == errors.ILLEGAL_GENERATION
    assert commit(-1) == [[errors.NONE]]
    with pytest.raises(KafkaError) as caught:
        commit(3, "stranger")
    assert caught.value.error == errors.UNKNOWN_MEMBER_ID
