"""Every API, asked by a user without any right: refused as Apache Kafka 4.3.1 does, and served once no more than what it needs is allowed."""

import re
from types import SimpleNamespace

import pytest

from tests.api.conftest import USERS, becomes
from tests.api.guarded_requests import OPERATIONS, requests
from tests.api.refusals import REFUSALS
from tests.api.test_acls import TOPIC, acl, create, delete
from tests.wire_client import WireClient
from wire.apis import BY_KEY
from wire.apis.groups import OffsetCommit
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.share_groups import ShareGroupHeartbeat
from wire.apis.topics import CreateTopics
from wire.errors import Error
from wire.record import Record

ALICE = "User:alice"
DENIALS = {error for error in Error if error.name.endswith("AUTHORIZATION_FAILED")}
# In these messages Kafka writes down its own request object.
OF_JAVA = re.compile(r"Request Request\(.* needs [A-Z_]+ permission\.")
VOLATILE = {"brokers", "cluster_id", "controller_id", "throttle_time_ms"}
ASKED = [api.name for api in BY_KEY.values()]


@pytest.fixture(scope="module")
def admin(bootstrap_users):
    with WireClient(bootstrap_users) as client:
        client.log_in("admin", USERS["admin"])
        client.call(CreateTopics, 7, timeout_ms=5000, topics=[CreateTopics.Request.Topics(name=THERE.topic, num_partitions=1, replication_factor=1)])
        delete(client, {"principal": ALICE})
        assert becomes(lambda: topic(client).error_code, 0)
        THERE.id = topic(client).topic_id
        assert becomes(lambda: client.call(FindCoordinator, 3, key=THERE.committed, key_type=0).error_code, 0)
        offsets = OffsetCommit.Request.Topics.Partitions(partition_index=0, committed_offset=0, committed_metadata="")
        asked = dict(group_id=THERE.committed, topics=[OffsetCommit.Request.Topics(name=THERE.topic, partitions=[offsets])])
        assert becomes(lambda: client.call(OffsetCommit, 9, **asked).topics[0].partitions[0].error_code, 0)
        member = dict(group_id=THERE.share, member_id="m")
        assert becomes(lambda: client.call(ShareGroupHeartbeat, 1, **member, member_epoch=0, subscribed_topic_names=[THERE.topic]).error_code, 0)
        client.call(ShareGroupHeartbeat, 1, **member, member_epoch=-1)
        yield client


@pytest.fixture
def alice(bootstrap_users, admin):
    with WireClient(bootstrap_users) as client:
        yield client.log_in("alice", USERS["alice"])


THERE = SimpleNamespace(
    topic="guarded", id=None, group="guarded-group", nobodys="guarded-nobodys", committed="guarded-offsets", share="guarded-share", transaction="guarded-transaction", new="not-there"
)


def topic(client):
    return client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=THERE.topic)]).topics[0]


def ask(client, name):
    (api,) = (api for api in BY_KEY.values() if api.name == name)
    version, fields, _ = requests(THERE)[name]
    return client.call(api, version, **fields)


def shown(value, name=""):
    """An answer as text: what is not at its default, errors by their names."""
    if isinstance(value, Record):
        default = type(value).DEFAULT
        told = {name: getattr(value, name) for name in value.fields_in_order if name not in VOLATILE}
        return "{" + ", ".join(f"{name}: {shown(one, name)}" for name, one in told.items() if one != getattr(default, name) and list_of(one) != []) + "}"
    if list_of(value) is not None:
        return "[" + ", ".join(map(shown, value)) + "]"
    if name.endswith("error_code"):
        return Error(value).name
    if isinstance(value, str) and OF_JAVA.fullmatch(value):
        return "'Cluster authorization failed.'"
    return "ID" if value == THERE.id else repr(value)


def list_of(value):
    return list(value) if isinstance(value, (list, tuple)) else None


def errors_in(value):
    if isinstance(value, Record):
        for name in value.fields_in_order:
            one = getattr(value, name)
            if name.endswith("error_code"):
                yield Error(one)
            yield from errors_in(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from errors_in(one)


def is_denied(client, name):
    return bool(DENIALS & set(errors_in(ask(client, name))))


def allow(admin, needs):
    created = create(admin, *(acl(name, kind, operation=OPERATIONS[operation], principal=ALICE) for operation, kind, name in needs))
    assert created == [(0, "")] * len(needs)


def test_the_table_has_every_api():
    assert set(requests(THERE)) == set(ASKED)
    assert set(REFUSALS) == {name for name, (_, _, needs) in requests(THERE).items() if needs}


@pytest.mark.parametrize("name", ASKED)
def test_who_has_no_right_is_refused_as_kafka_does(alice, name):
    answer = ask(alice, name)
    if name in REFUSALS:
        assert shown(answer) == REFUSALS[name]
    else:
        assert not DENIALS & set(errors_in(answer))


@pytest.mark.parametrize("name", [name for name in ASKED if requests(THERE)[name][2]])
def test_the_least_that_must_be_allowed_is_enough(admin, alice, name):
    needs = requests(THERE)[name][2]
    try:
        for left_out in needs if len(needs) > 1 else ():
            allow(admin, [one for one in needs if one != left_out])
            assert becomes(lambda: is_denied(alice, name), True)
            allow(admin, [left_out])
            assert becomes(lambda: is_denied(alice, name), False)
            delete(admin, {"principal": ALICE})
            assert becomes(lambda: is_denied(alice, name), True)
        allow(admin, needs)
        assert becomes(lambda: is_denied(alice, name), False)
    finally:
        delete(admin, {"principal": ALICE})
    assert becomes(lambda: is_denied(alice, name), True)


def test_who_may_make_no_topic_is_told_so_before_what_is_wrong_with_its_name(admin, alice):
    def found():
        topics = [Metadata.Request.Topics(name=name) for name in ("", "a b", THERE.new)]
        return [(topic.name, Error(topic.error_code).name) for topic in alice.call(Metadata, 4, topics=topics, allow_auto_topic_creation=True).topics]

    try:
        allow(admin, [("describe", TOPIC, "*")])
        assert becomes(found, [(name, "TOPIC_AUTHORIZATION_FAILED") for name in ("", "a b", THERE.new)])
        allow(admin, [("create", TOPIC, "*")])
        assert becomes(lambda: found()[:2], [(name, "INVALID_TOPIC_EXCEPTION") for name in ("", "a b")])
    finally:
        delete(admin, {"principal": ALICE})
