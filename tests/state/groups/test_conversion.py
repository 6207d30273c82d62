"""A group on its way between the protocols (group.consumer.migration.policy), as a trace."""

import pytest

from tests.state.groups.consumer_trace import ConsumerTrace, beats, fenced, goes_on, has, is_, joins, leaves, restarts
from tests.state.groups.trace import heartbeat, ok, refused, tick
from tests.state.groups import trace as classic
from wire import errors
from wire.internal import ConsumerAssignment, ConsumerSubscription


def protocols(*topics, owned=()):
    owned = [ConsumerSubscription.Record.OwnedPartitions(topic=topic, partitions=list(held)) for topic, held in owned]
    return (("range", ConsumerSubscription.build_from(1, topics=list(topics), owned_partitions=owned)),)


def assignment(**topics):
    Assigned = ConsumerAssignment.Record.AssignedPartitions
    return ConsumerAssignment.build_from(1, assigned_partitions=[Assigned(topic=t, partitions=p) for t, p in topics.items()])


@pytest.fixture
def group_with():
    made = []

    def make(**settings):
        made.append(ConsumerTrace(group_initial_rebalance_delay_ms=0, **settings))
        return made[-1]

    yield make
    for trace in made:
        trace.check_nothing_unread()


@pytest.fixture
def group(group_with):
    return group_with()


def old(trace):
    """A classic group: old has both partitions of t."""
    trace << classic.join("old", protocols=protocols("t")) >> classic.generation(1, leader="old")
    trace << classic.sync("old", old=assignment(t=[0, 1])) >> classic.assigned(old=assignment(t=[0, 1]))


def test_a_classic_group_is_upgraded_when_a_consumer_joins(group):
    group << old << joins("new") >> has("new", 2, nothing=True) >> is_("Reconciling", 2, 2)
    group << heartbeat("old") >> refused("old", errors.REBALANCE_IN_PROGRESS)
    group << classic.join("old", protocols=protocols("t", owned=[("t", [0, 1])])) >> classic.generation(1, "old", leader=None)
    kept = assignment(t=[0])
    group << classic.sync("old") >> classic.assigned(old=kept)
    group << heartbeat("old") >> refused("old", errors.REBALANCE_IN_PROGRESS)  # it has revoked in its join; go on
    group << classic.join("old", protocols=protocols("t", owned=[("t", [0])])) >> classic.generation(2, "old", leader=None)
    group << classic.sync("old") >> classic.assigned(old=kept) << heartbeat("old") >> ok("old")
    group << beats("new") >> has("new", 2, t=[1]) >> is_("Stable", 2)


def test_an_upgraded_group_is_rebuilt(group):
    group << old << joins("new") >> has("new", 2, nothing=True)
    before = group.group
    group << restarts
    assert group.group.members == before.members and group.group.target == before.target
    group << heartbeat("old") >> refused("old", errors.REBALANCE_IN_PROGRESS)


def test_the_last_consumer_leaves_and_the_group_is_classic_again(group):
    group << old << joins("new") >> has("new", 2, nothing=True) << leaves("new") >> goes_on("new", epoch=-1)
    downgraded = group.groups.classic.get("g")
    assert (downgraded.state, downgraded.generation_id, len(downgraded.members)) == ("PreparingRebalance", 2, 1)
    group << classic.join("old", protocols=protocols("t")) >> classic.generation(3, leader="old")
    group << beats("new", epoch=2) >> fenced("new", errors.GROUP_ID_NOT_FOUND)


def test_a_downgraded_group_is_rebuilt(group):
    group << old << joins("new") >> has("new", 2, nothing=True) << leaves("new") >> goes_on("new", epoch=-1) << restarts
    rebuilt = group.groups.classic.get("g")
    assert (rebuilt.type, rebuilt.generation_id, len(rebuilt.members)) == ("classic", 2, 1)


def test_a_consumer_whose_session_ends_downgrades_too(group):
    group << old << joins("new") >> has("new", 2, nothing=True) << tick(9_000) << heartbeat("old") >> refused("old", errors.REBALANCE_IN_PROGRESS)
    for _ in range(3):
        group << tick(9_000) << heartbeat("old") >> refused("old", errors.REBALANCE_IN_PROGRESS)
    group << tick(9_000) << heartbeat("old") >> refused("old", errors.ILLEGAL_GENERATION)  # it takes that of the epoch
    assert group.groups.classic.get("g").state == "PreparingRebalance"


def test_a_classic_member_that_does_not_rejoin_is_out(group):
    group << old << joins("new") >> has("new", 2, nothing=True)
    for _ in range(12):
        group << heartbeat("old") >> refused("old", errors.REBALANCE_IN_PROGRESS) << tick(5_000) << beats("new") << (
            lambda trace: trace.member("new").answers.clear()
        )
    group << heartbeat("old") >> refused("old", errors.UNKNOWN_MEMBER_ID)


@pytest.mark.parametrize("policy", ["disabled", "downgrade"])
def test_without_upgrades_a_consumer_is_refused(group_with, policy):
    group = group_with(group_consumer_migration_policy=policy)
    group << old << joins("new") >> fenced("new", errors.GROUP_ID_NOT_FOUND) << heartbeat("old") >> ok("old")


def test_without_downgrades_the_group_stays(group_with):
    group = group_with(group_consumer_migration_policy="upgrade")
    group << old << joins("new") >> has("new", 2, nothing=True) << leaves("new") >> goes_on("new", epoch=-1)
    assert group.group.type == "consumer" and len(group.group.members) == 1


def test_a_group_whose_first_generation_is_still_to_come_cannot_be_upgraded(group_with):
    group = group_with()
    group.settings.group_initial_rebalance_delay_ms = 3_000
    group << classic.join("old", protocols=protocols("t")) >> classic.waits("old")
    group << joins("new") >> fenced("new", errors.UNKNOWN_SERVER_ERROR) << tick(3_000) >> classic.generation(1, leader="old")


def test_who_waits_in_a_classic_group_is_told_to_join_again(group):
    group << old << classic.join("second", protocols=protocols("t")) >> classic.waits("second")
    group << joins("new") >> has("new", 2, nothing=True) >> refused("second", errors.REBALANCE_IN_PROGRESS)
    assert len(group.group.members) == 3


def test_members_of_no_topics_cannot_be_upgraded(group):
    group << classic.join("old", protocols=(("x", b"?"),)) >> classic.generation(1, leader="old", protocol="x")
    group << joins("new") >> fenced("new", errors.GROUP_ID_NOT_FOUND)


