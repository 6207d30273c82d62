"""confluent-kafka, that is librdkafka."""
import threading
import time

import pytest

from helpers import TIMEOUT, eventually

pytest.importorskip("confluent_kafka")

from confluent_kafka import (Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError,  # noqa: E402
                             KafkaException, Producer, TopicCollection, TopicPartition)
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions,  # noqa: E402
                                   NewTopic, OffsetSpec, ResourceType)


@pytest.fixture
def admin(bootstrap):
    return AdminClient({"bootstrap.servers": bootstrap})


@pytest.fixture
def topic(admin, unique):
    """new("name", partitions=3, **configs) creates a topic of a unique name and waits for its leaders."""
    def new(prefix="topic", partitions=1, **configs):
        name = unique(prefix)
        configs = {key.replace("_", "."): value for key, value in configs.items()}
        admin.create_topics([NewTopic(name, partitions, 1, config=configs)])[name].result(TIMEOUT)
        eventually(lambda: leaders(admin, name) == partitions)
        return name
    return new


def leaders(admin, name):
    partitions = admin.list_topics(timeout=TIMEOUT).topics.get(name)
    return partitions and sum(each.leader >= 0 for each in partitions.partitions.values())


@pytest.fixture
def producer(bootstrap):
    def new(**options):
        return Producer({"bootstrap.servers": bootstrap, "linger.ms": 0,
                         **{key.replace("_", "."): value for key, value in options.items()}})
    return new


@pytest.fixture
def consumer(bootstrap, unique):
    opened = []

    def new(*topics, group=None, **options):
        opened.append(Consumer({
            "bootstrap.servers": bootstrap, "group.id": group or unique("group"), "auto.offset.reset": "earliest",
            "heartbeat.interval.ms": 300, "topic.metadata.refresh.interval.ms": 500,
            **{key.replace("_", "."): value for key, value in options.items()}}))
        if topics:
            opened[-1].subscribe(list(topics))
        return opened[-1]
    yield new
    for each in opened:
        each.close()


def take(consumer, count):
    """Consume until `count` records came; more than that is a failure."""
    messages = []
    deadline = time.monotonic() + TIMEOUT
    while len(messages) < count:
        assert time.monotonic() < deadline, f"{len(messages)} of {count} messages"
        for message in consumer.consume(count, timeout=0.5):
            assert message.error() is None, message.error()
            messages.append(message)
    assert len(messages) == count
    return messages


def send(producer, topic, *records):
    """Produce records, each the keyword arguments of produce(), and wait; returns (error, message) of each in order."""
    reports = []
    for record in records:
        producer.produce(topic, on_delivery=lambda error, message: reports.append((error, message)), **record)
    assert producer.flush(TIMEOUT) == 0
    return reports


def fill(producer, topic, values, partition=0):
    """Produce the values in order; returns the acknowledged offsets."""
    reports = send(producer, topic, *({"value": value, "partition": partition} for value in values))
    assert [error for error, _ in reports if error] == []
    return [message.offset() for _, message in reports]


def code(caught):
    return caught.value.args[0].code()


def test_keys_values_nulls_and_headers_come_back(topic, producer, consumer):
    name = topic()
    sent = [
        (b"key", b"value", None),
        (None, b"no key", None),
        (b"tombstone", None, None),
        (None, None, None),
        (b"headers", b"value", [("a", b"1"), ("a", b"2"), ("empty", b""), ("null", None), ("näme", bytes(range(256)))]),
    ]
    send(producer(), name, *({"key": key, "value": value, "headers": headers, "timestamp": 1_700_000_000_123}
                             for key, value, headers in sent))
    received = take(consumer(name), len(sent))
    assert [(m.key(), m.value(), m.headers()) for m in received] == sent
    assert [m.offset() for m in received] == list(range(len(sent)))
    assert {m.timestamp() for m in received} == {(1, 1_700_000_000_123)}


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec(topic, producer, consumer, codec):
    name = topic()
    values = [b"%d " % i + b"abcdefgh" * 100 for i in range(1000)]
    assert fill(producer(compression_type=codec, linger_ms=50), name, values) == list(range(1000))
    assert [m.value() for m in take(consumer(name), 1000)] == values


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd", "uncompressed"])
def test_topic_recompresses(topic, producer, consumer, codec):
    """compression.type of a topic: the broker stores what comes in that codec."""
    name = topic(compression_type=codec)
    values = [b"%d " % i + b"abcdefgh" * 100 for i in range(100)]
    fill(producer(compression_type="gzip" if codec == "lz4" else "lz4", linger_ms=50), name, values)
    assert [m.value() for m in take(consumer(name), 100)] == values


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_acks(topic, producer, consumer, acks):
    name = topic()
    fill(producer(acks=acks), name, [b"%d" % i for i in range(100)])
    assert [m.value() for m in take(consumer(name), 100)] == [b"%d" % i for i in range(100)]


