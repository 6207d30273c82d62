"""What coordinators write into their topics, record by record and batch by batch: the same as Apache Kafka 4.3.1.

Each scenario's records are held against `written/<scenario>.txt`, which a real Kafka made: WRITTEN=record with
KAFKA_BOOTSTRAP makes them anew. Ids that a server makes up stand under names, times as T; a hash of topics must be the
one of the topics that it stands under. A record whose value is built again from its fields must give the same bytes,
so equal text is equal bytes.
"""

import difflib
import itertools
import os
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

from emulator.state.groups.topics import Topics
from emulator.state.internal_topics import partition_for
from emulator.state.share.persister import coordinator_key
from tests.api import test_consumer_groups as consumer
from tests.api import test_share_groups as share
from tests.api import test_streams_groups as streams
from tests.api.test_data import create, until
from tests.api.test_transactions import Txn, patiently
from wire import errors
from wire.apis.configs import DescribeConfigs
from wire.apis.data import Fetch
from wire.apis.groups import DeleteGroups, JoinGroup, LeaveGroup, OffsetCommit, OffsetDelete, SyncGroup
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.share_groups import AlterShareGroupOffsets, DeleteShareGroupOffsets
from wire.apis.transactions import TxnOffsetCommit
from wire.internal import CONSUMER_OFFSETS, SHARE_GROUP_STATE, TRANSACTION_STATE, ConsumerAssignment, ConsumerSubscription
from wire.record import Record
from wire.records import iter_batches, iter_records, parse_control, read_header

EXPECTED = Path(__file__).parent / "written"
PARTITIONS = 50  # of each of these topics
# Lists in the order of a hash map, which hangs on ids and names that are made up.
UNORDERED = {"topic_partitions", "assigned_partitions", "partitions_pending_revocation", "partition_ids", "initialized_topics",
             "initializing_topics", "deleting_topics"}  # fmt: skip


class Names:
    """What stands for a value that differs from run to run."""

    def __init__(self):
        self._names = {"a": "a", "b": "b"}  # members whose ids the tests choose
        self._topics = []
        self._counts = {}

    def call(self, value, name):
        self._names[value] = name
        return value

    def topic(self, name, topic_id, partitions, short):
        self.call(name, short)
        self.call(topic_id, f"id of {short}")
        self._topics.append((short, SimpleNamespace(name=name, topic_id=topic_id, partitions=partitions)))

    def hashed(self, value):
        """The topics whose hash this is."""
        if value == 0:
            return "none"
        for size in range(1, len(self._topics) + 1):
            for some in itertools.combinations(self._topics, size):
                if _hash_of([topic for _, topic in some]) == value:
                    return "+".join(short for short, _ in some)
        return f"unknown hash {value}"

    def made_up(self, kind, value):
        """An id that the server made: by its first appearance."""
        if value in (-1, None, ""):
            return value
        if value not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[value] = f"{kind}{self._counts[kind]}"
        return self._names[value]

    def __call__(self, field, value):
        if field.endswith(("timestamp", "timestamp_ms")) and value > 0:
            return "T"
        if field in ("metadata_hash",):
            return self.hashed(value)
        if field.endswith("producer_id"):
            return self.made_up("producer", value)
        if field in ("member_id", "leader") and value not in self._names:
            return self.made_up("member", value)
        if field == "client_host":
            return "host"
        if isinstance(value, bytes) and value not in self._names:
            return self._inside(value)
        return self._names.get(value, value) if isinstance(value, (str, bytes)) else value

    def _inside(self, data):
        """What consumers embed names topics, too."""
        for short, topic in self._topics:
            data = data.replace(topic.name.encode(), short.encode())
        return data


