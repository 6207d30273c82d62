"""Members that harm their group: who never syncs, who never reads, whose metadata is huge, ids that nobody uses.

Each has a connection of its own, and others go on being served.
"""

import time
from contextlib import ExitStack

import pytest

from tests.api.test_consumer_groups import Group, until
from tests.wire_client import WireClient
from wire import errors
from wire.apis.groups import Heartbeat, JoinGroup, SyncGroup

BRIEFLY = 2_000  # ms that a rebalance waits


class Member:
    def __init__(self, client, group_id, metadata=b""):
        self.client, self.group_id, self.metadata = client, group_id, metadata
        self.id, self.generation = "", -1
        self.asked = None

    def send_join(self):
        self.asked = self.client.send(
            JoinGroup, 9, group_id=self.group_id, member_id=self.id, session_timeout_ms=30_000, rebalance_timeout_ms=BRIEFLY,
            protocol_type="consumer", protocols=[JoinGroup.Request.Protocols(name="range", metadata=self.metadata)],
        )

    def joined(self):
        answer = self.client.receive(JoinGroup, 9, self.asked)
        self.id, self.generation = answer.member_id, answer.generation_id
        return answer

    def named(self):
        """Take a member id."""
        self.send_join()
        assert self.joined().error_code == errors.MEMBER_ID_REQUIRED
        return self

    def sync(self, *assignments):
        return self.client.call(SyncGroup, 5, group_id=self.group_id, member_id=self.id, generation_id=self.generation,
                                protocol_type="consumer", protocol_name="range",
                                assignments=[SyncGroup.Request.Assignments(member_id=each, assignment=b"a") for each in assignments])

    def beat(self):
        return self.client.call(Heartbeat, 4, group_id=self.group_id, member_id=self.id, generation_id=self.generation).error_code


@pytest.fixture
def members(bootstrap, client, fresh):
    """members(count, metadata) -> a generation of so many, the leader first; all have joined, nobody has synced."""
    with ExitStack() as stack:
        def new(group_id, metadata=b""):
            return Member(stack.enter_context(WireClient(bootstrap)), group_id, metadata)

        def make(count, metadata=b""):
            group_id = Group(client, fresh("group")).id
            leader, *others = [new(group_id, metadata).named() for _ in range(count)]
            leader.send_join()
            assert leader.joined().generation_id == 1
            leader.sync(leader.id)
            for each in others:
                each.send_join()
            until(lambda: leader.beat() == errors.REBALANCE_IN_PROGRESS)
            leader.send_join()
            return leader, *others
        make.new = new
        yield make


def test_who_never_syncs_is_out_when_the_time_is_over(members):
    leader, silent = members(2)
    assert {leader.joined().generation_id, silent.joined().generation_id} == {2}
    assert leader.sync(leader.id, silent.id).error_code == errors.NONE
    assert (leader.beat(), silent.beat()) == (errors.NONE, errors.NONE)
    until(lambda: leader.beat() == errors.REBALANCE_IN_PROGRESS)
    assert silent.beat() == errors.UNKNOWN_MEMBER_ID
    leader.send_join()
    assert leader.joined().generation_id == 3


def test_a_leader_that_never_reads_its_huge_answer(members, client, fresh):
    leader, *others = members(4, metadata=bytes(4_000_000))
    for each in others:  # the leader has 16 MB to read, and does not
        assert (each.joined().generation_id, each.id != leader.id) == (2, True)
    began = time.monotonic()
    assert Group(client, fresh("group")).join("somebody", "t").error_code == errors.NONE
    assert time.monotonic() < began + 5  # nobody else has noticed
    assert others[0].sync().error_code == errors.REBALANCE_IN_PROGRESS  # once the leader's time was over
    assert {each.beat() for each in others[1:]} == {errors.UNKNOWN_MEMBER_ID}  # who had not synced themselves
    others[0].send_join()
    answer = others[0].joined()
    assert (answer.error_code, answer.leader) == (errors.NONE, others[0].id)


def test_members_too_large_for_a_record(members):
    leader, other = members(2, metadata=bytes(800_000))
    assert {leader.joined().generation_id, other.joined().generation_id} == {2}
    assert leader.sync(leader.id, other.id).error_code == errors.UNKNOWN_SERVER_ERROR
    assert (leader.beat(), other.beat()) == (errors.REBALANCE_IN_PROGRESS, errors.REBALANCE_IN_PROGRESS)


def test_ids_that_nobody_uses(members, client, fresh):
    group_id = Group(client, fresh("group")).id
    hoarder = members.new(group_id)
    for _ in range(1_000):
        hoarder.send_join()
    first = hoarder.asked - 999
    ids = {hoarder.client.receive(JoinGroup, 9, first + number).member_id for number in range(1_000)}
    assert len(ids) == 1_000
    member, late = members.new(group_id).named(), members.new(group_id).named()
    member.send_join()
    assert member.joined().generation_id == 1
    assert member.sync(member.id).error_code == errors.NONE
    late.send_join()
    until(lambda: member.beat() == errors.REBALANCE_IN_PROGRESS)
    began = time.monotonic()
    member.send_join()
    answer = member.joined()  # it waited for the ids, but not longer than a rebalance may
    assert (answer.generation_id, len(answer.members)) == (2, 2)
    assert time.monotonic() > began + BRIEFLY / 1000 / 2
