"""kafka-python 3."""
import threading
import time
import uuid

import pytest

from helpers import TIMEOUT, eventually

pytest.importorskip("kafka")

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition  # noqa: E402
from kafka import errors  # noqa: E402
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec  # noqa: E402
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor  # noqa: E402
from kafka.coordinator.assignors.range import RangePartitionAssignor  # noqa: E402

WAIT = TIMEOUT * 1000


@pytest.fixture
def admin(bootstrap):
    with KafkaAdminClient(bootstrap_servers=bootstrap) as client:
        yield client


@pytest.fixture
def topic(admin, unique):
    """new("name", partitions=3, **configs) creates a topic of a unique name and waits for its leaders."""
    def new(prefix="topic", partitions=1, **configs):
        name = unique(prefix)
        configs = {key.replace("_", "."): value for key, value in configs.items()}
        admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}},
                            wait_for_metadata=True)
        return name
    return new


@pytest.fixture
def producer(bootstrap):
    opened = []

    def new(**options):
        opened.append(KafkaProducer(bootstrap_servers=bootstrap, **options))
        return opened[-1]
    yield new
    for each in opened:
        each.close()


@pytest.fixture
def consumer(bootstrap):
    opened = []

    def new(*topics, **options):
        # This client sometimes (1 in 40 runs, on Apache Kafka) misses a rebalance; a short session lets it join again.
        options = {"auto_offset_reset": "earliest", "heartbeat_interval_ms": 300, "session_timeout_ms": 6000, **options}
        opened.append(KafkaConsumer(bootstrap_servers=bootstrap, **options))
        if topics:
            for name in topics:  # a leader that joins before it knows the topic would assign nothing
                eventually(lambda: opened[-1].partitions_for_topic(name))
            opened[-1].subscribe(topics)
        return opened[-1]
    yield new
    for each in opened:
        each.close(autocommit=False)


def take(consumer, count):
    """Poll until `count` records came; more than that is a failure."""
    records = []
    deadline = time.monotonic() + TIMEOUT
    while len(records) < count:
        assert time.monotonic() < deadline, f"{len(records)} of {count} records"
        for batch in consumer.poll(timeout_ms=1000).values():
            records.extend(batch)
    assert len(records) == count
    return records


def fill(producer, topic, values, partition=0):
    """Produce the values in order and wait for their acknowledgements; returns the offsets."""
    sent = [producer.send(topic, value, partition=partition) for value in values]
    producer.flush()
    return [future.get(TIMEOUT).offset for future in sent]


def test_keys_values_nulls_and_headers_come_back(topic, producer, consumer):
    name = topic()
    sent = [
        (b"key", b"value", []),
        (None, b"no key", []),
        (b"tombstone", None, []),
        (b"", b"", []),
        (b"headers", b"value", [("a", b"1"), ("a", b"2"), ("empty", b""), ("näme", bytes(range(256)))]),
    ]
    out = producer()
    for key, value, headers in sent:
        out.send(name, value, key=key, headers=headers, timestamp_ms=1_700_000_000_123)
    out.flush()
    received = take(consumer(name), len(sent))
    assert [(r.key, r.value, [tuple(h) for h in r.headers]) for r in received] == sent
    assert [r.offset for r in received] == list(range(len(sent)))
    assert {(r.timestamp, r.timestamp_type) for r in received} == {(1_700_000_000_123, 0)}


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_every_codec(topic, producer, consumer, codec):
    name = topic()
    values = [b"%d " % i + b"abcdefgh" * 100 for i in range(500)]
    assert fill(producer(compression_type=codec, linger_ms=50), name, values) == list(range(500))
    assert [record.value for record in take(consumer(name), 500)] == values


@pytest.mark.parametrize("acks", [0, 1, "all"])
def test_every_acks(topic, producer, consumer, acks):
    name = topic()
    out = producer(acks=acks, enable_idempotence=acks == "all")
    for i in range(10):
        metadata = out.send(name, b"%d" % i).get(TIMEOUT)
        assert metadata.offset == i or acks == 0  # acks=0 has no answer: the client numbers the records itself
    assert [record.value for record in take(consumer(name), 10)] == [b"%d" % i for i in range(10)]


