"""TLS on the wire, with Python's own as the client."""

import socket
import ssl

import pytest

from emulator import Emulator
from emulator.runtime.tls import door
from tests.certificates import certificates, client_context, server_configs
from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import Fetch
from wire.apis.metadata import ApiVersions, Metadata
from wire.apis.sasl import SaslAuthenticate, SaslHandshake

LISTENERS = {
    "listeners": "SSL://127.0.0.1:0,KNOWN://127.0.0.1:0,BOTH://127.0.0.1:0,PLAINTEXT://127.0.0.1:0",
    "listener.security.protocol.map": "SSL:SSL,KNOWN:SSL,BOTH:SASL_SSL,PLAINTEXT:PLAINTEXT",
    "listener.name.known.ssl.client.auth": "required", "listener.name.known.ssl.principal.mapping.rules": "RULE:^CN=(.*)$/$1/U",
    "listener.name.ssl.ssl.client.auth": "requested",
    "ssl.client.auth": "required",  # of SSL listeners alone, unless one with SASL says so of itself
    "sasl.enabled.mechanisms": "PLAIN",
    "plain.sasl.jaas.config": 'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="secret";',
}  # fmt: skip


@pytest.fixture(scope="module")
def kafka():
    with Emulator(config={**server_configs(), **LISTENERS}) as kafka:
        kafka.create_topic("t")
        yield kafka


@pytest.fixture(scope="module")
def at(kafka):
    """at("SSL") -> HOST:PORT of that listener."""
    return {name: f"{host}:{port}" for name, host, port in kafka.server.bound}.__getitem__


def principal(kafka):
    """Of the only client that there is."""
    return next(str(one.call.principal) for one in kafka.server.connections if one.greenlet)


def test_a_client_that_trusts_the_authority_is_served(kafka, at):
    with WireClient(at("SSL"), tls=client_context()) as client:
        assert client.socket.version() == "TLSv1.3"
        answer = client.call(Metadata, 9, topics=[])
        assert [f"{one.host}:{one.port}" for one in answer.brokers] == [at("SSL")]
        assert principal(kafka) == "User:ANONYMOUS"


def test_large_answers_and_requests_pass(kafka, at):
    for number in range(30):
        kafka.produce("t", bytes([number]) * 100_000)
    with WireClient(at("SSL"), tls=client_context()) as client:
        Topic = Fetch.Request.Topics
        asked = [Topic(topic="t", partitions=[Topic.Partitions(partition=0, fetch_offset=0, partition_max_bytes=50_000_000)])]
        for _ in range(3):
            answer = client.call(Fetch, 11, replica_id=-1, max_wait_ms=0, min_bytes=1, max_bytes=50_000_000, session_epoch=-1, topics=asked)
            assert len(answer.responses[0].partitions[0].records) > 3_000_000


def test_many_requests_in_one_record_are_all_answered(at):
    with WireClient(at("SSL"), tls=client_context()) as client:
        frames = b"".join(client.frame(Metadata, 9, Metadata.Request(topics=[])) for _ in range(2000))
        client.socket.sendall(frames)
        for number in range(2000):
            assert client.receive_frame()[:4] == (number + 1).to_bytes(4, "big")


def test_a_certificate_says_who_a_client_is(kafka, at):
    with WireClient(at("SSL"), tls=client_context(client="alice")) as client:
        client.call(ApiVersions, 0)
        assert principal(kafka) == "User:CN=alice"
    with WireClient(at("KNOWN"), tls=client_context(client="alice")) as client:
        client.call(ApiVersions, 0)
        assert principal(kafka) == "User:ALICE"


def ends(bootstrap, context):
    """Whether a client with this context is not served."""
    try:
        with WireClient(bootstrap, tls=context) as client:
            client.call(ApiVersions, 0)
    except (ssl.SSLError, ConnectionError):
        return True


def test_who_needs_a_certificate_and_has_none_is_refused(at):
    assert ends(at("KNOWN"), client_context())


def test_one_of_another_authority_is_refused(at, caplog):
    caplog.set_level("INFO")
    context = client_context()
    context.load_cert_chain(certificates("b") / "client-alice.pem")
    assert ends(at("KNOWN"), context)
    assert ends(at("SSL"), context)
    assert "the TLS handshake failed: its certificate is refused: " in caplog.text


def test_a_server_of_another_authority_is_not_trusted(at):
    with pytest.raises(ssl.SSLCertVerificationError):
        WireClient(at("SSL"), tls=client_context("b"))


def test_below_tls_there_can_be_sasl(kafka, at):
    with WireClient(at("BOTH"), tls=client_context()) as client:
        client.call(SaslHandshake, 1, mechanism="PLAIN")
        assert client.call(SaslAuthenticate, 2, auth_bytes=b"\0alice\0secret").error_code == errors.NONE
        assert client.call(Metadata, 9, topics=[]).brokers
        assert principal(kafka) == "User:alice"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_goes_on_with_a_session_is_still_the_same(kafka, at, version):
    context, session = client_context(client="alice"), None
    context.maximum_version = version
    for reused in (False, True):
        with WireClient(at("SSL")) as client:
            client.socket = context.wrap_socket(client.socket, server_hostname="127.0.0.1", session=session)
            client.call(ApiVersions, 0)
            assert principal(kafka) == "User:CN=alice" and client.socket.session_reused is reused
            session = client.socket.session


def test_what_is_in_a_trust_store_is_trusted_an_authority_or_not(tmp_path):
    """As Java has it: here a certificate of a client, whose authority is not there."""
    (tmp_path / "trusted.pem").write_text((certificates() / "client-alice.pem").read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----")
    configs = server_configs(ssl_client_auth="required", ssl_truststore_location=str(tmp_path / "trusted.pem"), listeners="SSL://127.0.0.1:0")
    with Emulator(config=configs) as kafka:
        assert not ends(kafka.bootstrap, client_context(client="alice"))
        other = client_context()
        other.load_cert_chain(certificates() / "server.pem")
        assert ends(kafka.bootstrap, other)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_client_of_old_versions_alone_is_told(at):
    context = client_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        WireClient(at("SSL"), tls=context)


def test_a_handshake_byte_by_byte_ends_in_time(at, monkeypatch):
    monkeypatch.setattr(door, "_HANDSHAKE_MS", 100)
    host, port = at("SSL").split(":")
    with socket.create_connection((host, int(port)), 0.02) as sock:
        for byte in b"\x16\x03\x01\x02\x00\x01" + bytes(500):
            try:
                sock.sendall(bytes([byte]))
                if not sock.recv(100):
                    return
            except TimeoutError:
                continue
            except ConnectionError:
                return
    raise AssertionError("it was heard to the end")


def test_a_client_without_tls_gets_a_fast_end(at, caplog):
    with caplog.at_level("INFO"), WireClient(at("SSL")) as client:
        client.send(ApiVersions, 0)
        with pytest.raises(ConnectionError):
            client.receive_frame()
    assert "it does not speak TLS" in caplog.text


def test_a_client_with_tls_where_there_is_none_does_too(at):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        WireClient(at("PLAINTEXT"), tls=client_context())


def test_who_begins_and_goes_harms_nobody(at):
    host, port = at("SSL").split(":")
    for said in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x16\x03\x01\xff\xff" + bytes(70_000), bytes(1000)):
        with socket.create_connection((host, int(port))) as sock:
            sock.sendall(said)
    assert not ends(at("SSL"), client_context())
