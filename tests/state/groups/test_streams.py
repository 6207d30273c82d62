"""A streams group as its members' heartbeats make it (KIP-1071)."""

import pytest

from emulator.state.groups.streams.messages import (
    ASSIGNMENT_DELAYED, MISSING_INTERNAL_TOPICS, MISSING_SOURCE_TOPICS, SHUTDOWN_APPLICATION, STALE_TOPOLOGY,
)
from tests.state.groups.streams_trace import (
    StreamsTrace, beats, configures, creates, deletes, goes_on, gone, has, is_, joins, leaves, refused, restarts, topology,
)
from tests.state.groups.trace import tick
from wire import errors


@pytest.fixture
def group_with():
    made = []

    def make(**settings):
        made.append(StreamsTrace(**settings))
        return made[-1]

    yield make
    for trace in made:
        trace.check_nothing_unread()


@pytest.fixture
def group(group_with):
    return group_with()


def two(trace):
    """a and b, of two processes, share t."""
    trace << joins("a", "p") >> has("a", 2, [0, 1]) << tick(1_000) << joins("b", "q") >> has("b", 3)
    trace << beats("a") >> has("a", 2, [kept_by_a(trace)]) << beats("a") >> goes_on("a", 3)
    trace << beats("b") >> has("b", 3, [1 - kept_by_a(trace)]) >> is_("Stable", 3, 3)


def kept_by_a(trace):
    """The one task that a has by its target."""
    [kept] = trace.group.target_of("a").active["0"]
    return kept


def test_give_up_acknowledge_take(group):
    group << joins("a", "p") >> has("a", 2, [0, 1]) >> is_("Stable", 2)
    group << tick(1_000) << joins("b", "q") >> has("b", 3) >> is_("Reconciling", 3, 3)
    kept = kept_by_a(group)
    group << beats("a", owned=False) >> has("a", 2, [kept])
    group << beats("a", owned=False) >> goes_on("a", 2)  # it has not said that it gave up
    group << beats("b") >> goes_on("b", 3)
    group << beats("a") >> goes_on("a", 3) << beats("b") >> has("b", 3, [1 - kept]) >> is_("Stable", 3)


def test_the_first_rebalance_waits_for_others(group_with):
    group = group_with(delay=3_000)
    group << joins("a", "p") >> has("a", 1, status=(ASSIGNMENT_DELAYED,)) >> is_("Assigning", 2, 1)
    group << tick(1_000) << joins("b", "q") >> has("b", 1, status=(ASSIGNMENT_DELAYED,))
    group << tick(1_999) << beats("a") >> goes_on("a", 1, status=(ASSIGNMENT_DELAYED,))
    group << tick(1) >> is_("Reconciling", 3, 3)
    kept = kept_by_a(group)
    group << beats("a", "b") >> has("a", 3, [kept]) >> has("b", 3, [1 - kept]) >> is_("Stable", 3)


def test_alone_the_first_rebalance_waits_for_a_heartbeat_too(group_with):
    # The heartbeat that makes a group leaves nothing behind that is in no record: the topology is not configured yet.
    group = group_with(delay=3_000)
    group << joins("a") >> has("a", 1, status=(ASSIGNMENT_DELAYED,)) << tick(3_000) >> is_("Assigning", 2, 1)
    group << beats("a") >> has("a", 2, [0, 1])


def test_a_target_is_made_at_most_once_a_second(group):
    group << joins("a", "p") >> has("a", 2, [0, 1]) << tick(999)
    group << joins("b", "q") >> has("b", 2, status=(ASSIGNMENT_DELAYED,)) >> is_("Assigning", 3, 2)
    group << tick(1) << beats("b") >> goes_on("b", 3) >> is_("Reconciling", 3, 3)


def test_a_silent_member_is_out_when_its_session_ends(group):
    group << two << tick(30_000) << beats("a") >> goes_on("a", 3)
    group << tick(15_000) >> is_("Assigning", 4, 3) << beats("a") >> has("a", 4, [0, 1])
    group << beats("b") >> refused("b", errors.UNKNOWN_MEMBER_ID)
    group << tick(45_000) >> is_("Empty", 5)


def test_a_member_that_gives_nothing_up_is_out_when_the_rebalance_ends(group):
    group << joins("a", "p") >> has("a", 2, [0, 1]) << tick(1_000) << joins("b", "q") >> has("b", 3)
    kept = kept_by_a(group)
    group << beats("a", owned=False) >> has("a", 2, [kept]) << tick(19_999) >> is_("Reconciling", 3)
    group << tick(1) >> is_("Assigning", 4, 3) << beats("b") >> has("b", 4, [0, 1])


