"""Client quotas: set, described, and felt. Every number here is what Apache Kafka 4.3.1 answers to the same requests.

The first request of a client id has the whole window to itself, so its throttle is exact: size / rate - 10 seconds.
"""

import socket
import time

import pytest

from tests.api.conftest import becomes
from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import Fetch, Produce
from wire.apis.metadata import ApiVersions, Metadata
from wire.apis.quotas import AlterClientQuotas, DescribeClientQuotas
from wire.apis.topics import CreatePartitions, CreateTopics, DeleteTopics
from wire.records import Record, build_batch

PRODUCER, CONSUMER, REQUEST = "producer_byte_rate", "consumer_byte_rate", "request_percentage"
MUTATION, CONNECTION = "controller_mutation_rate", "connection_creation_rate"
EXACT, DEFAULT, SPECIFIED = range(3)
BAD = errors.INVALID_REQUEST
WINDOWS_MS = 10_000  # the full ones of quota.window.num


def alter(client, *alterations, validate_only=False, version=1):
    """[(entity, error, message)]; an alteration is ({type: name}, {key: value or None})."""
    Entry = AlterClientQuotas.Request.Entries
    entries = [
        Entry(
            entity=[Entry.Entity(entity_type=kind, entity_name=name) for kind, name in entity.items()],
            ops=[Entry.Ops(key=key, value=float(value or 0), remove=value is None) for key, value in values.items()],
        )
        for entity, values in alterations
    ]
    answer = client.call(AlterClientQuotas, version, entries=entries, validate_only=validate_only)
    return [({one.entity_type: one.entity_name for one in entry.entity}, entry.error_code, entry.error_message) for entry in answer.entries]


def describe(client, *components, strict=False, version=1):
    """[(entity, {key: value})], or (error, message); a component is (type, match type, name)."""
    Component = DescribeClientQuotas.Request.Components
    asked = [Component(entity_type=kind, match_type=match, match=name) for kind, match, name in components]
    answer = client.call(DescribeClientQuotas, version, components=asked, strict=strict)
    if answer.error_code:
        assert answer.entries is None
        return answer.error_code, answer.error_message
    return [({one.entity_type: one.entity_name for one in entry.entity}, {one.key: one.value for one in entry.values}) for entry in answer.entries]


@pytest.fixture
def limit(client):
    """limit({type: name}, key=value): until the test is over."""
    made = []

    def limited(entity, **values):
        made.append((entity, dict.fromkeys(values)))
        assert alter(client, (entity, values)) == [(entity, 0, None)]
        components = [(kind, DEFAULT if name is None else EXACT, name) for kind, name in entity.items()]
        assert becomes(lambda: describe(client, *components, strict=True), [(entity, values)])

    yield limited
    for entity, values in made:
        alter(client, (entity, values))


# Setting and describing -------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1])
def test_what_is_set_is_described(client, fresh, version):
    user = {"user": fresh("alice")}
    match = ("user", EXACT, user["user"])
    values = {PRODUCER: 1000, CONSUMER: 2000, REQUEST: 12.5, MUTATION: 0.5}
    assert alter(client, (user, values), version=version) == [(user, 0, None)]
    assert becomes(lambda: describe(client, match, version=version), [(user, values)])
    assert list(describe(client, match)[0][1]) == [PRODUCER, CONSUMER, MUTATION, REQUEST]
    assert alter(client, (user, {PRODUCER: 7}), validate_only=True) == [(user, 0, None)]
    assert alter(client, (user, {PRODUCER: None, CONSUMER: None, "never heard of": None})) == [(user, 0, None)]
    assert becomes(lambda: describe(client, match), [(user, {MUTATION: 0.5, REQUEST: 12.5})])
    assert alter(client, (user, {MUTATION: None, REQUEST: None})) == [(user, 0, None)]
    assert becomes(lambda: describe(client, match), [])


