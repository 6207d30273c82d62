"""Faults, one by one, as a client sees them."""

import struct
import time

import pytest

from emulator import Emulator
from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import Fetch, ListOffsets, Produce
from wire.apis.groups import Heartbeat, OffsetCommit, OffsetFetch
from wire.apis.metadata import ApiVersions, FindCoordinator, Metadata
from wire.apis.topics import CreateTopics, DeleteTopics, ElectLeaders
from wire.apis.transactions import AddPartitionsToTxn, InitProducerId
from wire.records import Record, build_batch, crc32c, iter_records
from wire.types import Malformed


@pytest.fixture(scope="module")
def kafka():
    with Emulator(seed=1, requests=0) as kafka:
        yield kafka


@pytest.fixture
def server(kafka):
    return kafka.server


@pytest.fixture
def client(kafka):
    with WireClient(kafka.bootstrap) as client:
        yield client
        kafka.clear_faults()


@pytest.fixture
def topic(kafka, client):
    name = f"orders-{len(kafka.server.cluster.topics)}"
    kafka.create_topic(name, 3)
    return name


@pytest.fixture
def fail(kafka, client):
    return kafka.fail


def batch(value=b"x"):
    return build_batch([Record(0, int(time.time() * 1000), None, value)])


def produce(client, topic, *partitions, acks=1, version=9, value=b"x"):
    """{partition: error code}, None with acks=0."""
    Data = Produce.Request.TopicData
    request = dict(acks=acks, timeout_ms=1000, topic_data=[
        Data(name=topic, partition_data=[Data.PartitionData(index=index, records=batch(value)) for index in partitions])
    ])  # fmt: skip
    if not acks:
        client.send(Produce, version, **request)
        return None
    answer = client.call(Produce, version, **request)
    return {one.index: one.error_code for one in answer.responses[0].partition_responses}


def fetch(client, topic, *partitions, version=12, offset=0, **fields):
    Topics = Fetch.Request.Topics
    asked = [Topics.Partitions(partition=index, fetch_offset=offset, partition_max_bytes=100_000) for index in partitions]
    fields = {"max_wait_ms": 0, "min_bytes": 1, **fields}
    return client.call(Fetch, version, topics=[Topics(topic=topic, partitions=asked)] if asked else [], **fields)


def answered(response):
    return {one.partition_index: one for topic in response.responses for one in topic.partitions}


def values(answer):
    return [record.value for record in iter_records(b"".join([bytes(answer.records)]))]


def ends(client, topic, *partitions):
    Topics = ListOffsets.Request.Topics
    asked = [Topics.Partitions(partition_index=index, timestamp=-1) for index in partitions]
    answer = client.call(ListOffsets, 6, replica_id=-1, topics=[Topics(name=topic, partitions=asked)])
    return [one.offset for one in answer.topics[0].partitions]


# -- refusing ----------------------------------------------------------------------------------------


def test_a_refused_partition_is_not_written_and_the_others_are(client, topic, fail):
    fault = fail("Produce", topic=topic, partition=1, error="NOT_LEADER_OR_FOLLOWER")
    assert produce(client, topic, 0, 1, 2) == {0: 0, 1: errors.NOT_LEADER_OR_FOLLOWER, 2: 0}
    assert ends(client, topic, 0, 1, 2) == [1, 0, 1]
    assert (fault.hits, fault.calls) == (1, 1)


def test_a_refused_answer_has_the_shape_that_kafka_gives_it(client, topic, fail):
    fail("Produce", topic=topic, error="KAFKA_STORAGE_ERROR", message="the disk is full")
    Data = Produce.Request.TopicData
    answer = client.call(Produce, 9, acks=1, topic_data=[Data(name=topic, partition_data=[Data.PartitionData(index=0, records=batch())])])
    (one,) = answer.responses[0].partition_responses
    assert (one.base_offset, one.log_append_time_ms, one.log_start_offset) == (-1, -1, -1)
    assert one.error_message == "the disk is full"


