"""One member of a streams group, as its records say: a value, replaced when something changes.

Source: org.apache.kafka.coordinator.group.streams.{StreamsGroupMember, TasksTuple, TasksTupleWithEpochs} of 4.3.1.
"""

from enum import IntEnum
from typing import NamedTuple

NOTHING = {}  # no tasks of a kind; shared, so nobody may write to it

# Member epochs of a heartbeat that are none.
JOINING = 0
LEAVING = -1
LEAVING_FOR_A_WHILE = -2


class MemberState(IntEnum):
    """Where a member is on its way to the target; numbered as in its records."""

    STABLE = 1
    UNREVOKED_TASKS = 2  # it must give up some tasks first
    UNRELEASED_TASKS = 3  # some that it shall have are still with others


class Tasks(NamedTuple):
    """{subtopology_id: frozenset of partitions} of each kind."""

    active: dict = NOTHING
    standby: dict = NOTHING
    warmup: dict = NOTHING


class HeldTasks(NamedTuple):
    """As Tasks, but `active` is {subtopology_id: {partition: epoch since which the member has it}}."""

    active: dict = NOTHING
    standby: dict = NOTHING
    warmup: dict = NOTHING

    def __bool__(self):
        return bool(self.active or self.standby or self.warmup)


NO_TASKS = Tasks()
HOLDS_NOTHING = HeldTasks()


class StreamsMember(NamedTuple):
    """`user_endpoint` is (host, port); `client_tags` {key: value}."""

    member_id: str
    instance_id: str | None = None
    rack_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    rebalance_timeout_ms: int = -1
    topology_epoch: int = -1
    process_id: str = ""
    user_endpoint: tuple | None = None
    client_tags: dict = NOTHING
    member_epoch: int = 0
    previous_member_epoch: int = 0
    state: MemberState = MemberState.STABLE
    assigned: HeldTasks = HOLDS_NOTHING
    pending_revocation: HeldTasks = HOLDS_NOTHING

    @property
    def metadata(self):
        """What the record of its metadata holds; the rest is in that of its current assignment."""
        return self[:10]

    @property
    def progress(self):
        return self[10:]

    def is_reconciled_to(self, assignment_epoch):
        return self.state == MemberState.STABLE and self.member_epoch == assignment_epoch

    def moved_to(self, epoch, state, assigned, pending_revocation=HOLDS_NOTHING):
        return self._replace(
            previous_member_epoch=self.member_epoch,
            member_epoch=epoch,
            state=state,
            assigned=assigned,
            pending_revocation=pending_revocation,
        )

    def holds_active(self, subtopology_id, partition):
        """Since which epoch it has an active task, even one that it is to give up; None when it has not."""
        epoch = self.assigned.active.get(subtopology_id, NOTHING).get(partition)
        return self.pending_revocation.active.get(subtopology_id, NOTHING).get(partition) if epoch is None else epoch
