"""Over the control API: records read and written, groups, elections, configs, and what happens as it happens."""

import http.client
import json
from itertools import count

import pytest

from emulator import Emulator
from tests.api import test_consumer_groups as consumer, test_share_groups as share, test_streams_groups as streams
from tests.apps.test_control_api import ask
from tests.storage_client import Client
from emulator.apps.control.events import events_of
from tests.api.test_data import until
from wire import errors
from wire.apis.groups import LeaveGroup, OffsetCommit
from wire.apis.metadata import FindCoordinator
from wire.apis.transactions import AddPartitionsToTxn, EndTxn
from wire.internal import ConsumerAssignment

CONFIG = {"control.listen": "127.0.0.1:0", "default.replication.factor": 3, "offsets.topic.num.partitions": 1,
          "auto.create.topics.enable": "false"}  # fmt: skip


NUMBERS = count()


@pytest.fixture(scope="module")
def kafka():
    with Emulator(brokers=3, clock="virtual", config=CONFIG) as kafka:
        yield kafka


@pytest.fixture
def topic(kafka):
    """Of two partitions, of a name of its own."""
    name = f"topic-{next(NUMBERS)}"
    kafka.create_topic(name, 2)
    return name


def did(kafka, method, path, asked=None):
    status, _, answer = ask(kafka, method, path, asked)
    assert status == 200, answer
    return answer


def refused(kafka, method, path, asked=None):
    status, _, answer = ask(kafka, method, path, asked)
    return status, answer["error"]


def records(kafka, topic, query=""):
    return did(kafka, "GET", f"/topics/{topic}/records{query}")


def test_records_are_written_and_read(kafka, topic):
    written = did(kafka, "POST", f"/topics/{topic}/records", {"records": [
        {"key": "k", "value": '{"a": 1}', "headers": [{"name": "h", "value": "1"}, {"name": "h", "value_base64": "gA=="}], "partition": 1, "timestamp": 5},
        {"key_base64": "AP8=", "value": None, "partition": 0, "timestamp": 7},
        {"value": "é\n", "partition": 1, "timestamp": 6},
    ]})["written"]  # fmt: skip
    assert written == [{"partition": 1, "offset": 0, "timestamp": 5}, {"partition": 0, "offset": 0, "timestamp": 7}, {"partition": 1, "offset": 1, "timestamp": 6}]
    assert records(kafka, topic) == {
        "records": [
            {"partition": 1, "offset": 0, "timestamp": 5, "key": "k", "value": '{"a": 1}',
             "headers": [{"name": "h", "value": "1"}, {"name": "h", "value_base64": "gA=="}]},
            {"partition": 1, "offset": 1, "timestamp": 6, "key": None, "value": "é\n", "headers": []},
            {"partition": 0, "offset": 0, "timestamp": 7, "key_base64": "AP8=", "value": None, "headers": []},
        ],
        "next": "0:1,1:2", "more": False,
    }  # fmt: skip


def test_reading_goes_on_where_it_ended(kafka, topic):
    did(kafka, "POST", f"/topics/{topic}/records", {"records": [{"value": str(n), "partition": n % 2} for n in range(7)]})
    seen, position = [], "earliest"
    while True:
        page = records(kafka, topic, f"?from={position}&limit=2")
        seen += [record["value"] for record in page["records"]]
        position = page["next"]
        if not page["more"]:
            break
    assert sorted(seen) == list("0123456") and [v for v in seen if v in "0246"] == list("0246")
    assert records(kafka, topic, f"?from={position}&wait_ms=10")["records"] == []
    did(kafka, "POST", f"/topics/{topic}/records", {"records": [{"value": "new"}]})
    assert [record["value"] for record in records(kafka, topic, f"?from={position}&wait_ms=20000")["records"]] == ["new"]
    assert [record["value"] for record in records(kafka, topic, "?from=-1&partition=1")["records"]] == ["5"]
    assert [record["offset"] for record in records(kafka, topic, "?from=2&partition=0")["records"]] == [2, 3, 4]
    assert records(kafka, topic, "?from=latest")["records"] == []
    did(kafka, "DELETE", f"/topics/{topic}")
    kafka.create_topic(topic, 2)
    did(kafka, "POST", f"/topics/{topic}/records", {"records": [{"value": "again"}]})
    assert [record["value"] for record in records(kafka, topic, f"?from={position}")["records"]] == ["again"]