def test_idempotent_producer(topic, producer, consumer):
    name = topic(partitions=2)
    out = producer(enable_idempotence=True, batch_num_messages=7)
    for partition in range(2):
        assert fill(out, name, [b"%d" % i for i in range(500)], partition) == list(range(500))
    received = take(consumer(name), 1000)
    for partition in range(2):
        assert [int(m.value()) for m in received if m.partition() == partition] == list(range(500))


def test_ten_megabytes(topic, producer, consumer):
    name = topic(partitions=2)
    values = [b"%06d" % i + bytes([i % 251]) * 10_000 for i in range(1_000)]
    out = producer(linger_ms=5)
    reports = send(out, name, *({"value": value, "partition": i % 2} for i, value in enumerate(values)))
    assert [error for error, _ in reports if error] == []
    received = take(consumer(name), len(values))
    for partition in range(2):
        assert [m.value() for m in received if m.partition() == partition] == values[partition::2]


def test_one_large_message(topic, producer, consumer):
    name = topic(max_message_bytes="8000000")
    value = bytes(range(256)) * 20_000
    assert fill(producer(message_max_bytes=8_000_000), name, [value]) == [0]
    received, = take(consumer(name), 1)
    assert received.value() == value


def test_seek_pause_and_positions(topic, producer, consumer):
    name = topic(partitions=2)
    out = producer()
    fill(out, name, [b"a%d" % i for i in range(10)], partition=0)
    fill(out, name, [b"b%d" % i for i in range(10)], partition=1)
    reader = consumer()
    first, second = TopicPartition(name, 0, 7), TopicPartition(name, 1, 8)
    assert reader.get_watermark_offsets(first, timeout=TIMEOUT) == (0, 10)
    reader.assign([first, second])
    assert {m.value() for m in take(reader, 5)} == {b"a7", b"a8", b"a9", b"b8", b"b9"}
    assert [place.offset for place in reader.position([first, second])] == [10, 10]
    reader.pause([first])
    reader.seek(TopicPartition(name, 0, 0))
    reader.seek(TopicPartition(name, 1, 0))
    assert [m.value() for m in take(reader, 10)] == [b"b%d" % i for i in range(10)]
    reader.resume([first])
    assert [m.value() for m in take(reader, 10)] == [b"a%d" % i for i in range(10)]


def test_offset_out_of_range(topic, producer, consumer):
    name = topic()
    fill(producer(), name, [b"%d" % i for i in range(5)])
    reader = consumer()
    reader.assign([TopicPartition(name, 0, 1000)])
    assert [m.offset() for m in take(reader, 5)] == [0, 1, 2, 3, 4]
    strict = consumer(auto_offset_reset="error")
    strict.assign([TopicPartition(name, 0, 1000)])
    message = eventually(lambda: strict.poll(1))
    assert message.error().code() == KafkaError._AUTO_OFFSET_RESET


def test_offsets_by_timestamp(topic, producer, consumer, admin):
    name = topic()
    out = producer()
    for stamp in (1000, 3000, 2000, 4000):
        send(out, name, {"value": b"x", "timestamp": stamp})
    reader = consumer()
    asked = [0, 1000, 1001, 2000, 3001, 4001]
    found = [reader.offsets_for_times([TopicPartition(name, 0, stamp)], TIMEOUT)[0].offset for stamp in asked]
    assert found == [0, 0, 1, 1, 3, -1]
    place = TopicPartition(name, 0)
    for spec, offset in ((OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 4), (OffsetSpec.max_timestamp(), 3),
                         (OffsetSpec.for_timestamp(2500), 1)):
        assert admin.list_offsets({place: spec})[place].result(TIMEOUT).offset == offset


