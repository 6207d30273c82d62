"""Members that keep their place over a restart by their group.instance.id (KIP-345, KIP-814)."""

from tests.state.groups.trace import (
    assigned, forget, generation, heartbeat, is_, join, leave, ok, refused, sync, tick, waits,
)
from wire import errors

RANGE_2 = (("range", b"other"),)


def static(name, **fields):
    """A static member joins as the client of that name, with the instance id i-NAME."""
    return join(name, instance=f"i-{name}", **fields)


def stable(trace):
    """Two static members, a leads."""
    trace << static("a") << static("b") << tick(6_000) >> generation(1, "b", leader="a")
    trace << sync("b") << sync("a", a=b"1", b=b"2") >> assigned(a=b"1", b=b"2") >> is_("Stable")


def test_a_static_member_needs_one_join_and_its_id_begins_with_its_instance(group):
    group << static("a") >> waits("a") << tick(3_000) >> generation(1, leader="a")
    assert group.client("a").member_id.startswith("i-a-")


def test_a_restarted_follower_gets_its_place_back_without_a_rebalance(group):
    group << stable << forget("b") << static("b")
    result = group.take("b")
    assert (result.error, result.generation_id, result.leader) == (errors.NONE, 1, group.client("a").member_id)
    group >> is_("Stable") << sync("b") >> assigned(b=b"2") << heartbeat("a", "b") >> ok("a", "b")


def test_a_restarted_leader_is_told_to_skip_the_assignment(group):
    group << stable << forget("a") << static("a") >> generation(1, leader="a", members=("a", "b"), skip=True)
    group >> is_("Stable") << sync("a") >> assigned(a=b"1")


def test_before_v9_a_restarted_leader_is_told_the_old_leader(group):
    group << stable
    old_id = group.client("a").member_id
    group << forget("a") << static("a", version=8)
    result = group.take("a")
    assert (result.leader, result.members, result.skip_assignment) == (old_id, (), False)
    assert group.client("a").member_id != old_id


def test_the_one_before_a_restart_is_fenced(group):
    group << stable
    old_id = group.client("b").member_id
    group << forget("b") << static("b")
    assert group.take("b").error == errors.NONE
    group << heartbeat("b", member_id=old_id) >> refused("b", errors.FENCED_INSTANCE_ID)
    group << sync("b", member_id=old_id) >> refused("b", errors.FENCED_INSTANCE_ID)
    group << heartbeat("b", member_id=old_id, instance="i-none") >> refused("b", errors.UNKNOWN_MEMBER_ID)
    group << static("b", member_id=old_id) >> refused("b", errors.FENCED_INSTANCE_ID)


def test_the_waiting_join_of_the_one_before_is_fenced(group):
    group << static("a") << forget("a") << static("a") >> refused("a", errors.FENCED_INSTANCE_ID) >> waits("a")
    group << tick(3_000) >> generation(1, leader="a")


def test_a_restart_during_the_wait_for_the_assignment_rebalances(group):
    group << static("a") << static("b") << tick(6_000) >> generation(1, "b", leader="a")
    group << sync("b") << forget("b") << static("b") >> refused("b", errors.FENCED_INSTANCE_ID) >> waits("b")
    group << static("a") >> generation(2, "b", leader="a")


def test_a_restart_with_new_subscription_keeps_the_generation_and_one_with_another_protocol_does_not(group):
    group << stable << forget("b") << static("b", protocols=RANGE_2)
    assert group.take("b").generation_id == 1
    both = (("sticky", b""), ("range", b""))
    group << static("a", protocols=both) << static("b", protocols=both) >> generation(2, "b", leader="a", protocol="sticky")
    group << sync("b") << sync("a") >> assigned(a=b"", b=b"")
    group << forget("b") << static("b", protocols=(("range", b""),)) >> waits("b") >> is_("PreparingRebalance")
    group << static("a", protocols=both) >> generation(3, "b", leader="a", protocol="range")


def test_a_static_member_that_does_not_rejoin_keeps_its_place_until_its_sync_is_due(group):
    times = dict(session=20_000, rebalance=7_000)
    group << static("a", **times) << static("b", **times) << tick(6_000) >> generation(1, "b", leader="a")
    group << sync("b") << sync("a") >> assigned(a=b"", b=b"")
    group << join("c", **times) << static("a", **times) >> waits("a", "c") << tick(7_000)
    group >> generation(2, "c", leader="a", members=("a", "b", "c")) << sync("c") << sync("a", b=b"2")
    group >> assigned(a=b"", c=b"") >> is_("Stable") << tick(6_999) >> is_("Stable")
    group << tick(1) >> is_("PreparingRebalance")
    assert len(group.group.members) == 2


def test_when_only_static_members_are_left_their_sessions_decide(group):
    group << static("a", session=100_000, rebalance=7_000) << static("b", session=50_000, rebalance=7_000)
    group << tick(6_000) >> generation(1, "b", leader="a") << sync("b") << sync("a") >> assigned(a=b"", b=b"")
    group << join("c", session=60_000, rebalance=7_000) << leave("c") >> refused("c", errors.UNKNOWN_MEMBER_ID) >> ok("c")
    group << tick(7_000) >> is_("PreparingRebalance") << tick(7_000) >> is_("PreparingRebalance")
    group << static("a", session=100_000, rebalance=7_000) >> waits("a") << tick(7_000)
    group >> generation(2, leader="a", members=("a", "b"))


def test_leaving_by_instance_id_alone(group):
    group << stable
    group.client("b").member_id = ""
    group << leave("b") >> ok("b") << leave("b") >> refused("b", errors.UNKNOWN_MEMBER_ID)
    group << static("a") >> generation(2, leader="a")


def test_leaving_with_another_members_instance_is_fenced(group):
    group << stable
    group.client("b").instance = "i-a"
    group << leave("b") >> refused("b", errors.FENCED_INSTANCE_ID) >> is_("Stable")
