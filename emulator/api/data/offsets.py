"""ListOffsets, OffsetForLeaderEpoch, DeleteRecords: where a log begins, ends, and what lies when."""

from collections import Counter

from emulator.api.data.fetch import check_leader_epoch
from emulator.api.registry import handles
from wire import errors
from wire.apis.data import DeleteRecords, ListOffsets, OffsetForLeaderEpoch
from wire.errors import KafkaError

# Timestamps with a meaning of their own, and the version that brought each.
_LATEST, _EARLIEST, _MAX_TIMESTAMP = -1, -2, -3
_EARLIEST_LOCAL, _LATEST_TIERED, _EARLIEST_PENDING_UPLOAD = -4, -5, -6
_SINCE = {_MAX_TIMESTAMP: 7, _EARLIEST_LOCAL: 8, _LATEST_TIERED: 9, _EARLIEST_PENDING_UPLOAD: 11}
_READ_UNCOMMITTED, _READ_COMMITTED = 0, 1


def _partition(cluster, name, index):
    topic = cluster.topics.get(name)
    if topic is None or not 0 <= index < len(topic.partitions):
        raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION)
    return topic.partitions[index]


def _each(request_topics, answer_topic, answer_partition):
    """The answer's topics, with `answer_partition(name, asked)` for each partition asked about."""
    return [answer_topic(topic, [answer_partition(topic, asked) for asked in topic.partitions]) for topic in request_topics]


@handles(ListOffsets)
def list_offsets(request, call, cluster):
    Topic = ListOffsets.Response.Topics
    Partition = Topic.Partitions
    times = Counter((topic.name, asked.partition_index) for topic in request.topics for asked in topic.partitions)
    committed = request.isolation_level == _READ_COMMITTED

    def answer(topic, asked):
        index, timestamp = asked.partition_index, asked.timestamp
        try:
            if request.isolation_level not in (_READ_UNCOMMITTED, _READ_COMMITTED):
                raise KafkaError(errors.UNKNOWN_SERVER_ERROR)
            if times[topic.name, index] > 1:
                raise KafkaError(errors.INVALID_REQUEST)
            if call.version < _SINCE.get(timestamp, 0):
                raise KafkaError(errors.UNSUPPORTED_VERSION)
            partition = _partition(cluster, topic.name, index)
            check_leader_epoch(partition, asked.current_leader_epoch)
            offset, stamp, epoch = _look_up(partition, timestamp, committed)
        except KafkaError as error:
            return Partition(partition_index=index, error_code=error.error)
        known_epoch = epoch if call.version >= 4 else -1  # KIP-320
        return Partition(partition_index=index, offset=offset, timestamp=stamp, leader_epoch=known_epoch)

    return ListOffsets.reply(
        topics=_each(request.topics, lambda topic, answers: Topic(name=topic.name, partitions=answers), answer)
    )


def _look_up(partition, timestamp, committed):
    """(offset, timestamp, leader epoch), each -1 where there is none."""
    log = partition.log
    limit = log.last_stable_offset if committed else log.high_watermark
    if timestamp == _LATEST:
        return limit, -1, log.leader_epoch_at(log.end_offset)
    if timestamp in (_EARLIEST, _EARLIEST_LOCAL):  # without tiered storage all of the log is local
        return log.log_start_offset, -1, log.leader_epoch_at(log.log_start_offset)
    if timestamp in (_LATEST_TIERED, _EARLIEST_PENDING_UPLOAD):
        return -1, -1, -1
    found = log.find_max_timestamp() if timestamp == _MAX_TIMESTAMP else log.find_timestamp(timestamp)
    if found is None or found[0] >= limit:
        return -1, -1, -1
    return found[0], found[1], log.leader_epoch_at(found[0])


@handles(OffsetForLeaderEpoch)
def offset_for_leader_epoch(request, call, cluster):
    Topic = OffsetForLeaderEpoch.Response.Topics
    Partition = Topic.Partitions

    def answer(topic, asked):
        try:
            partition = _partition(cluster, topic.topic, asked.partition)
            check_leader_epoch(partition, asked.current_leader_epoch)
        except KafkaError as error:
            return Partition(partition=asked.partition, error_code=error.error)
        epoch, end_offset = partition.log.end_offset_of_epoch(asked.leader_epoch)
        return Partition(partition=asked.partition, leader_epoch=epoch, end_offset=end_offset)

    return OffsetForLeaderEpoch.reply(
        topics=_each(request.topics, lambda topic, answers: Topic(topic=topic.topic, partitions=answers), answer)
    )


@handles(DeleteRecords)
def delete_records(request, call, cluster):
    Topic = DeleteRecords.Response.Topics
    Partition = Topic.Partitions

    def answer(topic, asked):
        index = asked.partition_index
        try:
            partition = _partition(cluster, topic.name, index)
            if cluster.topics[topic.name].internal:
                raise KafkaError(errors.INVALID_TOPIC_EXCEPTION)
            if not partition.log.config.delete:
                raise KafkaError(errors.POLICY_VIOLATION)
            low_watermark = partition.log.delete_records(asked.offset)
        except KafkaError as error:
            return Partition(partition_index=index, low_watermark=-1, error_code=error.error)
        return Partition(partition_index=index, low_watermark=low_watermark)

    return DeleteRecords.reply(
        topics=_each(request.topics, lambda topic, answers: Topic(name=topic.name, partitions=answers), answer)
    )
