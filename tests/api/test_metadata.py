"""Metadata, DescribeCluster and DescribeTopicPartitions, with what Kafka 4.3.1 answered to the same requests."""

import pytest

from tests.api.conftest import becomes
from tests.api.test_topics import NO_ID, create, new, outcome
from wire import errors
from wire.apis.metadata import DescribeCluster, DescribeTopicPartitions, Metadata
from wire.apis.topics import CreatePartitions, DeleteTopics

UNSET = -(2**31)
# All that can be done with a topic and with the cluster (KIP-430): what everybody may where nobody authorizes.
ALL_OF_TOPIC, ALL_OF_CLUSTER = 3576, 8096


def metadata(client, *asked, version=12, **fields):
    topics = [Metadata.Request.Topics(name=one) if isinstance(one, str | None) else Metadata.Request.Topics(name=None, topic_id=one) for one in asked]
    return client.call(Metadata, version, topics=topics, **fields)


def error_names(response):
    return [(errors.Error(topic.error_code).name, topic.name) for topic in response.topics]


@pytest.fixture
def topic(client, fresh):
    name = fresh("metadata")
    create(client, new(name, 2))
    return name


@pytest.mark.parametrize("version", range(14))
def test_a_topic_in_every_version(client, topic, version):
    response = metadata(client, topic, version=version)
    (broker,) = response.brokers
    assert (broker.node_id, response.controller_id) == (1, 1 if version >= 1 else -1)
    assert (response.cluster_id is not None) == (version >= 2)
    (found,) = response.topics
    assert (found.error_code, found.name, found.is_internal) == (0, topic, False)
    assert (found.topic_id != NO_ID) == (version >= 10)
    assert [
        (one.error_code, one.partition_index, one.leader_id, one.leader_epoch, one.replica_nodes, one.isr_nodes, list(one.offline_replicas))
        for one in found.partitions
    ] == [(0, index, 1, 0 if version >= 7 else -1, [1], [1], []) for index in range(2)]
    assert (found.topic_authorized_operations, response.cluster_authorized_operations) == (UNSET, UNSET)


def test_all_topics(client, topic):
    assert topic in [one.name for one in client.call(Metadata, 0, topics=[]).topics]
    assert client.call(Metadata, 1, topics=[]).topics == []
    assert topic in [one.name for one in client.call(Metadata, 1, topics=None).topics]
    assert topic in [one.name for one in client.call(Metadata, 12, topics=None).topics]


def told(client, name, **fields):
    """What Metadata of all topics and DescribeTopicPartitions tell of a topic: its id, how many partitions, what may be done with it."""
    for _ in range(2):  # the second time of what was made the first time
        found = [one for one in client.call(Metadata, 12, topics=None, **fields).topics if one.name == name]
        asked = [DescribeTopicPartitions.Request.Topics(name=name)]
        [described] = client.call(DescribeTopicPartitions, 0, topics=asked, response_partition_limit=9).topics
    return [(one.topic_id, len(one.partitions), one.topic_authorized_operations) for one in found], (described.topic_id, len(described.partitions))


def test_what_was_told_of_a_topic_is_told_anew_when_it_changes(client, topic):
    one = metadata(client, topic).topics[0].topic_id
    assert told(client, topic) == ([(one, 2, UNSET)], (one, 2))
    assert told(client, topic, include_topic_authorized_operations=True) == ([(one, 2, ALL_OF_TOPIC)], (one, 2))
    assert told(client, topic) == ([(one, 2, UNSET)], (one, 2))
    asked = [CreatePartitions.Request.Topics(name=topic, count=4, assignments=None)]
    assert client.call(CreatePartitions, 3, topics=asked, timeout_ms=10_000).results[0].error_code == errors.NONE
    assert becomes(lambda: told(client, topic), ([(one, 4, UNSET)], (one, 4)))
    client.call(DeleteTopics, 6, topics=[DeleteTopics.Request.Topics(name=topic)], timeout_ms=10_000)
    assert becomes(lambda: told(client, topic), ([], (NO_ID, 0)))
    create(client, new(topic, 1))
    other = metadata(client, topic).topics[0].topic_id
    assert other != one
    assert becomes(lambda: told(client, topic), ([(other, 1, UNSET)], (other, 1)))


