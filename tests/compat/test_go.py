"""The Go clients franz-go (with kadm) and sarama, driven through go/: one process of each for the whole file.

franz-go may warn of nothing: a warning here is one that Apache Kafka does not cause. sarama's log has no levels; what
went wrong for it is among a consumer's errors, of which there may be none.
"""
import base64
import json
import subprocess

import pytest

from helpers import TIMEOUT, eventually
from servers import HERE

PROGRAM = HERE / ".cache/go/compat"

pytestmark = [pytest.mark.needs(str(PROGRAM))]


class Refused(Exception):
    def __init__(self, error):
        super().__init__(error)
        self.name, self.code = error.get("name"), error.get("code")


class Go:
    """A Go process that does what it is told: go("produce", topic=..., records=[...]) -> its answer."""

    def __init__(self, client, bootstrap, log):
        self.client = client
        self.process = subprocess.Popen([PROGRAM, client, bootstrap], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)

    def __call__(self, command, **options):
        self.process.stdin.write(json.dumps({"command": command, **options}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"{self.client} ended"
        told = json.loads(line)
        if "error" in told:
            raise Refused(told["error"])
        return told["answer"]

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(TIMEOUT) == 0


@pytest.fixture(scope="module")
def processes(bootstrap, tmp_path_factory):
    running, logs = {}, tmp_path_factory.mktemp("go")
    for client in ("franz", "sarama"):
        with open(logs / client, "w") as log:
            running[client] = Go(client, bootstrap, log)
    yield running
    for process in running.values():
        process.close()
    for client in running:
        assert (logs / client).read_text() == ""


@pytest.fixture(params=["franz", "sarama"])
def go(request, processes):
    return processes[request.param]


@pytest.fixture
def franz(processes):
    return processes["franz"]


@pytest.fixture
def topic(franz, unique):
    """new("name", partitions=2, **configs) creates a topic of a unique name and waits for its leaders."""
    def new(prefix="topic", partitions=1, **configs):
        name = unique(prefix)
        franz("create_topic", topic=name, partitions=partitions, configs={key.replace("_", "."): value for key, value in configs.items()})
        eventually(lambda: len(franz("end_offsets", topic=name)[name]) == partitions)
        eventually(lambda: not any(each["Err"] for each in franz("end_offsets", topic=name)[name].values()))
        return name
    return new


@pytest.fixture
def start(unique):
    """start(go, "consume", topics=[...], group=...) lets a consumer begin and returns its id; all are stopped at the end."""
    running = {}

    def new(go, command, **options):
        identity = unique(command)
        go(command, id=identity, **options)
        running[identity] = go
        return identity

    def stop(identity):
        running.pop(identity)("stop", id=identity)
    new.stop = stop
    new.running = running
    yield new
    for identity in list(running):
        stop(identity)


def seen(start, identity):
    """What a consumer has seen so far: records, changes of its assignment, errors (there may be none)."""
    events = start.running[identity]("seen", id=identity)
    assert not events["Errors"]
    return events


def take(start, identity, count):
    """The first `count` records that a consumer got; more is a failure."""
    records = eventually(lambda: len((found := seen(start, identity))["Records"] or ()) >= count and found["Records"])
    assert len(records) == count
    return records


def values(records):
    return [base64.b64decode(each["Value"]).decode() for each in records]


def assigned(start, identity, topic):
    return set((seen(start, identity)["Assigned"] or {}).get(topic, ()))


def record(value, partition=0, key=None, headers=(), timestamp=0):
    def text(data):
        return None if data is None else base64.b64encode(data.encode() if isinstance(data, str) else data).decode()
    return {"value": text(value), "partition": partition, "key": text(key), "timestamp": timestamp,
            "headers": [{"key": name, "value": text(data)} for name, data in headers]}


def produce(go, topic, *written, partition=0, **options):
    return go("produce", topic=topic, records=[record(each, partition) for each in written], **options)


# -- produce and consume -------------------------------------------------------------------------------


def test_keys_values_nulls_and_headers_come_back(go, topic, start, unique):
    name = topic()
    sent = [record("value", key="key"), record("no key"), record(None, key="tombstone"),
            record("headers", headers=[("a", "1"), ("a", "2"), ("näme", bytes(range(256)))])]
    go("produce", topic=name, records=[{**each, "timestamp": 1700000000123} for each in sent])
    received = take(start, start(go, "consume", topics=[name], group=unique("group")), len(sent))
    for given, got in zip(sent, received):
        assert (got["Key"], got["Value"]) == (given["key"], given["value"])
        assert [(h["Key"], h["Value"]) for h in got["Headers"] or ()] == [(h["key"], h["value"]) for h in given["headers"]]
    assert [each["Offset"] for each in received] == [0, 1, 2, 3]
    assert {each["Timestamp"] for each in received} == {1700000000123}


@pytest.mark.parametrize("codec", ["", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec(go, topic, start, unique, codec):
    name = topic()
    texts = [f"{i} " + "abcdefgh" * 100 for i in range(200)]
    assert [each["Offset"] for each in produce(go, name, *texts, codec=codec)] == list(range(200))
    assert values(take(start, start(go, "consume", topics=[name], group=unique("group")), 200)) == texts


def test_every_acks(go, topic, start, unique):
    name = topic()
    for acks in (0, 1, -1):
        produce(go, name, f"acks {acks}", acks=acks)
    assert sorted(values(take(start, start(go, "consume", topics=[name], group=unique("group")), 3))) == ["acks -1", "acks 0", "acks 1"]


def test_ten_megabytes(go, topic, start, unique):
    name = topic(partitions=2)
    texts = [f"{i:06d}" + "x" * 10_000 for i in range(1_000)]
    go("produce", topic=name, records=[record(each, i % 2) for i, each in enumerate(texts)])
    received = take(start, start(go, "consume", topics=[name], group=unique("group")), 1_000)
    for partition in (0, 1):
        assert values(each for each in received if each["Partition"] == partition) == texts[partition::2]


def test_an_oversized_record_is_refused(go, topic):
    with pytest.raises(Refused) as refused:
        produce(go, topic(max_message_bytes="2000"), "x" * 3000)
    assert "MESSAGE_TOO_LARGE" == refused.value.name or refused.value.code == 10


# -- groups --------------------------------------------------------------------------------------------

FRANZ_MEMBERS = [{"balancer": balancer} for balancer in ("range", "roundrobin", "sticky", "cooperative-sticky")] + [{"protocol": "consumer"}]


@pytest.mark.parametrize("client, kind", [(client, kind) for client in ("franz", "sarama") for kind in FRANZ_MEMBERS
                                          if (client, kind) != ("sarama", {"protocol": "consumer"})],
                         ids=lambda each: each if isinstance(each, str) else "/".join(each.values()))
def test_two_share_and_one_leaves(processes, topic, start, unique, client, kind):
    go, name, group = processes[client], topic(partitions=4), unique("group")
    stays = start(go, "consume", topics=[name], group=group, **kind)
    eventually(lambda: assigned(start, stays, name) == {0, 1, 2, 3})
    leaves = start(go, "consume", topics=[name], group=group, **kind)
    eventually(lambda: [len(assigned(start, each, name)) for each in (stays, leaves)] == [2, 2])
    assert assigned(start, stays, name) | assigned(start, leaves, name) == {0, 1, 2, 3}
    if kind.get("balancer") == "cooperative-sticky" or kind.get("protocol"):
        moved = [partition for change in seen(start, stays)["Changes"] if change["Kind"] == "revoked" for partition in change["Partitions"].get(name, ())]
        assert set(moved) == assigned(start, leaves, name) and len(moved) == 2  # what stays was never taken away
    go("produce", topic=name, records=[record(f"shared {i}", i) for i in range(4)])
    for each in (stays, leaves):
        assert {taken["Partition"] for taken in take(start, each, 2)} == assigned(start, each, name)
    start.stop(leaves)
    eventually(lambda: assigned(start, stays, name) == {0, 1, 2, 3})
    go("produce", topic=name, records=[record(f"alone {i}", i) for i in range(4)])
    assert sorted(values(take(start, stays, 6))[2:]) == [f"alone {i}" for i in range(4)]


# A member of the consumer protocol hears of a change with its next heartbeat, each 5 s: what needs several is left to the soak.
SLOW = pytest.param({"protocol": "consumer"}, marks=pytest.mark.soak)


@pytest.mark.parametrize("kind", [{}, SLOW], ids=["classic", "consumer"])
def test_a_group_resumes_where_it_committed(franz, topic, start, unique, kind):
    name, group = topic(), unique("group")
    produce(franz, name, "a", "b")
    first = start(franz, "consume", topics=[name], group=group, **kind)
    take(start, first, 2)
    start.stop(first)
    assert franz("fetch_offsets", group=group)[name]["0"]["At"] == 2
    produce(franz, name, "c")
    assert values(take(start, start(franz, "consume", topics=[name], group=group, **kind), 1)) == ["c"]


def test_a_static_member_comes_back_to_its_partitions(franz, topic, start, unique):
    """Of the classic protocol: franz-go 1.22 leaves the other one without naming its instance, which Kafka refuses."""
    name, group = topic(partitions=4), unique("group")
    stays = start(franz, "consume", topics=[name], group=group, instance="one")
    goes = start(franz, "consume", topics=[name], group=group, instance="two")
    eventually(lambda: [len(assigned(start, each, name)) for each in (stays, goes)] == [2, 2])
    held, changes = assigned(start, goes, name), seen(start, stays)["Changes"]
    start.stop(goes)
    back = start(franz, "consume", topics=[name], group=group, instance="two")
    eventually(lambda: assigned(start, back, name) == held)
    assert seen(start, stays)["Changes"] == changes  # who stayed did not notice
    start.stop(back)
    assert not franz("leave_group", group=group, instance="two")["two"]["Err"]
    eventually(lambda: assigned(start, stays, name) == {0, 1, 2, 3})


@pytest.mark.parametrize("kind", [{}, SLOW], ids=["classic", "consumer"])
def test_topics_by_pattern_and_new_partitions(franz, topic, start, unique, kind):
    prefix = unique("pattern")
    first = topic(prefix)
    reader = start(franz, "consume", topics=[f"{prefix}-.*"], pattern=True, group=unique("group"), **kind)
    eventually(lambda: assigned(start, reader, first) == {0})
    franz("add_partitions", topic=first, partitions=2)
    eventually(lambda: assigned(start, reader, first) == {0, 1, 2})


def test_a_share_group_gives_back_and_accepts(franz, topic, start, unique):
    name, group = topic(), unique("shared")
    sharer = start(franz, "share", topics=[name], group=group, release="again")
    eventually(lambda: franz("describe_share_groups", groups=[group])[group]["GroupState"] == "Stable")
    eventually(lambda: not franz("share_group_offsets", groups=[group])[group]["Err"])
    produce(franz, name, "once", "again")
    # Where it begins ("latest") is known once the first fetch came, so the first records may be before it.
    def given():
        records = seen(start, sharer)["Records"] or []
        if not records:
            produce(franz, name, "once", "again")
        return len(records) >= 3 and records
    records = eventually(given)
    assert sorted({(text, each["Delivery"]) for text, each in zip(values(records), records)}) == [("again", 1), ("again", 2), ("once", 1)]


# -- transactions --------------------------------------------------------------------------------------


def read(start, go, topic, unique, count):
    return values(take(start, start(go, "consume", topics=[topic], group=unique("reader")), count))


def test_commits_show_and_aborts_do_not(go, topic, start, unique):
    name, transactional_id = topic(), unique("producer")
    for text, end in (("a", "commit"), ("b", "abort"), ("c", "commit")):
        go("transaction", topic=name, records=[record(text)], transactional=transactional_id, accept=end)
    assert read(start, go, name, unique, 2) == ["a", "c"]


@pytest.mark.parametrize("client, kind", [("franz", {}), pytest.param("franz", {"protocol": "consumer"}, marks=pytest.mark.soak), ("sarama", {})],
                         ids=["franz", "franz-consumer", "sarama"])
def test_copiers_copy_exactly_once_while_they_come_and_go(processes, topic, start, unique, client, kind):
    go, source, target, group = processes[client], topic("input", partitions=4), topic("output", partitions=1), unique("copiers")
    texts = [f"{'-' if i % 9 == 4 else ''}text {i}" for i in range(60)]
    options = {"topics": [source], "topic": target, "group": group, "max": 5, **kind}

    def more(some):
        go("produce", topic=source, records=[record(each, i % 4) for i, each in enumerate(some)])
    first = start(go, "copy", transactional=unique("copier"), **options)
    more(texts[:20])
    eventually(lambda: seen(start, first)["Committed"])
    second = start(go, "copy", transactional=unique("copier"), **options)
    more(texts[20:40])
    eventually(lambda: len(assigned(start, second, source)) == 2)
    more(texts[40:])
    eventually(lambda: seen(start, second)["Committed"])
    aborted = seen(start, first)["Aborted"]
    start.stop(first)
    eventually(lambda: assigned(start, second, source) == {0, 1, 2, 3})
    copied = read(start, go, target, unique, len(texts))
    assert sorted(copied) == sorted(text.upper() for text in texts)
    assert aborted + seen(start, second)["Aborted"] >= 1


def test_kadm_sees_transactions(franz, topic, unique):
    name, transactional_id = topic(), unique("producer")
    franz("transaction", topic=name, records=[record("open")], transactional=transactional_id, accept="open")
    described = franz("describe_transactions", transactional=transactional_id)[transactional_id]
    assert (described["State"], described["Topics"]) == ("Ongoing", {name: {"0": {}}})
    assert franz("list_transactions")[transactional_id]["ProducerID"] == described["ProducerID"]
    producers = franz("describe_producers", topic=name)
    assert str(described["ProducerID"]) in json.dumps(producers)
    assert franz("end_offsets", topic=name)[name]["0"]["Offset"] == 1
    assert franz("committed_end_offsets", topic=name)[name]["0"]["Offset"] == 0


# -- admin ---------------------------------------------------------------------------------------------


def test_kadm_topics_and_configs(franz, topic, unique):
    name = topic(partitions=2, retention_ms="60000")
    with pytest.raises(Refused) as refused:
        franz("create_topic", topic=name, partitions=2)
    assert refused.value.name == "TOPIC_ALREADY_EXISTS"
    listed = franz("list_topics", topics=[name])[name]
    assert [len(each["Replicas"]) for each in listed["Partitions"].values()] == [1, 1]
    franz("add_partitions", topic=name, partitions=1)
    eventually(lambda: len(franz("list_topics", topics=[name])[name]["Partitions"]) == 3)

    def configs():
        [described] = franz("describe_configs", topic=name)
        return {each["Key"]: each["Value"] for each in described["Configs"]}
    assert configs()["retention.ms"] == "60000"
    franz("alter_configs", topic=name, configs={"retention.ms": None, "cleanup.policy": "compact"})
    eventually(lambda: (configs()["retention.ms"], configs()["cleanup.policy"]) == ("604800000", "compact"))
    [refusal] = franz("alter_configs", topic=name, configs={"retention.ms": "soon"})
    assert refusal["Err"]["Message"] == "INVALID_CONFIG"
    assert not franz("delete_topic", topic=name)["Err"]
    with pytest.raises(Refused) as refused:
        franz("delete_topic", topic=name)
    assert refused.value.name == "UNKNOWN_TOPIC_OR_PARTITION"


def test_records_are_deleted(go, franz, topic):
    name = topic()
    produce(franz, name, *"abcde")
    go("delete_records", topic=name, offsets={0: 3})
    assert franz("start_offsets", topic=name)[name]["0"]["Offset"] == 3


@pytest.mark.parametrize("kind", [{}, {"protocol": "consumer"}], ids=["classic", "consumer"])
def test_kadm_groups(franz, topic, start, unique, kind):
    name, group = topic(), unique("group")
    produce(franz, name, *"abcde")
    member = start(franz, "consume", topics=[name], group=group, **kind)
    take(start, member, 5)
    listed = franz("list_groups")[group]
    assert (listed["State"], listed["ProtocolType"]) == ("Stable", "consumer")
    if kind:
        described = franz("describe_consumer_groups", groups=[group])[group]
        assert (described["State"], len(described["Members"]), described["AssignorName"]) == ("Stable", 1, "uniform")
    else:
        described = franz("describe_groups", groups=[group])[group]
        assert (described["State"], described["Protocol"], len(described["Members"])) == ("Stable", "cooperative-sticky", 1)
    start.stop(member)
    eventually(lambda: franz("list_groups")[group]["State"] == "Empty")
    franz("commit_offsets", group=group, topic=name, offsets={0: 2})
    assert franz("fetch_offsets", group=group)[name]["0"]["At"] == 2
    if not kind:
        assert franz("lag", groups=[group])[group]["Lag"][name]["0"]["Lag"] == 3
    franz("delete_offsets", group=group, topic=name, offsets={0: 0})
    assert not franz("fetch_offsets", group=group)
    assert not franz("delete_group", group=group)["Err"]
    assert group not in franz("list_groups")


def test_sarama_groups(processes, topic, start, unique):
    sarama, name, group = processes["sarama"], topic(), unique("group")
    produce(sarama, name, *"abcde")
    member = start(sarama, "consume", topics=[name], group=group, instance="one")
    take(start, member, 5)
    [described] = sarama("describe_groups", groups=[group])
    assert (described["State"], described["Protocol"], len(described["Members"])) == ("Stable", "cooperative-sticky", 1)
    with pytest.raises(Refused) as refused:
        sarama("delete_group", group=group)
    assert refused.value.code == 68  # NON_EMPTY_GROUP
    assert group in sarama("list_groups")
