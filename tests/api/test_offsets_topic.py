"""What a group coordinator writes into __consumer_offsets, read as any client may read it."""

import pytest

from emulator.state.internal_topics import partition_for
from tests.api.test_data import create, until
from wire import errors
from wire.apis.configs import IncrementalAlterConfigs
from wire.apis.data import Fetch, ListOffsets, Produce
from wire.apis.groups import DeleteGroups, JoinGroup, LeaveGroup, OffsetCommit, OffsetDelete, SyncGroup
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.topics import DeleteTopics
from wire.internal import CONSUMER_OFFSETS, ConsumerSubscription
from wire.internal.groups import GroupMetadata, OffsetCommit as OffsetCommitRecord
from wire.records import Record, build_batch, iter_batches, iter_records, read_header

TOPIC = CONSUMER_OFFSETS.topic


@pytest.fixture
def topic(client, fresh):
    name = fresh("read")
    topic_id = create(client, name, partitions=2)
    return name, topic_id


@pytest.fixture
def group(client, fresh):
    name = fresh("stored")

    def is_found():
        (found,) = client.call(FindCoordinator, 4, key_type=0, coordinator_keys=[name]).coordinators
        return found.error_code == errors.NONE and commit(client, name, [], generation=-1) is not None

    until(is_found)
    return name


def commit(client, group, topics, generation=-1, member=""):
    Topics = OffsetCommit.Request.Topics
    answer = client.call(OffsetCommit, 9, group_id=group, member_id=member, generation_id_or_member_epoch=generation, topics=[
        Topics(name=name, partitions=[Topics.Partitions(partition_index=index, committed_offset=offset, committed_leader_epoch=3,
                                                        committed_metadata=metadata) for index, offset, metadata in positions])
        for name, positions in topics])
    return [partition.error_code for topic in answer.topics for partition in topic.partitions]


def stored(client, group):
    """(header, [Parsed]) of each batch with a record about the group."""
    topic_id = next(topic.topic_id for topic in client.call(
        Metadata, 12, topics=[Metadata.Request.Topics(name=TOPIC)]).topics)
    found, offset, index = [], 0, partition_for(group, 50)
    while True:
        asked = Fetch.Request.Topics(topic_id=topic_id, partitions=[
            Fetch.Request.Topics.Partitions(partition=index, fetch_offset=offset, partition_max_bytes=1 << 20)])
        (topic,) = client.call(Fetch, 13, max_wait_ms=0, min_bytes=0, topics=[asked]).responses
        (partition,) = topic.partitions
        assert partition.error_code == errors.NONE
        batches = list(iter_batches(bytes(partition.records or b"")))
        if not batches:
            return found
        for batch in batches:
            header = read_header(batch)
            parsed = [CONSUMER_OFFSETS.parse(record.key, record.value) for record in iter_records(batch)]
            assert {record.headers for record in iter_records(batch)} <= {()}  # none of a marker
            if any(getattr(it.key, "group", None) == group for it in parsed):  # others have a group_id
                found.append((header, parsed))
            offset = header.last_offset + 1


def test_one_commit_is_one_batch(client, group, topic):
    name, topic_id = topic
    assert commit(client, group, [(name, [(0, 5, "m"), (1, 6, None)])]) == [errors.NONE] * 2
    assert commit(client, group, [(name, [(0, 7, "")])]) == [errors.NONE]
    (first, [zero, one]), (second, [again]) = stored(client, group)
    assert zero.key == OffsetCommitRecord.Key(group=group, topic=name, partition=0)
    assert zero.value == OffsetCommitRecord.Value(
        offset=5, leader_epoch=3, metadata="m", commit_timestamp=zero.value.commit_timestamp, topic_id=topic_id)
    assert (one.key.partition, one.value.offset, one.value.metadata, again.value.offset) == (1, 6, "", 7)
    assert second.base_offset >= first.base_offset + 2
    for header in first, second:
        assert (header.attributes, header.producer_id, header.producer_epoch, header.base_sequence) == (0, -1, -1, 0)
        assert header.base_timestamp == header.max_timestamp
        assert 0 <= header.base_timestamp - zero.value.commit_timestamp < 10_000


def test_a_topic_named_twice_is_answered_twice_unless_something_is_refused_at_the_door(client, group, topic):
    def answered(*asked):
        Topics = OffsetCommit.Request.Topics
        answer = client.call(OffsetCommit, 9, group_id=group, generation_id_or_member_epoch=-1, topics=[
            Topics(name=name, partitions=[Topics.Partitions(partition_index=index, committed_offset=1)]) for name, index in asked])
        return [(each.name, [(it.partition_index, it.error_code) for it in each.partitions]) for each in answer.topics]

    (topic, _), nowhere = topic, errors.UNKNOWN_TOPIC_OR_PARTITION
    assert answered((topic, 0), (topic, 1)) == [(topic, [(0, 0)]), (topic, [(1, 0)])]
    assert answered((topic, 0), (topic, 99), (topic, 1)) == [(topic, [(99, nowhere), (0, 0), (1, 0)])]


