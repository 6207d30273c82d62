"""CreateTopics, CreatePartitions and DeleteTopics: what Kafka 4.3.1 answered to the same requests.

`{t}` in a text is the topic's name.
"""

import pytest

from wire import errors
from wire.apis.metadata import Metadata
from wire.apis.topics import CreatePartitions, CreateTopics, DeleteTopics

NewTopic = CreateTopics.Request.Topics
NO_ID = bytes(16)


def new(name, partitions=1, replication_factor=1, assignments=(), configs=()):
    return NewTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=replication_factor,
        assignments=[NewTopic.Assignments(partition_index=index, broker_ids=brokers) for index, brokers in assignments],
        configs=[NewTopic.Configs(name=key, value=value) for key, value in configs],
    )


def create(client, *topics, version=7, validate_only=False, timeout_ms=5000):
    """The answers, once what was made can be seen: Kafka's broker learns of it a little later than its controller."""
    answers = client.call(CreateTopics, version, topics=list(topics), timeout_ms=timeout_ms, validate_only=validate_only).topics
    for answer in answers:
        if answer.error_code == errors.NONE and not validate_only:
            seen(client, answer.name, lambda count: count > 0)
    return answers


def seen(client, name, holds):
    """The number of partitions that a topic is seen to have, once that `holds`, or after many questions."""
    for _ in range(2_000):
        count = partition_count(client, name)
        if holds(count):
            break
    return count


def outcome(answer):
    return errors.Error(answer.error_code).name, answer.error_message


def partition_count(client, name):
    (topic,) = client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=name)], allow_auto_topic_creation=False).topics
    return len(topic.partitions)


TOO_FEW = (
    "Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be reached because only"
    " 1 broker(s) are registered or some brokers have all their log directories cordoned."
)
FACTOR = "Replication factor must be larger than 0, or -1 to use the default value."
COUNT = "Number of partitions was set to an invalid non-positive value."
MANUAL = "The manual partition assignment includes "


@pytest.mark.parametrize("fields, expected", [
    ({"replication_factor": 2}, ("INVALID_REPLICATION_FACTOR", TOO_FEW)),
    ({"replication_factor": 0}, ("INVALID_REPLICATION_FACTOR", FACTOR)),
    ({"replication_factor": -2}, ("INVALID_REPLICATION_FACTOR", FACTOR)),
    ({"partitions": 0}, ("INVALID_PARTITIONS", COUNT)),
    ({"partitions": -2}, ("INVALID_PARTITIONS", COUNT)),
    ({"assignments": [(0, [7])]}, ("INVALID_REPLICA_ASSIGNMENT", MANUAL + "broker 7, but no such broker is registered.")),
    ({"assignments": [(0, [1, 1])]}, ("INVALID_REPLICA_ASSIGNMENT", MANUAL + "the broker 1 more than once.")),
    ({"assignments": [(0, [])]}, ("INVALID_REPLICA_ASSIGNMENT", MANUAL + "an empty replica list.")),
    ({"assignments": [(1, [1])]}, ("INVALID_REPLICA_ASSIGNMENT", "partitions should be a consecutive 0-based integer sequence")),
    ({"assignments": [(0, [1]), (0, [1])]}, ("INVALID_REPLICA_ASSIGNMENT", "Found multiple manual partition assignments for partition 0")),
    ({"assignments": [(0, [1])], "replication_factor": 1},
     ("INVALID_REQUEST", "A manual partition assignment was specified, but replication factor was not set to -1.")),
    ({"assignments": [(0, [1])], "partitions": 1},
     ("INVALID_REQUEST", "A manual partition assignment was specified, but numPartitions was not set to -1.")),
    ({"configs": [("retention.ms", None)]}, ("INVALID_CONFIG", "Null value not supported for topic configs: retention.ms")),
    ({"configs": [("foo", "1")]}, ("INVALID_CONFIG", "Unknown topic config name: foo")),
    ({"configs": [("retention.ms", "x"), ("segment.bytes", "y")]},
     ("INVALID_CONFIG", "Invalid value y for configuration segment.bytes: Not a number of type INT")),
    ({"configs": [("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")]},
     ("INVALID_CONFIG", "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)")),
])
def test_a_topic_that_may_not_be(client, fresh, fields, expected):
    if "assignments" in fields:
        fields = {"partitions": -1, "replication_factor": -1, **fields}
    name = fresh("refused")
    (answer,) = create(client, new(name, **fields))
    assert outcome(answer) == expected
    assert (answer.topic_id, answer.num_partitions, answer.replication_factor) == (NO_ID, -1, -1)
    assert partition_count(client, name) == 0


@pytest.mark.parametrize("name, expected", [
    ("", "Topic name is invalid: the empty string is not allowed"),
    (".", "Topic name is invalid: '.' is not allowed"),
    ("..", "Topic name is invalid: '..' is not allowed"),
    ("a b", "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"),
    ("é", "Topic name is invalid: 'é' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"),
    ("a" * 250, f"Topic name is invalid: the length of '{'a' * 250}' is longer than the max allowed length 249"),
])
def test_a_name_that_may_not_be(client, name, expected):
    (answer,) = create(client, new(name, replication_factor=0))
    assert outcome(answer) == ("INVALID_TOPIC_EXCEPTION", expected)


