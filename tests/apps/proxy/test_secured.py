"""Clients come in at the proxy by TLS and SASL of its own; behind it is somebody else."""

import contextlib
import shutil
import ssl
import time

import pytest

from emulator import Emulator
from emulator.apps.errors import UsageError
from emulator.apps.proxy.recording import Recorder
from emulator.apps.proxy.settings import ProxySettings
from tests.certificates import certificates, client_context, server_configs
from tests.proxied import proxied
from tests.wire_client import WireClient
from wire import errors
from wire.apis.metadata import ApiVersions, Metadata
from wire.apis.sasl import SaslAuthenticate, SaslHandshake

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required"
BEHIND = {
    "listeners": "PLAINTEXT://127.0.0.1:0,SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms": "PLAIN",
    "plain.sasl.jaas.config": f'{PLAIN} user_proxy="of-the-proxy";',
}  # fmt: skip
LISTENERS = {
    "listeners": "SASL_PLAINTEXT://127.0.0.1:0,SSL://127.0.0.1:0,SASL_SSL://127.0.0.1:0,SHORT://127.0.0.1:0",
    "listener.security.protocol.map": "SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,SHORT:SASL_PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256", "plain.sasl.jaas.config": f'{PLAIN} user_alice="of-alice";',
    "scram-sha-256.sasl.jaas.config": f'{SCRAM} user_alice="of-alice";',
    "listener.name.ssl.ssl.client.auth": "requested", "listener.name.short.connections.max.reauth.ms": "60000",
    "connection.failed.authentication.delay.ms": "1",
}  # fmt: skip
UPSTREAM = {
    "upstream.security.protocol": "SASL_PLAINTEXT", "upstream.sasl.mechanism": "PLAIN", "upstream.sasl.username": "proxy",
    "upstream.sasl.password": "of-the-proxy",
}  # fmt: skip


@pytest.fixture(scope="module")
def kafka():
    with Emulator(config=BEHIND, topics=["t"]) as kafka:
        kafka.produce("t", bytes(300_000))
        yield kafka


@pytest.fixture(scope="module")
def proxy(kafka):
    secured = next(f"{host}:{port}" for name, host, port in kafka.server.bound if name == "SASL_PLAINTEXT")
    with proxied(secured, **{**LISTENERS, **server_configs(), **UPSTREAM}) as proxy:
        yield proxy


@pytest.fixture
def at(proxy):
    """at("SSL") -> HOST:PORT of that listener."""
    return {name: f"{host}:{port}" for name, host, port in proxy.bound}.__getitem__


def log_in(client, token, mechanism="PLAIN"):
    assert client.call(SaslHandshake, 1, mechanism=mechanism).error_code == errors.NONE
    return client.call(SaslAuthenticate, 2, auth_bytes=token)


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


def test_who_logs_in_here_is_somebody_else_behind(proxy, kafka, at):
    with WireClient(at("SASL_PLAINTEXT")) as client:
        told = {one.api_key for one in client.call(ApiVersions, 3, client_software_name="a", client_software_version="1").api_keys}
        assert {SaslHandshake.key, SaslAuthenticate.key, Metadata.key} <= told
        assert log_in(client, b"\0alice\0of-alice").error_code == errors.NONE
        answer = client.call(Metadata, 9, topics=None)
        assert [one.name for one in answer.topics if not one.is_internal] == ["t"] and answer.brokers[0].port == proxy.fronts[0].nodes["broker", 1].port
        [pair] = [one for one in proxy.connections if one.requests]
        assert str(pair.call.principal) == "User:alice"
        assert "User:proxy" in {str(one.call.principal) for one in kafka.server.connections}
        assert client.call(SaslHandshake, 1, mechanism="PLAIN").error_code == errors.ILLEGAL_SASL_STATE  # this session has no end


@pytest.mark.parametrize("token", [b"\0alice\0of-bob", b"\0proxy\0of-the-proxy", b"nonsense"])
def test_who_cannot_log_in_learns_so_and_is_nobody_behind(proxy, kafka, at, token):
    before = len(kafka.server.connections)
    with WireClient(at("SASL_PLAINTEXT")) as client:
        answer = log_in(client, token)
        assert answer.error_code == errors.SASL_AUTHENTICATION_FAILED and "Metadata" not in (answer.error_message or "")
        with pytest.raises(ConnectionError):
            client.call(Metadata, 9, topics=[])
    assert len(kafka.server.connections) <= before


def test_nothing_passes_before_the_log_in(proxy, kafka, at):
    with WireClient(at("SASL_PLAINTEXT")) as client, pytest.raises(ConnectionError):
        client.call(Metadata, 9, topics=[])
    with WireClient(at("SASL_PLAINTEXT")) as client:
        assert client.call(SaslHandshake, 1, mechanism="GSSAPI").error_code == errors.UNSUPPORTED_SASL_MECHANISM
    until(lambda: not proxy.connections)