def test_commit_and_resume(topic, producer, consumer, admin, unique):
    name, group = topic(), unique("group")
    fill(producer(), name, [b"%d" % i for i in range(10)])
    reader = consumer(name, group=group, enable_auto_commit=False)
    take(reader, 10)
    place = TopicPartition(name, 0)
    assert reader.committed([place], TIMEOUT)[0].offset == -1001  # OFFSET_INVALID: none
    done, = reader.commit(offsets=[TopicPartition(name, 0, 4, "half way")], asynchronous=False)
    assert done.error is None
    committed, = reader.committed([place], TIMEOUT)
    assert (committed.offset, committed.metadata) == (4, "half way")
    reader.close()
    again = consumer(name, group=group, enable_auto_commit=False)
    assert [m.offset() for m in take(again, 6)] == [4, 5, 6, 7, 8, 9]
    again.commit(asynchronous=False)
    offsets = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(TIMEOUT)
    assert [(each.topic, each.partition, each.offset) for each in offsets.topic_partitions] == [(name, 0, 10)]


class Member(threading.Thread):
    """A consumer polled by a thread of its own, as applications do; `messages` and `partitions` tell what it has."""

    def __init__(self, consumer):
        super().__init__(daemon=True)
        self.consumer = consumer
        self.messages = []
        self.partitions = set()
        self.leaving = threading.Event()
        self.start()

    def run(self):
        while not self.leaving.is_set():
            self.messages.extend(self.consumer.consume(100, timeout=0.1))
            self.partitions = {place.partition for place in self.consumer.assignment()}
        self.consumer.close()

    def leave(self):
        self.leaving.set()
        self.join(TIMEOUT)


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_two_consumers_share_and_one_leaves(topic, producer, consumer, unique, strategy):
    name, group = topic(partitions=4), unique("group")
    # Where an assignment ends before librdkafka has its offsets, which wait behind its fetches, it begins the next one at those.
    options = {"group": group, "partition_assignment_strategy": strategy, "fetch_wait_max_ms": 20}
    stays = Member(consumer(name, **options))
    eventually(lambda: len(stays.partitions) == 4)
    leaves = Member(consumer(name, **options))
    try:
        eventually(lambda: (len(stays.partitions), len(leaves.partitions)) == (2, 2))
        assert stays.partitions | leaves.partitions == {0, 1, 2, 3}
        out = producer()
        for i in range(4):
            fill(out, name, [b"%d" % i], partition=i)
        eventually(lambda: len(stays.messages) + len(leaves.messages) == 4)
        for member in (stays, leaves):
            assert {message.partition() for message in member.messages} == member.partitions

        leaves.leave()
        eventually(lambda: stays.partitions == {0, 1, 2, 3})
        stays.messages.clear()
        for i in range(4):
            fill(out, name, [b"after"], partition=i)
        eventually(lambda: len(stays.messages) == 4)
        assert [message.value() for message in stays.messages] == [b"after"] * 4
    finally:
        stays.leave()
        leaves.leave()


def test_static_member_keeps_its_place(topic, consumer, admin, unique):
    name, group = topic(partitions=2), unique("group")

    def members():
        described = admin.describe_consumer_groups([group])[group].result(TIMEOUT)
        return {member.group_instance_id: member.member_id for member in described.members}

    first = consumer(name, group=group, group_instance_id="worker-1")
    eventually(lambda: first.poll(0.05) or len(first.assignment()) == 2)
    before = members()
    assert list(before) == ["worker-1"]
    first.close()
    assert members() == before  # a static member does not leave when it closes
    again = consumer(name, group=group, group_instance_id="worker-1")
    eventually(lambda: again.poll(0.05) or len(again.assignment()) == 2)
    after = members()
    assert list(after) == ["worker-1"] and after != before


def test_static_member_is_fenced_by_its_double(topic, consumer, unique):
    name, group = topic(), unique("group")
    first = consumer(name, group=group, group_instance_id="worker-1")
    eventually(lambda: first.poll(0.05) or first.assignment())
    second = consumer(name, group=group, group_instance_id="worker-1")
    eventually(lambda: second.poll(0.05) or second.assignment())

    def fenced():
        message = first.poll(0.05)
        return message and message.error() and message.error().code() in (KafkaError.FENCED_INSTANCE_ID, KafkaError._FATAL)
    eventually(fenced)


def test_pattern_subscription(topic, producer, consumer, unique):
    prefix = unique("pattern")
    names = [topic(prefix) for _ in range(2)]
    topic("other")
    for name in names:
        fill(producer(), name, [name.encode()])
    assert {m.topic() for m in take(consumer(f"^{prefix}-.*"), 2)} == set(names)


