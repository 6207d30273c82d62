"""Rules around a server's requests: the same for the emulator and for the proxy."""

import logging
import re
import time
from pathlib import Path

import pytest

from emulator.pipeline.rules import RuleLayer, parse_rules
from tests.in_thread import serving
from tests.proxied import proxied
from tests.wire_client import WireClient
from wire import errors
from wire.apis import BY_KEY
from wire.apis.configs import DescribeConfigs
from wire.apis.data import Fetch, ListOffsets, Produce
from wire.apis.groups import DeleteGroups, DescribeGroups, JoinGroup, OffsetCommit, OffsetFetch
from wire.apis.metadata import ApiVersions, DescribeTopicPartitions, FindCoordinator, Metadata
from wire.apis.streams_groups import StreamsGroupHeartbeat
from wire.apis.topics import CreateTopics, DeleteTopics
from wire.apis.transactions import InitProducerId
from wire.internal.consumer_protocol import ConsumerSubscription
from wire.records.build import build_batch
from wire.records.record import Record


@pytest.fixture(scope="module")
def emulator():
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def before_emulator(emulator):
    with proxied(emulator.bootstrap) as proxy:
        yield proxy


@pytest.fixture
def direct(emulator):
    """A client to whom no rule applies."""
    with WireClient(emulator.bootstrap, "direct") as client:
        yield client


@pytest.fixture(params=["emulator", "proxy"])
def ruled(request, emulator):
    """ruled(spec, ...) -> a client to whom those rules apply; `plugin` is what a rule's function is."""
    ends = []

    def ruled(*specs, plugin=None):
        rules = parse_rules([{"client": "ruled", **spec} for spec in specs], BY_KEY.values(), time.perf_counter_ns, lambda name: plugin)
        layer = RuleLayer(rules)
        if request.param == "proxy":
            proxy = request.getfixturevalue("before_emulator")
            proxy.on_loop(proxy.add_layer, layer)
            ends.append(lambda: proxy.on_loop(proxy.remove_layer, layer))
            bootstrap = f"127.0.0.1:{proxy.fronts[0].nodes['broker', 1].port}"
        else:
            [broker] = emulator.brokers.values()
            broker.add_layer(layer)
            ends.append(lambda: broker.remove_layer(layer))
            bootstrap = emulator.bootstrap
        client = WireClient(bootstrap, "ruled")
        ends.append(client.socket.close)
        return client

    yield ruled
    for end in ends:
        end()


def batch(value):
    return build_batch([Record(None, 1, None, value)])


def create(client, *names):
    topics = [CreateTopics.Request.Topics(name=name, num_partitions=1, replication_factor=1) for name in names]
    return {one.name: one.error_code for one in client.call(CreateTopics, 7, topics=topics, timeout_ms=5000).topics}


def delete(client, *names):
    client.call(DeleteTopics, 5, topic_names=list(names), timeout_ms=5000)


def topics(client, version=9):
    return sorted(one.name for one in client.call(Metadata, version, topics=None).topics)


def produce(client, topic, value, version=9):
    data = Produce.Request.TopicData(name=topic, partition_data=[Produce.Request.TopicData.PartitionData(index=0, records=batch(value))])
    [answer] = client.call(Produce, version, acks=-1, timeout_ms=5000, topic_data=[data]).responses
    return answer.name, answer.partition_responses[0].error_code


def fetched(client, topic):
    partition = Fetch.Request.Topics.Partitions(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)
    [answer] = client.call(Fetch, 11, max_wait_ms=0, session_epoch=-1, topics=[Fetch.Request.Topics(topic=topic, partitions=[partition])]).responses
    return answer.topic, bytes(answer.partitions[0].records)


def test_a_prefix_makes_a_cluster_of_ones_own(ruled, direct):
    client = ruled({"rule": "prefix", "prefix": "team."})
    create(direct, "others", "team.before")
    assert create(client, "mine") == {"mine": errors.NONE}
    assert topics(client) == ["before", "mine"]
    assert {"team.mine", "team.before", "others"} <= set(topics(direct)) and "mine" not in topics(direct)
    assert [one.name for one in client.call(DescribeTopicPartitions, 0, topics=[]).topics] == ["before", "mine"]
    assert produce(client, "mine", b"x") == ("mine", errors.NONE)
    assert fetched(client, "mine")[0] == "mine" and fetched(client, "mine")[1] == fetched(direct, "team.mine")[1] != b""
    assert client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="others")], allow_auto_topic_creation=False).topics[0].error_code == errors.UNKNOWN_TOPIC_OR_PARTITION
    resource = DescribeConfigs.Request.Resources(resource_type=2, resource_name="mine", configuration_keys=["retention.ms"])
    [described] = client.call(DescribeConfigs, 4, resources=[resource]).results
    assert (described.resource_name, described.error_code, described.configs[0].name) == ("mine", errors.NONE, "retention.ms")
    again = CreateTopics.Request.Topics(name="mine", num_partitions=1, replication_factor=1)
    assert client.call(CreateTopics, 7, topics=[again], timeout_ms=5000).topics[0].error_message == "Topic 'mine' already exists."
    delete(client, "mine", "before")
    assert topics(client) == [] and "others" in topics(direct)
    delete(direct, "others")