def test_filters(client, fresh):
    user, client_id = fresh("u"), fresh("c")
    both, alone, any_client = {"user": user, "client-id": client_id}, {"user": user}, {"user": user, "client-id": None}
    alter(client, (both, {PRODUCER: 1}), (alone, {PRODUCER: 2}), (any_client, {PRODUCER: 3}))
    of_user = ("user", EXACT, user)

    def found(*components, strict=False):
        return sorted(values[PRODUCER] for _, values in describe(client, *components, strict=strict))

    assert becomes(lambda: found(of_user), [1, 2, 3])
    assert found(of_user, strict=True) == [2]
    assert found(of_user, ("client-id", SPECIFIED, None)) == [1, 3]
    assert found(of_user, ("client-id", DEFAULT, None)) == [3]
    assert found(of_user, ("client-id", EXACT, client_id)) == [1]
    assert found(("client-id", EXACT, client_id)) == [1]
    assert found(("client-id", EXACT, client_id), strict=True) == []
    assert set(found(("user", SPECIFIED, None))) >= {1, 2, 3}
    alter(client, *((entity, {PRODUCER: None}) for entity in (both, alone, any_client)))


@pytest.mark.parametrize("components, error, message", [
    ([("", EXACT, "x")], BAD, "Invalid empty entity type."),
    ([("user", EXACT, None)], BAD, "Request specified MATCH_TYPE_EXACT, but set match string to null."),
    ([("user", DEFAULT, "x")], BAD, "Request specified MATCH_TYPE_DEFAULT, but also specified a match string."),
    ([("user", SPECIFIED, "x")], BAD, "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string."),
    ([("user", 3, "x")], BAD, "Unknown match type 3"),
    ([("user", EXACT, "a"), ("user", EXACT, "b")], BAD, "Entity type user cannot appear more than once in the filter."),
    ([("zap", EXACT, "x")], errors.UNSUPPORTED_VERSION, "Unsupported entity type zap"),
    ([("ip", SPECIFIED, None), ("user", SPECIFIED, None)], BAD,
     "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component."),
])  # fmt: skip
def test_filters_that_may_not_be(client, components, error, message):
    assert describe(client, *components) == (error, message)


@pytest.mark.parametrize("entity, values, message", [
    ({}, {PRODUCER: 1}, "Invalid empty client quota entity"),
    ({"topic": "x"}, {PRODUCER: 1}, "Unhandled client quota entity type: topic"),
    ({"user": ""}, {PRODUCER: 1}, "Empty user not supported"),
    ({"user": "a", "ip": "1.2.3.4"}, {PRODUCER: 1}, "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId"),
    ({"ip": "not a host"}, {CONNECTION: 5}, "not a host is not a valid IP or resolvable host."),
    ({"ip": "1.2.3.4"}, {PRODUCER: 5}, "Invalid configuration key producer_byte_rate"),
    ({"user": "a"}, {CONNECTION: 1}, "Invalid configuration key connection_creation_rate"),
    ({"user": "a"}, {"nope": 1}, "Invalid configuration key nope"),
    ({"user": "a"}, {PRODUCER: -1}, "Quota producer_byte_rate must be greater than 0"),
    ({"user": "a"}, {PRODUCER: 0.0}, "Quota producer_byte_rate must be greater than 0"),
    ({"user": "a"}, {PRODUCER: 1000.5}, "producer_byte_rate cannot be a fractional value."),
    ({"user": "a"}, {CONSUMER: 1e19}, "Proposed value for consumer_byte_rate is too large for a LONG."),
    ({"ip": None}, {CONNECTION: 3e9}, "Proposed value for connection_creation_rate is too large for an INT."),
    ({"ip": None}, {CONNECTION: 5.5}, "connection_creation_rate cannot be a fractional value."),
])  # fmt: skip
def test_quotas_that_may_not_be(client, entity, values, message):
    assert alter(client, (entity, values)) == [(entity, BAD, message)]


def test_of_one_entity_altered_twice_the_first_counts(client, fresh):
    user = {"user": fresh("twice")}
    message = f"Ignoring duplicate entity ClientQuotaEntity(entries={{user={user['user']}}})"
    assert alter(client, (user, {PRODUCER: 4000}), (user, {PRODUCER: 5000})) == [(user, BAD, message)]
    assert becomes(lambda: describe(client, ("user", EXACT, user["user"])), [(user, {PRODUCER: 4000})])
    alter(client, (user, {PRODUCER: None}))


