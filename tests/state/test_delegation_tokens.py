"""Traces of delegation tokens: alice owns, bob may renew, carol has nothing to do with it."""

import base64
import hashlib
import hmac
from random import Random

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.delegation_tokens import DelegationTokens
from emulator.state.metadata import Metadata
from emulator.state.principals import Principal
from wire import errors
from wire.errors import KafkaError

ALICE, BOB, CAROL = (Principal("User", name) for name in ("alice", "bob", "carol"))
DAY, HOUR = 86_400_000, 3_600_000
KEY = "secret of the cluster"


class Cluster:
    """`tokens` on a clock by hand; `restart` makes them again of what was kept."""

    def __init__(self, metadata=None, time=None, seed=1, **configs):
        configs = {name.replace("_", "."): value for name, value in configs.items()}
        self.metadata = metadata or Metadata()
        self.time = time or VirtualClock(1000)
        settings = parse_broker_settings({"delegation.token.secret.key": KEY, **configs})
        self.tokens = DelegationTokens(settings, self.metadata, self.time, Random(seed))

    def create(self, owner=ALICE, requester=None, renewers=(), max_lifetime_ms=-1):
        return self.tokens.create(owner, requester or owner, renewers, max_lifetime_ms)

    def hmac(self, token):
        return self.tokens.hmac(token.id)

    def restart(self, **configs):
        kept = Metadata()
        kept.load(self.metadata.entries())
        return Cluster(kept, VirtualClock(self.time.now()), **configs)


@pytest.fixture
def cluster():
    return Cluster()


def refused(error):
    return pytest.raises(KafkaError, match=errors.Error(error).name)


def test_a_token_is_a_random_id_and_its_hmac(cluster):
    token = cluster.create()
    assert cluster.hmac(token) == hmac.new(KEY.encode(), token.id.encode(), hashlib.sha512).digest()
    assert len(base64.urlsafe_b64decode(token.id + "==")) == 16
    assert (token.owner, token.requester, token.issued, token.expiry, token.max) == (ALICE, ALICE, 1000, 1000 + DAY, 1000 + 7 * DAY)
    assert cluster.create().id != token.id
    assert Cluster().create().id == token.id  # of the same seed


@pytest.mark.parametrize("asked, lifetime, expiry", [
    (-1, 7 * DAY, DAY), (0, 7 * DAY, DAY), (1, 1, 1), (2 * DAY, 2 * DAY, DAY), (8 * DAY, 7 * DAY, DAY), (2**63 - 1, 7 * DAY, DAY),
])  # fmt: skip
def test_how_long_it_lives(cluster, asked, lifetime, expiry):
    token = cluster.create(max_lifetime_ms=asked)
    assert (token.max, token.expiry) == (1000 + lifetime, 1000 + expiry)


def test_a_lifetime_beyond_all_time_ends_with_it():
    token = Cluster(delegation_token_max_lifetime_ms=2**63 - 1, delegation_token_expiry_time_ms=2**63 - 1).create()
    assert (token.max, token.expiry) == (2**63 - 1, 2**63 - 1)


def test_owner_and_renewers_renew_it(cluster):
    token = cluster.create(renewers=[BOB])
    cluster.time.advance(HOUR)
    now = cluster.time.now()
    assert cluster.tokens.renew(ALICE, cluster.hmac(token), -1) == now + DAY
    assert cluster.tokens.renew(BOB, cluster.hmac(token), HOUR) == now + HOUR == cluster.tokens.get(token.id).expiry
    assert cluster.tokens.renew(BOB, cluster.hmac(token), 2**63 - 1) == now + DAY  # delegation.token.expiry.time.ms at the most
    with refused(errors.DELEGATION_TOKEN_OWNER_MISMATCH):
        cluster.tokens.renew(CAROL, cluster.hmac(token), -1)
    with refused(errors.DELEGATION_TOKEN_NOT_FOUND):
        cluster.tokens.renew(ALICE, b"no hmac", -1)


def test_nobody_renews_it_beyond_its_lifetime(cluster):
    token = cluster.create(max_lifetime_ms=HOUR)
    cluster.time.advance(HOUR - 10)
    assert cluster.tokens.renew(ALICE, cluster.hmac(token), -1) == token.max
    cluster.time.advance(11)
    for principal in (ALICE, CAROL):  # that it has expired is said to whoever knows its HMAC
        with refused(errors.DELEGATION_TOKEN_EXPIRED):
            cluster.tokens.renew(principal, cluster.hmac(token), -1)


def test_who_asked_for_it_for_somebody_else_neither_renews_nor_expires_it(cluster):
    token = cluster.create(owner=CAROL, requester=ALICE)
    assert [token.concerns(one) for one in (ALICE, BOB, CAROL)] == [True, False, True]
    with refused(errors.DELEGATION_TOKEN_OWNER_MISMATCH):
        cluster.tokens.renew(ALICE, cluster.hmac(token), -1)
    with refused(errors.DELEGATION_TOKEN_OWNER_MISMATCH):
        cluster.tokens.expire(ALICE, cluster.hmac(token), -1)
    assert cluster.tokens.renew(CAROL, cluster.hmac(token), 1) == 1001


