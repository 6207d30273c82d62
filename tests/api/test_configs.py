"""DescribeConfigs, AlterConfigs and IncrementalAlterConfigs: what Kafka 4.3.1 answered to the same requests."""

import pytest

from tests.api.conftest import becomes as settles
from tests.api.test_topics import create, new, outcome
from wire.apis.configs import AlterConfigs, DescribeConfigs, IncrementalAlterConfigs

TOPIC, BROKER = 2, 4
SET, DELETE, APPEND, SUBTRACT = range(4)
# Sources
OF_TOPIC, OF_CLUSTER, DEFAULT = 1, 3, 5

# All topic configs in the order in which Kafka lists them, which tools print.
LISTED = """
    compression.type remote.log.delete.on.disable leader.replication.throttled.replicas remote.storage.enable
    min.insync.replicas segment.jitter.ms remote.log.copy.disable local.retention.ms cleanup.policy flush.ms
    follower.replication.throttled.replicas compression.lz4.level segment.bytes retention.ms compression.gzip.level
    flush.messages compression.zstd.level max.compaction.lag.ms file.delete.delay.ms max.message.bytes
    min.compaction.lag.ms message.timestamp.type local.retention.bytes preallocate index.interval.bytes
    min.cleanable.dirty.ratio unclean.leader.election.enable retention.bytes delete.retention.ms
    message.timestamp.after.max.ms message.timestamp.before.max.ms segment.ms segment.index.bytes
""".split()


@pytest.fixture
def topic(client, fresh):
    name = fresh("configs")
    create(client, new(name))
    return name


def describe(client, kind, name, keys=None, version=4, synonyms=True, documentation=False):
    resource = DescribeConfigs.Request.Resources(resource_type=kind, resource_name=name, configuration_keys=keys)
    (result,) = client.call(
        DescribeConfigs, version, resources=[resource], include_synonyms=synonyms, include_documentation=documentation
    ).results
    assert (result.resource_type, result.resource_name) == (kind, name)
    return result


def rows(client, kind, name, *keys):
    """(name, value, source, [(synonym, value, source)]) of some configs, once they are as the controller has them."""
    return [
        (one.name, one.value, one.config_source, [(each.name, each.value, each.source) for each in one.synonyms])
        for one in describe(client, kind, name, list(keys)).configs
    ]


def alter(client, kind, name, *operations, validate_only=False, version=1):
    Resource = IncrementalAlterConfigs.Request.Resources
    configs = [Resource.Configs(name=key, config_operation=operation, value=value) for key, operation, value in operations]
    resource = Resource(resource_type=kind, resource_name=name, configs=configs)
    (response,) = client.call(IncrementalAlterConfigs, version, resources=[resource], validate_only=validate_only).responses
    assert (response.resource_type, response.resource_name) == (kind, name)
    return outcome(response)


def replace(client, kind, name, *configs, validate_only=False, version=2):
    Resource = AlterConfigs.Request.Resources
    resource = Resource(resource_type=kind, resource_name=name, configs=[Resource.Configs(name=key, value=value) for key, value in configs])
    (response,) = client.call(AlterConfigs, version, resources=[resource], validate_only=validate_only).responses
    return outcome(response)


def becomes(client, topic, expected):
    """Whether the rows of the configs named become `expected`: Kafka's broker learns of a change a little later."""
    keys = [row[0] for row in expected]
    for _ in range(2_000):
        found = rows(client, TOPIC, topic, *keys)
        if found == expected:
            break
    return found == expected


# Describing -----------------------------------------------------------------------------------


def test_a_topics_configs_are_listed_in_kafkas_order(client, topic):
    result = describe(client, TOPIC, topic)
    assert [config.name for config in result.configs] == LISTED
    assert (result.error_code, result.error_message) == (0, "")
    assert not any(config.read_only or config.is_sensitive for config in result.configs)
    assert describe(client, TOPIC, topic, []).configs == result.configs


def test_some_configs_are_listed_in_the_same_order(client, topic):
    assert rows(client, TOPIC, topic, "retention.ms", "nope", "segment.bytes", "min.insync.replicas") == [
        ("min.insync.replicas", "1", OF_CLUSTER, [("min.insync.replicas", "1", OF_CLUSTER), ("min.insync.replicas", "1", DEFAULT)]),
        ("segment.bytes", "1073741824", DEFAULT, [("log.segment.bytes", "1073741824", DEFAULT)]),
        ("retention.ms", "604800000", DEFAULT, []),
    ]


