"""Delegation tokens over the wire (KIP-48, KIP-373): alice asks, bob may renew, carol has nothing to do with it."""

import base64
import hmac

import pytest

from tests.api.conftest import TOKENS, USERS, becomes
from tests.api.test_acls import acl, create, delete
from tests.scram_client import HASHES, scram
from tests.wire_client import WireClient
from wire import errors
from wire.apis.delegation_tokens import CreateDelegationToken, DescribeDelegationToken, ExpireDelegationToken, RenewDelegationToken
from wire.apis.metadata import Metadata

DAY = 86_400_000
VERSIONS = [1, 2, 3]


class User(WireClient):
    def __init__(self, bootstrap, name):
        super().__init__(bootstrap)
        self.name = name
        self.log_in(name, USERS[name])

    def create(self, version=3, renewers=(), max_lifetime_ms=-1, **owner):
        renewers = [CreateDelegationToken.Request.Renewers(principal_type=kind, principal_name=name) for kind, name in renewers]
        return self.call(CreateDelegationToken, version, renewers=renewers, max_lifetime_ms=max_lifetime_ms, **owner)

    def renew(self, token, period_ms=-1, version=2):
        answer = self.call(RenewDelegationToken, version, hmac=getattr(token, "hmac", token), renew_period_ms=period_ms)
        return answer.error_code or answer.expiry_timestamp_ms - token.issue_timestamp_ms

    def expire(self, token, period_ms, version=2):
        return self.call(ExpireDelegationToken, version, hmac=getattr(token, "hmac", token), expiry_time_period_ms=period_ms)

    def described(self, *owners, version=3, all=False):
        owners = None if all else [DescribeDelegationToken.Request.Owners(principal_type="User", principal_name=name) for name in owners]
        answer = self.call(DescribeDelegationToken, version, owners=owners)
        assert answer.error_code == errors.NONE
        return {token.token_id: token for token in answer.tokens}

    def sees(self, token, *owners):
        return token.token_id in self.described(*owners or USERS)


@pytest.fixture
def alice(bootstrap_tokens):
    with User(bootstrap_tokens, "alice") as user:
        yield user


@pytest.fixture
def bob(bootstrap_tokens):
    with User(bootstrap_tokens, "bob") as user:
        yield user


@pytest.fixture
def carol(bootstrap_tokens):
    with User(bootstrap_tokens, "carol") as user:
        yield user


@pytest.mark.parametrize("version", VERSIONS)
def test_who_has_logged_in_gets_one(alice, version):
    token = alice.create(version)
    assert (token.error_code, token.principal_type, token.principal_name) == (errors.NONE, "User", "alice")
    assert (token.token_requester_principal_type, token.token_requester_principal_name) == (("User", "alice") if version >= 3 else ("", ""))
    assert (token.expiry_timestamp_ms - token.issue_timestamp_ms, token.max_timestamp_ms - token.issue_timestamp_ms) == (DAY, 7 * DAY)
    key = TOKENS["delegation_token_secret_key"].encode()
    assert bytes(token.hmac) == hmac.digest(key, token.token_id.encode(), "sha512") and len(token.token_id) == 22


@pytest.mark.parametrize("asked, lifetime", [(0, 7 * DAY), (1000, 1000), (2**63 - 1, 7 * DAY)])
def test_it_lives_as_long_as_is_asked_for_and_allowed(alice, asked, lifetime):
    token = alice.create(max_lifetime_ms=asked)
    assert token.max_timestamp_ms - token.issue_timestamp_ms == lifetime
    assert token.expiry_timestamp_ms - token.issue_timestamp_ms == min(lifetime, DAY)


@pytest.mark.parametrize("version", VERSIONS)
def test_only_users_can_renew(alice, version):
    refused = alice.create(version, renewers=[("User", "bob"), ("Group", "operators")])
    assert (refused.error_code, refused.principal_name, refused.token_id, refused.hmac) == (errors.INVALID_PRINCIPAL_TYPE, "alice", "", b"")
    assert (refused.issue_timestamp_ms, refused.expiry_timestamp_ms, refused.max_timestamp_ms) == (-1, -1, -1)


