"""Whoever comes to a listener with TLS or SASL and means no good: ended, and others are served all the while.

What is random has a seed: a few in each run, very many in the soak.
"""

import logging
import random
import socket
import ssl
import struct
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.api.sasl_session import framed, plain
from tests.scram_client import salted, scram_final, scram_first
from tests.api.test_data import until
from tests.certificates import certificates, client_context, server_configs
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire import errors
from wire.apis.metadata import ApiVersions
from wire.apis.sasl import AlterUserScramCredentials, SaslAuthenticate, SaslHandshake

LISTENERS = {
    "listeners": "PLAINTEXT://127.0.0.1:0,SSL://127.0.0.1:0,KNOWN://127.0.0.1:0,SASL_PLAINTEXT://127.0.0.1:0,SASL_SSL://127.0.0.1:0",
    "listener_security_protocol_map": "PLAINTEXT:PLAINTEXT,SSL:SSL,KNOWN:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
    "listener_name_known_ssl_client_auth": "required",
    "sasl_enabled_mechanisms": "PLAIN,SCRAM-SHA-256,OAUTHBEARER", "connection_failed_authentication_delay_ms": "0",
    "plain_sasl_jaas_config": 'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="secret";',
    "oauthbearer_sasl_jaas_config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
}  # fmt: skip

S256 = "SCRAM-SHA-256"
FIRSTS = {
    "PLAIN": plain("alice", "secret"), S256: scram_first("dora"),
    "OAUTHBEARER": b"n,,\x01auth=Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImlhdCI6MSwiZXhwIjo0MTAyNDQ0ODAwfQ.\x01\x01",
}  # fmt: skip


@pytest.fixture(scope="module")
def server():
    with serving(**{**server_configs(), **LISTENERS}) as server:
        server.at = {name: f"{host}:{port}" for name, host, port in server.bound}
        key = salted(S256, "dora-secret", b"salt", 4096)
        dora = AlterUserScramCredentials.Request.Upsertions(name="dora", mechanism=1, iterations=4096, salt=b"salt", salted_password=key)
        with WireClient(server.at["PLAINTEXT"]) as client:
            assert not client.call(AlterUserScramCredentials, 0, deletions=[], upsertions=[dora]).results[0].error_code
        yield server


@pytest.fixture(autouse=True)
def nothing_stumbles(server, caplog):
    """No error is logged, nobody stays, and whoever is honest is served at each listener."""
    caplog.set_level(logging.ERROR)
    yield
    for listener, tls in (("PLAINTEXT", None), ("SSL", client_context()), ("KNOWN", client_context(client="alice")), ("SASL_PLAINTEXT", None), ("SASL_SSL", client_context())):
        with WireClient(server.at[listener], tls=tls) as client:
            assert client.call(ApiVersions, 0).error_code == errors.NONE
    assert not caplog.records, (caplog.records[0].getMessage(), caplog.records[0].exc_text)
    until(lambda: not connections(server))


def connections(server):
    """Read from another thread than the one that changes them."""
    while True:
        try:
            return server.connections
        except RuntimeError:
            continue