@pytest.mark.parametrize("version", range(1, 5))
def test_types_and_documentation_came_with_version_3(client, topic, version):
    (config,) = describe(client, TOPIC, topic, ["retention.ms"], version, documentation=version >= 3).configs
    assert (config.value, config.config_type) == ("604800000", 5 if version >= 3 else 0)
    assert bool(config.documentation) == (version >= 3)
    (config,) = describe(client, TOPIC, topic, ["min.insync.replicas"], version, synonyms=False).configs
    assert (config.config_source, list(config.synonyms)) == (OF_CLUSTER, [])


@pytest.mark.parametrize("kind, name, error, message", [
    (TOPIC, "a b", "INVALID_TOPIC_EXCEPTION",
     "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"),
    (TOPIC, "", "INVALID_TOPIC_EXCEPTION", "Topic name is invalid: the empty string is not allowed"),
    (TOPIC, "never-made-by-anybody", "UNKNOWN_TOPIC_OR_PARTITION", ""),
    (BROKER, "2", "INVALID_REQUEST", "Unexpected broker id, expected 1 or empty string, but received 2"),
    (BROKER, "x", "INVALID_REQUEST", "Broker id must be an integer, but it is: x"),
])
def test_what_cannot_be_described(client, kind, name, error, message):
    result = describe(client, kind, name)
    assert (outcome(result), result.configs) == ((error, message), [])


@pytest.mark.parametrize("kind", [0, 3, 99])
def test_a_kind_of_resource_that_there_is_not(client, kind):
    assert outcome(describe(client, kind, "x"))[0] == "INVALID_REQUEST"
    assert alter(client, kind, "x", ("segment.ms", SET, "1")) == ("INVALID_REQUEST", f"Unknown resource type {kind}")
    assert replace(client, kind, "x", ("segment.ms", "1")) == ("INVALID_REQUEST", f"Unknown resource type {kind}")


def test_a_brokers_configs(client):
    found = {row.name: row for row in describe(client, BROKER, "1").configs}
    for name, value, read_only, kind in [
        ("message.max.bytes", "1048588", False, 3),
        ("num.partitions", "1", True, 3),
        ("log.retention.ms", None, False, 5),
        ("auto.create.topics.enable", "true", True, 1),
    ]:
        row = found[name]
        assert (row.value, row.read_only, row.config_type) == (value, read_only, kind)
    assert [row[:3] for row in rows(client, BROKER, "", "min.insync.replicas")] == [("min.insync.replicas", "1", OF_CLUSTER)]


# Values ---------------------------------------------------------------------------------------

INVALID = "Invalid value %s for configuration %s: %s"
ATLEAST, NUMBER, ONEOF = "Value must be at least %s", "Not a number of type %s", "String must be one of: %s"
REPLICAS = "must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."


@pytest.mark.parametrize("key, value, shown, reason", [
    ("segment.bytes", "1", "1", ATLEAST % 1048576),
    ("segment.bytes", "1e6", "1e6", NUMBER % "INT"),
    ("retention.ms", "-2", "-2", ATLEAST % -1),
    ("retention.ms", "", "", NUMBER % "LONG"),
    ("retention.ms", "abc", "abc", NUMBER % "LONG"),
    ("retention.ms", "9223372036854775808", "9223372036854775808", NUMBER % "LONG"),
    ("max.message.bytes", "2147483648", "2147483648", NUMBER % "INT"),
    ("cleanup.policy", "foo", "foo", ONEOF % "compact, delete"),
    ("compression.type", "brotli", "brotli", ONEOF % "uncompressed, zstd, lz4, snappy, gzip, producer"),
    ("message.timestamp.type", "createtime", "createtime", ONEOF % "CreateTime, LogAppendTime"),
    ("min.cleanable.dirty.ratio", "1.5", "1.5", "Value must be no more than 1"),
    ("min.cleanable.dirty.ratio", "-0.0001", "-1.0E-4", ATLEAST % 0),
    ("min.cleanable.dirty.ratio", "abc", "abc", NUMBER % "DOUBLE"),
    ("preallocate", "yes", "yes", "Expected value to be either true or false"),
    ("compression.gzip.level", "0", "0", "Value must be between 1 and 9 or equal to -1"),
    ("compression.lz4.level", "99", "99", "Value must be no more than 17"),
    ("compression.zstd.level", "23", "23", "Value must be no more than 22"),
    ("min.insync.replicas", "0", "0", ATLEAST % 1),
    ("local.retention.ms", "-3", "-3", ATLEAST % -2),
    ("leader.replication.throttled.replicas", "x, y", "[x, y]", "leader.replication.throttled.replicas " + REPLICAS),
])
def test_a_value_that_may_not_be(client, topic, key, value, shown, reason):
    assert alter(client, TOPIC, topic, (key, SET, value)) == ("INVALID_CONFIG", INVALID % (shown, key, reason))


