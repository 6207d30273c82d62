"""UpdateFeatures, DescribeQuorum, raft voters: what Kafka 4.3.1 answered to the same requests."""

import os

import pytest

from emulator.state.cluster import uuid_text
from tests.api.test_configs import alter, describe
from tests.api.test_data import batch, fetch, produce
from tests.api.test_replicas import outcome_of
from tests.api.test_topics import create, new, outcome
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire.apis.consumer_groups import ConsumerGroupDescribe, ConsumerGroupHeartbeat
from wire.apis.metadata import ApiVersions, DescribeCluster, DescribeTopicPartitions, Metadata, UnregisterBroker, UpdateFeatures
from wire.apis.quorum import AddRaftVoter, DescribeQuorum, RemoveRaftVoter
from wire.apis.share_groups import (
    AlterShareGroupOffsets, DeleteShareGroupOffsets, DescribeShareGroupOffsets, ShareAcknowledge, ShareFetch, ShareGroupDescribe,
    ShareGroupHeartbeat,
)
from wire.apis.streams_groups import StreamsGroupDescribe, StreamsGroupHeartbeat
from wire.apis.topics import CreateTopics

UPGRADE, SAFE, UNSAFE = 1, 2, 3
FAILED = "The update failed for all features since the following feature had an error: "
ID = bytes(range(16))
LEVELS = {
    "group.version": 1, "streams.version": 1, "transaction.version": 2, "eligible.leader.replicas.version": 1,
    "share.version": 1, "metadata.version": 30,
}  # fmt: skip


def update(client, *updates, version=2, validate_only=True, **fields):
    Update = UpdateFeatures.Request.FeatureUpdates
    asked = [Update(feature=name, max_version_level=level, **({} if kind is None else {"upgrade_type": kind})) for name, level, kind in updates]
    if version:
        fields["validate_only"] = validate_only
    return client.call(UpdateFeatures, version, feature_updates=asked, **fields)


def finalized(client):
    answer = client.call(ApiVersions, 4, client_software_name="t", client_software_version="1")
    for one in answer.finalized_features:
        assert one.min_version_level == one.max_version_level
    return answer.finalized_features_epoch, [(one.name, one.max_version_level) for one in answer.finalized_features]


def test_the_features_of_a_new_cluster(client):
    epoch, features = finalized(client)
    assert features == list(LEVELS.items())  # in the order of Kafka's hash map
    assert epoch > 0


NO_KIND = "The controller does not support the given upgrade type."
NOT_DOWN = "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade."
NOT_UP = "Can't downgrade to a newer version."


@pytest.mark.parametrize("name, level, kind, reason", [
    ("nope", 1, UPGRADE, "Local controller 1 does not support this feature."),
    ("nope", 0, UPGRADE, "Feature nope not found."),
    ("nope", 0, UNSAFE, "Feature nope not found."),
    ("nope", -1, SAFE, "A feature version cannot be less than 0."),
    ("", 1, UPGRADE, "Local controller 1 does not support this feature."),
    ("metadata.version", 6, UPGRADE, "Local controller 1 only supports versions 7-30"),
    ("metadata.version", 0, UNSAFE, "Local controller 1 only supports versions 7-30"),
    ("metadata.version", 31, UPGRADE, "Local controller 1 only supports versions 7-30"),
    ("metadata.version", 29, UPGRADE, NOT_DOWN),
    ("metadata.version", -1, UPGRADE, "A feature version cannot be less than 0."),
    ("transaction.version", 3, UPGRADE, "Local controller 1 only supports versions 0-2"),
    ("transaction.version", 1, UPGRADE, NOT_DOWN),
    ("group.version", 0, UPGRADE, NOT_DOWN),
    ("group.version", 1, 0, NO_KIND),
    ("group.version", 1, 4, NO_KIND),
    ("group.version", 1, -1, NO_KIND),
    ("kraft.version", 1, SAFE, NOT_UP),
    ("kraft.version", 2, UPGRADE, "Local controller 1 only supports versions 0-1"),
    ("kraft.version", -1, UNSAFE, "A feature version cannot be less than 0."),
])
def test_levels_that_are_refused(client, name, level, kind, reason):
    assert outcome(update(client, (name, level, kind))) == (
        "INVALID_UPDATE_VERSION", f"{FAILED}Invalid update version {level} for feature {name}. {reason}",
    )  # fmt: skip