def test_acks_0_has_no_answer_and_loses_its_connection(kafka, client, topic, fail):
    fail("Produce", topic=topic, partition=1, error="NOT_LEADER_OR_FOLLOWER")
    produce(client, topic, 0, 1, acks=0)
    with pytest.raises(ConnectionError):
        client.receive_frame()
    with WireClient(kafka.bootstrap) as another:
        assert ends(another, topic, 0, 1) == [1, 0]


def test_a_session_goes_on_and_has_the_error_in_each_answer_until_it_ends(client, topic, fail):
    first = fetch(client, topic, 0, 1, session_epoch=0)
    assert first.session_id and set(answered(first)) == {0, 1}
    fail("Fetch", topic=topic, partition=1, error="NOT_LEADER_OR_FOLLOWER", times=2)
    seen = [answered(fetch(client, topic, session_id=first.session_id, session_epoch=epoch, max_wait_ms=0)) for epoch in (1, 2, 3, 4)]
    assert [{index: one.error_code for index, one in answer.items()} for answer in seen] == [
        {1: errors.NOT_LEADER_OR_FOLLOWER}, {1: errors.NOT_LEADER_OR_FOLLOWER}, {1: 0}, {},
    ]  # fmt: skip
    refused = seen[0][1]
    assert (refused.high_watermark, refused.last_stable_offset, refused.log_start_offset, bytes(refused.records)) == (-1, -1, -1, b"")


def test_a_refused_fetch_does_not_wait(client, topic, fail):
    fail("Fetch", topic=topic, partition=0, error="OFFSET_OUT_OF_RANGE")
    began = time.monotonic()
    assert answered(fetch(client, topic, 0, 1, max_wait_ms=9000))[0].error_code == errors.OFFSET_OUT_OF_RANGE
    assert time.monotonic() - began < 5


def test_a_transaction_takes_all_partitions_or_none(client, topic, fail):
    client.call(FindCoordinator, 3, key=topic, key_type=1)
    producer = client.call(InitProducerId, 4, transactional_id=topic, transaction_timeout_ms=60_000)
    fail("AddPartitionsToTxn", transaction=topic, partition=1, error="TOPIC_AUTHORIZATION_FAILED", times=1)

    def add():
        Topics = AddPartitionsToTxn.Request.V3AndBelowTopics
        answer = client.call(
            AddPartitionsToTxn, 3, v3_and_below_transactional_id=topic, v3_and_below_producer_id=producer.producer_id,
            v3_and_below_producer_epoch=producer.producer_epoch, v3_and_below_topics=[Topics(name=topic, partitions=[0, 1])],
        )  # fmt: skip
        return [one.partition_error_code for one in answer.results_by_topic_v3_and_below[0].results_by_partition]

    assert add() == [errors.OPERATION_NOT_ATTEMPTED, errors.TOPIC_AUTHORIZATION_FAILED]
    assert add() == [0, 0]


def test_all_that_is_refused_needs_no_handler_but_who_asks_for_metadata_learns_of_the_brokers(client, topic, fail):
    fail("Metadata", topic="*", error="UNKNOWN_TOPIC_OR_PARTITION")
    for version in (0, 5, 12):
        answer = client.call(Metadata, version, topics=[Metadata.Request.Topics(name=topic), Metadata.Request.Topics(name="nobody")])
        assert [(one.name, one.error_code) for one in answer.topics] == [(topic, 3), ("nobody", 3)] and answer.brokers
    client_of_all = client.call(Metadata, 12, topics=None)
    assert {one.error_code for one in client_of_all.topics} == {3}


def test_what_is_deleted_by_its_id_is_refused_by_its_name(server, client, topic, fail):
    fail("DeleteTopics", topic=topic, error="POLICY_VIOLATION")
    Topics = DeleteTopics.Request.Topics
    answer = client.call(DeleteTopics, 6, topics=[Topics(topic_id=server.cluster.topics[topic].topic_id)], timeout_ms=1000)
    assert [(one.name, one.error_code) for one in answer.responses] == [(topic, errors.POLICY_VIOLATION)]
    assert topic in server.cluster.topics


