"""Layers of configs: which value holds, and where DescribeConfigs says it comes from.

The expected sources are what Kafka 4.3.1 said with the same server.properties and the same changes.
"""

import pytest

from emulator.state.configs import Configs, TopicConfig, parse_broker_settings
from emulator.state.configs.alter import SET, alter_broker, alter_topic
from wire import errors
from wire.errors import KafkaError

OF_TOPIC, OF_BROKER, OF_CLUSTER, STATIC, DEFAULT = range(1, 6)


def configs(**static):
    return Configs(parse_broker_settings({name.replace("_", "."): value for name, value in static.items()}))


def described(entries, name):
    (entry,) = [entry for entry in entries if entry.key.name == name]
    return entry.value, entry.source, [tuple(synonym) for synonym in entry.synonyms]


def test_a_topics_values_are_resolved_once():
    store = configs()
    config = store.topic("orders")
    assert isinstance(config, TopicConfig) and store.topic("orders") is config
    assert (config.retention_ms, config.segment_bytes, config.cleanup_policy) == (604_800_000, 1 << 30, ("delete",))
    assert (config.delete, config.compact, config.log_append_time) == (True, False, False)
    store.set_topic("orders", {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime", "internal.segment.bytes": "99"})
    changed = store.topic("orders")
    assert changed is not config and (changed.delete, changed.compact, changed.log_append_time, changed.segment_bytes) == (False, True, True, 99)


def test_who_asked_is_told_what_changed():
    store, told = configs(), []
    store.on_change.append(told.append)
    alter_topic(store, "orders", [("retention.ms", SET, "5")])
    alter_topic(store, "orders", [("retention.ms", SET, "5")])  # no change
    alter_broker(store, True, [("message.max.bytes", SET, "100")])
    assert told == ["orders", None]


def test_hours_in_the_file_are_the_topics_milliseconds():
    store = configs(log_retention_hours=24, log_roll_hours=5, log_segment_bytes=5_000_000)
    config = store.topic("t")
    assert (config.retention_ms, config.segment_ms, config.segment_bytes) == (86_400_000, 18_000_000, 5_000_000)
    entries = store.describe_topic("t")
    # Kafka names no source for what another config of the same meaning gave ...
    assert described(entries, "retention.ms") == ("86400000", DEFAULT, [])
    assert described(entries, "segment.bytes") == (
        "5000000", STATIC, [("log.segment.bytes", "5000000", STATIC), ("log.segment.bytes", "1073741824", DEFAULT)],
    )  # fmt: skip
    # ... but its controller does, in the answer to CreateTopics.
    created = {name: (value, source) for name, value, source in store.describe_new_topic({"index.interval.bytes": "5"})}
    assert created["retention.ms"] == ("86400000", STATIC) and created["index.interval.bytes"] == ("5", OF_TOPIC)


def test_dynamic_configs_go_before_the_file():
    store = configs(log_retention_hours=24, compression_type="lz4")
    alter_broker(store, False, [("log.retention.ms", SET, "6000"), ("compression.type", SET, "zstd")])
    alter_broker(store, True, [("log.retention.ms", SET, "5000")])
    assert (store.topic("t").retention_ms, store.topic("t").compression_type) == (5000, "zstd")
    synonyms = [
        ("log.retention.ms", "5000", OF_BROKER), ("log.retention.ms", "6000", OF_CLUSTER),
        ("log.retention.hours", "24", STATIC), ("log.retention.hours", "168", DEFAULT),
    ]  # fmt: skip
    assert described(store.describe_topic("t"), "retention.ms") == ("5000", OF_BROKER, synonyms)
    assert described(store.describe_broker(), "log.retention.ms") == ("5000", OF_BROKER, synonyms)
    assert described(store.describe_broker(), "log.retention.hours")[0] == "168"  # hidden by the dynamic one
    alter_topic(store, "t", [("retention.ms", SET, "7")])
    assert described(store.describe_topic("t"), "retention.ms") == ("7", OF_TOPIC, [("retention.ms", "7", OF_TOPIC), *synonyms])
    assert store.settings.log_retention_ms == 5000


def test_any_negative_retention_is_without_limit():
    store = configs()
    alter_broker(store, True, [("log.retention.ms", SET, "-5")])
    assert store.topic("t").retention_ms == -1


def test_a_refused_change_changes_nothing():
    store = configs()
    for change in (
        lambda: alter_broker(store, True, [("message.max.bytes", SET, "7"), ("log.roll.ms", SET, "0")]),
        lambda: alter_topic(store, "t", [("max.message.bytes", SET, "7"), ("foo", SET, "0")]),
    ):
        with pytest.raises(KafkaError):
            change()
    assert store.topic("t").max_message_bytes == store.settings.message_max_bytes == 1_048_588


def test_a_broker_config_without_effect_is_kept_and_checked():
    store = configs()
    alter_broker(store, True, [("log.cleaner.threads", SET, "2")])
    assert store.settings.value("log.cleaner.threads") == 2
    with pytest.raises(KafkaError) as refusal:
        alter_broker(store, True, [("log.cleaner.threads", SET, "5")])
    assert refusal.value.error == errors.INVALID_REQUEST and "double the current value 2" in refusal.value.message