@pytest.mark.parametrize("level", [7, 22, 29])
@pytest.mark.parametrize("kind, reason", [
    (SAFE, "Refusing to perform the requested downgrade because it might delete metadata information."),
    (UNSAFE, "Unsafe metadata downgrade is not supported in this version."),
])
def test_the_metadata_of_4_3_cannot_be_read_by_less(client, level, kind, reason):
    assert outcome(update(client, ("metadata.version", level, kind))) == (
        "INVALID_UPDATE_VERSION", f"{FAILED}Unsupported metadata.version downgrade from 30 to {level}. {reason}",
    )  # fmt: skip


@pytest.mark.parametrize("name, level, kind", [
    ("metadata.version", 30, UPGRADE), ("metadata.version", 30, UNSAFE),
    ("transaction.version", 0, SAFE), ("transaction.version", 1, UNSAFE), ("transaction.version", 2, UPGRADE),
    ("group.version", 0, SAFE), ("share.version", 0, SAFE), ("streams.version", 0, UNSAFE), ("group.version", 1, SAFE),
    ("eligible.leader.replicas.version", 0, SAFE), ("eligible.leader.replicas.version", 1, UPGRADE),
    ("kraft.version", 0, UPGRADE), ("kraft.version", 0, UNSAFE), ("kraft.version", 1, UPGRADE),
])
def test_levels_that_would_do_change_nothing_when_only_asked_about(client, name, level, kind):
    before = finalized(client)[1]
    assert outcome(update(client, (name, level, kind))) == ("NONE", None)
    assert finalized(client)[1] == before


@pytest.mark.parametrize("version", [0, 1, 2])
def test_old_versions_answer_for_each_feature(client, version):
    done = update(client, ("group.version", 1, None), ("metadata.version", 30, None), version=version, validate_only=False)
    told = [(one.feature, one.error_code, one.error_message) for one in done.results]
    assert outcome(done) == ("NONE", None)
    assert told == ([] if version == 2 else [("group.version", 0, "NONE"), ("metadata.version", 0, "NONE")])
    refused = update(client, ("group.version", 1, None), ("nope", 1, None), version=version)
    assert (outcome(refused)[0], list(refused.results)) == ("INVALID_UPDATE_VERSION", [])
    assert outcome(update(client, version=version)) == ("NONE", None)


def test_version_0_never_downgrades(client):
    Update = UpdateFeatures.Request.FeatureUpdates
    asked = [Update(feature="group.version", max_version_level=0, allow_downgrade=True)]
    assert outcome(client.call(UpdateFeatures, 0, feature_updates=asked)) == (
        "INVALID_UPDATE_VERSION", f"{FAILED}Invalid update version 0 for feature group.version. {NOT_DOWN}",
    )  # fmt: skip


# What a level does, on a server of its own -----------------------------------------------------


