"""Topics that the emulator serves before a cluster that has all others: one cluster to clients, and nothing of one side on the other."""

import logging
import re
import threading
import time
from pathlib import Path

import pytest
import yaml

from emulator import Emulator
from emulator.apps.errors import UsageError
from emulator.apps.proxy.settings import ProxySettings
from emulator.pipeline import layers
from tests.proxied import proxied
from tests.wire_client import WireClient
from wire import errors
from wire.apis.configs import DescribeConfigs, IncrementalAlterConfigs, ListConfigResources
from wire.apis.data import DeleteRecords, Fetch, ListOffsets, OffsetForLeaderEpoch, Produce
from wire.apis.groups import DeleteGroups, DescribeGroups, JoinGroup, ListGroups, OffsetCommit, OffsetDelete, OffsetFetch, SyncGroup
from wire.apis.metadata import DescribeTopicPartitions, FindCoordinator, Metadata
from wire.apis.share_groups import ShareGroupDescribe, ShareGroupHeartbeat
from wire.apis.topics import CreatePartitions, CreateTopics, DeleteTopics
from wire.apis.transactions import AddOffsetsToTxn, AddPartitionsToTxn, EndTxn, InitProducerId, WriteTxnMarkers
from wire.internal.consumer_protocol import ConsumerSubscription
from wire.records import Record, build_batch


ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def upstream():
    with Emulator(brokers=2, topics=["real:2", "other:1"]) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def proxy(upstream):
    settings = {"overlay_topics": "mine.*,orders", "overlay_groups": "mine.*", "overlay_transactional.ids": "mine.*"}
    with proxied(upstream.bootstrap, **settings) as proxy:
        yield proxy


@pytest.fixture
def client(proxy):
    with WireClient(address_of(proxy, 1)) as client:
        yield client


def address_of(proxy, node_id):
    return f"127.0.0.1:{proxy.fronts[0].nodes['broker', node_id].port}"


def batch(*values):
    return build_batch([Record(None, 1, None, value) for value in values])


def create(client, *names, partitions=1, factor=1):
    Topics = CreateTopics.Request.Topics
    topics = [Topics(name=name, num_partitions=partitions, replication_factor=factor) for name in names]
    return client.call(CreateTopics, 7, topics=topics, timeout_ms=5000).topics


def produced(client, version=9, acks=-1, transactional_id=None, **values):
    """{topic: (error, message)}"""
    Data = Produce.Request.TopicData
    data = [Data(name=name.replace("_", "."), partition_data=[Data.PartitionData(index=0, records=value)]) for name, value in values.items()]
    answer = client.call(Produce, version, acks=acks, timeout_ms=5000, topic_data=data, transactional_id=transactional_id)
    return {one.name: (one.partition_responses[0].error_code, one.partition_responses[0].error_message) for one in answer.responses}


def fetching(*names, offsets=(), max_wait_ms=0, session=(0, -1)):
    Topics = Fetch.Request.Topics
    offsets = dict(offsets)
    topics = [Topics(topic=name, partitions=[Topics.Partitions(partition=0, fetch_offset=offsets.get(name, 0), partition_max_bytes=1 << 20)]) for name in names]
    return {"max_wait_ms": max_wait_ms, "min_bytes": 1, "session_id": session[0], "session_epoch": session[1], "topics": topics}


def values_of(answer):
    """{topic: the bytes that came}"""
    return {topic.topic: b"".join(bytes(one.records or b"") for one in topic.partitions) for topic in answer.responses}


def leader(client, name):
    [topic] = client.call(Metadata, 9, topics=[Metadata.Request.Topics(name=name)]).topics
    return topic.partitions[0].leader_id


@pytest.fixture
def at(proxy, client):
    """at(topic) -> a client at the broker that leads its first partition."""
    clients = []

    def at(name):
        clients.append(WireClient(address_of(proxy, leader(client, name))))
        return clients[-1]

    yield at
    for one in clients:
        one.socket.close()


def led_by(proxy, client, node_id, prefix="mine."):
    """A topic of the overlay whose first partition that broker leads."""
    for number in range(100):
        name = f"{prefix}led-{node_id}-{number}-{time.monotonic_ns()}"
        assert create(client, name)[0].error_code == errors.NONE
        if leader(client, name) == node_id:
            return name
    raise AssertionError("no topic is led there")


# -- one cluster -----------------------------------------------------------------------------------


