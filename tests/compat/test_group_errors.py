"""What a group coordinator answers to requests that it refuses, byte by byte the same as Kafka's."""

import pytest

from tests.wire_client import WireClient
from wire import errors
from wire.apis.groups import (
    DeleteGroups, DescribeGroups, Heartbeat, JoinGroup, LeaveGroup, ListGroups, OffsetCommit, OffsetDelete, OffsetFetch, SyncGroup,
)
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.topics import CreateTopics, DeleteTopics

SUBSCRIPTION = b"\0\0\0\0\0\1\0\1t\xff\xff\xff\xff"  # consumer protocol v0: the topic t, no user data


class Group:
    """One group as one client sees it; each method is one request at the newest version unless told otherwise."""

    def __init__(self, bootstrap, group_id, topic):
        self.client = WireClient(bootstrap)
        self.group_id = group_id
        self.topic = topic
        while self.find()[0] == errors.COORDINATOR_NOT_AVAILABLE:
            pass  # Kafka makes its internal topic when it is first asked
        while True:
            [found] = self.client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=topic)]).topics
            if found.error_code == errors.NONE:
                break
        self.topic_id = found.topic_id

    def find(self, key_type=0, version=4):
        [found] = self.client.call(FindCoordinator, version, key_type=key_type, coordinator_keys=[self.group_id]).coordinators
        return found.error_code, found.node_id

    def join_request(self, member_id="", instance=None, protocols=("range",), protocol_type="consumer", session=10_000,
                     rebalance=60_000, version=9):
        fields = dict(
            group_id=self.group_id, member_id=member_id, session_timeout_ms=session, rebalance_timeout_ms=rebalance,
            protocol_type=protocol_type, protocols=[JoinGroup.Request.Protocols(name=p, metadata=SUBSCRIPTION) for p in protocols],
        )  # fmt: skip
        if instance is not None:
            fields["group_instance_id"] = instance
        return JoinGroup, version, fields

    def ask(self, request):
        api, version, fields = request
        return self.client.call(api, version, **fields)

    def join(self, *arguments, **fields):
        return self.ask(self.join_request(*arguments, **fields))

    def member(self):
        """The id of a member that joined alone, before its sync."""
        member_id = self.join().member_id
        assert self.join(member_id).generation_id >= 1
        return member_id

    def stable_member(self):
        member_id = self.member()
        assert self.sync(member_id, assignments={member_id: b"mine"}).assignment == b"mine"
        return member_id

    def sync_request(self, member_id, generation=1, instance=None, protocol_type="consumer", protocol_name="range", assignments=()):
        Assignment = SyncGroup.Request.Assignments
        return SyncGroup, 5, dict(
            group_id=self.group_id, member_id=member_id, generation_id=generation, group_instance_id=instance,
            protocol_type=protocol_type, protocol_name=protocol_name,
            assignments=[Assignment(member_id=m, assignment=assignments[m]) for m in assignments],
        )  # fmt: skip

    def sync(self, *arguments, **fields):
        return self.ask(self.sync_request(*arguments, **fields))

    def heartbeat(self, member_id, generation=1, instance=None):
        fields = dict(group_id=self.group_id, member_id=member_id, generation_id=generation, group_instance_id=instance)
        return self.client.call(Heartbeat, 4, **fields).error_code

    def leave(self, *identities):
        Member = LeaveGroup.Request.Members
        members = [Member(member_id=member_id, group_instance_id=instance) for member_id, instance in identities]
        answer = self.client.call(LeaveGroup, 5, group_id=self.group_id, members=members)
        return answer.error_code or [member.error_code for member in answer.members]

    def commit(self, member_id="", generation=-1, instance=None, topic=None, partition=0, offset=5, metadata="", version=9):
        Topic = OffsetCommit.Request.Topics
        position = Topic.Partitions(partition_index=partition, committed_offset=offset, committed_metadata=metadata)
        if version >= 10:
            asked = Topic(topic_id=self.topic_id if topic is None else topic, partitions=[position])
        else:
            asked = Topic(name=self.topic if topic is None else topic, partitions=[position])
        answer = self.client.call(
            OffsetCommit, version, group_id=self.group_id, member_id=member_id, generation_id_or_member_epoch=generation,
            group_instance_id=instance, topics=[asked],
        )  # fmt: skip
        [[partition]] = [topic.partitions for topic in answer.topics]
        return partition.error_code

    def fetch(self, topics=..., version=9, **fields):
        """{topic name or id: {partition: (offset, error code)}}; of partitions 0 and 1 unless told otherwise."""
        Asked = OffsetFetch.Request.Groups
        key = "topic_id" if version >= 10 else "name"
        if topics is ...:
            topics = {self.topic_id if version >= 10 else self.topic: [0, 1]}
        if topics is not None:
            topics = [Asked.Topics(**{key: topic}, partition_indexes=topics[topic]) for topic in topics]
        [group] = self.client.call(OffsetFetch, version, groups=[Asked(group_id=self.group_id, topics=topics, **fields)]).groups
        assert group.error_code == errors.NONE
        return {
            getattr(topic, key): {p.partition_index: (p.committed_offset, p.error_code) for p in topic.partitions}
            for topic in group.topics
        }

    def delete_offsets(self, *topics):
        Topic = OffsetDelete.Request.Topics
        asked = [Topic(name=name, partitions=[Topic.Partitions(partition_index=0)]) for name in topics]
        answer = self.client.call(OffsetDelete, 0, group_id=self.group_id, topics=asked)
        return answer.error_code or {topic.name: topic.partitions[0].error_code for topic in answer.topics}

    def describe(self, version=6):
        [group] = self.client.call(DescribeGroups, version, groups=[self.group_id]).groups
        return group

    def delete(self):
        [result] = self.client.call(DeleteGroups, 2, groups_names=[self.group_id]).results
        return result.error_code


