"""The broker configs that this emulator makes real, and the settings a server starts from.

Names, types, defaults and checks are Kafka's (AbstractKafkaConfig, LogConfig, GroupCoordinatorConfig
of 4.3.1). Those of Kafka's that have no effect here are in inert.py.
"""

import re
from collections import namedtuple

from emulator.state.authorizer import super_users
from emulator.state.configs.bounds import check_group_bounds
from emulator.state.configs.definition import (
    BOOLEAN, CLASS, DOUBLE, INT, LIST, LONG, MAX_INT, MAX_LONG, PASSWORD, SHORT, STRING, ConfigError, Key,
    at_least, between, gzip_level, list_of, one_of, one_of_any_case, text_of,
)
from emulator.state.configs.together import check_together
from emulator.state.configs.topic import _CODECS

# What metric.reporters may name: Kafka's own, which has nobody to report to here, and what keeps the metrics that
# clients push.
_JMX_REPORTER, TELEMETRY_REPORTER = "org.apache.kafka.common.metrics.JmxReporter", "kafka.emulator.ClientTelemetryLog"

_KEYS = (
    Key("node.id", INT, None, at_least(0)),
    Key("broker.rack", STRING, None),
    Key("listeners", LIST, "PLAINTEXT://:9092", list_of(empty=False), dynamic=True, per_broker=True),
    Key("advertised.listeners", LIST, None),
    Key("authorizer.class.name", STRING, ""),
    Key("super.users", STRING, None),
    Key("allow.everyone.if.no.acl.found", BOOLEAN, "false"),
    Key("listener.security.protocol.map", STRING, "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT", dynamic=True, per_broker=True),
    Key("delegation.token.secret.key", PASSWORD, None),
    Key("delegation.token.max.lifetime.ms", LONG, "604800000", at_least(1)),
    Key("delegation.token.expiry.time.ms", LONG, "86400000", at_least(1)),
    Key("delegation.token.expiry.check.interval.ms", LONG, "3600000", at_least(1)),
    Key("socket.request.max.bytes", INT, "104857600", at_least(1)),
    Key("connections.max.idle.ms", LONG, "600000"),
    Key("max.connections.per.ip", INT, str(MAX_INT), at_least(0), dynamic=True),
    Key("max.connections.per.ip.overrides", STRING, "", dynamic=True),
    Key("max.connections", INT, str(MAX_INT), at_least(0), dynamic=True),
    Key("max.connection.creation.rate", INT, str(MAX_INT), at_least(0), dynamic=True),
    Key("security.inter.broker.protocol", STRING, "PLAINTEXT", one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")),
    Key("inter.broker.listener.name", STRING, None),
    Key("num.partitions", INT, "1", at_least(1)),
    Key("default.replication.factor", INT, "1"),
    Key("min.insync.replicas", INT, "1", at_least(1), dynamic=True),
    Key("replica.lag.time.max.ms", LONG, "30000"),
    Key("replica.fetch.max.bytes", INT, "1048576", at_least(0)),
    Key("broker.session.timeout.ms", INT, "9000"),
    Key("offsets.commit.timeout.ms", INT, "5000", at_least(1)),
    Key("auto.leader.rebalance.enable", BOOLEAN, "true"),
    Key("leader.imbalance.check.interval.seconds", LONG, "300", at_least(1)),
    Key("replica.selector.class", STRING, None),
    Key("auto.create.topics.enable", BOOLEAN, "true"),
    Key("delete.topic.enable", BOOLEAN, "true"),
    Key("message.max.bytes", INT, "1048588", at_least(0), dynamic=True),
    Key("max.request.partition.size.limit", INT, "2000", at_least(1)),
    Key("fetch.max.bytes", INT, "57671680", at_least(1024)),
    Key("max.incremental.fetch.session.cache.slots", INT, "1000", at_least(0)),
    Key("producer.id.expiration.ms", INT, "86400000", at_least(1), dynamic=True),
    Key("compression.type", STRING, "producer", one_of(*_CODECS), dynamic=True),
    Key("compression.gzip.level", INT, "-1", gzip_level, dynamic=True),
    Key("compression.lz4.level", INT, "9", between(1, 17), dynamic=True),
    Key("compression.zstd.level", INT, "3", between(-131072, 22), dynamic=True),
    # Kafka's own default of log.dir is a directory for temporary files; here, left out, records live in memory.
    Key("log.dir", LIST, None),
    Key("log.dirs", LIST, None),
    Key("num.recovery.threads.per.data.dir", INT, "2", at_least(1), dynamic=True),
    Key("log.flush.offset.checkpoint.interval.ms", INT, "60000", at_least(0)),
    Key("log.flush.start.offset.checkpoint.interval.ms", INT, "60000", at_least(0)),
    Key("replica.high.watermark.checkpoint.interval.ms", LONG, "5000"),
    Key("log.segment.delete.delay.ms", LONG, "60000", at_least(0), dynamic=True),
    Key("log.segment.bytes", INT, "1073741824", at_least(1 << 20), dynamic=True),
    Key("log.roll.ms", LONG, None, dynamic=True),
    Key("log.roll.hours", INT, "168", at_least(1)),
    Key("log.roll.jitter.ms", LONG, None, dynamic=True),
    Key("log.roll.jitter.hours", INT, "0", at_least(0)),
    Key("log.retention.ms", LONG, None, dynamic=True),
    Key("log.retention.minutes", INT, None),
    Key("log.retention.hours", INT, "168"),
    Key("log.retention.bytes", LONG, "-1", dynamic=True),
    Key("log.retention.check.interval.ms", LONG, "300000", at_least(1)),
    Key("log.flush.interval.messages", LONG, str(MAX_LONG), at_least(1), dynamic=True),
    Key("log.flush.interval.ms", LONG, None, dynamic=True),
    Key("log.flush.scheduler.interval.ms", LONG, str(MAX_LONG)),
    Key("log.cleanup.policy", LIST, "delete", list_of("compact", "delete"), dynamic=True),
    Key("log.initial.task.delay.ms", LONG, "30000", at_least(0), internal=True),
    Key("log.cleaner.enable", BOOLEAN, "true"),
    Key("log.cleaner.threads", INT, "1", at_least(0), dynamic=True),
    Key("log.cleaner.io.max.bytes.per.second", DOUBLE, "1.7976931348623157E308", dynamic=True),
    Key("log.cleaner.dedupe.buffer.size", LONG, "134217728", dynamic=True),
    Key("log.cleaner.io.buffer.size", INT, "524288", at_least(0), dynamic=True),
    Key("log.cleaner.io.buffer.load.factor", DOUBLE, "0.9", dynamic=True),
    Key("log.cleaner.backoff.ms", LONG, "15000", at_least(0), dynamic=True),
    Key("log.cleaner.min.cleanable.ratio", DOUBLE, "0.5", between(0, 1), dynamic=True),
    Key("log.cleaner.delete.retention.ms", LONG, "86400000", at_least(0), dynamic=True),
    Key("log.cleaner.min.compaction.lag.ms", LONG, "0", at_least(0), dynamic=True),
    Key("log.cleaner.max.compaction.lag.ms", LONG, str(MAX_LONG), at_least(1), dynamic=True),
    Key("log.index.interval.bytes", INT, "4096", at_least(0), dynamic=True),
    Key("log.index.size.max.bytes", INT, "10485760", at_least(4), dynamic=True),
    Key("log.message.timestamp.type", STRING, "CreateTime", one_of("CreateTime", "LogAppendTime"), dynamic=True),
    Key("log.message.timestamp.before.max.ms", LONG, str(MAX_LONG), at_least(0), dynamic=True),
    Key("log.message.timestamp.after.max.ms", LONG, "3600000", at_least(0), dynamic=True),
    Key("metric.reporters", LIST, _JMX_REPORTER, list_of(_JMX_REPORTER, TELEMETRY_REPORTER), dynamic=True),
    Key("telemetry.max.bytes", INT, "1048576", at_least(1)),
    Key("quota.window.num", INT, "11", at_least(1)),
    Key("quota.window.size.seconds", INT, "1", at_least(1)),
    Key("controller.quota.window.num", INT, "11", at_least(1)),
    Key("controller.quota.window.size.seconds", INT, "1", at_least(1)),
    Key("group.min.session.timeout.ms", INT, "6000"),
    Key("group.max.session.timeout.ms", INT, "1800000"),
    Key("group.initial.rebalance.delay.ms", INT, "3000"),
    Key("group.max.size", INT, str(MAX_INT), at_least(1)),
    Key("group.consumer.session.timeout.ms", INT, "45000", at_least(1)),
    Key("group.consumer.min.session.timeout.ms", INT, "45000", at_least(1)),
    Key("group.consumer.max.session.timeout.ms", INT, "60000", at_least(1)),
    Key("group.consumer.heartbeat.interval.ms", INT, "5000", at_least(1)),
    Key("group.consumer.min.heartbeat.interval.ms", INT, "5000", at_least(1)),
    Key("group.consumer.max.heartbeat.interval.ms", INT, "15000", at_least(1)),
    Key("group.consumer.max.size", INT, str(MAX_INT), at_least(1)),
    Key("group.consumer.assignors", LIST, "uniform,range", list_of("uniform", "range", empty=False)),
    Key("group.consumer.migration.policy", STRING, "bidirectional", one_of_any_case("disabled", "downgrade", "upgrade", "bidirectional")),
    Key("group.consumer.assignment.interval.ms", INT, "1000", at_least(0), dynamic=True),
    Key("group.consumer.min.assignment.interval.ms", INT, "0", at_least(0)),
    Key("group.consumer.max.assignment.interval.ms", INT, "15000", at_least(0)),
    Key("group.streams.session.timeout.ms", INT, "45000", at_least(1)),
    Key("group.streams.min.session.timeout.ms", INT, "45000", at_least(1)),
    Key("group.streams.max.session.timeout.ms", INT, "60000", at_least(1)),
    Key("group.streams.heartbeat.interval.ms", INT, "5000", at_least(1)),
    Key("group.streams.min.heartbeat.interval.ms", INT, "5000", at_least(1)),
    Key("group.streams.max.heartbeat.interval.ms", INT, "15000", at_least(1)),
    Key("group.streams.max.size", INT, str(MAX_INT), at_least(1)),
    Key("group.streams.num.standby.replicas", INT, "0", at_least(0)),
    Key("group.streams.max.standby.replicas", INT, "2", at_least(0)),
    Key("group.streams.initial.rebalance.delay.ms", INT, "3000", at_least(0)),
    Key("group.streams.assignment.interval.ms", INT, "1000", at_least(0), dynamic=True),
    Key("group.streams.min.assignment.interval.ms", INT, "0", at_least(0)),
    Key("group.streams.max.assignment.interval.ms", INT, "15000", at_least(0)),
    Key("group.share.session.timeout.ms", INT, "45000", at_least(1)),
    Key("group.share.min.session.timeout.ms", INT, "45000", at_least(1)),
    Key("group.share.max.session.timeout.ms", INT, "60000", at_least(1)),
    Key("group.share.heartbeat.interval.ms", INT, "5000", at_least(1)),
    Key("group.share.min.heartbeat.interval.ms", INT, "5000", at_least(1)),
    Key("group.share.max.heartbeat.interval.ms", INT, "15000", at_least(1)),
    Key("group.share.max.size", INT, "200", between(1, 1000)),
    Key("group.share.assignors", LIST, "simple", list_of("simple", empty=False)),
    Key("group.share.assignment.interval.ms", INT, "1000", at_least(0), dynamic=True),
    Key("group.share.min.assignment.interval.ms", INT, "0", at_least(0)),
    Key("group.share.max.assignment.interval.ms", INT, "15000", at_least(0)),
    Key("group.share.delivery.count.limit", INT, "5", between(2, 10)),
    Key("group.share.min.delivery.count.limit", INT, "2", between(2, 5)),
    Key("group.share.max.delivery.count.limit", INT, "10", between(5, 25)),
    Key("group.share.record.lock.duration.ms", INT, "30000", between(1000, 3600000)),
    Key("group.share.min.record.lock.duration.ms", INT, "15000", between(1000, 30000)),
    Key("group.share.max.record.lock.duration.ms", INT, "60000", between(30000, 3600000)),
    Key("group.share.partition.max.record.locks", INT, "2000", between(100, 10000)),
    Key("group.share.min.partition.max.record.locks", INT, "100", between(100, 2000)),
    Key("group.share.max.partition.max.record.locks", INT, "4000", between(2000, 10000)),
    Key("group.share.max.share.sessions", INT, "2000", at_least(1)),
    Key("share.coordinator.state.topic.num.partitions", INT, "50", at_least(1)),
    Key("share.coordinator.state.topic.replication.factor", SHORT, "3", at_least(1)),
    Key("share.coordinator.state.topic.min.isr", SHORT, "2", at_least(1)),
    Key("share.coordinator.state.topic.segment.bytes", INT, "104857600", at_least(1)),
    Key("share.coordinator.snapshot.update.records.per.snapshot", INT, "500", between(0, 500)),
    Key("offset.metadata.max.bytes", INT, "4096"),
    Key("offsets.retention.minutes", INT, "10080", at_least(1)),
    Key("offsets.retention.check.interval.ms", LONG, "600000", at_least(1)),
    Key("offsets.topic.num.partitions", INT, "50", at_least(1)),
    Key("offsets.topic.replication.factor", SHORT, "3", at_least(1)),
    Key("offsets.topic.segment.bytes", INT, "104857600", at_least(1)),
    Key("transaction.max.timeout.ms", INT, "900000", at_least(1)),
    Key("transactional.id.expiration.ms", INT, "604800000", at_least(1)),
    Key("transaction.abort.timed.out.transaction.cleanup.interval.ms", INT, "10000", at_least(1)),
    Key("transaction.remove.expired.transaction.cleanup.interval.ms", INT, "3600000", at_least(1)),
    Key("transaction.partition.verification.enable", BOOLEAN, "true", dynamic=True),
    Key("add.partitions.to.txn.retry.backoff.ms", INT, "20", at_least(1)),
    Key("add.partitions.to.txn.retry.backoff.max.ms", INT, "100", at_least(0)),
    Key("transaction.state.log.num.partitions", INT, "50", at_least(1)),
    Key("transaction.state.log.replication.factor", SHORT, "3", at_least(1)),
    Key("transaction.state.log.min.isr", INT, "2", at_least(1)),
    Key("transaction.state.log.segment.bytes", INT, "104857600", at_least(1)),
    Key("unclean.leader.election.enable", BOOLEAN, "false", dynamic=True),
    Key("log.preallocate", BOOLEAN, "false", dynamic=True),
    Key("log.local.retention.ms", LONG, "-2", at_least(-2), dynamic=True),
    Key("log.local.retention.bytes", LONG, "-2", at_least(-2), dynamic=True),
    Key("group.coordinator.rebalance.protocols", LIST, "classic,consumer,streams", list_of("consumer", "classic", "share", "streams", empty=False)),
)

BROKER = {key.name: key for key in _KEYS}

# Configs that say the same in different units: the first that has a value wins (DynamicBrokerConfig).
SAME = {name: group for group in (
    ("log.roll.ms", "log.roll.hours"),
    ("log.roll.jitter.ms", "log.roll.jitter.hours"),
    ("log.retention.ms", "log.retention.minutes", "log.retention.hours"),
) for name in group}
SAME["log.flush.interval.ms"] = ("log.flush.interval.ms", "log.flush.scheduler.interval.ms")  # not the other way round

# Kafka's quick-start values: what one node needs so that its internal topics can exist.
QUICK_START = {
    "node.id": "1",
    "num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
}

# Read by the authorizer alone: Kafka's table of configs does not have them.
OF_PLUGINS = ("super.users", "allow.everyone.if.no.acl.found")

_OF_LISTENER = re.compile(r"listener\.name\.[^.]*\.(.*)", re.DOTALL)
_OF_MECHANISM = re.compile(r"(?:plain|scram-sha-256|scram-sha-512|oauthbearer|gssapi)\.((?:sasl|connections)\..*)", re.DOTALL)

# What a listener may have for each of its mechanisms (DynamicBrokerConfig.ListenerMechanismConfigs).
_ALSO_OF_MECHANISMS = (
    "sasl.jaas.config", "sasl.login.callback.handler.class", "sasl.login.class", "sasl.server.callback.handler.class", "connections.max.reauth.ms",
)  # fmt: skip


def key_of(name):
    """The Key of a broker config, one without effect too; None if there is none.

    One with a listener's or a SASL mechanism's name before it has the type of what follows, and is never listed as changeable
    (DynamicBrokerConfig).
    """
    key = BROKER.get(name)
    if key is None:
        from emulator.state.configs.inert import DYNAMIC_ONLY, INERT
        from emulator.state.configs.security import SECURITY

        key = SECURITY.get(name) or INERT.get(name) or DYNAMIC_ONLY.get(name)
        if key is None and (base := _base_of(name)) and (base := key_of(base)):
            key = Key(name, base.type, None, base.check and _check_as(base), per_broker=True)
    return key


def _check_as(base):
    def check(_, value):
        base.check(base.name, value)

    vars(check).update(vars(base.check))
    return check


def _base_of(name):
    """The config that `name` is, for one listener or one mechanism; None where there is none."""
    match = _OF_LISTENER.fullmatch(name) or _OF_MECHANISM.fullmatch(name)
    return match and match[1]


def of_all_listeners(name):
    """The broker config that holds where the config `name` of one listener, or of a mechanism of it, is not set; None for another's."""
    match = _OF_LISTENER.fullmatch(name)
    return match and next((base for base in _ALSO_OF_MECHANISMS if match[1].endswith(base)), match[1])


def all_names():
    """Every broker config that Kafka lists, in the order in which it defines them."""
    from emulator.state.configs.documentation import BROKER as documented

    return list(documented)


Endpoint = namedtuple("Endpoint", "name host port security_protocol")


class Settings:
    """The effective broker configs: an attribute per config of the table, dots as underscores.

    `log_directories`: of log.dirs or log.dir, () to keep all in memory.

    Values are parsed (int, bool, str, tuple of str, None). `originals` is the text by name of what was
    set; all else is at its default. `endpoints` and `advertised_endpoints` are the listeners as
    Endpoint(name, host, port, security_protocol), host "" meaning all interfaces.
    Raises ConfigError with Kafka's message for a value that Kafka refuses.
    """

    __slots__ = (*(key.field for key in _KEYS), "originals", "endpoints", "advertised_endpoints", "log_directories")

    def __init__(self, originals=QUICK_START):
        self.originals = originals = dict(originals)
        for key in _KEYS:
            setattr(self, key.field, key.parse(originals.get(key.name, key.default)))
        for name in originals.keys() - BROKER.keys():
            key = key_of(name)
            if key is not None:
                key.parse(originals[name])
        _check_together(self)
        self.log_directories = self.log_dirs or self.log_dir or ()
        self.endpoints = _endpoints(self, "listeners", self.listeners)
        self.advertised_endpoints = _advertised(self)
        _check_inter_broker(self)

    def value(self, name):
        """The parsed value of the config called `name`."""
        key = BROKER.get(name)
        if key is not None:
            return getattr(self, key.field)
        key = key_of(name)
        return key.parse(self.originals.get(name, key.default))


def parse_broker_settings(mapping, base=QUICK_START):
    """Settings from a config file's {Kafka key: YAML value}; `base` is overridden by it.

    Raises ConfigError with one line that names the key, for an unknown key, a wrong type or a value
    that Kafka refuses.
    """
    originals = dict(base)
    for name, value in mapping.items():
        key = key_of(name) if isinstance(name, str) else None
        if key is None or name not in BROKER and name not in all_names() and not _base_of(name):
            raise ConfigError(_unknown(name))
        originals[name] = _yaml_text(key, value)
    if "broker.id" in mapping and "node.id" not in mapping:  # its old name
        originals["node.id"] = originals["broker.id"]
    return Settings({name: text for name, text in originals.items() if text is not None})


def _unknown(name):
    from difflib import get_close_matches  # only when something is wrong: start-up is timed

    close = get_close_matches(str(name), {**BROKER, **dict.fromkeys(all_names())}, 1, 0.7)
    return f"Unknown configuration {name}" + (f", did you mean {close[0]}?" if close else "")


_EXPECTED = {BOOLEAN: "true or false", STRING: "a text", INT: "an integer", SHORT: "an integer", LONG: "an integer", DOUBLE: "a number",
             LIST: "a list or a comma-separated text", CLASS: "a text", PASSWORD: "a text"}


def _yaml_text(key, value):
    """What a properties file would hold for a YAML value; a type that cannot be meant is refused."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and key.type == LIST and all(isinstance(word, str) for word in value):
        return ",".join(value)
    if isinstance(value, bool):
        fits = key.type == BOOLEAN
    else:
        fits = isinstance(value, int) and key.type in (INT, SHORT, LONG, STRING, PASSWORD) or isinstance(value, (int, float)) and key.type == DOUBLE
    if not fits:
        raise ConfigError(f"Invalid value {value!r} for configuration {key.name}: Expected {_EXPECTED[key.type]}")
    return text_of(value)


def _check_together(settings):
    """What does not go together, or not with this broker."""
    _check_authorizer(settings)
    check_group_bounds(settings.value)
    check_together(settings)


_AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"


def _check_authorizer(settings):
    name = settings.authorizer_class_name
    if name not in ("", _AUTHORIZER):
        raise ConfigError(f"Invalid value {name} for configuration authorizer.class.name: Class {name} could not be found; there is {_AUTHORIZER}")
    try:
        super_users(settings.super_users)
    except ValueError as reason:
        raise ConfigError(f"Invalid value {settings.super_users} for configuration super.users: {reason}") from None


# Listeners ------------------------------------------------------------------------------------

_LISTENER = re.compile(r"(?P<name>.*)://\[?(?P<host>[0-9a-zA-Z\-%._:]*)\]?:(?P<port>-?[0-9]+)\Z")


def _endpoints(settings, key, listeners):
    protocols = _protocols(settings.listener_security_protocol_map)
    found, ports = {}, set()
    for text in listeners:
        match = _LISTENER.match(text)
        if not match:
            raise ConfigError(f"Invalid value {text} for configuration {key}: Unable to parse {text} to a broker endpoint")
        name, host, port = match["name"].upper(), match["host"], int(match["port"])
        if name not in protocols:
            raise ConfigError(f"Invalid value {text} for configuration {key}: No security protocol defined for listener {name}")
        if not 0 <= port <= 65535:
            raise ConfigError(f"Invalid value {text} for configuration {key}: {port} is not a port")
        if name in found:
            raise ConfigError(f"Invalid value {','.join(listeners)} for configuration {key}: Each listener must have a different name")
        if key == "listeners" and port and (host, port) in ports:
            raise ConfigError(f"Invalid value {','.join(listeners)} for configuration {key}: Each listener must have a different port")
        ports.add((host, port))
        found[name] = Endpoint(name, host, port, protocols[name])
    return tuple(found.values())


def _advertised(settings):
    if not settings.advertised_listeners:
        return settings.endpoints
    advertised = _endpoints(settings, "advertised.listeners", settings.advertised_listeners)
    names = {endpoint.name for endpoint in settings.endpoints}
    for endpoint in advertised:
        if endpoint.name not in names:
            raise ConfigError(f"advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. Found {endpoint.name}, which is not in listeners")
        if endpoint.host == "0.0.0.0":
            raise ConfigError("advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.")
    return advertised


def _check_inter_broker(settings):
    """The listener of the brokers, where one is named, is one that there is (AbstractKafkaConfig.interBrokerListenerName)."""
    given = settings.value("inter.broker.listener.name")
    if given is None:
        return
    if "security.inter.broker.protocol" in settings.originals:
        raise ConfigError("Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.")
    name, names = given.upper(), [endpoint.name for endpoint in settings.advertised_endpoints]
    if name not in _protocols(settings.listener_security_protocol_map):
        raise ConfigError(f"Listener with name {name} defined in inter.broker.listener.name not found in listener.security.protocol.map.")
    if name not in names:
        raise ConfigError(
            "requirement failed: inter.broker.listener.name must be a listener name defined in advertised.listeners."
            f" The valid options based on currently configured listeners are {','.join(names)}"
        )


def _protocols(text):
    known = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
    protocols = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        name, colon, protocol = pair.rpartition(":")
        if not colon or protocol.upper() not in known:
            raise ConfigError(f"Invalid value {text} for configuration listener.security.protocol.map: {pair} is not LISTENER:PROTOCOL with one of {', '.join(known)}")
        protocols[name.strip().upper()] = protocol.upper()
    return protocols