@pytest.mark.parametrize("version", [1, 2])
def test_owner_and_renewers_renew_it(alice, bob, carol, version):
    token = alice.create(renewers=[("User", "bob")], max_lifetime_ms=100_000)
    assert becomes(lambda: bob.renew(token, 50_000, version) in range(50_000, 60_000), True)
    assert alice.renew(token, -1, version) == 100_000
    assert carol.renew(token, -1, version) == errors.DELEGATION_TOKEN_OWNER_MISMATCH


def test_nobody_renews_what_is_no_token(alice):
    answer = alice.call(RenewDelegationToken, 2, hmac=b"x", renew_period_ms=-1)
    assert (answer.error_code, answer.expiry_timestamp_ms) == (errors.DELEGATION_TOKEN_NOT_FOUND, 0)
    answer = alice.call(ExpireDelegationToken, 2, hmac=b"", expiry_time_period_ms=-1)
    assert (answer.error_code, answer.expiry_timestamp_ms) == (errors.DELEGATION_TOKEN_NOT_FOUND, 0)


def test_what_has_expired_is_there_until_it_is_removed(alice, carol):
    token = alice.create()
    assert becomes(lambda: alice.expire(token, 0).error_code, errors.DELEGATION_TOKEN_EXPIRED)
    assert alice.renew(token) == carol.renew(token) == errors.DELEGATION_TOKEN_EXPIRED
    assert alice.expire(token, 1).error_code == errors.DELEGATION_TOKEN_EXPIRED
    assert carol.expire(token, 1).error_code == errors.DELEGATION_TOKEN_OWNER_MISMATCH
    assert alice.sees(token)
    assert alice.expire(token, -1, version=1).error_code == errors.NONE
    assert becomes(lambda: alice.expire(token, -1).error_code, errors.DELEGATION_TOKEN_NOT_FOUND)
    assert not alice.sees(token)


def test_one_for_somebody_else_is_his(alice, carol):
    token = alice.create(owner_principal_type="User", owner_principal_name="carol")
    assert (token.error_code, token.principal_name, token.token_requester_principal_name) == (errors.NONE, "carol", "alice")
    assert becomes(lambda: carol.renew(token) in range(DAY, DAY + 60_000), True)
    assert alice.renew(token) == errors.DELEGATION_TOKEN_OWNER_MISMATCH
    assert alice.expire(token, -1).error_code == errors.DELEGATION_TOKEN_OWNER_MISMATCH
    assert alice.sees(token, "carol") and alice.sees(token, "alice")


def test_an_owner_needs_a_type(alice):
    refused = alice.create(owner_principal_type=None, owner_principal_name="carol")
    assert (refused.error_code, refused.principal_name, refused.token_requester_principal_name) == (errors.UNKNOWN_SERVER_ERROR, "ANONYMOUS", "ANONYMOUS")
    own = alice.create(owner_principal_type="Role", owner_principal_name="")  # a type without a name is nobody else
    assert (own.error_code, own.principal_type, own.principal_name) == (errors.NONE, "User", "alice")


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_described_to_whom_it_concerns(alice, version):
    token = alice.create(renewers=[("User", "bob"), ("User", "b:ob")])
    assert becomes(lambda: alice.sees(token), True)
    told = alice.described("alice", version=version)[token.token_id]
    assert (told.principal_name, bytes(told.hmac), told.issue_timestamp) == ("alice", bytes(token.hmac), token.issue_timestamp_ms)
    assert (told.expiry_timestamp, told.max_timestamp) == (token.expiry_timestamp_ms, token.max_timestamp_ms)
    assert [(one.principal_type, one.principal_name) for one in told.renewers] == [("User", "bob"), ("User", "b:ob")]
    assert told.token_requester_principal_name == ("alice" if version >= 3 else "")


def test_owners_are_those_who_may_renew_it_too(alice):
    token = alice.create(renewers=[("User", "bob")])
    assert becomes(lambda: alice.sees(token), True)
    assert alice.sees(token, "bob") and not alice.sees(token, "carol")
    assert token.token_id in alice.described(all=True) and alice.described() == {}