def test_ten_megabytes(topic, producer, consumer):
    name = topic(partitions=2)
    out = producer(batch_size=500_000, linger_ms=20)
    values = [b"%06d" % i + bytes([i % 251]) * 10_000 for i in range(1_000)]
    for i, value in enumerate(values):
        out.send(name, value, partition=i % 2)
    out.flush()
    received = take(consumer(name), len(values))
    for partition in range(2):
        assert [r.value for r in received if r.partition == partition] == values[partition::2]


def test_keys_choose_partitions(topic, producer, consumer):
    name = topic(partitions=4)
    out = producer()
    for i in range(200):
        out.send(name, b"%d" % i, key=b"key-%d" % (i % 20))
    out.flush()
    places = {}
    for record in take(consumer(name), 200):
        places.setdefault(record.key, []).append((record.partition, int(record.value)))
    assert len(places) == 20
    for place in places.values():
        assert len({partition for partition, _ in place}) == 1
        assert [number for _, number in place] == sorted(number for _, number in place)


def test_seek_pause_and_positions(topic, producer, consumer):
    name = topic(partitions=2)
    first, second = TopicPartition(name, 0), TopicPartition(name, 1)
    out = producer()
    fill(out, name, [b"a%d" % i for i in range(10)], partition=0)
    fill(out, name, [b"b%d" % i for i in range(10)], partition=1)
    reader = consumer()
    reader.assign([first, second])
    assert reader.beginning_offsets([first, second]) == {first: 0, second: 0}
    assert reader.end_offsets([first, second]) == {first: 10, second: 10}
    reader.seek(first, 7)
    reader.seek_to_end(second)
    assert reader.position(second) == 10
    assert [r.value for r in take(reader, 3)] == [b"a7", b"a8", b"a9"]
    assert reader.position(first) == 10
    reader.pause(first)
    assert reader.paused() == {first}
    reader.seek_to_beginning(first, second)
    assert [r.value for r in take(reader, 10)] == [b"b%d" % i for i in range(10)]
    assert reader.poll(timeout_ms=200) == {}
    reader.resume(first)
    assert [r.value for r in take(reader, 10)] == [b"a%d" % i for i in range(10)]


def test_offset_out_of_range_resets(topic, producer, consumer):
    name = topic()
    fill(producer(), name, [b"%d" % i for i in range(5)])
    reader = consumer(auto_offset_reset="earliest")
    reader.assign([TopicPartition(name, 0)])
    reader.seek(TopicPartition(name, 0), 1000)
    assert [r.offset for r in take(reader, 5)] == [0, 1, 2, 3, 4]
    strict = consumer(auto_offset_reset="none")
    strict.assign([TopicPartition(name, 0)])
    strict.seek(TopicPartition(name, 0), 1000)
    with pytest.raises(errors.OffsetOutOfRangeError):
        eventually(lambda: strict.poll(timeout_ms=500))


def test_offsets_by_timestamp(topic, producer, consumer, admin):
    name = topic()
    out = producer()
    for stamp in (1000, 3000, 2000, 4000):
        out.send(name, b"%d" % stamp, timestamp_ms=stamp)
        out.flush()
    place = TopicPartition(name, 0)
    reader = consumer()
    reader.assign([place])
    found = {stamp: reader.offsets_for_times({place: stamp})[place] for stamp in (0, 1000, 1001, 2000, 3001, 4001)}
    assert {stamp: at and (at.offset, at.timestamp) for stamp, at in found.items()} == {
        0: (0, 1000), 1000: (0, 1000), 1001: (1, 3000), 2000: (1, 3000), 3001: (3, 4000), 4001: None}
    by_spec = {spec: admin.list_partition_offsets({place: spec})[place].offset
               for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST, OffsetSpec.MAX_TIMESTAMP)}
    assert by_spec == {OffsetSpec.EARLIEST: 0, OffsetSpec.LATEST: 4, OffsetSpec.MAX_TIMESTAMP: 3}


