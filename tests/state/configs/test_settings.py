"""The broker's settings: what a config file may say."""

import pytest

from emulator.apps.brokers import settings_of
from emulator.state.configs import BROKER, ConfigError, parse_broker_settings
from emulator.state.configs.broker import OF_PLUGINS, Endpoint, all_names
from emulator.state.configs.documentation import BROKER as DOCUMENTED
from emulator.state.configs.documentation import GROUP as DOCUMENTED_OF_GROUPS
from emulator.state.configs.group import GROUP
from emulator.state.configs.inert import INERT
from emulator.state.configs.security import SECURITY


def test_quick_start_values_hold_unless_said_otherwise():
    settings = parse_broker_settings({})
    assert (settings.node_id, settings.offsets_topic_replication_factor, settings.group_initial_rebalance_delay_ms) == (1, 1, 0)
    settings = parse_broker_settings({"node.id": 7, "group.initial.rebalance.delay.ms": "3000"})
    assert (settings.node_id, settings.group_initial_rebalance_delay_ms) == (7, 3000)


@pytest.mark.parametrize("key, value, expected", [
    ("num.partitions", 3, 3),
    ("num.partitions", "3", 3),
    ("auto.create.topics.enable", False, False),
    ("auto.create.topics.enable", "FALSE", False),
    ("broker.rack", 5, "5"),
    ("broker.rack", None, None),
    ("listeners", ["A://h:1", "PLAINTEXT://h:2"], ("A://h:1", "PLAINTEXT://h:2")),
])
def test_values_may_be_yamls_or_text(key, value, expected):
    extra = {"listener.security.protocol.map": "A:PLAINTEXT,PLAINTEXT:PLAINTEXT"} if key == "listeners" else {}
    assert parse_broker_settings({key: value, **extra}).value(key) == expected


@pytest.mark.parametrize("mapping, message", [
    ({"num.partition": 3}, "Unknown configuration num.partition, did you mean num.partitions?"),
    ({"num_partitions": 3}, "Unknown configuration num_partitions, did you mean num.partitions?"),
    ({"num.io.thread": 3}, "Unknown configuration num.io.thread, did you mean num.io.threads?"),
    ({7: 3}, "Unknown configuration 7"),
    ({"num.partitions": "x"}, "Invalid value x for configuration num.partitions: Not a number of type INT"),
    ({"num.partitions": 0}, "Invalid value 0 for configuration num.partitions: Value must be at least 1"),
    ({"num.partitions": True}, "Invalid value True for configuration num.partitions: Expected an integer"),
    ({"log.cleaner.io.buffer.load.factor": [1]}, "Invalid value [1] for configuration log.cleaner.io.buffer.load.factor: Expected a number"),
    ({"log.cleaner.dedupe.buffer.size": 1 << 20}, "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread."),
    ({"num.partitions": [1]}, "Invalid value [1] for configuration num.partitions: Expected an integer"),
    ({"delete.topic.enable": 1}, "Invalid value 1 for configuration delete.topic.enable: Expected true or false"),
    ({"node.id": None}, "Invalid value null for configuration node.id: Value must be non-null"),
    ({"log.retention.minutes": 0}, "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1"),
])
def test_what_cannot_be_meant_is_one_clear_line(mapping, message):
    with pytest.raises(ConfigError) as refusal:
        parse_broker_settings(mapping)
    assert str(refusal.value).startswith(message) and "\n" not in str(refusal.value)


def test_listeners_are_endpoints():
    settings = parse_broker_settings({
        "listeners": "PLAINTEXT://:9092,outside://[::1]:0",
        "advertised.listeners": "OUTSIDE://broker.example:19092",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,OUTSIDE:PLAINTEXT",
    })  # fmt: skip
    assert settings.endpoints == (Endpoint("PLAINTEXT", "", 9092, "PLAINTEXT"), Endpoint("OUTSIDE", "::1", 0, "PLAINTEXT"))
    assert settings.advertised_endpoints == (Endpoint("OUTSIDE", "broker.example", 19092, "PLAINTEXT"),)


