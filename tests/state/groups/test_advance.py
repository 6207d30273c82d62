"""A week goes by in a moment: who is there stays in the group, in every protocol; who has hung up does not."""

import pytest

from emulator.state.groups.share.member import ShareHeartbeat
from tests.state.groups import consumer_trace, streams_trace
from tests.state.groups.consumer_trace import ConsumerTrace
from tests.state.groups.streams_trace import StreamsTrace
from tests.state.groups.trace import SESSION, Trace, assigned, forget, generation, heartbeat, is_, join, ok, refused, stable, sync, tick, waits
from wire import errors

MINUTE = 60_000  # longer than any session here; an empty group is forgotten after ten
WEEK = 7 * 24 * 3_600_000


class Link:
    """What state sees of a connection."""

    is_open = True


def connects(*names):
    def step(trace):
        for name in names:
            trace.client(name).link = Link()

    return step


def hangs_up(name):
    return lambda trace: setattr(trace.client(name).link, "is_open", False)


def advances(ms, **options):
    """The clock in the user's hand; `patience` hardly sees it."""
    return lambda trace: trace.time.advance(ms, **options)


def test_members_that_are_connected_stay(group):
    group << connects("a", "b") << stable("a", "b")
    for _ in range(3):
        group << advances(WEEK) >> is_("Stable") << heartbeat("a", "b") >> ok("a", "b")
    assert group.time.tally == {}


def test_unless_they_are_to_go(group):
    group << connects("a", "b") << stable("a", "b") << advances(SESSION, expire_sessions=True) >> is_("Empty")
    group << heartbeat("a") >> refused("a", errors.UNKNOWN_MEMBER_ID)
    assert group.time.tally == {"sessions expired": 2}


def test_who_has_hung_up_goes_at_its_time(group):
    group << connects("a", "b") << stable("a", "b") << hangs_up("b")
    group << advances(SESSION - 1) >> is_("Stable") << advances(1) >> is_("PreparingRebalance")
    group << heartbeat("a") >> refused("a", errors.REBALANCE_IN_PROGRESS)
    group << join("a") >> generation(2, leader="a")


def test_what_is_left_of_a_session_is_left_after_an_advance(group):
    group << connects("a") << stable("a") << advances(SESSION - 1_000) << advances(WEEK) << hangs_up("a")
    group << advances(999) >> is_("Stable") << advances(1) >> is_("Empty")


def test_who_comes_by_another_connection_is_there(group):
    group << connects("a") << stable("a") << hangs_up("a") << connects("a") << heartbeat("a") >> ok("a")
    group << advances(WEEK) >> is_("Stable")


def test_who_has_not_been_heard_of_since_a_restart_is_not_there(group):
    group << connects("a") << stable("a")
    partition = group.groups.partition_for(group.group_id)
    group.groups.unload(partition)
    group.groups = group.coordinator()
    group.groups.load(partition)
    group << advances(SESSION) >> is_("Empty")


def test_joins_in_progress_wait_on_in_the_clients_own_time(group):
    group << connects("a", "b") << join("a") << advances(WEEK) >> waits("a")
    group << join("b") << advances(WEEK) << tick(6_000) >> generation(1, "b", leader="a")
    group << sync("a", "b", a=b"1", b=b"2") >> assigned(a=b"1", b=b"2")


def test_an_id_just_handed_out_may_still_be_used(group):
    group << connects("a") << join("a", member_id="") >> refused("a", errors.MEMBER_ID_REQUIRED)
    group << advances(SESSION) << join("a") << tick(3_000) >> generation(1, leader="a")


def test_an_id_handed_out_to_one_who_hung_up_may_not(group):
    group << connects("a") << join("a", member_id="") >> refused("a", errors.MEMBER_ID_REQUIRED) << hangs_up("a")
    group << advances(SESSION) << join("a") >> refused("a", errors.UNKNOWN_MEMBER_ID) << forget("a")


@pytest.mark.parametrize("is_open", [True, False])
def test_consumer_groups(is_open):
    trace, link = ConsumerTrace(), Link()
    trace << consumer_trace.joins("a", client=link) >> consumer_trace.has("a", 2, t=[0, 1])
    link.is_open = is_open
    trace << advances(MINUTE) >> consumer_trace.is_("Stable" if is_open else "Empty")


@pytest.mark.parametrize("is_open", [True, False])
def test_streams_groups(is_open):
    trace, link = StreamsTrace(), Link()
    trace << streams_trace.joins("a", client=link)
    trace.member("a").answers.clear()
    link.is_open = is_open
    trace << advances(MINUTE)
    assert set(trace.group.members) == ({"a"} if is_open else set())


@pytest.mark.parametrize("is_open", [True, False])
def test_share_groups(is_open):
    trace, link = Trace(group_share_max_size=200), Link()
    trace.cluster.create_topic("t", 1)
    trace.groups.share.heartbeat("g", ShareHeartbeat("a", 0, "client", "/host", None, ["t"], link))
    link.is_open = is_open
    trace << advances(MINUTE)
    assert set(trace.groups.share.get("g").members) == ({"a"} if is_open else set())


def test_members_of_the_classic_protocol_keep_their_connection_through_a_conversion():
    trace, link = ConsumerTrace(), Link()
    trace << connects("old") << join("old") << tick(3_000) >> generation(1, leader="old")
    trace << sync("old", old=b"") >> assigned(old=b"")
    trace << consumer_trace.joins("new", client=link)
    assert trace.group.type == "consumer"
    trace << advances(WEEK)
    assert set(trace.group.members) == {trace.client("old").member_id, "new"}
    trace << consumer_trace.leaves("new")
    trace.member("new").answers.clear()
    assert trace.groups.classic.get("g").type == "classic"
    trace << advances(WEEK)
    assert len(trace.groups.classic.get("g").members) == 1