def test_errors_stand_where_kafka_puts_them_unless_it_is_said_where(client, topic, fail):
    fail("OffsetFetch", error="COORDINATOR_NOT_AVAILABLE", times=1)
    Groups = OffsetFetch.Request.Groups
    asked = dict(groups=[Groups(group_id="g", topics=[Groups.Topics(name=topic, partition_indexes=[0])])])
    assert client.call(OffsetFetch, 8, **asked).groups[0].error_code == errors.COORDINATOR_NOT_AVAILABLE
    fail("OffsetFetch", error="UNKNOWN_TOPIC_OR_PARTITION", times=1)
    (group,) = client.call(OffsetFetch, 8, **asked).groups
    assert (group.error_code, group.topics[0].partitions[0].error_code) == (0, 3)
    fail("OffsetFetch", error="UNKNOWN_TOPIC_OR_PARTITION", level="group", times=1)
    assert client.call(OffsetFetch, 8, **asked).groups[0].error_code == 3
    fail("FindCoordinator", coordinator="g", error="COORDINATOR_NOT_AVAILABLE")
    assert client.call(FindCoordinator, 3, key="g").error_code == errors.COORDINATOR_NOT_AVAILABLE
    assert [one.error_code for one in client.call(FindCoordinator, 4, coordinator_keys=["g", "h"]).coordinators] == [15, 0]


def test_an_api_versions_request_is_refused_in_version_0(client, fail):
    fail("ApiVersions", versions="1+", error="UNSUPPORTED_VERSION")
    client.send(ApiVersions, 3)
    body = client.receive_frame()
    response, end = ApiVersions.parse_response(0)(body, 4)
    assert response.error_code == errors.UNSUPPORTED_VERSION and end == len(body)
    assert [(one.api_key, one.max_version) for one in response.api_keys] == [(18, 4)]
    assert client.call(ApiVersions, 0).error_code == 0


# -- when --------------------------------------------------------------------------------------------


def hits(client, asks=6):
    return [client.call(Heartbeat, 4, group_id="g").error_code == errors.REBALANCE_IN_PROGRESS for _ in range(asks)]


@pytest.mark.parametrize("words, struck", [
    ({}, [1, 1, 1, 1, 1, 1]),
    ({"times": 2}, [1, 1, 0, 0, 0, 0]),
    ({"skip": 2}, [0, 0, 1, 1, 1, 1]),
    ({"skip": 1, "times": 2}, [0, 1, 1, 0, 0, 0]),
    ({"nth": 4}, [0, 0, 0, 1, 0, 0]),
    ({"after_calls": "Heartbeat:3"}, [0, 0, 1, 1, 1, 1]),
    ({"group": "other"}, [0, 0, 0, 0, 0, 0]),
    ({"group": "g*"}, [1, 1, 1, 1, 1, 1]),
    ({"client": "wire-client"}, [1, 1, 1, 1, 1, 1]),
    ({"client": "another"}, [0, 0, 0, 0, 0, 0]),
    ({"principal": "User:ANONYMOUS", "host": "127.0.0.*", "broker": 1}, [1, 1, 1, 1, 1, 1]),
    ({"principal": "User:alice"}, [0, 0, 0, 0, 0, 0]),
    ({"versions": "0-3"}, [0, 0, 0, 0, 0, 0]),
    ({"versions": "4+"}, [1, 1, 1, 1, 1, 1]),
    ({"until": "1970-01-02"}, [0, 0, 0, 0, 0, 0]),
    ({"since": "1h"}, [0, 0, 0, 0, 0, 0]),
    ({"since": "2020-01-01T00:00:00Z", "until": "1h"}, [1, 1, 1, 1, 1, 1]),
])  # fmt: skip
def test_a_fault_happens_when_it_is_said_to(client, fail, words, struck):
    fault = fail("Heartbeat", error="REBALANCE_IN_PROGRESS", **words)
    assert hits(client) == [bool(one) for one in struck]
    assert fault.hits == sum(struck)


