"""A mirror that has to prove who it is, at either end."""

import hashlib

import pytest

from emulator import Emulator
from emulator.apps.cli import main
from tests.certificates import certificates, server_configs
from tests.wire_client import WireClient
from wire.apis.sasl import AlterUserScramCredentials

PLAIN, SCRAM = "of PLAIN", 'of "SCRAM", = all of it'
TOKEN = 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="alice" unsecuredLoginExtension_trace="7";'
CONFIG = {
    "listeners": "PLAINTEXT://127.0.0.1:0,KNOWN://127.0.0.1:0,BOTH://127.0.0.1:0,NAMED://127.0.0.1:0,TOKENS://127.0.0.1:0",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,KNOWN:SSL,BOTH:SASL_SSL,NAMED:SASL_PLAINTEXT,TOKENS:SASL_PLAINTEXT",
    "listener.name.tokens.sasl.enabled.mechanisms": "OAUTHBEARER",
    "listener.name.tokens.oauthbearer.sasl.jaas.config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
    "listener.name.known.ssl.client.auth": "required", "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
    "plain.sasl.jaas.config": f'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="{PLAIN}";',
    "connection.failed.authentication.delay.ms": "1",
}  # fmt: skip


@pytest.fixture(scope="module")
def secured():
    with Emulator(config={**server_configs(), **CONFIG}) as kafka:
        kafka.create_topic("t")
        upsertion = AlterUserScramCredentials.Request.Upsertions(
            name="bob", mechanism=2, iterations=4096, salt=b"salt", salted_password=hashlib.pbkdf2_hmac("sha512", SCRAM.encode(), b"salt", 4096))
        with WireClient(kafka.bootstrap.split(",")[0]) as client:
            [told] = client.call(AlterUserScramCredentials, 0, deletions=[], upsertions=[upsertion]).results
        assert not told.error_code
        yield kafka


def store(kind, path):
    return {f"ssl.{kind}.type": "PKCS12", f"ssl.{kind}.location": path, f"ssl.{kind}.password": "changeit"}


def settings(kafka, side, listener):
    """Lines of config.yaml."""
    path = certificates()
    trust = {"ssl.truststore.location": path / "ca.pem"}
    ways = {
        "KNOWN": {"security.protocol": "SSL", **trust, "ssl.keystore.location": path / "client-alice.pem"},
        "PKCS12": {"security.protocol": "SSL", **store("truststore", path / "truststore.p12"), **store("keystore", path / "client-alice.p12")},
        "TOKENS": {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": TOKEN},
        "BOTH": {"security.protocol": "SASL_SSL", **trust, "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "bob", "sasl.password": SCRAM},
        "NAMED": {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "alice", "sasl.password": PLAIN},
    }
    address = {name: f"{host}:{port}" for name, host, port in kafka.server.bound}["KNOWN" if listener == "PKCS12" else listener]
    return {f"mirror.{side}.{key}": str(value) for key, value in {"bootstrap.servers": address, **ways[listener]}.items()}


def mirror(directory, values):
    path = directory / "c.yaml"
    path.write_text("".join(f"{key}: '{value}'\n" for key, value in values.items()))
    return main(["mirror", "--config", str(path), "--once", "--exactly-once", "--topics", "t.*"])


@pytest.mark.parametrize("there, back", [("KNOWN", "BOTH"), ("BOTH", "NAMED"), ("NAMED", "KNOWN"), ("TOKENS", "PKCS12"), ("PKCS12", "TOKENS")])
def test_there_and_back(secured, tmp_path, there, back):
    with Emulator() as first, Emulator() as last:
        first.produce(f"t-{there}", b"1")
        plain = "mirror.{}.bootstrap.servers".format
        assert mirror(tmp_path, {plain("from"): first.bootstrap, **settings(secured, "to", there)}) == 0
        assert mirror(tmp_path, {**settings(secured, "from", back), plain("to"): last.bootstrap}) == 0
        assert [one.value for one in last.records(f"t-{there}")] == [b"1"]


@pytest.mark.parametrize("listener, changes, why", [
    ("BOTH", {"sasl.password": "the wrong one"}, "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512"),
    ("NAMED", {"sasl.password": "the wrong one"}, "Authentication failed: Invalid username or password"),
    ("NAMED", {"sasl.mechanism": "SCRAM-SHA-256"}, "it knows no SCRAM-SHA-256; there are PLAIN, SCRAM-SHA-512"),
    ("NAMED", {"sasl.mechanism": "GSSAPI"}, "mirror.to.sasl.mechanism GSSAPI: expected PLAIN or SCRAM-SHA-256 or SCRAM-SHA-512 or OAUTHBEARER"),
    ("NAMED", {"sasl.mechanism": "OAUTHBEARER"}, "mirror.to.sasl.username: OAUTHBEARER has tokens"),
    ("TOKENS", {"sasl.jaas.config": TOKEN.replace("_sub", "_name").replace("required", "required unsecuredLoginPrincipalClaimName=name")}, '{"status":"invalid_token"}'),
    ("PKCS12", {"ssl.keystore.password": "the wrong one"}, "client-alice.p12: not PKCS12, or ssl.keystore.password is not its password"),
    ("KNOWN", {"sasl.kerberos.service.name": "kafka"}, "mirror.to.sasl.kerberos.service.name is none of a mirror's keys. There are mirror.to.bootstrap.servers, "),
    ("KNOWN", {"ssl.keystore.location": None}, "certificate required"),
    ("BOTH", {"ssl.truststore.location": None}, "certificate verify failed"),
])
def test_who_cannot_is_told_why_and_no_secret(secured, tmp_path, listener, changes, why, capfd):
    values = settings(secured, "to", listener)
    values.update((f"mirror.to.{key}", value) for key, value in changes.items())
    with Emulator() as first:
        given = {"mirror.from.bootstrap.servers": first.bootstrap, **{key: value for key, value in values.items() if value is not None}}
        assert mirror(tmp_path, given) == 2
    said = capfd.readouterr()
    assert why in said.err
    assert not any(secret in said.err + said.out for secret in (PLAIN, SCRAM, "the wrong one"))
