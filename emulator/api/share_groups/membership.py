"""ShareGroupHeartbeat, ShareGroupDescribe: the members of share groups.

Source: KafkaApis.handleShareGroupHeartbeat, handleShareGroupDescribe of Kafka 4.3.1.
"""

from emulator.api.assignment import assignment_of
from emulator.api.groups.describe import describe
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
    return describe(
        ShareGroupDescribe,
        request,
        call,
        groups.share.get,
        lambda group: _described(ShareGroupDescribe.Response.Groups, group, cluster),
        lambda answer: (held.topic_name for member in answer.members for held in member.assignment.topic_partitions),
        texts={errors.NOT_COORDINATOR: NOT_COORDINATOR_TEXT},
    )


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
