"""Elections, reassignments, log directories: what Kafka 4.3.1 answered to the same requests.

`{t}` in a text is the topic's name.
"""

import pytest

from tests.api.test_data import batch, produce, until
from tests.api.test_topics import create, new, outcome
from wire.apis.metadata import UnregisterBroker
from wire.apis.replication import AlterReplicaLogDirs, DescribeLogDirs
from wire.apis.topics import AlterPartitionReassignments, ElectLeaders, ListPartitionReassignments

PREFERRED, UNCLEAN = 0, 1
MANUAL = "The manual partition assignment includes "
NOT_NEEDED = ("ELECTION_NOT_NEEDED", "Leader election not needed for topic partition.")


@pytest.fixture
def topic(client, fresh):
    name = fresh("replicas")
    create(client, new(name, 2))
    return name


def reassign(client, topic, *partitions, version=1, **fields):
    Topic = AlterPartitionReassignments.Request.Topics
    asked = Topic(name=topic, partitions=[Topic.Partitions(partition_index=index, replicas=replicas) for index, replicas in partitions])
    return client.call(AlterPartitionReassignments, version, topics=[asked], **fields)


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("index, replicas, error, message", [
    (0, [1], "NONE", None),
    (0, None, "NO_REASSIGNMENT_IN_PROGRESS", None),
    (0, [], "INVALID_REPLICA_ASSIGNMENT", MANUAL + "an empty replica list."),
    (0, [1, 1], "INVALID_REPLICA_ASSIGNMENT", MANUAL + "the broker 1 more than once."),
    (0, [2], "INVALID_REPLICA_ASSIGNMENT", MANUAL + "broker 2, but no such broker is registered."),
    (0, [1, 2, 2], "INVALID_REPLICA_ASSIGNMENT", MANUAL + "broker 2, but no such broker is registered."),
    (0, [-1], "INVALID_REPLICA_ASSIGNMENT", MANUAL + "broker -1, but no such broker is registered."),
    (7, [1], "UNKNOWN_TOPIC_OR_PARTITION", "Unable to find partition {t}:7."),
    (-1, None, "UNKNOWN_TOPIC_OR_PARTITION", "Unable to find partition {t}:-1."),
])
def test_reassignments_that_one_broker_can_tell_about(client, topic, version, index, replicas, error, message):
    answer = reassign(client, topic, (index, replicas), version=version)
    assert outcome(answer) == ("NONE", None)
    ((partition,),) = [one.partitions for one in answer.responses]
    assert (partition.partition_index, *outcome(partition)) == (index, error, message and message.format(t=topic))


def test_each_partition_is_answered_for_itself(client, topic):
    answer = reassign(client, topic, (0, [1]), (0, None), (1, [1]), allow_replication_factor_change=False)
    assert not answer.allow_replication_factor_change
    assert [outcome(one)[0] for one in answer.responses[0].partitions] == ["NONE", "NO_REASSIGNMENT_IN_PROGRESS", "NONE"]
    answer = reassign(client, topic + "-not", (0, [1]))
    assert outcome(answer.responses[0].partitions[0]) == ("UNKNOWN_TOPIC_OR_PARTITION", f"Unable to find a topic named {topic}-not.")


def test_a_change_of_the_replication_factor_may_be_forbidden(client, topic):
    answer = reassign(client, topic, (0, []), allow_replication_factor_change=False)
    assert outcome(answer.responses[0].partitions[0]) == ("INVALID_REPLICA_ASSIGNMENT", MANUAL + "an empty replica list.")


def test_reassignments_need_time(client, topic):
    answer = reassign(client, topic, (0, [1]), timeout_ms=0)
    assert outcome(answer) == ("REQUEST_TIMED_OUT", None)
    assert outcome(answer.responses[0].partitions[0]) == ("REQUEST_TIMED_OUT", None)
    nothing = client.call(AlterPartitionReassignments, 1, topics=[], timeout_ms=0)
    assert (outcome(nothing), nothing.responses) == (("NONE", ""), [])


def test_none_is_under_way(client, topic):
    Topic = ListPartitionReassignments.Request.Topics
    for asked in (None, [], [Topic(name=topic, partition_indexes=[0, 9])], [Topic(name=topic + "-not", partition_indexes=[0])]):
        answer = client.call(ListPartitionReassignments, 0, topics=asked, timeout_ms=0)
        assert (outcome(answer), answer.topics) == (("NONE", None), [])


# Elections ------------------------------------------------------------------------------------


def elect(client, version, kind, *topics, **fields):
    Topic = ElectLeaders.Request.TopicPartitions
    asked = [Topic(topic=name, partitions=partitions) for name, partitions in topics]
    answer = client.call(ElectLeaders, version, election_type=kind, topic_partitions=asked, **fields)
    return answer.error_code, [
        (one.topic, [(each.partition_id, *outcome(each)) for each in one.partition_result]) for one in answer.replica_election_results
    ]


