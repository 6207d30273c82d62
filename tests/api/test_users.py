"""What goes by who a client is: quotas, and requests that wait, are hidden or allowed for one user and not for another."""

import pytest

from tests.api.conftest import USERS, becomes
from tests.api.test_acls import ALL, CLUSTER, GROUP, PREFIXED, READ, acl, create, delete, find
from tests.api.test_data import produce_request
from tests.api.test_quotas import CONSUMER, EXACT, PRODUCER, alter, describe
from tests.wire_client import WireClient
from wire import errors
from wire.apis.consumer_groups import ConsumerGroupHeartbeat
from wire.apis.data import Fetch, Produce
from wire.apis.groups import ListGroups, OffsetCommit
from wire.apis.metadata import DescribeCluster, FindCoordinator, Metadata
from wire.apis.topics import CreateTopics
from wire.records import Record, build_batch

CREATE, DESCRIBE = 5, 8
NOT_ASKED = -(2**31)
ALICE, BOB = "User:alice", "User:bob"


@pytest.fixture
def log_in(bootstrap_users):
    """log_in("alice", client id) -> a client of hers."""
    clients = []

    def logged_in(name, client_id="app"):
        clients.append(WireClient(bootstrap_users, client_id))
        return clients[-1].log_in(name, USERS[name])

    yield logged_in
    for client in clients:
        client.socket.close()


@pytest.fixture
def admin(log_in):
    client = log_in("admin")
    yield client
    delete(client, {"principal": ALICE}, {"principal": BOB})


@pytest.fixture
def topic(admin, fresh):
    name = fresh("users")
    admin.call(CreateTopics, 7, timeout_ms=5000, topics=[CreateTopics.Request.Topics(name=name, num_partitions=1, replication_factor=1)])
    assert becomes(lambda: seen(admin, name), [name])
    return name


def seen(client, prefix=""):
    return [topic.name for topic in client.call(Metadata, 12, topics=None).topics if topic.name.startswith(prefix)]


def give(admin, *acls):
    assert create(admin, *acls) == [(0, "")] * len(acls)
    assert becomes(lambda: all(find(admin, name=one.resource_name, principal=one.principal, operation=one.operation) for one in acls), True)


def throttled(client, topic, size=20_000):
    records = build_batch([Record(0, 1, None, bytes(size))])
    return client.call(Produce, 12, **produce_request(topic, records)).throttle_time_ms > 0


def test_a_quota_is_its_users_wherever_they_come_from(admin, log_in, topic):
    give(admin, acl(topic, operation=ALL, principal=ALICE), acl(topic, operation=ALL, principal=BOB))
    assert alter(admin, ({"user": "alice"}, {PRODUCER: 1000})) == [({"user": "alice"}, 0, None)]
    assert becomes(lambda: describe(admin, ("user", EXACT, "alice"), strict=True), [({"user": "alice"}, {PRODUCER: 1000})])
    try:
        assert becomes(lambda: throttled(log_in("alice"), topic), True)
        assert throttled(log_in("alice", "another"), topic)
        assert not throttled(log_in("bob"), topic)
        assert not throttled(admin, topic)
    finally:
        alter(admin, ({"user": "alice"}, {PRODUCER: None}))


def test_a_quota_may_be_one_users_with_one_client_id(admin, log_in, topic):
    give(admin, acl(topic, operation=ALL, principal=ALICE), acl(topic, operation=ALL, principal=BOB))
    produced = log_in("bob").call(Produce, 12, **produce_request(topic, build_batch([Record(0, 1, None, bytes(50_000))])))
    assert produced.responses[0].partition_responses[0].error_code == 0
    both = {"user": "bob", "client-id": "reader"}
    alter(admin, (both, {CONSUMER: 1000}))

    def waits(name, client_id):
        asked = Fetch.Request.Topics.Partitions(partition=0, fetch_offset=0, partition_max_bytes=1 << 20, current_leader_epoch=-1)
        fields = dict(max_wait_ms=0, min_bytes=1, max_bytes=1 << 20, session_epoch=-1, topics=[Fetch.Request.Topics(topic=topic, partitions=[asked])])
        with_name = log_in(name, client_id)
        return any(with_name.call(Fetch, 12, **fields).throttle_time_ms for _ in range(2))

    try:
        assert becomes(lambda: waits("bob", "reader"), True)
        assert not waits("bob", "writer")
        assert not waits("alice", "reader")
    finally:
        alter(admin, (both, {CONSUMER: None}))


