"""One member of a consumer group, as its records say: a value, replaced when something changes.

Source: org.apache.kafka.coordinator.group.modern.consumer.ConsumerGroupMember of 4.3.1.
"""

from enum import IntEnum
from typing import NamedTuple

NOTHING = {}  # no partitions at all; shared, so nobody may write to it

# Member epochs of a heartbeat that are none (KIP-848).
JOINING = 0
LEAVING = -1
LEAVING_FOR_A_WHILE = -2  # a static member that means to come back


class MemberState(IntEnum):
    """Where a member is on its way to the target; numbered as in its records."""

    STABLE = 0
    UNREVOKED_PARTITIONS = 1  # it must give up some partitions first
    UNRELEASED_PARTITIONS = 2  # some that it shall have are still with others


class Classic(NamedTuple):
    """What a member of the classic protocol brought to JoinGroup: its time-out in ms, ((name, metadata bytes), ...)."""

    session_timeout_ms: int
    protocols: tuple


class ConsumerMember(NamedTuple):
    """`assigned` and `pending_revocation` are {topic_id: {partition: epoch since which it has it}}."""

    member_id: str
    instance_id: str | None = None
    rack_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    rebalance_timeout_ms: int = -1
    subscribed_topic_names: frozenset = frozenset()
    subscribed_topic_regex: str = ""
    server_assignor: str | None = None
    classic: Classic | None = None
    member_epoch: int = 0
    previous_member_epoch: int = -1
    state: MemberState = MemberState.STABLE
    assigned: dict = NOTHING
    pending_revocation: dict = NOTHING

    @property
    def metadata(self):
        """What the record of its metadata holds; the rest is in that of its current assignment."""
        return self[:10]

    def is_reconciled_to(self, assignment_epoch):
        return self.state == MemberState.STABLE and self.member_epoch == assignment_epoch

    def moved_to(self, epoch, state, assigned, pending_revocation=NOTHING):
        return self._replace(
            previous_member_epoch=self.member_epoch,
            member_epoch=epoch,
            state=state,
            assigned=assigned,
            pending_revocation=pending_revocation,
        )

    def holds(self, topic_id, partition):
        """Since which epoch it has a partition, even one that it is to give up; None when it has not."""
        epoch = self.assigned.get(topic_id, NOTHING).get(partition)
        return self.pending_revocation.get(topic_id, NOTHING).get(partition) if epoch is None else epoch


def at_epoch(partitions, epoch):
    """{topic_id: [partition]} as `assigned` since `epoch`."""
    return {topic_id: dict.fromkeys(indexes, epoch) for topic_id, indexes in partitions.items() if indexes}
