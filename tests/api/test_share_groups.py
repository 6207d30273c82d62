"""Share groups over a socket: what is fetched, acknowledged, refused, and where a group stands."""

import time

import pytest

from tests.wire_client import WireClient
from wire import errors
from wire.apis.configs import DescribeConfigs, IncrementalAlterConfigs
from wire.apis.groups import DeleteGroups, DescribeGroups, Heartbeat, JoinGroup, ListGroups
from wire.apis.metadata import FindCoordinator
from wire.apis.share_groups import (
    AlterShareGroupOffsets, DeleteShareGroupOffsets, DescribeShareGroupOffsets, ShareAcknowledge, ShareFetch, ShareGroupDescribe,
    ShareGroupHeartbeat,
)  # fmt: skip
from wire.apis.topics import DeleteTopics
from wire.records import iter_records

from tests.api.test_data import batch, create, produce, until
from tests.api.test_transactions import Txn

ACCEPT, RELEASE, REJECT, RENEW = 1, 2, 3, 4
RECORD_LIMIT = 1


class Group:
    """A share group that reads one topic from its beginning; members are named by one letter."""

    def __init__(self, client, name, topic, topic_id):
        self.client, self.name, self.topic, self.topic_id = client, name, topic, topic_id
        self.epochs = {}

    def configure(self, **configs):
        Resource = IncrementalAlterConfigs.Request.Resources
        changes = [Resource.Configs(name=key.replace("_", "."), value=value) for key, value in configs.items()]
        asked = Resource(resource_type=32, resource_name=self.name, configs=changes)
        return self.client.call(IncrementalAlterConfigs, 1, resources=[asked]).responses[0]

    def config(self, name):
        """The value of one of its configs, as its coordinator knows it."""
        Resource = DescribeConfigs.Request.Resources
        asked = Resource(resource_type=32, resource_name=self.name, configuration_keys=[name])
        [result] = self.client.call(DescribeConfigs, 4, resources=[asked]).results
        return result.configs[0].value

    def heartbeat(self, member="a", epoch=0, topics=()):
        return self.client.call(
            ShareGroupHeartbeat, 1, group_id=self.name, member_id=member, member_epoch=epoch,
            subscribed_topic_names=[self.topic] if epoch == 0 and topics == () else topics or None,
        )  # fmt: skip

    def _partitions(self, Topic, said):
        Partition = Topic.Partitions
        batches = [
            Partition.AcknowledgementBatches(first_offset=first, last_offset=last, acknowledge_types=[kind] if isinstance(kind, int) else kind)
            for first, last, kind in said
        ]
        return [Topic(topic_id=self.topic_id, partitions=[Partition(partition_index=0, acknowledgement_batches=batches)])]

    def fetch(self, member, *said, epoch=None, client=None, named=None, **options):
        """The answer, its epoch counted for the next one."""
        epoch = self.epochs.get(member, 0) if epoch is None else epoch
        fields = {"max_wait_ms": 300, "min_bytes": 1, "max_bytes": 1 << 20, "max_records": 500, "batch_size": 500}
        topics = self._partitions(ShareFetch.Request.Topics, said) if (named is None and epoch == 0) or said or named else []
        answer = (client or self.client).call(
            ShareFetch, 2, group_id=self.name, member_id=member, share_session_epoch=epoch, topics=topics, **{**fields, **options}
        )
        if answer.error_code == errors.NONE:
            self.epochs[member] = epoch + 1
        return answer

    def acquired(self, member, *said, **options):
        """[(first, last, delivery count)] and nothing wrong."""
        answer = self.fetch(member, *said, **options)
        assert answer.error_code == errors.NONE, answer
        partitions = [partition for topic in answer.responses for partition in topic.partitions]
        assert all(p.error_code == p.acknowledge_error_code == errors.NONE for p in partitions), partitions
        return [(a.first_offset, a.last_offset, a.delivery_count) for p in partitions for a in p.acquired_records]

    def acknowledge(self, member, *said, epoch=None, **options):
        """The error of the request, or else that of the partition."""
        epoch = self.epochs.get(member, 0) if epoch is None else epoch
        topics = self._partitions(ShareAcknowledge.Request.Topics, said)
        answer = self.client.call(
            ShareAcknowledge, 2, group_id=self.name, member_id=member, share_session_epoch=epoch, topics=topics, **options
        )
        if answer.error_code != errors.NONE:
            return answer.error_code
        self.epochs[member] = epoch + 1
        [partition] = answer.responses[0].partitions
        return partition.error_code

    def offset(self):
        """(start offset, lag), or None when there is none."""
        asked = DescribeShareGroupOffsets.Request.Groups(group_id=self.name, topics=None)
        [group] = self.client.call(DescribeShareGroupOffsets, 1, groups=[asked]).groups
        assert group.error_code == errors.NONE
        found = [(p.start_offset, p.lag) for topic in group.topics for p in topic.partitions if p.partition_index == 0]
        return found[0] if found else None


