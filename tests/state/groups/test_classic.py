"""Rebalances of a classic group, as traces. Source: GroupMetadataManager of Kafka 4.3.1, KIP-134, KIP-394."""

from uuid import UUID

from emulator.state.groups.classic.group import TRANSITIONS
from tests.state.groups.trace import (
    RANGE, assigned, forget, generation, heartbeat, is_, join, knock, leave, ok, refused, stable, sync, tick, waits,
)
from wire import errors


def test_the_first_member_waits_for_others_as_long_as_they_keep_coming(group):
    group << join("a") >> waits("a") << tick(2_999) >> waits("a") << tick(1) >> generation(1, leader="a")
    assert group.group.state == "CompletingRebalance"


def test_newcomers_prolong_the_initial_delay(group):
    group << join("a") << tick(2_000) << join("b") << tick(1_000) >> waits("a", "b")
    group << tick(3_000) >> generation(1, "b", leader="a")


def test_newcomers_prolong_the_initial_delay_no_longer_than_the_rebalance_timeout(group):
    group << join("a", rebalance=7_000)
    for name in "bcd":
        group << tick(2_000) << join(name, rebalance=7_000) >> waits("a", name)
    group << tick(1_000) >> generation(1, "b", "c", "d", leader="a")


def test_without_initial_delay_the_first_join_is_answered_at_once(group_with):
    group = group_with(group_initial_rebalance_delay_ms=0)
    group << join("a") >> generation(1, leader="a") << sync("a", a=b"1") >> assigned(a=b"1") >> is_("Stable")


def test_followers_wait_for_the_leaders_assignment(group):
    group << join("a", "b") << tick(6_000) >> generation(1, "b", leader="a")
    group << sync("b") >> waits("b") << sync("a", a=b"1", b=b"2") >> assigned(a=b"1", b=b"2") >> is_("Stable")


def test_whom_the_leader_forgets_gets_an_empty_assignment(group):
    group << join("a", "b") << tick(6_000) >> generation(1, "b", leader="a")
    group << sync("a", a=b"1") << sync("b") >> assigned(a=b"1", b=b"")


def test_a_newcomer_rebalances_and_heartbeats_tell_the_others(group):
    group << stable("a") << join("b") >> waits("b") >> is_("PreparingRebalance")
    group << heartbeat("a") >> refused("a", errors.REBALANCE_IN_PROGRESS)
    group << join("a") >> generation(2, "b", leader="a")


def test_who_does_not_rejoin_within_the_rebalance_timeout_is_out(group):
    group << stable("a", "b") << join("c") << join("b") >> waits("b", "c")
    for _ in range(20):
        group << heartbeat("a") << tick(2_999)
        group >> refused("a", errors.REBALANCE_IN_PROGRESS)
    group >> waits("b", "c") << tick(20) >> generation(2, "c", leader="b")
    group << heartbeat("a") >> refused("a", errors.UNKNOWN_MEMBER_ID)


def test_a_join_with_nothing_new_gets_the_same_generation_again(group):
    group << stable("a", "b") << join("b")
    result = group.take("b")
    assert (result.generation_id, result.leader, result.members) == (1, group.client("a").member_id, ())
    group >> is_("Stable")


def test_a_leader_that_joins_again_wants_a_new_assignment(group):
    group << stable("a", "b") << join("a") >> waits("a") << join("b") >> generation(2, "b", leader="a")


def test_new_metadata_rebalances(group):
    other = (("range", RANGE[0][1] + b"x"),)
    group << stable("a", "b") << join("b", protocols=other) >> waits("b") << join("a") >> generation(2, "b", leader="a")


def test_a_leader_that_lost_its_join_answer_gets_it_again_with_the_members(group):
    group << join("a", "b") << tick(6_000) >> generation(1, "b", leader="a")
    group << join("a") >> generation(1, leader="a", members=("a", "b")) >> is_("CompletingRebalance")