@pytest.fixture
def group(bootstrap, unique):
    topic = unique("groups")
    with WireClient(bootstrap) as client:
        asked = CreateTopics.Request.Topics(name=topic, num_partitions=2, replication_factor=1)
        [made] = client.call(CreateTopics, 7, topics=[asked], timeout_ms=10_000).topics
        assert made.error_code == errors.NONE
        group = Group(bootstrap, unique("group"), topic)
        with group.client:
            yield group
        client.call(DeleteTopics, 5, topic_names=[topic], timeout_ms=10_000)


def test_a_group_has_a_coordinator_and_an_unknown_kind_of_key_has_none(group):
    assert group.find()[0] == errors.NONE and group.find()[1] >= 0
    assert group.find(key_type=7) == (errors.INVALID_REQUEST, -1)
    assert group.find(key_type=2, version=5) == (errors.INVALID_REQUEST, -1)


def test_joins_that_are_refused(group):
    assert group.join("who").error_code == errors.UNKNOWN_MEMBER_ID
    assert group.join(session=5_999).error_code == errors.INVALID_SESSION_TIMEOUT
    assert group.join(session=1_800_001).error_code == errors.INVALID_SESSION_TIMEOUT
    assert group.join(protocols=()).error_code == errors.INCONSISTENT_GROUP_PROTOCOL
    assert group.join(protocol_type="").error_code == errors.INCONSISTENT_GROUP_PROTOCOL
    needed = group.join()
    assert needed.error_code == errors.MEMBER_ID_REQUIRED and needed.member_id.startswith("wire-client-")
    assert group.join(needed.member_id, instance="i").error_code == errors.UNKNOWN_SERVER_ERROR
    assert group.join(needed.member_id).error_code == errors.NONE
    assert group.join(protocol_type="connect").error_code == errors.INCONSISTENT_GROUP_PROTOCOL
    assert group.join(protocols=("sticky",)).error_code == errors.INCONSISTENT_GROUP_PROTOCOL
    group.group_id = ""
    assert group.join().error_code == errors.INVALID_GROUP_ID


def test_the_protocol_name_of_a_refusal_is_null_once_it_may_be(group):
    assert [group.join("who", version=version).protocol_name for version in (4, 6, 7, 9)] == ["", "", None, None]


def test_syncs_that_are_refused(group):
    assert group.sync("who").error_code == errors.UNKNOWN_MEMBER_ID
    member = group.member()
    assert group.sync("who").error_code == errors.UNKNOWN_MEMBER_ID
    assert group.sync(member, generation=2).error_code == errors.ILLEGAL_GENERATION
    assert group.sync(member, instance="i").error_code == errors.UNKNOWN_MEMBER_ID
    for named in ({"protocol_type": "connect"}, {"protocol_name": "sticky"}, {"protocol_name": None}, {"protocol_type": None}):
        assert group.sync(member, **named).error_code == errors.INCONSISTENT_GROUP_PROTOCOL
    group.group_id = ""
    assert group.sync(member).error_code == errors.INVALID_GROUP_ID


