"""A coordinator after a restart: what it answers until it knows its partition, and that others have their turn meanwhile."""

import pytest

from tests.state.groups.test_offsets import commit
from tests.state.groups.trace import stable
from wire import errors
from wire.errors import KafkaError


def refusal(action, *arguments):
    with pytest.raises(KafkaError) as caught:
        action(*arguments)
    return caught.value.error


def again(group):
    """A coordinator that expects the group's partition, and the partition."""
    coordinator = group.coordinator()
    partition = coordinator.partition_for("g")
    coordinator.store.expect([partition])
    return coordinator, partition


def test_nothing_is_said_of_a_group_that_is_not_loaded_yet(group):
    group << stable("a")
    member = group.client("a")
    for offset in range(2000):
        assert commit(group, "a", offset) == errors.NONE
    coordinator, partition = again(group)
    slices = coordinator.load_in_slices(partition)
    asked = ("g", member.member_id, None, member.generation_id)
    steps = 0
    for _ in slices:
        steps += 1
        assert coordinator.classic.heartbeat(*asked) == errors.COORDINATOR_LOAD_IN_PROGRESS
        assert refusal(coordinator.list) == errors.COORDINATOR_LOAD_IN_PROGRESS
        assert refusal(coordinator.offsets.fetch, "g") == errors.COORDINATOR_LOAD_IN_PROGRESS
        assert refusal(coordinator.delete, "g") == errors.COORDINATOR_LOAD_IN_PROGRESS
    assert steps >= 4  # and between them others were served
    assert coordinator.classic.heartbeat(*asked) == errors.NONE
    assert coordinator.offsets.fetch("g")["t"][0].offset == 1999
    assert [found.group_id for found in coordinator.list()] == ["g"]


def test_what_cannot_be_loaded_has_no_coordinator(group):
    group << stable("a")
    coordinator, partition = again(group)
    coordinator.store.loaded(partition, failed=True)
    assert refusal(coordinator.offsets.fetch, "g") == errors.NOT_COORDINATOR
    assert coordinator.list() == []
