"""ConsumerGroupDescribe, ShareGroupDescribe and StreamsGroupDescribe ask alike and are refused alike.

Source: KafkaApis.handleConsumerGroupDescribe and its like, of Kafka 4.3.1.
"""

from emulator.api.authorized import group_operations
from wire import errors
from wire.errors import KafkaError

HAS_TOPICS = "The group has described topic(s) that the client is not authorized to describe."


def describe(api, request, call, get, answer_group, topics_of, unseen=HAS_TOPICS, texts=()):
    """The response: what is refused at the door comes first.

    `get(group_id)` gives a group or raises, `answer_group(group)` what is told of it, `topics_of(answer)` the names in it that one must
    be allowed to see (else `unseen` is said); `texts`: {error: message} of those that `get` gives none.
    """
    Group = api.Response.Groups
    texts = dict(texts)
    refused, described = [], []
    for group_id in request.group_ids:
        if not call.allowed("describe", "group", group_id):
            refused.append(Group(group_id=group_id, error_code=errors.GROUP_AUTHORIZATION_FAILED))
        elif not group_id:
            refused.append(Group(group_id=group_id, error_code=errors.INVALID_GROUP_ID))
        else:
            try:
                answer = answer_group(get(group_id))
                if call.authorizer is not None and not all(call.allowed("describe", "topic", name) for name in set(topics_of(answer))):
                    raise KafkaError(errors.TOPIC_AUTHORIZATION_FAILED, unseen)
            except KafkaError as refusal:
                message = texts.get(refusal.error, refusal.message)
                described.append(Group(group_id=group_id, error_code=refusal.error, error_message=message))
                continue
            if request.include_authorized_operations:
                answer.authorized_operations = group_operations(call, group_id)
            described.append(answer)
    return api.reply(groups=refused + described)
