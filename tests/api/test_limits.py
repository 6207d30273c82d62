"""Groups that are full and share sessions that are too many, on a cluster where two of each are the most.

KAFKA_BOOTSTRAP_SMALL=HOST:PORT names another such cluster (SMALL says how it is configured).
"""

import uuid

import pytest

from tests.api import test_consumer_groups as consumer
from tests.api import test_share_groups as share
from tests.api import test_streams_groups as streams
from tests.api.conftest import cluster
from tests.api.test_data import create, until
from tests.wire_client import WireClient
from wire import errors

SMALL = {
    "group.max.size": 2, "group.consumer.max.size": 2, "group.share.max.size": 2, "group.streams.max.size": 2,
    "group.share.max.share.sessions": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def bootstrap():
    with cluster("KAFKA_BOOTSTRAP_SMALL", **{name.replace(".", "_"): value for name, value in SMALL.items()}) as address:
        yield address


@pytest.fixture
def topic(client, fresh):
    name = fresh("t")
    return name, create(client, name)


def test_a_full_classic_group(client, bootstrap, fresh):
    group = consumer.Group(client, fresh("group"))
    pending = [group.join_classic(topics=["t"]) for _ in range(3)]
    assert [answer.error_code for answer in pending] == [errors.MEMBER_ID_REQUIRED] * 3  # an id is not a place yet (KIP-394)
    first, second, third = (answer.member_id for answer in pending)
    brief = {"rebalance_timeout_ms": 2_000}  # for so long the rebalance waits for the id that nobody uses
    joined = group.join_classic(first, topics=["t"], **brief)
    assert (joined.error_code, joined.generation_id) == (errors.NONE, 1)
    group.sync_classic(first, 1, [(first, b"")])
    with WireClient(bootstrap) as other:
        asked = dict(group_id=group.id, member_id=second, session_timeout_ms=30_000, protocol_type="consumer", **brief)
        metadata = consumer.ConsumerSubscription.build_from(3, topics=["t"])
        sent = other.send(consumer.JoinGroup, 9, **asked, protocols=[consumer.JoinGroup.Request.Protocols(name="range", metadata=metadata)])
        until(lambda: group.beat_classic(first, 1) == errors.REBALANCE_IN_PROGRESS)
        assert group.join_classic(first, topics=["t"], **brief).generation_id == 2
        assert other.receive(consumer.JoinGroup, 9, sent).generation_id == 2
    refused = group.join_classic(third, topics=["t"])
    assert (refused.error_code, refused.member_id) == (errors.GROUP_MAX_SIZE_REACHED, "")
    assert group.join_classic(topics=["t"]).error_code == errors.GROUP_MAX_SIZE_REACHED


def test_a_full_consumer_group(client, fresh, topic):
    group = consumer.Group(client, fresh("group"))
    for member in "ab":
        assert group.join(member, topic[0]).error_code == errors.NONE
    refused = group.join("c", topic[0])
    assert (refused.error_code, refused.error_message) == (
        errors.GROUP_MAX_SIZE_REACHED, "The consumer group has reached its maximum capacity of 2 members.",
    )  # fmt: skip
    assert group.join("a", topic[0]).error_code == errors.NONE  # who is in it may join again
    group.beat("b", -1)
    assert group.join("c", topic[0]).error_code == errors.NONE


def test_a_classic_group_too_large_to_become_a_consumer_group(client, fresh, topic):
    group = consumer.Group(client, fresh("group"))
    for member in "ab":
        assert group.join(member, topic[0]).error_code == errors.NONE
    answer = group.join_classic(topics=[topic[0]])
    assert answer.error_code == errors.GROUP_MAX_SIZE_REACHED


def test_a_full_share_group_and_too_many_sessions(client, fresh, topic):
    until(lambda: share.found(client, 0, "any") and share.found(client, 2, f"any:{'A' * 22}:0"))
    group = share.Group(client, fresh("share-group"), *topic)
    until(lambda: group.heartbeat("a").error_code == errors.NONE)
    assert group.heartbeat("b").error_code == errors.NONE
    refused = group.heartbeat("c")
    assert (refused.error_code, refused.error_message) == (
        errors.GROUP_MAX_SIZE_REACHED, "The share group has reached its maximum capacity of 2 members.",
    )  # fmt: skip
    until(lambda: group.offset() is not None)
    members = [str(uuid.uuid4()) for _ in range(3)]
    assert [group.fetch(member, max_wait_ms=0).error_code for member in members] == [0, 0, errors.SHARE_SESSION_LIMIT_REACHED]
    assert group.fetch(members[1], max_wait_ms=0).error_code == errors.NONE  # those that are there go on
    assert group.fetch(members[0], epoch=0, max_wait_ms=0).error_code == errors.NONE  # and may begin anew
    assert group.fetch(members[1], epoch=-1, max_wait_ms=0).error_code == errors.NONE
    assert group.fetch(members[2], epoch=0, max_wait_ms=0).error_code == errors.NONE
    for member in (members[0], members[2]):
        assert group.fetch(member, epoch=-1, max_wait_ms=0).error_code == errors.NONE


def test_a_full_streams_group(client, fresh, topic):
    group = streams.Group(client, fresh("streams"))
    topology = streams.Topology(epoch=1, subtopologies=[streams.subtopology("0", sources=[topic[0]])])
    for member in "ab":
        assert group.join(member, topology).error_code == errors.NONE
    refused = group.join("c", topology)
    assert (refused.error_code, refused.error_message) == (
        errors.GROUP_MAX_SIZE_REACHED, "The streams group has reached its maximum capacity of 2 members.",
    )  # fmt: skip