def test_a_group_subscribes_to_what_it_means(ruled, direct, request):
    """Coordinators read subscriptions: a topic that a group is subscribed to keeps its offsets."""
    client = ruled({"rule": "prefix", "prefix": "team."})
    create(client, "read")
    group = f"prefixed-{request.node.name}"
    client.call(FindCoordinator, 3, key=group)
    said = ConsumerSubscription.build_from(1, topics=["read"], owned_partitions=[])
    protocols = [JoinGroup.Request.Protocols(name="range", metadata=said)]
    fields = {"group_id": group, "session_timeout_ms": 6000, "rebalance_timeout_ms": 6000, "protocol_type": "consumer", "protocols": protocols}
    joined = client.call(JoinGroup, 3, **fields)
    assert [bytes(one.metadata) for one in joined.members] == [said]
    Topics = OffsetCommit.Request.Topics
    committed = client.call(OffsetCommit, 5, group_id=group, generation_id_or_member_epoch=joined.generation_id, member_id=joined.member_id,
                            topics=[Topics(name="read", partitions=[Topics.Partitions(partition_index=0, committed_offset=7)])])
    assert [(one.name, one.partitions[0].error_code) for one in committed.topics] == [("read", errors.REBALANCE_IN_PROGRESS)]
    [described] = client.call(DescribeGroups, 4, groups=[group]).groups
    assert described.group_state == "CompletingRebalance"
    asked = OffsetFetch.Request.Topics(name="read", partition_indexes=[0])
    assert client.call(OffsetFetch, 5, group_id=group, topics=[asked]).topics[0].name == "read"
    delete(client, "read")


def test_who_asks_for_all_offsets_of_a_group_is_told_its_own_names(ruled, direct, request):
    client, group = ruled({"rule": "prefix", "prefix": "team."}), f"all-{request.node.name}"
    create(client, "read")
    client.call(FindCoordinator, 3, key=group)
    Topics = OffsetCommit.Request.Topics
    for asker, name in ((client, "read"), (direct, "team.read")):
        partition = Topics.Partitions(partition_index=0, committed_offset=7)
        client.call(OffsetCommit, 9, group_id=group, topics=[Topics(name="read", partitions=[partition])])
        for _ in "again":
            [told] = asker.call(OffsetFetch, 9, groups=[OffsetFetch.Request.Groups(group_id=group, topics=None)]).groups
            assert [(topic.name, topic.partitions[0].committed_offset) for topic in told.topics] == [(name, 7)]
    delete(client, "read")


def test_two_names_change_places(ruled, direct):
    client = ruled({"rule": "rename", "topic": "orders", "to": "orders-v2"})
    create(direct, "orders-v2", "orders")
    produce(direct, "orders-v2", b"second")
    assert fetched(client, "orders") == ("orders", fetched(direct, "orders-v2")[1])
    assert produce(client, "orders-v2", b"first") == ("orders-v2", errors.NONE)
    assert fetched(client, "orders-v2")[1] == fetched(direct, "orders")[1] != fetched(client, "orders")[1]
    delete(direct, "orders", "orders-v2")


def test_rules_are_around_each_other_in_their_order(ruled, direct):
    client = ruled({"rule": "rename", "topic": "here", "to": "there"}, {"rule": "prefix", "prefix": "p."})
    create(client, "here")
    assert "p.there" in topics(direct) and topics(client) == ["here"]
    delete(client, "here")