def _hash_of(topics):
    cluster = SimpleNamespace(
        topics={
            topic.name: SimpleNamespace(name=topic.name, topic_id=topic.topic_id, partitions=[SimpleNamespace(replicas=[1])] * topic.partitions)
            for topic in topics
        },
        brokers={},
        on_create=[], on_delete=[], on_grow=[],
    )  # fmt: skip
    return Topics(cluster).hash_of(cluster.topics)


def told(value, names, field=""):
    """A value as text."""
    if isinstance(value, Record):
        return f"({', '.join(f'{name}={told(getattr(value, name), names, name)}' for name in value.fields_in_order)})"
    if isinstance(value, (list, tuple)):
        items = [told(item, names, field) for item in value]
        return f"[{', '.join(sorted(items) if field in UNORDERED else items)}]"
    value = names(field, bytes(value) if isinstance(value, memoryview) else value)
    return str(value) if isinstance(value, str) else repr(value)


def id_of(client, name):
    [topic] = client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=name)]).topics
    return topic.topic_id


def written(client, kinds, partition, is_about, names):
    """The lines about batches of a partition of an internal topic: one for each batch, one for each record in it."""
    topic_id = id_of(client, kinds.topic)
    lines, offset, producers = [], 0, set()
    while True:
        asked = Fetch.Request.Topics(topic_id=topic_id, partitions=[
            Fetch.Request.Topics.Partitions(partition=partition, fetch_offset=offset, partition_max_bytes=1 << 20)])
        [[answer]] = [each.partitions for each in client.call(Fetch, 13, max_wait_ms=0, min_bytes=0, topics=[asked]).responses]
        assert answer.error_code == errors.NONE
        batches = list(iter_batches(bytes(answer.records or b"")))
        if not batches:
            return lines
        for one in batches:
            header = read_header(one)
            offset = header.last_offset + 1
            if header.is_control:
                about = list(iter_records(one, control=True)) if header.producer_id in producers else []
            else:
                about = [record for record in iter_records(one) if is_about(kinds.parse(record.key, record.value).key)]
            if about:
                producers.add(header.producer_id)
                producer = names.made_up("producer", header.producer_id)
                lines.append(f"batch attributes={header.attributes} producer={producer} epoch={header.producer_epoch} sequence={header.base_sequence}")
            for record in about:
                lines.append(f"  {parse_control(record)}" if header.is_control else "  " + _told_record(kinds, record, names))


def _told_record(kinds, record, names):
    kind, key, value = kinds.parse(record.key, record.value)
    assert not record.headers and kind.build_key(key) == record.key
    line = f"{kind.name} {told(key, names)}"
    if value is None:
        return f"{line} -> gone"
    version = int.from_bytes(record.value[:2], "big")
    assert kind.build_value(version, value) == bytes(record.value)
    return f"{line} -> v{version} {told(value, names)}"


def _in_order(lines):
    """Records of one kind side by side are about members or partitions, in the order of a hash map as well."""
    for _, same in itertools.groupby(lines, key=lambda line: line.split(" (")[0]):
        yield from sorted(same)


def check(scenario, lines):
    path = EXPECTED / f"{scenario}.txt"
    lines = list(_in_order(lines))
    if os.environ.get("WRITTEN") == "record":
        assert os.environ.get("KAFKA_BOOTSTRAP"), "only a real Kafka says what is right"
        path.write_text("\n".join(lines) + "\n")
    difference = difflib.unified_diff(path.read_text().splitlines(), lines, "Kafka", "here", n=1, lineterm="")
    assert not (found := "\n".join(difference)), found


# -- scenarios ---------------------------------------------------------------------------------------


@pytest.fixture
def names():
    return Names()


@pytest.fixture
def topic(client, names):
    """topic("t", 2): a topic that stands under a short name in the records."""

    def make(short, partitions=1, **configs):
        name = f"{short}-{uuid.uuid4().hex}"  # of one length, whichever tests ran before
        names.topic(name, create(client, name, partitions=partitions, **configs), partitions, short)
        return name

    return make


