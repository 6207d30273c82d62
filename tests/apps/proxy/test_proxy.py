"""A proxy before the emulator: what clients are told, what passes, in what order, and what does not."""

import socket
import struct
import time

import pytest

from emulator.pipeline import layers
from tests.in_thread import serving
from tests.proxied import proxied
from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import Fetch, ListOffsets, Produce
from wire.apis.groups import JoinGroup
from wire.apis.metadata import ApiVersions, DescribeCluster, FindCoordinator, Metadata
from wire.apis.sasl import SaslHandshake
from wire.records.build import build_batch
from wire.records.record import Record

SOFTWARE = {"client_software_name": "test", "client_software_version": "1"}


@pytest.fixture(scope="module")
def upstream():
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(upstream):
    with proxied(upstream.bootstrap) as server:
        yield server


@pytest.fixture
def client(proxy):
    with WireClient(proxy.bootstrap) as client:
        yield client


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


def batch(values):
    return build_batch([Record(None, 1, None, value) for value in values])


def port_of(proxy, node_id=1):
    return proxy.fronts[0].nodes["broker", node_id].port


def produce(topic, value, acks=-1):
    data = Produce.Request.TopicData(name=topic, partition_data=[Produce.Request.TopicData.PartitionData(index=0, records=value)])
    return {"acks": acks, "timeout_ms": 5000, "topic_data": [data]}


def end_of(client, topic):
    Topics = ListOffsets.Request.Topics
    asked = Topics(name=topic, partitions=[Topics.Partitions(partition_index=0, current_leader_epoch=-1, timestamp=-1)])
    return client.call(ListOffsets, 5, replica_id=-1, topics=[asked]).topics[0].partitions[0].offset


def fetch(topic, offset=0, max_wait_ms=0, max_bytes=1 << 20):
    partition = Fetch.Request.Topics.Partitions(partition=0, fetch_offset=offset, partition_max_bytes=max_bytes)
    return {"max_wait_ms": max_wait_ms, "min_bytes": 1, "session_epoch": -1, "topics": [Fetch.Request.Topics(topic=topic, partitions=[partition])]}


def test_clients_learn_no_other_address(proxy, upstream, client):
    here = ("127.0.0.1", port_of(proxy))
    assert here[1] not in (proxy.fronts[0].port, int(upstream.bootstrap.split(":")[1]))
    for version in Metadata.versions:
        assert [(one.host, one.port) for one in client.call(Metadata, version, topics=[]).brokers] == [here]
    for version in DescribeCluster.versions:
        assert [(one.host, one.port) for one in client.call(DescribeCluster, version).brokers] == [here]
    client.call(FindCoordinator, 0, key="makes the topic")
    for version in range(4):
        answer = client.call(FindCoordinator, version, key="g")
        assert (answer.error_code, answer.host, answer.port) == (errors.NONE, *here)
    for version in range(4, 7):
        [found] = client.call(FindCoordinator, version, coordinator_keys=["g"]).coordinators
        assert (found.host, found.port) == here


def test_the_address_of_a_broker_leads_to_it(proxy):
    with WireClient(f"127.0.0.1:{port_of(proxy)}") as client:
        client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="there")])
        assert client.call(Produce, 9, **produce("there", batch([b"x"]))).responses[0].partition_responses[0].error_code == errors.NONE
        fetched = client.call(Fetch, 12, **fetch("there"))
        assert bytes(fetched.responses[0].partitions[0].records)[61:].endswith(b"x\0")


@pytest.mark.parametrize("version", ApiVersions.versions)
def test_versions_are_those_that_both_sides_speak(proxy, upstream, client, version):
    answer = client.call(ApiVersions, version, **SOFTWARE)
    with WireClient(upstream.bootstrap) as direct:
        theirs = direct.call(ApiVersions, version, **SOFTWARE)
    hidden = [one for one in theirs.api_keys if one not in answer.api_keys]
    assert [(one.api_key, one.min_version) for one in hidden] == [(SaslHandshake.key, 0)] * len(hidden)
    assert answer.finalized_features == theirs.finalized_features and answer.supported_features == theirs.supported_features
    assert client.call(ApiVersions, version, **SOFTWARE) == answer  # again, from what is kept


def test_a_later_version_of_api_versions_is_answered_in_version_0(client):
    client.send(ApiVersions, 0)
    client.socket.sendall(struct.pack(">ihhih", 10, ApiVersions.key, 99, 7, -1))
    client.receive(ApiVersions, 0, 1)
    answer, _ = ApiVersions.parse_response(0)(client.receive_frame(), 4)
    assert answer.error_code == errors.UNSUPPORTED_VERSION
    assert [(one.api_key, one.min_version, one.max_version) for one in answer.api_keys] == [(18, 0, 4)]
    assert client.call(ApiVersions, 0).error_code == errors.NONE


