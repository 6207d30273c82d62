"""AlterConfigs and IncrementalAlterConfigs of one resource: checked as Kafka checks them, then set.

A broker's configs are checked by the broker that is asked (ConfigAdminManager, DynamicBrokerConfig), a
topic's by the controller (ConfigurationControlManager, ControllerConfigurationValidator), which is why
the same mistake has another error code for each.
"""

from emulator.state.configs.broker import key_of
from emulator.state.configs.client_metrics import CLIENT_METRICS, parse_client_metrics
from emulator.state.configs.definition import LIST, ConfigError
from emulator.state.configs.dynamic import check_dynamic, check_threads
from emulator.state.configs.group import GROUP
from emulator.state.configs.topic import TOPIC
from emulator.state.java import hash_order, string_hash
from wire.errors import INVALID_CONFIG, INVALID_REQUEST, UNKNOWN_SERVER_ERROR, KafkaError

# IncrementalAlterConfigs' operations (AlterConfigOp.OpType).
SET, DELETE, APPEND, SUBTRACT = range(4)
_OPERATIONS = {SET: "SET", DELETE: "DELETE", APPEND: "APPEND", SUBTRACT: "SUBTRACT"}

_MAX_VALUE_LENGTH = 32767  # the controller's log keeps the length in an int16
_PINNED = "min.insync.replicas"


def check_operations(operations):
    """Raise KafkaError INVALID_REQUEST for duplicate keys and nulls.

    `operations` are (name, operation, text); every alteration is checked so first, whatever its resource.
    """
    if len({name for name, _, _ in operations}) != len(operations):
        raise KafkaError(INVALID_REQUEST, "Error due to duplicate config keys")
    nulls = [name for name, operation, text in operations if text is None and operation != DELETE]
    if nulls:
        raise KafkaError(INVALID_REQUEST, "Null value not supported for : " + ", ".join(nulls))


def check_kinds(operations, keys=()):
    """Raise KafkaError for the first operation, in the order of Java's hash map, that is unknown or not for its key.

    Kafka's controller checks so first what it is to alter, its name comes later. `keys`: of the resource, where the
    table that it looks into knows them.
    """
    kinds = {key: operation for key, operation, _ in operations}
    for key in hash_order(kinds, string_hash):
        operation = kinds[key]
        if operation not in _OPERATIONS:
            raise KafkaError(UNKNOWN_SERVER_ERROR)  # Kafka's controller stumbles over it
        if operation in (APPEND, SUBTRACT) and not _is_list(key, keys):
            raise KafkaError(INVALID_CONFIG, f"Can't {_OPERATIONS[operation]} to key {key} because its type is not LIST.")


def alter_topic(configs, name, operations, validate_only=False):
    """Apply `operations` to the overrides of an existing topic; raises KafkaError."""
    current = configs.topics.get(name, {})
    overrides = _applied(current, operations, TOPIC.get)
    _check_lengths(overrides)
    configs.preview(overrides)
    if not validate_only and overrides != current:
        configs.set_topic(name, overrides)


def alter_group(configs, name, operations, validate_only=False):
    """Apply `operations` to the overrides of a group, which need not exist; raises KafkaError."""
    current = configs.groups.get(name, {})
    overrides = _applied(current, operations, GROUP.get)
    _check_lengths(overrides)
    configs.preview_group(overrides)
    if not validate_only:
        configs.set_group(name, overrides)


def alter_client_metrics(configs, name, operations, validate_only=False):
    """Apply `operations` to what is set for a client metrics subscription; nothing left ends it. Raises KafkaError."""
    overrides = _applied(configs.client_metrics.get(name), operations, CLIENT_METRICS.get)
    _check_lengths(overrides)
    parse_client_metrics(name, overrides)
    if not validate_only:
        configs.client_metrics.set(name, overrides)


def alter_broker(configs, per_broker, operations, validate_only=False, refusal=None):
    """Apply `operations` to the dynamic configs of this broker, or of all; raises KafkaError.

    `refusal`: what the controller says to who may not; the broker has looked at the configs before.
    """
    current = configs.dynamic_broker if per_broker else configs.dynamic_default
    for _, operation, _ in operations:
        if operation not in _OPERATIONS:
            raise KafkaError(INVALID_REQUEST, f"Unknown operations type {operation}")
    for key, operation, _ in operations:
        if operation in (APPEND, SUBTRACT):
            known = key_of(key)
            if known is None:
                raise KafkaError(INVALID_CONFIG, f"Unknown config name: {key}")
            if known.type != LIST:
                raise KafkaError(INVALID_CONFIG, f"Config value {_OPERATIONS[operation].lower()} is not allowed for config key: {key}")
    overrides = _applied(current, operations, key_of)
    try:
        check_dynamic(overrides, per_broker, configs.settings)
        after = configs.check_dynamic(per_broker, overrides)
        check_threads(overrides, after, configs.settings)
        for check in configs.checks:
            check(after)
    except ConfigError as error:
        raise KafkaError(INVALID_REQUEST, str(error)) from None
    if refusal is not None:
        raise refusal
    if configs.pinned and _PINNED in {name for name, _, _ in operations}:
        _check_pinned(per_broker, overrides)
    _check_lengths(overrides)
    if not validate_only:
        configs.set_dynamic(per_broker, overrides)


def replacing(current, wanted):
    """The operations that turn the configs `current` into exactly `wanted` ((name, text) pairs), as AlterConfigs means it."""
    names = {name for name, _ in wanted}
    return [(name, SET, text) for name, text in wanted] + [(name, DELETE, None) for name in current if name not in names]


def _is_list(name, keys):
    return name in keys and keys[name].type == LIST


def _applied(current, operations, key_of):
    after = dict(current)
    for name, operation, text in operations:
        if operation == SET:
            after[name] = text
        elif operation == DELETE:
            after.pop(name, None)
        else:
            after[name] = ",".join(_merged(after.get(name, key_of(name).default), operation, text))
    return after


def _merged(current, operation, text):
    words = [word for word in (current or "").split(",") if word]
    for word in text.split(","):
        if operation == APPEND and word not in words:
            words.append(word)
        elif operation == SUBTRACT and word in words:
            words.remove(word)
    return words


def _check_pinned(per_broker, overrides):
    if per_broker:
        raise KafkaError(INVALID_CONFIG, f"Broker-level {_PINNED} cannot be altered while ELR is enabled.")
    if _PINNED not in overrides:
        raise KafkaError(INVALID_CONFIG, f"Cluster-level {_PINNED} cannot be removed while ELR is enabled.")


def _check_lengths(overrides):
    for text in overrides.values():
        if len(text) > _MAX_VALUE_LENGTH:
            raise KafkaError(
                INVALID_CONFIG, f"The configuration value cannot be added because it exceeds the maximum value size of {_MAX_VALUE_LENGTH} bytes."
            )