def test_metadata_is_of_one_cluster(proxy, upstream, client):
    made = create(client, "mine.a", "seen", "mine.b", partitions=2)
    assert [(one.name, one.error_code) for one in made] == [("mine.a", 0), ("seen", 0), ("mine.b", 0)]
    assert "seen" in upstream.server.cluster.topics and "mine.a" not in upstream.server.cluster.topics
    for version in Metadata.versions:
        answer = client.call(Metadata, version, topics=None if version else [])
        names = [one.name for one in answer.topics]
        assert {"mine.a", "mine.b", "seen", "real"} <= set(names) and len(names) == len(set(names))
        there = {one.node_id for one in answer.brokers}
        assert there == {1, 2}
        assert {part.leader_id for topic in answer.topics for part in topic.partitions} <= there
        Topics = Metadata.Request.Topics
        named = client.call(Metadata, version, topics=[Topics(name=name) for name in ("mine.b", "real", "mine.a")])
        assert [one.name for one in named.topics] == ["mine.b", "real", "mine.a"] and named.brokers == answer.brokers
    [a, real] = client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=name) for name in ("mine.a", "real")]).topics
    by_id = client.call(Metadata, 12, topics=[Metadata.Request.Topics(topic_id=one.topic_id, name=None) for one in (real, a)])
    assert [one.name for one in by_id.topics] == ["real", "mine.a"]


def test_pages_of_partitions_go_through_both_sides(client):
    create(client, "mine.p", "paged", partitions=3)
    Topics = DescribeTopicPartitions.Request.Topics
    for asked in ([], [Topics(name=name) for name in ("paged", "mine.p", "real")]):
        whole = client.call(DescribeTopicPartitions, 0, topics=asked)
        expected = [(topic.name, part.partition_index) for topic in whole.topics for part in topic.partitions]
        assert whole.next_cursor is None and expected == sorted(expected) and ("mine.p", 2) in expected and ("paged", 2) in expected
        for limit in (1, 2, 4):
            found, cursor = [], None
            while True:
                page = client.call(DescribeTopicPartitions, 0, topics=asked, response_partition_limit=limit, cursor=cursor)
                found += [(topic.name, part.partition_index) for topic in page.topics for part in topic.partitions]
                assert sum(len(topic.partitions) for topic in page.topics) <= limit
                if page.next_cursor is None:
                    break
                cursor = DescribeTopicPartitions.Request.Cursor(topic_name=page.next_cursor.topic_name, partition_index=page.next_cursor.partition_index)
            assert found == expected


def test_records_go_to_their_own_side_and_answers_come_in_order(proxy, upstream, client, at):
    node = leader(client, "real")
    name = led_by(proxy, client, node)
    there = at("real")
    secret, open_ = batch(b"only here"), batch(b"only behind")
    data = Produce.Request.TopicData
    for version in range(3, 13):
        asked = [data(name=one, partition_data=[data.PartitionData(index=0, records=value)]) for one, value in ((name, secret), ("real", open_))]
        answer = there.call(Produce, version, acks=-1, timeout_ms=5000, topic_data=asked)
        assert [one.name for one in answer.responses] == [name, "real"]
        assert [one.partition_responses[0].error_code for one in answer.responses] == [0, 0]
    for version in range(4, 13):
        got = values_of(there.call(Fetch, version, **fetching("real", name)))
        assert list(got) == ["real", name] and b"only here" in got[name] and b"only behind" in got["real"]
    Topics = ListOffsets.Request.Topics
    ask = [Topics(name=one, partitions=[Topics.Partitions(partition_index=0, current_leader_epoch=-1, timestamp=-1)]) for one in (name, "real")]
    listed = there.call(ListOffsets, 5, replica_id=-1, topics=ask).topics
    assert [one.name for one in listed] == [name, "real"] and listed[0].partitions[0].offset == 10
    epochs = OffsetForLeaderEpoch.Request.Topics
    ask = [epochs(topic=one, partitions=[epochs.Partitions(partition=0, leader_epoch=0)]) for one in ("real", name)]
    answer = there.call(OffsetForLeaderEpoch, 4, topics=ask).topics
    assert [(one.topic, one.partitions[0].error_code) for one in answer] == [("real", 0), (name, 0)]
    Delete = DeleteRecords.Request.Topics
    deleted = there.call(DeleteRecords, 2, timeout_ms=5000, topics=[Delete(name=name, partitions=[Delete.Partitions(partition_index=0, offset=10)])])
    assert deleted.topics[0].partitions[0].low_watermark == 10
    assert [one.value for one in upstream.records("real")][-1] == b"only behind"


def test_produce_with_acks_0_goes_to_both_sides(proxy, client, at):
    node = leader(client, "other")
    name = led_by(proxy, client, node)
    there = at("other")
    data = Produce.Request.TopicData
    asked = [data(name=one, partition_data=[data.PartitionData(index=0, records=batch(one.encode()))]) for one in (name, "other")]
    there.send(Produce, 9, acks=0, timeout_ms=5000, topic_data=asked)
    deadline = time.monotonic() + 10
    while not all(values_of(there.call(Fetch, 11, **fetching(name, "other"))).values()):
        assert time.monotonic() < deadline


