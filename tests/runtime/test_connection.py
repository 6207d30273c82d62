"""Frames and connections: what a client may send, in what pieces, and what it gets for it."""

import socket
import struct
import time

import pytest

from tests.api.conftest import TOKENS
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import Fetch
from wire.apis.metadata import ApiVersions, Metadata

SOFTWARE = {"client_software_name": "test", "client_software_version": "1"}


@pytest.fixture(scope="module")
def server():
    with serving() as server:
        yield server


@pytest.fixture
def client(server):
    with WireClient(server.bootstrap) as client:
        yield client


def closed(sock):
    """Whether the server ends the connection (without a byte)."""
    sock.settimeout(10)
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def raw(server, data):
    host, port = server.bootstrap.split(":")
    sock = socket.create_connection((host, int(port)), 10)
    sock.sendall(data)
    return sock


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


@pytest.fixture
def taken(monkeypatch):
    """taken(server) -> the sizes of the buffers that it takes from now on."""

    def taken(server):
        frames, sizes = server.brokers[1].frames, []
        take = frames.take
        monkeypatch.setattr(frames, "take", lambda size: sizes.append(size) or take(size))
        return sizes

    return taken


def test_a_length_alone_is_given_little_memory(server, taken):
    sizes = taken(server)
    with raw(server, struct.pack(">i", 50_000_000) + b"x" * 100):
        until(lambda: sizes)
        assert sizes == [16 * 1024]


def test_a_stranger_is_given_as_much_again_as_has_come(taken):
    with serving(**TOKENS) as server:
        sizes = taken(server)
        with raw(server, struct.pack(">i", 524_288) + b"x" * 150_000):
            until(lambda: sizes and sizes[-1] > 150_000)
        assert max(sizes) <= 2 * 150_000


def test_pipelined_requests_are_answered_in_order(client):
    ids = [client.send(ApiVersions, 3, **SOFTWARE) for _ in range(200)]
    for correlation_id in ids:
        assert client.receive(ApiVersions, 3, correlation_id).error_code == errors.NONE


def test_a_request_may_come_byte_by_byte(client):
    frame = client.frame(ApiVersions, 3, ApiVersions.Request(**SOFTWARE))
    for index in range(len(frame)):
        client.socket.sendall(frame[index : index + 1])
    assert client.receive(ApiVersions, 3, 1).error_code == errors.NONE


def test_a_frame_larger_than_one_read(client):
    topics = [Metadata.Request.Topics(name=f"missing-{index:06}") for index in range(20_000)]
    answer = client.call(Metadata, 9, topics=topics, allow_auto_topic_creation=False)
    assert [topic.error_code for topic in answer.topics] == [errors.UNKNOWN_TOPIC_OR_PARTITION] * 20_000


def test_an_unknown_version_of_api_versions_is_answered_in_version_0(client):
    client.socket.sendall(struct.pack(">ihhih", 10, ApiVersions.key, 99, 7, -1))
    answer, _ = ApiVersions.parse_response(0)(client.receive_frame(), 4)
    assert answer.error_code == errors.UNSUPPORTED_VERSION
    assert [(api.api_key, api.min_version, api.max_version) for api in answer.api_keys] == [(18, 0, 4)]


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">i", -1),
        struct.pack(">i", 104857601),
        struct.pack(">ihhih", 10, 4711, 0, 1, -1),  # no such API
        struct.pack(">ihhih", 10, Metadata.key, 99, 1, -1),  # no such version
        struct.pack(">ihh", 4, 18, 0),  # header cut short
        struct.pack(">ihhih", 10, 18, 0, 1, 500),  # client id beyond the frame
        struct.pack(">ihhihi", 14, Metadata.key, 1, 1, -1, 2**31 - 1),  # a hostile count
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # a TLS client
    ],
)
def test_what_is_no_request_ends_the_connection_and_no_other(server, client, data):
    with raw(server, data) as sock:
        assert closed(sock)
    assert client.call(ApiVersions, 0).error_code == errors.NONE


def test_what_was_asked_before_the_offence_is_still_answered(client):
    frame = client.frame(ApiVersions, 0, ApiVersions.Request())
    client.socket.sendall(frame + struct.pack(">i", -1))
    assert client.receive(ApiVersions, 0, 1).error_code == errors.NONE
    assert closed(client.socket)


def test_a_client_that_leaves_in_a_long_poll_is_forgotten(server):
    with WireClient(server.bootstrap) as client:
        client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="poll")])
        before = len(server.connections)
        partition = Fetch.Request.Topics.Partitions(partition=0, fetch_offset=0, partition_max_bytes=1)
        topic = Fetch.Request.Topics(topic="poll", partitions=[partition])
        client.send(Fetch, 11, max_wait_ms=2**31 - 1, min_bytes=1, session_epoch=-1, topics=[topic])
    until(lambda: len(server.connections) < before)


def test_a_client_that_never_reads_holds_up_nobody(server, client):
    with raw(server, b"") as greedy:
        greedy.setblocking(False)
        frame = client.frame(ApiVersions, 0, ApiVersions.Request())
        try:
            for _ in range(100_000):
                greedy.send(frame * 100)
        except BlockingIOError:
            pass
        assert client.call(ApiVersions, 0).error_code == errors.NONE


def test_silent_connections_are_closed():
    with serving(connections_max_idle_ms=300) as server, WireClient(server.bootstrap) as client:
        client.call(ApiVersions, 0)
        assert closed(client.socket)
        assert not server.connections


def test_a_stopped_server_closes_its_connections():
    with serving() as server:
        client = WireClient(server.bootstrap)
        client.call(ApiVersions, 0)
    assert closed(client.socket)
    client.socket.close()


def test_an_answer_that_comes_while_earlier_ones_are_being_sent_is_not_waited_for():
    from types import SimpleNamespace

    from emulator.runtime.connection import Pending

    pending = Pending(SimpleNamespace(connection=SimpleNamespace(flush=lambda: pending.resolve("there"))))
    assert pending.wait() == "there"
