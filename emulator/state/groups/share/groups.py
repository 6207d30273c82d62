"""The share groups among all groups of a coordinator, and the offsets that administrators see and move.

Source: GroupCoordinatorService.shareGroupHeartbeat, describeShareGroupOffsets, alterShareGroupOffsets,
deleteShareGroupOffsets of Kafka 4.3.1.
"""

import logging
from typing import NamedTuple

from emulator.state.cluster import uuid_text
from emulator.state.groups.consumer.messages import HeartbeatAnswer
from emulator.state.groups.protocol import TopicsProtocol
from emulator.state.groups.share.group import ShareGroup
from emulator.state.groups.share.member import JOINING, LEAVING
from emulator.state.groups.share.records import KINDS
from emulator.state.share.state import NO_OFFSET
from wire import errors
from wire.errors import KafkaError

log = logging.getLogger(__name__)

_NO_GROUP_ID = "The group id is invalid."
_NO_SUCH_PARTITION = "Initialize share group parameters has invalid partitionId"


class ShareOffset(NamedTuple):
    """Where a group stands in a partition; `complete`: how many records after it are done with, -1: not known."""

    start_offset: int = NO_OFFSET
    leader_epoch: int = 0
    complete: int = NO_OFFSET


class ShareGroups(TopicsProtocol):
    """`persister`: share.persister.Persister."""

    type = "share"
    kinds = KINDS

    def __init__(self, table, env, persister):
        super().__init__(table, env)
        self._persister = persister

    def make(self, group_id):
        return ShareGroup(group_id, self.env, self._persister)

    def heartbeat(self, group_id, beat):
        """A ShareHeartbeat; gives a HeartbeatAnswer. KafkaError."""
        _check(group_id, beat)
        if beat.member_epoch == LEAVING:
            with self.env.batch:
                self.get(group_id).share_leave(beat.member_id)
            return HeartbeatAnswer(beat.member_id, beat.member_epoch)
        group = self.table.get(group_id)
        if group is None:
            if beat.member_epoch != JOINING:
                raise KafkaError(errors.GROUP_ID_NOT_FOUND, f"Share group {group_id} not found.")
            group = self.table.put(self.make(group_id))
        elif group.type != self.type:
            raise self.not_ours(group_id)
        with self.env.batch:
            answer = group.share_heartbeat(beat)
            if missing := group.uninitialized():
                group.announce(missing)
        if missing:
            offsets = {topic_id: dict.fromkeys(partitions, NO_OFFSET) for topic_id, partitions in missing.items()}
            refused = group.initialize(offsets)
            for (topic_id, index), refusal in refused.items():  # the member is not told: the next heartbeat tries again
                log.error("group %s: partition %d of %s cannot begin: %s", group_id, index, uuid_text(topic_id), refusal)
            if refused:
                group.call_off(missing)
        return answer

    # -- offsets -----------------------------------------------------------------------------------

    def partitions(self, group_id):
        """{topic_id: sorted partitions} that a group has a state of, none when it is no share group. KafkaError."""
        group = self.table.get(group_id)
        if group is None or group.type != self.type:
            return {}
        return {topic_id: sorted(partitions) for topic_id, (_, partitions) in group.initialized.items()}

    def offset(self, group_id, topic_id, partition):
        """The ShareOffset of a share-partition."""
        state = self._persister.summary((group_id, topic_id, partition))
        if state is None:
            return ShareOffset()
        return ShareOffset(state.start_offset, state.leader_epoch, state.delivery_complete_count)

    def alter_offsets(self, group_id, offsets):
        """Begin anew at {topic_id: {partition: offset}}, for a group that may not be there yet. KafkaError.

        Gives {(topic_id, partition): KafkaError} of those that the share coordinator refused. A topic without partitions begins nothing, but makes the group.
        """
        if not group_id:
            raise KafkaError(errors.INVALID_GROUP_ID, _NO_GROUP_ID)
        group = self.table.get(group_id)
        if group is None:
            if not offsets:
                return {}
            group = self.table.put(self.make(group_id))
        elif group.type != self.type:
            raise self.not_ours(group_id)
        group.check_delete()
        if not offsets:
            return {}
        group.announce(offsets)
        for topic_id, partitions in offsets.items():
            for index in partitions:
                if index < 0:  # Kafka finds out this late, and leaves what it has begun
                    raise KafkaError(errors.UNKNOWN_SERVER_ERROR, f"{_NO_SUCH_PARTITION} - {group_id} {uuid_text(topic_id)} {index}")
        return group.initialize({topic_id: partitions for topic_id, partitions in offsets.items() if partitions})

    def check_delete_offsets(self, group_id):
        """KafkaError unless the offsets of this group may be deleted."""
        if not group_id:
            raise KafkaError(errors.INVALID_GROUP_ID, _NO_GROUP_ID)
        self.get(group_id).check_delete()

    def has_begun(self, group_id):
        """Whether it was ever said where this group stands in any topic."""
        return self.get(group_id).has_begun

    def delete_offsets(self, group_id, topic_ids):
        """Forget where the group stands in these topics."""
        self.get(group_id).uninitialize(topic_ids)


def _check(group_id, beat):
    """Raise KafkaError for a heartbeat that is wrong in itself."""
    for text, what in ((beat.member_id, "MemberId"), (group_id, "GroupId"), (beat.rack_id, "RackId")):
        if text is not None and not text.strip():
            raise _invalid(f"{what} can't be empty.")
    if beat.member_epoch == JOINING:
        if not beat.subscribed_topic_names:
            raise _invalid("SubscribedTopicNames must be set in first request.")
    elif beat.member_epoch < LEAVING:
        raise _invalid("MemberEpoch is invalid.")


def _invalid(message):
    return KafkaError(errors.INVALID_REQUEST, message)