def test_log_append_time(topic, producer, consumer):
    name = topic(message_timestamp_type="LogAppendTime")
    before = time.time() * 1000
    fill(producer(), name, [b"x"])
    record, = take(consumer(name), 1)
    assert record.timestamp_type == 1
    assert abs(record.timestamp - before) < 60_000


def test_commit_and_resume(topic, producer, consumer, unique, admin):
    name, group = topic(), unique("group")
    fill(producer(), name, [b"%d" % i for i in range(10)])
    place = TopicPartition(name, 0)
    reader = consumer(name, group_id=group, enable_auto_commit=False)
    take(reader, 10)
    assert reader.committed(place) is None
    reader.commit({place: OffsetAndMetadata(4, "half way", -1)})
    assert reader.committed(place) == 4
    assert reader.committed(place, metadata=True).metadata == "half way"
    reader.close(autocommit=False)
    again = consumer(name, group_id=group, enable_auto_commit=False)
    assert [r.offset for r in take(again, 6)] == [4, 5, 6, 7, 8, 9]
    again.commit()
    assert admin.list_group_offsets(group)[group][place].offset == 10


class Member(threading.Thread):
    """A consumer polled by a thread of its own, as applications do; `records` and `partitions` tell what it has."""

    def __init__(self, consumer):
        super().__init__(daemon=True)
        self.consumer = consumer
        self.records = []
        self.partitions = set()
        self.leaving = threading.Event()
        self.start()

    def run(self):
        while not self.leaving.is_set():
            for batch in self.consumer.poll(timeout_ms=200).values():
                self.records.extend(batch)
            self.partitions = {place.partition for place in self.consumer.assignment()}
        self.consumer.close()

    def leave(self):
        self.leaving.set()
        self.join(TIMEOUT)


@pytest.mark.parametrize("assignor", [RangePartitionAssignor, CooperativeStickyAssignor])
def test_two_consumers_share_and_one_leaves(topic, producer, consumer, unique, assignor):
    name, group = topic(partitions=4), unique("group")
    stays, leaves = (Member(consumer(name, group_id=group, partition_assignment_strategy=[assignor])) for _ in range(2))
    try:
        eventually(lambda: (len(stays.partitions), len(leaves.partitions)) == (2, 2))
        assert stays.partitions | leaves.partitions == {0, 1, 2, 3}
        out = producer()
        for i in range(4):
            fill(out, name, [b"%d" % i], partition=i)
        eventually(lambda: len(stays.records) + len(leaves.records) == 4)
        for member in (stays, leaves):
            assert {record.partition for record in member.records} == member.partitions

        leaves.leave()
        eventually(lambda: stays.partitions == {0, 1, 2, 3})
        stays.records.clear()
        for i in range(4):
            fill(out, name, [b"after"], partition=i)
        eventually(lambda: len(stays.records) == 4)
        assert [record.value for record in stays.records] == [b"after"] * 4
    finally:
        stays.leave()
        leaves.leave()


def test_static_member_keeps_its_place(topic, consumer, admin, unique):
    name, group = topic(partitions=2), unique("group")

    def members():
        return {m["group_instance_id"]: m["member_id"] for m in admin.describe_groups([group])[group]["members"]}

    first = consumer(name, group_id=group, group_instance_id="worker-1")
    eventually(lambda: first.poll(timeout_ms=50) or len(first.assignment()) == 2)
    before = members()
    assert list(before) == ["worker-1"]
    first.close(autocommit=False)
    assert members() == before  # a static member does not leave when it closes
    again = consumer(name, group_id=group, group_instance_id="worker-1")
    eventually(lambda: again.poll(timeout_ms=50) or len(again.assignment()) == 2)
    after = members()
    assert list(after) == ["worker-1"] and after != before