def test_what_was_not_committed_is_not_read(alone):
    with Client(alone.bootstrap) as client:
        until(lambda: client.call(FindCoordinator, 3, key="tx", key_type=1).error_code == 0)
        producer_id, epoch = client.producer_id("tx")
        alone.create_topic("in-transactions")
        partition = {"transactional_id": "tx", "producer_id": producer_id, "producer_epoch": epoch}
        for sequence, committed in enumerate((False, True)):
            client.call(AddPartitionsToTxn, 3, v3_and_below_transactional_id="tx", v3_and_below_producer_id=producer_id,
                        v3_and_below_producer_epoch=epoch,
                        v3_and_below_topics=[AddPartitionsToTxn.Request.V3AndBelowTopics(name="in-transactions", partitions=[0])])  # fmt: skip
            client.produce("in-transactions", b"kept" if committed else b"taken back", transactional_id="tx", producer_id=producer_id,
                           producer_epoch=epoch, base_sequence=sequence)  # fmt: skip
            client.patiently(EndTxn, 3, committed=committed, **partition)
        client.patiently(EndTxn, 3, committed=True, **partition)
    seen = records(alone, "in-transactions", "?wait_ms=20000")
    assert [record["value"] for record in seen["records"]] == ["kept"] and not seen["more"]
    assert [record["value"] for record in records(alone, "in-transactions", "?uncommitted=true")["records"]] == ["taken back", "kept"]


@pytest.mark.parametrize("query, why", [
    ("?from=yesterday", "from yesterday: expected earliest, latest"), ("?from=0:x", "expected earliest"), ("?limit=0", "limit 0: expected 1 to 1000"),
    ("?partition=x", "partition x: expected a whole number"), ("?wait_ms=30001", "expected 0 to 30000"), ("?limit=1&limit=2", "limit is there twice"),
    ("?uncommitted=yes", "expected true or false"), ("?x", "expected name=value"),
])  # fmt: skip
def test_reading_what_cannot_be_read_is_refused(kafka, topic, query, why):
    status, error = refused(kafka, "GET", f"/topics/{topic}/records{query}")
    assert status == 400 and why in error
    assert refused(kafka, "GET", f"/topics/{topic}/records?partition=2")[0] == 404


@pytest.mark.parametrize("record, status, why", [
    ({"key": "k", "key_base64": "aw=="}, 400, "two ways"), ({"value_base64": "?"}, 400, "no base64"), ({"valve": "v"}, 400, "no valve is taken here"),
    ({"partition": 2}, 404, "partitions 0 to 1, and no 2"), ({"value": "x" * 2_000_000}, 400, "exceeds"),
])  # fmt: skip
def test_writing_what_cannot_be_written_is_refused(kafka, topic, record, status, why):
    answered, error = refused(kafka, "POST", f"/topics/{topic}/records", {"records": [{"value": "first"}, record]})
    assert answered == status and why in error and "records[1]" in error
    assert refused(kafka, "POST", "/topics/nowhere/records", {"records": [{"value": "v"}]})[0] == 404


# -- groups --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alone():
    """One broker, which coordinates all."""
    config = {"control.listen": "127.0.0.1:0", "offsets.topic.num.partitions": 1, "transaction.state.log.num.partitions": 1,
              "share.coordinator.state.topic.num.partitions": 1, "group.streams.initial.rebalance.delay.ms": 0}  # fmt: skip
    with Emulator(config=config, topics=["t:2"]) as kafka:
        yield kafka


def described(kafka, name):
    """{member: {topic: partitions}}, and the rest of the group."""
    group = did(kafka, "GET", f"/groups/{name}")
    return {member["id"]: {one["topic"]: one["partitions"] for one in member["assignment"]} for member in group["members"]}, group


def test_a_group_of_the_classic_protocol(alone):
    for _ in range(3):
        alone.produce("t", "v", partition=1)
    with Client(alone.bootstrap, client_id="reader") as client:
        group = consumer.Group(client, "classic")
        member = group.join_classic(topics=["t"]).member_id
        generation = group.join_classic(member, topics=["t"]).generation_id
        assignment = ConsumerAssignment.build_from(3, assigned_partitions=[ConsumerAssignment.Record.AssignedPartitions(topic="t", partitions=[0, 1])])
        group.sync_classic(member, generation, [(member, assignment)])
        client.call(OffsetCommit, 8, group_id="classic", member_id=member, generation_id_or_member_epoch=generation, topics=[
            OffsetCommit.Request.Topics(name="t", partitions=[OffsetCommit.Request.Topics.Partitions(partition_index=1, committed_offset=1)])
        ])  # fmt: skip
        members, told = described(alone, "classic")
    assert members == {member: {"t": [0, 1]}} and told["members"][0]["client_id"] == "reader"
    assert (told["type"], told["state"], told["lag"]) == ("Classic", "Stable", 2)
    assert told["offsets"] == [{"topic": "t", "partition": 1, "offset": 1, "end_offset": 3, "lag": 2, "metadata": ""}]
    [listed] = [one for one in did(alone, "GET", "/groups")["groups"] if one["id"] == "classic"]
    assert listed == {**{name: told[name] for name in listed}, "members": 1}