def test_without_an_authorizer_everybody_sees_all(alice, carol):
    token = alice.create()
    assert becomes(lambda: token.token_id in carol.described(all=True), True)
    assert carol.sees(token, "alice")


# Logging in with one.


class Holder(User):
    """Who logs in with a token."""

    def __init__(self, bootstrap, token, mechanism, password=None, extensions=",tokenauth=true"):
        WireClient.__init__(self, bootstrap)
        password = password or base64.b64encode(token.hmac).decode()
        self.answer = scram(self, mechanism, token.token_id, password, extensions)


def known(user, token):
    """Once the broker has learned of it, and of its credentials."""
    host, port = user.socket.getpeername()

    def let_in():
        with Holder(f"{host}:{port}", token, "SCRAM-SHA-512") as holder, Holder(f"{host}:{port}", token, "SCRAM-SHA-256") as another:
            return not holder.answer.error_code and not another.answer.error_code

    assert becomes(let_in, True)
    return token


@pytest.mark.parametrize("mechanism", HASHES)
def test_who_logs_in_with_one_is_its_owner_while_it_holds(bootstrap_tokens, alice, mechanism):
    token = known(alice, alice.create(owner_principal_type="User", owner_principal_name="carol", max_lifetime_ms=50_000))
    with Holder(bootstrap_tokens, token, mechanism) as carol:
        assert carol.answer.error_code == errors.NONE and 30_000 < carol.answer.session_lifetime_ms <= 50_000
        assert carol.call(Metadata, 9, topics=[]).brokers
        refused = carol.create()
        assert (refused.error_code, refused.principal_name) == (errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, "carol")
        assert carol.renew(token) == carol.expire(token, -1).error_code == errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
        assert carol.call(DescribeDelegationToken, 3, owners=None).error_code == errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED


@pytest.mark.parametrize("extensions, password", [
    (",tokenauth=true", "wrong"), ("", None), (",tokenauth=false", None), (",tokenauth=yes", None), (",token=true", None),
])  # fmt: skip
def test_who_does_not_know_its_hmac_or_does_not_say_that_it_is_one(bootstrap_tokens, alice, extensions, password):
    token = known(alice, alice.create())
    with Holder(bootstrap_tokens, token, "SCRAM-SHA-256", password, extensions) as nobody:
        assert nobody.answer.error_code == errors.SASL_AUTHENTICATION_FAILED
        assert nobody.answer.error_message == "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256"


def test_how_one_says_so_may_be_loud(bootstrap_tokens, alice):
    token = known(alice, alice.create())
    with Holder(bootstrap_tokens, token, "SCRAM-SHA-512", extensions=",tokenauth=TRUE") as holder:
        assert holder.answer.error_code == errors.NONE


def test_what_has_expired_lets_one_in_for_no_time(bootstrap_tokens, alice):
    """As long as nobody has taken it away."""
    token = known(alice, alice.create())
    assert becomes(lambda: alice.expire(token, 0).error_code, errors.DELEGATION_TOKEN_EXPIRED)
    assert becomes(lambda: alice.described("alice")[token.token_id].expiry_timestamp < token.expiry_timestamp_ms, True)
    with Holder(bootstrap_tokens, token, "SCRAM-SHA-256") as holder:
        assert (holder.answer.error_code, holder.answer.session_lifetime_ms) == (errors.NONE, 0)
        with pytest.raises(OSError):
            while holder.call(Metadata, 9, topics=[]):  # until a millisecond has gone by
                pass


def test_what_is_gone_lets_nobody_in(bootstrap_tokens, alice):
    token = known(alice, alice.create())
    assert alice.expire(token, -1).error_code == errors.NONE
    assert becomes(lambda: alice.sees(token), False)
    with Holder(bootstrap_tokens, token, "SCRAM-SHA-256") as nobody:
        assert nobody.answer.error_code == errors.SASL_AUTHENTICATION_FAILED


# With an authorizer.

TOKEN, USER = 6, 7
DESCRIBE, CREATE_TOKENS, DESCRIBE_TOKENS = 8, 13, 14


@pytest.fixture
def admin(bootstrap_users):
    with User(bootstrap_users, "admin") as admin:
        yield admin
        delete(admin, {"kind": TOKEN}, {"kind": USER})


