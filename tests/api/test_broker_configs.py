"""Configs of brokers: all of Kafka 4.3.1's are described, those without effect too, and change as in Kafka."""

import pytest

from emulator.state.configs.broker import all_names, key_of
from emulator.state.configs.definition import TYPE_IDS
from emulator.state.java import hash_order, string_hash
from tests.api.conftest import cluster
from tests.api.test_configs import APPEND, BROKER, DELETE, SET, SUBTRACT, alter, describe, replace
from tests.wire_client import WireClient

OF_BROKER, OF_CLUSTER, STATIC, DEFAULT = 2, 3, 4, 5
INVALID, BAD = "INVALID_REQUEST", "INVALID_CONFIG"
STATICS = "process.roles", "controller.listener.names", "controller.quorum.voters", "broker.id", "node.id", "listeners"


@pytest.fixture(scope="module", params=["1", ""], ids=["of one broker", "of all"])
def broker(request):
    return request.param


@pytest.fixture(scope="module")
def own():
    """A broker whose configs nobody else looks at."""
    with cluster("KAFKA_BOOTSTRAP") as address:
        yield address


@pytest.fixture
def client(own):
    with WireClient(own) as client:
        yield client


def test_all_are_listed_as_kafkas_table_has_them(client):
    found = describe(client, BROKER, "1", documentation=True).configs
    assert [one.name for one in found if one.name in set(all_names())] == hash_order(all_names(), string_hash)
    for one in found:
        key = key_of(one.name)
        if one.name not in set(all_names()):
            continue  # set by somebody
        assert (one.read_only, one.is_sensitive, one.config_type) == (not key.dynamic, key.sensitive, TYPE_IDS[key.type]), one.name
        assert one.documentation, one.name
        if one.name == "log.dir":
            continue  # Kafka has one always, a broker in memory none
        if one.config_source == DEFAULT:
            assert one.value == key.default, one.name
        defaults = [(each.name, each.value) for each in one.synonyms if each.source == DEFAULT]
        if key.default is not None and one.name not in ("log.flush.interval.ms",):
            assert defaults[0] == (one.name, key.default), one.name
        else:
            assert not defaults, one.name
    statics = {one.name for one in found if one.config_source == STATIC}
    assert set(STATICS) <= statics


def value(client, broker, name):
    """(value, source, read only, sensitive, type, synonyms) of a config, None where it is not described."""
    for one in describe(client, BROKER, broker, [name]).configs:
        synonyms = [(each.name, each.value, each.source) for each in one.synonyms]
        return one.value, one.config_source, one.read_only, one.is_sensitive, one.config_type, synonyms


def becomes(client, broker, name, expected):
    """Kafka's broker learns of a change a little later, and of its parts one by one."""
    for _ in range(4_000):
        if value(client, broker, name) == expected:
            return
    assert value(client, broker, name) == expected


def source(broker):
    return OF_BROKER if broker else OF_CLUSTER


def defaults(broker, *synonym):
    return [(*synonym, DEFAULT)] if broker else []


def unset(client, broker, name):
    key = key_of(name)
    assert alter(client, BROKER, broker, (name, DELETE, None)) == ("NONE", None)
    known = key is not None and name in all_names()
    if not broker or not known:
        becomes(client, broker, name, None)
    if known:
        becomes(client, "1", name, (key.default, DEFAULT, not key.dynamic, key.sensitive, TYPE_IDS[key.type], [(name, key.default, DEFAULT)]))


def test_what_is_no_config_is_kept_and_not_told(client, broker):
    assert alter(client, BROKER, broker, ("no.such.config", SET, "x")) == ("NONE", None)
    where = source(broker)
    becomes(client, broker, "no.such.config", (None, where, True, True, 0, [("no.such.config", None, where)]))
    assert alter(client, BROKER, broker, ("no.such.list", APPEND, "x")) == (BAD, "Unknown config name: no.such.list")
    assert alter(client, BROKER, broker, ("no.such.list", SUBTRACT, "x")) == (BAD, "Unknown config name: no.such.list")
    if broker:
        assert describe(client, BROKER, broker).configs[0].name == "no.such.config"
    unset(client, broker, "no.such.config")