def test_a_rebalance_ends_the_wait_for_an_assignment(group):
    group << join("a", "b") << tick(6_000) >> generation(1, "b", leader="a")
    group << sync("b") << join("c") >> refused("b", errors.REBALANCE_IN_PROGRESS) >> waits("c")


def test_the_protocol_that_most_prefer_among_those_that_all_know(group):
    many = (("range", b"1"), ("sticky", b"2"), ("own", b"3"))
    few = (("sticky", b"2"), ("range", b"1"))
    group << join("a", protocols=many) << join("b", "c", protocols=few) << tick(6_000)
    group >> generation(1, "b", "c", leader="a", protocol="sticky")


def test_protocols_that_fit_nobody_are_refused(group):
    group << stable("a")
    group << knock("b", protocols=(("other", b""),)) >> refused("b", errors.INCONSISTENT_GROUP_PROTOCOL)
    group << knock("b", protocol_type="connect") >> refused("b", errors.INCONSISTENT_GROUP_PROTOCOL)
    group << join("a", protocols=(("other", b""),)) >> refused("a", errors.INCONSISTENT_GROUP_PROTOCOL) >> is_("Stable")


def test_a_first_member_must_name_a_protocol_and_its_type(group):
    group << knock("a", protocols=()) >> refused("a", errors.INCONSISTENT_GROUP_PROTOCOL)
    group << knock("a", protocol_type="") >> refused("a", errors.INCONSISTENT_GROUP_PROTOCOL)


def test_an_empty_group_takes_any_protocol_type(group):
    group << stable("a") << leave("a") >> ok("a") >> is_("Empty")
    group << join("b", protocol_type="connect", protocols=(("x", b""),)) << tick(3_000)
    result = group.take("b")
    assert (result.protocol_type, result.protocol_name, result.generation_id) == ("connect", "x", 3)


# -- member ids (KIP-394) --------------------------------------------------------------------------


def test_member_ids_are_client_id_and_a_uuid_and_repeat_with_the_seed(group_with):
    ids = []
    for _ in range(2):
        group = group_with(seed=7)
        group << knock("a", client_id="app") >> refused("a", errors.MEMBER_ID_REQUIRED)
        ids.append(group.client("a").member_id)
    client_id, _, uuid = ids[0].partition("-")
    assert ids[0] == ids[1] and client_id == "app" and UUID(uuid).version == 4


def test_before_v4_the_first_join_is_enough(group):
    group << join("a", version=3) >> waits("a") << tick(3_000) >> generation(1, leader="a")


def test_an_id_that_was_handed_out_holds_the_next_generation_back(group):
    group << stable("a") << knock("b") >> refused("b", errors.MEMBER_ID_REQUIRED)
    group << join("a") >> waits("a") << join("b") >> generation(2, "b", leader="a")


def test_an_id_that_is_not_used_within_the_session_timeout_is_forgotten(group):
    group << stable("a") << knock("b") >> refused("b", errors.MEMBER_ID_REQUIRED)
    group << join("a") << tick(10_000) >> generation(2, leader="a")
    group << join("b") >> refused("b", errors.UNKNOWN_MEMBER_ID)


def test_an_id_that_was_handed_out_does_not_make_a_static_member(group):
    group << knock("a") >> refused("a", errors.MEMBER_ID_REQUIRED)
    group << join("a", instance="i") >> refused("a", errors.UNKNOWN_SERVER_ERROR)


def test_a_pending_member_may_leave(group):
    group << stable("a") << knock("b") >> refused("b", errors.MEMBER_ID_REQUIRED)
    group << leave("b") >> ok("b") << join("a") >> generation(2, leader="a")


def test_a_stranger_is_unknown(group):
    group << join("a", member_id="who") >> refused("a", errors.UNKNOWN_MEMBER_ID)
    group << stable("b")
    group << join("a", member_id="who") >> refused("a", errors.UNKNOWN_MEMBER_ID)
    group << heartbeat("a", member_id="who", generation=1) >> refused("a", errors.UNKNOWN_MEMBER_ID)
    group << sync("a", member_id="who", generation=1) >> refused("a", errors.UNKNOWN_MEMBER_ID)


