"""Produce: one batch per partition into its log."""

from emulator.api.data.leading import name_leader, node_endpoints
from emulator.api.data.transactional import Unsettled, check_may_write, has_transactional, settle
from emulator.api.registry import handles
from wire import errors
from wire.apis.data import Produce
from wire.errors import KafkaError
from wire.records import NoBatch, check_shape, takes_long

_Topic = Produce.Response.Responses
_Partition = _Topic.PartitionResponses
_RecordError = _Partition.RecordErrors

_ADMIN_CLIENT_ID = "__admin_client"  # the one client that may write to internal topics
_BREATHE_AFTER = 1024 * 1024  # bytes of records in one request, before others get a turn
# Refused before the log is asked, or for what the batch is: Kafka then names no log start offset.
_WITHOUT_LOG_START = frozenset({
    errors.UNKNOWN_TOPIC_OR_PARTITION, errors.UNKNOWN_TOPIC_ID, errors.NOT_LEADER_OR_FOLLOWER, errors.CORRUPT_MESSAGE,
    errors.MESSAGE_TOO_LARGE, errors.RECORD_LIST_TOO_LARGE, errors.KAFKA_STORAGE_ERROR, errors.INVALID_REQUIRED_ACKS,
    errors.INVALID_TOPIC_EXCEPTION,
})  # fmt: skip


# Versions 0 to 2 are advertised, as Kafka does for old librdkafka (KAFKA-18659), and refused as it does.
@handles(Produce, advertised=(0, Produce.versions.max))
def produce(request, call, cluster, configs, transaction_peers, broker):
    acks, now, version = request.acks, call.now, call.version
    topics, held, failed, unbroken, denied = [], [], [], 0, ()
    try:
        transactional = has_transactional(request)
        if transactional:
            check_may_write(request, call)
        request.topic_data, spoilt = _once(request.topic_data, version)
        if call.authorizer is not None:
            request.topic_data, denied = _may_write(request.topic_data, call, cluster)
        unsettled = settle(request, call, cluster, configs, transaction_peers) if transactional else None
    except KafkaError as refusal:
        return _refuse_all(request, refusal, call, denied)
    for asked in request.topic_data:
        if version >= 13:
            topic = cluster.topics_by_id.get(asked.topic_id)
            missing = errors.UNKNOWN_TOPIC_ID
        else:
            topic = cluster.topics.get(asked.name)
            missing = errors.UNKNOWN_TOPIC_OR_PARTITION
        answers = []
        for data in asked.partition_data:
            index = data.index
            try:
                if topic is None:
                    raise KafkaError(missing)
                if not 0 <= index < len(topic.partitions):
                    raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION)
                partition = topic.partitions[index]
                log, records = partition.log, data.records
                if records is None:
                    raise KafkaError(errors.INVALID_RECORD)
                if refusal := _refused(acks, topic, partition, unsettled, call, broker):
                    check_shape(records, version)
                    raise refusal
                others_served = takes_long(records)
                if others_served:
                    checked = call.offload(log.check, records, now, version)
                else:
                    checked = log.check(records, now, version)
                if unbroken > _BREATHE_AFTER:
                    call.breathe()
                    unbroken, others_served = 0, True
                if others_served and partition.leader != broker.id:
                    raise KafkaError(errors.NOT_LEADER_OR_FOLLOWER)
                if others_served and transactional:  # which may have ended meanwhile
                    unsettled = settle(request, call, cluster, configs, transaction_peers)
                    if (topic.name, index) in unsettled:
                        raise unsettled[topic.name, index]
                appended = log.append(checked, partition.leader_epoch, now, verified=transactional)
                unbroken += len(records)
            except KafkaError as error:
                answer = _refusal(index, error, topic)
                answers.append(answer)
                failed.append((topic, answer))
            else:
                answer = _Partition(
                    index=index,
                    base_offset=appended.base_offset,
                    log_append_time_ms=appended.log_append_time,
                    log_start_offset=log.log_start_offset,
                )
                answers.append(answer)
                if log.high_watermark <= appended.base_offset and (acks == -1 or log.acknowledged_end <= appended.base_offset):
                    held.append((partition, log, answer))
            if spoilt and id(data) in spoilt and topic is not None and 0 <= index < len(topic.partitions):
                answers[-1] = _refusal(index, spoilt[id(data)], topic)
                failed.append((topic, answers[-1]))
        if answers:
            topics.append(_Topic(name=asked.name, topic_id=asked.topic_id, partition_responses=answers))
    topics += denied
    if acks == 0:
        if failed or denied:
            _end(call)
        return None
    if held:
        failed += _wait(held, call, acks, request.timeout_ms, broker)
    nodes = _name_leaders(failed, cluster, call) if failed and version >= 10 else ()
    return Produce.reply(responses=topics, node_endpoints=nodes)


def _wait(held, call, acks, timeout_ms, broker):
    """Until all of `held`, (partition, log, answer), is on every replica in sync and, with flush.messages, on disk; or never will be.

    Gives [(topic, answer)] of those that fail now. With acks=1 only the leader counts.
    """
    pending = call.pending()

    def is_there(log, answer):
        return (log.high_watermark if acks == -1 else log.acknowledged_end) > answer.base_offset

    def moved():
        if all(log.closed or partition.leader != broker.id or is_there(log, answer) for partition, log, answer in held):
            pending.resolve()

    for _, log, _ in held:
        log.watch(moved)
    try:
        moved()
        pending.wait(call.patience.now() + timeout_ms)
    finally:
        for _, log, _ in held:
            log.unwatch(moved)
    failed = []
    for partition, log, answer in held:
        error = _outcome(partition, log, is_there(log, answer), acks, broker)
        if error:
            answer.error_code = error  # Kafka says, all the same, where it has put them
            failed.append((partition.topic, answer))
    return failed


