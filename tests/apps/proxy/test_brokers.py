"""Brokers that are slow, gone or wrong, and how the proxy logs in at one: a scripted broker behind it."""

import base64
import socket
import struct
import time

import pytest

from tests.proxied import ScriptedBroker, proxied
from tests.wire_client import WireClient
from wire.apis.data import Fetch
from wire.apis.metadata import ApiVersions, FindCoordinator, Metadata
from wire.apis.sasl import SaslAuthenticate, SaslHandshake


def correlation_of(frame):
    return frame[4:8]


def send(connection, body):
    connection.sendall(struct.pack(">i", len(body)) + body)


def answer(connection, frame, api, version, response):
    out = []
    api.build_response(version)(response, out)
    send(connection, correlation_of(frame) + b"".join(map(bytes, out)))


def knows_its_cluster(serve):
    """A broker that tells of itself when asked for Metadata 1, as the proxy does; all else is `serve`'s."""

    def with_metadata(connection, receive):
        def asked():
            while True:
                frame = receive()
                if frame[:4] != struct.pack(">hh", Metadata.key, 1):
                    return frame
                host, port = connection.getsockname()
                answer(connection, frame, Metadata, 1, Metadata.reply(brokers=[Metadata.Response.Brokers(node_id=1, host=host, port=port)]))

        serve(connection, asked)

    return ScriptedBroker(with_metadata)


