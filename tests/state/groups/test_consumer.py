"""A consumer group as its members' heartbeats make it (KIP-848)."""

import pytest

from tests.state.groups.consumer_trace import (
    ConsumerTrace, beats, creates, deletes, fenced, goes_on, grows, has, is_, joins, leaves, restarts, unknown,
)
from tests.state.groups.trace import tick
from wire import errors
from wire.internal.consumer_groups import ConsumerGroupMetadata


@pytest.fixture
def group():
    trace = ConsumerTrace()
    yield trace
    trace.check_nothing_unread()


@pytest.fixture
def group_with():
    made = []

    def make(**settings):
        made.append(ConsumerTrace(**settings))
        return made[-1]

    yield make
    for trace in made:
        trace.check_nothing_unread()


def two(trace):
    """a and b share t."""
    trace << joins("a") >> has("a", 2, t=[0, 1]) << tick(1_000) << joins("b") >> has("b", 3, nothing=True)
    trace << beats("a") >> has("a", 2, t=[0]) << beats("a") >> goes_on("a", epoch=3)
    trace << beats("b") >> has("b", 3, t=[1]) >> is_("Stable", 3, 3)


def test_revoke_acknowledge_assign(group):
    group << joins("a") >> has("a", 2, t=[0, 1]) >> is_("Stable", 2)
    group << tick(1_000) << joins("b") >> has("b", 3, nothing=True) >> is_("Reconciling", 3, 3)
    group << beats("a", owned=False) >> has("a", 2, t=[0])
    group << beats("a", owned=False) >> goes_on("a", epoch=2)  # it has not said that it gave up
    group << beats("b") >> goes_on("b", epoch=3)
    group << beats("a") >> goes_on("a", epoch=3) << beats("b") >> has("b", 3, t=[1]) >> is_("Stable", 3)


def test_a_target_is_made_at_most_once_a_second(group):
    group << joins("a") >> has("a", 2, t=[0, 1]) << tick(999) << joins("b") >> has("b", 2, nothing=True) >> is_("Assigning", 3, 2)
    group << tick(1) << beats("b") >> goes_on("b", epoch=3) >> is_("Reconciling", 3, 3)
    group << beats("a") >> has("a", 2, t=[0])


def test_a_silent_member_is_out_when_its_session_ends(group):
    group << two << tick(30_000) << beats("a") >> goes_on("a", epoch=3)
    group << tick(15_000) >> is_("Assigning", 4, 3) << beats("a") >> has("a", 4, t=[0, 1])
    group << beats("b") >> unknown("b")
    group << tick(45_000) >> is_("Empty", 5)


def test_a_member_that_does_not_give_up_in_time_is_out(group):
    group << joins("a") >> has("a", 2, t=[0, 1]) << tick(1_000) << joins("b") >> has("b", 3, nothing=True)
    group << beats("a", owned=False) >> has("a", 2, t=[0])
    group << tick(19_999) << beats("b") >> goes_on("b", epoch=3)
    group << tick(1) << beats("a", owned=False) >> unknown("a")
    group << beats("b") >> has("b", 4, t=[0, 1])


def test_a_member_that_gave_up_is_not_waited_for(group):
    group << two << tick(20_000) << beats("a", "b") >> goes_on("a", "b", epoch=3)


def test_epochs_fence(group):
    group << joins("a") >> has("a", 2, t=[0, 1])
    group << beats("a", epoch=3) >> fenced("a", errors.FENCED_MEMBER_EPOCH)
    group << beats("a", epoch=1) >> fenced("a", errors.FENCED_MEMBER_EPOCH)
    group << joins("a") >> has("a", 2, t=[0, 1])


