"""Metadata, DescribeCluster, DescribeTopicPartitions: what there is and who leads it."""

from emulator.api.authorized import CLUSTER_NAME, cluster_operations, topic_operations
from emulator.api.registry import handles
from emulator.state.cluster import names
from emulator.state.java import wrapped_int
from wire import errors
from wire.apis.metadata import DescribeCluster, DescribeTopicPartitions, Metadata
from wire.errors import KafkaError
from wire.record import Built
from wire.types import ZERO_UUID

_Topic = Metadata.Response.Topics
_Partition = _Topic.Partitions
_BROKERS, _CONTROLLERS = 1, 2  # DescribeCluster's endpoint types


@handles(Metadata)
def metadata(request, call, cluster, quotas):
    asked = request.topics
    everything = asked is None or (call.version == 0 and not asked)  # v0 has no null array
    try:
        topics = _every_topic(request, call, cluster) if everything else _asked_topics(request, call, cluster, quotas)
    except KafkaError as error:
        return Metadata.reply(
            topics=[_Topic(error_code=error.error, name=one.name or "", topic_id=one.topic_id) for one in asked or ()], error_code=error.error
        )
    if request.include_topic_authorized_operations and not everything:
        for topic in topics:
            if topic.name is not None and topic.error_code != errors.TOPIC_AUTHORIZATION_FAILED:
                topic.topic_authorized_operations = topic_operations(call, topic.name)
    response = Metadata.reply(
        brokers=[
            Metadata.Response.Brokers(node_id=broker.id, host=endpoint.host, port=endpoint.port, rack=broker.rack)
            for broker, endpoint in _alive(cluster, call.listener)
        ],
        cluster_id=cluster.cluster_id,
        controller_id=cluster.controller_id,
        topics=topics,
    )
    if request.include_cluster_authorized_operations:
        may = call.may("describe", "cluster", CLUSTER_NAME)
        response.cluster_authorized_operations = cluster_operations(call) if may else 0
    return response


def _alive(cluster, listener):
    """(broker, endpoint) of the brokers that a client of this listener can reach."""
    for broker in cluster.brokers.values():
        if not broker.fenced and listener in broker.endpoints:
            yield broker, broker.endpoints[listener]


def _every_topic(request, call, cluster):
    build = Metadata.response.element_builder(call.version, "topics")
    reachable = _reachable(call, cluster)
    operations = _Topic.DEFAULT.topic_authorized_operations
    topics = Built()
    for topic in cluster.topics.values():
        if not call.may("describe", "topic", topic.name):
            continue
        if request.include_topic_authorized_operations:
            operations = topic_operations(call, topic.name)
        form = Metadata, call.version, reachable, operations, _failed(topic)
        told = topic.told.get(form)
        if told is None:
            found = _found(topic, call, cluster)
            found.topic_authorized_operations = operations
            told = build(found)
            topic.tell(form, told)
        topics.append(told)
    return topics


def _reachable(call, cluster):
    """What, beside a topic itself, its description depends on."""
    return call.listener, tuple(broker.id for broker, _ in _alive(cluster, call.listener))


def _failed(topic):
    """(partition, broker) of each replica that a disk has lost, which no change of the partition need tell."""
    return tuple([(partition.index, broker) for partition in topic.partitions for broker, log in partition.logs.items() if log.failed])



def _asked_topics(request, call, cluster, quotas):
    by_id = _check_ids(request.topics, call.version)
    if by_id:  # v12+; names beside ids are not looked at
        return [_topic_by_id(topic_id, call, cluster) for topic_id in by_id]
    if any(topic.name is None for topic in request.topics):
        raise KafkaError(errors.UNKNOWN_SERVER_ERROR)  # neither name nor id: Kafka stumbles over it
    found, missing = [], []
    for name in dict.fromkeys(topic.name for topic in request.topics):
        if not call.allowed("describe", "topic", name):
            missing.append(_Topic(error_code=errors.TOPIC_AUTHORIZATION_FAILED, name=name))
        elif name in cluster.topics:
            found.append(_found(cluster.topics[name], call, cluster))
        else:
            missing.append(_missing(name, request.allow_auto_topic_creation, call, cluster, quotas))
    return found + missing