def test_an_unknown_topic_is_made_for_who_asks_again(client, fresh):
    name = fresh("auto")
    assert error_names(metadata(client, name, allow_auto_topic_creation=False)) == [("UNKNOWN_TOPIC_OR_PARTITION", name)]
    for _ in range(2_000):  # Kafka makes it some time after the first answer
        (found,) = metadata(client, name).topics
        if found.error_code == errors.NONE:
            break
        assert (found.error_code, found.topic_id, found.partitions) == (errors.UNKNOWN_TOPIC_OR_PARTITION, NO_ID, [])
    assert (found.error_code, len(found.partitions)) == (errors.NONE, 1)


def test_the_first_answer_of_an_automatic_creation_is_unknown(client, fresh):
    name = fresh("auto")
    assert error_names(metadata(client, name, version=3)) == [("UNKNOWN_TOPIC_OR_PARTITION", name)]


@pytest.mark.parametrize("allow", [True, False])
def test_names_that_may_not_be_are_told_so(client, allow):
    for name in ("a b", "", "."):
        assert error_names(metadata(client, name, allow_auto_topic_creation=allow)) == [("INVALID_TOPIC_EXCEPTION", name)]


def test_a_name_that_collides_is_never_made(client, fresh):
    name = fresh("a.b")
    create(client, new(name))
    like = name.replace(".", "_")
    for _ in range(2):
        assert error_names(metadata(client, like)) == [("UNKNOWN_TOPIC_OR_PARTITION", like)]


def test_known_topics_come_first_and_each_once(client, fresh, topic):
    missing = fresh("missing")
    response = metadata(client, missing, topic, "a b", topic, allow_auto_topic_creation=False)
    assert error_names(response)[0] == ("NONE", topic)
    assert sorted(error_names(response)) == sorted(
        [("NONE", topic), ("UNKNOWN_TOPIC_OR_PARTITION", missing), ("INVALID_TOPIC_EXCEPTION", "a b")]
    )


def test_topics_by_id(client, topic):
    topic_id = metadata(client, topic).topics[0].topic_id
    assert error_names(metadata(client, topic_id)) == [("NONE", topic)]
    unknown = bytes(15) + b"\x63"
    response = metadata(client, unknown)
    assert (error_names(response), response.topics[0].topic_id) == ([("UNKNOWN_TOPIC_ID", None)], unknown)
    assert error_names(metadata(client, topic_id, "another")) == [("NONE", topic)]  # names beside ids do not count


@pytest.mark.parametrize("version, error", [(10, "INVALID_REQUEST"), (11, "INVALID_REQUEST"), (12, "NONE")])
def test_ids_may_be_asked_for_since_version_12(client, topic, version, error):
    topic_id = metadata(client, topic).topics[0].topic_id
    asked = Metadata.Request.Topics(name=topic, topic_id=topic_id)
    response = client.call(Metadata, version, topics=[asked])
    assert (errors.Error(response.topics[0].error_code).name, bool(response.brokers)) == (error, error == "NONE")


def test_neither_name_nor_id(client):
    response = metadata(client, None)
    assert (error_names(response), response.brokers) == ([("UNKNOWN_SERVER_ERROR", "")], [])


def test_authorized_operations(client, fresh, topic):
    response = metadata(client, topic, version=8, include_cluster_authorized_operations=True, include_topic_authorized_operations=True)
    assert (response.cluster_authorized_operations, response.topics[0].topic_authorized_operations) == (ALL_OF_CLUSTER, ALL_OF_TOPIC)
    response = metadata(client, fresh("missing"), include_topic_authorized_operations=True, allow_auto_topic_creation=False)
    assert response.topics[0].topic_authorized_operations == ALL_OF_TOPIC


# DescribeCluster ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(3))
def test_the_cluster(client, version):
    response = client.call(DescribeCluster, version, include_cluster_authorized_operations=True)
    (broker,) = response.brokers
    assert (broker.broker_id, broker.rack, broker.is_fenced, response.controller_id) == (1, None, False, 1)
    assert response.cluster_id == metadata(client).cluster_id
    assert (response.error_code, response.endpoint_type, response.cluster_authorized_operations) == (0, 1, ALL_OF_CLUSTER)
    assert client.call(DescribeCluster, version).cluster_authorized_operations == UNSET


@pytest.mark.parametrize("endpoint_type, expected", [
    (2, ("MISMATCHED_ENDPOINT_TYPE", "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER")),
    (0, ("UNSUPPORTED_ENDPOINT_TYPE", "Unsupported endpoint type 0")),
    (9, ("UNSUPPORTED_ENDPOINT_TYPE", "Unsupported endpoint type 9")),
])
def test_only_brokers_are_here(client, endpoint_type, expected):
    response = client.call(DescribeCluster, 1, endpoint_type=endpoint_type)
    assert (outcome(response), response.brokers, response.cluster_id) == (expected, [], "")