def test_the_epoch_before_is_good_once_more_for_who_owns_nothing_else(group):
    group << joins("a") >> has("a", 2, t=[0, 1]) << tick(1_000) << joins("b", topics=()) >> has("b", 2, nothing=True)
    group << tick(1_000) << beats("b", subscribed_topic_names=["t"]) >> goes_on("b", epoch=3)
    group << beats("a") >> has("a", 2, t=[0]) << beats("a") >> goes_on("a", epoch=3)
    group << beats("a", epoch=2) >> goes_on("a", epoch=3)
    group << beats("a", epoch=2, owned=False) >> fenced("a", errors.FENCED_MEMBER_EPOCH)
    group << beats("b") >> has("b", 3, t=[1])


def test_a_full_group(group_with):
    group = group_with(group_consumer_max_size=1)
    group << joins("a") >> has("a", 2, t=[0, 1]) << joins("b") >> fenced("b", errors.GROUP_MAX_SIZE_REACHED)
    group << joins("a") >> has("a", 2, t=[0, 1])


# -- topics ------------------------------------------------------------------------------------------------


def test_new_partitions_bring_a_new_epoch(group):
    group << joins("a") >> has("a", 2, t=[0, 1]) << tick(1_000) << grows("t", 3) << beats("a") >> has("a", 3, t=[0, 1, 2])


def test_a_topic_that_comes_and_goes(group):
    group << joins("a", topics=["t", "u"]) >> has("a", 2, t=[0, 1]) << tick(1_000)
    group << creates("u") << beats("a") >> has("a", 3, t=[0, 1], u=[0]) << tick(1_000)
    group << deletes("t") << beats("a") >> has("a", 4, u=[0])


def test_topics_of_others_change_nothing(group):
    group << joins("a") >> has("a", 2, t=[0, 1]) << tick(1_000) << creates("u") << beats("a") >> goes_on("a", epoch=2)


def test_subscriptions_that_do_not_matter_any_more_leave_at_once(group_with):
    group = group_with(topics={"t": 1, "u": 1})
    group << joins("a", topics=["t", "u"]) >> has("a", 2, t=[0], u=[0])
    group << beats("a", owned=False, subscribed_topic_names=["u"]) >> has("a", 2, u=[0]) >> is_("Assigning", 3, 2)
    group << tick(1_000) << beats("a") >> goes_on("a", epoch=3) >> is_("Stable")


def test_expressions_are_resolved_and_refreshed(group_with):
    group = group_with(topics={"t.1": 1, "x": 1})
    group << joins("a", topics=None, regex=r"t\..") >> has("a", 1, nothing=True) >> is_("Assigning", 2, 1)
    group << tick(1_000) << beats("a") >> has("a", 2, **{"t.1": [0]})
    group << creates("t.2") << beats("a") >> goes_on("a", epoch=2)  # looked at no more than every ten seconds
    group << tick(9_001) << beats("a") >> goes_on("a", epoch=2) >> is_("Assigning", 3, 2)
    group << beats("a") >> has("a", 3, **{"t.1": [0], "t.2": [0]})
    group << tick(1_000) << beats("a", subscribed_topic_regex="") >> has("a", 3, nothing=True)
    assert not group.group.regexes


def test_another_coordinator_knows_when_expressions_were_resolved(group_with):
    group = group_with(topics={"t.1": 1, "x": 1})
    group << joins("a", topics=None, regex=r"t\..") >> has("a", 1, nothing=True) << tick(1_000) << beats("a") >> has("a", 2, **{"t.1": [0]})
    group << tick(4_000) << restarts << creates("t.2") << beats("a", "a") >> goes_on("a", "a", epoch=2)
    group << tick(5_001) << beats("a") >> goes_on("a", epoch=2) << beats("a") >> has("a", 3, **{"t.1": [0], "t.2": [0]})


def test_an_expression_that_others_know_counts_at_once(group_with):
    group = group_with(topics={"t": 2})
    group << joins("a", topics=None, regex="t+") >> has("a", 1, nothing=True) << tick(1_000)
    group << beats("a") >> has("a", 2, t=[0, 1]) << tick(1_000)
    group << joins("b", topics=None, regex="t+") >> has("b", 3, nothing=True)
    group << beats("a") >> has("a", 2, t=[0])