def test_pattern_subscription(topic, producer, consumer, unique):
    prefix = unique("pattern")
    names = [topic(prefix) for _ in range(2)]
    topic("other")
    for name in names:
        fill(producer(), name, [name.encode()])
    reader = consumer(group_id=unique("group"))
    reader.subscribe(pattern=f"^{prefix}-.*")
    assert {r.topic for r in take(reader, 2)} == set(names)


def test_groups_are_listed_described_and_deleted(topic, consumer, producer, admin, unique):
    name, group = topic(partitions=2), unique("group")
    fill(producer(), name, [b"x"])
    reader = consumer(name, group_id=group, client_id="someone")
    eventually(lambda: reader.poll(timeout_ms=50) or reader.assignment())
    assert group in {each["group_id"] for each in admin.list_groups()}
    described = admin.describe_groups([group])[group]
    assert (described["group_state"], described["protocol_type"], described["protocol_data"]) == ("Stable", "consumer", "range")
    member, = described["members"]
    assert member["client_id"] == "someone"
    assert member["client_host"] == "/127.0.0.1"
    assert member["member_id"].startswith("someone-")
    assert list(admin.delete_groups([group]).values()) == ["NonEmptyGroupError"]
    reader.close()
    eventually(lambda: admin.describe_groups([group])[group]["group_state"] == "Empty")
    assert admin.delete_groups([group]) == {group: "OK"}
    assert group not in {each["group_id"] for each in admin.list_groups()}
    assert admin.delete_groups([group]) == {group: "GroupIdNotFoundError"}


def test_offsets_are_reset_and_deleted(topic, producer, admin, consumer, unique):
    name, group = topic(), unique("group")
    place = TopicPartition(name, 0)
    fill(producer(), name, [b"%d" % i for i in range(10)])
    assert admin.alter_group_offsets(group, {place: OffsetAndMetadata(3, "", -1)}) == {place: errors.NoError}
    assert [r.offset for r in take(consumer(name, group_id=group, enable_auto_commit=False), 7)] == list(range(3, 10))
    fresh = unique("group")
    assert admin.reset_group_offsets(fresh, {place: OffsetSpec.EARLIEST})[place]["offset"] == 0
    assert admin.reset_group_offsets(fresh, {place: OffsetSpec.LATEST})[place]["offset"] == 10
    assert admin.list_group_offsets(fresh)[fresh][place].offset == 10
    admin.delete_group_offsets(fresh, [place])
    assert not admin.list_group_offsets(fresh)[fresh]


def test_topics_are_listed_described_and_deleted(topic, admin):
    name = topic(partitions=3)
    assert name in admin.list_topics()
    described, = admin.describe_topics([name])
    assert (described["name"], described["error_code"], described["is_internal"]) == (name, 0, False)
    assert sorted(p["partition_index"] for p in described["partitions"]) == [0, 1, 2]
    for partition in described["partitions"]:
        assert partition["replica_nodes"] == partition["isr_nodes"] == [partition["leader_id"]]
    by_id, = admin.describe_topics([uuid.UUID(str(described["topic_id"]))])
    assert (by_id["error_code"], by_id["name"], len(by_id["partitions"])) == (0, name, 3)
    admin.delete_topics([name])
    eventually(lambda: name not in admin.list_topics())
    with pytest.raises(errors.UnknownTopicOrPartitionError):
        admin.delete_topics([name])


def test_topics_that_cannot_be_created(topic, admin, unique):
    with pytest.raises(errors.TopicAlreadyExistsError):
        admin.create_topics([topic()])
    for options, error in (
        ({"replication_factor": 5}, errors.InvalidReplicationFactorError),
        ({"num_partitions": 0}, errors.InvalidPartitionsError),
        ({"configs": {"no.such.config": "1"}}, errors.InvalidConfigurationError),
        ({"configs": {"retention.ms": "soon"}}, errors.InvalidConfigurationError),
        ({"assignments": {0: [99]}}, errors.InvalidReplicationAssignmentError),
    ):
        with pytest.raises(error):
            admin.create_topics({unique("refused"): options})
    for name in ("", ".", "..", "a/b", "x" * 250):
        with pytest.raises(errors.InvalidTopicError):
            admin.create_topics([name])
    name = unique("validated")
    admin.create_topics({name: {"num_partitions": 2}}, validate_only=True)
    assert name not in admin.list_topics()


