"""The share coordinator over a socket, asked as leaders of partitions ask it (KIP-932)."""

import itertools

import pytest

from tests.api.test_data import create, until
from tests.api.test_share_groups import found
from wire import errors
from wire.apis.metadata import Metadata
from wire.apis.share_groups import (
    AlterShareGroupOffsets, DeleteShareGroupState, InitializeShareGroupState, ReadShareGroupState, ReadShareGroupStateSummary,
    ShareGroupHeartbeat, WriteShareGroupState,
)  # fmt: skip

UNINITIALIZED = "{} operation on uninitialized share partition not allowed."
NO_TOPIC = "This server does not host this topic-partition."
AVAILABLE, ACKNOWLEDGED, ARCHIVED = 0, 2, 4


class State:
    """The state of a group in one topic."""

    def __init__(self, client, group, topic_id):
        self.client, self.group, self.topic_id = client, group, topic_id

    def ask(self, api, version=None, partition=0, topic_id=None, group=None, **fields):
        """The answer for one partition."""
        Topic = api.Request.Topics
        topics = [Topic(topic_id=topic_id or self.topic_id, partitions=[Topic.Partitions(partition=partition, **fields)])]
        version = api.versions.max if version is None else version
        answer = self.client.call(api, version, group_id=self.group if group is None else group, topics=topics)
        return answer.results[0].partitions[0] if answer.results else None

    def code(self, api, **fields):
        answer = self.ask(api, **fields)
        return answer.error_code, answer.error_message

    def initialize(self, epoch=1, start=-1, **where):
        return self.code(InitializeShareGroupState, state_epoch=epoch, start_offset=start, **where)

    def write(self, *batches, epoch=1, leader=0, start=-1, complete=-1, **where):
        Batch = WriteShareGroupState.Request.Topics.Partitions.StateBatches
        batches = [Batch(first_offset=a, last_offset=b, delivery_state=state, delivery_count=count) for a, b, state, count in batches]
        return self.code(
            WriteShareGroupState, state_epoch=epoch, leader_epoch=leader, start_offset=start, delivery_complete_count=complete,
            state_batches=batches, **where,
        )  # fmt: skip

    def read(self, leader=0, **where):
        """(state epoch, start offset, batches), or the error."""
        answer = self.ask(ReadShareGroupState, leader_epoch=leader, **where)
        if answer.error_code:
            return answer.error_code, answer.error_message
        batches = [(b.first_offset, b.last_offset, b.delivery_state, b.delivery_count) for b in answer.state_batches]
        return answer.state_epoch, answer.start_offset, batches

    def summary(self, **where):
        """(state epoch, leader epoch, start offset, delivery complete count), or the error."""
        answer = self.ask(ReadShareGroupStateSummary, **{"leader_epoch": -1, **where})
        if answer.error_code:
            return answer.error_code, answer.error_message
        return answer.state_epoch, answer.leader_epoch, answer.start_offset, answer.delivery_complete_count

    def delete(self, **where):
        return self.code(DeleteShareGroupState, **where)


OK = (errors.NONE, None)


@pytest.fixture
def state(client, fresh):
    topic_id = create(client, fresh("shared"), partitions=2)
    until(lambda: found(client, 2, f"any:{'A' * 22}:0"))
    state = State(client, fresh("group"), topic_id)
    until(lambda: state.summary()[0] != errors.NOT_COORDINATOR and state.summary()[0] != errors.COORDINATOR_LOAD_IN_PROGRESS)
    return state


def test_what_is_written_is_read(state):
    assert state.initialize() == OK
    assert state.summary() == (1, 0, -1, -1)
    assert state.read() == (1, -1, [])
    assert state.write((0, 4, ACKNOWLEDGED, 1), (5, 9, AVAILABLE, 1), start=0, complete=5)[0] == errors.NONE
    assert state.read() == (1, 0, [(0, 4, ACKNOWLEDGED, 1), (5, 9, AVAILABLE, 1)])
    assert state.write((5, 6, ACKNOWLEDGED, 2), (10, 19, ARCHIVED, 1), start=3, complete=4)[0] == errors.NONE
    assert state.read() == (1, 3, [(3, 4, 2, 1), (5, 6, 2, 2), (7, 9, 0, 1), (10, 19, 4, 1)])
    assert state.write()[0] == errors.NONE
    assert state.read() == (1, 3, [(3, 4, 2, 1), (5, 6, 2, 2), (7, 9, 0, 1), (10, 19, 4, 1)])
    assert state.summary() == (1, 0, 3, -1)
    assert state.delete()[0] == errors.NONE
    assert state.summary() == (0, 0, -1, -1)
    assert state.delete()[0] == errors.NONE


def test_more_deliveries_outdo_fewer_whichever_came_last(state):
    state.initialize()
    state.write((0, 9, ACKNOWLEDGED, 3), start=0)
    state.write((2, 12, AVAILABLE, 1), start=0)
    assert state.read()[2] == [(0, 9, ACKNOWLEDGED, 3), (10, 12, AVAILABLE, 1)]
    state.write((4, 5, AVAILABLE, 4), (5, 7, ARCHIVED, 4), start=0)
    assert state.read()[2] == [(0, 3, 2, 3), (4, 4, 0, 4), (5, 7, 4, 4), (8, 9, 2, 3), (10, 12, 0, 1)]


