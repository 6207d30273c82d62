"""aiokafka."""
import asyncio
import contextlib
import time

import pytest

from helpers import TIMEOUT

pytest.importorskip("aiokafka")

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # noqa: E402
from aiokafka import errors  # noqa: E402
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete  # noqa: E402
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType  # noqa: E402


class Kafka:
    """What one test opens: clients of one server, all closed at its end."""

    def __init__(self, bootstrap, unique, stack):
        self.bootstrap, self.unique, self.stack = bootstrap, unique, stack

    async def open(self, client):
        await client.start()
        self.stack.push_async_callback(client.close if isinstance(client, AIOKafkaAdminClient) else client.stop)
        return client

    async def admin(self):
        return await self.open(AIOKafkaAdminClient(bootstrap_servers=self.bootstrap))

    async def producer(self, **options):
        return await self.open(AIOKafkaProducer(bootstrap_servers=self.bootstrap, **options))

    async def consumer(self, *topics, **options):
        options = {"auto_offset_reset": "earliest", "heartbeat_interval_ms": 300, **options}
        return await self.open(AIOKafkaConsumer(*topics, bootstrap_servers=self.bootstrap, **options))

    async def topic(self, prefix="topic", partitions=1, **configs):
        name = self.unique(prefix)
        configs = {key.replace("_", "."): value for key, value in configs.items()}
        admin = await self.admin()
        answer = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        assert [each[1] for each in answer.topic_errors] == [0]

        async def ready():
            described, = await admin.describe_topics([name])
            return [each["error_code"] for each in described["partitions"]] == [0] * partitions
        await eventually(ready)
        return name


@pytest.fixture
def run(bootstrap, unique):
    """run(scenario): call the coroutine function with a Kafka of its own, within the time-out."""
    def run(scenario):
        async def main():
            async with contextlib.AsyncExitStack() as stack:
                await asyncio.wait_for(scenario(Kafka(bootstrap, unique, stack)), TIMEOUT)
        asyncio.run(main())
    return run


async def eventually(condition, timeout=TIMEOUT):
    """Await `condition()` until it gives something true, and return that."""
    deadline = time.monotonic() + timeout
    while not (answer := await condition()):
        assert time.monotonic() < deadline, f"{condition} still {answer!r}"
        await asyncio.sleep(0.02)
    return answer


async def take(consumer, count):
    """Consume until `count` records came; more than that is a failure."""
    records = []
    while len(records) < count:
        for batch in (await consumer.getmany(timeout_ms=500)).values():
            records.extend(batch)
    assert len(records) == count
    return records


async def fill(producer, topic, values, partition=0):
    """Produce the values in order; returns the acknowledged offsets."""
    sent = [await producer.send(topic, value, partition=partition) for value in values]
    return [(await each).offset for each in sent]


def test_keys_values_nulls_and_headers_come_back(run):
    sent = [
        (b"key", b"value", ()),
        (None, b"no key", ()),
        (b"tombstone", None, ()),
        (b"headers", b"value", (("a", b"1"), ("a", b"2"), ("empty", b""), ("näme", bytes(range(256))))),
    ]

    async def scenario(kafka):
        name = await kafka.topic()
        producer = await kafka.producer()
        for key, value, headers in sent:
            await producer.send_and_wait(name, value, key=key, headers=list(headers), timestamp_ms=1_700_000_000_123)
        received = await take(await kafka.consumer(name), len(sent))
        assert [(r.key, r.value, r.headers) for r in received] == sent
        assert [r.offset for r in received] == list(range(len(sent)))
        assert {(r.timestamp, r.timestamp_type) for r in received} == {(1_700_000_000_123, 0)}
    run(scenario)


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_every_codec(run, codec):
    async def scenario(kafka):
        name = await kafka.topic()
        values = [b"%d " % i + b"abcdefgh" * 100 for i in range(500)]
        producer = await kafka.producer(compression_type=codec, linger_ms=10)
        assert await fill(producer, name, values) == list(range(500))
        assert [r.value for r in await take(await kafka.consumer(name), 500)] == values
    run(scenario)