def test_groups_are_listed_described_and_deleted(topic, consumer, admin, unique):
    name, group = topic(partitions=2), unique("group")
    reader = consumer(name, group=group, client_id="someone")
    eventually(lambda: reader.poll(0.05) or reader.assignment())
    described = admin.describe_consumer_groups([group])[group].result(TIMEOUT)
    assert (described.state, described.partition_assignor, described.is_simple_consumer_group) == \
        (ConsumerGroupState.STABLE, "range", False)
    member, = described.members
    assert (member.client_id, member.host) == ("someone", "/127.0.0.1")
    assert {(each.topic, each.partition) for each in member.assignment.topic_partitions} == {(name, 0), (name, 1)}
    listed = {each.group_id: each.state for each in admin.list_consumer_groups().result(TIMEOUT).valid}
    assert listed[group] == ConsumerGroupState.STABLE
    with pytest.raises(KafkaException) as caught:
        admin.delete_consumer_groups([group])[group].result(TIMEOUT)
    assert code(caught) == KafkaError.NON_EMPTY_GROUP
    reader.close()
    states = {ConsumerGroupState.EMPTY}
    eventually(lambda: admin.describe_consumer_groups([group])[group].result(TIMEOUT).state in states)
    only_empty = admin.list_consumer_groups(states=states).result(TIMEOUT).valid
    assert group in {each.group_id for each in only_empty}
    admin.delete_consumer_groups([group])[group].result(TIMEOUT)
    with pytest.raises(KafkaException) as caught:
        admin.delete_consumer_groups([group])[group].result(TIMEOUT)
    assert code(caught) == KafkaError.GROUP_ID_NOT_FOUND


def test_offsets_are_altered(topic, producer, consumer, admin, unique):
    name, group = topic(), unique("group")
    fill(producer(), name, [b"%d" % i for i in range(10)])
    reset = ConsumerGroupTopicPartitions(group, [TopicPartition(name, 0, 3)])
    admin.alter_consumer_group_offsets([reset])[group].result(TIMEOUT)
    assert [m.offset() for m in take(consumer(name, group=group), 7)] == list(range(3, 10))


def test_topics_are_listed_described_and_deleted(topic, admin):
    name = topic(partitions=3)
    described = admin.describe_topics(TopicCollection([name]))[name].result(TIMEOUT)
    assert (described.name, described.is_internal, [p.id for p in described.partitions]) == (name, False, [0, 1, 2])
    for partition in described.partitions:
        assert [node.id for node in partition.isr] == [node.id for node in partition.replicas] == [partition.leader.id]
    admin.delete_topics([name])[name].result(TIMEOUT)
    eventually(lambda: name not in admin.list_topics(timeout=TIMEOUT).topics)
    with pytest.raises(KafkaException) as caught:
        admin.delete_topics([name])[name].result(TIMEOUT)
    assert code(caught) == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_topics_that_cannot_be_created(topic, admin, unique):
    existing = topic()
    for refused, error in (
        (NewTopic(existing, 1, 1), KafkaError.TOPIC_ALREADY_EXISTS),
        (NewTopic(unique("refused"), 1, 5), KafkaError.INVALID_REPLICATION_FACTOR),
        (NewTopic(unique("refused"), 1, 1, config={"no.such.config": "1"}), KafkaError.INVALID_CONFIG),
        (NewTopic(unique("refused"), 1, replica_assignment=[[99]]), KafkaError.INVALID_REPLICA_ASSIGNMENT),
        (NewTopic("a/b", 1, 1), KafkaError.TOPIC_EXCEPTION),
    ):
        with pytest.raises(KafkaException) as caught:
            admin.create_topics([refused])[refused.topic].result(TIMEOUT)
        assert code(caught) == error, refused
    name = unique("validated")
    admin.create_topics([NewTopic(name, 2, 1)], validate_only=True)[name].result(TIMEOUT)
    assert name not in admin.list_topics(timeout=TIMEOUT).topics


def test_partitions_are_added(topic, admin, producer, consumer):
    name = topic()
    admin.create_partitions([NewPartitions(name, 3)])[name].result(TIMEOUT)
    eventually(lambda: leaders(admin, name) == 3)
    assert fill(producer(), name, [b"new"], partition=2) == [0]
    assert take(consumer(name), 1)[0].partition() == 2
    with pytest.raises(KafkaException) as caught:
        admin.create_partitions([NewPartitions(name, 2)])[name].result(TIMEOUT)
    assert code(caught) == KafkaError.INVALID_PARTITIONS