def test_topic_ids_tell_the_sides_apart(proxy, client, at):
    name = led_by(proxy, client, leader(client, "real"))
    there = at("real")
    Topics = Metadata.Request.Topics
    ids = {one.name: one.topic_id for one in there.call(Metadata, 12, topics=[Topics(name=name), Topics(name="real")]).topics}
    data = Produce.Request.TopicData
    asked = [data(topic_id=ids[one], partition_data=[data.PartitionData(index=0, records=batch(one.encode()))]) for one in (name, "real")]
    answer = there.call(Produce, 13, acks=-1, timeout_ms=5000, topic_data=asked)
    assert [(one.topic_id, one.partition_responses[0].error_code) for one in answer.responses] == [(ids[name], 0), (ids["real"], 0)]
    for version in (13, 16, 18):
        fetched = fetching("real", name)
        for topic in fetched["topics"]:
            topic.topic_id = ids[topic.topic]
        got = {topic.topic_id: b"".join(bytes(one.records) for one in topic.partitions) for topic in there.call(Fetch, version, **fetched).responses}
        assert name.encode() in got[ids[name]] and b"real" in got[ids["real"]] and name.encode() not in got[ids["real"]]
    gone = there.call(DeleteTopics, 6, topics=[DeleteTopics.Request.Topics(topic_id=ids[name])], timeout_ms=5000)
    assert [(one.name, one.error_code) for one in gone.responses] == [(name, 0)]


def test_topics_are_administered_on_their_side(client, upstream):
    create(client, "mine.c")
    Resource = IncrementalAlterConfigs.Request.Resources
    changes = [Resource.Configs(name="retention.ms", config_operation=0, value="4711")]
    asked = [Resource(resource_type=2, resource_name=name, configs=changes) for name in ("mine.c", "nowhere", "other")]
    answer = client.call(IncrementalAlterConfigs, 1, resources=asked)
    assert [(one.resource_name, one.error_code) for one in answer.responses] == [("mine.c", 0), ("nowhere", errors.UNKNOWN_TOPIC_OR_PARTITION), ("other", 0)]
    Described = DescribeConfigs.Request.Resources
    asked = [Described(resource_type=kind, resource_name=name, configuration_keys=["retention.ms"]) for kind, name in ((2, "mine.c"), (4, "1"), (2, "other"))]
    described = client.call(DescribeConfigs, 4, resources=asked).results
    assert [(one.resource_name, one.configs[0].value if one.configs else None) for one in described] == [("mine.c", "4711"), ("1", None), ("other", "4711")]
    Grown = CreatePartitions.Request.Topics
    grown = client.call(CreatePartitions, 3, topics=[Grown(name="other", count=1, assignments=None), Grown(name="mine.c", count=3, assignments=None)], timeout_ms=5000)
    assert [(one.name, one.error_code) for one in grown.results] == [("other", errors.INVALID_PARTITIONS), ("mine.c", 0)]
    [made] = create(client, "mine.copies", factor=2)
    assert (made.error_code, made.replication_factor) == (0, 2)
    gone = client.call(DeleteTopics, 5, topic_names=["mine.c", "nowhere"], timeout_ms=5000).responses
    assert [(one.name, one.error_code) for one in gone] == [("mine.c", 0), ("nowhere", errors.UNKNOWN_TOPIC_OR_PARTITION)]


def test_what_may_have_configs_is_listed_of_both_sides(client):
    create(client, "mine.listed")
    for types in ((2,), ()):
        told = [(one.resource_type, one.resource_name) for one in client.call(ListConfigResources, 1, resource_types=list(types)).config_resources]
        assert {(2, "mine.listed"), (2, "real")} <= set(told) and told.count((2, "__consumer_offsets")) <= 1
    assert client.call(ListConfigResources, 1, resource_types=[4]).config_resources and not client.call(ListConfigResources, 0).config_resources
    assert client.call(ListConfigResources, 1, resource_types=[2, 99]).error_code == errors.UNSUPPORTED_VERSION


def test_a_topic_behind_is_hidden_by_one_of_its_name(proxy, upstream, client, at):
    upstream.create_topic("orders", 3)
    upstream.produce("orders", "of everybody")
    create(client, "orders")
    assert len(next(one for one in client.call(Metadata, 9, topics=None).topics if one.name == "orders").partitions) == 1
    there = at("orders")
    assert produced(there, orders=batch(b"of mine"))["orders"][0] == 0
    assert b"of everybody" not in values_of(there.call(Fetch, 11, **fetching("orders")))["orders"]
    assert [one.value for one in upstream.records("orders")] == [b"of everybody"]


