"""Faults between clients and a cluster that knows nothing of them."""

import struct
import time

import pytest

from emulator import Emulator
from emulator.pipeline.requests import History
from tests.proxied import proxied
from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import Fetch, Produce
from wire.apis.groups import Heartbeat
from wire.apis.metadata import Metadata
from wire.records import Record, build_batch


@pytest.fixture(scope="module")
def upstream():
    with Emulator(brokers=2, topics=["first:1"]) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def proxy(upstream):
    with proxied(upstream.bootstrap) as proxy:
        yield proxy


@pytest.fixture
def fail(proxy):
    yield lambda api=None, **words: proxy.on_loop(proxy.faults.add, {**words, "api": api})
    proxy.on_loop(proxy.faults.clear)


@pytest.fixture
def topic(upstream):
    """Its two partitions are led by broker 1."""
    name = f"orders-{len(upstream.server.cluster.topics)}"
    upstream.create_topic(name, 2)
    for partition in (0, 1):
        upstream.produce(name, "first", partition=partition)
    return name


def leader_of(upstream, topic):
    return upstream.server.cluster.topics[topic].partitions[0].leader


def address_of(proxy, node_id):
    return f"127.0.0.1:{proxy.fronts[0].nodes['broker', node_id].port}"


@pytest.fixture
def client(proxy, upstream, topic):
    """At the broker that leads partition 0."""
    with WireClient(address_of(proxy, leader_of(upstream, topic))) as client:
        yield client


def produce(client, topic, value=b"x"):
    Data = Produce.Request.TopicData
    batch = build_batch([Record(0, int(time.time() * 1000), None, value)])
    asked = Data(name=topic, partition_data=[Data.PartitionData(index=index, records=batch) for index in (0, 1)])
    answer = client.call(Produce, 9, acks=-1, timeout_ms=5000, topic_data=[asked])
    return {one.index: one.error_code for one in answer.responses[0].partition_responses}


def values(upstream, topic, partition):
    return [record.value for record in upstream.records(topic) if record.partition == partition]


def heartbeat(client):
    return client.call(Heartbeat, 4, group_id="g").error_code


def test_a_refused_partition_does_not_reach_the_broker(upstream, client, topic, fail):
    fault = fail("Produce", topic=topic, partition=0, error="KAFKA_STORAGE_ERROR", times=1)
    assert produce(client, topic)[0] == errors.KAFKA_STORAGE_ERROR
    assert values(upstream, topic, 0) == [b"first"] and fault.hits == 1
    assert produce(client, topic)[0] == 0
    assert values(upstream, topic, 0) == [b"first", b"x"]


def test_a_topic_that_is_named_by_its_id_and_a_session_that_was_there_before(upstream, client, topic, fail):
    topic_id = upstream.server.cluster.topics[topic].topic_id
    Topics = Fetch.Request.Topics

    def fetch(session_id, epoch, *partitions):
        asked = [Topics(topic_id=topic_id, partitions=[Topics.Partitions(partition=one, partition_max_bytes=1000) for one in partitions])] if partitions else []
        answer = client.call(Fetch, 13, max_wait_ms=0, session_id=session_id, session_epoch=epoch, topics=asked)
        return answer, {one.partition_index: one.error_code for found in answer.responses for one in found.partitions}

    before, _ = fetch(0, 0, 0)
    assert before.session_id
    fault = fail("Fetch", topic=topic, partition=0, error="OFFSET_OUT_OF_RANGE")
    assert fetch(before.session_id, 1)[0].error_code == errors.FETCH_SESSION_ID_NOT_FOUND
    answer, seen = fetch(0, 0, 0)
    assert seen == {0: errors.OFFSET_OUT_OF_RANGE} and answer.session_id == 0 and fault.hits == 1


@pytest.mark.parametrize("moment, written", [("before", [b"first"]), ("after", [b"first", b"x"])])
def test_a_connection_is_dropped_before_or_after_the_broker_is_asked(upstream, client, topic, fail, moment, written):
    fail("Produce", topic=topic, drop=moment)
    with pytest.raises(ConnectionError):
        produce(client, topic)
    assert values(upstream, topic, 0) == written


def test_who_is_never_answered_is_forgotten_when_it_leaves(proxy, upstream, topic, fail):
    fault = fail("Heartbeat", hang=True)
    until(lambda: not proxy.connections)
    with WireClient(address_of(proxy, 1)) as client:
        client.send(Heartbeat, 4, group_id="g")
        client.send(Metadata, 9, topics=[])
        client.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.receive_frame()
        assert fault.hits == 1 and len(proxy.connections) == 1
    until(lambda: not proxy.connections)


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_frames_are_made_wrong(proxy, upstream, fail):
    with WireClient(address_of(proxy, 1)) as client:
        fail("Heartbeat", correlation_id=7, times=1)
        number = client.send(Heartbeat, 4, group_id="g")
        assert struct.unpack_from(">i", client.receive_frame())[0] == number + 7
        fail("Heartbeat", torn=6, times=1)
        client.send(Heartbeat, 4, group_id="g")
        with pytest.raises(ConnectionError):
            client.receive_frame()