# -- sessions --------------------------------------------------------------------------------------


def test_silence_for_a_session_timeout_ends_a_membership(group):
    group << stable("a", "b") << tick(9_000) << heartbeat("a") >> ok("a") << tick(1_000)
    group >> is_("PreparingRebalance") << heartbeat("b") >> refused("b", errors.UNKNOWN_MEMBER_ID)
    group << join("a") >> generation(2, leader="a")


def test_heartbeats_keep_a_session_alive_and_leave_no_deadlines_behind(group):
    group << stable("a")
    for _ in range(500):
        group << tick(1_000) << heartbeat("a") >> ok("a")
    assert len(group.time._heap) < 70
    group << tick(9_999) >> is_("Stable") << tick(1) >> is_("Empty")


def test_a_shorter_session_timeout_counts_from_the_join_on(group):
    group << stable("a") << join("a", session=60_000) >> generation(2, leader="a") << sync("a", a=b"") >> assigned(a=b"")
    group << tick(59_000) >> is_("Stable") << heartbeat("a") >> ok("a")
    group << join("a", session=6_000) >> generation(3, leader="a") << sync("a", a=b"") >> assigned(a=b"")
    group << tick(5_999) >> is_("Stable") << tick(1) >> is_("Empty")


def test_members_that_wait_for_us_are_not_silent(group):
    group << stable("a", "b") << join("a", session=6_000)
    for _ in range(9):
        group << tick(6_000) << heartbeat("b") >> refused("b", errors.REBALANCE_IN_PROGRESS)
    group >> waits("a") << join("b") >> generation(2, "b", leader="a")


def test_a_new_member_may_wait_five_minutes_for_its_first_generation(group):
    group << stable("a") << join("b", rebalance=900_000)
    for _ in range(60):
        group << heartbeat("a") >> refused("a", errors.REBALANCE_IN_PROGRESS) >> waits("b") << tick(5_000)
    group >> refused("b", errors.UNKNOWN_MEMBER_ID)
    group << join("a") >> generation(2, leader="a")


def test_session_timeouts_have_bounds(group):
    group << knock("a", session=5_999) >> refused("a", errors.INVALID_SESSION_TIMEOUT)
    group << knock("a", session=1_800_001) >> refused("a", errors.INVALID_SESSION_TIMEOUT)
    group << knock("a", session=6_000) >> refused("a", errors.MEMBER_ID_REQUIRED)


def test_sessions_hang_on_time_and_rebalances_on_patience(group):
    group << stable("a", "b") << join("c")
    group.patience.advance(60_000)  # time stands still: no session ends, but nobody waits for ever
    group >> generation(2, leader="c") >> is_("CompletingRebalance")


def test_who_never_asks_for_its_assignment_is_out(group):
    group << join("a", "b", session=100_000) << tick(6_000) >> generation(1, "b", leader="a")
    group << sync("a", a=b"1", b=b"2") >> assigned(a=b"1") >> is_("Stable")
    group << tick(59_999) >> is_("Stable") << tick(1) >> is_("PreparingRebalance")
    group << sync("b") >> refused("b", errors.UNKNOWN_MEMBER_ID)
    group << join("a", session=100_000) >> generation(2, leader="a")


def test_when_the_leader_sends_no_assignment_its_followers_try_again_without_it(group):
    group << join("a", "b", session=100_000) << tick(6_000) >> generation(1, "b", leader="a")
    group << sync("b") << tick(60_000) >> refused("b", errors.REBALANCE_IN_PROGRESS)
    group << join("b", session=100_000) >> generation(2, leader="b")


# -- leaving ---------------------------------------------------------------------------------------