# Feeling them -----------------------------------------------------------------------------------


@pytest.fixture
def topic(client, fresh):
    name = fresh("quota")
    new = CreateTopics.Request.Topics(name=name, num_partitions=1, replication_factor=1)
    assert client.call(CreateTopics, 7, topics=[new], timeout_ms=10_000).topics[0].error_code == 0
    assert becomes(lambda: client.call(Metadata, 9, topics=[Metadata.Request.Topics(name=name)]).topics[0].error_code, 0)
    return name


def production(topic, size, acks=1):
    Topic = Produce.Request.TopicData
    records = build_batch([Record(0, 0, None, b"x" * size, ())])
    return dict(acks=acks, timeout_ms=10_000, topic_data=[Topic(name=topic, partition_data=[Topic.PartitionData(index=0, records=records)])])


def reading(topic, **fields):
    Topic = Fetch.Request.Topics
    partition = Topic.Partitions(partition=0, fetch_offset=0, partition_max_bytes=10_000_000)
    return dict(max_wait_ms=0, min_bytes=1, max_bytes=10_000_000, topics=[Topic(topic=topic, partitions=[partition])], **fields)


def owed(size, rate):
    return round(size / rate * 1000 - WINDOWS_MS)


def versions(client):
    return client.call(ApiVersions, 3, client_software_name="t", client_software_version="1")


def test_a_producer_is_answered_at_once_and_then_not_heard(bootstrap, fresh, topic, limit):
    name = fresh("producer")
    limit({"client-id": name}, producer_byte_rate=90_000)
    with WireClient(bootstrap, name) as client:
        size = len(client.frame(Produce, 9, Produce.Request(**production(topic, 920_000)))) - 4
        began = time.monotonic()
        answer = client.call(Produce, 9, **production(topic, 920_000))
        assert answer.responses[0].partition_responses[0].error_code == 0
        assert answer.throttle_time_ms == owed(size, 90_000) > 200
        versions(client)
        assert time.monotonic() - began >= 0.2


def test_who_asks_for_no_answer_is_not_heard_either(bootstrap, fresh, topic, limit):
    name = fresh("silent")
    limit({"client-id": name}, producer_byte_rate=90_000)
    with WireClient(bootstrap, name) as client:
        began = time.monotonic()
        client.send(Produce, 9, **production(topic, 920_000, acks=0))
        versions(client)
        assert time.monotonic() - began >= 0.2


def test_what_one_connection_used_another_of_the_same_name_feels(bootstrap, fresh, topic, limit):
    name = fresh("shared")
    limit({"client-id": name}, producer_byte_rate=90_000)
    with WireClient(bootstrap, name) as one, WireClient(bootstrap, name) as other, WireClient(bootstrap, fresh("free")) as free:
        assert one.call(Produce, 9, **production(topic, 890_000)).throttle_time_ms == 0
        assert 0 < other.call(Produce, 9, **production(topic, 60_000)).throttle_time_ms < 700
        assert free.call(Produce, 9, **production(topic, 60_000)).throttle_time_ms == 0


def test_a_consumer_gets_nothing_first_and_it_later(bootstrap, fresh, topic, limit, client):
    client.call(Produce, 9, **production(topic, 101_000))
    client.send(Fetch, 12, **reading(topic, session_id=0, session_epoch=0))
    size = len(client.receive_frame()) - 5 + 4  # Kafka's count has a size, and no header
    name = fresh("consumer")
    limit({"client-id": name}, consumer_byte_rate=10_000)
    with WireClient(bootstrap, name) as slow:
        answer = slow.call(Fetch, 12, **reading(topic, session_id=0, session_epoch=0))
        assert (answer.throttle_time_ms, answer.error_code, answer.session_id, answer.responses) == (owed(size, 10_000), 0, 0, [])
        answer = slow.call(Fetch, 12, **reading(topic, session_id=0, session_epoch=0))
        assert answer.throttle_time_ms == 0
        assert len(answer.responses[0].partitions[0].records) > 101_000
        assert answer.session_id != 0