def test_pipelined_requests_are_answered_in_order(client):
    asked = [(ApiVersions, 3, SOFTWARE), (Metadata, 9, {"topics": []}), (FindCoordinator, 3, {"key": "g"})] * 700  # more than may be under way
    ids = [client.send(api, version, **fields) for api, version, fields in asked]
    for (api, version, _), correlation_id in zip(asked, ids):
        client.receive(api, version, correlation_id)


def test_produce_with_acks_0_gets_no_answer_and_the_next_its_own(client):
    client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="silent")])
    for version in Produce.versions:
        if version < 13:  # which names topics by their ids
            client.send(Produce, version, **produce("silent", batch([b"x"]), acks=0))
            assert client.call(ApiVersions, 0).error_code == errors.NONE
    until(lambda: end_of(client, "silent") == 10)


def test_a_request_may_come_byte_by_byte(client):
    client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="bytes")])
    frame = client.frame(Produce, 9, Produce.Request(**produce("bytes", batch([b"x"] * 3)))) + client.frame(ApiVersions, 0, ApiVersions.Request())
    for index in range(len(frame)):
        client.socket.sendall(frame[index : index + 1])
    client.receive(Produce, 9, 2)
    client.receive(ApiVersions, 0, 3)
    assert end_of(client, "bytes") == 3


def test_large_batches_pass_both_ways(client):
    client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="large")])
    made = batch([bytes([index % 256]) * 9000 for index in range(100)])
    for _ in range(5):
        assert client.call(Produce, 9, **produce("large", made)).responses[0].partition_responses[0].error_code == errors.NONE
    topic_id = client.call(Metadata, 12, topics=[Metadata.Request.Topics(name="large")]).topics[0].topic_id
    asked = fetch("large", max_bytes=1 << 30)
    for version in (4, 11, 12, 13, 16, 18):
        if version >= 13:
            asked["topics"][0].topic_id = topic_id
        fetched = client.call(Fetch, version, **asked).responses[0].partitions[0]
        assert (fetched.error_code, len(fetched.records)) == (errors.NONE, 5 * len(made))
        assert bytes(fetched.records)[61 : len(made)] == made[61:]


def test_a_client_that_reads_slowly_is_waited_for_and_holds_up_nobody(proxy, client):
    """While it does not read, the proxy keeps a read's worth of what the broker would say."""
    with WireClient(proxy.bootstrap) as slow:
        slow.call(Metadata, 9, topics=[Metadata.Request.Topics(name="slow")])
        slow.call(Produce, 9, **produce("slow", batch([bytes(900_000)])))
        ids = [slow.send(Fetch, 11, **fetch("slow", max_bytes=1 << 30)) for _ in range(60)]  # 54 MB
        kept = lambda: max((pair.answers.kept for pair in proxy.connections if pair.answers), default=0)  # noqa: E731
        until(lambda: proxy.on_loop(kept))
        assert client.call(ApiVersions, 0).error_code == errors.NONE
        assert proxy.on_loop(kept) <= 1 << 20
        for correlation_id in ids:
            assert len(slow.receive(Fetch, 11, correlation_id).responses[0].partitions[0].records) > 900_000


def test_who_has_closed_its_half_is_still_answered(client):
    ids = [client.send(ApiVersions, 3, **SOFTWARE) for _ in range(20)]
    client.socket.shutdown(socket.SHUT_WR)
    for correlation_id in ids:
        client.receive(ApiVersions, 3, correlation_id)
    assert client.socket.recv(1) == b""


def test_a_client_that_leaves_takes_its_connection_to_the_broker_along(proxy, upstream):
    with WireClient(proxy.bootstrap) as client:
        client.call(ApiVersions, 0)
        until(lambda: proxy.connections)
    until(lambda: not proxy.connections)
    until(lambda: len(upstream.connections) <= 1)  # the proxy's own


def test_who_says_nothing_costs_the_broker_nothing(proxy, upstream):
    before = len(upstream.connections)
    with WireClient(proxy.bootstrap), WireClient(proxy.bootstrap):
        until(lambda: len(proxy.connections) == 2)
        assert len(upstream.connections) <= before  # of those before some may still be leaving
    until(lambda: not proxy.connections)


