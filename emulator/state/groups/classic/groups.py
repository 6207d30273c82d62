"""The classic protocol among all groups of a coordinator: joins, syncs, heartbeats and leaves find their group here.

A group of another protocol answers them too: some of a consumer group's members may speak the classic protocol.
Source: GroupCoordinatorService, GroupMetadataManager.classicGroupJoin and its like, of Kafka 4.3.1.
"""

from uuid import UUID

from emulator.state.groups.classic import records
from emulator.state.groups.classic.group import ClassicGroup
from emulator.state.groups.messages import JoinResult, SyncResult
from emulator.state.groups.protocol import Protocol
from wire import errors
from wire.errors import KafkaError

_MAKES_WAY = ("consumer", "streams")  # protocols whose empty groups do


class ClassicGroups(Protocol):
    type = "classic"
    kinds = records.KINDS

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._callbacks = self._new_id, self._store  # bound once, not for each of many thousand groups

    def make(self, group_id):
        env = self.env
        return ClassicGroup(group_id, env.settings, env.time, env.patience, *self._callbacks)

    def add(self, group_id):
        """A new group, without a record yet."""
        return self.table.put(self.make(group_id))

    def _new_id(self):
        return UUID(int=self.env.random.getrandbits(128), version=4)

    def _store(self, group, gone=False):
        """A group's members, generation and assignment as they now are, or that it is `gone`."""
        self.table.write(group.group_id, records.group_key(group.group_id), None if gone else records.group_value(group))

    # -- requests ----------------------------------------------------------------------------------

    def join(self, group_id, join, respond):
        """A `messages.Join`; answers a JoinResult."""
        try:
            group = self._to_join(group_id, join)
        except KafkaError as refusal:
            known = "" if refusal.error == errors.NOT_COORDINATOR else join.member_id
            respond(JoinResult(refusal.error, known))
        else:
            group.join(join, respond)

    def _to_join(self, group_id, join):
        settings = self.env.settings
        if not group_id:
            raise KafkaError(errors.INVALID_GROUP_ID)
        if not settings.group_min_session_timeout_ms <= join.session_timeout_ms <= settings.group_max_session_timeout_ms:
            raise KafkaError(errors.INVALID_SESSION_TIMEOUT)
        group = self.table.get(group_id)
        if group is not None and not (group.type in _MAKES_WAY and group.is_empty):
            return group
        if join.member_id:
            raise KafkaError(errors.UNKNOWN_MEMBER_ID)
        if group is not None:
            self.table.remove(group)
        group = self.add(group_id)
        self._store(group)
        return group

    def sync(self, group_id, member_id, group_instance_id, generation_id, protocol_type, protocol_name, assignments, respond):
        """`assignments` is {member_id: bytes}; answers a SyncResult."""
        try:
            group = self._of_member(group_id)
        except KafkaError as refusal:
            respond(SyncResult(refusal.error))
        else:
            group.sync(member_id, group_instance_id, generation_id, protocol_type, protocol_name, assignments, respond)

    def heartbeat(self, group_id, member_id, group_instance_id, generation_id, client=None):
        """The error code; `client`: the connection that it came by."""
        try:
            return self._of_member(group_id).heartbeat(member_id, group_instance_id, generation_id, client)
        except KafkaError as refusal:
            return refusal.error

    def leave(self, group_id, identities):
        """[(member_id, group_instance_id, reason)] -> an error code each."""
        try:
            group = self._of_member(group_id)
        except KafkaError as refusal:
            if refusal.error != errors.UNKNOWN_MEMBER_ID:
                raise
            return [refusal.error] * len(identities)
        return group.leave(identities)

    def _of_member(self, group_id):
        if not group_id:
            raise KafkaError(errors.INVALID_GROUP_ID)
        group = self.table.get(group_id)
        if group is None:
            raise KafkaError(errors.UNKNOWN_MEMBER_ID)
        return group
