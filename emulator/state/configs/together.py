"""Which broker configs go with which: Kafka's rules and words (KafkaConfig.validateValues; of groups see bounds.py)."""

from emulator.state.configs.definition import ConfigError
from emulator.state.configs.overrides import parse_overrides

_RETENTION = ("log.retention.ms", "log.retention.minutes", "log.retention.hours")


def check_together(settings):
    """Raise ConfigError for the first rule of Kafka's that `settings` break."""
    _check_logs(settings)
    if settings.originals.keys() & _RARE or settings.connections_max_idle_ms <= 100:
        _check_rare(settings)


def _check_logs(settings):
    if settings.log_roll_ms is not None and settings.log_roll_ms < 1:
        raise _required("log.roll.ms must be greater than or equal to 1")
    if settings.log_roll_jitter_ms is not None and settings.log_roll_jitter_ms < 0:
        raise _required("log.roll.jitter.ms must be greater than or equal to 0")
    for name in _RETENTION:
        if settings.value(name) == 0:
            raise _required("log.retention.ms must be unlimited (-1) or, greater than or equal to 1")
        if settings.value(name) is not None:
            break


def _required(text):
    return ConfigError(f"requirement failed: {text}")


# Without effect here, so seldom set.
_RARE = frozenset({
    "broker.id", "process.roles", "log.cleaner.dedupe.buffer.size", "log.cleaner.threads", "replica.fetch.wait.max.ms",
    "replica.socket.timeout.ms", "replica.lag.time.max.ms", "queued.max.request.bytes", "max.connections.per.ip",
    "max.connections.per.ip.overrides", "connection.failed.authentication.delay.ms", "connections.max.idle.ms",
    "remote.log.storage.system.enable", "cordoned.log.dirs",
})  # fmt: skip


def _check_rare(settings):
    value = settings.value
    if value("broker.id") not in (-1, settings.node_id):
        raise ConfigError("You must set `node.id` to the same value as `broker.id`.")
    roles = value("process.roles")
    if roles is not None and set(roles) != {"broker", "controller"}:
        raise ConfigError(f"Invalid value {','.join(roles)} for configuration process.roles: this node is always broker,controller")
    if value("remote.log.storage.system.enable"):
        raise ConfigError("Invalid value true for configuration remote.log.storage.system.enable: there is no remote storage here")
    cordoned = value("cordoned.log.dirs")
    missing = [path for path in cordoned or () if path not in (value("log.dirs") or value("log.dir") or ())]
    if missing and cordoned != ("*",):
        raise _required(f"All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing entries : {', '.join(missing)}")
    threads = value("log.cleaner.threads")
    if threads and value("log.cleaner.dedupe.buffer.size") // threads <= 1024 * 1024:
        raise _required("log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.")
    wait = value("replica.fetch.wait.max.ms")
    if wait > value("replica.socket.timeout.ms"):
        raise _required(
            "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket timeouts"
        )
    if wait > value("replica.lag.time.max.ms"):
        raise _required(
            "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent changes in ISR"
        )
    if 0 < value("queued.max.request.bytes") < settings.socket_request_max_bytes:
        raise _required("queued.max.request.bytes must be larger or equal to socket.request.max.bytes")
    if value("max.connections.per.ip") == 0 and not value("max.connections.per.ip.overrides"):
        raise _required("max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.")
    parse_overrides(value("max.connections.per.ip.overrides"))
    idle, delay = settings.connections_max_idle_ms, value("connection.failed.authentication.delay.ms")
    if 0 <= idle <= delay:
        raise _required(
            f"connection.failed.authentication.delay.ms={delay} should always be less than connections.max.idle.ms={idle}"
            " to prevent failed authentication responses from timing out"
        )
