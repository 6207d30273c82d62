"""ElectLeaders, AlterPartitionReassignments, ListPartitionReassignments, UnregisterBroker: who leads and who replicates.

Source: ControllerApis and QuorumController of Kafka 4.3.1.
"""

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.registry import handles
from emulator.state.cluster import leadership
from wire import errors
from wire.apis.metadata import UnregisterBroker
from wire.apis.topics import AlterPartitionReassignments, ElectLeaders, ListPartitionReassignments
from wire.errors import KafkaError

_DENIED = "Cluster authorization failed."


@handles(ElectLeaders)
def elect_leaders(request, call, cluster):
    Topic = ElectLeaders.Response.ReplicaElectionResults
    Partition = Topic.PartitionResult
    asked, kind = request.topic_partitions, request.election_type
    refusal = _refusal(request, asked, call)
    if not refusal and asked is not None and not asked:
        return ElectLeaders.reply()
    if not refusal and kind not in (leadership.PREFERRED, leadership.UNCLEAN):
        refusal = KafkaError(errors.INVALID_REQUEST, f"Unknown election type {kind}")
    if refusal:
        return ElectLeaders.reply(
            error_code=refusal.error if call.version >= 1 else 0,
            replica_election_results=[
                Topic(topic=topic.topic, partition_result=[_failed(Partition, index, refusal) for index in topic.partitions])
                for topic in asked or ()
            ],
        )
    if asked is None:
        everything = [(topic.name, range(len(topic.partitions))) for topic in cluster.topics.values()]
        results = [(name, _elect(cluster, name, indexes, kind, Partition, {errors.ELECTION_NOT_NEEDED})) for name, indexes in everything]
    else:
        results = [(topic.topic, _elect(cluster, topic.topic, topic.partitions, kind, Partition)) for topic in asked]
    return ElectLeaders.reply(replica_election_results=[Topic(topic=name, partition_result=result) for name, result in results])


def _elect(cluster, name, indexes, kind, Partition, unmentioned=frozenset()):
    answers = []
    for index in indexes:
        try:
            leadership.elect(cluster, name, index, kind)
        except KafkaError as error:
            if error.error not in unmentioned:
                answers.append(_failed(Partition, index, error))
        else:
            answers.append(Partition(partition_id=index, error_message=None))
    return answers


def _failed(Partition, index, error):
    return Partition(partition_id=index, error_code=error.error, error_message=error.message)


def _refusal(request, asked, call):
    """The KafkaError of a change that is refused as a whole, or None."""
    if not call.allowed("alter", "cluster", CLUSTER_NAME):
        return KafkaError(errors.CLUSTER_AUTHORIZATION_FAILED, _DENIED)
    # The controller has that long for it, but with nothing to do it is not asked.
    if request.timeout_ms <= 0 and asked != []:
        return KafkaError(errors.REQUEST_TIMED_OUT)
    return None


@handles(AlterPartitionReassignments)
def alter_partition_reassignments(request, call, cluster):
    Topic = AlterPartitionReassignments.Response.Responses
    Partition = Topic.Partitions
    allow = request.allow_replication_factor_change
    refusal = _refusal(request, request.topics, call)
    topics = []
    for topic in request.topics:
        answers = []
        for asked in topic.partitions:
            answer = Partition(partition_index=asked.partition_index, error_message=None)
            try:
                if refusal:
                    raise refusal
                leadership.reassign(cluster, topic.name, asked.partition_index, asked.replicas, allow)
            except KafkaError as error:
                answer.error_code, answer.error_message = error.error, error.message
            answers.append(answer)
        topics.append(Topic(name=topic.name, partitions=answers))
    return AlterPartitionReassignments.reply(
        # Kafka tells it back only where it looked at a partition.
        allow_replication_factor_change=allow or not topics or refusal is not None,
        error_code=refusal.error if refusal else errors.NONE,
        error_message=(refusal.message if refusal else None) if topics else "",
        responses=topics,
    )


@handles(ListPartitionReassignments)
def list_partition_reassignments(request, call, cluster):
    reply, Topic = ListPartitionReassignments.reply, ListPartitionReassignments.Response.Topics
    if not call.allowed("describe", "cluster", CLUSTER_NAME):
        asked = [
            Topic(name=topic.name, partitions=[Topic.Partitions(partition_index=index) for index in topic.partition_indexes])
            for topic in request.topics or ()
        ]
        return reply(error_code=errors.CLUSTER_AUTHORIZATION_FAILED, error_message=_DENIED, topics=asked)
    asked = None if request.topics is None else [(topic.name, topic.partition_indexes) for topic in request.topics]
    return reply(
        error_message=None,
        topics=[
            Topic(
                name=topic.name,
                partitions=[
                    Topic.Partitions(
                        partition_index=one.index,
                        replicas=one.replicas,
                        adding_replicas=one.adding,
                        removing_replicas=one.removing,
                    )
                    for one in partitions
                ],
            )
            for topic, partitions in leadership.under_way(cluster, asked)
        ],
    )


@handles(UnregisterBroker)
def unregister_broker(request, call, cluster):
    if not call.allowed("alter", "cluster", CLUSTER_NAME):
        return UnregisterBroker.reply(error_code=errors.CLUSTER_AUTHORIZATION_FAILED, error_message=_DENIED)
    try:
        leadership.unregister(cluster, request.broker_id)
    except KafkaError as error:
        return UnregisterBroker.reply(error_code=error.error, error_message=error.message)
    return UnregisterBroker.reply(error_message="")