@pytest.mark.parametrize("key, value, kept", [
    ("retention.ms", " 5 ", "5"),
    ("retention.ms", "+7", "7"),
    ("cleanup.policy", "", ""),
    ("cleanup.policy", "compact , delete", "compact,delete"),
    ("cleanup.policy", "compact,compact", "compact"),
    ("preallocate", " TRUE ", "true"),
    ("min.cleanable.dirty.ratio", "0.50", "0.5"),
    ("min.cleanable.dirty.ratio", "1e-4", "1.0E-4"),
    ("leader.replication.throttled.replicas", "0:1, 1:2", "0:1,1:2"),
    ("leader.replication.throttled.replicas", "*", "*"),
])
def test_a_value_is_kept_as_it_is_meant(client, topic, key, value, kept):
    default = [synonym for synonym in rows(client, TOPIC, topic, key)[0][3]]
    assert alter(client, TOPIC, topic, (key, SET, value)) == ("NONE", None)
    assert becomes(client, topic, [(key, kept, OF_TOPIC, [(key, kept, OF_TOPIC), *default])])


@pytest.mark.parametrize("configs, message", [
    ([("foo", "1")], "Unknown topic config name: foo"),
    ([("cleanup.policy", "compact,,delete")], "Configuration 'cleanup.policy' values must not be empty."),
    ([("remote.storage.enable", "true")],
     "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."),
    ([("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")],
     "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"),
])
def test_configs_that_may_not_be(client, topic, configs, message):
    assert alter(client, TOPIC, topic, *[(key, SET, value) for key, value in configs]) == ("INVALID_CONFIG", message)
    assert replace(client, TOPIC, topic, *configs) == ("INVALID_CONFIG", message)


def test_the_test_size_of_segments_is_listed_only_when_set(client, topic):
    assert alter(client, TOPIC, topic, ("internal.segment.bytes", SET, "200")) == ("NONE", None)
    assert becomes(client, topic, [("internal.segment.bytes", "200", OF_TOPIC, [("internal.segment.bytes", "200", OF_TOPIC)])])
    assert [config.name for config in describe(client, TOPIC, topic).configs] == ["internal.segment.bytes", *LISTED]


# Operations -----------------------------------------------------------------------------------


def test_lists_grow_and_shrink(client, topic):
    def policy(value, own=True):
        own = [("cleanup.policy", value, OF_TOPIC)] if own else []
        return [("cleanup.policy", value, OF_TOPIC if own else DEFAULT, [*own, ("log.cleanup.policy", "delete", DEFAULT)])]

    for operation, text, expected in [
        (APPEND, "compact", policy("delete,compact")),
        (APPEND, "compact", policy("delete,compact")),
        (SUBTRACT, "delete", policy("compact")),
        (SUBTRACT, "compact", policy("")),
        (DELETE, None, policy("delete", own=False)),
    ]:
        assert alter(client, TOPIC, topic, ("cleanup.policy", operation, text)) == ("NONE", None)
        assert becomes(client, topic, expected)


def test_what_was_told_of_all_configs_is_told_anew_when_one_changes(client, topic):
    def values(kind, name, key):
        return [[one.value for one in describe(client, kind, name).configs if one.name == key] for _ in range(2)]
    assert values(TOPIC, topic, "retention.ms") == [["604800000"]] * 2
    alter(client, TOPIC, topic, ("retention.ms", SET, "5"))
    assert settles(lambda: values(TOPIC, topic, "retention.ms"), [["5"]] * 2)
    alter(client, TOPIC, topic, ("retention.ms", DELETE, None))
    assert settles(lambda: values(TOPIC, topic, "retention.ms"), [["604800000"]] * 2)
    alter(client, BROKER, "", ("log.retention.ms", SET, "70000"))
    try:
        assert settles(lambda: values(TOPIC, topic, "retention.ms"), [["70000"]] * 2)
        assert settles(lambda: values(BROKER, "1", "log.retention.ms"), [["70000"]] * 2)
        plain, told = (describe(client, TOPIC, topic, synonyms=asked, documentation=asked).configs for asked in (False, True))
        assert not any(one.synonyms or one.documentation for one in plain) and all(one.documentation for one in told)
    finally:
        alter(client, BROKER, "", ("log.retention.ms", DELETE, None))
    assert settles(lambda: values(TOPIC, topic, "retention.ms"), [["604800000"]] * 2)