WRONG = {
    "another correlation id": lambda connection, frame: send(connection, b"\0\0\0\x63" + bytes(20)),
    "no size": lambda connection, frame: connection.sendall(struct.pack(">i", -5) + bytes(20)),
    "no body": lambda connection, frame: connection.sendall(struct.pack(">i", 0) + bytes(20)),
    "a size beyond measure": lambda connection, frame: connection.sendall(struct.pack(">i", 2**31 - 1) + correlation_of(frame) + bytes(20)),
    "what cannot be read": lambda connection, frame: send(connection, correlation_of(frame) + b"\xff" * 40),
    "two answers": lambda connection, frame: [send(connection, correlation_of(frame) + bytes(6)) for _ in range(2)],
    "its end": lambda connection, frame: connection.shutdown(socket.SHUT_RDWR),
    "half an answer, then its end": lambda connection, frame: [connection.sendall(struct.pack(">i", 100) + correlation_of(frame)), connection.shutdown(socket.SHUT_RDWR)],
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_broker_that_gives_what_is_no_answer_ends_the_connection(what):
    def serve(connection, receive):
        WRONG[what](connection, receive())
        receive()

    with knows_its_cluster(serve) as broker, proxied(broker.address) as proxy:
        with WireClient(proxy.bootstrap, timeout=5) as client:
            client.send(FindCoordinator, 2, key="g")
            began, got = time.monotonic(), b"."
            while got:
                try:
                    got = client.socket.recv(1 << 16)
                except ConnectionError:
                    break
            assert time.monotonic() - began < 4
        assert not proxy.on_loop(lambda: [pair for pair in proxy.connections if pair.is_open and pair.in_flight])


def test_a_fetch_answer_without_end_is_not_kept(tmp_path):
    """An answer that never comes to its records is given up; one that passes is not kept."""
    def serve(connection, receive):
        frame = receive()
        connection.sendall(struct.pack(">i", 1 << 30) + correlation_of(frame) + b"\0" + bytes(10) + b"\xff\xff\xff\xff\x07")
        for _ in range(40):
            connection.sendall(b"\xff" * (1 << 16))
        receive()

    with knows_its_cluster(serve) as broker, proxied(broker.address) as proxy:
        with WireClient(proxy.bootstrap, timeout=5) as client:
            client.send(Fetch, 16, topics=[])
            got = 1
            while got:
                try:
                    got = len(client.socket.recv(1 << 16))
                except ConnectionError:
                    break


def test_a_broker_that_does_not_read_is_not_sent_more_than_fits():
    def serve(connection, receive):
        receive()
        time.sleep(1.5)

    with knows_its_cluster(serve) as broker, proxied(broker.address) as proxy:
        with WireClient(proxy.bootstrap, timeout=0.5) as client:
            frame = client.frame(ApiVersions, 0, ApiVersions.Request()) + client.frame(Metadata, 9, Metadata.Request(topics=[Metadata.Request.Topics(name="t" * 30_000)]))
            sent = 0
            try:
                while sent < 64 << 20:
                    sent += client.socket.send(frame)
            except TimeoutError:
                pass
            assert sent < 64 << 20
            assert proxy.on_loop(lambda: max(pair.requests.kept for pair in proxy.connections if pair.requests)) <= 1 << 20


def test_a_cluster_that_is_not_there_is_said_once_and_looked_for(caplog):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
    with proxied(address) as proxy:
        for _ in range(2):
            with WireClient(proxy.bootstrap) as client, pytest.raises(ConnectionError):
                client.call(ApiVersions, 0)
        assert caplog.text.count("the cluster behind does not answer") == 1
        assert not proxy.cluster_is_there


def test_who_comes_for_a_broker_that_refuses_is_refused_until_it_listens_again():
    """Clients wait before they come again when they are refused, and may come thousands of times when they are let in and cut off."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dead = taken.getsockname()

    def both(connection, receive):
        while True:
            frame = receive()
            brokers = [Metadata.Response.Brokers(node_id=node, host=host, port=port) for node, (host, port) in enumerate((connection.getsockname(), dead), 1)]
            answer(connection, frame, Metadata, 1, Metadata.reply(brokers=brokers))

    def dial(proxy):
        try:
            with WireClient(f"127.0.0.1:{proxy.fronts[0].nodes['broker', 2].port}") as client:
                return client.call(ApiVersions, 0)
        except ConnectionRefusedError:
            return "refused"
        except ConnectionError:
            return "cut off"

    with ScriptedBroker(both) as alive, proxied(alive.address) as proxy:
        assert dial(proxy) == "cut off"
        proxy.on_loop(proxy.look_again)  # who names it does not bring it back
        assert dial(proxy) == "refused"
        with ScriptedBroker(lambda connection, receive: answer(connection, receive(), ApiVersions, 0, ApiVersions.reply()), dead):
            deadline = time.monotonic() + 10
            while (said := dial(proxy)) in ("refused", "cut off"):
                assert time.monotonic() < deadline
            assert said.error_code == 0


def test_a_broker_that_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = "127.0.0.1:%d" % silent.getsockname()[1]
        settings = {"upstream_security_protocol": "SASL_PLAINTEXT", "upstream_sasl_mechanism": "PLAIN", "upstream_sasl_username": "a",
                    "upstream_sasl_password": "b", "upstream_socket_connection_setup_timeout_ms": "150"}  # fmt: skip
        with proxied(address, **settings) as proxy, WireClient(proxy.bootstrap) as client, pytest.raises(ConnectionError):
            client.call(ApiVersions, 0)


# The example of RFC 7677.
FIRST = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
PROOF = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
LAST = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def scram(first, last, said):
    """A broker's side of SCRAM-SHA-256 that answers `first` and `last`, whatever it is told."""

    def serve(connection, receive):
        answer(connection, receive(), SaslHandshake, 1, SaslHandshake.reply(mechanisms=["SCRAM-SHA-256"]))
        for token in (first, last):
            frame = receive()
            said.append(frame[frame.index(b"n,,") if b"n,," in frame else frame.index(b"c=") :].decode())
            answer(connection, frame, SaslAuthenticate, 0, SaslAuthenticate.reply(auth_bytes=token.encode()))
        frame = receive()
        send(connection, correlation_of(frame) + bytes(6))
        receive()

    return ScriptedBroker(serve)


def log_in(address):
    from emulator.runtime.clock import monotonic_clock
    from emulator.runtime.thread import LoopThread
    from emulator.runtime.upstream.dial import Dialer
    from emulator.runtime.upstream.sasl import ScramLogin

    host, port = address.split(":")
    thread = LoopThread("dialer")
    thread.start()
    try:
        login = ScramLogin("SCRAM-SHA-256", "user", "pencil", nonce=lambda: "rOprNGfwEbeRWgbNEkqO")
        thread.call(lambda: Dialer(monotonic_clock(), 5000, login=login).dial([(host, int(port))]).close())
    finally:
        thread.stop()


def test_scram_is_that_of_the_rfc():
    said = []
    with scram(FIRST, LAST, said) as broker:
        log_in(broker.address)
    assert said == ["n,,n=user,r=rOprNGfwEbeRWgbNEkqO", PROOF]


@pytest.mark.parametrize("first, last, why", [
    ("r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", LAST, "no answer to ours"),
    (FIRST.replace("4096", "1"), LAST, "it asks for 1 iterations"),
    (FIRST.replace("4096", "99999999"), LAST, "it asks for 99999999 iterations"),
    ("nothing", LAST, "cannot be read"),
    (FIRST, "v=" + base64.b64encode(bytes(32)).decode(), "could not prove that it knows the password"),
    (FIRST, "e=invalid-proof", "SCRAM failed: invalid-proof"),
])
def test_a_broker_that_does_not_know_the_password_is_none(first, last, why):
    from emulator.runtime.upstream.dial import Unreachable

    with scram(first, last, []) as broker, pytest.raises(Unreachable) as error:
        log_in(broker.address)
    assert why in str(error.value)