def _check_ids(asked, version):
    ids = dict.fromkeys(topic.topic_id for topic in asked if topic.topic_id != ZERO_UUID)
    if version < 12 and (ids or any(topic.name is None for topic in asked)):
        raise KafkaError(errors.INVALID_REQUEST)
    return ids


def _topic_by_id(topic_id, call, cluster):
    topic = cluster.topics_by_id.get(topic_id)
    if topic is None:
        return _Topic(error_code=errors.UNKNOWN_TOPIC_ID, name=None, topic_id=topic_id)
    if not call.allowed("describe", "topic", topic.name):
        return _Topic(error_code=errors.TOPIC_AUTHORIZATION_FAILED, name=None, topic_id=topic_id)
    return _found(topic, call, cluster)


def _missing(name, may_create, call, cluster, quotas):
    """An unknown topic; made now if it may be, but told only to who asks again, as Kafka does."""
    internal = name in names.INTERNAL
    creates = may_create and cluster.configs.settings.auto_create_topics_enable
    if creates and not (call.may("create", "cluster", CLUSTER_NAME) or call.allowed("create", "topic", name)):
        return _Topic(error_code=errors.TOPIC_AUTHORIZATION_FAILED, name=name, is_internal=internal)
    if not names.is_valid(name):
        return _Topic(error_code=errors.INVALID_TOPIC_EXCEPTION, name=name, is_internal=internal)
    if creates:
        try:
            cluster.auto_create(name, quotas.mutations(call, strict=True).charge)
        except KafkaError:
            pass  # Kafka asks its controller and answers before it knows
    return _Topic(error_code=errors.UNKNOWN_TOPIC_OR_PARTITION, name=name, is_internal=internal)


def _found(topic, call, cluster):
    version, listener = call.version, call.listener
    partitions = []
    for partition in topic.partitions:
        error, leader = _leader(partition, cluster, listener, version)
        replicas, isr = partition.replicas, partition.isr
        offline = _offline(partition, cluster, listener)
        if offline and version == 0:
            # v0 clients know no offline replicas: they are left out, and that is an error.
            replicas = [broker for broker in replicas if broker not in offline]
            isr = [broker for broker in isr if broker not in offline]
            error = error or errors.REPLICA_NOT_AVAILABLE
        partitions.append(
            _Partition(
                error_code=error,
                partition_index=partition.index,
                leader_id=leader,
                leader_epoch=partition.leader_epoch,
                replica_nodes=replicas,
                isr_nodes=isr,
                offline_replicas=offline,
            )
        )
    return _Topic(name=topic.name, topic_id=topic.topic_id, is_internal=topic.internal, partitions=partitions)


def _leader(partition, cluster, listener, version):
    """(error, leader id or -1) of a partition for clients of this listener."""
    broker = cluster.brokers.get(partition.leader)
    if broker is None or broker.fenced:
        return errors.LEADER_NOT_AVAILABLE, -1
    if listener not in broker.endpoints:
        # v6+: the client learns that the listener is what is missing (KIP-302).
        return (errors.LISTENER_NOT_FOUND if version >= 6 else errors.LEADER_NOT_AVAILABLE), -1
    return errors.NONE, partition.leader


def _offline(partition, cluster, listener):
    brokers = cluster.brokers
    return [
        replica for replica in partition.replicas
        if replica not in brokers or brokers[replica].fenced or listener not in brokers[replica].endpoints
        or replica in partition.logs and partition.logs[replica].failed
    ]  # fmt: skip