@pytest.mark.parametrize("mapping, part", [
    ({"listeners": ""}, "must not be empty"),
    ({"listeners": "localhost:9092"}, "Unable to parse localhost:9092 to a broker endpoint"),
    ({"listeners": "PLAINTEXT://:99999"}, "99999 is not a port"),
    ({"listeners": "NAME://:9092"}, "No security protocol defined for listener NAME"),
    ({"listeners": "PLAINTEXT://:1,PLAINTEXT://:2"}, "different name"),
    ({"advertised.listeners": "PLAINTEXT://0.0.0.0:9092"}, "nonroutable"),
    ({"listeners": "PLAINTEXT://:1", "advertised.listeners": "A://h:1", "listener.security.protocol.map": "A:PLAINTEXT,PLAINTEXT:PLAINTEXT"},
     "not in listeners"),
    ({"listener.security.protocol.map": "A:TELNET"}, "A:TELNET"),
    ({"authorizer.class.name": "com.example.Mine"}, "Class com.example.Mine could not be found"),
    ({"super.users": "User:a; b"}, "expected a string in format principalType:principalName but got b"),
    ({"allow.everyone.if.no.acl.found": "perhaps"}, "allow.everyone.if.no.acl.found"),
])
def test_listeners_and_authorizers_that_may_not_be(mapping, part):
    with pytest.raises(ConfigError, match=part.replace("(", r"\(")):
        parse_broker_settings(mapping)


@pytest.mark.parametrize("mapping, message", [
    ({"group.consumer.min.heartbeat.interval.ms": 16_000},
     "group.consumer.max.heartbeat.interval.ms must be greater than or equal to group.consumer.min.heartbeat.interval.ms"),
    ({"group.share.session.timeout.ms": 44_000},
     "group.share.session.timeout.ms must be greater than or equal to group.share.min.session.timeout.ms"),
    ({"group.streams.session.timeout.ms": 70_000},
     "group.streams.session.timeout.ms must be less than or equal to group.streams.max.session.timeout.ms"),
    ({"group.consumer.heartbeat.interval.ms": 45_000, "group.consumer.max.heartbeat.interval.ms": 50_000},
     "group.consumer.heartbeat.interval.ms must be less than group.consumer.session.timeout.ms"),
    ({"group.streams.num.standby.replicas": 3},
     "group.streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas"),
    ({"group.share.delivery.count.limit": 2, "group.share.min.delivery.count.limit": 3},
     "group.share.delivery.count.limit must be greater than or equal to group.share.min.delivery.count.limit"),
    ({"group.share.record.lock.duration.ms": 70_000},
     "group.share.max.record.lock.duration.ms must be greater than or equal to group.share.record.lock.duration.ms"),
    ({"group.share.max.share.sessions": 100}, "group.share.max.share.sessions must be greater than or equal to group.share.max.size"),
])
def test_bounds_of_groups_go_together(mapping, message):
    with pytest.raises(ConfigError) as refusal:
        parse_broker_settings(mapping)
    assert str(refusal.value) == message


def test_every_config_is_described_once():
    assert len(all_names()) == 340
    assert set(all_names()) == {key.name for key in (*BROKER.values(), *SECURITY.values(), *INERT.values()) if not key.internal} - set(OF_PLUGINS)
    assert not BROKER.keys() & INERT.keys() and not SECURITY.keys() & (BROKER.keys() | INERT.keys())
    assert DOCUMENTED_OF_GROUPS.keys() == GROUP.keys()
    for importance, text in (*DOCUMENTED.values(), *DOCUMENTED_OF_GROUPS.values()):
        assert importance in ("high", "medium", "low") and text.endswith(".")


def test_defaults_are_values_that_may_be_set():
    for key in (*BROKER.values(), *SECURITY.values(), *INERT.values()):
        if key.default is not None:
            assert key.parse(key.default) is not None


