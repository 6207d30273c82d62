"""OAUTHBEARER over the wire with tokens that nobody has signed, which is what Kafka takes unless it is told otherwise."""

import json
import time

import pytest

from tests.state.sasl import test_oauthbearer as bearer
from tests.wire_client import WireClient
from wire import errors
from wire.apis.metadata import Metadata
from wire.apis.sasl import SaslAuthenticate, SaslHandshake

REFUSED = '{"status":"invalid_token"}'
FAILED = "Authentication failed during authentication due to invalid credentials with SASL mechanism OAUTHBEARER"


def token(header=None, signature="", **claims):
    claims = {"sub": "alice", "exp": int(time.time()) + 60, **claims}
    return bearer.unsecured(claims, header, signature)


@pytest.fixture
def client(bootstrap_tokens):
    with WireClient(bootstrap_tokens) as client:
        assert client.call(SaslHandshake, 1, mechanism="OAUTHBEARER").error_code == errors.NONE
        yield client


def say(client, message):
    return client.call(SaslAuthenticate, 2, auth_bytes=message)


def closed(client):
    with pytest.raises(ConnectionError):
        client.receive_frame()
    return True


@pytest.mark.parametrize("claims", [
    {}, {"iat": 1}, {"scope": "a b"}, {"scope": ["a"]}, {"sub": None}, {"sub": True}, {"sub": " alice "}, {"sub": "ali\u00e9ce"}, {"other": {"a": [1]}},
], ids=str)  # fmt: skip
def test_who_has_a_token_is_let_in_until_it_expires(client, claims):
    answer = say(client, bearer.first(token(**claims)))
    assert (answer.error_code, answer.error_message, answer.auth_bytes) == (errors.NONE, "", b"")
    assert 40_000 < answer.session_lifetime_ms <= 60_000
    assert client.call(Metadata, 9, topics=[]).brokers


@pytest.mark.parametrize("claims", [
    {"exp": 1}, {"exp": None}, {"exp": "soon"}, {"exp": True}, {"sub": ""}, {"sub": 7}, {"sub": ["alice"]}, {"sub": {}}, {"iat": 10**11}, {"iat": "now"}, {"scope": 7},
], ids=str)  # fmt: skip
def test_whose_token_is_not_good_learns_so_and_fails(client, claims):
    answer = say(client, bearer.first(token(**claims)))
    assert (answer.error_code, bytes(answer.auth_bytes), answer.session_lifetime_ms) == (errors.NONE, REFUSED.encode(), 0)
    answer = say(client, b"\x01")
    assert (answer.error_code, answer.error_message, answer.auth_bytes) == (errors.SASL_AUTHENTICATION_FAILED, REFUSED, b"")
    assert closed(client)


@pytest.mark.parametrize("text", [
    token(header={"alg": "HS256"}), token(signature="abc"), token(header={"alg": None}), token() + ".", "x", "a.b.", "..", "A" * 500_000,
    bearer.unsecured(b"[" * 100_000), bearer.unsecured(b"{"),
], ids=range(10))  # fmt: skip
def test_what_is_no_token(client, text):
    assert bytes(say(client, bearer.first(text)).auth_bytes) == REFUSED.encode()
    assert say(client, bearer.first(token())).auth_bytes == b""  # another attempt, which Kafka allows
    assert client.call(Metadata, 9, topics=[]).brokers


@pytest.mark.parametrize("message", [b"", b"\x01", b"n,,", b"y,,\x01auth=Bearer x\x01\x01", b"n,,\x01a=b\x01\x01", b"n,,\x01auth=Bearer x\x01"])
def test_what_is_no_message(client, message):
    answer = say(client, message)
    assert (answer.error_code, answer.error_message) == (errors.SASL_AUTHENTICATION_FAILED, FAILED)
    assert closed(client)


@pytest.mark.parametrize("message", [
    b"n,,\x01auth=Basic x\x01\x01", bearer.first(token(header={"typ": "JWT"})), bearer.first(token(exp=10**17)), bearer.first(token(exp=1e300)),
], ids=range(4))  # fmt: skip
def test_what_kafka_stumbles_over_ends_the_connection(client, message):
    client.send(SaslAuthenticate, 2, auth_bytes=message)
    assert closed(client)


def test_nobody_is_somebody_else(client):
    answer = say(client, bearer.first(token(), "bob"))
    assert (answer.error_code, answer.error_message) == (
        errors.SASL_AUTHENTICATION_FAILED,
        "Authentication failed: Client requested an authorization id (bob) that is different from the token's principal name (alice)",
    )
    assert closed(client)


def test_names_and_extensions_are_allowed(client):
    assert say(client, bearer.first(token(), "alice", trace="x y", a="b=c")).auth_bytes == b""


def test_json_as_jackson_reads_it(client):
    claims = json.dumps({"sub": "alice", "exp": int(time.time()) + 60})
    for text in (claims.encode("utf-16"), b"\xef\xbb\xbf" + claims.encode(), claims.encode() + b" and more"):
        with WireClient(f"{client.socket.getpeername()[0]}:{client.socket.getpeername()[1]}") as another:
            another.call(SaslHandshake, 1, mechanism="OAUTHBEARER")
            assert say(another, bearer.first(bearer.unsecured(text))).auth_bytes == b""
