"""ListOffsets, OffsetForLeaderEpoch, DeleteRecords: where a log begins, ends, and what lies when."""

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.data.leading import check_leader_epoch, check_leads
from emulator.api.registry import handles
from wire import errors
from wire.apis.data import DeleteRecords, ListOffsets, OffsetForLeaderEpoch
from wire.errors import KafkaError
from wire.record import Built

# Timestamps with a meaning of their own, and the version that brought each.
_LATEST, _EARLIEST, _MAX_TIMESTAMP = -1, -2, -3
_EARLIEST_LOCAL, _LATEST_TIERED, _EARLIEST_PENDING_UPLOAD = -4, -5, -6
_SINCE = {_LATEST: 1, _EARLIEST: 1, _MAX_TIMESTAMP: 7, _EARLIEST_LOCAL: 8, _LATEST_TIERED: 9, _EARLIEST_PENDING_UPLOAD: 11}
_NEVER = 1 << 15
_READ_UNCOMMITTED, _READ_COMMITTED = 0, 1
_CONSUMER, _DEBUG_CONSUMER = -1, -2


def _partition(topic, index):
    """`topic` is the cluster's, or None."""
    if topic is None or not 0 <= index < len(topic.partitions):
        raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION)
    return topic.partitions[index]


@handles(ListOffsets)
def list_offsets(request, call, cluster, broker, replication):
    Topic = ListOffsets.Response.Topics
    Partition = Topic.Partitions
    allowed, denied = _allowed("describe", request.topics, call) if call.authorizer is not None else (request.topics, ())
    topics, twice = _by_topic(allowed)
    is_consumer, is_debug = request.replica_id == _CONSUMER, request.replica_id == _DEBUG_CONSUMER
    committed = request.isolation_level == _READ_COMMITTED
    intelligible = request.isolation_level in (_READ_UNCOMMITTED, _READ_COMMITTED)
    version, broker_id, leading_of = call.version, broker.id, replication.leading

    def limit_of(log):
        """What a consumer may see ends there; others are told of all that there is."""
        if not is_consumer:
            return log.end_offset
        return log.last_stable_offset if committed else log.high_watermark

    def position(name, topic, asked):
        """(partition, error, offset, timestamp, leader epoch)"""
        index, timestamp = asked.partition_index, asked.timestamp
        try:
            if not intelligible:
                raise KafkaError(errors.UNKNOWN_SERVER_ERROR)
            if twice and (name, index) in twice:
                raise KafkaError(errors.INVALID_REQUEST)
            if timestamp < 0 and version < _SINCE.get(timestamp, _NEVER):
                raise KafkaError(errors.UNSUPPORTED_VERSION)
            partition = _partition(topic, index)
            leads = partition.leader == broker_id
            if is_debug and broker_id in partition.logs:
                check_leader_epoch(partition, asked.current_leader_epoch)
            elif not leads or asked.current_leader_epoch != -1:
                check_leads(partition, broker, asked.current_leader_epoch)
            log = partition.log if leads else partition.logs[broker_id]
            if log.closed:
                log.check_open()
            limit = limit_of(log)
            offset, stamp, epoch = _look_up(log, timestamp, limit)
            if leads and (leading := leading_of(partition)) is not None:
                _check_available(leading, timestamp, offset, limit, version)
        except KafkaError as error:
            return index, error.error, -1, -1, -1
        return index, errors.NONE, offset, stamp, epoch if version >= 4 else -1  # KIP-320

    if not intelligible and allowed:
        topics, denied = [(topic, topic.partitions) for topic in request.topics], ()
    found, form, build = Built(), (ListOffsets, version), ListOffsets.response.element_builder(version, "topics")
    of_end = (ListOffsets, version, committed, broker_id) if is_consumer and intelligible and not twice else None
    for asked, partitions in topics:
        name = asked.name
        topic = cluster.topics.get(name)
        asks_end = of_end and topic and _asks_end(partitions)
        if asks_end and (end := topic.told.get(of_end)) and end[0] == partitions[0].partition_index:
            _, log, limit, element = end
            if limit == (log.last_stable_offset if committed else log.high_watermark) and not log.closed:
                found.append(element)
                continue
        positions = [position(name, topic, each) for each in partitions]
        told = topic and topic.told.get(form)  # who asks of all topics again and again finds most as they were
        if told is None or told[0] != positions:
            told = positions, build(Topic(name=name, partitions=[
                Partition(partition_index=index, error_code=error, offset=offset, timestamp=stamp, leader_epoch=epoch)
                for index, error, offset, stamp, epoch in positions
            ]))  # fmt: skip
            if topic is not None:
                topic.tell(form, told)
        if asks_end and not positions[0][1]:
            partition = topic.partitions[positions[0][0]]
            if leading_of(partition) is None:  # else there is more to look at
                topic.tell(of_end, (partition.index, partition.log, positions[0][2], told[1]))
        found.append(told[1])
    for asked in denied:
        answers = [Partition(partition_index=one.partition_index, error_code=errors.TOPIC_AUTHORIZATION_FAILED) for one in asked.partitions]
        found.append(build(Topic(name=asked.name, partitions=answers)))
    return ListOffsets.reply(topics=found)


def _allowed(operation, topics, call):
    """(the topics of a request on which its client may do `operation`, the others)"""
    allowed, denied = [], []
    for topic in topics:
        (allowed if call.allowed(operation, "topic", topic.name) else denied).append(topic)
    return allowed, denied