def test_a_node_has_the_id_of_its_broker_where_only_that_is_said():
    assert parse_broker_settings({"broker.id": 7}).node_id == 7
    assert [one.node_id for one in settings_of({"broker.id": 7, "listeners": "PLAINTEXT://localhost:0"}, 2)] == [7, 8]


def test_configs_without_effect_are_checked_and_kept():
    settings = parse_broker_settings({"num.io.threads": 16, "ssl.keystore.password": "x", "sasl.login.refresh.window.factor": 0.75, "log.cleaner.min.cleanable.ratio": 1})
    assert (settings.value("num.io.threads"), settings.value("ssl.keystore.password")) == (16, "x")
    assert settings.value("background.threads") == 10
    for mapping, message in (
        ({"num.io.threads": 0}, "Invalid value 0 for configuration num.io.threads: Value must be at least 1"),
        ({"process.roles": "broker"}, "Invalid value broker for configuration process.roles: this node is always broker,controller"),
        ({"node.id": 6, "broker.id": 7}, "You must set `node.id` to the same value as `broker.id`."),
        ({"sasl.login.class": "com.example.Login"}, "Invalid value com.example.Login for configuration sasl.login.class: Class com.example.Login could not be found."),
        ({"remote.log.storage.system.enable": True}, "Invalid value true for configuration remote.log.storage.system.enable: there is no remote storage here"),
    ):
        with pytest.raises(ConfigError) as caught:
            parse_broker_settings(mapping)
        assert str(caught.value) == message


@pytest.mark.parametrize("mapping, message", [
    ({"log.roll.ms": 0}, "requirement failed: log.roll.ms must be greater than or equal to 1"),
    ({"log.retention.hours": 0}, "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1"),
    ({"group.consumer.session.timeout.ms": 1000},
     "group.consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms"),
    ({"group.share.heartbeat.interval.ms": 20000},
     "group.share.heartbeat.interval.ms must be less than or equal to group.share.max.heartbeat.interval.ms"),
    ({"group.streams.max.assignment.interval.ms": 5, "group.streams.assignment.interval.ms": 10},
     "group.streams.assignment.interval.ms must be less than or equal to group.streams.max.assignment.interval.ms"),
    ({"group.consumer.max.session.timeout.ms": 100},
     "group.consumer.max.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms"),
    ({"group.consumer.min.heartbeat.interval.ms": 1, "group.consumer.session.timeout.ms": 5000, "group.consumer.min.session.timeout.ms": 1},
     "group.consumer.heartbeat.interval.ms must be less than group.consumer.session.timeout.ms"),
    ({"group.streams.num.standby.replicas": 3},
     "group.streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas"),
    ({"group.share.delivery.count.limit": 9, "group.share.max.delivery.count.limit": 8},
     "group.share.max.delivery.count.limit must be greater than or equal to group.share.delivery.count.limit"),
    ({"group.share.max.size": 3, "group.share.max.share.sessions": 2},
     "group.share.max.share.sessions must be greater than or equal to group.share.max.size"),
    ({"connections.max.idle.ms": 50},
     "requirement failed: connection.failed.authentication.delay.ms=100 should always be less than connections.max.idle.ms=50"
     " to prevent failed authentication responses from timing out"),
    ({"log.cleaner.dedupe.buffer.size": 1024}, "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread."),
    ({"inter.broker.listener.name": "NOPE"}, "Listener with name NOPE defined in inter.broker.listener.name not found in listener.security.protocol.map."),
    ({"inter.broker.listener.name": "ssl"},
     "requirement failed: inter.broker.listener.name must be a listener name defined in advertised.listeners."
     " The valid options based on currently configured listeners are PLAINTEXT"),
    ({"inter.broker.listener.name": "PLAINTEXT", "security.inter.broker.protocol": "PLAINTEXT"},
     "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set."),
    ({"queued.max.request.bytes": 1}, "requirement failed: queued.max.request.bytes must be larger or equal to socket.request.max.bytes"),
])
def test_configs_that_do_not_go_together(mapping, message):
    with pytest.raises(ConfigError) as caught:
        parse_broker_settings(mapping)
    assert str(caught.value) == message
