"""DescribeGroups, ListGroups, DeleteGroups: groups as administrators see them."""

from emulator.api.authorized import CLUSTER_NAME, group_operations
from emulator.api.registry import handles
from emulator.state.groups.classic.group import DEAD, STABLE
from wire import errors
from wire.apis.groups import DeleteGroups, DescribeGroups, ListGroups
from wire.errors import KafkaError

@handles(DescribeGroups)
def describe_groups(request, call, groups):
    answers = [_described(group_id, call, groups) for group_id in request.groups]
    if request.include_authorized_operations:
        for answer in answers:
            if answer.error_code == errors.NONE:
                answer.authorized_operations = group_operations(call, answer.group_id)
    return DescribeGroups.reply(groups=answers)


def _described(group_id, call, groups):
    Group = DescribeGroups.Response.Groups
    if not call.allowed("describe", "group", group_id):
        return Group(group_id=group_id, error_code=errors.GROUP_AUTHORIZATION_FAILED)
    try:
        group = groups.classic.get(group_id)
    except KafkaError as refusal:
        if refusal.error != errors.GROUP_ID_NOT_FOUND:
            return Group(group_id=group_id, error_code=refusal.error)
        if call.version < 6:  # KIP-1043
            return Group(group_id=group_id, group_state=DEAD)
        return Group(group_id=group_id, group_state=DEAD, error_code=refusal.error, error_message=refusal.message)
    stable = group.state == STABLE
    return Group(
        group_id=group_id,
        group_state=group.state,
        protocol_type=group.protocol_type or "",
        protocol_data=group.protocol_name if stable else "",
        members=[
            Group.Members(
                member_id=member.member_id,
                group_instance_id=member.group_instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                member_metadata=member.metadata(group.protocol_name) if stable else b"",
                member_assignment=member.assignment,
            )
            for member in group.members
        ],
    )


@handles(ListGroups)
def list_groups(request, call, groups):
    Group = ListGroups.Response.Groups
    all_seen = call.may("describe", "cluster", CLUSTER_NAME)
    try:
        found = groups.list(request.states_filter, request.types_filter)
    except KafkaError as refusal:
        return ListGroups.reply(error_code=refusal.error)
    return ListGroups.reply(
        groups=[
            Group(
                group_id=group.group_id,
                protocol_type=group.protocol_type or "",
                group_state=group.state,
                group_type=group.type,
            )
            for group in found
            if all_seen or call.may("describe", "group", group.group_id)
        ]
    )


@handles(DeleteGroups)
def delete_groups(request, call, groups):
    Result = DeleteGroups.Response.Results
    return DeleteGroups.reply(
        results=[
            Result(group_id=group_id, error_code=_deleted(group_id, call, groups))
            for group_id in dict.fromkeys(request.groups_names)
        ]
    )


def _deleted(group_id, call, groups):
    if not call.allowed("delete", "group", group_id):
        return errors.GROUP_AUTHORIZATION_FAILED
    try:
        groups.delete(group_id)
    except KafkaError as refusal:
        return refusal.error
    return errors.NONE
