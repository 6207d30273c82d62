"""How the broker's configs of groups bound one another.

Source: GroupCoordinatorConfig.validate, modern.share.ShareGroupConfig.validate of Kafka 4.3.1, in their order and words.
"""

from emulator.state.configs.definition import ConfigError


def check_group_bounds(value):
    """Raise ConfigError for the first rule that is broken; `value(name)` is a config's parsed value."""
    for kind in ("consumer", "share", "streams"):
        _between(value, kind, "heartbeat.interval.ms")
        _between(value, kind, "session.timeout.ms")
        heartbeat, session = f"group.{kind}.heartbeat.interval.ms", f"group.{kind}.session.timeout.ms"
        if value(heartbeat) >= value(session):
            raise ConfigError(f"{heartbeat} must be less than {session}")
        _between(value, kind, "assignment.interval.ms")
    if value("group.streams.num.standby.replicas") > value("group.streams.max.standby.replicas"):
        raise ConfigError("group.streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas")
    for larger, smaller in _SHARE:
        _at_least(value, larger, smaller)


# (what must be at least, as much as what)
_SHARE = (
    ("group.share.max.delivery.count.limit", "group.share.delivery.count.limit"),
    ("group.share.delivery.count.limit", "group.share.min.delivery.count.limit"),
    ("group.share.max.partition.max.record.locks", "group.share.partition.max.record.locks"),
    ("group.share.partition.max.record.locks", "group.share.min.partition.max.record.locks"),
    ("group.share.record.lock.duration.ms", "group.share.min.record.lock.duration.ms"),
    ("group.share.max.record.lock.duration.ms", "group.share.record.lock.duration.ms"),
    ("group.share.max.share.sessions", "group.share.max.size"),
)


def _between(value, kind, what):
    name, least, most = (f"group.{kind}.{which}{what}" for which in ("", "min.", "max."))
    _at_least(value, most, least)
    _at_least(value, name, least)
    if value(name) > value(most):
        raise ConfigError(f"{name} must be less than or equal to {most}")


def _at_least(value, larger, smaller):
    if value(larger) < value(smaller):
        raise ConfigError(f"{larger} must be greater than or equal to {smaller}")
