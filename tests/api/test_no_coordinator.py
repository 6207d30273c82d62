"""Before anybody has looked for a group's coordinator there is no __consumer_offsets, and so no coordinator."""

import pytest

from tests.api.test_data import until
from tests.api.test_offsets_topic import commit
from wire import errors
from wire.apis.consumer_groups import ConsumerGroupDescribe, ConsumerGroupHeartbeat
from wire.apis.groups import (
    DeleteGroups, DescribeGroups, Heartbeat, JoinGroup, LeaveGroup, ListGroups, OffsetDelete, OffsetFetch, SyncGroup,
)
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.topics import DeleteTopics
from wire.internal import CONSUMER_OFFSETS

GROUP = "homeless"
PROTOCOLS = [JoinGroup.Request.Protocols(name="range", metadata=b"")]


@pytest.fixture(autouse=True)
def nobody_has_looked(client):
    client.call(DeleteTopics, 6, topics=[DeleteTopics.Request.Topics(name=CONSUMER_OFFSETS.topic)], timeout_ms=10_000)
    until(lambda: client.call(Heartbeat, 4, group_id=GROUP, member_id="m").error_code == errors.NOT_COORDINATOR)


def find(client, group):
    (found,) = client.call(FindCoordinator, 4, key_type=0, coordinator_keys=[group]).coordinators
    return found.error_code == errors.NONE


def test_every_request_about_a_group_is_refused(client):
    OffsetTopics = OffsetDelete.Request.Topics
    codes = {
        "join": client.call(JoinGroup, 9, group_id=GROUP, session_timeout_ms=6000, protocol_type="consumer", protocols=PROTOCOLS),
        "rejoin": client.call(JoinGroup, 9, group_id=GROUP, session_timeout_ms=6000, member_id="m", protocol_type="consumer",
                              protocols=PROTOCOLS),
        "sync": client.call(SyncGroup, 5, group_id=GROUP, member_id="m", protocol_type="consumer", protocol_name="range"),
        "heartbeat": client.call(Heartbeat, 4, group_id=GROUP, member_id="m"),
        "leave": client.call(LeaveGroup, 5, group_id=GROUP, members=[LeaveGroup.Request.Members(member_id="m")]),
        "fetch": client.call(OffsetFetch, 9, groups=[OffsetFetch.Request.Groups(group_id=GROUP, topics=None)]).groups[0],
        "fetch v7": client.call(OffsetFetch, 7, group_id=GROUP, topics=None),
        "delete offsets": client.call(OffsetDelete, 0, group_id=GROUP, topics=[OffsetTopics(name="t")]),
        "describe": client.call(DescribeGroups, 5, groups=[GROUP]).groups[0],
        "describe v6": client.call(DescribeGroups, 6, groups=[GROUP]).groups[0],
        "delete": client.call(DeleteGroups, 2, groups_names=[GROUP]).results[0],
        "consumer": client.call(ConsumerGroupHeartbeat, 1, group_id=GROUP, member_id="m", member_epoch=0, rebalance_timeout_ms=1000,
                                subscribed_topic_names=["t"], topic_partitions=[]),
        "describe consumer": client.call(ConsumerGroupDescribe, 1, group_ids=[GROUP]).groups[0],
    }
    assert {name: answer.error_code for name, answer in codes.items()} == dict.fromkeys(codes, errors.NOT_COORDINATOR)
    assert (codes["join"].member_id, codes["describe"].group_state, codes["describe v6"].error_message) == ("", "", None)
    assert GROUP not in {group.group_id for group in client.call(ListGroups, 5).groups}
    names = {topic.name for topic in client.call(Metadata, 12, topics=None).topics}
    assert CONSUMER_OFFSETS.topic not in names


def test_what_is_wrong_with_the_group_id_is_told_first(client):
    answer = client.call(JoinGroup, 9, group_id="", session_timeout_ms=6000, protocol_type="consumer", protocols=PROTOCOLS)
    assert answer.error_code == errors.INVALID_GROUP_ID
    answer = client.call(JoinGroup, 9, group_id=GROUP, session_timeout_ms=1, protocol_type="consumer", protocols=PROTOCOLS)
    assert answer.error_code == errors.INVALID_SESSION_TIMEOUT


def test_groups_go_with_the_topic_that_keeps_them(client, fresh):
    group = fresh("kept")
    until(lambda: find(client, group) and commit(client, group, []) is not None)
    asked = dict(group_id=group, session_timeout_ms=6000, rebalance_timeout_ms=6000, protocol_type="consumer", protocols=PROTOCOLS)

    def member():
        return client.call(JoinGroup, 9, **asked)

    until(lambda: member().error_code == errors.MEMBER_ID_REQUIRED)
    client.call(DeleteTopics, 6, topics=[DeleteTopics.Request.Topics(name=CONSUMER_OFFSETS.topic)], timeout_ms=10_000)
    until(lambda: member().error_code == errors.NOT_COORDINATOR)
    until(lambda: find(client, group) and member().error_code == errors.MEMBER_ID_REQUIRED)
    # Apache Kafka answers that join before it has stored the group.
    until(lambda: [it.group_state for it in client.call(ListGroups, 5).groups if it.group_id == group] == ["Empty"])
