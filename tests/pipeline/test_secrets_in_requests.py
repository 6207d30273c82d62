"""What was asked is kept for a while: not what proves who somebody is."""

import pytest

from emulator.pipeline.requests import History, Left
from tests.api.conftest import TOKENS, USERS
from tests.in_thread import serving
from tests.scram_client import scram
from tests.wire_client import WireClient
from wire.apis.delegation_tokens import CreateDelegationToken, DescribeDelegationToken, ExpireDelegationToken, RenewDelegationToken
from wire.apis.sasl import AlterUserScramCredentials, SaslAuthenticate


@pytest.fixture
def server():
    with serving(**TOKENS) as server:
        server.record_requests(History(100))
        yield server


def test_no_secret_is_kept_of_what_was_asked(server):
    with WireClient(server.bootstrap) as client:
        client.log_in("alice", USERS["alice"])
        token = client.call(CreateDelegationToken, 3, renewers=[], max_lifetime_ms=-1)
        secret = bytes(token.hmac)
        told = client.call(DescribeDelegationToken, 3, owners=None)
        assert bytes(told.tokens[0].hmac) == secret  # who asks is told
        client.call(RenewDelegationToken, 2, hmac=secret, renew_period_ms=-1)
        salted = AlterUserScramCredentials.Request.Upsertions(name="bob", mechanism=1, iterations=4096, salt=b"a salt", salted_password=b"p" * 32)
        client.call(AlterUserScramCredentials, 0, deletions=[], upsertions=[salted])
        client.call(ExpireDelegationToken, 2, hmac=secret, expiry_time_period_ms=-1)
        client.call(SaslAuthenticate, 2, auth_bytes=b"\0alice\0alice-secret")  # too late, and no less secret
        client.call(DescribeDelegationToken, 3, owners=None)
    found = {asked.api: asked for asked in server.history}
    assert set(found) == {"CreateDelegationToken", "DescribeDelegationToken", "RenewDelegationToken", "AlterUserScramCredentials",
                          "ExpireDelegationToken", "SaslHandshake", "SaslAuthenticate"}  # fmt: skip
    assert found["CreateDelegationToken"].response.hmac == Left(64) and found["RenewDelegationToken"].request.hmac == Left(64)
    kept = repr([(asked.request, asked.response) for asked in server.history])
    for leaked in (repr(secret)[2:20], "alice-secret", "a salt", "pppp"):
        assert leaked not in kept
    assert token.token_id in kept


def test_log_ins_are_kept_without_what_proves_anything(server):
    with WireClient(server.bootstrap) as client:
        scram(client, "SCRAM-SHA-256", "alice", "wrong")
    shaken, asked, *_ = server.history
    assert (shaken.api, shaken.request.mechanism) == ("SaslHandshake", "SCRAM-SHA-256")
    assert asked.api == "SaslAuthenticate" and isinstance(asked.request.auth_bytes, Left)