@pytest.mark.parametrize("version, kind", [(0, PREFERRED), (1, PREFERRED), (2, PREFERRED), (1, UNCLEAN), (2, UNCLEAN)])
def test_the_only_replica_leads_already(client, topic, version, kind):
    assert elect(client, version, kind, (topic, [0, 0, 9, -1]), (topic + "-not", [0])) == (0, [
        (topic, [
            (0, *NOT_NEEDED),
            (0, *NOT_NEEDED),
            (9, "UNKNOWN_TOPIC_OR_PARTITION", f"No such partition as {topic}-9"),
            (-1, "UNKNOWN_TOPIC_OR_PARTITION", f"No such partition as {topic}--1"),
        ]),
        (topic + "-not", [(0, "UNKNOWN_TOPIC_OR_PARTITION", f"No such topic as {topic}-not")]),
    ])
    answer = client.call(ElectLeaders, version, election_type=kind, topic_partitions=None)
    mine = [one.partition_result for one in answer.replica_election_results if one.topic == topic]
    assert (answer.error_code, mine) == (0, [[]])  # what needs no election is not mentioned


@pytest.mark.parametrize("kind", [2, -1])
def test_elections_of_no_known_kind(client, topic, kind):
    refused = (0, "INVALID_REQUEST", f"Unknown election type {kind}")
    assert elect(client, 2, kind, (topic, [0])) == (42, [(topic, [refused])])
    assert elect(client, 2, kind) == (0, [])
    assert client.call(ElectLeaders, 2, election_type=kind, topic_partitions=None).error_code == 42


def test_elections_need_time(client, topic):
    timed_out = (7, [(topic, [(0, "REQUEST_TIMED_OUT", None)])])
    assert elect(client, 2, PREFERRED, (topic, [0]), timeout_ms=0) == timed_out
    assert elect(client, 2, 9, (topic, [0]), timeout_ms=-5) == timed_out
    assert client.call(ElectLeaders, 2, topic_partitions=None, timeout_ms=0).error_code == 7
    assert elect(client, 0, PREFERRED, (topic, [0]), timeout_ms=0) == (0, timed_out[1])  # v0 has no error of its own


# Log directories ------------------------------------------------------------------------------


def directory(client, version, *topics):
    """The one directory of this broker with {(topic, index): size}."""
    Topic = DescribeLogDirs.Request.Topics
    asked = [Topic(topic=name, partitions=partitions) for name, partitions in topics]
    answer = client.call(DescribeLogDirs, version, topics=asked)
    assert answer.error_code == 0
    (result,) = answer.results
    assert result.error_code == 0
    for topic in result.topics:
        for one in topic.partitions:
            assert (one.offset_lag, one.is_future_key) == (0, False)
    return result, {(topic.name, one.partition_index): one.partition_size for topic in result.topics for one in topic.partitions}


@pytest.mark.parametrize("version", range(1, 6))
def test_a_directory_has_the_sizes_of_its_partitions(client, topic, version):
    # Kafka makes a partition's log a little after the topic can be seen.
    until(lambda: len(directory(client, version, (topic, [0, 1]))[1]) == 2)
    result, sizes = directory(client, version, (topic, [0, 9]), (topic + "-not", [0]))
    assert sizes == {(topic, 0): 0}
    records = batch(b"x" * 1000)
    until(lambda: produce(client, topic, records).error_code == 0)
    assert directory(client, version, (topic, [0, 1]))[1] == {(topic, 0): len(records), (topic, 1): 0}
    assert result.log_dir and not result.is_cordoned
    if version < 4:
        assert (result.total_bytes, result.usable_bytes) == (-1, -1)
    else:
        assert result.usable_bytes <= result.total_bytes


def test_all_partitions_or_none(client, topic):
    assert directory(client, 4)[1] == directory(client, 4, (topic, []))[1] == {}

    def mine():
        (result,) = client.call(DescribeLogDirs, 4, topics=None).results
        return sorted(one.partition_index for found in result.topics if found.name == topic for one in found.partitions)

    until(lambda: mine() == [0, 1])


def move(client, version, path, *topics):
    Directory = AlterReplicaLogDirs.Request.Dirs
    topics = [Directory.Topics(name=name, partitions=partitions) for name, partitions in topics]
    results = client.call(AlterReplicaLogDirs, version, dirs=[Directory(path=path, topics=topics)]).results
    return {(one.topic_name, each.partition_index): outcome_of(each) for one in results for each in one.partitions}


def outcome_of(answer):
    return outcome(type("Answer", (), {"error_code": answer.error_code, "error_message": None}))[0]


@pytest.mark.parametrize("version", [1, 2])
def test_replicas_move_to_directories_that_there_are(client, topic, version):
    here, long = directory(client, 1)[0].log_dir, "x" * 240
    assert move(client, version, here, (topic, [0, 9]), (topic + "-not", [0]), (long, [0])) == {
        (topic, 0): "NONE",
        (topic, 9): "UNKNOWN_TOPIC_OR_PARTITION",
        (topic + "-not", 0): "UNKNOWN_TOPIC_OR_PARTITION",
        (long, 0): "INVALID_TOPIC_EXCEPTION",
    }
    for path in ("/nowhere", "nowhere", ""):
        assert move(client, version, path, (topic, [0, 9])) == {(topic, 0): "LOG_DIR_NOT_FOUND", (topic, 9): "LOG_DIR_NOT_FOUND"}
    assert move(client, version, here) == {}


# Brokers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("broker", [7, -1])
def test_a_broker_that_is_not_there_cannot_be_unregistered(client, broker):
    answer = client.call(UnregisterBroker, 0, broker_id=broker)
    assert outcome(answer) == ("BROKER_ID_NOT_REGISTERED", f"Broker ID {broker} is not currently registered")