def test_tls_alone_and_a_plain_client_at_it(proxy, kafka, at):
    with WireClient(at("SSL"), tls=client_context(client="alice")) as client:
        assert client.socket.version() == "TLSv1.3"
        for _ in range(50):
            client.call(Metadata, 9, topics=None)
        [pair] = [one for one in proxy.connections if one.requests]
        assert str(pair.call.principal) == "User:CN=alice"
    with WireClient(at("SSL")) as client, pytest.raises((ConnectionError, AssertionError)):
        client.call(Metadata, 9, topics=[])


def test_a_session_ends_unless_it_is_begun_again(proxy, at, monkeypatch):
    now, past = proxy.time.now, [0]
    monkeypatch.setattr(proxy.time, "now", lambda: now() + past[0])
    with WireClient(at("SHORT")) as client:
        assert log_in(client, b"\0alice\0of-alice").session_lifetime_ms == 60_000
        client.call(Metadata, 9, topics=[])
        [pair] = [one for one in proxy.connections if one.requests]
        past[0] = 40_000
        assert log_in(client, b"\0alice\0of-alice").session_lifetime_ms == 60_000
        past[0] = 70_000
        proxy.on_loop(pair.entrance.look)
        client.call(Metadata, 9, topics=[])
        past[0] = 101_000
        proxy.on_loop(pair.entrance.look)
        with pytest.raises(ConnectionError):
            client.call(Metadata, 9, topics=[])


def test_stock_clients_come_in(proxy, kafka, at):
    confluent_kafka = pytest.importorskip("confluent_kafka")
    from tests.certificates import certificates

    settings = {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": "alice", "sasl.password": "of-alice",
                "ssl.ca.location": str(certificates() / "ca.pem"), "bootstrap.servers": at("SASL_SSL"), "log_level": 0}  # fmt: skip
    producer = confluent_kafka.Producer(settings)
    for number in range(20):
        producer.produce("t", bytes([number]) * 200_000)
    assert not producer.flush(20)
    consumer = confluent_kafka.Consumer({**settings, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["t"])
    found = []
    until(lambda: found.extend(one for one in consumer.consume(21, 0.1) if not one.error()) or len(found) >= 21, 30)
    assert [len(one.value()) for one in found] == [300_000] + [200_000] * 20
    consumer.close()


def test_recordings_and_logs_have_no_secret(proxy, at, tmp_path, caplog):
    with caplog.at_level(0), open(tmp_path / "recording", "w") as file:
        recorder = Recorder(file)
        proxy.on_loop(proxy.add_layer, recorder)
        for token in (b"\0alice\0of-alice", b"\0alice\0another-secret"):
            with WireClient(at("SASL_PLAINTEXT")) as client:
                if not log_in(client, token).error_code:
                    client.call(Metadata, 9, topics=[])
        proxy.on_loop(proxy.remove_layer, recorder)
    said = (tmp_path / "recording").read_text() + caplog.text
    assert "Metadata" in said and "User:alice" in said
    for secret in ("of-alice", "another-secret", "of-the-proxy"):
        assert secret not in said


@pytest.mark.parametrize("keys, said", [
    ({"listeners": "SASL_PLAINTEXT://localhost:1", "sasl.enabled.mechanisms": "PLAIN"}, "plain.sasl.jaas.config"),
    ({"listeners": "SASL_PLAINTEXT://localhost:1", "sasl.enabled.mechanisms": "SCRAM-SHA-256"}, "scram-sha-256.sasl.jaas.config has no users"),
    ({"listeners": "SASL_PLAINTEXT://localhost:1"}, "GSSAPI"),
    ({"listeners": "SSL://localhost:1"}, "ssl.keystore"),
    ({"sasl.enabled.mechanisms": "PLAIN"}, "no listener has TLS or SASL"),
    ({"listeners": "SASL_PLAINTEXT://localhost:1", "sasl.enabled.mechanisms": "PLAIN", "plain.sasl.jaas.config": f'{PLAIN} user_a="x";',
      "upstream.security.protocol": "SASL_PLAINTEXT"}, "clients log in at the proxy, which needs upstream.sasl.mechanism"),
    ({"authorizer.class.name": "x"}, "none of a proxy's keys"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(keys, said):
    with pytest.raises(UsageError) as refused:
        ProxySettings({"upstream.bootstrap.servers": "kafka:9092", **keys})
    assert said in str(refused.value)


def test_a_changed_store_is_read_again(kafka, tmp_path):
    """Nobody can say so here; what cannot be, such as another's certificate, changes nothing."""
    file = tmp_path / "server.pem"
    shutil.copy(certificates("a") / "server.pem", file)
    configs = {**server_configs(), "ssl.keystore.location": str(file), "listeners": "SSL://127.0.0.1:0"}
    with proxied(kafka.bootstrap, **configs) as proxy:
        [(_, host, port)] = proxy.bound

        def serves(authority):
            with contextlib.suppress(ssl.SSLCertVerificationError), WireClient(f"{host}:{port}", tls=client_context(authority)) as client:
                return client.call(ApiVersions, 0).error_code == errors.NONE

        for name, serving in (("a/server.pem", "a"), ("b/server.pem", "b"), ("a/client-alice.pem", "b"), ("a/ca.pem", "b"), ("a/server.pem", "a")):
            shutil.copy(certificates(name[0]) / name[2:], file)
            assert serves(serving) and not serves("ab".replace(serving, "")), name
