"""Configs of one group (the GROUP resource of KIP-848): the groups' share of the broker's configs, overridden.

Names, types and bounds are those of org.apache.kafka.coordinator.group.GroupConfig of 4.3.1.
"""

import re

from emulator.state.configs.definition import BOOLEAN, INT, MAX_LONG, STRING, ConfigError, Key, at_least, invalid, one_of

EARLIEST, LATEST, BY_DURATION = "earliest", "latest", "by_duration:"
_DURATION = re.compile(
    r"([+-]?)P(?:([+-]?\d+)D)?(T(?:([+-]?\d+)H)?(?:([+-]?\d+)M)?(?:([+-]?\d+)(?:[.,](\d{0,9}))?S)?)?\Z", re.ASCII | re.IGNORECASE
)


def duration_ms(text):
    """The milliseconds of an ISO 8601 duration as java.time.Duration reads it, or None."""
    match = _DURATION.match(text)
    if match is None or match[3] in ("T", "t") or all(part is None for part in match.groups()[1:]):
        return None
    sign, days, _, hours, minutes, seconds, fraction = match.groups()
    whole = int(days or 0) * 86400 + int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    part = int((fraction or "").ljust(3, "0")[:3])
    total = whole * 1000 + (-part if seconds and seconds.startswith("-") else part)
    return -total if sign == "-" else total


def _offset_reset(name, value):
    if value in (EARLIEST, LATEST):
        return
    since = duration_ms(value[len(BY_DURATION) :]) if value is not None and value.startswith(BY_DURATION) else None
    if since is None or not 0 <= since <= MAX_LONG:
        raise invalid(
            name,
            value,
            f"Invalid value `{value}` for configuration {name}. The value must be either 'earliest', 'latest' or of the"
            " format 'by_duration:<PnDTnHnMn.nS>'.",
        )


_KEYS = (
    Key("consumer.session.timeout.ms", INT, None, at_least(1), synonyms=("group.consumer.session.timeout.ms",)),
    Key("consumer.assignment.interval.ms", INT, None, at_least(0), synonyms=("group.consumer.assignment.interval.ms",)),
    Key("share.auto.offset.reset", STRING, LATEST, _offset_reset),
    Key("share.renew.acknowledge.enable", BOOLEAN, "true"),
    Key("streams.initial.rebalance.delay.ms", INT, None, at_least(0), synonyms=("group.streams.initial.rebalance.delay.ms",)),
    Key("share.session.timeout.ms", INT, None, at_least(1), synonyms=("group.share.session.timeout.ms",)),
    Key("streams.assignment.interval.ms", INT, None, at_least(0), synonyms=("group.streams.assignment.interval.ms",)),
    Key("share.heartbeat.interval.ms", INT, None, at_least(1), synonyms=("group.share.heartbeat.interval.ms",)),
    Key("streams.heartbeat.interval.ms", INT, None, at_least(1), synonyms=("group.streams.heartbeat.interval.ms",)),
    Key("share.delivery.count.limit", INT, None, at_least(2), synonyms=("group.share.delivery.count.limit",)),
    Key("consumer.heartbeat.interval.ms", INT, None, at_least(1), synonyms=("group.consumer.heartbeat.interval.ms",)),
    Key("share.record.lock.duration.ms", INT, None, at_least(1000), synonyms=("group.share.record.lock.duration.ms",)),
    Key("share.assignment.interval.ms", INT, None, at_least(0), synonyms=("group.share.assignment.interval.ms",)),
    Key("share.isolation.level", STRING, "read_uncommitted", one_of("read_committed", "read_uncommitted")),
    Key("streams.session.timeout.ms", INT, None, at_least(1), synonyms=("group.streams.session.timeout.ms",)),
    Key("share.partition.max.record.locks", INT, None, at_least(100), synonyms=("group.share.partition.max.record.locks",)),
    Key("streams.num.standby.replicas", INT, None, at_least(0), synonyms=("group.streams.num.standby.replicas",)),
)

GROUP = {key.name: key for key in _KEYS}  # in the order in which Kafka describes them


# Compared with the broker's bounds in this order.
_SHARE_BOUNDED = (
    "share.record.lock.duration.ms", "share.delivery.count.limit", "share.partition.max.record.locks",
)  # fmt: skip


class GroupConfig:
    """The effective configs of a group, as attributes with underscores for dots."""

    __slots__ = tuple(key.field for key in _KEYS)

    def __init__(self, settings, overrides):
        for key in _KEYS:
            text = overrides.get(key.name)
            if text is None and key.synonyms:
                value = settings.value(key.synonyms[0][0])
            else:
                value = key.parse(key.default if text is None else text)
            setattr(self, key.field, value)

    def value(self, name):
        return getattr(self, GROUP[name].field)


def parse_group(settings, overrides):
    """The GroupConfig that {name: text} gives; raises ConfigError with Kafka's words."""
    for name in overrides:
        if name not in GROUP:
            raise ConfigError(f"Unknown group config name: {name}")
    config = GroupConfig(settings, overrides)
    for kind in ("consumer", "share", "streams"):
        _bound(config, settings, f"{kind}.heartbeat.interval.ms")
        _bound(config, settings, f"{kind}.session.timeout.ms")
        if f"{kind}.assignment.interval.ms" in overrides:
            _bound(config, settings, f"{kind}.assignment.interval.ms")
    for name in _SHARE_BOUNDED:
        _bound(config, settings, name)
    if config.streams_num_standby_replicas > settings.value("group.streams.max.standby.replicas"):
        raise ConfigError("streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas")
    for kind in ("consumer", "share", "streams"):
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