@pytest.fixture
def alone():
    """A client of a server that nobody else uses."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("another cluster's features are left as they are")
    with serving() as server, WireClient(server.bootstrap) as client:
        yield client


def lower(client, name, level=0):
    assert outcome(update(client, (name, level, SAFE), validate_only=False)) == ("NONE", None)


def test_a_lower_level_is_finalized_and_the_epoch_grows(alone):
    epoch, _ = finalized(alone)
    lower(alone, "transaction.version", 1)
    after, features = finalized(alone)
    assert after > epoch and dict(features) == {**LEVELS, "transaction.version": 1}
    for name in LEVELS:
        if name != "metadata.version":
            lower(alone, name)
    assert finalized(alone)[1] == [("metadata.version", 30)]


def test_all_of_an_update_or_nothing(alone):
    refused = update(alone, ("group.version", 0, SAFE), ("share.version", 9, UPGRADE), validate_only=False)
    assert outcome(refused)[0] == "INVALID_UPDATE_VERSION"
    assert dict(finalized(alone)[1]) == LEVELS


@pytest.mark.parametrize("feature, asked", [
    ("group.version", (ConsumerGroupHeartbeat, {"group_id": "g", "member_id": "m"})),
    ("share.version", (ShareGroupHeartbeat, {"group_id": "g", "member_id": "m"})),
    ("share.version", (ShareFetch, {"group_id": "g", "member_id": "m"})),
    ("share.version", (ShareAcknowledge, {"group_id": "g", "member_id": "m"})),
    ("share.version", (AlterShareGroupOffsets, {"group_id": "g"})),
    ("share.version", (DeleteShareGroupOffsets, {"group_id": "g"})),
    ("streams.version", (StreamsGroupHeartbeat, {"group_id": "g", "member_id": "m"})),
])
def test_without_its_feature_an_api_is_not_served(alone, feature, asked):
    api, fields = asked
    assert outcome_of(alone.call(api, api.versions.max, **fields)) != "UNSUPPORTED_VERSION"
    lower(alone, feature)
    assert outcome_of(alone.call(api, api.versions.max, **fields)) == "UNSUPPORTED_VERSION"
    update(alone, (feature, 1, UPGRADE), validate_only=False)
    assert outcome_of(alone.call(api, api.versions.max, **fields)) != "UNSUPPORTED_VERSION"


@pytest.mark.parametrize("feature, api", [
    ("group.version", ConsumerGroupDescribe), ("share.version", ShareGroupDescribe), ("streams.version", StreamsGroupDescribe),
    ("share.version", DescribeShareGroupOffsets),
])
def test_without_its_feature_no_group_is_described(alone, feature, api):
    lower(alone, feature)
    if api is DescribeShareGroupOffsets:
        answer = alone.call(api, 0, groups=[api.Request.Groups(group_id=name) for name in "ab"])
    else:
        answer = alone.call(api, api.versions.max, group_ids=["a", "b"])
    assert [(group.group_id, outcome_of(group)) for group in answer.groups] == [("a", "UNSUPPORTED_VERSION"), ("b", "UNSUPPORTED_VERSION")]


def test_the_minimum_isr_is_pinned_while_eligible_leader_replicas_are_kept(alone):
    key, feature = "min.insync.replicas", "eligible.leader.replicas.version"
    assert alter(alone, 4, "", (key, 1, None))[0] == alter(alone, 4, "1", (key, 0, "1"))[0] == "INVALID_CONFIG"
    lower(alone, feature)
    assert alter(alone, 4, "", (key, 1, None)) == alter(alone, 4, "1", (key, 0, "2")) == ("NONE", None)
    assert describe(alone, 4, "").configs == []
    assert outcome(update(alone, (feature, 1, UPGRADE), validate_only=False)) == ("NONE", None)
    assert [(one.name, one.value) for one in describe(alone, 4, "").configs] == [(key, "1")]
    (own,) = describe(alone, 4, "1", [key]).configs
    assert (own.value, own.config_source) == ("1", 3)  # the broker's own is gone


def test_voters_of_a_quorum_that_may_change(alone):
    assert outcome(update(alone, ("kraft.version", 1, UPGRADE), validate_only=False)) == ("NONE", None)
    assert ("kraft.version", 1) in finalized(alone)[1]
    directory = quorum(alone, 2, ("__cluster_metadata", [0])).topics[0].partitions[0].current_voters[0].replica_directory_id
    assert directory != bytes(16)
    me = f"ReplicaKey(id=1, directoryId={uuid_text(directory)})"
    assert add(alone, None, voter=1, directory=directory) == (
        "DUPLICATE_VOTER", f"The voter id for {me} is already part of the set of voters [{me}].",
    )  # fmt: skip
    assert add(alone, None)[0] == "REQUEST_TIMED_OUT"
    assert remove(alone, None, directory=directory) == ("VOTER_NOT_FOUND", f"Cannot remove voter {me} from the set of voters [{me}]")
    refused = update(alone, ("kraft.version", 0, SAFE), validate_only=False)
    assert outcome(refused)[1].endswith("Can't downgrade the version of this feature.")


def test_an_unregistered_broker_serves_nobody(alone, fresh):
    name = fresh("left")
    create(alone, new(name))
    assert outcome(alone.call(UnregisterBroker, 0, broker_id=1)) == ("NONE", "")
    answer = alone.call(Metadata, 12, topics=[Metadata.Request.Topics(name=name)])
    assert answer.brokers == []
    (partition,) = answer.topics[0].partitions
    assert (outcome_of(partition), partition.leader_id, partition.isr_nodes) == ("LEADER_NOT_AVAILABLE", -1, [])
    (topic,) = alone.call(DescribeTopicPartitions, 0, topics=[DescribeTopicPartitions.Request.Topics(name=name)]).topics
    (partition,) = topic.partitions
    assert (outcome_of(partition), partition.isr_nodes, partition.eligible_leader_replicas, partition.last_known_elr) == ("NONE", [], [1], [1])
    (made,) = alone.call(CreateTopics, 7, topics=[new(fresh("more"))]).topics
    assert outcome(made) == (
        "INVALID_REPLICATION_FACTOR",
        "Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have all their log directories cordoned.",
    )
    assert outcome_of(produce(alone, name, batch(b"x"))) == "NOT_LEADER_OR_FOLLOWER"
    assert outcome_of(fetch(alone, name, 0)) == "NOT_LEADER_OR_FOLLOWER"
    assert outcome(alone.call(UnregisterBroker, 0, broker_id=1))[0] == "BROKER_ID_NOT_REGISTERED"


# Quorum ---------------------------------------------------------------------------------------


def quorum(client, version, *topics):
    Topic = DescribeQuorum.Request.Topics
    asked = [Topic(topic_name=name, partitions=[Topic.Partitions(partition_index=one) for one in indexes]) for name, indexes in topics]
    return client.call(DescribeQuorum, version, topics=asked)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_one_node_is_the_whole_quorum(client, version):
    answer = quorum(client, version, ("__cluster_metadata", [0]))
    assert outcome(answer) == ("NONE", "")
    ((partition,),) = [topic.partitions for topic in answer.topics]
    assert (*outcome(partition), partition.leader_id, partition.leader_epoch, partition.observers) == ("NONE", "", 1, 1, [])
    (voter,) = partition.current_voters
    assert (voter.replica_id, voter.replica_directory_id) == (1, bytes(16))
    assert voter.log_end_offset == partition.high_watermark > 0
    assert (voter.last_fetch_timestamp > 0) == (voter.last_caught_up_timestamp > 0) == (version > 0)
    nodes = [(node.node_id, [listener.name for listener in node.listeners]) for node in answer.nodes]
    assert nodes == ([(1, ["CONTROLLER"])] if version == 2 else [])


@pytest.mark.parametrize("topics", [
    [("orders", [0])],
    [("__cluster_metadata", [1])],
    [("__cluster_metadata", [0, 1])],
    [("__cluster_metadata", [0]), ("orders", [0])],
])
def test_there_is_no_other_quorum(client, topics):
    for version, message in ((1, ""), (2, "This server does not host this topic-partition.")):
        answer = quorum(client, version, *topics)
        assert (outcome(answer), list(answer.nodes)) == (("NONE", ""), [])
        for topic in answer.topics:
            for one in topic.partitions:
                assert (*outcome(one), one.leader_id, one.current_voters) == ("UNKNOWN_TOPIC_OR_PARTITION", message, 0, [])
        told = [(topic.topic_name, [one.partition_index for one in topic.partitions]) for topic in answer.topics]
        assert told == topics
    assert quorum(client, 2).topics == []


def add(client, cluster_id, voter=2, directory=ID, listeners=("CONTROLLER",), version=1, **fields):
    Listener = AddRaftVoter.Request.Listeners
    return outcome(client.call(
        AddRaftVoter, version, cluster_id=cluster_id, timeout_ms=1000, voter_id=voter, voter_directory_id=directory,
        listeners=[Listener(name=name, host="127.0.0.1", port=9) for name in listeners], **fields,
    ))  # fmt: skip


def remove(client, cluster_id, voter=1, directory=ID):
    return outcome(client.call(RemoveRaftVoter, 0, cluster_id=cluster_id, voter_id=voter, voter_directory_id=directory))


def test_voters_of_a_static_quorum_stay(client):
    cluster_id = client.call(DescribeCluster, 1).cluster_id
    for known in (None, cluster_id):
        for version in (0, 1):
            assert add(client, known, version=version) == (
                "UNSUPPORTED_VERSION", "Cluster doesn't support adding voter because the kraft.version feature is 0",
            )  # fmt: skip
        assert remove(client, known) == ("UNSUPPORTED_VERSION", "Cluster doesn't support removing voter because the kraft.version feature is 0")


def test_voters_that_cannot_be(client):
    cluster_id = client.call(DescribeCluster, 1).cluster_id
    other = ("INCONSISTENT_CLUSTER_ID", f'The given id "other" doesn\'t match the cluster id "{cluster_id}"')
    assert add(client, "other", voter=-1) == remove(client, "other", voter=-1) == other
    for wrong in ({"voter": -1}, {"directory": bytes(16)}):
        assert add(client, None, **wrong) == ("INVALID_REQUEST", "Add voter request didn't include a valid voter")
        assert remove(client, None, **wrong) == ("INVALID_REQUEST", "Remove voter request didn't include a valid voter")
    assert add(client, None, listeners=()) == (
        "INVALID_REQUEST",
        "Add voter request didn't include the endpoint (Endpoints(endpoints={})) for the default listener ListenerName(CONTROLLER)",
    )
