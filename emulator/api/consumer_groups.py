"""ConsumerGroupHeartbeat, ConsumerGroupDescribe: groups of the consumer protocol (KIP-848).

Source: KafkaApis.handleConsumerGroupHeartbeat, handleConsumerGroupDescribe of Kafka 4.3.1.
"""

from emulator.api.assignment import assignment_of
from emulator.api.groups.describe import describe
from emulator.api.registry import handles
from emulator.state.groups.consumer.member import NOTHING
from emulator.state.groups.consumer.messages import ConsumerHeartbeat
from wire import errors
from wire.apis.consumer_groups import ConsumerGroupDescribe, ConsumerGroupHeartbeat
from wire.errors import KafkaError

_CLASSIC, _CONSUMER = 0, 1  # member_type


@handles(ConsumerGroupHeartbeat, feature="group.version")
def consumer_group_heartbeat(request, call, groups):
    reply = ConsumerGroupHeartbeat.reply
    if not call.allowed("read", "group", request.group_id):
        return reply(error_code=errors.GROUP_AUTHORIZATION_FAILED)
    names = request.subscribed_topic_names
    if names and not all(call.allowed("describe", "topic", name) for name in names):
        return reply(error_code=errors.TOPIC_AUTHORIZATION_FAILED)
    beat = ConsumerHeartbeat(
        request.member_id,
        request.member_epoch,
        call.client_id or "",
        f"/{call.client_host}",
        request.instance_id,
        request.rack_id,
        request.rebalance_timeout_ms,
        names,
        request.subscribed_topic_regex,
        request.server_assignor,
        None
        if request.topic_partitions is None
        else [(owned.topic_id, owned.partitions) for owned in request.topic_partitions],
        call.connection,
        None if call.authorizer is None else lambda name: call.may("describe", "topic", name),
    )
    try:
        answer = groups.consumer.heartbeat(request.group_id, beat, call.version)
    except KafkaError as refusal:
        return reply(error_code=refusal.error, error_message=refusal.message)
    return reply(
        member_id=answer.member_id,
        member_epoch=answer.member_epoch,
        heartbeat_interval_ms=answer.heartbeat_interval_ms,
        assignment=assignment_of(ConsumerGroupHeartbeat.Response.Assignment, answer.assignment),
    )


@handles(ConsumerGroupDescribe, feature="group.version")
def consumer_group_describe(request, call, groups, cluster):
    return describe(
        ConsumerGroupDescribe,
        request,
        call,
        groups.consumer.get,
        lambda group: _described(ConsumerGroupDescribe.Response.Groups, group, groups, cluster),
        lambda answer: (each for member in answer.members for each in (*_names(member.assignment), *_names(member.target_assignment))),
    )


def _names(assignment):
    return [held.topic_name for held in assignment.topic_partitions]


def _described(Group, group, groups, cluster):
    def assignment(Assignment, partitions):
        return Assignment(
            topic_partitions=[
                Assignment.TopicPartitions(topic_id=topic_id, topic_name=topic.name, partitions=sorted(held))
                for topic_id, held in partitions.items()
                if (topic := cluster.topics_by_id.get(topic_id)) is not None
            ]
        )

    Member = Group.Members
    return Group(
        group_id=group.group_id,
        group_state=group.state,
        group_epoch=group.group_epoch,
        assignment_epoch=group.assignment_epoch,
        assignor_name=group.assignor(),
        members=[
            Member(
                member_id=member.member_id,
                instance_id=member.instance_id,
                rack_id=member.rack_id,
                member_epoch=member.member_epoch,
                client_id=member.client_id,
                client_host=member.client_host,
                subscribed_topic_names=sorted(member.subscribed_topic_names),
                subscribed_topic_regex=member.subscribed_topic_regex,
                # What it is to give up is with it until it has.
                assignment=assignment(Member.Assignment, _together(member.assigned, member.pending_revocation)),
                target_assignment=assignment(Member.TargetAssignment, group.target.get(member.member_id, NOTHING)),
                member_type=_CONSUMER if member.classic is None else _CLASSIC,
            )
            for member in group.members.values()
        ],
    )


def _together(assigned, pending):
    return {
        topic_id: [*assigned.get(topic_id, ()), *pending.get(topic_id, ())] for topic_id in dict.fromkeys([*assigned, *pending])
    }