def test_leaving_rebalances_and_the_last_one_leaves_an_empty_group(group):
    group << stable("a", "b") << leave("a") >> ok("a") >> is_("PreparingRebalance")
    group << join("b") >> generation(2, leader="b") << leave("b") >> ok("b") >> is_("Empty")
    assert group.group.generation_id == 3
    group << leave("b") >> refused("b", errors.UNKNOWN_MEMBER_ID)


def test_several_leave_at_once_each_with_its_own_error(group):
    group << stable("a", "b", "c")
    group.client("x").member_id = "nobody"
    group << leave("a", "x", "c") >> ok("a", "c") >> refused("x", errors.UNKNOWN_MEMBER_ID)
    group << join("b") >> generation(2, leader="b")


def test_leaving_during_the_initial_delay_does_not_end_it(group):
    group << join("a", "b") << leave("a") >> refused("a", errors.UNKNOWN_MEMBER_ID) >> ok("a") >> waits("b")
    group << tick(6_000) >> generation(1, leader="b")


def test_leaving_answers_the_leavers_own_waiting_requests(group):
    group << join("a", "b") << tick(6_000) >> generation(1, "b", leader="a")
    group << sync("b") << leave("b") >> refused("b", errors.UNKNOWN_MEMBER_ID) >> ok("b")


# -- generations, limits ---------------------------------------------------------------------------


def test_another_generation_is_illegal(group):
    group << stable("a")
    group << heartbeat("a", generation=0) >> refused("a", errors.ILLEGAL_GENERATION)
    group << sync("a", generation=2) >> refused("a", errors.ILLEGAL_GENERATION)


def test_sync_compares_the_protocol_when_it_is_named(group):
    group << stable("a")
    group << sync("a", protocol_type="consumer", protocol_name="range") >> assigned(a=b"a")
    group << sync("a", protocol_type="connect") >> refused("a", errors.INCONSISTENT_GROUP_PROTOCOL)
    group << sync("a", protocol_name="sticky") >> refused("a", errors.INCONSISTENT_GROUP_PROTOCOL)


def test_sync_while_others_still_join_is_told_to_join_again(group):
    group << stable("a") << join("b") << sync("a") >> refused("a", errors.REBALANCE_IN_PROGRESS)


def test_a_full_group_takes_nobody_else(group_with):
    group = group_with(group_max_size=2)
    group << stable("a", "b") << knock("c") >> refused("c", errors.GROUP_MAX_SIZE_REACHED)
    group << join("a") << join("b") >> generation(2, "b", leader="a")


def test_places_are_given_to_those_who_rejoin_first(group_with):
    group = group_with(group_max_size=2)
    group << stable("a", "b") << knock("c") >> refused("c", errors.GROUP_MAX_SIZE_REACHED)
    group << leave("b") >> ok("b") << forget("b") << join("c") << join("d") >> waits("c", "d")
    group << join("a") >> refused("a", errors.GROUP_MAX_SIZE_REACHED)
    group << tick(60_000) >> generation(2, "d", leader="c")


def test_a_second_join_of_a_waiting_member_replaces_the_first(group):
    group << stable("a", "b") << join("b", protocols=(("range", b"1"),)) << join("b", protocols=(("range", b"2"),))
    group >> refused("b", errors.REBALANCE_IN_PROGRESS) >> waits("b") << join("a") >> generation(2, "b", leader="a")


def test_a_closed_group_answers_all_that_wait_and_leaves_no_deadline(group):
    group << stable("a", "b") << knock("c") >> refused("c", errors.MEMBER_ID_REQUIRED)
    group << join("a") >> waits("a")
    group.group.close(errors.NOT_COORDINATOR)
    group >> refused("a", errors.NOT_COORDINATOR) >> is_("Dead")
    assert group.patience.next_deadline() is None
    assert group.time.next_deadline() == group.groups._retention.next.at


def test_the_table_names_every_state_and_ends_in_dead():
    assert {target for row in TRANSITIONS.values() for target in row.values()} == set(TRANSITIONS)
    assert not TRANSITIONS["Dead"]