def _by_topic(topics):
    """[(topic, its partitions)], each named once, and who was named more than once: {(topic's name, index)}.

    Kafka answers by partition, and so never mentions a topic of which none is named.
    """
    if len({topic.name for topic in topics}) == len(topics) and (
        all([len(topic.partitions) == 1 for topic in topics]) or all(map(_names_each_once, topics))
    ):
        return [(topic, topic.partitions) for topic in topics], ()
    asked, twice = {}, set()
    for topic in topics:
        if topic.partitions:
            _, partitions = asked.setdefault(topic.name, (topic, {}))
            for each in topic.partitions:
                if each.partition_index in partitions:
                    twice.add((topic.name, each.partition_index))
                partitions[each.partition_index] = each
    return [(topic, list(partitions.values())) for topic, partitions in asked.values()], twice


def _asks_end(partitions):
    """Whether the end of one partition is all that is asked about a topic, as tools that look at all topics do."""
    return len(partitions) == 1 and partitions[0].timestamp == _LATEST and partitions[0].current_leader_epoch == -1


def _names_each_once(topic):
    """Whether a topic of a request has partitions, no two of them the same."""
    partitions = topic.partitions
    return len(partitions) == 1 or partitions and len({each.partition_index for each in partitions}) == len(partitions)


def _look_up(log, timestamp, limit):
    """(offset, timestamp, leader epoch), each -1 where there is none."""
    if timestamp == _LATEST:
        return limit, -1, log.leader_epoch_at(log.end_offset)
    if timestamp in (_EARLIEST, _EARLIEST_LOCAL):  # without tiered storage all of the log is local
        return log.log_start_offset, -1, log.leader_epoch_at(log.log_start_offset)
    if timestamp in (_LATEST_TIERED, _EARLIEST_PENDING_UPLOAD):
        return -1, -1, -1
    found = log.find_max_timestamp() if timestamp == _MAX_TIMESTAMP else log.find_timestamp(timestamp)
    if found is None or found[0] >= limit:
        return -1, -1, -1
    # The largest timestamp may be found before the log's start.
    return found[0], found[1], log.leader_epoch_at(max(found[0], log.log_start_offset))


def _check_available(leading, timestamp, offset, limit, version):
    """A new leader does not know yet how far those before it had got: what it would say might go back (KIP-207)."""
    if timestamp in (_EARLIEST, _EARLIEST_LOCAL):
        return
    if limit < leading.epoch_start and not (timestamp >= 0 and 0 <= offset < limit):
        raise KafkaError(errors.OFFSET_NOT_AVAILABLE if version >= 5 else errors.LEADER_NOT_AVAILABLE)


@handles(OffsetForLeaderEpoch)
def offset_for_leader_epoch(request, call, cluster, broker):
    Topic = OffsetForLeaderEpoch.Response.Topics
    Partition = Topic.Partitions

    everywhere = call.may("cluster_action", "cluster", CLUSTER_NAME)  # as other brokers may; clients have asked since KIP-320

    def answer(topic, asked):
        try:
            if not everywhere and not call.allowed("describe", "topic", topic.topic):
                raise KafkaError(errors.TOPIC_AUTHORIZATION_FAILED)
            partition = _partition(cluster.topics.get(topic.topic), asked.partition)
            check_leads(partition, broker, asked.current_leader_epoch)
        except KafkaError as error:
            return Partition(partition=asked.partition, error_code=error.error)
        epoch, end_offset = partition.log.end_offset_of_epoch(asked.leader_epoch)
        return Partition(partition=asked.partition, leader_epoch=epoch, end_offset=end_offset)

    return OffsetForLeaderEpoch.reply(topics=[
        Topic(topic=topic.topic, partitions=[answer(topic, asked) for asked in topic.partitions]) for topic in request.topics
    ])  # fmt: skip


@handles(DeleteRecords)
def delete_records(request, call, cluster, broker, replication):
    Topic = DeleteRecords.Response.Topics
    Partition = Topic.Partitions
    deleted = []  # (answer, Leading)

    def answer(name, index, offset):
        try:
            if not call.allowed("delete", "topic", name):
                raise KafkaError(errors.TOPIC_AUTHORIZATION_FAILED)
            partition = _partition(cluster.topics.get(name), index)
            if partition.topic.internal:
                raise KafkaError(errors.INVALID_TOPIC_EXCEPTION)
            if not partition.log.config.delete:
                raise KafkaError(errors.POLICY_VIOLATION)
            check_leads(partition, broker)
            low_watermark = partition.log.delete_records(offset)
        except KafkaError as error:
            return Partition(partition_index=index, low_watermark=-1, error_code=error.error)
        done = Partition(partition_index=index, low_watermark=low_watermark)
        if (leading := replication.leading(partition)) is not None:
            replication.spread(leading)
            deleted.append((done, leading))
        return done

    topics = [
        Topic(name=topic.name, partitions=[answer(topic.name, each.partition_index, each.offset) for each in partitions])
        for topic, partitions in _by_topic(request.topics)[0]
    ]
    if deleted:
        _wait_for_followers(deleted, call, request.timeout_ms)
    return DeleteRecords.reply(topics=topics)


def _wait_for_followers(deleted, call, timeout_ms):
    """Until no replica that is up has what was deleted: [(answer, Leading)]."""
    pending = call.pending()

    def moved():
        if all(leading.low_watermark >= answer.low_watermark for answer, leading in deleted):
            pending.resolve()

    for _, leading in deleted:
        leading.on_start_moved.append(moved)
    try:
        moved()
        pending.wait(call.patience.now() + timeout_ms)
    finally:
        for _, leading in deleted:
            leading.on_start_moved.remove(moved)
    for answer, leading in deleted:
        if leading.low_watermark < answer.low_watermark:
            answer.error_code = errors.REQUEST_TIMED_OUT
        answer.low_watermark = leading.low_watermark
