"""Which broker configs may change while a broker runs, and how far at once (KIP-226).

Source: DynamicBrokerConfig, DynamicThreadPool and LogCleaner of Kafka 4.3.1, with their words.
"""

import re

from emulator.state.configs.broker import key_of
from emulator.state.configs.definition import ConfigError
from emulator.state.java import hash_order, string_hash

STORES = (
    "ssl.keystore.type", "ssl.keystore.location", "ssl.keystore.password", "ssl.key.password", "ssl.keystore.key",
    "ssl.keystore.certificate.chain", "ssl.truststore.type", "ssl.truststore.location", "ssl.truststore.password",
    "ssl.truststore.certificates",
)  # fmt: skip

_POOLS = (
    "num.io.threads", "num.network.threads", "num.replica.fetchers", "num.recovery.threads.per.data.dir", "background.threads",
    "remote.log.reader.threads", "remote.log.manager.copier.thread.pool.size", "remote.log.manager.expiration.thread.pool.size",
    "remote.log.manager.follower.thread.pool.size",
)  # fmt: skip
_CLEANERS = "log.cleaner.threads"
_PLUGINS = "metric.reporters"

# Kafka opens and closes listeners while it runs.
_AT_START_ONLY = ("listeners", "listener.security.protocol.map")

_OF_LISTENER = re.compile(r"listener\.name\.[^.]*\.(.*)", re.DOTALL)
_OF_CONNECTIONS = ("max.connections", "max.connection.creation.rate")
_OF_ALL_LISTENERS = (*_OF_CONNECTIONS, "num.network.threads")


def check_dynamic(overrides, per_broker, settings):
    """Raise ConfigError unless all of `overrides` ({name: text}) may be set so: for one broker, or for all; `settings` are what is.

    What is no config of Kafka's may.
    """
    keys = {name: key for name in overrides if (key := key_of(name))}
    _refuse(
        [name for name, key in keys.items() if not key.dynamic and not _OF_LISTENER.fullmatch(name)], "Cannot update these configs dynamically"
    )
    _refuse(
        [name for name in overrides if name in STORES],
        "These security configs can be dynamically updated only per-listener using the listener prefix",
    )
    if _PLUGINS in overrides and tuple(filter(None, overrides[_PLUGINS].split(","))) != settings.value(_PLUGINS):
        raise invalid_change("Validation of dynamic config update of Set(metric.reporters) failed with class class kafka.server.DynamicMetricsReporters")
    values = []  # (base, value)
    for name in keys:
        base = name if (match := _OF_LISTENER.fullmatch(name)) is None else match[1]
        if key_of(base).dynamic:  # the others are read with all that the broker is to have
            values.append((base, key_of(base).parse(overrides[name])))
    if not per_broker:
        _refuse(
            [name for name in overrides if (name in keys and keys[name].per_broker or _OF_LISTENER.fullmatch(name)) and not _shared(name)],
            "Cannot update these configs at default cluster level, broker id must be specified",
        )
    for name in keys:
        match = _OF_LISTENER.fullmatch(name)
        if match is not None and not key_of(match[1]).dynamic:
            _check_whole(key_of(match[1]), overrides[name])
    for base, value in values:
        if base in _OF_CONNECTIONS and value <= 0:  # at the start Kafka takes it, and serves nobody
            raise invalid_change(f"Invalid {base} {value}")
    _refuse([name for name in _AT_START_ONLY if name in overrides], "Listeners cannot change while this server runs")


def _check_whole(key, text):
    try:
        key.parse(text)
    except ConfigError as error:
        raise invalid_change(error) from None


def _shared(name):
    match = _OF_LISTENER.fullmatch(name)
    return match is not None and match[1] in _OF_ALL_LISTENERS


def _refuse(names, why):
    if names:
        raise ConfigError(f"{why}: [{', '.join(hash_order(names, string_hash))}]")


def check_threads(overrides, after, before):
    """Raise ConfigError when a pool would grow to more than double or shrink to less than half; both are Settings."""
    for name in _POOLS:
        if name in overrides:
            new, old = after.value(name), before.value(name)
            failed = f"Dynamic thread count update validation failed for {name}={new}"
            if new < old // 2:
                raise invalid_change(f"{failed}, value should be at least half the current value {old}")
            if new > old * 2:
                raise invalid_change(f"{failed}, value should not be greater than double the current value {old}")
    if _CLEANERS in overrides:
        new, old = after.value(_CLEANERS), before.value(_CLEANERS)
        if new < 1:
            raise invalid_change("Log cleaner threads should be at least 1")
        if new < old // 2:
            raise invalid_change(f"Log cleaner threads cannot be reduced to less than half the current value {old}")
        if new > old * 2:
            raise invalid_change(f"Log cleaner threads cannot be increased to more than double the current value {old}")


def invalid_change(reason):
    """The ConfigError of a change that a running broker cannot make."""
    return ConfigError(f"Invalid value org.apache.kafka.common.config.ConfigException: {reason} for configuration Invalid dynamic configuration")