def test_a_request_is_a_line_of_the_log(ruled, direct, caplog):
    create(direct, "logged")
    client = ruled({"rule": "log", "api": ["Metadata", "Produce", "Fetch"]})
    with caplog.at_level(logging.INFO, "emulator.requests"):
        client.call(ApiVersions, 0)
        client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="logged")])
        produce(client, "logged", b"x")
        fetched(client, "logged")
        produce(client, "un/logged", b"x")
    lines = [one.getMessage() for one in caplog.records if one.name == "emulator.requests"]
    size = len(batch(b"x"))
    assert len(lines) == 4 and all(line.startswith("ruled 127.0.0.1:") and line.endswith(" ms)") for line in lines)
    assert " Metadata v9 logged -> logged" in lines[0]
    assert f" Produce v9 acks=-1, logged(0(records=<{size} bytes>)) -> " in lines[1]
    assert f"records=<{size} bytes>" in lines[2].split("->")[1]
    assert "-> !! un/logged-0 " in lines[3]
    delete(direct, "logged")


def test_a_plugin_sees_changes_and_answers(ruled):
    seen = []

    def plugin(asked):
        seen.append((asked.api, asked.version, asked.client_id, asked.client_host, asked.listener))
        if asked.api == "FindCoordinator":
            return asked.reply(error_code=errors.GROUP_AUTHORIZATION_FAILED, error_message="not you")
        if asked.api == "Metadata":
            asked.request.topics = []
            asked.go_on().cluster_id = "of the plugin"

    client = ruled({"rule": "plugin", "function": "it"}, plugin=plugin)
    told = client.call(Metadata, 9, topics=None)
    assert (told.cluster_id, told.topics, len(told.brokers)) == ("of the plugin", [], 1)
    refused = client.call(FindCoordinator, 3, key="g")
    assert (refused.error_code, refused.error_message) == (errors.GROUP_AUTHORIZATION_FAILED, "not you")
    assert client.call(ListOffsets, 5, replica_id=-1, topics=[]).topics == []
    assert seen == [(api, version, "ruled", "127.0.0.1", "PLAINTEXT") for api, version in (("Metadata", 9), ("FindCoordinator", 3), ("ListOffsets", 5))]


def test_a_plugin_delays_and_refuses(ruled, emulator):
    def plugin(asked):
        asked.delay(120)
        asked.refuse("enough")

    client = ruled({"rule": "plugin", "function": "it", "api": "Metadata"}, plugin=plugin)
    client.call(ApiVersions, 0)
    began = time.monotonic()
    with pytest.raises(ConnectionError):
        client.call(Metadata, 9, topics=[])
    assert time.monotonic() - began >= 0.119  # deadlines are whole milliseconds


@pytest.mark.parametrize("fault", [lambda asked: 1 / 0, lambda asked: "an answer"], ids=["raises", "no answer"])
def test_a_plugin_that_fails_ends_the_connection_and_nothing_else(ruled, direct, fault, caplog):
    client = ruled({"rule": "plugin", "function": "it", "api": "Metadata"}, plugin=fault)
    with pytest.raises(ConnectionError):
        client.call(Metadata, 9, topics=[])
    assert direct.call(Metadata, 9, topics=[]).brokers
    assert "Traceback" in caplog.text and ("ZeroDivisionError" in caplog.text or "expected asked.reply(...), or None" in caplog.text)


def codes(client, topic):
    return produce(client, topic, b"x")[1]


def test_the_first_of_allow_and_deny_that_fits_decides(ruled, direct):
    create(direct, "public", "secret-1", "secret-2", "open")
    client = ruled({"rule": "allow", "topic": "secret-2"}, {"rule": "deny", "topic": "secret-*"}, {"rule": "deny", "api": ["Produce"], "topic": "public"},
                   {"rule": "deny", "api": ["CreatePartitions", "DeleteTopics"]}, {"rule": "deny", "api": "OffsetCommit", "client": "somebody else"})
    denied = errors.TOPIC_AUTHORIZATION_FAILED
    assert [codes(client, name) for name in ("public", "secret-1", "secret-2", "open")] == [denied, denied, errors.NONE, errors.NONE]
    assert "secret-1" not in topics(client) and {"secret-2", "public", "open"} <= set(topics(client))
    assert {one.name: one.error_code for one in client.call(Metadata, 9, topics=[Metadata.Request.Topics(name=name) for name in ("secret-1", "open")]).topics} == {
        "open": errors.NONE, "secret-1": denied}
    Topics = Fetch.Request.Topics
    asked = [Topics(topic=name, partitions=[Topics.Partitions(partition=0, partition_max_bytes=1000)]) for name in ("secret-1", "open")]
    told = client.call(Fetch, 11, max_wait_ms=0, session_epoch=-1, topics=asked)
    assert {one.topic: one.partitions[0].error_code for one in told.responses} == {"open": errors.NONE, "secret-1": denied}
    told = client.call(DeleteTopics, 5, topic_names=["open"], timeout_ms=5000)
    assert [(one.name, one.error_code, one.error_message) for one in told.responses] == [("open", denied, "Refused by a rule")]
    Topics = OffsetCommit.Request.Topics
    group = [Topics(name="open", partitions=[Topics.Partitions(partition_index=0, committed_offset=1)])]
    assert client.call(OffsetCommit, 5, group_id="access", generation_id_or_member_epoch=-1, topics=group).topics[0].partitions[0].error_code in (
        errors.NONE, errors.NOT_COORDINATOR, errors.COORDINATOR_NOT_AVAILABLE)
    client.send(Produce, 9, acks=0, timeout_ms=1, topic_data=[Produce.Request.TopicData(name="public", partition_data=[Produce.Request.TopicData.PartitionData(records=batch(b"x"))])])
    with pytest.raises(ConnectionError):
        client.call(ApiVersions, 0)
    delete(direct, "public", "secret-1", "secret-2", "open")