def test_the_older_request_resets_what_it_does_not_name(client, topic):
    alter(client, TOPIC, topic, ("retention.ms", SET, "5"))
    for version in range(3):
        assert replace(client, TOPIC, topic, ("segment.ms", str(version + 7)), version=version) == ("NONE", None)
        assert becomes(client, topic, [
            ("retention.ms", "604800000", DEFAULT, []),
            ("segment.ms", str(version + 7), OF_TOPIC, [("segment.ms", str(version + 7), OF_TOPIC)]),
        ])  # fmt: skip


def test_validate_only_changes_nothing(client, topic):
    assert alter(client, TOPIC, topic, ("retention.ms", SET, "5"), validate_only=True, version=0) == ("NONE", None)
    assert replace(client, TOPIC, topic, ("retention.ms", "5"), validate_only=True) == ("NONE", None)
    assert rows(client, TOPIC, topic, "retention.ms") == [("retention.ms", "604800000", DEFAULT, [])]


NOT_LIST = "Can't %s to key %s because its type is not LIST."


@pytest.mark.parametrize("operations, expected", [
    ([("retention.ms", SET, None), ("segment.ms", SET, None)], ("INVALID_REQUEST", "Null value not supported for : retention.ms, segment.ms")),
    ([("retention.ms", APPEND, "5")], ("INVALID_CONFIG", NOT_LIST % ("APPEND", "retention.ms"))),
    ([("retention.ms", SUBTRACT, "5")], ("INVALID_CONFIG", NOT_LIST % ("SUBTRACT", "retention.ms"))),
    ([("foo", APPEND, "5")], ("INVALID_CONFIG", NOT_LIST % ("APPEND", "foo"))),
    ([("retention.ms", SET, "5"), ("retention.ms", SET, "6")], ("INVALID_REQUEST", "Error due to duplicate config keys")),
    ([("retention.ms", 9, "5")], ("UNKNOWN_SERVER_ERROR", None)),
    ([("retention.ms", DELETE, None)], ("NONE", None)),
    ([("foo", DELETE, None)], ("NONE", None)),
    ([], ("NONE", None)),
])
def test_operations_on_a_topic(client, topic, operations, expected):
    assert alter(client, TOPIC, topic, *operations) == expected


def test_an_operation_that_is_none_spoils_what_else_the_controller_was_asked(client, topic):
    Resource = IncrementalAlterConfigs.Request.Resources

    def one(kind, name, operation, key="retention.ms", value="5"):
        return Resource(resource_type=kind, resource_name=name, configs=[Resource.Configs(name=key, config_operation=operation, value=value)])

    asked = [one(TOPIC, topic, SET), one(32, "g", 9), one(BROKER, "", SET, "log.retention.ms"), one(TOPIC, "null", SET, value=None)]
    answers = client.call(IncrementalAlterConfigs, 1, resources=asked).responses
    assert {each.resource_name: outcome(each)[0] for each in answers} == {
        topic: "UNKNOWN_SERVER_ERROR", "g": "UNKNOWN_SERVER_ERROR", "": "UNKNOWN_SERVER_ERROR", "null": "INVALID_REQUEST",
    }  # fmt: skip
    assert rows(client, TOPIC, topic, "retention.ms")[0][1] == "604800000"


def test_topics_whose_configs_cannot_be_set(client, fresh):
    name = fresh("missing")
    for topic, expected in [
        (name, ("UNKNOWN_TOPIC_OR_PARTITION", f"The topic '{name}' does not exist.")),
        ("a b", ("INVALID_TOPIC_EXCEPTION",
                 "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")),
        ("", ("INVALID_REQUEST", "Default topic resources are not allowed.")),
    ]:  # fmt: skip
        assert alter(client, TOPIC, topic, ("retention.ms", SET, "5")) == expected
    assert alter(client, TOPIC, name, ("retention.ms", SET, "x"))[0] == "INVALID_CONFIG"  # that comes first


