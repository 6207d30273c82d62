"""DescribeShareGroupOffsets, AlterShareGroupOffsets, DeleteShareGroupOffsets: where share groups stand.

Source: KafkaApis and GroupCoordinatorService of Kafka 4.3.1.
"""

from emulator.api.registry import handles
from emulator.api.share_groups.common import NOT_COORDINATOR_TEXT
from wire import errors
from wire.apis.share_groups import AlterShareGroupOffsets, DeleteShareGroupOffsets, DescribeShareGroupOffsets
from wire.errors import KafkaError

_NO_TOPIC = "This server does not host this topic-partition."
_NOTHING_TO_DELETE = "There is no offset information to delete."


@handles(DescribeShareGroupOffsets, feature="share.version")
def describe_share_group_offsets(request, call, groups, cluster):
    Group = DescribeShareGroupOffsets.Response.Groups
    answers = []
    for asked in request.groups:
        if not call.allowed("describe", "group", asked.group_id):
            answers.append(Group(group_id=asked.group_id, error_code=errors.GROUP_AUTHORIZATION_FAILED))
        elif asked.topics is None:
            try:
                answers.append(Group(group_id=asked.group_id, topics=_all_topics(asked.group_id, call, groups, cluster)))
            except KafkaError as refusal:
                answers.append(Group(group_id=asked.group_id, error_code=refusal.error, error_message=_text(refusal)))
        else:
            answers.append(Group(group_id=asked.group_id, topics=_topics(asked, call, groups, cluster)))
    return DescribeShareGroupOffsets.reply(groups=answers)


def _text(refusal):
    return NOT_COORDINATOR_TEXT if refusal.error == errors.NOT_COORDINATOR else refusal.message


def _all_topics(group_id, call, groups, cluster):
    return [
        _described(group_id, topic, partitions, groups)
        for topic_id, partitions in groups.share.partitions(group_id).items()
        if (topic := cluster.topics_by_id.get(topic_id)) is not None and call.may("describe", "topic", topic.name)
    ]


def _topics(asked, call, groups, cluster):
    Topic = DescribeShareGroupOffsets.Response.Groups.Topics
    described, unknown, refused = [], [], []
    for topic in asked.topics:
        name, partitions = topic.topic_name, topic.partitions
        if not call.allowed("describe", "topic", name):
            error = errors.TOPIC_AUTHORIZATION_FAILED
            refused.append(Topic(topic_name=name, partitions=[_nothing(Topic, index, error) for index in partitions]))
        elif (known := cluster.topics.get(name)) is None:
            unknown.append(Topic(topic_name=name, partitions=[_nothing(Topic, index) for index in partitions]))
        else:
            described.append(_described(asked.group_id, known, partitions, groups))
    return described + unknown + refused


def _nothing(Topic, index, error=errors.NONE):
    message = "Topic authorization failed." if error else None
    return Topic.Partitions(partition_index=index, start_offset=-1, error_code=error, error_message=message)


def _described(group_id, topic, partitions, groups):
    Topic = DescribeShareGroupOffsets.Response.Groups.Topics
    answers = []
    for index in partitions:
        offset = groups.share.offset(group_id, topic.topic_id, index)
        lag = -1
        if offset.start_offset != -1 and offset.complete != -1 and index < len(topic.partitions):
            lag = topic.partitions[index].log.high_watermark - offset.start_offset - offset.complete
        answers.append(
            Topic.Partitions(partition_index=index, start_offset=offset.start_offset, leader_epoch=offset.leader_epoch, lag=lag)
        )
    return Topic(topic_name=topic.name, topic_id=topic.topic_id, partitions=answers)


@handles(AlterShareGroupOffsets, feature="share.version")
def alter_share_group_offsets(request, call, groups, cluster):
    group_id = request.group_id
    if not call.allowed("read", "group", group_id):
        return AlterShareGroupOffsets.reply(error_code=errors.GROUP_AUTHORIZATION_FAILED, error_message="Group authorization failed.")
    Topic = AlterShareGroupOffsets.Response.Responses
    answers, offsets = [], {}
    for asked in request.topics:
        topic = cluster.topics.get(asked.topic_name)
        if not call.allowed("read", "topic", asked.topic_name):
            refusal = errors.TOPIC_AUTHORIZATION_FAILED, "Topic authorization failed."
        else:
            refusal = errors.UNKNOWN_TOPIC_OR_PARTITION, _NO_TOPIC
        answer = Topic(topic_name=asked.topic_name, topic_id=topic.topic_id if topic else bytes(16), partitions=[])
        allowed = topic is not None and refusal[0] == errors.UNKNOWN_TOPIC_OR_PARTITION
        if allowed:
            offsets.setdefault(topic.topic_id, {})
        if allowed or asked.partitions:
            answers.append(answer)
        for partition in asked.partitions:
            index, error, message = partition.partition_index, *refusal
            if allowed and index < len(topic.partitions):
                error, message = errors.NONE, None
                offsets[topic.topic_id][index] = partition.start_offset
            answer.partitions.append(Topic.Partitions(partition_index=index, error_code=error, error_message=message))
    try:
        refused = groups.share.alter_offsets(group_id, offsets)
    except KafkaError as refusal:
        return AlterShareGroupOffsets.reply(error_code=refusal.error, error_message=refusal.message)
    if refused:
        for topic in answers:
            for answer in topic.partitions:
                if (refusal := refused.get((topic.topic_id, answer.partition_index))) and not answer.error_code:
                    answer.error_code, answer.error_message = refusal.error, refusal.message
    return AlterShareGroupOffsets.reply(responses=answers)


@handles(DeleteShareGroupOffsets, feature="share.version")
def delete_share_group_offsets(request, call, groups, cluster):
    group_id = request.group_id
    if not call.allowed("delete", "group", group_id):
        return DeleteShareGroupOffsets.reply(error_code=errors.GROUP_AUTHORIZATION_FAILED, error_message="Group authorization failed.")
    try:
        groups.share.check_delete_offsets(group_id)
    except KafkaError as refusal:
        return DeleteShareGroupOffsets.reply(error_code=refusal.error, error_message=refusal.message)
    Topic = DeleteShareGroupOffsets.Response.Responses
    known, has_begun = groups.share.partitions(group_id), groups.share.has_begun(group_id)
    refused, deleted = [], []
    for asked in request.topics:
        name = asked.topic_name
        topic = cluster.topics.get(name)
        if not call.allowed("read", "topic", name):
            error, message = errors.TOPIC_AUTHORIZATION_FAILED, "Topic authorization failed."
        elif not has_begun:  # Kafka has nothing to say then
            continue
        elif topic is None:
            error, message = errors.UNKNOWN_TOPIC_OR_PARTITION, _NO_TOPIC
        elif topic.topic_id not in known:
            error, message = errors.UNKNOWN_TOPIC_OR_PARTITION, _NOTHING_TO_DELETE
        else:
            if topic not in deleted:
                deleted.append(topic)
            continue
        refused.append(Topic(topic_name=name, error_code=error, error_message=message))
    if deleted:
        groups.share.delete_offsets(group_id, [topic.topic_id for topic in deleted])
    answers = [Topic(topic_name=topic.name, topic_id=topic.topic_id) for topic in deleted]
    return DeleteShareGroupOffsets.reply(responses=answers + refused)