def test_groups_of_the_newer_protocols(alone):
    with Client(alone.bootstrap) as client:
        member = consumer.Group(client, "newer").join("m", "t").member_id
        members, told = described(alone, "newer")
        assert members == {member: {"t": [0, 1]}} and told["type"] == "Consumer"
        group = share.Group(client, "shared", "t", None)
        until(lambda: group.heartbeat().error_code == 0 and described(alone, "shared")[0] == {"a": {"t": [0, 1]}})
        _, told = described(alone, "shared")
        assert told["type"] == "Share" and {one["topic"] for one in told["offsets"]} <= {"t"}
        group = streams.Group(client, "streaming")
        group.join("s", streams.one_source("t"))
        members, told = described(alone, "streaming")
        assert told["type"] == "Streams" and list(members) == ["s"] and members["s"] in ({}, {"0": [0, 1]})


def test_a_group_that_is_not_there(alone):
    assert refused(alone, "GET", "/groups/a%2Fb%20c") == (404, "no group a/b c")


# -- who leads -----------------------------------------------------------------------------------


def test_another_broker_leads(kafka, topic):
    before = did(kafka, "GET", f"/topics/{topic}")["partitions"][0]
    other = next(broker for broker in before["isr"] if broker != before["leader"])
    after = did(kafka, "POST", f"/topics/{topic}/partitions/0/leader", {"broker": other})
    assert (after["leader"], after["leader_epoch"], after["isr"]) == (other, before["leader_epoch"] + 1, before["isr"])
    with Client(kafka.brokers[other].address) as client:
        assert client.produce(topic, b"v").error_code == 0
    with Client(kafka.brokers[before["leader"]].address) as client:
        assert client.produce(topic, b"v").error_code == errors.NOT_LEADER_OR_FOLLOWER
    status, error = refused(kafka, "POST", f"/topics/{topic}/partitions/0/leader", {"broker": other})
    assert status == 409 and f"broker {other} leads {topic}-0 already" in error
    assert refused(kafka, "POST", f"/topics/{topic}/partitions/0/leader", {"broker": 9})[0] == 409
    assert refused(kafka, "POST", f"/topics/{topic}/partitions/9/leader", {"broker": 1})[0] == 404


def test_a_follower_leaves_the_isr_and_comes_back(kafka, topic):
    partition = did(kafka, "GET", f"/topics/{topic}")["partitions"][0]
    leader, follower = partition["leader"], next(one for one in partition["isr"] if one != partition["leader"])
    did(kafka, "POST", f"/brokers/{follower}/pause")
    shrunk = did(kafka, "POST", f"/topics/{topic}/partitions/0/isr/shrink", {"broker": follower})
    assert follower not in shrunk["isr"]
    with Client(kafka.brokers[leader].address) as client:
        assert client.produce(topic, b"v", acks=1).error_code == 0
    assert follower not in did(kafka, "GET", f"/topics/{topic}")["partitions"][0]["isr"]
    assert refused(kafka, "POST", f"/topics/{topic}/partitions/0/isr/shrink", {"broker": follower})[0] == 409
    assert "the leader is always in sync" in refused(kafka, "POST", f"/topics/{topic}/partitions/0/isr/shrink", {"broker": leader})[1]
    assert "not in sync" in refused(kafka, "POST", f"/topics/{topic}/partitions/0/leader", {"broker": follower})[1]
    did(kafka, "POST", f"/brokers/{follower}/resume")
    until(lambda: follower in did(kafka, "GET", f"/topics/{topic}")["partitions"][0]["isr"])


# -- configs -------------------------------------------------------------------------------------


