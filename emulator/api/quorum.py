"""DescribeQuorum, AddRaftVoter, RemoveRaftVoter, UpdateFeatures: the controllers, which the brokers are themselves."""

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.registry import handles
from emulator.state.cluster import names
from emulator.state.features import ELIGIBLE_LEADER_REPLICAS
from emulator.state.quorum import CONTROLLER
from wire import errors
from wire.apis.metadata import UpdateFeatures
from wire.apis.quorum import AddRaftVoter, DescribeQuorum, RemoveRaftVoter
from wire.errors import KafkaError

_DENIED = "Cluster authorization failed."
_NOT_HERE = "This server does not host this topic-partition."
_UPGRADE = 1
_FAILED = "The update failed for all features since the following feature had an error: "


@handles(DescribeQuorum)
def describe_quorum(request, call, quorum, cluster):
    Topic = DescribeQuorum.Response.Topics
    Partition = Topic.Partitions
    told = [(topic.topic_name, [partition.partition_index for partition in topic.partitions]) for topic in request.topics]
    if not call.allowed("describe", "cluster", CLUSTER_NAME):
        return DescribeQuorum.reply(error_code=errors.CLUSTER_AUTHORIZATION_FAILED, error_message=_DENIED)
    if told != [(names.CLUSTER_METADATA, [0])]:  # anything else, even beside it, is not known
        return DescribeQuorum.reply(
            error_message="",
            topics=[
                Topic(
                    topic_name=name,
                    partitions=[
                        Partition(partition_index=index, error_code=errors.UNKNOWN_TOPIC_OR_PARTITION, error_message=_NOT_HERE)
                        for index in indexes
                    ],
                )
                for name, indexes in told
            ],
        )
    voters = [
        Partition.CurrentVoters(
            replica_id=voter.id,
            replica_directory_id=voter.directory_id,
            log_end_offset=voter.end_offset,
            last_fetch_timestamp=voter.last_fetch_ms,
            last_caught_up_timestamp=voter.last_caught_up_ms,
        )
        for voter in quorum.voters
    ]
    partition = Partition(
        partition_index=0,
        error_message="",
        leader_id=quorum.leader_id,
        leader_epoch=quorum.leader_epoch,
        high_watermark=quorum.end_offset,
        current_voters=voters,
    )
    return DescribeQuorum.reply(
        error_message="",
        topics=[Topic(topic_name=names.CLUSTER_METADATA, partitions=[partition])],
        nodes=_nodes(quorum, cluster, call) if call.version >= 2 else (),
    )


def _nodes(quorum, cluster, call):
    """Where voters are reached: they have no listener of their own, so where this client reaches the brokers."""
    Node = DescribeQuorum.Response.Nodes
    nodes = []
    for voter_id in quorum.voter_ids:
        broker = cluster.brokers.get(voter_id)
        endpoint = broker and broker.endpoints.get(call.listener)
        listeners = [Node.Listeners(name=CONTROLLER, host=endpoint.host, port=endpoint.port)] if endpoint else []
        nodes.append(Node(node_id=voter_id, listeners=listeners))
    return nodes


@handles(AddRaftVoter)
def add_raft_voter(request, call, quorum):
    def add():
        listeners = {listener.name: (listener.host, listener.port) for listener in request.listeners}
        quorum.add_voter(request.cluster_id, request.voter_id, request.voter_directory_id, listeners)

    return _voters_changed(AddRaftVoter, call, add)


@handles(RemoveRaftVoter)
def remove_raft_voter(request, call, quorum):
    def remove():
        quorum.remove_voter(request.cluster_id, request.voter_id, request.voter_directory_id)

    return _voters_changed(RemoveRaftVoter, call, remove)


def _voters_changed(api, call, change):
    try:
        if not call.allowed("alter", "cluster", CLUSTER_NAME):
            raise KafkaError(errors.CLUSTER_AUTHORIZATION_FAILED, _DENIED)
        change()
    except KafkaError as error:
        return api.reply(error_code=error.error, error_message=error.message)
    return api.reply(error_message="")


@handles(UpdateFeatures)
def update_features(request, call, features, configs):
    Result = UpdateFeatures.Response.Results
    updates = {}
    for one in request.feature_updates:
        # v0's allow_downgrade, too, is a kind of upgrade to Kafka, and always this one.
        updates[one.feature] = one.max_version_level, one.upgrade_type if call.version else _UPGRADE
    try:
        if not call.allowed("alter", "cluster", CLUSTER_NAME):
            raise KafkaError(errors.CLUSTER_AUTHORIZATION_FAILED, _DENIED)
        features.update(updates, request.validate_only)
        if not request.validate_only and updates.get(ELIGIBLE_LEADER_REPLICAS, (0,))[0] > 0:
            configs.pin()
    except KafkaError as error:
        denied = error.error == errors.CLUSTER_AUTHORIZATION_FAILED
        return UpdateFeatures.reply(error_code=error.error, error_message=error.message if denied else _FAILED + error.message)
    results = [Result(feature=one.feature, error_message="NONE") for one in request.feature_updates] if call.version <= 1 else []
    return UpdateFeatures.reply(error_message=None, results=results)