# -- fetches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["overlay", "behind"])
def test_a_long_poll_ends_when_either_side_has_bytes(proxy, upstream, client, at, side):
    name = led_by(proxy, client, leader(client, "other"))
    there, writer = at("other"), at("other")
    assert produced(writer, other=batch(b"0"))["other"][0] == 0
    ends = {"other": len(list(upstream.records("other"))), name: 0}
    began = time.monotonic()
    sent = there.send(Fetch, 11, **fetching("other", name, offsets=ends, max_wait_ms=8000))
    written = name if side == "overlay" else "other"
    timer = threading.Timer(0.2, lambda: produced(writer, **{written.replace(".", "_"): batch(b"there it is")}))
    timer.start()
    got = values_of(there.receive(Fetch, 11, sent))
    timer.join()
    assert b"there it is" in got[written] and 0.15 < time.monotonic() - began < 5
    # What the cluster behind was asked is still under way, or not: the next finds all the same.
    ends[written] += 1
    assert produced(writer, other=batch(b"more"), **{name.replace(".", "_"): batch(b"more")}) == {"other": (0, None), name: (0, None)}
    deadline, seen = time.monotonic() + 10, set()
    while seen != {"other", name}:
        assert time.monotonic() < deadline
        seen |= {one for one, data in values_of(there.call(Fetch, 11, **fetching("other", name, offsets=ends, max_wait_ms=500))).items() if b"more" in data}


def test_a_session_hides_both_sides_behind_one_id(proxy, upstream, client, at):
    name = led_by(proxy, client, leader(client, "other"))
    there = at("other")
    ends = {"other": len(list(upstream.records("other"))), name: 0}
    first = there.call(Fetch, 11, **fetching("other", name, offsets=ends, session=(0, 0)))
    assert first.session_id and set(values_of(first)) == {"other", name}
    nothing = there.call(Fetch, 11, max_wait_ms=10, min_bytes=1, session_id=first.session_id, session_epoch=1, topics=[])
    assert (nothing.error_code, nothing.session_id, list(nothing.responses)) == (0, first.session_id, [])
    assert produced(client if leader(client, name) == 1 else there, **{name.replace(".", "_"): batch(b"x")})[name][0] == 0
    some = there.call(Fetch, 11, max_wait_ms=1000, min_bytes=1, session_id=first.session_id, session_epoch=2, topics=[])
    assert list(values_of(some)) == [name]
    wrong = there.call(Fetch, 11, max_wait_ms=10, min_bytes=1, session_id=first.session_id, session_epoch=7, topics=[])
    assert wrong.error_code == errors.INVALID_FETCH_SESSION_EPOCH
    forgotten = [Fetch.Request.ForgottenTopicsData(topic=name, partitions=[0])]
    rest = there.call(Fetch, 11, max_wait_ms=10, min_bytes=1, session_id=first.session_id, session_epoch=3, topics=[], forgotten_topics_data=forgotten)
    assert rest.error_code == 0 and name not in values_of(rest)


def test_a_session_of_the_cluster_behind_is_begun_anew_when_it_comes_to_have_both(proxy, client, at):
    name = led_by(proxy, client, leader(client, "other"))
    there = at("other")
    first = there.call(Fetch, 11, **fetching("other", session=(0, 0)))
    assert first.session_id
    mixed = there.call(Fetch, 11, **fetching(name, session=(first.session_id, 1)))
    assert mixed.error_code == errors.FETCH_SESSION_ID_NOT_FOUND


# -- groups ----------------------------------------------------------------------------------------


def join(client, group, *names, member="", version=3):
    protocol = JoinGroup.Request.Protocols(name="range", metadata=ConsumerSubscription.build_from(1, topics=list(names)))
    return client.call(JoinGroup, version, group_id=group, session_timeout_ms=6000, rebalance_timeout_ms=6000, member_id=member,
                       protocol_type="consumer", protocols=[protocol])  # fmt: skip


def commit(client, group, *names, generation=-1, member=""):
    Topics = OffsetCommit.Request.Topics
    topics = [Topics(name=name, partitions=[Topics.Partitions(partition_index=0, committed_offset=number, committed_metadata="")]) for number, name in enumerate(names)]
    answer = client.call(OffsetCommit, 7, group_id=group, generation_id_or_member_epoch=generation, member_id=member, topics=topics)
    return [(one.name, one.partitions[0].error_code) for one in answer.topics]