def say(address, data):
    """Send it and half-close; all that is answered."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as sock:
        answered = b""
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65536):
                answered += piece
        except (ConnectionError, OSError) as error:
            assert not isinstance(error, TimeoutError)
        return answered


def spoiled(choose, data):
    """With some bytes changed, left out or put in."""
    data = bytearray(data)
    for _ in range(choose.randint(1, 4)):
        at, what = choose.randrange(len(data)), choose.randrange(4)
        if what == 0:
            data[at] = choose.randrange(256)
        elif what == 1:
            data[at:at] = choose.randbytes(choose.choice((1, 3, 200)))
        elif what == 2 and len(data) > 8:
            del data[at : at + choose.randint(1, 5)]
        elif len(data) > 8:
            del data[max(at, 4) :]
    return bytes(data)


def hello():
    """What a client of TLS says first."""
    received, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        client_context().wrap_bio(received, said, server_hostname="localhost").do_handshake()
    return said.read()


# Bytes --------------------------------------------------------------------------------------------


def attack_handshakes(server, seed, rounds):
    choose = random.Random(seed)
    for _ in range(rounds):
        for listener in ("SSL", "KNOWN", "SASL_SSL"):
            say(server.at[listener], choose.randbytes(choose.choice((1, 5, 300, 20_000))))
            say(server.at[listener], b"\x16\x03\x01" + choose.randbytes(300))
            say(server.at[listener], spoiled(choose, hello()))


def attack_records(server, seed, rounds):
    """After a handshake as it should be: what is no record, or one that was tampered with."""
    choose = random.Random(seed)
    for _ in range(rounds):
        host, _, port = server.at["SSL"].rpartition(":")
        received, said = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_context().wrap_bio(received, said, server_hostname="localhost")
        with socket.create_connection((host, int(port)), 10) as sock:
            while True:
                try:
                    client.do_handshake()
                    sock.sendall(said.read())
                    break
                except ssl.SSLWantReadError:
                    sock.sendall(said.read())
                    received.write(sock.recv(65536))
            client.write(b"\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff")
            record = said.read()
            try:
                sock.sendall(choose.choice((spoiled(choose, record), record + record, choose.randbytes(100), record[:3])))
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
            except ConnectionError:
                pass


def attack_tokens(server, seed, rounds):
    choose = random.Random(seed)
    for _ in range(rounds):
        for mechanism, first in FIRSTS.items():
            for version in (0, 1):
                with WireClient(server.at["SASL_PLAINTEXT"]) as client:
                    try:
                        client.call(SaslHandshake, version, mechanism=mechanism)
                        token = spoiled(choose, first) if choose.random() < 0.8 else choose.randbytes(choose.choice((0, 1, 50, 5000)))
                        for _ in range(2):
                            if version:
                                answer = client.call(SaslAuthenticate, choose.randrange(3), auth_bytes=token)
                                token = spoiled(choose, answer.auth_bytes or b"c=biws,r=abc,p=")
                            else:
                                client.socket.sendall(framed(token))
                                token = spoiled(choose, client.receive_frame() or b"c=biws,r=abc,p=")
                    except ConnectionError:
                        pass


def attack_authentication(server, seed, rounds):
    """Frames of the two requests, and of others, with bytes changed."""
    choose = random.Random(seed)
    with WireClient(server.at["PLAINTEXT"]) as client:
        frames = [client.frame(SaslHandshake, 1, SaslHandshake.Request(mechanism="PLAIN")), client.frame(ApiVersions, 3, ApiVersions.Request()),
                  client.frame(SaslAuthenticate, 2, SaslAuthenticate.Request(auth_bytes=FIRSTS["PLAIN"]))]  # fmt: skip
    for _ in range(rounds):
        said = [choose.choice(frames) for _ in range(choose.randint(1, 4))]
        at = choose.randrange(len(said))
        said[at] = spoiled(choose, said[at])
        say(server.at["SASL_PLAINTEXT"], b"".join(said))


ATTACKS = pytest.mark.parametrize("attack", [attack_handshakes, attack_records, attack_tokens, attack_authentication], ids=lambda one: one.__name__)


@ATTACKS
def test_a_few(server, attack):
    attack(server, 1, 8)


@pytest.mark.soak
@ATTACKS
def test_very_many(server, attack):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    attack(server, seed, 1500)


# Tokens -------------------------------------------------------------------------------------------


def test_nobody_is_heard_for_long_before_it_is_known(server):
    """Kafka's sasl.server.max.receive.size."""
    for size in (524_289, 100_000_000, 2**31 - 1, -1):
        assert say(server.at["SASL_PLAINTEXT"], struct.pack(">i", size) + bytes(1000)) == b""
    with WireClient(server.at["SASL_PLAINTEXT"]) as client:
        client.call(SaslHandshake, 0, mechanism="PLAIN")
        with pytest.raises(ConnectionError):
            client.socket.sendall(framed(b"x" * 600_000))
            client.receive_frame()


@pytest.mark.parametrize("mechanism, huge", [
    ("PLAIN", b"\0" + b"u" * 250_000 + b"\0" + b"p" * 250_000), ("PLAIN", b"\0" * 500_000), (S256, b"n,,n=" + b"u" * 500_000 + b",r=abc"),
    (S256, b"n,,n=dora,r=abc" + b",x=1" * 120_000), ("OAUTHBEARER", b"n,,\x01auth=Bearer " + b"a." * 250_000 + b"\x01\x01"),
    ("OAUTHBEARER", b"n,,\x01" + b"k=v\x01" * 120_000 + b"\x01"), ("OAUTHBEARER", b"n,,\x01auth=Bearer " + b"W1tb" * 120_000 + b"." + b"W1tb" * 1000 + b".\x01\x01"),
])  # fmt: skip
def test_a_huge_token_is_refused_like_any_other(server, mechanism, huge):
    with WireClient(server.at["SASL_PLAINTEXT"]) as client:
        client.call(SaslHandshake, 1, mechanism=mechanism)
        answer = client.call(SaslAuthenticate, 2, auth_bytes=huge)
        assert answer.error_code == errors.SASL_AUTHENTICATION_FAILED or answer.auth_bytes == b'{"status":"invalid_token"}'  # RFC 7628 says so first
        assert len(answer.error_message or "") < 2000


def first_of(client, nonce="abc"):
    client.call(SaslHandshake, 1, mechanism=S256)
    return client.call(SaslAuthenticate, 2, auth_bytes=scram_first("dora", nonce)).auth_bytes


