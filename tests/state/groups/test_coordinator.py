"""What is asked of all groups: list, describe, delete, and where a group lives."""

import pytest

from emulator.state.internal_topics import partition_for
from emulator.state.java import string_hash as java_hash
from tests.state.groups.test_offsets import commit
from tests.state.groups.trace import Join, RANGE, leave, ok, refused, stable
from wire import errors


def error_of(action, *arguments):
    with pytest.raises(errors.KafkaError) as refusal:
        action(*arguments)
    return refusal.value.error


def test_groups_are_listed_by_state_and_type(group):
    group << stable("a")
    group.groups.offsets.commit("simple", "", None, -1, [("t", [(0, 1, -1, None)])])

    def listed(**filters):
        return [found.group_id for found in group.groups.list(**filters)]

    assert listed() == ["g", "simple"]
    assert listed(states=["stable", "Dead"]) == ["g"]
    assert listed(states=[" Empty "], types=["CLASSIC"]) == ["simple"]
    assert listed(types=["consumer"]) == listed(states=["no such state"]) == []


def test_only_empty_groups_are_deleted_and_their_offsets_go_too(group):
    group << stable("a")
    commit(group, "a")
    assert error_of(group.groups.delete, "g") == errors.NON_EMPTY_GROUP
    group << leave("a") >> ok("a")
    group.groups.delete("g")
    assert group.groups.offsets.fetch("g") == {}
    assert error_of(group.groups.delete, "g") == errors.GROUP_ID_NOT_FOUND
    assert error_of(group.groups.classic.get, "g") == errors.GROUP_ID_NOT_FOUND


def test_a_group_needs_a_name_except_for_offsets(group):
    groups = group.groups
    groups.classic.join("", Join("", None, "c", "/h", 10_000, 10_000, "consumer", RANGE), group.ask(group.client("a")))
    groups.classic.sync("", "m", None, 1, None, None, {}, group.ask(group.client("a")))
    group >> refused("a", errors.INVALID_GROUP_ID) >> refused("a", errors.INVALID_GROUP_ID)
    assert groups.classic.heartbeat("", "m", None, 1) == errors.INVALID_GROUP_ID
    assert error_of(groups.classic.leave, "", []) == errors.INVALID_GROUP_ID
    assert error_of(groups.offsets.delete, "", []) == errors.INVALID_GROUP_ID
    assert groups.offsets.commit("", "", None, -1, [("t", [(0, 7, -1, None)])]) == [[errors.NONE]]
    assert groups.offsets.fetch("")["t"][0].offset == 7


def test_leaving_a_group_that_does_not_exist(group):
    assert group.groups.classic.leave("nobody", [("m", None, None), ("", "i", None)]) == [errors.UNKNOWN_MEMBER_ID] * 2


@pytest.mark.parametrize("text, value", [("", 0), ("a", 97), ("hello", 99162322), ("polygenelubricants", -(2**31)), ("\U0001f600", 1772899)])
def test_hashes_are_javas(text, value):
    assert java_hash(text) == value


def test_the_smallest_hash_is_its_own_negative_and_goes_to_partition_0():
    assert partition_for("polygenelubricants", 50) == 0
    assert partition_for("hello", 50) == 22