def test_a_fault_waits_for_another(client, fail):
    fail("Heartbeat", name="first", error="REBALANCE_IN_PROGRESS", nth=2)
    fail("Heartbeat", error="REBALANCE_IN_PROGRESS", after_fault="first")
    assert hits(client) == [False, True, True, True, True, True]


def test_chance_comes_again_with_its_seed(client, fail):
    def seen(**words):
        fault = fail("Heartbeat", error="REBALANCE_IN_PROGRESS", probability=0.5, **words)
        found = hits(client, 40)
        fault.remove()
        return found

    assert seen(seed=7) == seen(seed=7) != seen(seed=8)
    assert seen(name="this") == seen(name="this") and 5 < sum(seen(name="that")) < 35


def test_a_spent_fault_is_in_nobodys_way(server, client, fail):
    fault = fail("Heartbeat", error="REBALANCE_IN_PROGRESS", times=1)
    assert hits(client, 2) == [True, False]
    dispatcher = server.brokers[1].dispatcher
    assert dispatcher._routes[Heartbeat.key, 4].handle is dispatcher._bound[Heartbeat.key]
    fault.assert_hit(1)


# -- then --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment, written", [("before", 0), ("after", 1)])
def test_a_connection_is_dropped_before_or_after_it_is_applied(kafka, client, topic, fail, moment, written):
    fail("Produce", topic=topic, drop=moment, times=1)
    with pytest.raises(ConnectionError):
        produce(client, topic, 0)
    with WireClient(kafka.bootstrap) as another:
        assert ends(another, topic, 0) == [written]


@pytest.mark.parametrize("moment, written", [("before", 0), ("after", 1)])
def test_who_is_never_answered_is_forgotten_when_it_leaves(kafka, server, topic, fail, moment, written):
    fail("Produce", topic=topic, hang=moment)
    clients = [WireClient(kafka.bootstrap) for _ in range(20)]
    for one in clients:
        one.send(Produce, 9, acks=1, timeout_ms=1000, topic_data=[
            Produce.Request.TopicData(name=topic, partition_data=[Produce.Request.TopicData.PartitionData(index=0, records=batch())])
        ])  # fmt: skip
        one.send(Metadata, 9, topics=[])  # which waits behind it, and must not hide that the client leaves
    with WireClient(kafka.bootstrap) as another:
        deadline = time.monotonic() + 10
        while ends(another, topic, 0) != [20 * written] and time.monotonic() < deadline:
            pass
        assert ends(another, topic, 0) == [20 * written]
        for one in clients:
            one.socket.settimeout(0.001)
            with pytest.raises(TimeoutError):
                one.receive_frame()
            one.socket.close()
        while len(server.connections) > 2 and time.monotonic() < deadline:
            another.call(Metadata, 9, topics=[])
    assert len(server.connections) <= 2  # the fixture's and this one


def test_delays_come_before_or_after_and_add_up(client, topic, fail):
    fail("Produce", topic=topic, delay="40ms", jitter="10ms")
    fail("Produce", topic=topic, delay_answer="40ms")
    began = time.monotonic()
    assert produce(client, topic, 0) == {0: 0}
    assert time.monotonic() - began >= 0.08


def test_a_delayed_refusal_is_delayed(client, topic, fail):
    fail("Produce", topic=topic, partition=0, error="NOT_LEADER_OR_FOLLOWER", delay="60ms")
    began = time.monotonic()
    assert produce(client, topic, 0) == {0: errors.NOT_LEADER_OR_FOLLOWER}
    assert time.monotonic() - began >= 0.06


def test_a_throttled_client_is_told_and_then_not_heard(client, topic, fail):
    fail("Produce", topic=topic, throttle="80ms", times=1)
    Data = Produce.Request.TopicData
    began = time.monotonic()
    answer = client.call(Produce, 9, acks=1, topic_data=[Data(name=topic, partition_data=[Data.PartitionData(index=0, records=batch())])])
    told = time.monotonic()
    assert answer.throttle_time_ms == 80
    client.call(Heartbeat, 4, group_id="g")
    assert time.monotonic() - began >= 0.07 and told - began < 0.07