def test_no_more_is_fetched_than_the_window_allows(bootstrap, fresh, topic, limit, client):
    for _ in range(3):
        client.call(Produce, 9, **production(topic, 40_000))
    name = fresh("capped")
    limit({"client-id": name}, consumer_byte_rate=10_000)
    with WireClient(bootstrap, name) as slow:
        answer = slow.call(Fetch, 12, **reading(topic, session_id=0, session_epoch=-1))
        assert (answer.throttle_time_ms, answer.responses) == (8, [])  # for what is around the records
        answer = slow.call(Fetch, 12, **reading(topic, session_id=0, session_epoch=-1))
        assert answer.throttle_time_ms == 0
        assert len(answer.responses[0].partitions[0].records) == 100_000


def test_time_is_counted_too_and_waits_are_bounded(bootstrap, fresh, limit):
    name = fresh("busy")
    limit({"client-id": name}, request_percentage=0.000001)
    with WireClient(bootstrap, name) as client:
        assert client.call(Metadata, 9, topics=None).throttle_time_ms == 1000


def create(client, names, partitions, version=7):
    new = [CreateTopics.Request.Topics(name=name, num_partitions=partitions, replication_factor=1) for name in names]
    answer = client.call(CreateTopics, version, topics=new, timeout_ms=10_000)
    return answer.throttle_time_ms, [(one.error_code, one.error_message) for one in answer.topics]


def test_who_changes_topics_too_fast_is_refused(bootstrap, fresh, limit, topic):
    name, prefix = fresh("admin"), fresh("made")
    exceeded = errors.THROTTLING_QUOTA_EXCEEDED
    limit({"client-id": name}, controller_mutation_rate=1)

    def again():
        return WireClient(bootstrap, name)

    with again() as client:  # 11 tokens for 20 partitions: a debt of 9, and no more until it is paid
        throttle_ms, outcome = create(client, [f"{prefix}-a", f"{prefix}-b", f"{prefix}-c"], 10)
        assert outcome == [(0, None), (0, None), (exceeded, None)]
        assert 8000 < throttle_ms <= 9000
    with again() as client:
        answer = client.call(DeleteTopics, 5, topic_names=[topic], timeout_ms=10_000)
        assert [(one.error_code, one.error_message) for one in answer.responses] == [(exceeded, None)]
        assert answer.throttle_time_ms > 0
    with again() as client:
        grow = CreatePartitions.Request.Topics(name=topic, count=5, assignments=None)
        answer = client.call(CreatePartitions, 3, topics=[grow], timeout_ms=10_000)
        assert [(one.error_code, one.error_message) for one in answer.results] == [(exceeded, None)]
    with again() as client:
        automatic = [Metadata.Request.Topics(name=f"{prefix}-auto")]
        assert client.call(Metadata, 9, topics=automatic, allow_auto_topic_creation=True).topics[0].error_code == errors.UNKNOWN_TOPIC_OR_PARTITION
        assert client.call(Metadata, 9, topics=automatic, allow_auto_topic_creation=True).topics[0].error_code == errors.UNKNOWN_TOPIC_OR_PARTITION
    with again() as client:  # an old client would not know the error: it is slowed down instead
        throttle_ms, outcome = create(client, [f"{prefix}-old"], 1, version=5)
        assert outcome == [(0, None)]
        assert throttle_ms > 0


def test_too_many_connections_of_an_address_are_closed(bootstrap, client):
    host, _, port = bootstrap.rpartition(":")
    local = {"ip": "127.0.0.1"}
    assert alter(client, (local, {CONNECTION: 1})) == [(local, 0, None)]
    assert becomes(lambda: describe(client, ("ip", EXACT, "127.0.0.1")), [(local, {CONNECTION: 1})])
    connections = []
    try:
        while len(connections) < 12:
            connections.append(socket.create_connection((host, int(port)), 10))
        assert connections[-1].recv(1) == b""
        connections[0].sendall(bytes.fromhex("0000000a 0012 0000 00000001 ffff"))
        assert connections[0].recv(4)
    finally:
        alter(client, (local, {CONNECTION: None}))
        for connection in connections:
            connection.close()