@pytest.mark.parametrize("acks", [0, 1, "all"])
def test_every_acks(run, acks):
    async def scenario(kafka):
        name = await kafka.topic()
        producer = await kafka.producer(acks=acks)
        for i in range(10):
            answer = await producer.send_and_wait(name, b"%d" % i)
            assert acks == 0 or answer.offset == i
        assert [r.value for r in await take(await kafka.consumer(name), 10)] == [b"%d" % i for i in range(10)]
    run(scenario)


def test_idempotent_producer(run):
    async def scenario(kafka):
        name = await kafka.topic(partitions=2)
        producer = await kafka.producer(enable_idempotence=True, max_batch_size=200)
        for partition in range(2):
            assert await fill(producer, name, [b"%d" % i for i in range(200)], partition) == list(range(200))
        received = await take(await kafka.consumer(name), 400)
        for partition in range(2):
            assert [int(r.value) for r in received if r.partition == partition] == list(range(200))
    run(scenario)


def test_ten_megabytes(run):
    async def scenario(kafka):
        name = await kafka.topic(partitions=2)
        values = [b"%06d" % i + bytes([i % 251]) * 10_000 for i in range(1_000)]
        producer = await kafka.producer(max_batch_size=500_000, linger_ms=5)
        sent = [await producer.send(name, value, partition=i % 2) for i, value in enumerate(values)]
        await asyncio.gather(*sent)
        received = await take(await kafka.consumer(name), len(values))
        for partition in range(2):
            assert [r.value for r in received if r.partition == partition] == values[partition::2]
    run(scenario)


def test_seek_pause_and_positions(run):
    async def scenario(kafka):
        name = await kafka.topic(partitions=2)
        first, second = TopicPartition(name, 0), TopicPartition(name, 1)
        producer = await kafka.producer()
        await fill(producer, name, [b"a%d" % i for i in range(10)], 0)
        await fill(producer, name, [b"b%d" % i for i in range(10)], 1)
        reader = await kafka.consumer()
        reader.assign([first, second])
        reader.seek(first, 7)  # before anything is awaited: the client fetches from the start at once
        reader.seek(second, 10)
        assert [r.value for r in await take(reader, 3)] == [b"a7", b"a8", b"a9"]
        assert await reader.beginning_offsets([first, second]) == {first: 0, second: 0}
        assert await reader.end_offsets([first, second]) == {first: 10, second: 10}
        await reader.seek_to_end(first, second)
        assert (await reader.position(first), await reader.position(second)) == (10, 10)
        reader.pause(first)
        await reader.seek_to_beginning(first, second)
        assert [r.value for r in await take(reader, 10)] == [b"b%d" % i for i in range(10)]
        reader.resume(first)
        assert [r.value for r in await take(reader, 10)] == [b"a%d" % i for i in range(10)]
    run(scenario)


def test_offset_out_of_range(run):
    async def scenario(kafka):
        name = await kafka.topic()
        await fill(await kafka.producer(), name, [b"%d" % i for i in range(5)])
        place = TopicPartition(name, 0)
        reader = await kafka.consumer()
        reader.assign([place])
        reader.seek(place, 1000)
        assert [r.offset for r in await take(reader, 5)] == [0, 1, 2, 3, 4]
        strict = await kafka.consumer(auto_offset_reset="none")
        strict.assign([place])
        strict.seek(place, 1000)
        with pytest.raises(errors.OffsetOutOfRangeError):
            await strict.getone()
    run(scenario)


def test_offsets_by_timestamp(run):
    async def scenario(kafka):
        name = await kafka.topic()
        producer = await kafka.producer()
        for stamp in (1000, 3000, 2000, 4000):
            await producer.send_and_wait(name, b"x", timestamp_ms=stamp)
        place = TopicPartition(name, 0)
        reader = await kafka.consumer()
        reader.assign([place])
        found = {}
        for stamp in (0, 1000, 1001, 2000, 3001, 4001):
            at = (await reader.offsets_for_times({place: stamp}))[place]
            found[stamp] = at and (at.offset, at.timestamp)
        assert found == {0: (0, 1000), 1000: (0, 1000), 1001: (1, 3000), 2000: (1, 3000), 3001: (3, 4000), 4001: None}
    run(scenario)