def test_partitions_are_added(topic, admin, producer, consumer):
    name = topic()
    admin.create_partitions({name: 3})
    eventually(lambda: len(admin.describe_topics([name])[0]["partitions"]) == 3)
    assert fill(producer(), name, [b"new"], partition=2) == [0]
    assert take(consumer(name), 1)[0].partition == 2
    with pytest.raises(errors.InvalidPartitionsError):
        admin.create_partitions({name: 2})


def test_records_are_deleted(topic, admin, producer, consumer):
    name = topic()
    place = TopicPartition(name, 0)
    fill(producer(), name, [b"%d" % i for i in range(10)])
    assert admin.delete_records({place: 6})[place]["low_watermark"] == 6
    reader = consumer(name)
    assert [r.offset for r in take(reader, 4)] == [6, 7, 8, 9]
    assert reader.beginning_offsets([place]) == {place: 6}
    with pytest.raises(errors.OffsetOutOfRangeError):
        admin.delete_records({place: 1000})
    assert admin.delete_records({place: -1})[place]["low_watermark"] == 10


def test_configs_are_altered_and_described(topic, admin):
    name = topic(retention_ms="1000")

    def modified():
        described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        return {key: config["value"] for key, config in described["topic"][name].items()}

    assert modified() == {"retention.ms": "1000"}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": "2000", "cleanup.policy": "compact"})])
    eventually(lambda: modified() == {"retention.ms": "1000", "max.message.bytes": "2000", "cleanup.policy": "compact"})
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"cleanup.policy": ("APPEND", "delete")})])
    eventually(lambda: modified()["cleanup.policy"] == "compact,delete")
    admin.reset_configs([ConfigResource(ConfigResourceType.TOPIC, name, ["retention.ms", "cleanup.policy"])])
    eventually(lambda: modified() == {"max.message.bytes": "2000"})
    broker = admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, "1")], config_filter="all")["broker"]["1"]
    assert broker["num.partitions"]["value"] == "1"
    assert broker["message.max.bytes"]["value"] == "1048588"


def test_cluster_is_described(admin, bootstrap):
    cluster = admin.describe_cluster()
    assert cluster["cluster_id"]
    assert [f"{broker['host']}:{broker['port']}" for broker in cluster["brokers"]] == [bootstrap]
    assert cluster["controller_id"] == cluster["brokers"][0]["broker_id"]


def test_topics_are_created_by_use(producer, consumer, unique):
    name = unique("automatic")
    assert fill(producer(), name, [b"x"]) == [0]
    assert take(consumer(name), 1)[0].value == b"x"


def test_unknown_topic_and_partition(topic, producer, consumer, unique):
    name = topic()
    with pytest.raises(Exception, match="[Pp]artition"):
        producer(max_block_ms=3000).send(name, b"x", partition=7).get(10)
    reader = consumer(allow_auto_create_topics=False)
    unknown = unique("unknown")
    assert not reader.partitions_for_topic(unknown)
    assert unknown not in reader.topics()


def test_oversized_message(topic, producer, consumer):
    name = topic()
    out = producer(max_request_size=5_000_000)
    with pytest.raises(errors.MessageSizeTooLargeError):
        out.send(name, bytes(2_000_000)).get(TIMEOUT)
    limited = topic(max_message_bytes="5000")
    with pytest.raises(errors.MessageSizeTooLargeError):
        producer().send(limited, bytes(6000)).get(TIMEOUT)
    fill(producer(), limited, [b"small enough"])
    assert take(consumer(limited), 1)[0].value == b"small enough"


def test_compacted_topic_wants_keys(topic, producer):
    name = topic(cleanup_policy="compact")
    assert producer().send(name, b"value", key=b"key").get(TIMEOUT).offset == 0
    with pytest.raises(errors.InvalidRecordError):
        producer().send(name, b"no key").get(TIMEOUT)