def test_topics_that_are_named_by_their_ids_are_told_apart(ruled, direct):
    create(direct, "by-id", "by-id-secret")
    ids = {one.name: one.topic_id for one in direct.call(Metadata, 12, topics=None).topics}
    client = ruled({"rule": "deny", "api": "Produce", "topic": "*-secret"})

    def code(name):
        data = Produce.Request.TopicData(topic_id=ids[name], partition_data=[Produce.Request.TopicData.PartitionData(records=batch(b"x"))])
        [answer] = client.call(Produce, 13, acks=-1, timeout_ms=5000, topic_data=[data]).responses
        assert answer.topic_id == ids[name]
        return answer.partition_responses[0].error_code

    assert code("by-id") == errors.UNKNOWN_TOPIC_ID  # nobody has been told of it: clients ask again
    client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=name) for name in ("by-id", "by-id-secret")])
    assert (code("by-id"), code("by-id-secret")) == (errors.NONE, errors.TOPIC_AUTHORIZATION_FAILED)
    delete(direct, "by-id", "by-id-secret")


@pytest.mark.parametrize("version", [8, 10])
def test_offsets_of_groups_are_refused_for_denied_topics_and_told_for_others(ruled, direct, request, version):
    """A client that asks for several topics of a group loses none of its own to one that it may not read, as at Kafka."""
    create(direct, "closed", "open")
    ids = {one.name: one.topic_id for one in direct.call(Metadata, 12, topics=None).topics}
    client, group = ruled({"rule": "deny", "topic": "closed"}), f"denied-{request.node.name}"
    client.call(Metadata, 12, topics=None)
    client.call(FindCoordinator, 3, key=group)
    Committed, Groups = OffsetCommit.Request.Topics, OffsetFetch.Request.Groups
    partition = Committed.Partitions(partition_index=0, committed_offset=7)
    direct.call(OffsetCommit, 9, group_id=group, topics=[Committed(name=name, partitions=[partition]) for name in ("closed", "open")])

    def told(*names):
        asked = [Groups.Topics(**({"topic_id": ids[name]} if version == 10 else {"name": name}), partition_indexes=[0]) for name in names]
        found = client.call(OffsetFetch, version, groups=[Groups(group_id=group, topics=asked)]).groups
        assert [(one.group_id, one.error_code) for one in found] == [(group, errors.NONE)]
        return [(one.partitions[0].committed_offset, one.partitions[0].error_code) for one in found[0].topics]

    refused = (-1, errors.UNKNOWN_TOPIC_ID if version == 10 else errors.TOPIC_AUTHORIZATION_FAILED)  # a client is told no id of what is denied
    assert told("closed", "open") == [refused, (7, errors.NONE)]
    assert told("open", "closed") == [(7, errors.NONE), refused]
    assert told("closed") == [refused]
    [everything] = client.call(OffsetFetch, version, groups=[Groups(group_id=group, topics=None)]).groups
    offsets = sorted(one.partitions[0].committed_offset for one in everything.topics)
    assert offsets == ([-1, 7] if version == 10 else [7])  # what is told by its id has an error, other topics are left out
    delete(direct, "closed", "open")


def test_metadata_by_id_tells_what_is_allowed_and_nothing_else(ruled, direct):
    create(direct, "told", "told-secret")
    ids = {one.name: one.topic_id for one in direct.call(Metadata, 12, topics=None).topics}
    client = ruled({"rule": "deny", "topic": "*-secret"})
    asked = [Metadata.Request.Topics(topic_id=ids[name], name=None) for name in ("told", "told-secret")]
    assert [(one.name, one.error_code) for one in client.call(Metadata, 12, topics=asked).topics] == [("told", errors.NONE)]
    delete(direct, "told", "told-secret")


