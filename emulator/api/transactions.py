"""Producer ids, and transactions from their first partition to their end; the tools that look at them (KIP-664).

Source: KafkaApis of 4.3.1; KIP-98, KIP-360, KIP-890.
"""

from collections import defaultdict

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.registry import handles
from emulator.state.cluster import names
from wire import errors
from wire.apis.transactions import (
    AddOffsetsToTxn, AddPartitionsToTxn, DescribeProducers, DescribeTransactions, EndTxn, InitProducerId, ListTransactions,
    WriteTxnMarkers,
)  # fmt: skip
from wire.errors import KafkaError

_NO_PRODUCER_ID = _NO_EPOCH = -1


def may_write(call, transactional_id):
    return call.allowed("write", "transactional_id", transactional_id)


def _told(error, call, since):
    """Clients before version `since` of an API do not know PRODUCER_FENCED (KIP-588)."""
    return errors.INVALID_PRODUCER_EPOCH if error == errors.PRODUCER_FENCED and call.version < since else error


# Version 6 is unstable in 4.3.1: its broker advertises, and serves, up to 5.
@handles(InitProducerId, versions=(0, 5))
def init_producer_id(request, call, transactions):
    transactional_id, producer_id, epoch = request.transactional_id, request.producer_id, request.producer_epoch
    try:
        if transactional_id is not None:
            if not may_write(call, transactional_id):
                raise KafkaError(errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        elif not call.allowed_any("write", "topic") and not call.allowed("idempotent_write", "cluster", CLUSTER_NAME):  # KIP-679
            raise KafkaError(errors.CLUSTER_AUTHORIZATION_FAILED)
        if (producer_id == _NO_PRODUCER_ID) != (epoch == _NO_EPOCH):
            raise KafkaError(errors.INVALID_REQUEST)
        expected = None if producer_id == _NO_PRODUCER_ID else (producer_id, epoch)
        producer_id, epoch = transactions.initialize(transactional_id, request.transaction_timeout_ms, expected)
    except KafkaError as refusal:
        error = _told(refusal.error, call, 4)
        return InitProducerId.reply(error_code=error, producer_id=_NO_PRODUCER_ID, producer_epoch=_NO_EPOCH)
    return InitProducerId.reply(producer_id=producer_id, producer_epoch=epoch)


@handles(AddPartitionsToTxn)
def add_partitions_to_txn(request, call, cluster, transactions):
    if call.version < 4:
        one = AddPartitionsToTxn.Request.Transactions(
            transactional_id=request.v3_and_below_transactional_id,
            producer_id=request.v3_and_below_producer_id,
            producer_epoch=request.v3_and_below_producer_epoch,
            topics=request.v3_and_below_topics,
        )
        Topic = AddPartitionsToTxn.Response.ResultsByTopicV3AndBelow
        return AddPartitionsToTxn.reply(results_by_topic_v3_and_below=_added(one, one.topics, one.topics, Topic, call, cluster, transactions))
    # v4+: batches from other brokers, which have asked their clients for authorization already.
    if not call.allowed("cluster_action", "cluster", CLUSTER_NAME):
        return AddPartitionsToTxn.reply(error_code=errors.CLUSTER_AUTHORIZATION_FAILED)
    Result = AddPartitionsToTxn.Response.ResultsByTransaction
    # Of one named twice the last partitions count; a refusal names the first.
    last = {one.transactional_id: one.topics for one in request.transactions}
    first = {one.transactional_id: one.topics for one in reversed(request.transactions)}
    return AddPartitionsToTxn.reply(
        results_by_transaction=[
            Result(
                transactional_id=one.transactional_id,
                topic_results=_added(
                    one, last[one.transactional_id], first[one.transactional_id], Result.TopicResults, call, cluster, transactions
                ),
            )
            for one in request.transactions
        ]
    )


def _added(one, topics, refused_topics, Topic, call, cluster, transactions):
    """The results of one transaction's partitions, all or none of which are added."""
    asked = _asked(topics)
    partitions = [(name, index) for name, indexes in asked.items() for index in indexes]
    codes, refusal = _codes(one, partitions, call, cluster, transactions)
    if refusal:  # it names all that was asked, be it no partition of a topic
        asked, codes = _asked(refused_topics), defaultdict(lambda: refusal)
    Partition = Topic.ResultsByPartition
    return [
        Topic(
            name=name,
            results_by_partition=[Partition(partition_index=index, partition_error_code=codes[name, index]) for index in indexes],
        )
        for name, indexes in asked.items()
        if indexes or refusal
    ]


def _asked(topics):
    """{topic name: its partitions in the order in which they are named, each once}"""
    asked = {}
    for topic in topics:
        asked.setdefault(topic.name, {}).update(dict.fromkeys(topic.partitions))
    return asked


def _codes(one, partitions, call, cluster, transactions):
    """({(topic, index): error code}, None); or (None, the error code) when all of it is refused at once."""
    from_client = call.version < 4
    if from_client and not may_write(call, one.transactional_id):
        return None, errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    wrong = {}
    for topic, index in partitions:
        if from_client and (topic in names.INTERNAL or not call.allowed("write", "topic", topic)):
            wrong[topic, index] = errors.TOPIC_AUTHORIZATION_FAILED
        elif cluster.partition(topic, index) is None:
            wrong[topic, index] = errors.UNKNOWN_TOPIC_OR_PARTITION
    if wrong:
        return {each: wrong.get(each, errors.OPERATION_NOT_ATTEMPTED) for each in partitions}, None
    producer = one.transactional_id, one.producer_id, one.producer_epoch
    try:
        if one.verify_only:
            return transactions.verify_partitions(*producer, partitions), None
        transactions.add_partitions(*producer, partitions, version=2 if call.version >= 5 else 0)
    except KafkaError as refusal:
        told = _told(refusal.error, call, 2)
        return (dict.fromkeys(partitions, told), None) if one.verify_only else (None, told)
    return dict.fromkeys(partitions, errors.NONE), None


@handles(AddOffsetsToTxn)
def add_offsets_to_txn(request, call, groups, transactions):
    if not may_write(call, request.transactional_id):
        return AddOffsetsToTxn.reply(error_code=errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    if not call.allowed("read", "group", request.group_id):
        return AddOffsetsToTxn.reply(error_code=errors.GROUP_AUTHORIZATION_FAILED)
    partition = names.CONSUMER_OFFSETS, groups.partition_for(request.group_id)
    try:
        transactions.add_partitions(request.transactional_id, request.producer_id, request.producer_epoch, [partition])
    except KafkaError as refusal:
        return AddOffsetsToTxn.reply(error_code=_told(refusal.error, call, 2))
    return AddOffsetsToTxn.reply()


@handles(EndTxn)
def end_txn(request, call, transactions):
    if not may_write(call, request.transactional_id):
        return EndTxn.reply(error_code=errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    version = 2 if call.version >= 5 else 0  # KIP-890: who sends v5 lets every transaction raise the epoch
    try:
        producer_id, epoch = transactions.end(
            request.transactional_id, request.producer_id, request.producer_epoch, request.committed, version
        )
    except KafkaError as refusal:
        return EndTxn.reply(error_code=_told(refusal.error, call, 2))
    return EndTxn.reply(producer_id=producer_id, producer_epoch=epoch)


@handles(WriteTxnMarkers)
def write_txn_markers(request, call, markers):
    Marker = WriteTxnMarkers.Response.Markers
    may = call.may("alter", "cluster", CLUSTER_NAME) or call.allowed("cluster_action", "cluster", CLUSTER_NAME)
    results = {} if may else _refused(request, errors.CLUSTER_AUTHORIZATION_FAILED)  # producer id -> topic -> index -> error code
    for marker in request.markers if may else ():
        topics, written = results.setdefault(marker.producer_id, {}), set()
        for topic in marker.topics:
            codes = topics.setdefault(topic.name, {})
            for index in topic.partition_indexes:
                if (topic.name, index) in written:
                    continue  # Kafka writes one marker then, and never answers
                written.add((topic.name, index))
                codes[index] = markers.write(
                    topic.name, index, marker.producer_id, marker.producer_epoch, marker.coordinator_epoch,
                    marker.transaction_result, marker.transaction_version,
                )  # fmt: skip
    if any(code == errors.UNKNOWN_SERVER_ERROR for topics in results.values() for codes in topics.values() for code in codes.values()):
        # Nobody's marker, without a producer or an epoch: Kafka stumbles over it, and over the request with it.
        results = _refused(request, errors.UNKNOWN_SERVER_ERROR)
    return WriteTxnMarkers.reply(
        markers=[
            Marker(
                producer_id=producer_id,
                topics=[
                    Marker.Topics(
                        name=name,
                        partitions=[
                            Marker.Topics.Partitions(partition_index=index, error_code=code) for index, code in codes.items()
                        ],
                    )
                    for name, codes in topics.items()
                    if codes
                ],
            )
            for producer_id, topics in results.items()
            if any(topics.values()) or not may
        ]
    )


def _refused(request, error):
    """That error for all that the last marker of each producer is about: {producer id: {topic: {index: error code}}}"""
    results = {}
    for marker in request.markers:
        topics = results[marker.producer_id] = {}
        for topic in marker.topics:
            topics.setdefault(topic.name, {}).update(dict.fromkeys(topic.partition_indexes, error))
    return results


# -- tools ---------------------------------------------------------------------------------------


@handles(DescribeProducers)
def describe_producers(request, call, cluster, broker):
    Topic = DescribeProducers.Response.Topics
    topics = []
    for topic in request.topics:
        error, message = _topic_error(topic.name, call, cluster)
        partitions = []
        for index in topic.partition_indexes:
            partition = None if error else cluster.partition(topic.name, index)
            if partition is None:
                code = error or errors.UNKNOWN_TOPIC_OR_PARTITION
                partitions.append(Topic.Partitions(partition_index=index, error_code=code, error_message=message))
            elif broker.id not in partition.logs:
                partitions.append(Topic.Partitions(partition_index=index, error_code=errors.NOT_LEADER_OR_FOLLOWER))
            else:  # a follower knows what it has
                partitions.append(Topic.Partitions(partition_index=index, active_producers=_producers(partition.logs[broker.id])))
        topics.append(Topic(name=topic.name, partitions=partitions))
    return DescribeProducers.reply(topics=topics)


def _topic_error(name, call, cluster):
    try:
        names.check(name)
    except KafkaError as refusal:
        return refusal.error, refusal.message
    if not call.allowed("read", "topic", name):
        return errors.TOPIC_AUTHORIZATION_FAILED, "Topic authorization failed."
    if name not in cluster.topics:
        return errors.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."
    return errors.NONE, None


def _producers(log):
    Producer = DescribeProducers.Response.Topics.Partitions.ActiveProducers
    return [
        Producer(
            producer_id=producer_id,
            producer_epoch=entry.producer_epoch,
            last_sequence=entry.last_sequence,
            last_timestamp=entry.last_timestamp,
            coordinator_epoch=entry.coordinator_epoch,
            current_txn_start_offset=-1 if entry.first_open_offset is None else entry.first_open_offset,
        )
        for producer_id, entry in log.producers.items()
    ]


@handles(DescribeTransactions)
def describe_transactions(request, call, transactions):
    return DescribeTransactions.reply(
        transaction_states=[_described(one, call, transactions) for one in request.transactional_ids]
    )


def _described(transactional_id, call, transactions):
    State = DescribeTransactions.Response.TransactionStates
    try:
        if not call.allowed("describe", "transactional_id", transactional_id):
            raise KafkaError(errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        found = transactions.describe(transactional_id)
    except KafkaError as refusal:
        return State(error_code=refusal.error, transactional_id=transactional_id)
    topics = {}
    for topic, index in found.partitions:
        if call.may("describe", "topic", topic):
            topics.setdefault(topic, []).append(index)
    return State(
        transactional_id=transactional_id,
        transaction_state=found.state,
        transaction_timeout_ms=found.timeout_ms,
        transaction_start_time_ms=found.start_timestamp,
        producer_id=found.producer_id,
        producer_epoch=found.producer_epoch,
        topics=[State.Topics(topic=topic, partitions=indexes) for topic, indexes in topics.items()],
    )


@handles(ListTransactions)
def list_transactions(request, call, transactions):
    State = ListTransactions.Response.TransactionStates
    try:
        found, unknown = transactions.list(
            request.state_filters, request.producer_id_filters, request.duration_filter, request.transactional_id_pattern
        )
    except KafkaError as refusal:
        return ListTransactions.reply(error_code=refusal.error)
    return ListTransactions.reply(
        unknown_state_filters=unknown,
        transaction_states=[
            State(transactional_id=one.transactional_id, producer_id=one.producer_id, transaction_state=one.state)
            for one in found
            if call.may("describe", "transactional_id", one.transactional_id)
        ],
    )
