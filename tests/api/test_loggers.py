"""The BROKER_LOGGER resource and ListConfigResources: what Kafka 4.3.1 answered to the same requests."""

import logging

import pytest

from tests.api.test_configs import DELETE, SET, alter, describe, replace
from tests.api.test_topics import create, new, outcome
from wire.apis.configs import ListConfigResources

TOPIC, BROKER, LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
INVALID, BAD = "INVALID_REQUEST", "INVALID_CONFIG"


@pytest.fixture
def root(client):
    """The root logger's level is put back: in this process tests have it, too."""
    (before,) = describe(client, LOGGER, "1", ["root"]).configs
    yield "root"
    assert alter(client, LOGGER, "1", ("root", SET, before.value)) == ("NONE", None)


@pytest.mark.parametrize("version", [1, 3, 4])
def test_the_root_logger_is_described(client, version):
    (one,) = describe(client, LOGGER, "1", ["root", "nope"], version, documentation=version >= 3).configs
    assert one.value in ("FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")
    assert (one.read_only, one.config_source, one.synonyms, one.config_type, one.documentation) == (False, 6, [], 0, "")


@pytest.mark.parametrize("name, message", [
    ("", "Broker id must not be empty"),
    ("2", "Unexpected broker id, expected 1 but received 2"),
    ("x", "Broker id must be an integer, but it is: x"),
])
def test_loggers_of_a_broker_that_is_not_this_one(client, name, message):
    result = describe(client, LOGGER, name)
    assert (outcome(result), result.configs) == ((INVALID, message), [])


@pytest.mark.parametrize("level", ["FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"])
def test_a_level_is_set(client, root, level):
    assert alter(client, LOGGER, "1", (root, SET, level)) == ("NONE", None)
    (one,) = describe(client, LOGGER, "1", [root]).configs
    assert one.value == level
    assert alter(client, LOGGER, "1", (root, SET, "WARN"), validate_only=True) == ("NONE", None)
    assert describe(client, LOGGER, "1", [root]).configs == [one]


LEVELS = "DEBUG, ERROR, FATAL, INFO, TRACE, WARN"


@pytest.mark.parametrize("broker, operation, error, message", [
    ("2", ("root", SET, "DEBUG"), INVALID, "Unexpected node id. Expected 1, but received 2"),
    ("", ("root", SET, "DEBUG"), INVALID, "Node id must be an integer, but it is: "),
    ("1", ("nope", SET, "DEBUG"), BAD, "Logger nope does not exist!"),
    ("1", ("nope", DELETE, None), BAD, "Logger nope does not exist!"),
    ("1", ("root", SET, "OFF"), BAD, f"Cannot set the log level of root to OFF as it is not a supported log level. Valid log levels are {LEVELS}"),
    ("1", ("root", SET, "info"), BAD, f"Cannot set the log level of root to info as it is not a supported log level. Valid log levels are {LEVELS}"),
    ("1", ("root", SET, None), INVALID, "Null value not supported for : root"),
    ("1", ("root", DELETE, None), INVALID, "Removing the log level of the root logger is not allowed"),
    ("1", ("root", 2, "INFO"), INVALID, "APPEND operation is not allowed for the BROKER_LOGGER resource"),
    ("1", ("root", 3, "INFO"), INVALID, "SUBTRACT operation is not allowed for the BROKER_LOGGER resource"),
    ("1", ("root", 7, "INFO"), "UNKNOWN_SERVER_ERROR", None),
])
def test_levels_that_may_not_be(client, broker, operation, error, message):
    assert alter(client, LOGGER, broker, operation) == (error, message)


def test_alter_configs_never_knew_loggers(client):
    assert replace(client, LOGGER, "1", ("root", "INFO")) == (INVALID, "Unknown resource type 8")


def test_a_logger_of_its_own_level_really_has_it(client):
    (name,) = [one.name for one in describe(client, LOGGER, "1").configs if one.name.endswith(("state.log.cleaner", "log.LogCleaner"))][:1] or [None]
    if name is None:
        pytest.skip("another cluster's loggers have other names")
    logger = logging.getLogger(name)
    try:
        assert alter(client, LOGGER, "1", (name, SET, "TRACE")) == ("NONE", None)
        assert logger.isEnabledFor(logging.DEBUG)
    finally:
        assert alter(client, LOGGER, "1", (name, DELETE, None)) == ("NONE", None)
    assert logger.level == logging.NOTSET


# What has configs -----------------------------------------------------------------------------


def listed(client, *kinds, version=1):
    answer = client.call(ListConfigResources, version, **({"resource_types": list(kinds)} if version else {}))
    return answer.error_code, [(one.resource_type, one.resource_name) for one in answer.config_resources]


def test_resources_are_listed_by_kind(client, fresh):
    topic, group = fresh("listed"), fresh("group")
    create(client, new(topic))
    assert alter(client, GROUP, group, ("consumer.session.timeout.ms", SET, "50000")) == ("NONE", None)
    for kind, name in ((TOPIC, topic), (BROKER, "1"), (LOGGER, "1")):
        error, found = listed(client, kind)
        assert error == 0 and (kind, name) in found and {each for each, _ in found} == {kind}
    for _ in range(2_000):  # Kafka's broker learns of a group's configs a little later
        everything = listed(client)[1]
        if (GROUP, group) in everything:
            break
    assert {(TOPIC, topic), (BROKER, "1"), (LOGGER, "1"), (GROUP, group)} <= set(everything)
    kinds = [kind for kind, _ in everything]
    assert list(dict.fromkeys(kind for kind in kinds if kind != CLIENT_METRICS)) == [GROUP, LOGGER, BROKER, TOPIC]
    assert listed(client, TOPIC, TOPIC, BROKER, GROUP, LOGGER, CLIENT_METRICS) == (0, everything)


def test_kinds_that_there_are_not(client):
    for kinds in ((0,), (99,), (TOPIC, 99), (-1,)):
        assert listed(client, *kinds) == (35, [])


def test_version_0_lists_client_metrics_only(client):
    assert {kind for kind, _ in listed(client, version=0)[1]} <= {CLIENT_METRICS}
