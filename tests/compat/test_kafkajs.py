"""kafkajs, driven through js/kafka.js: one Node process for the whole file."""
import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from helpers import TIMEOUT, eventually

HERE = Path(__file__).resolve().parent
MODULES = HERE / ".cache/node/node_modules"

pytestmark = [pytest.mark.needs("node", str(MODULES / "kafkajs"))]


class KafkaJSError(Exception):
    def __init__(self, error):
        super().__init__(error)
        causes = error.get("errors") or [error]
        self.types = [cause.get("type") or cause.get("name") for cause in causes]


class Node:
    """A Node process that does what it is told: node("produce", topic=..., messages=[...]) -> its answer."""

    def __init__(self, bootstrap, log):
        self.process = subprocess.Popen(
            ["node", HERE / "js/kafka.js", bootstrap], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            text=True, env={**os.environ, "NODE_PATH": str(MODULES)})

    def __call__(self, command, **options):
        self.process.stdin.write(json.dumps({"command": command, **options}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "node ended"
        told = json.loads(line, object_hook=unwrapped)
        if "error" in told:
            raise KafkaJSError(told["error"])
        return told.get("answer")

    def admin(self, method, **options):
        return self("admin", method=method, options=options)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(TIMEOUT) == 0


def unwrapped(each):
    return base64.b64decode(each["base64"]) if set(each) == {"base64"} else each


def wrap(value):
    return value if value is None else {"base64": base64.b64encode(value).decode()}


@pytest.fixture(scope="module")
def node(bootstrap, tmp_path_factory):
    log = tmp_path_factory.mktemp("node") / "stderr"
    with open(log, "w") as stderr:
        process = Node(bootstrap, stderr)
        yield process
        process.close()
    assert "Error" not in log.read_text()


@pytest.fixture
def topic(node, unique):
    """new("name", partitions=3, **configs) creates a topic of a unique name and waits for its leaders."""
    def new(prefix="topic", partitions=1, **configs):
        name = unique(prefix)
        entries = [{"name": key.replace("_", "."), "value": value} for key, value in configs.items()]
        assert node.admin("createTopics", waitForLeaders=True, topics=[
            {"topic": name, "numPartitions": partitions, "replicationFactor": 1, "configEntries": entries}])
        return name
    return new


@pytest.fixture
def consumer(node, unique):
    """new(topic, ...) starts a consumer and returns its id; all are stopped at the end."""
    running = []

    def new(*topics, group=None, run=None, **options):
        running.append(unique("consumer"))
        node("consume", id=running[-1], topics=topics, run=run or {}, options={"groupId": group or unique("group"), **options})
        return running[-1]

    def stop(identity):
        node("stop", id=identity)
        running.remove(identity)
    new.stop = stop
    yield new
    for each in running:
        node("stop", id=each)


def take(node, identity, count):
    """What the consumer got, once that are `count` messages; more is a failure. They are forgotten there."""
    def enough():
        state = node("consumed", id=identity)
        assert not state["crash"], state["crash"]
        return len(state["messages"]) >= count and state["messages"]
    messages = eventually(enough)
    assert len(messages) == count
    node("forget", id=identity)
    return messages


def fill(node, topic, values, partition=0, **options):
    messages = [{"value": wrap(value), "partition": partition} for value in values]
    return node("produce", topic=topic, messages=messages, **options)


def assigned(node, identity, topic):
    return set(node("consumed", id=identity)["assignment"].get(topic, ()))


def test_keys_values_nulls_and_headers_come_back(node, topic, consumer):
    name = topic()
    sent = [
        (b"key", b"value", {}),
        (None, b"no key", {}),
        (b"tombstone", None, {}),
        (b"headers", b"value", {"a": b"1", "empty": b"", "näme": bytes(range(256))}),
    ]
    node("produce", topic=name, messages=[
        {"key": wrap(key), "value": wrap(value), "headers": {k: wrap(v) for k, v in headers.items()},
         "timestamp": "1700000000123"} for key, value, headers in sent])
    received = take(node, consumer(name), len(sent))
    assert [(m["key"], m["value"], m["headers"]) for m in received] == sent
    assert [m["offset"] for m in received] == ["0", "1", "2", "3"]
    assert {m["timestamp"] for m in received} == {"1700000000123"}


@pytest.mark.parametrize("codec", ["None", "GZIP", "Snappy", "ZSTD"])
def test_every_codec(node, topic, consumer, codec):
    name = topic()
    values = [b"%d " % i + b"abcdefgh" * 100 for i in range(200)]
    answer, = fill(node, name, values, codec=codec)
    assert (answer["errorCode"], answer["baseOffset"]) == (0, "0")
    assert [m["value"] for m in take(node, consumer(name), 200)] == values


@pytest.mark.parametrize("acks", [0, 1, -1])
def test_every_acks(node, topic, consumer, acks):
    name = topic()
    for value in (b"a", b"b"):
        fill(node, name, [value], acks=acks)
    assert [m["value"] for m in take(node, consumer(name), 2)] == [b"a", b"b"]


def test_idempotent_producer(node, topic, consumer):
    name = topic()
    for i in range(20):
        answer, = fill(node, name, [b"%d" % i], producer={"idempotent": True, "maxInFlightRequests": 1})
        assert answer["baseOffset"] == str(i)
    assert [m["value"] for m in take(node, consumer(name), 20)] == [b"%d" % i for i in range(20)]


def test_ten_megabytes(node, topic, consumer):
    name = topic(partitions=2)
    values = [b"%06d" % i + bytes([i % 251]) * 10_000 for i in range(1_000)]
    for start in range(0, 1_000, 50):
        for partition in range(2):
            fill(node, name, values[start + partition:start + 50:2], partition)
    received = take(node, consumer(name), len(values))
    for partition in range(2):
        assert [m["value"] for m in received if m["partition"] == partition] == values[partition::2]


def test_seek_and_pause(node, topic, consumer):
    name = topic()
    fill(node, name, [b"%d" % i for i in range(10)])
    reader = consumer(name)
    take(node, reader, 10)
    node("seek", id=reader, topic=name, partition=0, offset="7")
    assert [m["offset"] for m in take(node, reader, 3)] == ["7", "8", "9"]
    node("pause", id=reader, topics=[{"topic": name}])
    fill(node, name, [b"paused"])
    assert node("consumed", id=reader)["messages"] == []
    node("resume", id=reader, topics=[{"topic": name}])
    assert [m["value"] for m in take(node, reader, 1)] == [b"paused"]


def test_commit_and_resume(node, topic, consumer, unique):
    name, group = topic(), unique("group")
    fill(node, name, [b"%d" % i for i in range(10)])
    reader = consumer(name, group=group, run={"autoCommit": False})
    take(node, reader, 10)
    node("commit", id=reader, offsets=[{"topic": name, "partition": 0, "offset": "4", "metadata": "half way"}])
    fetched, = node.admin("fetchOffsets", groupId=group, topics=[name])
    assert fetched["partitions"] == [{"partition": 0, "offset": "4", "metadata": "half way"}]
    consumer.stop(reader)
    assert [m["offset"] for m in take(node, consumer(name, group=group), 6)] == ["4", "5", "6", "7", "8", "9"]


def test_two_consumers_share_and_one_leaves(node, topic, consumer, unique):
    name, group = topic(partitions=4), unique("group")
    stays, leaves = consumer(name, group=group), consumer(name, group=group)
    eventually(lambda: [len(assigned(node, each, name)) for each in (stays, leaves)] == [2, 2])
    assert assigned(node, stays, name) | assigned(node, leaves, name) == {0, 1, 2, 3}
    for i in range(4):
        fill(node, name, [b"%d" % i], i)
    for each in (stays, leaves):
        assert {m["partition"] for m in take(node, each, 2)} == assigned(node, each, name)
    consumer.stop(leaves)
    eventually(lambda: assigned(node, stays, name) == {0, 1, 2, 3})
    for i in range(4):
        fill(node, name, [b"after"], i)
    assert sorted(m["partition"] for m in take(node, stays, 4)) == [0, 1, 2, 3]


def test_groups_are_listed_described_and_deleted(node, topic, consumer, unique):
    name, group = topic(), unique("group")
    reader = consumer(name, group=group)
    eventually(lambda: assigned(node, reader, name))
    assert {"groupId": group, "protocolType": "consumer"} in node.admin("listGroups")["groups"]
    described, = node("admin", method="describeGroups", options=[group])["groups"]
    assert (described["state"], described["protocol"], len(described["members"])) == ("Stable", "RoundRobinAssigner", 1)
    assert (described["members"][0]["clientId"], described["members"][0]["clientHost"]) == ("compat", "/127.0.0.1")
    with pytest.raises(KafkaJSError) as caught:
        node("admin", method="deleteGroups", options=[group])
    assert "NON_EMPTY_GROUP" in str(caught.value) or "KafkaJSDeleteGroupsError" in str(caught.value)
    consumer.stop(reader)
    deleted, = node("admin", method="deleteGroups", options=[group])
    assert (deleted["groupId"], deleted["errorCode"]) == (group, 0)
    assert group not in {each["groupId"] for each in node.admin("listGroups")["groups"]}


def test_offsets_are_reset(node, topic, consumer, unique):
    name, group = topic(), unique("group")
    fill(node, name, [b"%d" % i for i in range(10)])
    node.admin("setOffsets", groupId=group, topic=name, partitions=[{"partition": 0, "offset": "6"}])
    reader = consumer(name, group=group)
    assert [m["offset"] for m in take(node, reader, 4)] == ["6", "7", "8", "9"]


def test_offsets_of_a_topic(node, topic):
    name = topic()
    messages = [{"value": "x", "timestamp": str(stamp)} for stamp in (1000, 3000, 2000, 4000)]
    node("produce", topic=name, messages=messages)
    told, = node("admin", method="fetchTopicOffsets", options=name)
    assert (told["offset"], told["high"], told["low"]) == ("4", "4", "0")


def test_topics_are_listed_described_and_deleted(node, topic):
    name = topic(partitions=3)
    assert name in node("admin", method="listTopics", options=None)
    described, = node.admin("fetchTopicMetadata", topics=[name])["topics"]
    assert sorted(each["partitionId"] for each in described["partitions"]) == [0, 1, 2]
    assert {each["partitionErrorCode"] for each in described["partitions"]} == {0}
    node.admin("deleteTopics", topics=[name])
    eventually(lambda: name not in node("admin", method="listTopics", options=None))


def test_topics_that_cannot_be_created(node, topic, unique):
    existing = topic()
    assert node.admin("createTopics", topics=[{"topic": existing, "numPartitions": 1, "replicationFactor": 1}]) is False
    for refused, error in (
        ({"topic": unique("refused"), "numPartitions": 1, "replicationFactor": 5}, "INVALID_REPLICATION_FACTOR"),
        ({"topic": unique("refused"), "configEntries": [{"name": "retention.ms", "value": "soon"}]}, "INVALID_CONFIG"),
    ):
        with pytest.raises(KafkaJSError) as caught:
            node.admin("createTopics", topics=[refused])
        assert caught.value.types == [error]


def test_partitions_are_added(node, topic, consumer):
    name = topic()
    node.admin("createPartitions", topicPartitions=[{"topic": name, "count": 3}])
    eventually(lambda: len(node.admin("fetchTopicMetadata", topics=[name])["topics"][0]["partitions"]) == 3)
    fill(node, name, [b"new"], 2)
    assert take(node, consumer(name), 1)[0]["partition"] == 2


def test_records_are_deleted(node, topic, consumer):
    name = topic()
    fill(node, name, [b"%d" % i for i in range(10)])
    assert node("admin", method="fetchTopicOffsets", options=name)[0]["low"] == "0"  # and the client knows the leader
    node.admin("deleteTopicRecords", topic=name, partitions=[{"partition": 0, "offset": "6"}])
    assert node("admin", method="fetchTopicOffsets", options=name)[0]["low"] == "6"
    assert [m["offset"] for m in take(node, consumer(name), 4)] == ["6", "7", "8", "9"]


def test_configs_are_altered_and_described(node, topic):
    name = topic(retention_ms="1000")

    def described():
        answer = node.admin("describeConfigs", includeSynonyms=False, resources=[{"type": 2, "name": name}])
        return {each["configName"]: each["configValue"] for each in answer["resources"][0]["configEntries"]}
    assert (described()["retention.ms"], described()["cleanup.policy"]) == ("1000", "delete")
    node.admin("alterConfigs", validateOnly=False, resources=[
        {"type": 2, "name": name, "configEntries": [{"name": "cleanup.policy", "value": "compact"}]}])
    eventually(lambda: described()["cleanup.policy"] == "compact")
    assert described()["retention.ms"] == "604800000"  # AlterConfigs replaces them all


def test_cluster_is_described(node, bootstrap):
    cluster = node("admin", method="describeCluster", options=None)
    assert [f"{broker['host']}:{broker['port']}" for broker in cluster["brokers"]] == [bootstrap]
    assert (cluster["controller"], bool(cluster["clusterId"])) == (cluster["brokers"][0]["nodeId"], True)


def test_topics_are_created_by_use(node, consumer, unique):
    name = unique("automatic")
    fill(node, name, [b"x"])
    assert take(node, consumer(name), 1)[0]["value"] == b"x"


def test_unknown_topic_and_partition(node, topic, unique):
    with pytest.raises(KafkaJSError) as caught:
        node.admin("fetchTopicMetadata", topics=[unique("unknown")])
    assert caught.value.types == ["UNKNOWN_TOPIC_OR_PARTITION"]
    assert fill(node, topic(), [b"x"], partition=7) == []  # the client drops it without a word


def test_oversized_message(node, topic):
    with pytest.raises(KafkaJSError) as caught:
        fill(node, topic(), [bytes(2_000_000)])
    assert caught.value.types == ["MESSAGE_TOO_LARGE"]
    limited = topic(max_message_bytes="5000")
    with pytest.raises(KafkaJSError) as caught:
        fill(node, limited, [bytes(6000)])
    assert caught.value.types == ["MESSAGE_TOO_LARGE"]
    fill(node, limited, [b"small enough"])