def committed(client, group, *names, version=7):
    Topics = OffsetFetch.Request.Topics
    if version < 8:
        topics = [Topics(name=name, partition_indexes=[0]) for name in names] or None
        answer = client.call(OffsetFetch, version, group_id=group, topics=topics)
    else:
        Groups = OffsetFetch.Request.Groups
        topics = [Groups.Topics(name=name, partition_indexes=[0]) for name in names] or None
        [answer] = client.call(OffsetFetch, version, groups=[Groups(group_id=group, topics=topics)]).groups
    assert answer.error_code == 0
    return [(one.name, one.partitions[0].committed_offset) for one in answer.topics]


def coordinator(proxy, client, group, kind=0):
    """A client at the broker that is told to be the group's coordinator."""
    deadline = time.monotonic() + 10
    while (found := client.call(FindCoordinator, 3, key=group, key_type=kind)).error_code:
        assert time.monotonic() < deadline
    assert (found.host, found.port) == ("127.0.0.1", proxy.fronts[0].nodes["broker", found.node_id].port)
    return WireClient(address_of(proxy, found.node_id))


def test_a_group_that_reads_the_overlay_lives_there(proxy, upstream, client):
    create(client, "mine.g")
    with coordinator(proxy, client, "readers") as there:
        joined = join(there, "readers", "mine.g")
        assert joined.error_code == 0
        synced = there.call(SyncGroup, 3, group_id="readers", generation_id=joined.generation_id, member_id=joined.member_id, assignments=[])
        assert synced.error_code == 0
        assert commit(there, "readers", "mine.g", generation=joined.generation_id, member=joined.member_id) == [("mine.g", 0)]
        [described] = there.call(DescribeGroups, 5, groups=["readers"]).groups
        assert (described.group_state, len(described.members)) == ("Stable", 1)
        assert "readers" in {one.group_id for node in (1, 2) for one in _listed(proxy, node)}
    assert "readers" not in behind(upstream)  # nothing of it is behind


def behind(upstream):
    return {one.id for one in upstream.groups()}


def _listed(proxy, node_id):
    with WireClient(address_of(proxy, node_id)) as client:
        return client.call(ListGroups, 4).groups


def test_a_group_that_reads_behind_lives_there(proxy, upstream, client):
    with coordinator(proxy, client, "real-readers") as there:
        joined = join(there, "real-readers", "real")
        assert joined.error_code == 0
        [described] = there.call(DescribeGroups, 5, groups=["real-readers"]).groups
        assert len(described.members) == 1 and "real-readers" in behind(upstream)


def test_a_group_that_would_read_both_is_refused_and_the_log_says_why(proxy, client, caplog):
    create(client, "mine.g")
    with caplog.at_level(logging.WARNING), coordinator(proxy, client, "torn") as there:
        assert join(there, "torn", "mine.g", "real").error_code == errors.POLICY_VIOLATION
        assert "group torn would span the overlay and the cluster behind it: overlay: mine.g; behind: real" in caplog.text
        assert join(there, "torn", "mine.g").error_code == 0
        assert join(there, "torn", "real").error_code == errors.POLICY_VIOLATION  # as long as it has members here


def test_offsets_are_where_their_topics_are(proxy, upstream, client):
    create(client, "mine.g")
    with coordinator(proxy, client, "both") as there:
        assert commit(there, "both", "mine.g", "real", "mine.g2", "other") == [("mine.g", 0), ("real", 0), ("mine.g2", errors.UNKNOWN_TOPIC_OR_PARTITION), ("other", 0)]
        assert commit(there, "both", "", "mine.g") == [("", errors.UNKNOWN_TOPIC_OR_PARTITION), ("mine.g", 0)]
        for version in (7, 8, 9):
            assert committed(there, "both", "other", "mine.g", "real", version=version) == [("other", 3), ("mine.g", 1), ("real", 1)]
            assert sorted(committed(there, "both", version=version)) == [("mine.g", 1), ("other", 3), ("real", 1)]
        [deleted] = there.call(DeleteGroups, 2, groups_names=["both"]).results
        assert deleted.error_code == 0 and committed(there, "both") == []
        assert there.call(DeleteGroups, 2, groups_names=["both"]).results[0].error_code == errors.GROUP_ID_NOT_FOUND