def _outcome(partition, log, is_there, acks, broker):
    """The error code of what has been appended (Partition.checkEnoughReplicasReachOffset)."""
    if partition.leader != broker.id:
        return errors.NOT_LEADER_OR_FOLLOWER
    if is_there:
        too_few = acks == -1 and len(partition.isr) < min(log.config.min_insync_replicas, len(partition.replicas))
        return errors.NOT_ENOUGH_REPLICAS_AFTER_APPEND if too_few else errors.NONE
    try:
        log.check_open()
    except KafkaError as reason:
        return reason.error
    return errors.REQUEST_TIMED_OUT


def _name_leaders(failed, cluster, call):
    """Tell those who asked the wrong broker whom to ask; gives how these are reached (KIP-951)."""
    found = []
    for topic, answer in failed:
        if answer.error_code == errors.NOT_LEADER_OR_FOLLOWER:
            partition = topic.partitions[answer.index]
            name_leader(answer, partition)
            found.append(partition)
    return node_endpoints(found, cluster, call.listener, Produce.Response.NodeEndpoints)


def _end(call):
    # A client that expects no answer looks again only when its connection is closed.
    call.close("a produce request with acks=0 was refused")


def _may_write(topic_data, call, cluster):
    """(the request's topics that its client may write to, the answers to the others); ids of no topic are no secret."""
    allowed, denied = [], []
    for asked in topic_data:
        topic = cluster.topics_by_id.get(asked.topic_id) if call.version >= 13 else asked
        if topic is None or call.allowed("write", "topic", topic.name):
            allowed.append(asked)
        elif asked.partition_data:
            denied.append(_refused_topic(asked, KafkaError(errors.TOPIC_AUTHORIZATION_FAILED)))
    return allowed, denied


def _refused_topic(asked, refusal):
    return _Topic(name=asked.name, topic_id=asked.topic_id, partition_responses=[
        _Partition(index=data.index, error_code=refusal.error, error_message=refusal.message, base_offset=-1) for data in asked.partition_data
    ])  # fmt: skip


def _once(topic_data, version):
    """(the request's topics, each once; {id of one of their partitions' data: KafkaError that it is answered by all the same}).

    Where a partition is named twice Kafka stores the last batch of it that has the shape of one, and tells of the others.
    """
    if len(topic_data) == 1 and len(topic_data[0].partition_data) == 1:
        return topic_data, None
    key = "topic_id" if version >= 13 else "name"
    topics, spoilt = {}, {}
    for asked in topic_data:
        _, partitions = topics.setdefault(getattr(asked, key), (asked, {}))
        for data in asked.partition_data:
            before = partitions.get(data.index)
            partitions[data.index] = data if before is None else _last(before, data, version, spoilt)
    if len(topics) == len(topic_data) and all(len(asked.partition_data) == len(partitions) for asked, partitions in topics.values()):
        return topic_data, None
    return [
        Produce.Request.TopicData(name=asked.name, topic_id=asked.topic_id, partition_data=list(partitions.values()))
        for asked, partitions in topics.values()
    ], spoilt


def _last(before, data, version, spoilt):
    """Which of a partition's two batches counts. `spoilt`: see `_once`."""
    refusal, earlier = _misshapen(data, version), spoilt.pop(id(before), None) or _misshapen(before, version)
    counts = before if refusal else data
    if refusal or earlier:
        spoilt[id(counts)] = refusal or earlier
    return counts


def _misshapen(data, version):
    try:
        if data.records is None:
            raise KafkaError(errors.INVALID_RECORD)
        check_shape(data.records, version)
    except KafkaError as refusal:
        return refusal
    return None


def _refused(acks, topic, partition, unsettled, call, broker):
    """The KafkaError that a batch gets whatever its records are, or None; only their shape is looked at before (KafkaApis)."""
    if unsettled and (topic.name, partition.index) in unsettled:
        return unsettled[topic.name, partition.index]
    if acks not in (0, 1, -1):
        return KafkaError(errors.INVALID_REQUIRED_ACKS)
    if topic.internal and call.client_id != _ADMIN_CLIENT_ID:
        return KafkaError(errors.INVALID_TOPIC_EXCEPTION)
    if partition.leader != broker.id:
        return partition.no_leader(broker.id)
    # No more replicas need be in sync than the partition has.
    if acks == -1 and len(partition.isr) < min(partition.log.config.min_insync_replicas, len(partition.replicas)):
        return KafkaError(errors.NOT_ENOUGH_REPLICAS)
    return None


def _refuse_all(request, refusal, call, denied):
    if request.acks == 0:
        _end(call)
    asked = _once(request.topic_data, call.version)[0]
    return Produce.reply(responses=[*(_refused_topic(one, refusal) for one in asked if one.partition_data), *denied])


def _refusal(index, error, topic):
    answer = _Partition(index=index, error_code=error.error, base_offset=-1)
    if isinstance(error, Unsettled):
        answer.error_message = error.message
        return answer
    if error.error not in _WITHOUT_LOG_START and not isinstance(error, NoBatch):
        answer.log_start_offset = topic.partitions[index].log.log_start_offset
    record_errors = getattr(error, "record_errors", None)
    if record_errors:
        # Only where single records are to blame does Kafka say why.
        answer.error_message = error.message
        answer.record_errors = [
            _RecordError(batch_index=batch_index, batch_index_error_message=message)
            for batch_index, message in record_errors
        ]
    return answer