def test_commit_and_resume(run):
    async def scenario(kafka):
        name, group = await kafka.topic(), kafka.unique("group")
        await fill(await kafka.producer(), name, [b"%d" % i for i in range(10)])
        place = TopicPartition(name, 0)
        reader = await kafka.consumer(name, group_id=group, enable_auto_commit=False)
        await take(reader, 10)
        assert await reader.committed(place) is None
        await reader.commit({place: (4, "half way")})
        assert await reader.committed(place) == 4
        await reader.stop()
        again = await kafka.consumer(name, group_id=group, enable_auto_commit=False)
        assert [r.offset for r in await take(again, 6)] == [4, 5, 6, 7, 8, 9]
        await again.commit()
        offsets = await (await kafka.admin()).list_consumer_group_offsets(group)
        assert offsets[place].offset == 10
    run(scenario)


def test_two_consumers_share_and_one_leaves(run):
    async def scenario(kafka):
        name, group = await kafka.topic(partitions=4), kafka.unique("group")
        stays, leaves = [await kafka.consumer(name, group_id=group) for _ in range(2)]

        def partitions(consumer):
            return {place.partition for place in consumer.assignment()}

        async def balanced():
            return (len(partitions(stays)), len(partitions(leaves))) == (2, 2)
        await eventually(balanced)
        assert partitions(stays) | partitions(leaves) == {0, 1, 2, 3}
        producer = await kafka.producer()
        for i in range(4):
            await fill(producer, name, [b"%d" % i], i)
        for each in (stays, leaves):
            assert {r.partition for r in await take(each, 2)} == partitions(each)

        await leaves.stop()

        async def alone():
            return partitions(stays) == {0, 1, 2, 3}
        await eventually(alone)
        for i in range(4):
            await fill(producer, name, [b"after"], i)
        assert sorted((r.partition, r.value) for r in await take(stays, 4)) == [(i, b"after") for i in range(4)]
    run(scenario)


def test_static_member_keeps_its_place(run):
    async def scenario(kafka):
        name, group = await kafka.topic(partitions=2), kafka.unique("group")
        first = await kafka.consumer(name, group_id=group, group_instance_id="worker-1")

        async def assigned():
            return len(first.assignment()) == 2
        await eventually(assigned)
        await first.stop()
        again = await kafka.consumer(name, group_id=group, group_instance_id="worker-1")

        async def assigned_again():
            return len(again.assignment()) == 2
        await eventually(assigned_again)
    run(scenario)


def test_pattern_subscription(run):
    async def scenario(kafka):
        prefix = kafka.unique("pattern")
        names = [await kafka.topic(prefix) for _ in range(2)]
        await kafka.topic("other")
        producer = await kafka.producer()
        for name in names:
            await fill(producer, name, [b"x"])
        reader = await kafka.consumer(group_id=kafka.unique("group"))
        reader.subscribe(pattern=f"^{prefix}-.*")
        assert {r.topic for r in await take(reader, 2)} == set(names)
    run(scenario)


def test_groups_are_listed_and_described(run):
    async def scenario(kafka):
        name, group = await kafka.topic(partitions=2), kafka.unique("group")
        admin = await kafka.admin()
        reader = await kafka.consumer(name, group_id=group, client_id="someone")

        async def assigned():
            return reader.assignment()
        await eventually(assigned)
        assert (group, "consumer") in await admin.list_consumer_groups()
        answer, = await admin.describe_consumer_groups([group])
        (error, group_id, state, protocol_type, protocol, members, *_), = answer.groups
        assert (error, group_id, state, protocol_type, protocol) == (0, group, "Stable", "consumer", "roundrobin")
        assert [(member[1], member[2]) if answer.API_VERSION < 4 else (member[2], member[3]) for member in members] == \
            [("someone", "/127.0.0.1")]
    run(scenario)


