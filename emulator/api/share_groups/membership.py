"""ShareGroupHeartbeat, ShareGroupDescribe: the members of share groups.

Source: KafkaApis.handleShareGroupHeartbeat, handleShareGroupDescribe of Kafka 4.3.1.
"""

from emulator.api.assignment import assignment_of
from emulator.api.groups.admin import authorized_operations
from emulator.api.registry import handles
from emulator.api.share_groups.common import NOT_COORDINATOR_TEXT, is_member_id
from emulator.state.groups.share import assignor
from emulator.state.groups.share.member import ShareHeartbeat
from wire import errors
from wire.apis.share_groups import ShareGroupDescribe, ShareGroupHeartbeat
from wire.errors import KafkaError


@handles(ShareGroupHeartbeat, feature="share.version")
def share_group_heartbeat(request, call, groups):
    reply = ShareGroupHeartbeat.reply
    if not call.allowed("read", "group", request.group_id):
        return reply(error_code=errors.GROUP_AUTHORIZATION_FAILED)
    if not is_member_id(request.member_id):
        return reply(error_code=errors.INVALID_REQUEST)
    if not all(call.allowed("describe", "topic", name) for name in request.subscribed_topic_names or ()):
        return reply(error_code=errors.TOPIC_AUTHORIZATION_FAILED)
    beat = ShareHeartbeat(
        request.member_id,
        request.member_epoch,
        call.client_id or "",
        f"/{call.client_host}",
        request.rack_id,
        request.subscribed_topic_names,
        call.connection,
    )
    try:
        answer = groups.share.heartbeat(request.group_id, beat)
    except KafkaError as refusal:
        return reply(error_code=refusal.error, error_message=refusal.message)
    return reply(
        member_id=answer.member_id,
        member_epoch=answer.member_epoch,
        heartbeat_interval_ms=answer.heartbeat_interval_ms,
        assignment=assignment_of(ShareGroupHeartbeat.Response.Assignment, answer.assignment),
    )


@handles(ShareGroupDescribe, feature="share.version")
def share_group_describe(request, call, groups, cluster):
    Group = ShareGroupDescribe.Response.Groups
    refused, described = [], []
    for group_id in request.group_ids:
        if not call.allowed("describe", "group", group_id):
            refused.append(Group(group_id=group_id, error_code=errors.GROUP_AUTHORIZATION_FAILED))
            continue
        if not group_id:
            refused.append(Group(group_id=group_id, error_code=errors.INVALID_GROUP_ID))
            continue
        try:
            group = groups.share.get(group_id)
        except KafkaError as refusal:
            message = NOT_COORDINATOR_TEXT if refusal.error == errors.NOT_COORDINATOR else refusal.message
            described.append(Group(group_id=group_id, error_code=refusal.error, error_message=message))
            continue
        if not all(call.allowed("describe", "topic", name) for name in group.subscribed_topics()):
            described.append(
                Group(
                    group_id=group_id,
                    error_code=errors.TOPIC_AUTHORIZATION_FAILED,
                    error_message="The group has described topic(s) that the client is not authorized to describe.",
                )
            )
            continue
        answer = _described(Group, group, cluster)
        if request.include_authorized_operations:
            answer.authorized_operations = authorized_operations(call, group_id)
        described.append(answer)
    return ShareGroupDescribe.reply(groups=refused + described)


def _described(Group, group, cluster):
    Member = Group.Members
    Assignment = Member.Assignment
    return Group(
        group_id=group.group_id,
        group_state=group.state,
        group_epoch=group.group_epoch,
        assignment_epoch=group.assignment_epoch,
        assignor_name=assignor.NAME,
        members=[
            Member(
                member_id=member.member_id,
                rack_id=member.rack_id,
                member_epoch=member.member_epoch,
                client_id=member.client_id,
                client_host=member.client_host,
                subscribed_topic_names=sorted(member.subscribed_topic_names),
                assignment=Assignment(
                    topic_partitions=[
                        Assignment.TopicPartitions(topic_id=topic_id, topic_name=topic.name, partitions=sorted(partitions))
                        for topic_id, partitions in member.assigned.items()
                        if (topic := cluster.topics_by_id.get(topic_id)) is not None
                    ]
                ),
            )
            for member in group.members.values()
        ],
    )