def test_members_of_a_process_hand_tasks_on_only_when_they_are_free(group):
    group << joins("a", "p") >> has("a", 2, [0, 1]) << tick(1_000) << joins("b", "p") >> has("b", 3)
    kept = kept_by_a(group)
    group << beats("a") >> has("a", 2, [kept]) << beats("b") >> goes_on("b", 3)
    group << beats("a") >> goes_on("a", 3) << beats("b") >> has("b", 3, [1 - kept])


def test_a_standby_task_is_with_another_process(group_with):
    group = group_with(topics={"t": 1, "t-changelog": 1}, replicas=1, changelog="t-changelog")
    group << joins("a", "p") >> has("a", 2, [0]) << tick(1_000) << joins("b", "q") >> has("b", 3, standby=[0])
    group << beats("a") >> goes_on("a", 3) >> is_("Stable", 3)
    group << tick(1_000) << leaves("a") >> gone("a") << beats("b") >> has("b", 3)
    group << beats("b") >> goes_on("b", 4)  # its own process had the task until it said this
    group << beats("b") >> has("b", 4, [0]) >> is_("Stable", 4)


def test_an_answer_that_was_lost_is_given_again(group):
    group << two
    group.member("a").epoch = 2
    group << beats("a") >> goes_on("a", 3)
    group.member("a").epoch = 1
    group << beats("a") >> refused("a", errors.FENCED_MEMBER_EPOCH)


def test_no_topics_no_tasks(group_with):
    group = group_with(topics={})
    group << joins("a") >> has("a", 2, status=(MISSING_SOURCE_TOPICS,)) >> is_("NotReady", 2, 2)
    group << tick(1_000) << creates("t") << beats("a") >> has("a", 3, [0, 1]) >> is_("Stable", 3, 3)
    group << tick(1_000) << deletes("t") << beats("a") >> has("a", 3, status=(MISSING_SOURCE_TOPICS,)) >> is_("NotReady", 4)


def test_internal_topics_are_asked_for(group_with):
    group = group_with(topics={"t": 2}, changelog="t-changelog")
    group << joins("a") >> has("a", 2, status=(MISSING_INTERNAL_TOPICS,)) >> is_("NotReady", 2)
    group << tick(1_000) << creates("t-changelog") << beats("a") >> has("a", 3, [0, 1]) >> is_("Stable", 3)


def test_an_older_topology_is_told_so(group):
    group.topology = topology(epoch=1)
    group << joins("a", "p") >> has("a", 2, [0, 1]) << tick(1_000)
    group << joins("b", "q", brings=topology(epoch=0)) >> has("b", 3, status=(STALE_TOPOLOGY,))
    group << joins("c", "r", brings=topology(epoch=2)) >> refused("c", errors.INVALID_REQUEST)


def test_one_asks_all_to_shut_down(group):
    group << two << leaves("a", shutdown_application=True) >> gone("a")
    group << tick(1_000) << beats("b") >> has("b", 4, [0, 1], status=(SHUTDOWN_APPLICATION,))
    group << leaves("b") >> gone("b") >> is_("Empty", 5)
    group << tick(1_000) << joins("c") >> has("c", 6, [0, 1])


def test_another_number_of_replicas_is_another_epoch(group):
    group << joins("a") >> has("a", 2, [0, 1]) << tick(1_000) << configures(num_standby_replicas=1)
    group << beats("a") >> goes_on("a", 3)


def test_a_coordinator_reads_what_the_one_before_wrote(group):
    group << two << restarts >> is_("Stable", 3, 3)
    group << beats("a", "b") >> goes_on("a", 3) >> goes_on("b", 3)
    group << tick(45_000) >> is_("Empty", 5)
    group << restarts >> is_("Empty", 5, 3) << tick(1_000) << joins("c") >> has("c", 6, [0, 1])


def test_a_revocation_goes_on_under_another_coordinator(group):
    group << joins("a", "p") >> has("a", 2, [0, 1]) << tick(1_000) << joins("b", "q") >> has("b", 3)
    kept = kept_by_a(group)
    group << beats("a") >> has("a", 2, [kept]) << restarts >> is_("Reconciling", 3, 3)
    group << beats("b") >> goes_on("b", 3) << beats("a") >> goes_on("a", 3) << beats("b") >> has("b", 3, [1 - kept])


def test_a_deleted_group_leaves_nothing(group):
    group << joins("a") >> has("a", 2, [0, 1])
    with pytest.raises(errors.KafkaError):
        group.groups.delete("g")
    group << leaves("a") >> gone("a")
    group.groups.delete("g")
    group << restarts
    assert group.groups.list() == []
