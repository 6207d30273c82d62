"""JoinGroup, SyncGroup, Heartbeat, LeaveGroup: members of the classic protocol come, stay and go."""

from emulator.api.registry import handles
from emulator.state.groups.messages import Join, JoinResult, SyncResult
from wire import errors
from wire.apis.groups import Heartbeat, JoinGroup, LeaveGroup, SyncGroup
from wire.errors import KafkaError


def _may_read(call, group_id):
    return call.allowed("read", "group", group_id)


@handles(JoinGroup)
def join_group(request, call, groups):
    if not _may_read(call, request.group_id):
        result = JoinResult(errors.GROUP_AUTHORIZATION_FAILED)
    else:
        join = Join(
            request.member_id,
            request.group_instance_id,
            call.client_id or "",
            f"/{call.client_host}",  # as Java writes an address
            request.session_timeout_ms,
            # v0 has but one time-out
            request.rebalance_timeout_ms if call.version >= 1 else request.session_timeout_ms,
            request.protocol_type,
            tuple([(protocol.name, bytes(protocol.metadata)) for protocol in request.protocols]),
            request.reason,
            call.version >= 4,  # KIP-394
            call.version >= 9,  # KIP-814
            call.connection,
        )
        pending = call.pending()
        groups.classic.join(request.group_id, join, pending.resolve)
        result = pending.wait()
    Member = JoinGroup.Response.Members
    return JoinGroup.reply(
        error_code=result.error,
        generation_id=result.generation_id,
        protocol_type=result.protocol_type,
        protocol_name=result.protocol_name if call.version >= 7 else result.protocol_name or "",
        leader=result.leader,
        skip_assignment=result.skip_assignment,
        member_id=result.member_id,
        members=[
            Member(member_id=member_id, group_instance_id=instance_id, metadata=metadata)
            for member_id, instance_id, metadata in result.members
        ],
    )


@handles(SyncGroup)
def sync_group(request, call, groups):
    if call.version >= 5 and (request.protocol_type is None or request.protocol_name is None):  # KIP-559
        result = SyncResult(errors.INCONSISTENT_GROUP_PROTOCOL)
    elif not _may_read(call, request.group_id):
        result = SyncResult(errors.GROUP_AUTHORIZATION_FAILED)
    else:
        pending = call.pending()
        groups.classic.sync(
            request.group_id,
            request.member_id,
            request.group_instance_id,
            request.generation_id,
            request.protocol_type,
            request.protocol_name,
            {assigned.member_id: bytes(assigned.assignment) for assigned in request.assignments},
            pending.resolve,
        )
        result = pending.wait()
    return SyncGroup.reply(
        error_code=result.error,
        protocol_type=result.protocol_type,
        protocol_name=result.protocol_name,
        assignment=result.assignment,
    )


@handles(Heartbeat)
def heartbeat(request, call, groups):
    if not _may_read(call, request.group_id):
        return Heartbeat.reply(error_code=errors.GROUP_AUTHORIZATION_FAILED)
    error = groups.classic.heartbeat(
        request.group_id, request.member_id, request.group_instance_id, request.generation_id, call.connection
    )
    return Heartbeat.reply(error_code=error)


@handles(LeaveGroup)
def leave_group(request, call, groups):
    if not _may_read(call, request.group_id):
        return LeaveGroup.reply(error_code=errors.GROUP_AUTHORIZATION_FAILED)
    if call.version < 3:
        leaving = [(request.member_id, None, None)]
    else:
        leaving = [(member.member_id, member.group_instance_id, member.reason) for member in request.members]
    try:
        codes = groups.classic.leave(request.group_id, leaving)
    except KafkaError as refusal:
        return LeaveGroup.reply(error_code=refusal.error)
    if call.version < 3:
        return LeaveGroup.reply(error_code=codes[0])
    Member = LeaveGroup.Response.Members
    return LeaveGroup.reply(
        members=[
            Member(member_id=member_id, group_instance_id=instance_id, error_code=code)
            for (member_id, instance_id, _), code in zip(leaving, codes)
        ]
    )