def test_a_group_of_the_overlays_by_name_has_nothing_behind(proxy, upstream, client):
    create(client, "mine.g")
    with coordinator(proxy, client, "mine.group") as there:
        joined = join(there, "mine.group", "mine.g")
        assert joined.error_code == 0
        assert join(there, "mine.group", "real").error_code == errors.POLICY_VIOLATION
        assert commit(there, "mine.group", "real", "mine.g", generation=joined.generation_id, member=joined.member_id)[0] == ("real", errors.POLICY_VIOLATION)
        assert committed(there, "mine.group", "real") == [("real", -1)]
        assert there.call(OffsetDelete, 0, group_id="mine.nobody", topics=[]).error_code == errors.GROUP_ID_NOT_FOUND
        unnamed = OffsetDelete.Request.Topics(name="", partitions=[OffsetDelete.Request.Topics.Partitions(partition_index=0)])
        assert there.call(OffsetDelete, 0, group_id="mine.group", topics=[unnamed]).topics[0].partitions[0].error_code == errors.UNKNOWN_TOPIC_OR_PARTITION
        assert [one.group_id for one in there.call(DescribeGroups, 5, groups=["mine.group", "mine.group"]).groups] == ["mine.group"] * 2
    assert "mine.group" not in behind(upstream)


# -- producers and transactions --------------------------------------------------------------------


def sequenced(producer, sequence, value, is_transactional=False):
    return build_batch([Record(None, 1, None, value)], producer_id=producer.producer_id, producer_epoch=producer.producer_epoch,
                       base_sequence=sequence, transactional=is_transactional)  # fmt: skip


def test_one_producer_id_is_good_on_both_sides(proxy, client, at):
    name = led_by(proxy, client, leader(client, "real"))
    there = at("real")
    producer = there.call(InitProducerId, 4, transactional_id=None, transaction_timeout_ms=1000)
    key = name.replace(".", "_")
    for sequence in range(3):
        asked = {key: sequenced(producer, sequence, b"x"), "real": sequenced(producer, sequence, b"x")}
        assert {error for error, _ in produced(there, **asked).values()} == {0}
    asked = {key: sequenced(producer, 7, b"x"), "real": sequenced(producer, 7, b"x")}
    assert {error for error, _ in produced(there, **asked).values()} == {errors.OUT_OF_ORDER_SEQUENCE_NUMBER}


def test_a_transaction_of_the_overlays_is_here_alone(proxy, upstream, client, at):
    name = led_by(proxy, client, leader(client, "real"))
    Topics = AddPartitionsToTxn.Request.V3AndBelowTopics
    with coordinator(proxy, client, "mine.tx", kind=1) as there:
        producer = there.call(InitProducerId, 4, transactional_id="mine.tx", transaction_timeout_ms=10000)
        assert producer.error_code == 0
        whose = {"v3_and_below_transactional_id": "mine.tx", "v3_and_below_producer_id": producer.producer_id, "v3_and_below_producer_epoch": producer.producer_epoch}
        torn = there.call(AddPartitionsToTxn, 3, v3_and_below_topics=[Topics(name=one, partitions=[0]) for one in (name, "real")], **whose)
        told = {one.name: one.results_by_partition[0].partition_error_code for one in torn.results_by_topic_v3_and_below}
        assert told == {name: errors.OPERATION_NOT_ATTEMPTED, "real": errors.POLICY_VIOLATION}
        added = there.call(AddPartitionsToTxn, 3, v3_and_below_topics=[Topics(name=name, partitions=[0])], **whose)
        assert added.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code == 0
        key = name.replace(".", "_")
        asked = {key: sequenced(producer, 0, b"in", True), "real": sequenced(producer, 0, b"in", True)}
        answer = produced(at("real"), transactional_id="mine.tx", **asked)
        assert answer[name][0] == 0 and answer["real"][0] == errors.POLICY_VIOLATION and "transaction mine.tx would span" in answer["real"][1]
        ended = there.call(EndTxn, 3, transactional_id="mine.tx", producer_id=producer.producer_id, producer_epoch=producer.producer_epoch, committed=True)
        assert ended.error_code == 0


def test_a_transaction_behind_takes_nothing_of_the_overlay(proxy, upstream, client):
    create(client, "mine.g")
    Topics = AddPartitionsToTxn.Request.V3AndBelowTopics
    with coordinator(proxy, client, "real.tx", kind=1) as there:
        producer = there.call(InitProducerId, 4, transactional_id="real.tx", transaction_timeout_ms=10000)
        whose = {"v3_and_below_transactional_id": "real.tx", "v3_and_below_producer_id": producer.producer_id, "v3_and_below_producer_epoch": producer.producer_epoch}
        torn = there.call(AddPartitionsToTxn, 3, v3_and_below_topics=[Topics(name="mine.g", partitions=[0])], **whose)
        assert torn.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code == errors.POLICY_VIOLATION
        refused = there.call(AddOffsetsToTxn, 3, transactional_id="real.tx", producer_id=producer.producer_id, producer_epoch=producer.producer_epoch, group_id="mine.any")
        assert refused.error_code == errors.POLICY_VIOLATION


