"""Share groups at their coordinator: epochs, assignments, sessions, and what is rebuilt from the records."""

import pytest

from emulator.state.groups.share import assignor
from emulator.state.groups.share.member import ShareHeartbeat
from tests.state.groups.trace import Trace
from wire import errors
from wire.errors import KafkaError

G = "share-group"


class Shared(Trace):
    def __init__(self):
        super().__init__(G, group_share_max_size=200)
        self.cluster.create_topic("t", 3, 1)
        self.epochs = {}

    def beat(self, member, epoch=None, topics=None):
        """(member epoch, partitions told or None)."""
        if epoch is None:
            epoch = self.epochs[member]
        answer = self.groups.share.heartbeat(G, ShareHeartbeat(member, epoch, "client", "/host", None, topics))
        self.epochs[member] = answer.member_epoch
        told = answer.assignment
        return answer.member_epoch, None if told is None else sorted(index for held in told.values() for index in held)

    def refuses(self, error, *beat, **named):
        with pytest.raises(KafkaError) as refusal:
            self.beat(*beat, **named)
        assert refusal.value.error == error

    @property
    def share(self):
        return self.groups.share.get(G)


@pytest.fixture
def trace():
    return Shared()


def test_partitions_are_assigned_once_they_have_a_state(trace):
    assert trace.beat("a", 0, ["t"]) == (2, [])
    assert trace.beat("a") == (2, None)
    trace.patience.advance(1000)  # group.share.assignment.interval.ms
    assert trace.beat("a") == (3, [0, 1, 2])
    assert trace.beat("b", 0, ["t"]) == (3, [])
    trace.patience.advance(1000)
    assert trace.beat("b") == (4, [0]) or trace.beat("b")[0] == 4
    epoch, kept = trace.beat("a")
    assert epoch == 4 and len(kept) == 2


def test_more_members_than_partitions_share_them(trace):
    members = "abcde"
    for member in members:
        trace.beat(member, 0, ["t"])
    for _ in range(2):
        trace.patience.advance(1000)
        for member in members:
            trace.beat(member)
    held = [index for member in trace.share.members.values() for held in member.assigned.values() for index in held]
    assert set(held) == {0, 1, 2} and len(held) == 6 and all(member.assigned for member in trace.share.members.values())


def test_epochs_fence(trace):
    trace.beat("a", 0, ["t"])
    trace.patience.advance(1000)
    trace.beat("a")
    trace.refuses(errors.FENCED_MEMBER_EPOCH, "a", 9)
    trace.refuses(errors.FENCED_MEMBER_EPOCH, "a", 1)
    assert trace.beat("a", 2) == (3, None)  # the answer to its last heartbeat may have been lost
    trace.refuses(errors.UNKNOWN_MEMBER_ID, "b", 1)
    trace.refuses(errors.INVALID_REQUEST, "b", 0)
    trace.refuses(errors.INVALID_REQUEST, "b", -2)


def test_silence_ends_a_membership(trace):
    trace.beat("a", 0, ["t"])
    trace.time.advance(44_999)
    assert trace.share.state == "Stable"
    trace.time.advance(1)
    assert (trace.share.state, trace.share.group_epoch) == ("Empty", 3)
    trace.refuses(errors.UNKNOWN_MEMBER_ID, "a")


def test_new_partitions_are_begun_and_assigned(trace):
    trace.beat("a", 0, ["t"])
    trace.patience.advance(1000)
    assert trace.beat("a") == (3, [0, 1, 2])
    trace.cluster.create_partitions("t", 5)
    for _ in range(2):
        trace.patience.advance(1000)
        answer = trace.beat("a")
    assert answer[1] == [0, 1, 2, 3, 4]


def test_a_deleted_topic_is_forgotten(trace):
    trace.beat("a", 0, ["t"])
    trace.patience.advance(1000)
    trace.beat("a")
    trace.cluster.delete_topic(trace.cluster.topics["t"].topic_id)
    trace.patience.advance(1000)
    assert trace.beat("a") == (4, [])
    assert trace.groups.share.partitions(G) == {}


def test_offsets_move_only_while_nobody_is_there(trace):
    topic_id = trace.cluster.topics["t"].topic_id
    trace.beat("a", 0, ["t"])
    with pytest.raises(KafkaError) as refusal:
        trace.groups.share.alter_offsets(G, {topic_id: {0: 7}})
    assert refusal.value.error == errors.NON_EMPTY_GROUP
    trace.beat("a", -1)
    trace.groups.share.alter_offsets(G, {topic_id: {0: 7}})
    assert trace.groups.share.offset(G, topic_id, 0).start_offset == 7
    trace.groups.share.delete_offsets(G, [topic_id])
    assert trace.groups.share.offset(G, topic_id, 0).start_offset == -1
    trace.groups.delete(G)
    assert trace.groups.list() == []


def test_the_group_is_rebuilt_from_its_records(trace):
    trace.beat("a", 0, ["t"])
    trace.patience.advance(1000)
    trace.beat("a")
    before = trace.share
    trace.groups = trace.coordinator()
    trace.groups.load(trace.groups.partition_for(G))
    after = trace.share
    assert (after.members, after.target, after.initialized) == (before.members, before.target, before.initialized)
    assert (after.group_epoch, after.assignment_epoch) == (before.group_epoch, before.assignment_epoch)
    assert trace.beat("a") == (3, None)
    trace.time.advance(45_000)
    assert trace.share.state == "Empty"


def test_an_empty_share_group_makes_way_for_nobody(trace):
    trace.beat("a", 0, ["t"])
    trace.beat("a", -1)
    trace.time.advance(24 * 3600 * 1000)
    assert [group.type for group in trace.groups.list(types=["Share"])] == ["share"]


T, U = bytes(15) + b"t", bytes(15) + b"u"


def test_everybody_gets_a_fair_part_and_keeps_what_it_has():
    assert assignor.assign({"a": {T}}, {T: {0, 1}}, {}) == {"a": {T: frozenset({0, 1})}}
    before = {"a": {T: frozenset({0, 1})}}
    after = assignor.assign({"a": {T}, "b": {T}}, {T: {0, 1}}, before)
    assert sorted(len(held[T]) for held in after.values()) == [1, 1]
    again = assignor.assign({"a": {T}, "b": {T}}, {T: {0, 1}}, after)
    assert again == after


def test_members_get_partitions_of_their_topics_only():
    after = assignor.assign({"a": {T}, "b": {T, U}, "c": set()}, {T: {0, 1}, U: {0}}, {"c": {T: frozenset({0})}})
    assert after["c"] == {} and set(after["a"]) == {T} and after["b"][U] == frozenset({0})