@pytest.mark.parametrize("name, text, kind, default", [
    ("background.threads", "11", 3, "10"),
    ("max.connections.per.ip", "9", 3, "2147483647"),
    ("log.cleaner.threads", "2", 3, "1"),
    ("log.preallocate", "true", 1, "false"),
    ("log.cleaner.io.buffer.load.factor", "0.95", 6, "0.9"),
    ("remote.log.manager.copier.thread.pool.size", "5", 3, "10"),
])
def test_a_config_without_effect_is_set(client, broker, name, text, kind, default):
    assert alter(client, BROKER, broker, (name, SET, text), validate_only=True) == ("NONE", None)
    assert alter(client, BROKER, broker, (name, SET, text)) == ("NONE", None)
    where = source(broker)
    becomes(client, broker, name, (text, where, False, False, kind, [(name, text, where), *defaults(broker, name, default)]))
    becomes(client, "1", name, (text, where, False, False, kind, [(name, text, where), (name, default, DEFAULT)]))
    unset(client, broker, name)


@pytest.mark.parametrize("name", [
    "leader.replication.throttled.rate", "follower.replication.throttled.rate", "replica.alter.log.dirs.io.max.bytes.per.second",
])
def test_limits_that_are_there_only_when_set(client, broker, name):
    assert not describe(client, BROKER, broker, [name]).configs
    assert alter(client, BROKER, broker, (name, SET, "100")) == ("NONE", None)
    where = source(broker)
    becomes(client, broker, name, ("100", where, False, False, 5, [(name, "100", where)]))
    assert alter(client, BROKER, broker, (name, SET, "-1")) == (INVALID, f"Invalid value -1 for configuration {name}: Value must be at least 0")
    unset(client, broker, name)


def test_a_list_is_added_to(client, broker):
    name = "log.cleanup.policy"
    assert alter(client, BROKER, broker, (name, APPEND, "compact")) == ("NONE", None)
    where, both = source(broker), "delete,compact"
    becomes(client, broker, name, (both, where, False, False, 7, [(name, both, where), *defaults(broker, name, "delete")]))
    unset(client, broker, name)


THREADS = (
    "Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation failed for {0},"
    " value should {1} for configuration Invalid dynamic configuration"
)
FIXED = "Cannot update these configs dynamically: [{0}]"
PREFIX = "These security configs can be dynamically updated only per-listener using the listener prefix: [{0}]"


@pytest.mark.parametrize("name, text, message", [
    ("num.partitions", "5", FIXED.format("num.partitions")),
    ("advertised.listeners", "PLAINTEXT://127.0.0.1:1", FIXED.format("advertised.listeners")),
    ("auto.create.topics.enable", "false", FIXED.format("auto.create.topics.enable")),
    ("log.retention.hours", "1", FIXED.format("log.retention.hours")),
    ("group.consumer.assignors", "range", FIXED.format("group.consumer.assignors")),
    ("remote.log.storage.system.enable", "true", FIXED.format("remote.log.storage.system.enable")),
    ("ssl.keystore.password", "secret", PREFIX.format("ssl.keystore.password")),
    ("listener.name.plaintext.max.connections", "x", "Invalid value x for configuration max.connections: Not a number of type INT"),
    ("listener.name.plaintext.ssl.engine.factory.class", "no.such.Class",
     "Invalid value no.such.Class for configuration ssl.engine.factory.class: Class no.such.Class could not be found."),
    ("background.threads", "0", "Invalid value 0 for configuration background.threads: Value must be at least 1"),
    ("background.threads", "x", "Invalid value x for configuration background.threads: Not a number of type INT"),
    ("background.threads", "100", THREADS.format("background.threads=100", "not be greater than double the current value 10")),
    ("num.io.threads", "3", THREADS.format("num.io.threads=3", "be at least half the current value 8")),
    ("log.cleaner.threads", "9",
     "Invalid value org.apache.kafka.common.config.ConfigException: Log cleaner threads cannot be increased to more than double the"
     " current value 1 for configuration Invalid dynamic configuration"),
    ("metric.reporters", "no.such.Class",
     "Invalid value org.apache.kafka.common.config.ConfigException: Validation of dynamic config update of Set(metric.reporters) failed"
     " with class class kafka.server.DynamicMetricsReporters for configuration Invalid dynamic configuration"),
    ("log.retention.ms", "0", "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1"),
    ("group.consumer.assignment.interval.ms", "99999",
     "group.consumer.assignment.interval.ms must be less than or equal to group.consumer.max.assignment.interval.ms"),
])
def test_values_that_may_not_be_set_now(client, broker, name, text, message):
    assert alter(client, BROKER, broker, (name, SET, text)) == (INVALID, message)