@pytest.fixture
def group(client, fresh):
    topic = fresh("shared")
    topic_id = create(client, topic)
    # Apache Kafka makes its internal topics when they are first asked for, and answers before they are there.
    until(lambda: found(client, 0, "any") and found(client, 2, f"any:{'A' * 22}:0"))
    group = Group(client, fresh("share-group"), topic, topic_id)
    assert group.configure(share_auto_offset_reset="earliest").error_code == errors.NONE
    until(lambda: group.heartbeat().error_code == errors.NONE)
    until(lambda: group.offset() is not None)
    return group


def found(client, kind, key):
    [coordinator] = client.call(FindCoordinator, 6, key_type=kind, coordinator_keys=[key]).coordinators
    return coordinator.error_code == errors.NONE


def fill(group, count, each=10):
    for _ in range(count):
        assert produce(group.client, group.topic, batch(*[b"v"] * each)).error_code == errors.NONE


def test_partitions_are_assigned_once_they_have_a_state(group):
    first = group.heartbeat("b")
    assert (first.error_code, first.member_id, first.heartbeat_interval_ms) == (errors.NONE, "b", 5000)
    until(lambda: group.heartbeat("a").assignment.topic_partitions)
    [assigned] = group.heartbeat("a").assignment.topic_partitions
    assert (assigned.topic_id, assigned.partitions) == (group.topic_id, [0])


@pytest.mark.parametrize(
    "member, epoch, topics, error",
    [
        ("", 0, ["t"], errors.INVALID_REQUEST),
        ("x" * 37, 0, ["t"], errors.INVALID_REQUEST),
        ("z", 0, [], errors.INVALID_REQUEST),
        ("z", -2, (), errors.INVALID_REQUEST),
        ("z", 1, (), errors.UNKNOWN_MEMBER_ID),
        ("z", -1, (), errors.UNKNOWN_MEMBER_ID),
        ("a", 99, (), errors.FENCED_MEMBER_EPOCH),
    ],
)
def test_heartbeats_are_refused(group, member, epoch, topics, error):
    assert group.heartbeat(member, epoch, topics).error_code == error


def test_records_are_fetched_acknowledged_and_passed(group):
    fill(group, 2)
    answer = group.fetch("a")
    [partition] = answer.responses[0].partitions
    assert answer.acquisition_lock_timeout_ms == 30_000
    assert len(list(iter_records(bytes(partition.records)))) == 20
    assert [(a.first_offset, a.last_offset, a.delivery_count) for a in partition.acquired_records] == [(0, 19, 1)]
    assert group.acquired("b") == []
    assert group.acquired("a", (0, 3, ACCEPT)) == []
    assert group.offset() == (0, 16)
    assert group.acknowledge("a", (4, 4, RELEASE), (5, 5, REJECT), (6, 9, [ACCEPT, ACCEPT, ACCEPT, 0])) == errors.NONE
    assert group.offset() == (4, 11)
    assert group.acquired("b") == [(4, 4, 2)]
    assert group.acknowledge("b", (4, 4, ACCEPT)) == errors.NONE
    assert group.acknowledge("a", (10, 19, ACCEPT)) == errors.NONE
    assert group.offset() == (10, 0)


def test_what_is_not_held_is_not_acknowledged(group):
    fill(group, 1)
    group.acquired("a")
    group.acquired("b", max_wait_ms=0)
    assert group.acknowledge("b", (0, 9, ACCEPT)) == errors.INVALID_RECORD_STATE
    assert group.acknowledge("a", (0, 3, ACCEPT), (3, 4, ACCEPT)) == errors.INVALID_RECORD_STATE
    assert group.acknowledge("a", (5, 10, ACCEPT)) == errors.INVALID_REQUEST
    assert group.acknowledge("a", (50, 60, ACCEPT)) == errors.INVALID_REQUEST
    for said in ((4, 3, ACCEPT), (4, 5, []), (4, 5, 5), (4, 6, [ACCEPT, ACCEPT]), (4, 5, RENEW)):
        assert group.acknowledge("a", said) == errors.INVALID_REQUEST
    assert group.acknowledge("a", (4, 5, RENEW), is_renew_ack=True) == errors.NONE
    assert group.acknowledge("a", (0, 9, ACCEPT)) == errors.NONE