def test_what_is_deleted_leaves_tombstones(client, group, topic):
    name, _ = topic
    commit(client, group, [(name, [(0, 5, ""), (1, 6, "")])])
    Topics = OffsetDelete.Request.Topics
    client.call(OffsetDelete, 0, group_id=group, topics=[
        Topics(name=name, partitions=[Topics.Partitions(partition_index=1), Topics.Partitions(partition_index=9)])])
    client.call(DeleteGroups, 2, groups_names=[group])
    _, (_, one), (_, rest) = stored(client, group)
    assert one == [(OffsetCommitRecord, OffsetCommitRecord.Key(group=group, topic=name, partition=1), None)]
    assert rest == [(OffsetCommitRecord, OffsetCommitRecord.Key(group=group, topic=name, partition=0), None),
                    (GroupMetadata, GroupMetadata.Key(group=group), None)]


def test_a_deleted_topic_takes_its_offsets_along(client, group, topic):
    name, _ = topic
    commit(client, group, [(name, [(0, 5, ""), (1, 6, "")])])
    client.call(DeleteTopics, 6, topics=[DeleteTopics.Request.Topics(name=name)], timeout_ms=1000)
    until(lambda: len(stored(client, group)) == 2)
    _, (_, gone) = stored(client, group)
    assert sorted((it.kind.name, it.key.partition, it.value) for it in gone) == [("OffsetCommit", 0, None), ("OffsetCommit", 1, None)]


def test_the_records_of_a_member(client, group):
    subscription = ConsumerSubscription.build_from(0, topics=["t"])
    protocols = [JoinGroup.Request.Protocols(name="range", metadata=subscription), JoinGroup.Request.Protocols(name="b", metadata=b"")]
    asked = dict(group_id=group, session_timeout_ms=6000, rebalance_timeout_ms=7000, protocol_type="consumer", protocols=protocols)
    member = client.call(JoinGroup, 9, **asked).member_id
    joined = client.call(JoinGroup, 9, **asked, member_id=member)
    assert (joined.error_code, joined.generation_id) == (errors.NONE, 1)
    assignments = [SyncGroup.Request.Assignments(member_id=member, assignment=b"yours")]
    client.call(SyncGroup, 5, group_id=group, generation_id=1, member_id=member, protocol_type="consumer", protocol_name="range",
                assignments=assignments)
    client.call(LeaveGroup, 5, group_id=group, members=[LeaveGroup.Request.Members(member_id=member)])
    until(lambda: len(stored(client, group)) == 3)
    made, formed, left = (parsed for _, (parsed,) in stored(client, group))
    assert (made.value.protocol_type, made.value.generation, made.value.members) == ("", 0, [])
    Value = GroupMetadata.Value
    assert formed.value == Value(
        protocol_type="consumer", generation=1, protocol="range", leader=member,
        current_state_timestamp=formed.value.current_state_timestamp,
        members=[Value.Members(
            member_id=member, client_id="wire-client", client_host="/127.0.0.1", rebalance_timeout=7000, session_timeout=6000,
            subscription=subscription, assignment=b"yours")])
    assert left.value == Value(protocol_type="consumer", generation=2, protocol=None, leader=None,
                               current_state_timestamp=left.value.current_state_timestamp)
    assert made.value.current_state_timestamp <= formed.value.current_state_timestamp < left.value.current_state_timestamp + 1


def test_clients_may_read_the_topic_but_not_write_into_it(client, group):
    data = Produce.Request.TopicData.PartitionData(index=0, records=build_batch([Record(0, 1, b"k", b"v")]))
    (answer,) = client.call(Produce, 9, acks=-1, timeout_ms=1000, topic_data=[
        Produce.Request.TopicData(name=TOPIC, partition_data=[data])]).responses
    assert answer.partition_responses[0].error_code == errors.INVALID_TOPIC_EXCEPTION
    Topics = ListOffsets.Request.Topics
    (topic,) = client.call(ListOffsets, 7, replica_id=-1, topics=[
        Topics(name=TOPIC, partitions=[Topics.Partitions(partition_index=0, timestamp=-2)])]).topics
    assert (topic.partitions[0].error_code, topic.partitions[0].offset) == (errors.NONE, 0)


@pytest.fixture
def small_batches(client, group):
    """__consumer_offsets takes batches of 600 bytes for as long as the test lasts."""
    Resource = IncrementalAlterConfigs.Request.Resources

    def alter(value):
        change = Resource.Configs(name="max.message.bytes", config_operation=0, value=value)
        asked = Resource(resource_type=2, resource_name=TOPIC, configs=[change])
        assert client.call(IncrementalAlterConfigs, 1, resources=[asked]).responses[0].error_code == errors.NONE

    alter("600")
    yield
    alter("1048588")


def test_a_commit_is_one_batch_or_nothing(client, group, topic, small_batches):
    name, _ = topic
    until(lambda: commit(client, group, [(name, [(0, 1, "x" * 900)])]) == [errors.UNKNOWN_SERVER_ERROR])
    assert commit(client, group, [(name, [(0, 2, "x" * 100), (1, 2, "y" * 900)])]) == [errors.UNKNOWN_SERVER_ERROR] * 2
    assert commit(client, group, [(name, [(0, 3, "x" * 300), (1, 3, "y" * 300)])]) == [errors.UNKNOWN_SERVER_ERROR] * 2
    assert commit(client, group, [(name, [(0, 4, "x"), (1, 4, "y" * 5_000)])]) == [errors.NONE, errors.OFFSET_METADATA_TOO_LARGE]
    assert commit(client, group, [(name, [(1, 5, "y" * 300)])]) == [errors.NONE]
    offsets = [parsed.value.offset for _, batch in stored(client, group) for parsed in batch]
    assert offsets[-2:] == [4, 5] and not {2, 3} & set(offsets)
