"""What groups whose members have epochs share: those of the consumer, share and streams protocols.

Source: org.apache.kafka.coordinator.group.modern.ModernGroup of Kafka 4.3.1.
"""

from emulator.state.groups.messages import JoinResult, SyncResult
from wire import errors
from wire.errors import KafkaError

EMPTY = "Empty"
DEAD = "Dead"


class ModernGroup:
    """Who derives has `group_id`, `env`, `members` by id, `timers` and a `state`."""

    is_closed = False
    expires = True  # once it is empty and has no offsets

    @property
    def is_empty(self):
        return not self.members

    def member(self, member_id):
        """KafkaError UNKNOWN_MEMBER_ID."""
        member = self.members.get(member_id)
        if member is None:
            raise KafkaError(errors.UNKNOWN_MEMBER_ID, f"Member {member_id} is not a member of group {self.group_id}.")
        return member

    # -- the classic protocol has nothing to do here -------------------------------------------------

    def join(self, join, respond):
        respond(JoinResult(errors.INCONSISTENT_GROUP_PROTOCOL))

    def sync(self, member_id, group_instance_id, generation_id, protocol_type, protocol_name, assignments, respond):
        respond(SyncResult(errors.UNKNOWN_MEMBER_ID))

    def heartbeat(self, member_id, group_instance_id, generation_id, client=None):
        return errors.UNKNOWN_MEMBER_ID

    def leave(self, identities):
        return [errors.UNKNOWN_MEMBER_ID] * len(identities)

    # -- what is asked of every group ----------------------------------------------------------------

    def check_delete(self):
        if self.state != EMPTY:
            raise KafkaError(errors.NON_EMPTY_GROUP)

    def begin_delete(self):
        """What is kept elsewhere goes before the group."""

    def check_offset_delete(self):
        """Offsets of topics that nobody subscribes to may go at any time."""

    @staticmethod
    def retention_starts(commit_timestamp):
        """From when (ms) a committed offset grows old; None: not at all."""
        return commit_timestamp

    def close(self, error=None):
        """The group ends here."""
        self.timers.close()
        self.is_closed = True