NOT_FOR_ALL = "Cannot update these configs at default cluster level, broker id must be specified: [{0}]"


@pytest.mark.parametrize("name, text", [
    ("cordoned.log.dirs", "*"),
    ("listeners", "PLAINTEXT://127.0.0.1:1"),
    ("listener.name.plaintext.ssl.keystore.password", "secret"),
    ("listener.name.plaintext.ssl.allow.dn.changes", "x"),
    ("listener.name.plaintext.of.nobody", "1"),
])
def test_values_that_are_one_brokers(client, name, text):
    assert alter(client, BROKER, "", (name, SET, text)) == (INVALID, NOT_FOR_ALL.format(name))


def test_what_is_read_with_all_others_is_refused_as_they_are(client):
    assert alter(client, BROKER, "1", ("listener.name.plaintext.ssl.allow.dn.changes", SET, "x")) == (
        INVALID, "Invalid value org.apache.kafka.common.config.ConfigException: Invalid value x for configuration ssl.allow.dn.changes:"
        " Expected value to be either true or false for configuration Invalid dynamic configuration",
    )  # fmt: skip


def test_a_listeners_own_config_is_hidden(client):
    name = "listener.name.plaintext.ssl.keystore.password"
    assert alter(client, BROKER, "1", (name, SET, "secret")) == ("NONE", None)
    becomes(client, "1", name, (None, OF_BROKER, True, True, 9, [(name, None, OF_BROKER)]))
    unset(client, "1", name)


@pytest.mark.parametrize("one, base, text, set_to, kind", [
    ("ssl.client.auth", "ssl.client.auth", "none", "requested", 2),
    ("plain.connections.max.reauth.ms", "connections.max.reauth.ms", "5000", None, 5),
    ("max.connections", "max.connections", "7000", "8000", 3),
    ("of.nobody", "of.nobody", "1", "2", 0),
])
def test_what_holds_for_all_listeners_is_a_synonym_of_one_listeners_own(client, one, base, text, set_to, kind):
    name = f"listener.name.elsewhere.{one}"
    assert alter(client, BROKER, "1", (name, SET, text)) == ("NONE", None)
    if set_to:
        assert alter(client, BROKER, "1", (base, SET, set_to)) == ("NONE", None)
    default = key_of(base) and key_of(base).default
    synonyms = [(name, text, OF_BROKER), *([(base, set_to, OF_BROKER)] if set_to else []), *([(base, default, DEFAULT)] if default else [])]
    if kind == 0:  # of what is no config of Kafka's nothing is shown
        text, synonyms = None, [(each, None, source) for each, _, source in synonyms]
    becomes(client, "1", name, (text, OF_BROKER, True, kind == 0, kind, synonyms))
    for each in filter(None, (name, set_to and base)):
        unset(client, "1", each)


def test_directories_that_are_not_there_cannot_be_cordoned(client):
    assert alter(client, BROKER, "1", ("cordoned.log.dirs", SET, "/nowhere")) == (
        INVALID, "requirement failed: All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing entries : /nowhere",
    )  # fmt: skip


def test_alter_configs_replaces_all(client):
    assert replace(client, BROKER, "1", ("background.threads", "11"), ("num.io.threads", "9")) == ("NONE", None)
    becomes(client, "1", "num.io.threads", ("9", OF_BROKER, False, False, 3, [("num.io.threads", "9", OF_BROKER), ("num.io.threads", "8", DEFAULT)]))
    assert replace(client, BROKER, "1", ("background.threads", "11")) == ("NONE", None)
    becomes(client, "1", "num.io.threads", ("8", DEFAULT, False, False, 3, [("num.io.threads", "8", DEFAULT)]))
    unset(client, "1", "background.threads")