def test_sessions_have_epochs(group):
    fill(group, 1)
    assert group.fetch("a", epoch=3).error_code == errors.SHARE_SESSION_NOT_FOUND
    assert group.fetch("a", epoch=-1).error_code == errors.SHARE_SESSION_NOT_FOUND
    assert group.acknowledge("a", (0, 1, ACCEPT), epoch=1) == errors.SHARE_SESSION_NOT_FOUND
    assert group.fetch("a", (0, 1, ACCEPT), epoch=0).error_code == errors.INVALID_REQUEST
    assert group.acquired("a") == [(0, 9, 1)]
    assert group.fetch("a", epoch=7).error_code == errors.INVALID_SHARE_SESSION_EPOCH
    assert group.acknowledge("a", (0, 1, ACCEPT), epoch=0) == errors.INVALID_SHARE_SESSION_EPOCH
    assert group.acknowledge("a", (0, 1, ACCEPT), epoch=9) == errors.INVALID_SHARE_SESSION_EPOCH
    assert group.acquired("a", (0, 4, ACCEPT), epoch=-1) == []
    assert group.fetch("a", epoch=1).error_code == errors.SHARE_SESSION_NOT_FOUND
    assert group.acquired("b") == [(5, 9, 2)]


def test_a_client_that_is_gone_gives_back_what_it_had(group, bootstrap):
    fill(group, 1)
    with WireClient(bootstrap) as other:
        assert group.acquired("b", client=other) == [(0, 9, 1)]
        assert group.acquired("a") == []
    assert group.acquired("a", max_wait_ms=5000) == [(0, 9, 2)]


def test_a_fetch_waits_for_records(group, bootstrap):
    assert group.acquired("a", max_wait_ms=0) == []
    with WireClient(bootstrap) as other:
        sent = group.client.send(
            ShareFetch, 2, group_id=group.name, member_id="a", share_session_epoch=1, max_wait_ms=8000, min_bytes=1, max_bytes=1 << 20,
            max_records=10, batch_size=10, topics=[], forgotten_topics_data=[],
        )  # fmt: skip
        began = time.monotonic()
        produce(other, group.topic, batch(b"v"))
        answer = group.client.receive(ShareFetch, 2, sent)
        assert time.monotonic() - began < 4
    assert [a.last_offset for a in answer.responses[0].partitions[0].acquired_records] == [0]


def test_a_limit_of_records_is_strict_or_of_whole_batches(group):
    fill(group, 3)
    assert group.acquired("a", max_records=3, share_acquire_mode=RECORD_LIMIT) == [(0, 2, 1)]
    assert group.acquired("a", max_records=3) == [(3, 9, 1)]
    assert group.acquired("a", max_records=12) == [(10, 29, 1)]


def test_suspect_records_are_given_out_with_fewer_others(group):
    fill(group, 1, each=8)
    sizes = []
    while got := group.acquired("a"):
        sizes += [(count, last - first + 1) for first, last, count in got]
        assert group.acknowledge("a", *((first, last, RELEASE) for first, last, _ in got)) == errors.NONE
    assert sizes[:4] == [(1, 8), (2, 8), (3, 8), (4, 4)] and max(sizes) == (5, 1)
    assert group.offset()[1] == 0


def test_read_committed_leaves_out_what_was_aborted_and_waits_for_what_is_open(group, fresh):
    assert group.configure(share_isolation_level="read_committed").error_code == errors.NONE
    until(lambda: group.config("share.isolation.level") == "read_committed")
    first, second = (Txn(group.client, fresh("txn"), group.topic).find() for _ in range(2))
    assert (first.init()[0], second.init()[0]) == (errors.NONE, errors.NONE)
    def plain(value):
        assert produce(group.client, group.topic, batch(value)).error_code == errors.NONE

    plain(b"0")
    first.produce(b"1", b"2")
    first.finish(False)  # its marker is 3
    first.produce(b"4")
    first.finish(True)  # 5
    plain(b"6")
    second.produce(b"7")
    plain(b"8")
    got = []
    while acquired := group.acquired("a"):
        got += acquired
    assert got == [(0, 0, 1), (3, 6, 1)]
    assert group.acknowledge("a", (0, 0, ACCEPT), (3, 6, ACCEPT)) == errors.NONE
    assert group.offset() == (0, 2)
    second.finish(False)  # 9
    assert group.acquired("a") == [(8, 9, 1)]
    assert group.acknowledge("a", (8, 9, ACCEPT)) == errors.NONE
    assert group.offset() == (7, 0)
    assert group.acquired("b") == []