def of_group(client, group, names):
    names.call(group, "g")

    def is_about(key):
        return group in (getattr(key, "group", None), getattr(key, "group_id", None))

    return written(client, CONSUMER_OFFSETS, partition_for(group, PARTITIONS), is_about, names)


def commit(client, group, member, epoch, topic, *positions, version=9, **fields):
    Topic = OffsetCommit.Request.Topics
    answer = client.call(OffsetCommit, version, group_id=group, member_id=member, generation_id_or_member_epoch=epoch, topics=[
        Topic(name=topic, partitions=[Topic.Partitions(partition_index=index, committed_offset=offset, committed_leader_epoch=leader_epoch,
                                                       committed_metadata=metadata) for index, offset, leader_epoch, metadata in positions])],
        **fields)  # fmt: skip
    return [partition.error_code for topic in answer.topics for partition in topic.partitions]


def configure(client, group, **configs):
    """GROUP configs, and until they are there: Kafka's coordinator hears of them a little later."""
    asked = share.Group(client, group, None, None)
    assert asked.configure(**configs).error_code == errors.NONE
    Resource = DescribeConfigs.Request.Resources

    def known():
        keys = [key.replace("_", ".") for key in configs]
        [result] = client.call(DescribeConfigs, 4, resources=[Resource(resource_type=32, resource_name=group, configuration_keys=keys)]).results
        return {config.name.replace(".", "_"): config.value for config in result.configs} == configs

    until(known)


def owned(answer):
    return [consumer.Owned(topic_id=each.topic_id, partitions=each.partitions) for each in answer.assignment.topic_partitions]


def delete_group(client, group):
    [result] = client.call(DeleteGroups, 2, groups_names=[group]).results
    assert result.error_code == errors.NONE


def test_offsets(client, fresh, topic, names):
    group, t = consumer.Group(client, fresh("group")), topic("t", 2)
    assert commit(client, group.id, "", -1, t, (0, 5, 3, "m"), (1, 6, -1, None)) == [0, 0]
    assert commit(client, group.id, "", -1, t, (0, 7, 0, ""), version=4, retention_time_ms=1 << 30) == [0]
    Topic = OffsetDelete.Request.Topics
    client.call(OffsetDelete, 0, group_id=group.id, topics=[Topic(name=t, partitions=[Topic.Partitions(partition_index=1)])])
    delete_group(client, group.id)
    check("offsets", of_group(client, group.id, names))


def test_classic_group(client, fresh, names):
    group = consumer.Group(client, fresh("group"))
    first = group.join_classic(topics=["x"], instance="i", version=5)
    assert first.error_code == errors.NONE
    group.sync_classic(first.member_id, 1, [(first.member_id, b"all")])
    again = group.join_classic(topics=["x"], instance="i", version=9)
    assert again.error_code == errors.NONE
    client.call(LeaveGroup, 5, group_id=group.id, members=[LeaveGroup.Request.Members(group_instance_id="i")])
    until(lambda: "members=[])" in of_group(client, group.id, Names())[-1])
    delete_group(client, group.id)
    check("classic_group", of_group(client, group.id, names))


def test_consumer_group(client, fresh, topic, names):
    group, t, u = consumer.Group(client, fresh("group")), topic("t", 3), topic("u", 2)
    configure(client, group.id, consumer_assignment_interval_ms="0")
    a = group.join("a", t, u)
    assert a.error_code == errors.NONE
    b = group.join("b", t, server_assignor="range", rack_id="r")
    a = group.beat("a", a.member_epoch, topic_partitions=owned(a))
    a = group.beat("a", a.member_epoch, topic_partitions=owned(a))
    b = group.beat("b", b.member_epoch, topic_partitions=[])
    assert b.assignment.topic_partitions
    assert commit(client, group.id, "a", a.member_epoch, t, (0, 5, 3, "m")) == [0]
    group.beat("b", -1)
    assert group.beat("a", a.member_epoch).error_code == errors.NONE
    group.beat("a", -1)
    delete_group(client, group.id)
    check("consumer_group", of_group(client, group.id, names))