# DescribeTopicPartitions ----------------------------------------------------------------------


def described(client, *names, limit=2000, cursor=None):
    """([(error, name, partition indexes)], next cursor or None)"""
    if cursor:
        cursor = DescribeTopicPartitions.Request.Cursor(topic_name=cursor[0], partition_index=cursor[1])
    response = client.call(
        DescribeTopicPartitions, 0, topics=[DescribeTopicPartitions.Request.Topics(name=name) for name in names],
        response_partition_limit=limit, cursor=cursor,
    )  # fmt: skip
    following = response.next_cursor
    return (
        [(errors.Error(one.error_code).name, one.name, [each.partition_index for each in one.partitions]) for one in response.topics],
        following and (following.topic_name, following.partition_index),
    )


@pytest.fixture
def pair(client, fresh):
    """Two topics in alphabetical order, of three partitions and of two; and a name between them."""
    name = fresh("pages")
    create(client, new(name + "-a", 3), new(name + "-c", 2))
    return name + "-a", name + "-b", name + "-c"


def test_pages_of_partitions(client, pair):
    a, b, c = pair
    whole = [("NONE", a, [0, 1, 2]), ("NONE", c, [0, 1])]
    assert described(client, c, a, c) == (whole, None)
    assert described(client, a, c, limit=5) == (whole, None)
    assert described(client, a, c, limit=4) == ([("NONE", a, [0, 1, 2]), ("NONE", c, [0])], (c, 1))
    assert described(client, a, c, limit=3) == ([("NONE", a, [0, 1, 2])], (c, 0))
    for limit in (1, 0, -1):
        assert described(client, a, c, limit=limit) == ([("NONE", a, [0])], (a, 1))
    assert described(client, a, c, limit=2, cursor=(a, 1)) == ([("NONE", a, [1, 2])], (c, 0))
    assert described(client, a, c, limit=2, cursor=(c, 0)) == ([("NONE", c, [0, 1])], None)
    assert described(client, a, c, limit=2, cursor=(c, 9)) == ([("NONE", c, [])], None)
    assert described(client, a, c, limit=2, cursor=(a, (1 << 31) - 1)) == ([("NONE", a, [])], (a, -(1 << 31) + 1))  # Kafka counts in ints


def test_unknown_topics_among_the_pages(client, pair):
    a, b, c = pair
    assert described(client, a, b, c, limit=3) == ([("NONE", a, [0, 1, 2])], (b, 0))
    assert described(client, a, b, c, cursor=(b, 1)) == ([("UNKNOWN_TOPIC_OR_PARTITION", b, []), ("NONE", c, [0, 1])], None)
    assert described(client, "a b") == ([("INVALID_TOPIC_EXCEPTION", "a b", [])], None)
    assert described(client, "") == ([("UNKNOWN_SERVER_ERROR", "", [])], None)


@pytest.mark.parametrize("cursor", [("{a}", -1), ("{b}", 0), ("zzz", 0)])
def test_a_cursor_that_points_nowhere(client, pair, cursor):
    a, b, c = pair
    cursor = (cursor[0].format(a=a, b=b), cursor[1])
    assert described(client, a, c, cursor=cursor) == ([("INVALID_REQUEST", a, []), ("INVALID_REQUEST", c, [])], None)


def test_all_topics_from_a_cursor_on(client, pair):
    a, b, c = pair
    found, _ = described(client, cursor=(b, 0))
    names = [name for _, name, _ in found]
    assert c in names and a not in names and names == sorted(names)


def test_what_is_said_of_a_partition(client, pair):
    response = client.call(DescribeTopicPartitions, 0, topics=[DescribeTopicPartitions.Request.Topics(name=pair[2])])
    (topic,) = response.topics
    assert (topic.topic_authorized_operations, topic.is_internal, topic.topic_id != NO_ID) == (ALL_OF_TOPIC, False, True)
    partition = topic.partitions[0]
    assert (partition.leader_id, partition.leader_epoch, partition.replica_nodes, partition.isr_nodes) == (1, 0, [1], [1])
    assert (partition.eligible_leader_replicas, partition.last_known_elr, partition.offline_replicas) == ([], [], [])
