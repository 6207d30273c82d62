"""Tokens and time: delegation tokens outlive a restart, go back with a snapshot and end on the clock that expires, as do sessions."""

import base64

from emulator import Emulator
from tests.api.conftest import TOKENS, USERS
from tests.scram_client import scram
from tests.state.sasl.test_oauthbearer import first, unsecured
from tests.wire_client import WireClient
from wire import errors
from wire.apis.delegation_tokens import CreateDelegationToken, DescribeDelegationToken, ExpireDelegationToken
from wire.apis.metadata import Metadata
from wire.apis.sasl import SaslAuthenticate, SaslHandshake

CONFIG = {name.replace("_", "."): value for name, value in TOKENS.items()}


def made(kafka):
    with WireClient(kafka.bootstrap.split(",")[0]) as alice:
        alice.log_in("alice", USERS["alice"])
        return alice.call(CreateDelegationToken, 3, renewers=[], max_lifetime_ms=-1)


def gone(kafka, token):
    with WireClient(kafka.bootstrap.split(",")[0]) as alice:
        alice.log_in("alice", USERS["alice"])
        return alice.call(ExpireDelegationToken, 2, hmac=token.hmac, expiry_time_period_ms=-1).error_code


def lets_in(kafka, token):
    """Milliseconds for which it does, None if it does not."""
    with WireClient(kafka.bootstrap) as client:
        answer = scram(client, "SCRAM-SHA-256", token.token_id, base64.b64encode(token.hmac).decode(), ",tokenauth=true")
        return None if answer.error_code else answer.session_lifetime_ms


def test_a_token_is_good_after_a_restart(tmp_path):
    with Emulator(config=CONFIG, data_dir=str(tmp_path)) as kafka:
        token, expired = made(kafka), made(kafka)
        assert gone(kafka, expired) == errors.NONE
    with Emulator(config=CONFIG, data_dir=str(tmp_path)) as kafka:
        assert lets_in(kafka, token) > 80_000_000 and lets_in(kafka, expired) is None
        assert gone(kafka, token) == errors.NONE
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert token.token_id.encode() in kept  # what says whose it is, and not what proves it
    assert base64.b64encode(token.hmac) not in kept and CONFIG["delegation.token.secret.key"].encode() not in kept


def test_a_snapshot_has_those_of_its_time():
    with Emulator(config=CONFIG) as kafka:
        token = made(kafka)
        snapshot = kafka.snapshot()
        later = made(kafka)
        assert gone(kafka, token) == errors.NONE and lets_in(kafka, token) is None
        kafka.restore(snapshot)
        assert lets_in(kafka, token) and lets_in(kafka, later) is None
        assert gone(kafka, token) == errors.NONE


def test_it_ends_when_the_clock_says_so():
    with Emulator(config=CONFIG, clock="virtual") as kafka:
        token = made(kafka)
        assert lets_in(kafka, token) == 86_400_000
        kafka.clock.advance(hours=23)
        assert lets_in(kafka, token) == 3_600_000
        assert kafka.clock.advance(hours=3)["delegation tokens expired"] == 1
        assert lets_in(kafka, token) is None


def test_who_logs_in_with_an_expired_one_that_is_still_there_is_served_nothing():
    """Kafka lets him in, for no time at all: a virtual clock that stands still is no reason to serve him."""
    with Emulator(config=CONFIG, clock="virtual") as kafka, WireClient(kafka.bootstrap) as client:
        token = made(kafka)
        with WireClient(kafka.bootstrap) as alice:
            alice.log_in("alice", USERS["alice"])
            assert alice.call(ExpireDelegationToken, 2, hmac=token.hmac, expiry_time_period_ms=0).error_code == errors.NONE
        kafka.clock.advance(seconds=1)
        answer = scram(client, "SCRAM-SHA-256", token.token_id, base64.b64encode(token.hmac).decode(), ",tokenauth=true")
        assert (answer.error_code, answer.session_lifetime_ms) == (errors.NONE, 0)
        assert not served(client)


def test_the_same_seed_gives_the_same_tokens():
    tokens = []
    for _ in range(2):
        with Emulator(config=CONFIG, clock="virtual", seed=7) as kafka:
            tokens.append(made(kafka))
    assert tokens[0].token_id == tokens[1].token_id and tokens[0].hmac == tokens[1].hmac


def test_all_brokers_know_it():
    config = {name: value for name, value in CONFIG.items() if name != "listeners"}
    with Emulator(config={**config, "listener.security.protocol.map": "PLAINTEXT:SASL_PLAINTEXT"}, brokers=2) as kafka:
        token = made(kafka)
        for address in kafka.bootstrap.split(","):
            with WireClient(address) as client:
                answer = scram(client, "SCRAM-SHA-512", token.token_id, base64.b64encode(token.hmac).decode(), ",tokenauth=true")
                assert answer.error_code == errors.NONE
                described = client.call(DescribeDelegationToken, 3, owners=None)
                assert described.error_code == errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED


# -- tokens of OAUTHBEARER -------------------------------------------------------------------------


def log_in(client, kafka, name="alice", lasts_s=60):
    token = unsecured(sub=name, exp=kafka.clock.now_ms() / 1000 + lasts_s)
    assert client.call(SaslHandshake, 1, mechanism="OAUTHBEARER").error_code == errors.NONE
    return client.call(SaslAuthenticate, 2, auth_bytes=first(token))


def served(client):
    try:
        return bool(client.call(Metadata, 9, topics=[]).brokers)
    except OSError:
        return False


def test_a_session_ends_with_its_token_unless_there_is_another():
    with Emulator(config=CONFIG, clock="virtual") as kafka, WireClient(kafka.bootstrap) as once, WireClient(kafka.bootstrap) as again:
        assert log_in(once, kafka).session_lifetime_ms == log_in(again, kafka).session_lifetime_ms == 60_000
        kafka.clock.advance(seconds=60)
        assert served(once) and log_in(again, kafka, lasts_s=600).session_lifetime_ms == 600_000
        kafka.clock.advance(seconds=1)
        assert served(again) and not served(once)


def test_it_is_the_same_user_to_the_end():
    with Emulator(config=CONFIG, clock="virtual") as kafka, WireClient(kafka.bootstrap) as client:
        log_in(client, kafka)
        answer = log_in(client, kafka, "bob")
        assert answer.error_code == errors.SASL_AUTHENTICATION_FAILED
        assert answer.error_message == "Cannot change principals during re-authentication from User.alice: User.bob"
        assert not served(client)