def test_topics_are_listed_described_and_deleted(run):
    async def scenario(kafka):
        admin = await kafka.admin()
        name = await kafka.topic(partitions=3)
        assert name in await admin.list_topics()
        described, = await admin.describe_topics([name])
        assert (described["topic"], described["is_internal"], len(described["partitions"])) == (name, False, 3)
        await admin.delete_topics([name])

        async def gone():
            return name not in await admin.list_topics()
        await eventually(gone)
        answer = await admin.delete_topics([name])
        assert answer.topic_error_codes == [(name, errors.UnknownTopicOrPartitionError.errno)]
    run(scenario)


def test_topics_that_cannot_be_created(run):
    async def scenario(kafka):
        admin = await kafka.admin()
        existing = await kafka.topic()
        for refused, error in (
            (NewTopic(existing, 1, 1), errors.TopicAlreadyExistsError),
            (NewTopic(kafka.unique("refused"), 1, 5), errors.InvalidReplicationFactorError),
            (NewTopic(kafka.unique("refused"), 0, 1), errors.InvalidPartitionsError),
            (NewTopic(kafka.unique("refused"), 1, 1, topic_configs={"retention.ms": "soon"}), errors.InvalidConfigurationError),
            (NewTopic("a/b", 1, 1), errors.InvalidTopicError),
        ):
            answer = await admin.create_topics([refused])
            assert [each[1] for each in answer.topic_errors] == [error.errno]
    run(scenario)


def test_partitions_are_added(run):
    async def scenario(kafka):
        admin = await kafka.admin()
        name = await kafka.topic()
        await admin.create_partitions({name: NewPartitions(3)})

        async def grown():
            described, = await admin.describe_topics([name])
            return [each["error_code"] for each in described["partitions"]] == [0, 0, 0]
        await eventually(grown)
        assert await fill(await kafka.producer(), name, [b"new"], 2) == [0]
        record, = await take(await kafka.consumer(name), 1)
        assert record.partition == 2
    run(scenario)


def test_records_are_deleted(run):
    async def scenario(kafka):
        admin = await kafka.admin()
        name = await kafka.topic()
        place = TopicPartition(name, 0)
        await fill(await kafka.producer(), name, [b"%d" % i for i in range(10)])
        assert await admin.delete_records({place: RecordsToDelete(6)}) == {place: 6}
        reader = await kafka.consumer(name)
        assert [r.offset for r in await take(reader, 4)] == [6, 7, 8, 9]
        assert await reader.beginning_offsets([place]) == {place: 6}
    run(scenario)


def test_configs_are_altered_and_described(run):
    async def scenario(kafka):
        admin = await kafka.admin()
        name = await kafka.topic()
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "1234"})])

        async def described():
            answer, = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
            (error, _, _, _, configs), = answer.resources
            assert error == 0
            return {each[0]: each[1] for each in configs}

        async def altered():
            return (await described())["retention.ms"] == "1234"
        await eventually(altered)
        assert (await described())["cleanup.policy"] == "delete"
    run(scenario)


def test_topics_are_created_by_use(run):
    async def scenario(kafka):
        name = kafka.unique("automatic")
        producer = await kafka.producer()
        assert (await producer.send_and_wait(name, b"x")).offset == 0
        record, = await take(await kafka.consumer(name), 1)
        assert record.value == b"x"
    run(scenario)


def test_unknown_partition(run):
    async def scenario(kafka):
        producer = await kafka.producer()
        with pytest.raises(AssertionError, match="Unrecognized partition"):
            await producer.send(await kafka.topic(), b"x", partition=7)
    run(scenario)


def test_oversized_message(run):
    async def scenario(kafka):
        producer = await kafka.producer(max_request_size=5_000_000)
        with pytest.raises(errors.MessageSizeTooLargeError):
            await producer.send_and_wait(await kafka.topic(), bytes(2_000_000))
        limited = await kafka.topic(max_message_bytes="5000")
        with pytest.raises(errors.MessageSizeTooLargeError):
            await producer.send_and_wait(limited, bytes(6000))
        assert (await producer.send_and_wait(limited, b"small enough")).offset == 0
    run(scenario)
