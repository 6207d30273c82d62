"""A broker's own metadata log, read for what it says of topics and configs."""

import pytest

from emulator.runtime.log_manager.kafka_metadata import KafkaMetadata
from wire.internal.cluster_metadata import ConfigRecord, ProducerIdsRecord, RemoveTopicRecord, TopicRecord
from wire.records import Record, build_batch

OLD, NEW, OTHER = (bytes([number]) * 16 for number in range(3))


def write(path, base_offset, *values):
    records = [Record(base_offset + index, 0, None, value, ()) for index, value in enumerate(values)]
    path.write_bytes(bytes(build_batch(records, base_offset=base_offset)))


def topic(name, topic_id):
    return TopicRecord.value(name=name, topic_id=topic_id)


def config(kind, resource, name, value):
    return ConfigRecord.value(resource_type=kind, resource_name=resource, name=name, value=value)


def test_the_last_word_counts(tmp_path):
    write(
        tmp_path / "00000000000000000000.log", 0,
        topic("t", OLD), config(2, "t", "retention.ms", "1"), RemoveTopicRecord.value(topic_id=OLD),
        topic("t", NEW), config(2, "t", "cleanup.policy", "delete"), config(2, "t", "cleanup.policy", "compact"),
        config(2, "t", "flush.ms", "5"), config(2, "t", "flush.ms", None), topic("u", OTHER),
        config(4, "", "log.retention.ms", "7"), config(4, "1", "log.cleaner.backoff.ms", "8"),
        config(32, "g", "share.isolation.level", "read_committed"), bytes((1, 99, 0, 7)),  # of a kind that is not known
        ProducerIdsRecord.value(broker_id=1, broker_epoch=5, next_producer_id=3000),
    )  # fmt: skip
    found = KafkaMetadata(str(tmp_path))
    assert found.configs("t", NEW) == {"cleanup.policy": "compact"}
    assert found.configs("t", OLD) is None and found.configs("u", NEW) is None
    assert found.configs("u", OTHER) == {}
    assert found.brokers == {"": {"log.retention.ms": "7"}, "1": {"log.cleaner.backoff.ms": "8"}}
    assert found.groups == {"g": {"share.isolation.level": "read_committed"}}
    assert found.next_producer_id == 3000


def test_a_snapshot_comes_before_what_follows_it(tmp_path):
    write(tmp_path / "00000000000000000000.log", 0, topic("t", OLD), config(2, "t", "retention.ms", "1"), config(2, "t", "flush.ms", "1"))
    write(tmp_path / "00000000000000000002-0000000001.checkpoint", 0, topic("t", OLD))
    write(tmp_path / "00000000000000000003-0000000001.checkpoint", 0, topic("t", OLD), config(2, "t", "retention.ms", "2"))
    write(tmp_path / "00000000000000000003.log", 3, config(2, "t", "max.message.bytes", "3"))
    assert KafkaMetadata(str(tmp_path)).configs("t", OLD) == {"retention.ms": "2", "max.message.bytes": "3"}


def test_what_cannot_be_read_says_so(tmp_path):
    write(tmp_path / "00000000000000000000.log", 0, b"\1\2")
    with pytest.raises(ValueError):
        KafkaMetadata(str(tmp_path))