@handles(DescribeCluster)
def describe_cluster(request, call, cluster):
    wanted = request.endpoint_type
    if wanted == _CONTROLLERS:
        return DescribeCluster.reply(
            error_code=errors.MISMATCHED_ENDPOINT_TYPE,
            error_message="The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
        )
    if wanted != _BROKERS:
        return DescribeCluster.reply(error_code=errors.UNSUPPORTED_ENDPOINT_TYPE, error_message=f"Unsupported endpoint type {wanted}")
    Broker = DescribeCluster.Response.Brokers
    brokers = []
    for broker in cluster.brokers.values():
        endpoint = broker.endpoints.get(call.listener)
        if endpoint and (request.include_fenced_brokers or not broker.fenced):
            brokers.append(Broker(broker_id=broker.id, host=endpoint.host, port=endpoint.port, rack=broker.rack, is_fenced=broker.fenced))
    response = DescribeCluster.reply(cluster_id=cluster.cluster_id, controller_id=cluster.controller_id, brokers=brokers)
    if request.include_cluster_authorized_operations:
        may = call.may("describe", "cluster", CLUSTER_NAME)
        response.cluster_authorized_operations = cluster_operations(call) if may else 0
    return response


@handles(DescribeTopicPartitions)
def describe_topic_partitions(request, call, cluster):
    """Topics by name, a page of partitions at a time (KIP-966)."""
    Topic = DescribeTopicPartitions.Response.Topics
    cursor = request.cursor
    asked = {topic.name for topic in request.topics}
    everything = not asked
    if error := _cursor_error(asked, cursor, call):
        return DescribeTopicPartitions.reply(topics=[Topic(error_code=error, name=topic.name) for topic in request.topics])
    first = cursor.topic_name if cursor else ""
    room = max(min(request.response_partition_limit, cluster.configs.settings.max_request_partition_size_limit), 1)
    topics, following = Built(), None
    build, reachable = DescribeTopicPartitions.response.element_builder(call.version, "topics"), _reachable(call, cluster)
    wanted = sorted(name for name in (cluster.topics if everything else asked) if name >= first)
    may = call.may if everything else call.allowed
    seen = [name for name in wanted if may("describe", "topic", name)]
    for name in seen:
        if room <= 0:
            following = (name, 0)
            break
        topic, operations = cluster.topics.get(name), topic_operations(call, name)
        if topic is None:
            error = errors.UNKNOWN_TOPIC_OR_PARTITION if names.is_valid(name) else errors.INVALID_TOPIC_EXCEPTION
            topics.append(build(Topic(error_code=error, name=name, is_internal=name in names.INTERNAL, topic_authorized_operations=operations)))
            continue
        start = cursor.partition_index if cursor and name == first else 0
        end = min(wrapped_int(start + room), len(topic.partitions))  # a cursor near the largest int is answered with one below zero
        form = DescribeTopicPartitions, start, end, reachable, operations, _failed(topic)
        told = topic.told.get(form)
        if told is None:
            described = _described(topic, topic.partitions[start:end], call, cluster)
            described.topic_authorized_operations = operations
            told = build(described)
            topic.tell(form, told)
        topics.append(told)
        room -= max(end - start, 0)
        if end < len(topic.partitions):
            following = (name, end)
            break
    if not everything:
        for name in sorted({*wanted} - {*seen}):
            topics.append(build(Topic(error_code=errors.TOPIC_AUTHORIZATION_FAILED, name=name)))
    response = DescribeTopicPartitions.reply(topics=topics)
    if following:
        response.next_cursor = DescribeTopicPartitions.Response.NextCursor(topic_name=following[0], partition_index=following[1])
    return response


def _cursor_error(asked, cursor, call):
    if cursor is not None and (cursor.partition_index < 0 or asked and cursor.topic_name not in asked):
        return errors.INVALID_REQUEST
    if "" in asked and cursor is None and call.may("describe", "topic", ""):
        return errors.UNKNOWN_SERVER_ERROR  # Kafka cannot ask then what else is allowed
    return None


def _described(topic, page, call, cluster):
    Topic = DescribeTopicPartitions.Response.Topics
    partitions = []
    for partition in page:
        _, leader = _leader(partition, cluster, call.listener, 6)
        partitions.append(
            Topic.Partitions(
                partition_index=partition.index,
                leader_id=leader,
                leader_epoch=partition.leader_epoch,
                replica_nodes=partition.replicas,
                isr_nodes=partition.isr,
                eligible_leader_replicas=partition.elr,
                last_known_elr=partition.last_known_elr,
                offline_replicas=_offline(partition, cluster, call.listener),
            )
        )
    return Topic(name=topic.name, topic_id=topic.topic_id, is_internal=topic.internal, partitions=partitions)