@pytest.mark.parametrize("seed", range(3))
def test_overlaps_are_resolved_as_kafka_does(state, seed):
    """Against a count of every single record: what told of it with the most deliveries, then with the later state."""
    draw = itertools.cycle([(seed * 7 + i * 5) % 13 for i in range(13)])
    state.initialize()
    best = {}
    for _ in range(6):
        batches = []
        for _ in range(3):
            first = next(draw)
            last, fate, count = first + next(draw) % 6, (AVAILABLE, ACKNOWLEDGED, ARCHIVED)[next(draw) % 3], 1 + next(draw) % 3
            batches.append((first, last, fate, count))
            for offset in range(first, last + 1):
                best[offset] = max(best.get(offset, (0, 0)), (count, fate))
        assert state.write(*batches, start=0)[0] == errors.NONE
    told = {offset: (count, fate) for first, last, fate, count in state.read()[2] for offset in range(first, last + 1)}
    assert told == best


def test_epochs_fence(state):
    state.initialize(epoch=3)
    assert state.initialize(epoch=2) == (errors.FENCED_STATE_EPOCH, STATE_EPOCH)
    assert state.write(epoch=2) == (errors.FENCED_STATE_EPOCH, STATE_EPOCH)
    assert state.read(leader=5) == (3, -1, [])
    assert state.summary() == (3, 5, -1, -1)
    assert state.read(leader=4) == (errors.FENCED_LEADER_EPOCH, LEADER_EPOCH)
    assert state.write(epoch=3, leader=4) == (errors.FENCED_LEADER_EPOCH, LEADER_EPOCH)
    assert state.read(leader=-1) == (3, -1, [])
    assert state.write(epoch=-1, leader=-1, start=4)[0] == errors.NONE
    assert state.initialize(epoch=3, start=7)[0] == errors.NONE
    assert state.summary() == (3, 0, 7, 0)
    assert state.read(leader=4) == (errors.FENCED_LEADER_EPOCH, LEADER_EPOCH)  # a new beginning does not forget
    assert state.write(epoch=9, leader=9)[0] == errors.NONE
    assert state.summary() == (3, 0, 7, -1)


STATE_EPOCH = "The share coordinator rejected the request because the share-group state epoch did not match."
LEADER_EPOCH = "The leader epoch in the request is older than the epoch on the broker."


def test_what_is_not_there(state):
    assert state.read() == (errors.INVALID_REQUEST, UNINITIALIZED.format("Read"))
    assert state.write() == (errors.INVALID_REQUEST, UNINITIALIZED.format("Write"))
    for act in state.initialize, state.summary, state.delete:
        assert act(partition=2) == (errors.UNKNOWN_TOPIC_OR_PARTITION, NO_TOPIC)
        assert act(topic_id=b"x" * 16) == (errors.UNKNOWN_TOPIC_OR_PARTITION, NO_TOPIC)
    for act in state.initialize, state.summary, state.delete, state.read, state.write:
        assert act(partition=-1) == (errors.INVALID_REQUEST, "The partition id cannot be a negative number.")


@pytest.mark.parametrize("api", [InitializeShareGroupState, ReadShareGroupState, WriteShareGroupState, DeleteShareGroupState,
                                 ReadShareGroupStateSummary], ids=lambda api: api.name)  # fmt: skip
def test_who_asks_for_nothing_gets_nothing(state, api):
    Topic = api.Request.Topics
    assert state.ask(api, group="") is None
    assert state.client.call(api, 0, group_id=state.group, topics=[]).results == []
    some = Topic(topic_id=state.topic_id, partitions=[Topic.Partitions(partition=0)])
    nothing = Topic(topic_id=state.topic_id, partitions=[])
    answered = state.client.call(api, 0, group_id=state.group, topics=[some, nothing]).results
    assert len(answered) == (api is InitializeShareGroupState)  # which alone does not look for it


def test_a_partition_that_is_named_twice_is_answered_once(state):
    Topic = ReadShareGroupStateSummary.Request.Topics
    twice = [Topic.Partitions(partition=index) for index in (1, 0, 1)]
    answer = state.client.call(ReadShareGroupStateSummary, 1, group_id=state.group, topics=[Topic(topic_id=state.topic_id, partitions=twice)] * 2)
    assert [[each.partition for each in topic.partitions] for topic in answer.results] == [[0, 1]]


def test_after_500_updates_comes_a_snapshot_and_all_is_still_there(state):
    state.initialize()
    for offset in range(510):
        assert state.write((2 * offset, 2 * offset, ACKNOWLEDGED, 1), start=0, complete=offset + 1)[0] == errors.NONE
    assert state.summary() == (1, 0, 0, 510)
    assert state.read()[2] == [(2 * offset, 2 * offset, ACKNOWLEDGED, 1) for offset in range(510)]


def test_what_the_coordinator_refuses_a_group_is_not_begun(client, state):
    """Somebody has begun partition 1 in a later epoch: an administrator is told so, a member is not."""
    (name,) = [topic.name for topic in client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=None, topic_id=state.topic_id)]).topics]
    until(lambda: found(client, 0, state.group))
    assert state.initialize(epoch=50, start=9, partition=1) == OK
    Topic = AlterShareGroupOffsets.Request.Topics
    asked = [Topic(topic_name=name, partitions=[Topic.Partitions(partition_index=index, start_offset=0) for index in (0, 1)])]

    def alter():
        return client.call(AlterShareGroupOffsets, 0, group_id=state.group, topics=asked)

    until(lambda: alter().error_code == errors.NONE)  # once the group has a coordinator
    answer = alter()
    assert [(one.partition_index, one.error_code) for one in answer.responses[0].partitions] == [(0, errors.NONE), (1, errors.FENCED_STATE_EPOCH)]
    beat = {"group_id": state.group, "member_id": "AAAAAAAAAAAAAAAAAAAAAQ", "member_epoch": 0, "subscribed_topic_names": [name]}
    joined = client.call(ShareGroupHeartbeat, 1, **beat)
    assert (joined.error_code, joined.error_message) == OK