def test_a_resource_twice_in_a_request(client, topic):
    Resource = IncrementalAlterConfigs.Request.Resources
    twice = [Resource(resource_type=TOPIC, resource_name=topic, configs=[Resource.Configs(name="segment.ms", value="9")])] * 2
    responses = client.call(IncrementalAlterConfigs, 1, resources=twice).responses
    assert [outcome(response) for response in responses] == [("INVALID_REQUEST", "Each resource must appear at most once.")] * 2


# Brokers: only checked, as other tests may share the cluster ------------------------------------

FIXED = "Cannot update these configs dynamically: [%s]"
PINNED = "min.insync.replicas"


@pytest.mark.parametrize("broker", ["1", ""])
@pytest.mark.parametrize("operations, expected", [
    ([("message.max.bytes", SET, "2000000")], ("NONE", None)),
    ([("message.max.bytes", SET, "x")], ("INVALID_REQUEST", INVALID % ("x", "message.max.bytes", NUMBER % "INT"))),
    ([("message.max.bytes", SET, "-1")], ("INVALID_REQUEST", INVALID % ("-1", "message.max.bytes", ATLEAST % 0))),
    ([("message.max.bytes", SET, None)], ("INVALID_REQUEST", "Null value not supported for : message.max.bytes")),
    ([("message.max.bytes", 9, "5")], ("INVALID_REQUEST", "Unknown operations type 9")),
    ([("foo.bar", APPEND, "3"), ("message.max.bytes", 9, "5")], ("INVALID_REQUEST", "Unknown operations type 9")),
    ([("message.max.bytes", APPEND, "3")], ("INVALID_CONFIG", "Config value append is not allowed for config key: message.max.bytes")),
    ([("message.max.bytes", SUBTRACT, "3")], ("INVALID_CONFIG", "Config value subtract is not allowed for config key: message.max.bytes")),
    ([("foo.bar", APPEND, "3")], ("INVALID_CONFIG", "Unknown config name: foo.bar")),
    ([("num.partitions", SET, "3")], ("INVALID_REQUEST", FIXED % "num.partitions")),
    ([("num.partitions", DELETE, None)], ("NONE", None)),
    ([("log.roll.ms", SET, "0")], ("INVALID_REQUEST", "requirement failed: log.roll.ms must be greater than or equal to 1")),
    ([("log.roll.jitter.ms", SET, "-5")], ("INVALID_REQUEST", "requirement failed: log.roll.jitter.ms must be greater than or equal to 0")),
    ([("log.retention.ms", SET, "0")],
     ("INVALID_REQUEST", "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1")),
    ([("log.retention.ms", SET, "-5")], ("NONE", None)),
    *(([(f"group.{kind}.assignment.interval.ms", SET, "20000")],
       ("INVALID_REQUEST", f"group.{kind}.assignment.interval.ms must be less than or equal to group.{kind}.max.assignment.interval.ms"))
      for kind in ("consumer", "share", "streams")),
])
def test_operations_on_a_broker(client, broker, operations, expected):
    assert alter(client, BROKER, broker, *operations, validate_only=True) == expected


def test_the_minimum_isr_is_the_clusters_to_set(client):
    here = ("INVALID_CONFIG", "Broker-level min.insync.replicas cannot be altered while ELR is enabled.")
    kept = ("INVALID_CONFIG", "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
    assert alter(client, BROKER, "1", (PINNED, SET, "1"), validate_only=True) == here
    assert alter(client, BROKER, "1", (PINNED, DELETE, None), validate_only=True) == here
    assert alter(client, BROKER, "", (PINNED, SET, "1"), validate_only=True) == ("NONE", None)
    assert alter(client, BROKER, "", (PINNED, DELETE, None), validate_only=True) == kept
    assert replace(client, BROKER, "", ("message.max.bytes", "2000000"), validate_only=True) == kept


@pytest.mark.parametrize("name, message", [
    ("2", "Unexpected broker id, expected 1, but received 2"),
    ("-1", "Unexpected broker id, expected 1, but received -1"),
    ("x", "Node id must be an integer, but it is: x"),
])
def test_another_brokers_configs_are_not_set_here(client, name, message):
    assert alter(client, BROKER, name, ("message.max.bytes", SET, "2000000")) == ("INVALID_REQUEST", message)
    assert replace(client, BROKER, name, ("message.max.bytes", "2000000")) == ("INVALID_REQUEST", message)