def test_static_members(client, fresh, topic, names):
    group, t = consumer.Group(client, fresh("group")), topic("t", 2)
    a = group.join("a", t, instance_id="i", rebalance_timeout_ms=7000)
    group.beat("a", -2, instance_id="i")
    again = group.join("b", t, instance_id="i", rebalance_timeout_ms=7000)
    assert (a.member_epoch, again.error_code) == (2, errors.NONE)
    group.beat("b", -1, instance_id="i")
    check("static_members", of_group(client, group.id, names))


def test_regular_expression(client, fresh, topic, names):
    group, t = consumer.Group(client, fresh("group")), topic("t", 2)
    names.call(f"{t}.*", "t.*")
    a = group.join("a", regex=f"{t}.*")
    until(lambda: group.beat("a", a.member_epoch).member_epoch > a.member_epoch)
    group.beat("a", -1)
    check("regular_expression", [_without_version(line) for line in of_group(client, group.id, names)])


def _without_version(line):
    """The version of an expression's topics is an offset of the metadata log, in which Kafka has more than we."""
    before, found, after = line.partition(", version=")
    return before + found + "N" + after[after.index(",") :] if found else line


def test_groups_change_their_protocol(client, fresh, topic, names):
    group, t = consumer.Group(client, fresh("group")), topic("t", 2)
    first = group.join_classic(topics=[t], instance="i")
    Partitions = ConsumerAssignment.Record.AssignedPartitions
    assignment = ConsumerAssignment.build_from(3, assigned_partitions=[Partitions(topic=t, partitions=[0, 1])], user_data=None)
    group.sync_classic(first.member_id, 1, [(first.member_id, assignment)])
    b = group.join("b", t)
    assert b.error_code == errors.NONE
    group.beat("b", -1)
    until(lambda: group.listed()[0] == "classic")
    check("groups_change_their_protocol", of_group(client, group.id, names))


def test_share_group(client, fresh, topic, names):
    t = topic("t")  # with more partitions it hangs on the topic's id who gives up which
    topic_id = id_of(client, t)
    until(lambda: share.found(client, 0, "any") and share.found(client, 2, f"any:{'A' * 22}:0"))
    group = share.Group(client, fresh("share-group"), t, topic_id)
    configure(client, group.name, share_assignment_interval_ms="0")
    a = group.heartbeat("a")
    until(lambda: group.offset() is not None)  # its partitions have a state
    assert group.heartbeat("a", a.member_epoch).assignment.topic_partitions
    b = group.heartbeat("b")
    assert b.error_code == errors.NONE
    group.heartbeat("a", -1)
    group.heartbeat("b", -1)
    delete_group(client, group.name)
    check("share_group", of_group(client, group.name, names))


def test_share_group_state(client, fresh, topic, names):
    t = topic("t")
    topic_id = id_of(client, t)
    until(lambda: share.found(client, 0, "any") and share.found(client, 2, f"any:{'A' * 22}:0"))
    group = share.Group(client, fresh("share-group"), t, topic_id)
    names.call(group.name, "g")
    assert group.configure(share_auto_offset_reset="earliest").error_code == errors.NONE
    until(lambda: group.heartbeat().error_code == errors.NONE)
    until(lambda: group.offset() is not None)
    share.fill(group, 2)
    assert group.acquired("a") == [(0, 19, 1)]
    assert group.acknowledge("a", (0, 3, share.ACCEPT)) == errors.NONE
    assert group.acknowledge("a", (5, 5, share.REJECT), (6, 9, [share.ACCEPT, share.RELEASE, share.ACCEPT, 0])) == errors.NONE
    assert group.acquired("a") == [(7, 7, 2)]
    assert group.acknowledge("a", (4, 4, share.ACCEPT), (10, 12, share.RELEASE)) == errors.NONE
    assert group.acquired("a") == [(10, 12, 2)]
    assert group.acquired("a", epoch=-1) == []
    group.heartbeat("a", -1)
    Topic = AlterShareGroupOffsets.Request.Topics
    answer = client.call(AlterShareGroupOffsets, 0, group_id=group.name, topics=[
        Topic(topic_name=t, partitions=[Topic.Partitions(partition_index=0, start_offset=7)])])
    assert answer.error_code == errors.NONE
    client.call(DeleteShareGroupOffsets, 0, group_id=group.name, topics=[DeleteShareGroupOffsets.Request.Topics(topic_name=t)])

    def lines(names):
        partition = partition_for(coordinator_key((group.name, topic_id, 0)), PARTITIONS)
        return written(client, SHARE_GROUP_STATE, partition, lambda key: key.group_id == group.name, names)

    until(lambda: lines(Names())[-1].endswith("gone"))
    check("share_group_state", lines(names))