@pytest.fixture
def of_bob(bootstrap_users, admin):
    with User(bootstrap_users, "bob") as bob:
        token = bob.create(renewers=[("User", "alice")])
        assert becomes(lambda: bob.sees(token), True)
        yield token


def test_one_for_somebody_else_needs_the_right_to(bootstrap_users, admin):
    with User(bootstrap_users, "alice") as alice:
        for_bob = {"owner_principal_type": "User", "owner_principal_name": "bob"}
        refused = alice.create(**for_bob)
        assert (refused.error_code, refused.principal_name, refused.expiry_timestamp_ms) == (errors.DELEGATION_TOKEN_AUTHORIZATION_FAILED, "bob", -1)
        create(admin, acl("User:bob", USER, principal="User:alice", operation=CREATE_TOKENS))
        assert becomes(lambda: alice.create(**for_bob).error_code, errors.NONE)
        assert alice.create(owner_principal_type="User", owner_principal_name="carol").error_code == errors.DELEGATION_TOKEN_AUTHORIZATION_FAILED
        assert alice.create().error_code == errors.NONE  # for oneself nobody needs any


@pytest.mark.parametrize("kind, operation", [(TOKEN, DESCRIBE), (USER, DESCRIBE_TOKENS)])
def test_whom_it_does_not_concern_needs_the_right_to_see_it(bootstrap_users, admin, of_bob, kind, operation):
    name = of_bob.token_id if kind == TOKEN else "User:bob"
    with User(bootstrap_users, "carol") as carol, User(bootstrap_users, "alice") as alice:
        assert of_bob.token_id not in carol.described(all=True)
        assert alice.sees(of_bob)  # who may renew it sees it
        create(admin, acl(name, kind, principal="User:carol", operation=operation))
        assert becomes(lambda: of_bob.token_id in carol.described(all=True), True)
        assert carol.sees(of_bob, "alice") and not carol.sees(of_bob, "carol")
        assert carol.renew(of_bob) == errors.DELEGATION_TOKEN_OWNER_MISMATCH


# On a listener that asks nobody who he is.


@pytest.mark.parametrize("version", [1, 2, 3])
def test_no_token_is_made_without_authentication(client, version):
    answer = client.call(CreateDelegationToken, version, renewers=[], max_lifetime_ms=-1)
    assert (answer.error_code, answer.principal_type, answer.principal_name) == (errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, "User", "ANONYMOUS")
    assert (answer.issue_timestamp_ms, answer.expiry_timestamp_ms, answer.max_timestamp_ms, answer.token_id, answer.hmac) == (-1, -1, -1, "", b"")
    assert answer.token_requester_principal_name == ("ANONYMOUS" if version >= 3 else "")


def test_no_token_is_made_for_somebody_else(client):
    answer = client.call(CreateDelegationToken, 3, owner_principal_type="User", owner_principal_name="bob", renewers=[], max_lifetime_ms=-1)
    assert (answer.error_code, answer.principal_name, answer.token_requester_principal_name) == (
        errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, "bob", "ANONYMOUS",
    )  # fmt: skip
    answer = client.call(CreateDelegationToken, 3, owner_principal_type=None, owner_principal_name="bob", renewers=[], max_lifetime_ms=-1)
    assert (answer.error_code, answer.principal_name) == (errors.UNKNOWN_SERVER_ERROR, "ANONYMOUS")


def test_tokens_are_neither_renewed_nor_expired_nor_told(client):
    refused = errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
    answer = client.call(RenewDelegationToken, 2, hmac=b"x", renew_period_ms=1)
    assert (answer.error_code, answer.expiry_timestamp_ms) == (refused, -1)
    answer = client.call(ExpireDelegationToken, 2, hmac=b"x", expiry_time_period_ms=1)
    assert (answer.error_code, answer.expiry_timestamp_ms) == (refused, -1)
    for version in (1, 2, 3):
        for owners in (None, []):
            answer = client.call(DescribeDelegationToken, version, owners=owners)
            assert (answer.error_code, answer.tokens) == (refused, [])