def test_configs_are_set_all_or_none(kafka, topic):
    path = f"/topics/{topic}/configs"
    assert refused(kafka, "POST", path, {"set": {"retention.ms": "9", "segment.bytes": "x"}})[0] == 400
    configs = {one["name"]: one for one in did(kafka, "GET", path)["configs"]}
    assert configs["retention.ms"]["source"] == "default"
    assert did(kafka, "POST", path, {"set": {"retention.ms": "9"}})["configs"] == [
        {"name": "retention.ms", "value": "9", "source": "topic", "read_only": False}
    ]  # fmt: skip
    assert did(kafka, "POST", path, {"remove": ["retention.ms"]})["configs"][0]["source"] == "default"
    assert "nothing is asked for" in refused(kafka, "POST", path, {})[1]
    assert "duplicate" in refused(kafka, "POST", path, {"set": {"retention.ms": "9"}, "remove": ["retention.ms"]})[1]
    assert refused(kafka, "GET", "/topics/nowhere/configs")[0] == 404
    assert refused(kafka, "GET", "/brokers/7/configs")[0] == 404


# -- events --------------------------------------------------------------------------------------


def coordinator(kafka, group):
    """Its address."""
    with Client(kafka.brokers[1].address) as client:
        until(lambda: client.call(FindCoordinator, 3, key=group, key_type=0).error_code == 0)
        found = client.call(FindCoordinator, 3, key=group, key_type=0)
        return f"{found.host}:{found.port}"


class Listening:
    def __init__(self, kafka, query=""):
        self.connection = http.client.HTTPConnection(kafka.control, timeout=20)
        self.connection.request("GET", f"/events{query}")
        self.lines = self.connection.getresponse()
        self.lines.readline()  # it has begun

    def until(self, **wanted):
        """The first event such as this."""
        for line in self.lines:
            event = json.loads(line.removeprefix(b"data: ")) if line.strip() and not line.startswith(b":") else {}
            if all(event.get(name) == value for name, value in wanted.items()):
                return event

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.connection.close()


@pytest.mark.parametrize("query", ["", "?format=sse"])
def test_what_happens_is_told(query):
    config = {"control.listen": "127.0.0.1:0", "offsets.topic.num.partitions": 1, "default.replication.factor": 2}
    with Emulator(brokers=2, clock="virtual", config=config) as kafka, Listening(kafka, query) as events:
        kafka.create_topic("made")
        assert events.until(event="topic created")["topic"] == "made"
        leader = kafka.server.cluster.partition("made", 0).leader
        kafka.brokers[leader].kill()
        elected = events.until(event="leader elected")
        assert (elected["topic"], elected["before"], elected["leader"], elected["leader_epoch"]) == ("made", leader, 3 - leader, 1)
        assert events.until(event="broker changed")["state"] == "killed"
        kafka.brokers[leader].start()
        events.until(event="broker changed", state="running")
        kafka.clock.advance(hours=1)
        assert events.until(event="clock advanced")["now_ms"] == kafka.call(kafka.server.time.now)
        with Client(coordinator(kafka, "g")) as client:
            group = consumer.Group(client, "g")
            member = group.join_classic(topics=["made"]).member_id
            group.join_classic(member, topics=["made"])
            events.until(event="group changed", group="g", members=1)
        kafka.fail("FindCoordinator", error="COORDINATOR_NOT_AVAILABLE", name="once", times=1)
        with Client(kafka.brokers[1].address) as client:
            client.call(FindCoordinator, 3, key="g", key_type=0)
        assert events.until(event="fault hit")["fault"] == "once"
        kafka.restore(kafka.snapshot())
        events.until(event="cluster restored")
        kafka.create_topic("later")
        assert events.until(event="topic created")["topic"] == "later"


def test_nothing_listens_once_nobody_does():
    with Emulator(config={"control.listen": "127.0.0.1:0"}) as kafka:
        hooks = kafka.server.cluster.on_create
        before = list(hooks)
        listener = kafka.call(lambda: events_of(kafka.server).listen())
        assert len(hooks) == len(before) + 1
        kafka.call(listener.close)
        assert hooks == before and events_of(kafka.server)._watcher is None


def test_a_listener_that_does_not_read_misses_events_and_learns_how_many():
    with Emulator() as kafka:
        def overflow():
            events = events_of(kafka.server)
            listener = events.listen()
            for number in range(1500):
                events.publish("fault hit", number=number)
            began = kafka.server.patience.now()
            told = [listener.next() for _ in range(1001)]
            listener.close()
            return told, kafka.server.patience.now() - began

        told, took_ms = kafka.call(overflow)
    assert took_ms < 10_000  # not only when it says that it is still here
    assert [one["number"] for one in told[:1000]] == list(range(1000)) and told[1000] == {"event": "events lost", "count": 500}