# -- static members ----------------------------------------------------------------------------------------


def test_a_static_member_gets_its_place_back(group):
    group << joins("a", instance_id="i") >> has("a", 2, t=[0, 1]) << joins("b", instance_id="i") >> fenced("b", errors.UNRELEASED_INSTANCE_ID)
    group << leaves("a", -2) >> goes_on("a", epoch=-2) >> is_("Reconciling", 2)
    group << joins("b", instance_id="i") >> has("b", 2, t=[0, 1]) >> is_("Stable", 2)
    group << beats("a", epoch=2) >> fenced("a", errors.FENCED_INSTANCE_ID)


def test_a_static_member_that_stays_away_is_out(group):
    group << joins("a", instance_id="i") >> has("a", 2, t=[0, 1]) << leaves("a", -2) >> goes_on("a", epoch=-2)
    group << tick(44_999) >> is_("Reconciling") << tick(1) >> is_("Empty", 3)


# -- what is stored ----------------------------------------------------------------------------------------


def test_a_group_is_rebuilt_from_its_records(group):
    group << two << leaves("b") >> goes_on("b", epoch=-1) << joins("c", instance_id="i", rack_id="r") >> has("c", 3, nothing=True)
    before = group.group
    group << restarts
    after = group.group
    assert after is not before
    for each in ("group_epoch", "metadata_hash", "assignment_epoch", "assignment_timestamp", "members", "target", "static", "owners"):
        assert getattr(after, each) == getattr(before, each), each
    group << tick(44_000) << beats("a") >> goes_on("a", epoch=5)


def test_sessions_start_anew_with_another_coordinator(group):
    group << two << tick(44_000) << restarts << tick(44_000) << beats("a", "b") >> goes_on("a", "b", epoch=3)
    group << tick(45_000) >> is_("Empty")


def test_revocations_are_waited_for_by_another_coordinator(group):
    group << joins("a") >> has("a", 2, t=[0, 1]) << tick(1_000) << joins("b") >> has("b", 3, nothing=True)
    group << beats("a", owned=False) >> has("a", 2, t=[0]) << restarts << tick(20_000) << beats("a") >> unknown("a")


def test_an_expression_is_rebuilt(group):
    group << joins("a", topics=None, regex="t+") >> has("a", 1, nothing=True) << restarts
    assert group.group.subscribed_topics() == {"t"}
    group << tick(1_000) << beats("a") >> has("a", 2, t=[0, 1])


def test_an_empty_group_goes_with_its_records(group):
    group << joins("a") >> has("a", 2, t=[0, 1]) << leaves("a") >> goes_on("a", epoch=-1)
    group.groups.delete("g")
    last = group.stored()[-1]
    assert (last[-1].kind, last[-1].value) == (ConsumerGroupMetadata, None)
    group << restarts
    assert group.groups.list() == []


def test_one_heartbeat_is_one_batch(group):
    group << joins("a") >> has("a", 2, t=[0, 1])
    [batch] = group.stored()
    assert [record.kind.name for record in batch] == [
        "ConsumerGroupMemberMetadata", "ConsumerGroupMetadata", "ConsumerGroupTargetAssignmentMember",
        "ConsumerGroupTargetAssignmentMetadata", "ConsumerGroupCurrentMemberAssignment",
    ]


@pytest.mark.parametrize("first, second, chosen", [("uniform", "range", "range"), ("range", "uniform", "uniform")])
def test_of_assignors_that_as_many_name_the_last_one_named_wins(group_with, first, second, chosen):
    group = group_with(topics={"t": 4, "u": 2})
    group << joins("a", server_assignor=first) >> has("a", 2, t=[0, 1, 2, 3]) << tick(1_000)
    group << joins("b", server_assignor=second) >> has("b", 3, nothing=True)
    kept = {"range": [0, 1], "uniform": [0, 1]}[chosen]
    group << beats("a") >> has("a", 2, t=kept)
    assert group.group.preferred_assignor(second) == chosen and group.group.assignor() == "uniform"