def test_records_are_deleted(topic, admin, producer, consumer):
    name = topic()
    place = TopicPartition(name, 0, 6)
    fill(producer(), name, [b"%d" % i for i in range(10)])
    assert admin.delete_records([place])[place].result(TIMEOUT).low_watermark == 6
    reader = consumer(name)
    assert [m.offset() for m in take(reader, 4)] == [6, 7, 8, 9]
    assert reader.get_watermark_offsets(place, timeout=TIMEOUT) == (6, 10)
    with pytest.raises(KafkaException) as caught:
        beyond = TopicPartition(name, 0, 1000)
        admin.delete_records([beyond])[beyond].result(TIMEOUT)
    assert code(caught) == KafkaError.OFFSET_OUT_OF_RANGE


def test_configs_are_altered_and_described(topic, admin):
    name = topic(retention_ms="1000")
    resource = ConfigResource(ResourceType.TOPIC, name)

    def described():
        configs = admin.describe_configs([resource])[resource].result(TIMEOUT)
        return {key: (entry.value, entry.is_default, entry.is_read_only) for key, entry in configs.items()}

    before = described()
    assert before["retention.ms"] == ("1000", False, False)
    assert before["cleanup.policy"] == ("delete", True, False)
    change = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[
        ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND),
        ConfigEntry("retention.ms", None, incremental_operation=AlterConfigOpType.DELETE),
        ConfigEntry("max.message.bytes", "2000", incremental_operation=AlterConfigOpType.SET)])
    admin.incremental_alter_configs([change])[change].result(TIMEOUT)
    eventually(lambda: described()["max.message.bytes"] == ("2000", False, False))
    after = described()
    assert after["cleanup.policy"] == ("delete,compact", False, False)
    assert after["retention.ms"] == ("604800000", True, False)
    refused = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[
        ConfigEntry("retention.ms", "soon", incremental_operation=AlterConfigOpType.SET)])
    with pytest.raises(KafkaException) as caught:
        admin.incremental_alter_configs([refused])[refused].result(TIMEOUT)
    assert code(caught) == KafkaError.INVALID_CONFIG


def test_cluster_is_described(admin, bootstrap):
    cluster = admin.describe_cluster().result(TIMEOUT)
    assert cluster.cluster_id == admin.list_topics(timeout=TIMEOUT).cluster_id
    assert [f"{node.host}:{node.port}" for node in cluster.nodes] == [bootstrap]
    assert cluster.controller.id == cluster.nodes[0].id


def test_topics_are_created_by_use(producer, consumer, unique):
    name = unique("automatic")
    (error, message), = send(producer(), name, {"value": b"x"})
    assert (error, message.offset()) == (None, 0)
    assert take(consumer(name), 1)[0].value() == b"x"


def test_unknown_topic_and_partition(topic, producer, consumer, unique):
    (error, _), = send(producer(), topic(), {"value": b"x", "partition": 7})
    assert error.code() == KafkaError._UNKNOWN_PARTITION
    out = producer(allow_auto_create_topics=False, topic_metadata_propagation_max_ms=100)
    (error, _), = send(out, unique("unknown"), {"value": b"x"})
    assert error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
    reader = consumer(unique("unknown"))
    message = eventually(lambda: reader.poll(0.5))
    assert message.error().code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_oversized_message(topic, producer, consumer):
    name = topic()
    (error, _), = send(producer(message_max_bytes=5_000_000), name, {"value": bytes(2_000_000)})
    assert error.code() == KafkaError.MSG_SIZE_TOO_LARGE
    limited = topic(max_message_bytes="5000")
    (error, _), = send(producer(), limited, {"value": bytes(6000)})
    assert error.code() == KafkaError.MSG_SIZE_TOO_LARGE
    fill(producer(), limited, [b"small enough"])
    assert take(consumer(limited), 1)[0].value() == b"small enough"


def test_the_end_of_a_partition_is_told(topic, producer, consumer):
    name = topic()
    fill(producer(), name, [b"x"])
    reader = consumer(name, enable_partition_eof=True)
    first = eventually(lambda: reader.poll(0.5))
    assert first.value() == b"x"
    end = eventually(lambda: reader.poll(0.5))
    assert (end.error().code(), end.offset()) == (KafkaError._PARTITION_EOF, 1)
