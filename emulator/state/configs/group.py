"""Configs of one group (the GROUP resource of KIP-848): the groups' share of the broker's configs, overridden.

Names, types and bounds are those of org.apache.kafka.coordinator.group.GroupConfig of 4.3.1. Its share.*
configs have no groups behind them yet, and are refused.
"""

from emulator.state.configs.definition import INT, ConfigError, Key, at_least

_KEYS = (
    Key("consumer.session.timeout.ms", INT, None, at_least(1), synonyms=("group.consumer.session.timeout.ms",)),
    Key("consumer.assignment.interval.ms", INT, None, at_least(0), synonyms=("group.consumer.assignment.interval.ms",)),
    Key("streams.initial.rebalance.delay.ms", INT, None, at_least(0), synonyms=("group.streams.initial.rebalance.delay.ms",)),
    Key("streams.assignment.interval.ms", INT, None, at_least(0), synonyms=("group.streams.assignment.interval.ms",)),
    Key("streams.heartbeat.interval.ms", INT, None, at_least(1), synonyms=("group.streams.heartbeat.interval.ms",)),
    Key("consumer.heartbeat.interval.ms", INT, None, at_least(1), synonyms=("group.consumer.heartbeat.interval.ms",)),
    Key("streams.session.timeout.ms", INT, None, at_least(1), synonyms=("group.streams.session.timeout.ms",)),
    Key("streams.num.standby.replicas", INT, None, at_least(0), synonyms=("group.streams.num.standby.replicas",)),
)

GROUP = {key.name: key for key in _KEYS}  # in the order in which Kafka describes them


class GroupConfig:
    """The effective configs of a group, as attributes with underscores for dots."""

    __slots__ = tuple(key.field for key in _KEYS)

    def __init__(self, settings, overrides):
        for key in _KEYS:
            text = overrides.get(key.name)
            setattr(self, key.field, settings.value(key.synonyms[0][0]) if text is None else key.parse(text))

    def value(self, name):
        return getattr(self, GROUP[name].field)


def parse_group(settings, overrides):
    """The GroupConfig that {name: text} gives; raises ConfigError with Kafka's words."""
    for name in overrides:
        if name.startswith("share."):
            raise ConfigError(f"Group config {name} is not implemented yet")
        if name not in GROUP:
            raise ConfigError(f"Unknown group config name: {name}")
    config = GroupConfig(settings, overrides)
    for kind in ("consumer", "streams"):
        _bound(config, settings, f"{kind}.heartbeat.interval.ms")
        _bound(config, settings, f"{kind}.session.timeout.ms")
        if f"{kind}.assignment.interval.ms" in overrides:
            _bound(config, settings, f"{kind}.assignment.interval.ms")
    if config.streams_num_standby_replicas > settings.value("group.streams.max.standby.replicas"):
        raise ConfigError("streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas")
    for kind in ("consumer", "streams"):
        if config.value(f"{kind}.session.timeout.ms") <= config.value(f"{kind}.heartbeat.interval.ms"):
            raise ConfigError(f"{kind}.session.timeout.ms must be greater than {kind}.heartbeat.interval.ms")
    return config


def _bound(config, settings, name):
    kind, rest = name.split(".", 1)
    for which, compared in (("min", "greater"), ("max", "less")):
        bound = f"group.{kind}.{which}.{rest}"
        limit, value = settings.value(bound), config.value(name)
        if value < limit if which == "min" else value > limit:
            raise ConfigError(f"{name} must be {compared} than or equal to {bound}")