def test_streams_group(client, fresh, topic, names):
    t = topic("t", 2)
    group = streams.Group(client, fresh("streams"))
    configure(client, group.id, streams_initial_rebalance_delay_ms="0", streams_assignment_interval_ms="0")
    topology = streams.Topology(epoch=1, subtopologies=[streams.subtopology("0", sources=[t])])
    a = group.join("a", topology, user_endpoint=streams.Request.UserEndpoint(host="h", port=1))
    assert a.error_code == errors.NONE
    b = group.join("b", topology, process="p2")
    a = group.has("a", a.member_epoch, {"0": [0, 1]})
    a = group.has("a", a.member_epoch, {"0": [each for task in a.active_tasks or () for each in task.partitions]})
    b = group.has("b", b.member_epoch, {})
    group.beat("a", -1)
    group.beat("b", -1)
    delete_group(client, group.id)
    check("streams_group", of_group(client, group.id, names))


def test_transactions(client, fresh, topic, names):
    t = topic("t", 2)
    txn = Txn(client, fresh("txn"), t).find()
    names.call(txn.tid, "tid")
    assert txn.init()[0] == errors.NONE
    assert txn.add(0) == [errors.NONE]
    assert txn.add(1, 0) == [errors.NONE] * 2
    assert txn.end(True, version=3)[0] == errors.NONE
    assert txn.init()[0] == errors.NONE
    assert txn.produce(b"v", version=12, index=1)[0] == errors.NONE
    txn.finish(False)
    assert txn.produce(b"v", version=12, index=0)[0] == errors.NONE
    txn.finish(True)

    def lines(names):
        partition = partition_for(txn.tid, PARTITIONS)
        return written(client, TRANSACTION_STATE, partition, lambda key: key.transactional_id == txn.tid, names)

    until(lambda: "transaction_status=4" in lines(Names())[-1])
    check("transactions", lines(names))


def test_offsets_of_a_transaction(client, fresh, topic, names):
    group, t = consumer.Group(client, fresh("group")), topic("t")
    txn = Txn(client, fresh("txn"), t).find()
    assert txn.init()[0] == errors.NONE
    Topic = TxnOffsetCommit.Request.Topics
    for commits in True, False:
        topics = [Topic(name=t, partitions=[Topic.Partitions(partition_index=0, committed_offset=5, committed_metadata=None)])]

        def ask():
            answer = client.call(
                TxnOffsetCommit, 5, transactional_id=txn.tid, group_id=group.id, producer_id=txn.producer_id, producer_epoch=txn.epoch,
                generation_id=-1, member_id="", topics=topics,
            )  # fmt: skip
            return [answer.topics[0].partitions[0].error_code]

        assert patiently(ask, errors.CONCURRENT_TRANSACTIONS) == [errors.NONE]
        txn.finish(commits)
    check("offsets_of_a_transaction", of_group(client, group.id, names))