def test_heartbeats_that_are_refused(group):
    assert group.heartbeat("who") == errors.UNKNOWN_MEMBER_ID
    member = group.stable_member()
    assert group.heartbeat(member) == errors.NONE
    assert group.heartbeat(member, generation=0) == errors.ILLEGAL_GENERATION
    assert group.heartbeat(member, instance="i") == errors.UNKNOWN_MEMBER_ID
    group.group_id = ""
    assert group.heartbeat(member) == errors.INVALID_GROUP_ID


def test_leaving(group):
    assert group.leave(("m", None), ("", "i")) == [errors.UNKNOWN_MEMBER_ID] * 2
    member = group.stable_member()
    assert group.leave(("x", None), ("", "i"), ("", None), (member, "i")) == [errors.UNKNOWN_MEMBER_ID] * 4
    assert group.leave() == []
    assert group.leave((member, None)) == [errors.NONE]
    assert group.heartbeat(member) == errors.UNKNOWN_MEMBER_ID
    assert group.client.call(LeaveGroup, 2, group_id=group.group_id, member_id=member).error_code == errors.UNKNOWN_MEMBER_ID
    group.group_id = ""
    assert group.leave((member, None)) == errors.INVALID_GROUP_ID


def test_who_is_told_to_rejoin_and_who_waits(bootstrap, group):
    one = group.stable_member()
    two = group.join().member_id
    with WireClient(bootstrap) as other:
        api, version, fields = group.join_request(two)
        sent = other.send(api, version, **fields)
        while group.heartbeat(one) != errors.REBALANCE_IN_PROGRESS:
            pass
        assert group.sync(one).error_code == errors.REBALANCE_IN_PROGRESS
        assert group.commit(one, 1) == errors.NONE
        leader = group.join(one)
        follower = other.receive(api, version, sent)
        assert (leader.error_code, leader.generation_id, follower.generation_id) == (errors.NONE, 2, 2)
        assert {member.member_id for member in leader.members} == {one, two} and follower.members == []
        assert group.commit(one, 2) == errors.REBALANCE_IN_PROGRESS
        api, version, fields = group.sync_request(two, generation=2)
        sent = other.send(api, version, **fields)
        assert group.sync(one, generation=2, assignments={one: b"1", two: b"2"}).assignment == b"1"
        assert other.receive(api, version, sent).assignment == b"2"


def test_static_members(group):
    one = group.join(instance="one")
    assert one.error_code == errors.NONE and one.member_id.startswith("one-")
    assert group.sync(one.member_id, instance="one", assignments={one.member_id: b"mine"}).error_code == errors.NONE
    again = group.join(instance="one")
    assert (again.generation_id, again.leader, again.skip_assignment) == (1, again.member_id, True)
    assert again.member_id != one.member_id
    assert group.heartbeat(one.member_id, instance="one") == errors.FENCED_INSTANCE_ID
    assert group.sync(one.member_id, instance="one").error_code == errors.FENCED_INSTANCE_ID
    assert group.commit(one.member_id, 1, "one") == errors.FENCED_INSTANCE_ID
    assert group.join(one.member_id, instance="one").error_code == errors.FENCED_INSTANCE_ID
    assert group.leave((one.member_id, "one")) == [errors.FENCED_INSTANCE_ID]
    older = group.join(instance="one", version=8)
    assert (older.leader, older.members) == (again.member_id, [])
    assert group.sync(older.member_id, instance="one").assignment == b"mine"
    assert group.leave(("", "one")) == [errors.NONE]


