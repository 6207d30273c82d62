"""What ShareFetch and ShareAcknowledge have in common.

Source: KafkaApis.handleAcknowledgements, validateAcknowledgementBatches of Kafka 4.3.1.
"""

from emulator.state.share.partition import GAP, REJECT, RENEW
from wire import errors
from wire.errors import KafkaError

NOT_COORDINATOR_TEXT = "This is not the correct coordinator."
_MAX_MEMBER_ID = 36


def is_member_id(member_id):
    return bool(member_id) and len(member_id) <= _MAX_MEMBER_ID


def check_caller(request, call):
    """KafkaError for a request that names no group or member, or a group that this client may not read."""
    if request.group_id is None:
        raise KafkaError(errors.INVALID_REQUEST)
    if not call.allowed("read", "group", request.group_id):
        raise KafkaError(errors.GROUP_AUTHORIZATION_FAILED)
    if not is_member_id(request.member_id):
        raise KafkaError(errors.INVALID_REQUEST)


def follow_connection(call, share_partitions):
    """What a member holds is given back when its connection ends."""
    connection = call.connection
    if share_partitions.connection_closed not in connection.on_close:
        connection.on_close.append(share_partitions.connection_closed)


def acknowledge(request, call, cluster, share_partitions):
    """{(topic id, index): (error code, message)} of every partition that the request acknowledges records of."""
    answers = {}
    for topic in request.topics:
        known = cluster.topics_by_id.get(topic.topic_id)
        for asked in topic.partitions:
            key = topic.topic_id, asked.partition_index
            answers[key] = _acknowledged(request, call, known, key, asked.acknowledgement_batches, share_partitions)
    return answers


def _acknowledged(request, call, topic, key, batches, share_partitions):
    if topic is None:
        return errors.UNKNOWN_TOPIC_ID, None
    if not _are_sound(batches, call.version >= 2, request.is_renew_ack):
        return errors.INVALID_REQUEST, None
    if not call.allowed("read", "topic", topic.name):
        return errors.TOPIC_AUTHORIZATION_FAILED, None
    if not 0 <= key[1] < len(topic.partitions):
        return errors.UNKNOWN_TOPIC_OR_PARTITION, None
    if not batches:
        return errors.NONE, None
    try:
        share_partitions.acknowledge(
            request.group_id, request.member_id, *key, [(b.first_offset, b.last_offset, b.acknowledge_types) for b in batches]
        )
    except KafkaError as refusal:
        return refusal.error, refusal.message
    return errors.NONE, None


def _are_sound(batches, can_renew, is_renew_ack):
    """Whether the batches are in order and every one says one thing for all its offsets, or one for each."""
    highest, before = RENEW if can_renew else REJECT, -1
    for batch in batches:
        first, last, types = batch.first_offset, batch.last_offset, batch.acknowledge_types
        if first > last or first < before or not types or len(types) > 1 and last - first != len(types) - 1:
            return False
        if any(not GAP <= kind <= highest or kind == RENEW and not is_renew_ack for kind in types):
            return False
        before = last
    return True