@pytest.mark.parametrize("data", [
    struct.pack(">i", -1) + bytes(8),
    struct.pack(">ihhi", 9, 18, 0, 0),  # no room for a client id
    struct.pack(">i", 104857601) + bytes(8),
    struct.pack(">ihhih", 10, 4711, 0, 1, -1),  # no such API
    struct.pack(">ihhih", 10, Metadata.key, 99, 1, -1),  # no such version
    struct.pack(">ihhih", 10, Produce.key, 2, 1, -1),
    struct.pack(">ihhihh", 12, SaslHandshake.key, 0, 1, -1, 0),
    struct.pack(">ihhihh", 12, Produce.key, 9, 1, -1, 0),  # cut short before its acks
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # a TLS client
])  # fmt: skip
def test_what_is_no_request_ends_the_connection_once_what_was_asked_before_is_answered(proxy, client, data):
    with WireClient(proxy.bootstrap) as hostile:
        hostile.socket.sendall(hostile.frame(ApiVersions, 0, ApiVersions.Request()) + data)
        hostile.receive(ApiVersions, 0, 1)
        assert hostile.socket.recv(1) == b""
    assert client.call(ApiVersions, 0).error_code == errors.NONE


# -- layers ---------------------------------------------------------------------------------------


class Layer:
    """Sees what it wants, and answers what `answer(request, call, handle)` gives."""

    order = layers.RULES

    def __init__(self, api, answer):
        self.api, self.answer = api, answer

    def wants(self, api, version):
        return api is self.api

    def wrap(self, route):
        handle = route.handle
        route.handle = lambda request, call: self.answer(request, call, handle)


@pytest.fixture
def layer(proxy):
    added = []

    def add(api, answer):
        added.append(Layer(api, answer))
        proxy.on_loop(proxy.add_layer, added[-1])

    yield add
    for one in added:
        proxy.on_loop(proxy.remove_layer, one)


def test_a_layer_sees_requests_and_answers_and_may_change_both(client, layer):
    seen = []

    def answer(request, call, handle):
        seen.append((call.client_id, call.version, [one.name for one in request.topics]))
        request.topics = []
        response = handle(request, call)
        response.cluster_id = "another"
        return response

    layer(Metadata, answer)
    told = client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="t")])
    assert (told.cluster_id, told.topics) == ("another", []) and told.brokers[0].host == "127.0.0.1"
    assert seen == [("wire-client", 9, ["t"])]


def test_an_answer_of_a_layer_comes_after_those_to_what_was_asked_before(client, layer):
    client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="poll")])
    layer(FindCoordinator, lambda request, call, handle: FindCoordinator.reply(error_code=errors.CLUSTER_AUTHORIZATION_FAILED))
    first = client.send(Fetch, 11, **fetch("poll", max_wait_ms=150))
    ids = [client.send(FindCoordinator, 2, key="g"), client.send(ApiVersions, 0), client.send(FindCoordinator, 2, key="h")]
    client.receive(Fetch, 11, first)
    assert client.receive(FindCoordinator, 2, ids[0]).error_code == errors.CLUSTER_AUTHORIZATION_FAILED
    assert client.receive(ApiVersions, 0, ids[1]).error_code == errors.NONE
    assert client.receive(FindCoordinator, 2, ids[2]).error_code == errors.CLUSTER_AUTHORIZATION_FAILED


@pytest.mark.parametrize("version", [3, 9, 12])
def test_layers_around_large_requests_and_silent_ones(client, layer, version):
    name = f"layered-{version}"
    client.call(Metadata, 9, topics=[Metadata.Request.Topics(name=name)])
    sizes = []

    def answer(request, call, handle):
        sizes.append(len(request.topic_data[0].partition_data[0].records))
        return handle(request, call)

    layer(Produce, answer)
    made = batch([bytes(700_000)])
    client.send(Produce, version, **produce(name, made, acks=0))
    client.call(Produce, version, **produce(name, made))
    assert sizes == [len(made)] * 2
    assert end_of(client, name) == 2


def test_a_layer_may_wait_and_the_client_leave_meanwhile(proxy, layer):
    waiting = []

    def answer(request, call, handle):
        waiting.append(call.pending())
        waiting[-1].wait(call.patience.now() + 600_000)
        return handle(request, call)

    layer(JoinGroup, answer)
    with WireClient(proxy.bootstrap) as client:
        client.send(JoinGroup, 5, group_id="g", session_timeout_ms=6000, rebalance_timeout_ms=6000, protocol_type="consumer", protocols=[])
        until(lambda: waiting)
    until(lambda: not proxy.connections)