def test_what_was_said_once_is_worth_nothing_again(server):
    """Whoever has heard a whole log-in says the same."""
    bare = scram_first("dora").decode().split(",", 2)[2]
    with WireClient(server.at["SASL_PLAINTEXT"]) as client:
        told = first_of(client)
        final = scram_final(S256, "dora-secret", bare, told)
        assert client.call(SaslAuthenticate, 2, auth_bytes=final).error_code == errors.NONE
    with WireClient(server.at["SASL_PLAINTEXT"]) as thief:
        assert first_of(thief) != told
        assert thief.call(SaslAuthenticate, 2, auth_bytes=final).error_code == errors.SASL_AUTHENTICATION_FAILED
    with WireClient(server.at["SASL_PLAINTEXT"]) as thief:  # with the nonce as its own half
        nonce = dict(part.split("=", 1) for part in told.decode().split(","))["r"]
        first_of(thief, nonce)
        assert thief.call(SaslAuthenticate, 2, auth_bytes=final).error_code == errors.SASL_AUTHENTICATION_FAILED


# Certificates -------------------------------------------------------------------------------------


def made(subject, issuer, signs, key, days=(-1, 1), is_authority=False, usage=ExtendedKeyUsageOID.CLIENT_AUTH):
    """A certificate of `subject`, who has `key`, as `issuer` with the key `signs` says."""
    now = datetime.now(timezone.utc)
    begun = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key()).serial_number(x509.random_serial_number())
    begun = begun.not_valid_before(now + timedelta(days=days[0])).not_valid_after(now + timedelta(days=days[1]))
    begun = begun.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    return begun.add_extension(x509.ExtendedKeyUsage([usage]), critical=False).sign(signs, hashes.SHA256())


def name(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def key():
    return ec.generate_private_key(ec.SECP256R1())


def lies(directory):
    """{what is wrong: (key, [certificates])}"""
    authority = x509.load_pem_x509_certificate((directory / "ca.pem").read_bytes())
    right = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
    alice_key = serialization.load_pem_private_key((directory / "client-alice.pem").read_bytes(), None)
    alice = x509.load_pem_x509_certificates((directory / "client-alice.pem").read_bytes())[0]
    mine, other, alike = key(), key(), authority.subject
    fake = made(alike, alike, other, other, is_authority=True)
    chain, signs, issuer = [], other, alike
    for number in range(150):
        following = key()
        chain.insert(0, made(name(f"link {number}"), issuer, signs, following, is_authority=True))
        signs, issuer = following, name(f"link {number}")
    return {
        "signed by itself": (mine, [made(name("alice"), name("alice"), mine, mine)]),
        "signed by an authority of the same name": (mine, [made(name("alice"), alike, other, mine), fake]),
        "expired": (mine, [made(name("alice"), alike, right, mine, days=(-3, -1))]),
        "not valid yet": (mine, [made(name("alice"), alike, right, mine, days=(1, 3))]),
        "of a server": (mine, [made(name("alice"), alike, right, mine, usage=ExtendedKeyUsageOID.SERVER_AUTH)]),
        "signed by a client": (mine, [made(name("admin"), alice.subject, alice_key, mine), alice]),
        "a chain without an end": (mine, [made(name("alice"), issuer, signs, mine), *chain]),
    }


def test_certificates_that_lie_are_refused(server, tmp_path):
    directory = certificates()
    for what, (own, chain) in lies(directory).items():
        file = tmp_path / f"{what}.pem"
        texts = [own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
                 *(one.public_bytes(serialization.Encoding.PEM) for one in chain)]  # fmt: skip
        file.write_bytes(b"".join(texts))
        context = client_context()
        context.load_cert_chain(file)
        with pytest.raises((OSError, ConnectionError)):
            with WireClient(server.at["KNOWN"], tls=context) as client:
                client.call(ApiVersions, 0)
                raise AssertionError(f"served, with a certificate {what}")


@pytest.mark.parametrize("common", ["User:admin", "alice\nUser:admin", "alice,CN=admin", "CN=admin", "\u202eecila", "a" * 60, " admin ", "admin\\", '"admin"', "#admin"])
def test_a_name_in_a_certificate_stays_one_name(server, tmp_path, common):
    """Whatever the authority has signed is one principal, of which no part passes for another."""
    directory = certificates()
    authority = x509.load_pem_x509_certificate((directory / "ca.pem").read_bytes())
    right, mine = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None), key()
    one = made(name(common), authority.subject, right, mine)
    file = tmp_path / "odd.pem"
    file.write_bytes(mine.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
                     + one.public_bytes(serialization.Encoding.PEM))  # fmt: skip
    context = client_context()
    context.load_cert_chain(file)
    with WireClient(server.at["KNOWN"], tls=context) as client:
        client.call(ApiVersions, 0)
        [found] = [one.call.principal for one in connections(server)]
        assert found.name.startswith("CN=") and found.name not in ("CN=admin", "CN=alice", "admin")