def test_the_metadata_topic_is_not_anybodys_to_make(client):
    (answer,) = create(client, new("__cluster_metadata"))
    assert outcome(answer) == ("INVALID_REQUEST", "Creation of internal topic __cluster_metadata is prohibited.")


def test_a_new_topic_is_there_with_its_id(client, fresh):
    name = fresh("made")
    (answer,) = create(client, new(name, 3))
    assert outcome(answer) == ("NONE", None)
    (topic,) = client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=name)]).topics
    assert topic.topic_id == answer.topic_id != NO_ID
    assert [(one.partition_index, one.leader_id, one.leader_epoch, one.replica_nodes, one.isr_nodes) for one in topic.partitions] == [
        (index, 1, 0, [1], [1]) for index in range(3)
    ]


def test_version_5_and_later_tell_what_was_made(client, fresh):
    asked = new(fresh("told"), -1, -1, configs=[("retention.ms", " 5 ")])
    (answer,) = create(client, asked, version=5, validate_only=True)
    assert (answer.num_partitions, answer.replication_factor) == (1, 1)
    configs = {config.name: (config.value, config.config_source) for config in answer.configs}
    assert list(configs) == sorted(configs) and len(configs) == 33
    assert configs["retention.ms"] == (" 5 ", 1)
    assert configs["min.insync.replicas"] == ("1", 3)
    assert configs["segment.bytes"] == ("1073741824", 5)
    (answer,) = create(client, asked, version=4, validate_only=True)
    assert (answer.num_partitions, answer.configs) == (-1, ())


def test_validate_only_makes_nothing(client, fresh):
    name = fresh("maybe")
    (answer,) = create(client, new(name, 9_999), validate_only=True)
    assert outcome(answer) == ("NONE", None)
    assert partition_count(client, name) == 0


def test_assignments_are_followed(client, fresh):
    name = fresh("assigned")
    (answer,) = create(client, new(name, -1, -1, [(1, [1]), (0, [1])]))
    assert (outcome(answer), answer.num_partitions) == (("NONE", None), 2)
    assert partition_count(client, name) == 2


def test_a_name_is_taken_once_and_not_by_a_like_one(client, fresh):
    name = fresh("a.b")
    like = name.replace(".", "_")
    create(client, new(name))
    (answer,) = create(client, new(name, 0))
    assert outcome(answer) == ("TOPIC_ALREADY_EXISTS", f"Topic '{name}' already exists.")
    (answer,) = create(client, new(like))
    assert outcome(answer) == ("INVALID_TOPIC_EXCEPTION", f"Topic '{like}' collides with existing topic: {name}")
    client.call(DeleteTopics, 5, topic_names=[name], timeout_ms=5000)
    (answer,) = create(client, new(like))
    assert outcome(answer) == ("NONE", None)


def test_a_name_twice_in_a_request_is_refused_and_the_rest_done(client, fresh):
    twice, once = fresh("twice"), fresh("once")
    answers = {answer.name: outcome(answer) for answer in create(client, new(twice), new(once), new(twice))}
    assert answers == {twice: ("INVALID_REQUEST", "Duplicate topic name."), once: ("NONE", None)}


@pytest.mark.parametrize("counts, message", [
    ([10_001], "Excessively large number of partitions per request."),
    ([10_000], "Unable to perform excessively large batch operation."),
    ([5_000, 4_999], "Unable to perform excessively large batch operation."),
])
def test_the_limit_is_on_the_whole_request(client, fresh, counts, message):
    # Only validated: a real broker that is asked for that many partitions may not survive it.
    answers = create(client, *[new(fresh("many"), count) for count in counts], validate_only=True)
    assert {outcome(answer) for answer in answers} == {("POLICY_VIOLATION", message)}


def test_a_request_without_time_is_too_late(client, fresh):
    name = fresh("late")
    assert [outcome(answer) for answer in create(client, new(name), timeout_ms=0)] == [("REQUEST_TIMED_OUT", None)]
    assert partition_count(client, name) == 0


def test_nothing_asked_nothing_done(client):
    assert create(client) == []


# CreatePartitions -----------------------------------------------------------------------------


def grow(client, *topics, version=3, validate_only=False):
    topics = [
        CreatePartitions.Request.Topics(
            name=name,
            count=count,
            assignments=None if brokers is None else [CreatePartitions.Request.Topics.Assignments(broker_ids=ids) for ids in brokers],
        )
        for name, count, brokers in topics
    ]
    return client.call(CreatePartitions, version, topics=topics, timeout_ms=5000, validate_only=validate_only).results


LESS = "The topic {t} currently has 2 partition(s); %d would not be an increase."
ONLY = "Attempted to add %d additional partition(s), but only %d assignment(s) were specified."