def committed(kafka, group):
    return {(one["topic"], one["partition"]): (one["offset"], one["lag"]) for one in did(kafka, "GET", f"/groups/{group}")["offsets"]}


def test_where_a_group_goes_on(kafka, topic):
    group = f"readers-of-{topic}"
    for number in range(6):
        kafka.produce(topic, "v", partition=number % 2)
    with Client(coordinator(kafka, group)) as client:
        assert client.commit(group, topic, 1, partition=0) == 0
    sought = did(kafka, "POST", f"/groups/{group}/offsets", {"topic": topic, "to": "latest"})
    assert sought["lag"] == 0 and committed(kafka, group) == {(topic, 0): (3, 0), (topic, 1): (3, 0)}
    did(kafka, "POST", f"/groups/{group}/offsets", {"topic": topic, "to": "2", "partition": 1})
    did(kafka, "POST", f"/groups/{group}/offsets", {"topic": topic, "to": "99", "partition": 0})
    assert committed(kafka, group) == {(topic, 0): (3, 0), (topic, 1): (2, 1)}
    did(kafka, "POST", f"/groups/{group}/offsets", {"topic": topic, "to": "earliest"})
    assert {offset for offset, _ in committed(kafka, group).values()} == {0}
    for asked, why in (({"topic": "none", "to": "latest"}, "no topic none"), ({"topic": topic, "to": "latest", "partition": 2}, "and no 2"),
                       ({"topic": topic, "to": "-1"}, "expected earliest, latest or an offset")):  # fmt: skip
        status, told = refused(kafka, "POST", f"/groups/{group}/offsets", asked)
        assert status in (400, 404) and why in told
    with Client(coordinator(kafka, group)) as client:
        joining = consumer.Group(client, group)
        member = joining.join_classic(topics=[topic]).member_id
        joining.join_classic(member, topics=[topic])
        assert refused(kafka, "POST", f"/groups/{group}/offsets", {"topic": topic, "to": "latest"}) == (409, f"group {group}: it has members")
        assert refused(kafka, "DELETE", f"/groups/{group}") == (409, f"group {group}: NON_EMPTY_GROUP")
        left = client.call(LeaveGroup, 3, group_id=group, members=[LeaveGroup.Request.Members(member_id=member)])
        assert left.error_code == errors.NONE
    assert did(kafka, "DELETE", f"/groups/{group}") == {"deleted": group}
    assert refused(kafka, "GET", f"/groups/{group}")[0] == 404


def test_topics_grow_and_are_emptied(kafka, topic):
    for number in range(6):
        kafka.produce(topic, f"v{number}", partition=number % 2)
    grown = did(kafka, "POST", f"/topics/{topic}/partitions", {"count": 4})
    assert [one["partition"] for one in grown["partitions"]] == [0, 1, 2, 3]
    assert refused(kafka, "POST", f"/topics/{topic}/partitions", {"count": 4})[0] == 409
    did(kafka, "DELETE", f"/topics/{topic}/records?partition=0&before=2")
    assert {one["value"] for one in records(kafka, topic)["records"]} == {"v1", "v3", "v4", "v5"}
    emptied = did(kafka, "DELETE", f"/topics/{topic}/records")
    assert records(kafka, topic)["records"] == [] and [one["start_offset"] for one in emptied["partitions"]] == [3, 3, 0, 0]
    assert refused(kafka, "DELETE", "/topics/__consumer_offsets/records")[0] == 400
    until(lambda: {log.log_start_offset for log in kafka.server.cluster.partition(topic, 0).logs.values()} == {3})


def test_what_kafkas_own_topics_say(kafka, topic):
    group = f"committing-{topic}"
    with Client(coordinator(kafka, group)) as client:
        assert client.commit(group, topic, 7, partition=1) == 0
    [told] = [one["decoded"] for one in records(kafka, "__consumer_offsets", "?limit=1000")["records"] if group in str(one["decoded"]["key"].get("group"))
              and one["decoded"]["kind"] == "OffsetCommit"]  # fmt: skip
    assert told["key"] == {"group": group, "topic": topic, "partition": 1} and told["value"]["offset"] == 7
    assert "decoded" not in str(records(kafka, topic))