def test_topic_ids_in_a_transaction_of_the_overlays(proxy, client, at):
    """One that is behind is refused; one that is nowhere is unknown, as clients look again where they find none."""
    name = led_by(proxy, client, leader(client, "real"))
    ids = {topic.name: topic.topic_id for topic in client.call(Metadata, 12, topics=None).topics}
    client.call(DeleteTopics, 6, topics=[DeleteTopics.Request.Topics(name=name)], timeout_ms=5000)
    with coordinator(proxy, client, "mine.ids", kind=1) as there:
        producer = there.call(InitProducerId, 4, transactional_id="mine.ids", transaction_timeout_ms=10000)
    Topic = Produce.Request.TopicData
    asked = [Topic(topic_id=ids[one], partition_data=[Topic.PartitionData(records=sequenced(producer, 0, b"x", True))]) for one in (name, "real")]
    answer = at("real").call(Produce, 13, transactional_id="mine.ids", acks=-1, timeout_ms=1000, topic_data=asked)
    told = {topic.topic_id: topic.partition_responses[0].error_code for topic in answer.responses}
    assert told == {ids[name]: errors.UNKNOWN_TOPIC_ID, ids["real"]: errors.POLICY_VIOLATION}


def test_markers_go_to_both_sides(proxy, client, at):
    name = led_by(proxy, client, leader(client, "real"))
    Marker = WriteTxnMarkers.Request.Markers
    markers = [Marker(producer_id=number, producer_epoch=0, transaction_result=False, coordinator_epoch=0,
                      topics=[Marker.Topics(name=one, partition_indexes=[0]) for one in topics]) for number, topics in ((7, (name, "real")), (8, ("real",)))]  # fmt: skip
    before = [ends(at(one), one) for one in (name, "real")]
    answer = at("real").call(WriteTxnMarkers, 1, markers=markers)
    told = {one.producer_id: {topic.name: topic.partitions[0].error_code for topic in one.topics} for one in answer.markers}
    assert told == {7: {name: 0, "real": 0}, 8: {"real": 0}}
    assert [ends(at(one), one) for one in (name, "real")] == [before[0] + 1, before[1] + 2]


def ends(client, name):
    Topics = ListOffsets.Request.Topics
    [topic] = client.call(ListOffsets, 7, replica_id=-1, isolation_level=0, topics=[Topics(name=name, partitions=[Topics.Partitions(partition_index=0, timestamp=-1)])]).topics
    return topic.partitions[0].offset


# -- what users do ---------------------------------------------------------------------------------


def test_the_example_of_the_page(upstream):
    pytest.importorskip("confluent_kafka")
    page = (ROOT / "docs" / "proxy.md").read_text()
    [config] = [text for text in re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE) if "overlay.topics" in text]
    [program] = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    values = {key: value for key, value in yaml.safe_load(config).items() if key.startswith("overlay.")}
    upstream.create_topic("payments")
    if "orders" not in upstream.server.cluster.topics:
        upstream.create_topic("orders")
    before = [one.value for one in upstream.records("orders")]
    with proxied(upstream.bootstrap, **{key: str(value) for key, value in values.items()}) as proxy:
        exec(compile(program.replace("localhost:9092", proxy.bootstrap), "docs/proxy.md", "exec"), {})
        assert [one.value for one in upstream.records("payments")] == [b"for three teapots"]
        assert [one.value for one in upstream.records("orders")] == before and "billing" not in behind(upstream)
        with WireClient(proxy.bootstrap) as client, coordinator(proxy, client, "billing") as there:
            assert committed(there, "billing") == [("orders", 1)]


