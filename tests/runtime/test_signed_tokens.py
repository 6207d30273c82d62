"""A listener that takes signed tokens only: who gets in, for how long, and what a new key changes."""

import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from emulator.state.configs.security import SIGNED_HANDLER
from tests.in_thread import serving
from tests.state.sasl.test_oauthbearer import first, unsecured
from tests.wire_client import WireClient
from wire import errors
from wire.apis.metadata import Metadata
from wire.apis.sasl import SaslAuthenticate, SaslHandshake

OLD, NEW = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
REFUSED = b'{"status":"invalid_token"}'


def write(path, **keys):
    path.write_text(json.dumps({"keys": [{**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": name} for name, key in keys.items()]}))


def token(key=OLD, name="old", **claims):
    now = int(time.time())
    return jwt.encode({"sub": "alice", "iss": "https://issuer", "aud": "kafka", "iat": now, "exp": now + 60, **claims}, key, "ES256", {"kid": name})


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "jwks.json"
    write(path, old=OLD)
    return path


@pytest.fixture(scope="module")
def bootstrap(keys):
    with serving(
        listeners="INSIDE://127.0.0.1:0", listener_security_protocol_map="INSIDE:SASL_PLAINTEXT", sasl_enabled_mechanisms="OAUTHBEARER",
        oauthbearer_sasl_jaas_config="org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
        listener_name_inside_oauthbearer_sasl_server_callback_handler_class=SIGNED_HANDLER, connection_failed_authentication_delay_ms="1",
        sasl_oauthbearer_jwks_endpoint_url=f"file://{keys}", sasl_oauthbearer_expected_issuer="https://issuer", sasl_oauthbearer_expected_audience="kafka",
    ) as server:  # fmt: skip
        yield server.bootstrap


@pytest.fixture
def client(bootstrap):
    with WireClient(bootstrap) as client:
        client.call(SaslHandshake, 1, mechanism="OAUTHBEARER")
        yield client


def say(client, text):
    return client.call(SaslAuthenticate, 2, auth_bytes=first(text))


def test_a_signed_token_lets_one_in_until_it_expires(client):
    answer = say(client, token())
    assert (answer.error_code, answer.auth_bytes) == (errors.NONE, b"") and 50_000 < answer.session_lifetime_ms <= 60_000
    assert client.call(Metadata, 9, topics=[]).brokers


@pytest.mark.parametrize("text", [
    token(aud="another"), token(iss="https://another"), token(exp=1), token(NEW), token(NEW, "new"), token(sub=""),
    unsecured(sub="alice", iss="https://issuer", aud="kafka", iat=1, exp=2**40),
], ids=range(7))  # fmt: skip
def test_no_other_does(client, text):
    assert bytes(say(client, text).auth_bytes) == REFUSED
    answer = client.call(SaslAuthenticate, 2, auth_bytes=b"\x01")
    assert (answer.error_code, answer.error_message) == (errors.SASL_AUTHENTICATION_FAILED, REFUSED.decode())


def test_keys_change_while_it_serves(client, keys):
    write(keys, new=NEW)
    assert bytes(say(client, token()).auth_bytes) == REFUSED
    assert say(client, token(NEW, "new")).auth_bytes == b""
    write(keys, old=OLD)


def test_without_keys_nobody_gets_in(client, keys):
    for content in (None, "", "no JSON", "{}"):
        keys.unlink(missing_ok=True)
        if content is not None:
            keys.write_text(content)
        assert bytes(say(client, token()).auth_bytes) == REFUSED
    write(keys, old=OLD)
    assert say(client, token()).auth_bytes == b""
