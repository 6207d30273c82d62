"""librdkafka with group.protocol=consumer (KIP-848), alone and together with members of the classic protocol."""
import time

import pytest

from helpers import TIMEOUT, eventually

pytest.importorskip("confluent_kafka")

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic  # noqa: E402


@pytest.fixture(scope="module")
def bootstrap(bootstrap, own_server, tmp_path_factory):
    """A server that asks members to beat twice a second: each learns what is its own by its next heartbeat."""
    if own_server is None:
        yield bootstrap
        return
    beats = {f"group_consumer_{which}heartbeat_interval_ms": 500 for which in ("", "min_")}
    with own_server(tmp_path_factory.mktemp("beating"), **beats) as address:
        yield address


@pytest.fixture
def admin(bootstrap):
    return AdminClient({"bootstrap.servers": bootstrap})


@pytest.fixture
def topic(admin, unique, bootstrap):
    """new(partitions) -> the name of a topic with ten records in each partition."""
    def new(partitions=1, prefix="topic"):
        name = unique(prefix)
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(TIMEOUT)
        eventually(lambda: len(admin.list_topics(timeout=TIMEOUT).topics[name].partitions) == partitions)
        producer = Producer({"bootstrap.servers": bootstrap})
        for partition in range(partitions):
            for number in range(10):
                producer.produce(name, f"{partition}-{number}", partition=partition)
        assert producer.flush(TIMEOUT) == 0
        return name
    return new


@pytest.fixture
def consumer(bootstrap):
    opened = []

    def new(group, *topics, protocol="consumer", **options):
        classic = {"session.timeout.ms": 10_000, "heartbeat.interval.ms": 300} if protocol == "classic" else {}
        opened.append(Consumer({
            "bootstrap.servers": bootstrap, "group.id": group, "group.protocol": protocol, "auto.offset.reset": "earliest",
            "topic.metadata.refresh.interval.ms": 500, **classic, **{key.replace("_", "."): value for key, value in options.items()}}))
        opened[-1].subscribe(list(topics))
        return opened[-1]
    yield new
    for each in opened:
        each.close()


def read(consumer, count):
    seen = []

    def more():
        message = consumer.poll(0.1)
        if message is not None:
            assert message.error() is None, message.error()
            seen.append(message.value().decode())
        return len(seen) >= count
    eventually(more, f"{count} records")
    return seen


def shared(*consumers):
    """How many partitions each has, as soon as they keep polling and have all of them, each one once."""
    for each in consumers:
        each.poll(0.05)
    held = [(p.topic, p.partition) for each in consumers for p in each.assignment()]
    return len(held) == len(set(held)) and [len(each.assignment()) for each in consumers]


def settle(consumers, *counts):
    eventually(lambda: shared(*consumers) in [list(counts), list(reversed(counts))], f"shares of {counts}")


def kind(admin, group):
    [found] = [one for one in admin.list_consumer_groups().result(TIMEOUT).valid if one.group_id == group]
    return found.type.name


def test_one_member_reads_everything_and_commits(topic, consumer, unique, admin):
    name, group = topic(2), unique("group")
    first = consumer(group, name, enable_auto_commit=False)
    assert sorted(read(first, 20)) == sorted(f"{p}-{n}" for p in range(2) for n in range(10))
    first.commit(asynchronous=False)
    assert {(p.partition, p.offset) for p in first.committed([TopicPartition(name, p) for p in range(2)], TIMEOUT)} == {(0, 10), (1, 10)}
    assert kind(admin, group) == "CONSUMER"


def test_two_members_share_and_one_leaves(topic, consumer, unique):
    name, group = topic(4), unique("group")
    first = consumer(group, name)
    settle([first], 4)
    second = consumer(group, name)
    settle([first, second], 2, 2)
    second.close()
    settle([first], 4)


def test_a_subscription_by_expression_is_the_servers_matter(topic, consumer, unique, admin):
    prefix, group = unique("matched"), unique("group")
    one = topic(2, prefix + "-a")
    member = consumer(group, f"^{prefix}-.*")
    settle([member], 2)
    assert {p.topic for p in member.assignment()} == {one}


def test_new_partitions_are_assigned(topic, consumer, unique, admin):
    name, group = topic(1), unique("group")
    member = consumer(group, name)
    settle([member], 1)
    admin.create_partitions([NewPartitions(name, 3)])[name].result(TIMEOUT)
    settle([member], 3)


def test_a_static_member_comes_back_to_its_partitions(topic, consumer, unique):
    name, group = topic(2), unique("group")
    first = consumer(group, name, group_instance_id="i-1")
    second = consumer(group, name, group_instance_id="i-2")
    settle([first, second], 1, 1)
    held = [(p.topic, p.partition) for p in first.assignment()]
    first.close()
    again = consumer(group, name, group_instance_id="i-1")
    settle([again, second], 1, 1)
    assert [(p.topic, p.partition) for p in again.assignment()] == held


def test_a_taken_instance_id_is_refused(topic, consumer, unique):
    name, group = topic(1), unique("group")
    first = consumer(group, name, group_instance_id="i")
    settle([first], 1)
    second = consumer(group, name, group_instance_id="i")
    with pytest.raises(KafkaException) as refused:
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            message = second.poll(0.1)
            if message is not None and message.error():
                raise KafkaException(message.error())
    assert refused.value.args[0].code() in (KafkaError._FATAL, 111)  # UNRELEASED_INSTANCE_ID


def test_a_group_is_upgraded_live_and_downgraded_again(topic, consumer, unique, admin):
    name, group = topic(4), unique("group")
    old = consumer(group, name, protocol="classic", partition_assignment_strategy="cooperative-sticky")
    settle([old], 4)
    assert kind(admin, group) == "CLASSIC"
    new = consumer(group, name)
    settle([old, new], 2, 2)
    assert kind(admin, group) == "CONSUMER"
    new.close()
    settle([old], 4)
    assert kind(admin, group) == "CLASSIC"


def test_the_last_classic_member_leaves_an_upgraded_group(topic, consumer, unique, admin):
    name, group = topic(2), unique("group")
    old = consumer(group, name, protocol="classic")
    settle([old], 2)
    assert len(read(old, 20)) == 20
    old.commit(asynchronous=False)
    new = consumer(group, name)
    settle([old, new], 1, 1)
    old.close()
    settle([new], 2)
    assert new.poll(1) is None  # nothing is read twice