def test_delays_and_throttling(proxy, upstream, fail):
    with WireClient(address_of(proxy, 1)) as client:
        fail("Heartbeat", delay="50ms", throttle="60ms", times=1)
        began = time.monotonic()
        assert client.call(Heartbeat, 4, group_id="g").throttle_time_ms == 60
        client.call(Heartbeat, 4, group_id="g")
        assert time.monotonic() - began > 0.1


def test_a_client_is_parted_from_one_broker(proxy, upstream, fail):
    with WireClient(address_of(proxy, 1)) as one, WireClient(address_of(proxy, 2)) as two:
        heartbeat(one), heartbeat(two)
        fault = fail(broker=1, unreachable=True, host="127.0.0.1")
        with pytest.raises(ConnectionError):
            heartbeat(one)
        heartbeat(two)
        with WireClient(address_of(proxy, 1)) as again, pytest.raises(ConnectionError):
            heartbeat(again)
        proxy.on_loop(proxy.faults.remove, fault.name)
        with WireClient(address_of(proxy, 1)) as again:
            heartbeat(again)


def test_without_faults_all_passes_as_bytes_again(proxy, upstream, fail):
    with WireClient(address_of(proxy, 1)) as client:
        fault = fail("Heartbeat", error="REBALANCE_IN_PROGRESS")
        assert heartbeat(client) == errors.REBALANCE_IN_PROGRESS
        proxy.on_loop(proxy.faults.remove, fault.name)
        assert heartbeat(client) != errors.REBALANCE_IN_PROGRESS
        assert not any(plan.is_served for plan in proxy.fronts[0].routes.plans.values())


def test_what_clients_ask_is_kept_while_somebody_wants_that(proxy, upstream, topic):
    history = History(2)
    proxy.on_loop(proxy.record_requests, history)
    try:
        with WireClient(proxy.bootstrap, "first") as client, WireClient(address_of(proxy, leader_of(upstream, topic)), "second") as second:
            client.call(Metadata, 9, topics=[Metadata.Request.Topics(name=topic)])
            assert heartbeat(second) != errors.NONE and produce(second, topic)[0] == errors.NONE
            partition = Fetch.Request.Topics.Partitions(partition=0, partition_max_bytes=1 << 20)
            [found] = second.call(Fetch, 11, session_epoch=-1, topics=[Fetch.Request.Topics(topic=topic, partitions=[partition])]).responses
            assert len(found.partitions[0].records) > 60
        kept = [(number, one.broker, one.client_id, one.api, one.outcome) for number, one in history.numbered()]
        assert kept == [(number, leader_of(upstream, topic), "second", api, "answered") for number, api in ((3, "Produce"), (4, "Fetch"))]
        assert topic in proxy.on_loop(proxy.topic_names).values()
    finally:
        proxy.on_loop(proxy.record_requests, None)
    with WireClient(address_of(proxy, 1)) as client:
        heartbeat(client)
        assert not any(plan.is_served for plan in proxy.fronts[0].routes.plans.values())
    assert history.added == 4


def test_from_config_yaml_and_at_the_command_line(serve, run, home, upstream):
    (home / "proxy.yaml").write_text("faults:\n  - api: Heartbeat\n    error: REBALANCE_IN_PROGRESS\n    times: 1\n")
    server = serve("proxy", "--config", "proxy.yaml", "--upstream", upstream.bootstrap, "--listen", "127.0.0.1:0", listen=None)
    with WireClient(server.bootstrap) as client:
        assert heartbeat(client) == errors.REBALANCE_IN_PROGRESS != heartbeat(client)
        assert run("fault", "hit", "fault-1", "1").returncode == 0 and run("fault", "hit", "fault-1", "2").returncode == 2
        assert run("fault", "add", "api=Heartbeat", "error=ILLEGAL_GENERATION").returncode == 0
        assert heartbeat(client) == errors.ILLEGAL_GENERATION
        assert run("fault", "clear").stdout == "2 removed\n"
        assert run("requests", "--keep", "10").returncode == 0
        assert heartbeat(client) not in (errors.ILLEGAL_GENERATION, errors.REBALANCE_IN_PROGRESS)
        assert " Heartbeat v" in run("requests").stdout
