"""The life of a group in every version of its requests."""

import pytest

from tests.wire_client import WireClient
from wire import errors
from wire.apis.groups import (
    DeleteGroups, DescribeGroups, Heartbeat, JoinGroup, LeaveGroup, ListGroups, OffsetCommit, OffsetDelete, OffsetFetch, SyncGroup,
)
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.topics import CreateTopics

ABOUT_ME = b"\0\0\0\0\0\0\xff\xff\xff\xff"  # consumer protocol v0: no topics, no user data
LATEST = max(api.versions.max for api in (JoinGroup, OffsetCommit, OffsetFetch))


class Life:
    """Requests of version `version`, or of the one nearest to it that the API has."""

    def __init__(self, client, version, group_id):
        self.client = client
        self.version = version
        self.group_id = group_id

    def of(self, api):
        return min(max(self.version, api.versions.min), api.versions.max)

    def call(self, api, **since):
        """Fields given as name=value, or as name=(first version, value)."""
        version = self.of(api)
        fields = {}
        for name, value in since.items():
            first, value = value if isinstance(value, tuple) else (0, value)
            if version >= first:
                fields[name] = value
        return self.client.call(api, version, **fields)

    def find(self):
        if self.of(FindCoordinator) < 4:
            found = self.call(FindCoordinator, key=self.group_id)
        else:
            [found] = self.call(FindCoordinator, coordinator_keys=[self.group_id]).coordinators
        return found

    def join(self, member_id=""):
        protocols = [JoinGroup.Request.Protocols(name="range", metadata=ABOUT_ME)]
        return self.call(
            JoinGroup, group_id=self.group_id, member_id=member_id, session_timeout_ms=10_000,
            rebalance_timeout_ms=(1, 10_000), protocol_type="consumer", protocols=protocols, reason=(8, "to be here"),
        )  # fmt: skip

    def offsets(self, topic, topic_id):
        """{partition: offset} of the one topic."""
        if self.of(OffsetFetch) < 8:
            asked = [OffsetFetch.Request.Topics(name=topic, partition_indexes=[0, 1])]
            answer = self.call(OffsetFetch, group_id=self.group_id, topics=asked, require_stable=(7, True))
        else:
            Group = OffsetFetch.Request.Groups
            name = {"topic_id": topic_id} if self.version >= 10 else {"name": topic}
            asked = Group(group_id=self.group_id, topics=[Group.Topics(**name, partition_indexes=[0, 1])])
            [answer] = self.call(OffsetFetch, groups=[asked], require_stable=True).groups
        assert answer.error_code == errors.NONE
        [answered] = answer.topics
        return {partition.partition_index: partition.committed_offset for partition in answered.partitions}


@pytest.mark.parametrize("version", range(LATEST + 1))
def test_a_group_lives(bootstrap, unique, version):
    topic = unique("versions")
    with WireClient(bootstrap) as client:
        life = Life(client, version, unique("life"))
        asked = CreateTopics.Request.Topics(name=topic, num_partitions=2, replication_factor=1)
        client.call(CreateTopics, 7, topics=[asked], timeout_ms=10_000)
        while (found := client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=topic)]).topics[0]).error_code:
            pass
        while (coordinator := life.find()).error_code == errors.COORDINATOR_NOT_AVAILABLE:
            pass
        assert coordinator.error_code == errors.NONE and coordinator.port > 0

        joined = life.join()
        if version >= 4:
            assert joined.error_code == errors.MEMBER_ID_REQUIRED
            joined = life.join(joined.member_id)
        member = joined.member_id
        assert (joined.error_code, joined.generation_id, joined.protocol_name, joined.leader) == (0, 1, "range", member)
        assert [(m.member_id, m.metadata) for m in joined.members] == [(member, ABOUT_ME)]

        mine = [SyncGroup.Request.Assignments(member_id=member, assignment=b"mine")]
        synced = life.call(
            SyncGroup, group_id=life.group_id, member_id=member, generation_id=1, assignments=mine,
            protocol_type=(5, "consumer"), protocol_name=(5, "range"),
        )  # fmt: skip
        assert (synced.error_code, synced.assignment) == (0, b"mine")
        assert synced.protocol_name == ("range" if version >= 5 else None)
        assert life.call(Heartbeat, group_id=life.group_id, member_id=member, generation_id=1).error_code == 0

        Topic = OffsetCommit.Request.Topics
        position = Topic.Partitions(partition_index=1, committed_offset=7, committed_metadata="here")
        named = Topic(topic_id=found.topic_id, partitions=[position]) if version >= 10 else Topic(name=topic, partitions=[position])
        committed = life.call(
            OffsetCommit, group_id=life.group_id, member_id=member, generation_id_or_member_epoch=1, topics=[named]
        )
        assert [[p.error_code for p in t.partitions] for t in committed.topics] == [[0]]
        assert life.offsets(topic, found.topic_id) == {0: -1, 1: 7}

        [described] = life.call(DescribeGroups, groups=[life.group_id], include_authorized_operations=(3, True)).groups
        assert (described.group_state, described.protocol_data, described.members[0].member_id) == ("Stable", "range", member)
        assert described.authorized_operations == (3400 if version >= 3 else -(2**31))
        assert life.group_id in [group.group_id for group in life.call(ListGroups).groups]
        assert [result.error_code for result in life.call(DeleteGroups, groups_names=[life.group_id]).results] == [68]

        leaving = [LeaveGroup.Request.Members(member_id=member)]
        left = life.call(LeaveGroup, group_id=life.group_id, **({"members": leaving} if version >= 3 else {"member_id": member}))
        assert left.error_code == 0 and [m.error_code for m in left.members] == ([0] if version >= 3 else [])

        Deleted = OffsetDelete.Request.Topics
        gone = life.call(
            OffsetDelete, group_id=life.group_id,
            topics=[Deleted(name=topic, partitions=[Deleted.Partitions(partition_index=1)])],
        )  # fmt: skip
        assert (gone.error_code, gone.topics[0].partitions[0].error_code) == (0, 0)
        assert life.offsets(topic, found.topic_id) == {0: -1, 1: -1}
        assert [result.error_code for result in life.call(DeleteGroups, groups_names=[life.group_id]).results] == [0]