@pytest.mark.parametrize("keys, said", [
    ({"overlay.groups": "x"}, "overlay.topics is missing"),
    ({"overlay.topics": "a,,b"}, "expected a name"),
    ({"overlay.topics": "a", "overlay.listeners": "PLAINTEXT://:1"}, "overlay.listeners: the overlay's brokers are those of the cluster behind"),
    ({"overlay.topics": "a", "overlay.num.partitions": "none"}, "overlay.num.partitions"),
    ({"overlay.topics": "a", "overlay.nonsense": "1"}, "overlay.nonsense"),
    ({"overlay.topics": "a", "upstream.security.protocol": "SASL_PLAINTEXT"}, "overlay.topics needs upstream.sasl.mechanism"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(keys, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        ProxySettings({"upstream.bootstrap.servers": "kafka:9092", **keys})



# -- nothing of one side is on the other -----------------------------------------------------------


class Spy:
    """A layer that keeps all that a broker is asked and answers, as bytes."""

    order = layers.REQUESTS

    def __init__(self):
        self.seen = []

    def wants(self, api, version):
        return True

    def wrap(self, route):
        handle, api, version = route.handle, route.api, route.version

        def answer(request, call):
            self._keep(api.build_request(version), request)
            response = handle(request, call)
            self._keep(api.build_response(version), response)
            return response

        route.handle = answer

    def _keep(self, build, record):
        if record is not None:
            pieces = []
            build(record, pieces)
            self.seen.append(b"".join(pieces))

    def has(self, text):
        return any(text in one for one in self.seen)


def test_nothing_of_one_side_is_seen_on_the_other(upstream):
    confluent_kafka = pytest.importorskip("confluent_kafka")
    behind_, here = Spy(), Spy()
    for broker in upstream.server.brokers.values():
        upstream.call(broker.add_layer, behind_)
    try:
        with proxied(upstream.bootstrap, overlay_topics="secret*") as proxy:
            for node_id in upstream.brokers:
                proxy.on_loop(proxy.overlay.engine.broker(node_id).add_layer, here)
            address = {"bootstrap.servers": proxy.bootstrap, "log_level": 0}
            producer = confluent_kafka.Producer({**address, "enable.idempotence": True})
            for topic in ("secret-topic", "open-topic"):
                producer.produce(topic, f"value of {topic}", key=f"key of {topic}", headers={"header": f"header of {topic}"})
            assert not producer.flush(20)
            for topic in ("secret-topic", "open-topic"):
                consumer = confluent_kafka.Consumer({**address, "group.id": f"group-{topic}", "auto.offset.reset": "earliest"})
                consumer.subscribe([topic])
                until(lambda: (message := consumer.poll(0.1)) is not None and message.value() == f"value of {topic}".encode())
                consumer.commit(asynchronous=False)
                consumer.close()
            by_hand = confluent_kafka.Consumer({**address, "group.id": "hand", "auto.offset.reset": "earliest"})
            by_hand.assign([confluent_kafka.TopicPartition(topic, 0, 0) for topic in ("secret-topic", "open-topic")])
            found = set()
            until(lambda: (message := by_hand.poll(0.1)) is not None and found.add(message.topic()) or len(found) == 2)
            by_hand.close()
    finally:
        for broker in upstream.server.brokers.values():
            upstream.call(broker.remove_layer, behind_)
    for word in (b"value of ", b"key of ", b"header of "):
        assert here.has(word + b"secret-topic") and not here.has(word + b"open-topic")
        assert behind_.has(word + b"open-topic") and not behind_.has(word + b"secret-topic")
    assert not here.has(b"open-topic")
    assert {piece for piece in re.findall(rb"[\w-]*secret-topic", b"".join(behind_.seen))} <= {b"group-secret-topic"}  # looked for its coordinator


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"


def test_a_broker_that_is_gone_behind_is_gone_here():
    with Emulator(brokers=2, config={"default.replication.factor": 2, "offsets.topic.num.partitions": 2}) as kafka:
        with proxied(kafka.bootstrap, overlay_topics="mine.*", upstream_metadata_max_age_ms="50") as proxy:
            with WireClient(proxy.bootstrap) as client:
                create(client, "mine.a", factor=2)
                gone = leader(client, "mine.a")
            with WireClient(address_of(proxy, 3 - gone)) as client:

                def ask():
                    answer = client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="mine.a")])
                    return {one.node_id for one in answer.brokers}, answer.topics[0].partitions[0]

                kafka.brokers[gone].kill()
                until(lambda: ask()[0] == {3 - gone} and ask()[1].leader_id == 3 - gone)
                assert ask()[1].leader_epoch == 1 and list(ask()[1].isr_nodes) == [3 - gone]
                assert produced(client, mine_a=batch(b"x"))["mine.a"][0] == 0
                kafka.brokers[gone].start()
                until(lambda: set(ask()[1].isr_nodes) == {1, 2})


def test_a_share_group_that_reads_the_overlay_lives_there(proxy, upstream):
    with WireClient(address_of(proxy, 1)) as client:
        create(client, "mine.s")
        joined = client.call(ShareGroupHeartbeat, 1, group_id="sharers", member_id="AAAAAAAAAAAAAAAAAAAAAA", member_epoch=0, subscribed_topic_names=["mine.s"])
        assert joined.error_code == 0 and joined.member_epoch > 0
        torn = client.call(ShareGroupHeartbeat, 1, group_id="sharers-2", member_id="AAAAAAAAAAAAAAAAAAAAAA", member_epoch=0, subscribed_topic_names=["mine.s", "real"])
        assert torn.error_code == errors.POLICY_VIOLATION and "group sharers-2 would span" in torn.error_message
        [described] = client.call(ShareGroupDescribe, 1, group_ids=["sharers"]).groups
        assert [one.subscribed_topic_names for one in described.members] == [["mine.s"]]
    assert "sharers" not in behind(upstream)