def test_a_cluster_is_only_read(ruled, direct):
    create(direct, "read-only")
    produce(direct, "read-only", b"x")
    client = ruled({"rule": "read-only"})
    assert codes(client, "read-only") == create(client, "more")["more"] == errors.TOPIC_AUTHORIZATION_FAILED
    assert fetched(client, "read-only") == fetched(direct, "read-only")
    client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="made-by-asking")], allow_auto_topic_creation=True)
    assert "made-by-asking" not in topics(direct)
    assert client.call(InitProducerId, 4, transactional_id="t").error_code == errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    assert client.call(DeleteGroups, 2, groups_names=["g"]).results[0].error_code == errors.CLUSTER_AUTHORIZATION_FAILED
    assert client.call(StreamsGroupHeartbeat, 0, group_id="g", member_id="m").error_code == errors.TOPIC_AUTHORIZATION_FAILED  # it makes some
    assert "more" not in topics(direct)
    delete(direct, "read-only")


# -- config.yaml ----------------------------------------------------------------------------------

RULES = """
rules:
  - rule: log
    api: [CreateTopics]
  - rule: plugin
    function: ours:shout
  - rule: prefix
    prefix: team.
"""
OURS = "def shout(asked):\n    if asked.api == 'CreateTopics':\n        asked.request.topics[0].name = asked.request.topics[0].name.upper()\n"


@pytest.mark.parametrize("kind", ["serve", "proxy"])
def test_rules_stand_in_config_yaml(serve, emulator, direct, home, kind):
    (home / "ours.py").write_text(OURS)
    more = f"listeners: PLAINTEXT://127.0.0.1:0\nupstream.bootstrap.servers: {emulator.bootstrap}\n" if kind == "proxy" else ""
    (home / "rules.yaml").write_text(more + RULES)
    server = serve("proxy", "--config", "rules.yaml", listen=None) if kind == "proxy" else serve("--config", "rules.yaml")
    with WireClient(server.bootstrap) as client:
        assert create(client, "mine") == {"MINE": errors.NONE}
        assert topics(client) == ["MINE"]
    server.send_signal(15)
    _, _, said = server.end()
    assert " CreateTopics v7 mine" in said
    if kind == "proxy":
        assert "team.MINE" in topics(direct)


@pytest.mark.parametrize("kind, text, why", [
    ("serve", "rules:\n  - rule: log\n    topics: a\n", "rules.yaml, line 2: no word of rule log called topics: "),
    ("proxy", "rules:\n  rule: log\n", "rules.yaml, line 2: rules is a list of mappings, each of which begins with a -"),
    ("serve", "rules:\n  - rule: plugin\n    function: nowhere:at_all\n", "rules.yaml, line 2: function nowhere:at_all: nowhere cannot be imported: ModuleNotFoundError"),
    ("proxy", "rules:\n  - rule: log\n    listener: OTHER\n", "rules.yaml, line 2: no listener OTHER: there are PLAINTEXT"),
])
def test_mistakes_stand_in_a_line_of_config_yaml(run, home, kind, text, why):
    (home / "rules.yaml").write_text(text)
    told = run(kind, "--config", "rules.yaml", *(["--upstream", "127.0.0.1:1"] if kind == "proxy" else []))
    assert told.returncode == 2 and why in told.stderr


# -- docs/rules.md --------------------------------------------------------------------------------


def snippet(language):
    text = (Path(__file__).resolve().parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    [found] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return found


def test_what_the_guide_shows_works(serve, home):
    (home / "house.py").write_text(snippet("python"))
    (home / "rules.yaml").write_text(snippet("yaml") + "listeners: PLAINTEXT://127.0.0.1:0,TEAM_A://127.0.0.1:0\n"
                                     "listener.security.protocol.map: PLAINTEXT:PLAINTEXT,TEAM_A:PLAINTEXT\n")
    server = serve("--config", "rules.yaml", listen=None)
    with WireClient(server.bootstrap) as client:
        wanted = CreateTopics.Request.Topics(name="many", num_partitions=9, replication_factor=1)
        assert client.call(CreateTopics, 7, topics=[wanted], timeout_ms=5000).topics[0].num_partitions == 6
        assert client.call(Metadata, 9, topics=[]).cluster_id == "house"
        assert client.call(FindCoordinator, 3, key="closed").error_message == "closed"
    with WireClient(server.bootstrap, "intern") as client, pytest.raises(ConnectionError):
        delete(client, "many")