def test_commits_that_are_refused(group):
    assert group.commit("x", 3) == errors.GROUP_ID_NOT_FOUND
    assert group.commit("x", 3, version=8) == errors.ILLEGAL_GENERATION
    member = group.member()
    assert group.commit(member, 1) == errors.REBALANCE_IN_PROGRESS
    group.sync(member)
    assert group.commit() == errors.UNKNOWN_MEMBER_ID
    assert group.commit("who", 1) == errors.UNKNOWN_MEMBER_ID
    assert group.commit(member, 2) == errors.ILLEGAL_GENERATION
    assert group.commit(member, -1) == errors.ILLEGAL_GENERATION
    assert group.commit(member, 1, "i") == errors.UNKNOWN_MEMBER_ID
    assert group.commit(member, 1, topic="no-such-topic") == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert group.commit(member, 1, partition=2) == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert group.commit(member, 1, topic=b"x" * 16, version=10) == errors.UNKNOWN_TOPIC_ID
    assert group.commit(member, 1, topic=bytes(16), version=10) == errors.UNKNOWN_TOPIC_ID
    assert group.commit(member, 1, metadata="x" * 4_097) == errors.OFFSET_METADATA_TOO_LARGE
    assert group.fetch(topics=None) == {}
    assert group.commit(member, 1, metadata="x" * 4_096, version=10) == errors.NONE


def test_simple_consumers_need_no_generation_nor_even_a_group_name(group):
    assert group.commit() == group.commit("anybody") == errors.NONE
    assert (group.describe().group_state, group.describe().protocol_type) == ("Empty", "")
    group.group_id = ""
    assert group.commit(offset=11) == errors.NONE
    assert group.fetch() == {group.topic: {0: (11, 0), 1: (-1, 0)}}
    assert group.delete() == errors.NONE


def test_fetching_offsets(group):
    assert group.fetch() == {group.topic: {0: (-1, 0), 1: (-1, 0)}}
    assert group.fetch(topics=None) == {}
    group.commit(offset=7, metadata=None)
    assert group.fetch() == {group.topic: {0: (7, 0), 1: (-1, 0)}}
    assert group.fetch(topics={"no-such-topic": [0]}) == {"no-such-topic": {0: (-1, 0)}}
    assert group.fetch(topics={}) == {}
    assert group.fetch(member_id="who", member_epoch=7) == group.fetch()
    assert group.fetch(version=10, topics=None) == {group.topic_id: {0: (7, 0)}}
    unknown = {b"x" * 16: [0], bytes(16): [1], group.topic_id: [0]}
    assert group.fetch(version=10, topics=unknown) == {
        group.topic_id: {0: (7, 0)},
        b"x" * 16: {0: (-1, errors.UNKNOWN_TOPIC_ID)},
        bytes(16): {1: (-1, errors.UNKNOWN_TOPIC_ID)},
    }


def test_deleting_offsets(group):
    assert group.delete_offsets(group.topic) == errors.GROUP_ID_NOT_FOUND
    member = group.stable_member()
    group.commit(member, 1)
    assert group.delete_offsets("no-such-topic", group.topic) == {
        "no-such-topic": errors.UNKNOWN_TOPIC_OR_PARTITION,
        group.topic: errors.NONE,
    }
    assert group.fetch(topics=None) == {}
    group.group_id = ""
    assert group.delete_offsets(group.topic) == errors.INVALID_GROUP_ID


def test_describing_and_deleting_groups(group):
    missing = group.describe()
    assert (missing.group_state, missing.error_code) == ("Dead", errors.GROUP_ID_NOT_FOUND)
    assert missing.error_message == f"Group {group.group_id} not found."
    missing = group.describe(version=5)
    assert (missing.group_state, missing.error_code) == ("Dead", errors.NONE)
    assert group.delete() == errors.GROUP_ID_NOT_FOUND
    member = group.stable_member()
    found = group.describe()
    assert (found.group_state, found.protocol_type, found.protocol_data) == ("Stable", "consumer", "range")
    [described] = found.members
    assert (described.member_id, described.member_metadata, described.member_assignment) == (member, SUBSCRIPTION, b"mine")
    assert described.client_host.startswith("/") and described.client_id == "wire-client"
    assert group.delete() == errors.NON_EMPTY_GROUP
    group.leave((member, None))
    assert group.describe().group_state == "Empty"
    assert group.delete() == errors.NONE


def test_listing_groups(group):
    group.stable_member()

    def listed(**filters):
        groups = group.client.call(ListGroups, 5, **filters).groups
        return [(g.protocol_type, g.group_state, g.group_type) for g in groups if g.group_id == group.group_id]

    there = [("consumer", "Stable", "classic")]
    assert listed() == listed(states_filter=["sTable"]) == listed(types_filter=["Classic", "nonsense"]) == there
    assert listed(states_filter=["Empty"]) == listed(types_filter=["consumer"]) == listed(types_filter=["nonsense"]) == []