@pytest.mark.parametrize("count, assignments, error, message", [
    (2, None, "INVALID_PARTITIONS", "Topic already has 2 partition(s)."),
    (1, None, "INVALID_PARTITIONS", LESS % 1),
    (0, None, "INVALID_PARTITIONS", LESS % 0),
    (-1, None, "INVALID_PARTITIONS", LESS % -1),
    (4, [[1]], "INVALID_REPLICA_ASSIGNMENT", ONLY % (2, 1)),
    (3, [], "INVALID_REPLICA_ASSIGNMENT", ONLY % (1, 0)),
    (3, [[5]], "INVALID_REPLICA_ASSIGNMENT", MANUAL + "broker 5, but no such broker is registered."),
    (3, [[1, 1]], "INVALID_REPLICA_ASSIGNMENT", MANUAL + "the broker 1 more than once."),
    (3, [[]], "INVALID_REPLICA_ASSIGNMENT", MANUAL + "an empty replica list."),
])
def test_growth_that_may_not_be(client, fresh, count, assignments, error, message):
    name = fresh("grow")
    create(client, new(name, 2))
    (answer,) = grow(client, (name, count, assignments))
    assert outcome(answer) == (error, message and message.replace("{t}", name))
    assert partition_count(client, name) == 2


@pytest.mark.parametrize("version", range(4))
def test_a_topic_grows(client, fresh, version):
    name = fresh("grow")
    create(client, new(name))
    assert [outcome(answer) for answer in grow(client, (name, 9, None), version=version, validate_only=True)] == [("NONE", None)]
    assert partition_count(client, name) == 1
    assert [outcome(answer) for answer in grow(client, (name, 3, [[1], [1]]), version=version)] == [("NONE", None)]
    assert seen(client, name, lambda count: count == 3) == 3


def test_growth_of_what_is_not_there_or_there_twice(client, fresh):
    name, missing = fresh("grow"), fresh("missing")
    create(client, new(name))
    answers = {answer.name: outcome(answer) for answer in grow(client, (name, 3, None), (missing, 3, None), (name, 4, None))}
    assert answers == {name: ("INVALID_REQUEST", "Duplicate topic name."), missing: ("UNKNOWN_TOPIC_OR_PARTITION", None)}
    assert partition_count(client, name) == 1


# DeleteTopics ---------------------------------------------------------------------------------


def delete(client, *asked, timeout_ms=5000):
    topics = [DeleteTopics.Request.Topics(name=name, topic_id=topic_id) for name, topic_id in asked]
    answers = client.call(DeleteTopics, 6, topics=topics, timeout_ms=timeout_ms).responses
    return {(answer.name, answer.topic_id): outcome(answer) for answer in answers}


NO_NAME = "This server does not host this topic-partition."


def test_a_topic_is_deleted_by_name_or_by_id(client, fresh):
    by_name, by_id = fresh("gone"), fresh("gone")
    first, second = (create(client, new(name))[0].topic_id for name in (by_name, by_id))
    assert delete(client, (by_name, NO_ID), (None, second)) == {(by_name, first): ("NONE", None), (by_id, second): ("NONE", None)}
    assert delete(client, (by_name, NO_ID), (None, second)) == {
        (by_name, NO_ID): ("UNKNOWN_TOPIC_OR_PARTITION", NO_NAME),
        (None, second): ("UNKNOWN_TOPIC_ID", "This server does not host this topic ID."),
    }
    assert seen(client, by_name, lambda count: count == 0) == 0


@pytest.mark.parametrize("version", range(1, 6))
def test_deletion_by_name_in_older_versions(client, fresh, version):
    name, missing = fresh("gone"), fresh("missing")
    create(client, new(name))
    answers = client.call(DeleteTopics, version, topic_names=[name, missing], timeout_ms=5000).responses
    assert {answer.name: outcome(answer) for answer in answers} == {
        name: ("NONE", None),
        missing: ("UNKNOWN_TOPIC_OR_PARTITION", NO_NAME if version >= 5 else None),
    }


def test_what_must_not_be_said_of_a_topic_to_delete(client, fresh):
    name = fresh("kept")
    topic_id = create(client, new(name))[0].topic_id
    for asked, answer, message in [
        ([(None, NO_ID)], (None, NO_ID), "Neither topic name nor id were specified."),
        ([(name, topic_id)], (name, topic_id), "You may not specify both topic name and topic id."),
        ([(name, NO_ID), (name, NO_ID)], (name, NO_ID), "Duplicate topic name."),
        ([(None, topic_id), (None, topic_id)], (None, topic_id), "Duplicate topic id."),
        ([(None, topic_id), (name, NO_ID)], (name, topic_id), "The provided topic name maps to an ID that was already supplied."),
    ]:
        assert delete(client, *asked) == {answer: ("INVALID_REQUEST", message)}
    assert delete(client, (name, NO_ID), timeout_ms=0) == {(name, NO_ID): ("REQUEST_TIMED_OUT", None)}
    assert partition_count(client, name) == 1