def test_read_uncommitted_shows_all(group, fresh):
    txn = Txn(group.client, fresh("txn"), group.topic).find()
    assert txn.init()[0] == errors.NONE
    txn.produce(b"0")
    assert group.acquired("a") == [(0, 0, 1)]
    txn.finish(False)
    assert group.acquired("a") == [(1, 1, 1)]


def test_what_is_delivered_too_often_is_archived(group):
    assert group.configure(share_delivery_count_limit="2").error_code == errors.NONE
    until(lambda: group.config("share.delivery.count.limit") == "2")
    fill(group, 1)
    assert group.acquired("a") == [(0, 9, 1)]
    assert group.acknowledge("a", (0, 3, ACCEPT), (4, 9, RELEASE)) == errors.NONE
    assert group.acquired("a") == [(4, 9, 2)]
    assert group.acknowledge("a", (4, 5, RELEASE), (6, 6, ACCEPT), (7, 9, RELEASE)) == errors.NONE
    assert group.acquired("a") == []
    assert group.offset() == (4, 0)  # all that is in flight is over; the next write moves the start
    fill(group, 1)
    assert group.acquired("a") == [(10, 19, 1)]
    assert group.acknowledge("a", (10, 19, ACCEPT)) == errors.NONE
    assert group.offset() == (10, 0)


def test_a_lock_is_renewed_and_the_record_acknowledged_later(group):
    fill(group, 1)
    assert group.acquired("a") == [(0, 9, 1)]
    assert group.acquired("a", (0, 4, RENEW), is_renew_ack=True, max_wait_ms=0, min_bytes=0, max_bytes=0, max_records=0) == []
    assert group.acknowledge("a", (5, 6, RENEW), (7, 7, ACCEPT), is_renew_ack=True) == errors.NONE
    assert group.acquired("b") == []
    assert group.acknowledge("a", (0, 6, ACCEPT), (8, 9, ACCEPT)) == errors.NONE
    assert group.offset() == (0, 0)
    assert group.acquired("b") == []


def test_renewing_may_be_forbidden(group):
    assert group.configure(share_renew_acknowledge_enable="false").error_code == errors.NONE
    until(lambda: group.config("share.renew.acknowledge.enable") == "false")
    fill(group, 1)
    assert group.acquired("a") == [(0, 9, 1)]
    assert group.acknowledge("a", (0, 4, RENEW), is_renew_ack=True) == errors.INVALID_RECORD_STATE


def test_offsets_are_altered_and_deleted_while_nobody_is_there(group):
    fill(group, 1)
    Topic, Gone = AlterShareGroupOffsets.Request.Topics, DeleteShareGroupOffsets.Request.Topics
    asked = [Topic(topic_name=group.topic, partitions=[Topic.Partitions(partition_index=0, start_offset=6), Topic.Partitions(partition_index=7)])]

    def alter():
        return group.client.call(AlterShareGroupOffsets, 0, group_id=group.name, topics=asked)

    def delete():
        return group.client.call(DeleteShareGroupOffsets, 0, group_id=group.name, topics=[Gone(topic_name=group.topic)])

    assert (alter().error_code, delete().error_code) == (errors.NON_EMPTY_GROUP, errors.NON_EMPTY_GROUP)
    assert group.heartbeat("a", -1).error_code == errors.NONE
    altered = alter()
    assert [p.error_code for p in altered.responses[0].partitions] == [errors.NONE, errors.UNKNOWN_TOPIC_OR_PARTITION]
    assert group.offset() == (6, 4)
    group.heartbeat("a")
    assert group.acquired("a") == [(6, 9, 1)]
    group.heartbeat("a", -1)
    assert [topic.error_code for topic in delete().responses] == [errors.NONE]
    assert group.offset() is None
    assert [topic.error_code for topic in delete().responses] == [errors.UNKNOWN_TOPIC_OR_PARTITION]