def test_topics_and_groups_that_a_user_may_not_see_are_not_listed(admin, log_in, topic, fresh):
    alice, group = log_in("alice"), fresh("group")
    assert seen(alice) == []
    give(admin, acl(topic, operation=READ, principal=ALICE))
    assert becomes(lambda: seen(alice), [topic])
    assert becomes(lambda: admin.call(FindCoordinator, 3, key=group, key_type=0).error_code, 0)
    position = OffsetCommit.Request.Topics.Partitions(partition_index=0, committed_offset=0, committed_metadata="")
    asked = dict(group_id=group, topics=[OffsetCommit.Request.Topics(name=topic, partitions=[position])])
    assert becomes(lambda: admin.call(OffsetCommit, 9, **asked).topics[0].partitions[0].error_code, 0)

    def groups():
        return [one.group_id for one in alice.call(ListGroups, 5).groups]

    assert groups() == []
    give(admin, acl(group[:-1], kind=GROUP, pattern=PREFIXED, operation=DESCRIBE, principal=ALICE))
    assert becomes(groups, [group])
    delete(admin, {"principal": ALICE, "kind": GROUP})
    give(admin, acl("kafka-cluster", kind=CLUSTER, operation=DESCRIBE, principal=ALICE))
    assert becomes(lambda: group in groups(), True)


def test_what_a_user_may_do_is_told_when_it_is_asked(admin, log_in, topic):
    alice = log_in("alice")

    def of_topic(client, **asked):
        return client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=topic)], **asked).topics[0].topic_authorized_operations

    def of_cluster(client, asked=True):
        return client.call(DescribeCluster, 2, include_cluster_authorized_operations=asked, endpoint_type=1).cluster_authorized_operations

    assert of_topic(admin) == of_cluster(admin, asked=False) == NOT_ASKED
    assert of_topic(admin, include_topic_authorized_operations=True) == bits(3, 4, 5, 6, 7, 8, 10, 11)
    assert of_cluster(admin) == bits(5, 7, 8, 9, 10, 11, 12)
    assert of_cluster(alice) == 0
    give(admin, acl(topic, operation=READ, principal=ALICE), acl("kafka-cluster", kind=CLUSTER, operation=CREATE, principal=ALICE))
    assert becomes(lambda: of_topic(alice, include_topic_authorized_operations=True), bits(READ, DESCRIBE))
    assert of_cluster(alice) == 0, "only who may describe it is told"
    give(admin, acl("kafka-cluster", kind=CLUSTER, operation=DESCRIBE, principal=ALICE))
    assert becomes(lambda: of_cluster(alice), bits(CREATE, DESCRIBE))


def bits(*operations):
    return sum(1 << operation for operation in operations)


def test_a_topic_is_made_for_who_may_make_it(admin, log_in, fresh):
    alice, name = log_in("alice"), fresh("made")

    def ask():
        return alice.call(Metadata, 12, topics=[Metadata.Request.Topics(name=name)], allow_auto_topic_creation=True).topics[0].error_code

    assert ask() == errors.TOPIC_AUTHORIZATION_FAILED
    give(admin, acl(name, operation=DESCRIBE, principal=ALICE))
    assert becomes(ask, errors.TOPIC_AUTHORIZATION_FAILED) and name not in seen(admin)
    give(admin, acl(name, operation=DESCRIBE, principal=ALICE), acl(name, operation=CREATE, principal=ALICE))
    assert becomes(ask, 0)


def test_an_expression_matches_what_its_member_may_see(admin, log_in, fresh):
    alice, base = log_in("alice"), fresh("expression")
    names = [f"{base}-{word}" for word in ("seen", "hidden")]
    admin.call(CreateTopics, 7, timeout_ms=5000, topics=[CreateTopics.Request.Topics(name=name, num_partitions=1, replication_factor=1) for name in names])
    assert becomes(lambda: sorted(seen(admin, base)), sorted(names))
    give(admin, acl(base, kind=GROUP, operation=READ, principal=ALICE), acl(names[0], operation=READ, principal=ALICE))
    assert becomes(lambda: admin.call(FindCoordinator, 3, key=base, key_type=0).error_code, 0)
    member = dict(group_id=base, member_id="m", rebalance_timeout_ms=10_000, topic_partitions=[], subscribed_topic_regex=f"{base}.*")
    epochs = [0]

    def assigned():
        answer = alice.call(ConsumerGroupHeartbeat, 1, **member, member_epoch=epochs[-1])
        if not answer.error_code:
            epochs.append(answer.member_epoch)
        return [] if answer.assignment is None else [held.topic_id for held in answer.assignment.topic_partitions]

    (the_id,) = [topic.topic_id for topic in admin.call(Metadata, 12, topics=[Metadata.Request.Topics(name=names[0])]).topics]
    assert becomes(assigned, [the_id])