def test_a_torn_frame_ends_its_connection(client, fail):
    fail("Heartbeat", torn=6)
    sent = client.send(Heartbeat, 4, group_id="g")
    data = client._read(6)
    assert struct.unpack(">i", data[:4])[0] == 12 and data[4:] == sent.to_bytes(4, "big")[:2]
    with pytest.raises(ConnectionError):
        client._read(1)


def test_a_truncated_frame_is_too_short_for_what_it_should_hold(client, fail):
    fail("Heartbeat", truncated=3, times=1)
    client.send(Heartbeat, 4, group_id="g")
    body = client.receive_frame()
    with pytest.raises(Malformed):
        Heartbeat.parse_response(4)(body, 5)
    client.call(Heartbeat, 4, group_id="g")


def test_a_wrong_correlation_id(client, fail):
    fail("Heartbeat", correlation_id=5, times=1)
    sent = client.send(Heartbeat, 4, group_id="g")
    assert int.from_bytes(client.receive_frame()[:4], "big") == sent + 5


def test_a_checksum_is_wrong_and_the_log_is_not(client, topic, fail):
    produce(client, topic, 0, 1)
    fault = fail("Fetch", topic=topic, partition=0, corrupt_crc=True, times=1)
    answers = answered(fetch(client, topic, 0, 1))

    def is_sound(answer):
        data = bytes(answer.records)
        return int.from_bytes(data[17:21], "big") == crc32c(data[21:])

    assert (is_sound(answers[0]), is_sound(answers[1])) == (False, True)
    assert is_sound(answered(fetch(client, topic, 0))[0]) and fault.hits == 1


def test_data_comes_twice_or_late(client, topic, fail):
    for value in (b"a", b"b", b"c"):
        produce(client, topic, 0, value=value)
    fault = fail("Fetch", topic=topic, duplicate=True, times=1)
    fetch(client, topic, 1)
    assert not fault.hits, "nothing was brought"
    assert values(answered(fetch(client, topic, 0))[0]) == [b"a", b"b", b"c"] * 2
    fail("Fetch", topic=topic, stale=2)
    answer = answered(fetch(client, topic, 0))[0]
    assert (values(answer), answer.high_watermark) == ([b"a"], 1)
    began = time.monotonic()
    answer = answered(fetch(client, topic, 0, offset=1, max_wait_ms=50))[0]
    assert (values(answer), answer.high_watermark) == ([], 1) and time.monotonic() - began >= 0.04


def test_a_line_carries_so_many_bytes_in_a_second(client, topic, fail):
    produce(client, topic, 0, value=bytes(10_000))
    fail("Fetch", topic=topic, bandwidth="100KB")
    began = time.monotonic()
    fetch(client, topic, 0)
    assert 0.09 <= time.monotonic() - began < 5


def test_a_client_that_cannot_reach_a_broker_is_reset(kafka, client, fail):
    with WireClient(kafka.bootstrap, "cut-off") as before:
        before.call(Metadata, 9, topics=[])
        fault = fail(client="cut-off", unreachable=True)
        with pytest.raises(ConnectionResetError):
            before.receive_frame()
        assert fault.hits == 1
        with WireClient(kafka.bootstrap, "cut-off") as again, pytest.raises(ConnectionResetError):
            again.call(Metadata, 9, topics=[])
    client.call(Metadata, 9, topics=[])
    kafka.clear_faults()
    with WireClient(kafka.bootstrap, "cut-off") as healed:
        healed.call(Metadata, 9, topics=[])


def test_a_broker_whose_clock_is_wrong_stamps_by_it(client, fail, fresh_stamped):
    name, stamps = fresh_stamped
    produce(client, name, 0)
    fail("Produce", topic=name, clock_skew="-1d")
    produce(client, name, 0)
    first, second = stamps(client)
    assert 86_400_000 - 60_000 < first - second < 86_400_000 + 60_000