@pytest.mark.parametrize("index, error, is_made", [
    (None, errors.NONE, True), (7, errors.NONE, True), (-1, errors.UNKNOWN_SERVER_ERROR, True), ("nowhere", errors.NONE, False),
])  # fmt: skip
def test_altering_offsets_of_nothing_may_still_make_the_group(client, group, fresh, index, error, is_made):
    name, Topic = fresh("altered"), AlterShareGroupOffsets.Request.Topics
    known = index != "nowhere"
    partitions = [Topic.Partitions(partition_index=index if known else 0, start_offset=1)] if index is not None else []
    answer = client.call(
        AlterShareGroupOffsets, 0, group_id=name, topics=[Topic(topic_name=group.topic if known else "nowhere", partitions=partitions)]
    )
    assert answer.error_code == error
    assert name in [each.group_id for each in client.call(ListGroups, 5).groups] or not is_made
    if error:
        assert answer.error_message.startswith(f"Initialize share group parameters has invalid partitionId - {name} ")
    elif index is not None:
        [[partition]] = [topic.partitions for topic in answer.responses]
        assert partition.error_code == errors.UNKNOWN_TOPIC_OR_PARTITION


def test_a_partition_whose_beginning_failed_waits_for_a_while(client, group, fresh):
    fill(group, 1)
    name, topic, Topic = fresh("failed"), group.topic, AlterShareGroupOffsets.Request.Topics
    answer = client.call(AlterShareGroupOffsets, 0, group_id=name, topics=[
        Topic(topic_name=topic, partitions=[Topic.Partitions(partition_index=index, start_offset=1) for index in (0, -1)])])
    assert answer.error_code == errors.UNKNOWN_SERVER_ERROR
    other = Group(client, name, topic, group.topic_id)
    for _ in range(2):
        assert other.heartbeat("a", topics=(topic,)).error_code == errors.NONE
    [described] = client.call(DescribeShareGroupOffsets, 0, groups=[DescribeShareGroupOffsets.Request.Groups(group_id=name, topics=None)]).groups
    assert described.topics == []  # a group without that failure has it here


def test_administrators_see_and_delete_it(group):
    client, name = group.client, group.name
    [described] = client.call(ShareGroupDescribe, 1, group_ids=[name]).groups
    assert (described.group_state, described.assignor_name, [m.member_id for m in described.members]) == ("Stable", "simple", ["a"])
    [listed] = [one for one in client.call(ListGroups, 5, types_filter=["share"]).groups if one.group_id == name]
    assert (listed.protocol_type, listed.group_state, listed.group_type) == ("share", "Stable", "share")
    assert client.call(DescribeGroups, 6, groups=[name]).groups[0].error_code == errors.GROUP_ID_NOT_FOUND
    assert client.call(DeleteGroups, 2, groups_names=[name]).results[0].error_code == errors.NON_EMPTY_GROUP
    group.heartbeat("a", -1)
    assert client.call(DeleteGroups, 2, groups_names=[name]).results[0].error_code == errors.NONE
    assert client.call(ShareGroupDescribe, 1, group_ids=[name]).groups[0].error_code == errors.GROUP_ID_NOT_FOUND
    assert group.offset() is None


def test_members_of_other_protocols_stay_out(group):
    protocols = [JoinGroup.Request.Protocols(name="range", metadata=b"")]
    joined = group.client.call(
        JoinGroup, 9, group_id=group.name, session_timeout_ms=10_000, rebalance_timeout_ms=10_000, protocol_type="consumer", protocols=protocols
    )
    assert (joined.error_code, joined.member_id) == (errors.INCONSISTENT_GROUP_PROTOCOL, "")
    beat = group.client.call(Heartbeat, 4, group_id=group.name, member_id="a", generation_id=1)
    assert beat.error_code == errors.UNKNOWN_MEMBER_ID


def test_a_topic_that_is_deleted_has_no_offsets(group):
    DT = DeleteTopics.Request.Topics
    group.client.call(DeleteTopics, 6, topics=[DT(name=group.topic)], timeout_ms=5000)
    until(lambda: group.offset() is None)


@pytest.mark.parametrize("key", ["g", "g:x:0", f"g:{'A' * 36}:0", "", f"g:{'A' * 22}:x"])
def test_what_is_no_share_partition_has_no_coordinator(client, key):
    [coordinator] = client.call(FindCoordinator, 6, key_type=2, coordinator_keys=[key]).coordinators
    assert coordinator.error_code == errors.INVALID_REQUEST


@pytest.mark.parametrize(
    "name, value",
    [
        ("share.auto.offset.reset", "none"),
        ("share.auto.offset.reset", "by_duration:-PT1H"),
        ("share.isolation.level", "serializable"),
        ("share.record.lock.duration.ms", "2000"),
        ("share.delivery.count.limit", "11"),
        ("share.heartbeat.interval.ms", "50000"),
    ],
)
def test_configs_have_bounds(group, name, value):
    assert group.configure(**{name.replace(".", "_"): value}).error_code == errors.INVALID_CONFIG