def test_it_is_expired_now_or_later(cluster):
    token = cluster.create(renewers=[BOB])
    its_hmac = cluster.hmac(token)
    with refused(errors.DELEGATION_TOKEN_OWNER_MISMATCH):
        cluster.tokens.expire(CAROL, its_hmac, 1)
    assert cluster.tokens.expire(BOB, its_hmac, 8 * DAY) == token.max
    assert cluster.tokens.expire(ALICE, its_hmac, 0) == 1000
    assert cluster.tokens.renew(ALICE, its_hmac, -1) == 1000 + DAY  # what expires at this very moment has not yet
    assert cluster.tokens.expire(ALICE, its_hmac, 0) == 1000
    cluster.time.advance(1)
    with refused(errors.DELEGATION_TOKEN_EXPIRED):
        cluster.tokens.expire(ALICE, its_hmac, 1)
    with refused(errors.DELEGATION_TOKEN_OWNER_MISMATCH):
        cluster.tokens.expire(CAROL, its_hmac, 1)
    assert cluster.tokens.get(token.id)  # until somebody takes it away
    assert cluster.tokens.expire(ALICE, its_hmac, -1) == 1001
    assert cluster.tokens.get(token.id) is None and not cluster.tokens.all()
    with refused(errors.DELEGATION_TOKEN_NOT_FOUND):
        cluster.tokens.expire(ALICE, its_hmac, -1)


def test_expired_ones_are_removed_at_the_next_check(cluster):
    short, long = cluster.create(max_lifetime_ms=10), cluster.create()
    cluster.tokens.credential(short.id, 1)
    cluster.time.advance(HOUR - 1)
    assert [token.id for token in cluster.tokens.all()] == [token.id for token in (short, long)]
    cluster.time.advance(1)
    assert cluster.tokens.all() == [long] and cluster.tokens.credential(short.id, 1) is None
    assert cluster.time.tally == {"delegation tokens expired": 1}
    cluster.time.advance(7 * DAY)
    assert cluster.tokens.all() == [] and list(cluster.metadata.entries()) == []


def test_many_are_removed_a_thousand_at_a_time(cluster):
    for _ in range(2500):
        cluster.create(max_lifetime_ms=1)
    written = []
    cluster.metadata.on_written.append(lambda changes: written.append(len(changes)))
    cluster.time.advance(HOUR)
    assert written == [1000, 1000, 500] and not cluster.tokens.all()


def test_they_are_there_after_a_restart(cluster):
    token = cluster.create(owner=Principal("User", "a:b"), requester=ALICE, renewers=[BOB, CAROL])
    cluster.tokens.renew(BOB, cluster.hmac(token), HOUR)
    again = cluster.restart()
    assert again.tokens.all() == cluster.tokens.all() == [token._replace(expiry=1000 + HOUR)]
    assert again.tokens.credential(token.id, 1) == cluster.tokens.credential(token.id, 1)
    assert again.tokens.renew(CAROL, cluster.hmac(token), 2 * HOUR) == 1000 + 2 * HOUR
    kept = repr(list(again.metadata.entries()))
    assert token.id in kept and KEY not in kept and base64.b64encode(cluster.hmac(token)).decode() not in kept


def test_another_key_makes_all_hmacs_anew(cluster):
    token = cluster.create()
    again = cluster.restart(delegation_token_secret_key="another")
    with refused(errors.DELEGATION_TOKEN_NOT_FOUND):
        again.tokens.renew(ALICE, cluster.hmac(token), -1)
    assert again.tokens.renew(ALICE, again.hmac(token), -1) == token.expiry


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_there_are_none(cluster, key):
    token = cluster.create()
    without = cluster.restart(delegation_token_secret_key=key)
    for ask in (
        without.create,
        lambda: without.create(renewers=[Principal("Role", "x")]),
        lambda: without.tokens.renew(ALICE, cluster.hmac(token), -1),
        lambda: without.tokens.expire(ALICE, cluster.hmac(token), -1),
        without.tokens.all,
    ):
        with refused(errors.DELEGATION_TOKEN_AUTH_DISABLED):
            ask()
    assert without.tokens.get(token.id) is None and without.time.next_deadline() is None
    assert without.restart().tokens.all() == [token]  # they are kept for when there is one again


def test_only_users_renew(cluster):
    with refused(errors.INVALID_PRINCIPAL_TYPE):
        cluster.create(renewers=[BOB, Principal("Role", "operators")])
    assert not cluster.tokens.all()


@pytest.mark.parametrize("mechanism, name", [(1, "sha256"), (2, "sha512")])
def test_its_scram_password_is_its_hmac_in_base64(cluster, mechanism, name):
    token = cluster.create()
    found = cluster.tokens.credential(token.id, mechanism)
    salted = hashlib.pbkdf2_hmac(name, base64.b64encode(cluster.hmac(token)), found.salt, found.iterations)
    assert hashlib.new(name, hmac.digest(salted, b"Client Key", name)).digest() == found.stored_key
    assert hmac.digest(salted, b"Server Key", name) == found.server_key and found.iterations == 4096
    assert cluster.tokens.credential(token.id, mechanism) is found and cluster.tokens.credential("nobody's", mechanism) is None
    assert found.salt not in (cluster.tokens.credential(cluster.create().id, mechanism).salt, cluster.tokens.credential(token.id, 3 - mechanism).salt)


def test_what_the_journal_does_not_take_has_not_been(cluster):
    token = cluster.create(renewers=[BOB])

    def full(changes):
        raise KafkaError(errors.KAFKA_STORAGE_ERROR)

    cluster.metadata._journal = full
    for ask in (
        cluster.create,
        lambda: cluster.tokens.renew(BOB, cluster.hmac(token), HOUR),
        lambda: cluster.tokens.expire(BOB, cluster.hmac(token), -1),
    ):
        with refused(errors.KAFKA_STORAGE_ERROR):
            ask()
    assert cluster.tokens.all() == [token]
    cluster.time.advance(2 * DAY)
    assert cluster.tokens.all() == [token]
    cluster.metadata._journal = None
    cluster.time.advance(HOUR)
    assert cluster.tokens.all() == []