@pytest.fixture
def fresh_stamped(client):
    name = f"stamped-{time.monotonic_ns()}"
    Topics = CreateTopics.Request.Topics
    configs = [Topics.Configs(name="message.timestamp.type", value="LogAppendTime")]
    client.call(CreateTopics, 7, topics=[Topics(name=name, num_partitions=1, replication_factor=1, configs=configs)])
    return name, lambda client: [record.timestamp for record in iter_records(bytes(answered(fetch(client, name, 0))[0].records))]


def test_the_first_fault_that_ends_a_request_ends_it_and_each_partition_has_the_first_that_refuses_it(client, topic, fail):
    one = fail("Produce", topic=topic, partition="0-1", error="NOT_LEADER_OR_FOLLOWER")
    other = fail("Produce", topic=topic, partition="1-2", error="KAFKA_STORAGE_ERROR")
    assert produce(client, topic, 0, 1, 2) == {0: 6, 1: 6, 2: 56}
    assert produce(client, topic, 2) == {2: 56}
    assert (one.hits, other.hits) == (1, 2)


def test_an_offset_that_is_refused_is_not_committed(client, topic, fail):
    fail("OffsetCommit", topic=topic, partition=1, error="UNKNOWN_TOPIC_OR_PARTITION", times=1)
    Topics = OffsetCommit.Request.Topics
    asked = [Topics.Partitions(partition_index=index, committed_offset=0, committed_metadata="") for index in (0, 1)]
    answer = client.call(OffsetCommit, 8, group_id=topic, topics=[Topics(name=topic, partitions=asked)])
    assert [one.error_code for one in answer.topics[0].partitions] == [0, 3]
    answer = client.call(OffsetFetch, 5, group_id=topic, topics=[OffsetFetch.Request.Topics(name=topic, partition_indexes=[0, 1])])
    assert [one.committed_offset for one in answer.topics[0].partitions] == [0, -1]


def test_an_overtaken_fault_knows_of_the_request_and_is_not_hit(client, topic, fail):
    first = fail("Produce", topic=topic, error="NOT_LEADER_OR_FOLLOWER", times=1)
    second = fail("Produce", topic=topic, error="KAFKA_STORAGE_ERROR", nth=2)
    third = fail("Heartbeat", error="REBALANCE_IN_PROGRESS", times=1)
    fourth = fail("Heartbeat", error="FENCED_INSTANCE_ID", times=1)
    assert [produce(client, topic, 0) for _ in range(3)] == [{0: 6}, {0: 56}, {0: 0}]
    assert [client.call(Heartbeat, 4, group_id="g").error_code for _ in range(2)] == [27, 82]
    assert [(one.hits, one.calls) for one in (first, second, third, fourth)] == [(1, 1), (1, 2), (1, 1), (1, 2)]


def test_who_elects_leaders_everywhere_elects_none_where_it_is_refused(fail):
    with Emulator(brokers=2, topics=["orders:4"], config={"default.replication.factor": 2}) as kafka, WireClient(kafka.brokers[1].address) as client:
        kafka.kill_broker(2)
        kafka.brokers[2].start()
        led = [one.index for one in kafka.server.cluster.topics["orders"].partitions if one.replicas[0] == 2]
        assert len(led) == 2
        partitions = kafka.server.cluster.topics["orders"].partitions
        deadline = time.monotonic() + 10
        while not all(2 in one.isr for one in partitions) and time.monotonic() < deadline:
            client.call(Metadata, 9, topics=[])
        kafka.fail("ElectLeaders", topic="orders", partition=led[0], error="NOT_CONTROLLER")
        answer = client.call(ElectLeaders, 2, election_type=0, topic_partitions=None, timeout_ms=5000)
        results = {(topic.topic, one.partition_id): one.error_code for topic in answer.replica_election_results for one in topic.partition_result}
        assert results == {("orders", led[0]): errors.NOT_CONTROLLER, ("orders", led[1]): 0}
        assert [kafka.server.cluster.topics["orders"].partitions[index].leader for index in led] == [1, 2]
