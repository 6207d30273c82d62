"""Delegation tokens (KIP-48, KIP-373, KIP-900): who logs in with one is its owner, without the owner's password.

A token is a random id and the HMAC of that id with the cluster's secret key: user and password of a SCRAM log-in. What is kept
of it says whose it is and until when; its HMAC is worked out anew each time.
Source: DelegationTokenControlManager, DelegationTokenManager, TokenInformation of 4.3.1.
"""

import base64
import hashlib
import hmac
from typing import NamedTuple

from emulator.state.cluster.ids import new_uuid, uuid_text
from emulator.state.java import hash_order, string_hash
from emulator.state.principals import USER, Principal
from emulator.state.scram import MECHANISMS, credential
from wire.errors import (
    DELEGATION_TOKEN_AUTH_DISABLED, DELEGATION_TOKEN_EXPIRED, DELEGATION_TOKEN_NOT_FOUND, DELEGATION_TOKEN_OWNER_MISMATCH,
    INVALID_PRINCIPAL_TYPE, KafkaError,
)  # fmt: skip

_MAX_REMOVED = 1000  # of one change
_ITERATIONS = 4096  # the fewest that SCRAM allows: a token is no password that anybody could guess
_MAX_LONG = 2**63 - 1


class Token(NamedTuple):
    """`owner` is who logs in with it, `requester` who asked for it: Principals, as are the `renewers`. Times in ms on `time`."""

    id: str
    owner: Principal
    requester: Principal
    renewers: tuple
    issued: int
    max: int
    expiry: int

    def concerns(self, principal):
        return principal in (self.owner, self.requester) or principal in self.renewers

    def is_expired(self, now):
        return self.max < now or self.expiry < now


class DelegationTokens:
    """The tokens of a cluster, in the metadata table `delegation_tokens`; expired ones are removed each
    delegation.token.expiry.check.interval.ms. Without a delegation.token.secret.key there are none.
    """

    def __init__(self, settings, metadata, time, random):
        self._secret_key = (settings.delegation_token_secret_key or "").encode()
        self._max_lifetime_ms = settings.delegation_token_max_lifetime_ms
        self._expiry_time_ms = settings.delegation_token_expiry_time_ms
        self._check_interval_ms = settings.delegation_token_expiry_check_interval_ms
        self._metadata = metadata
        self._table = metadata.table("delegation_tokens")
        self._time = time
        self._random = random
        self._credentials = {}  # (token id, mechanism) -> Credential, of those that have logged in
        self._tokens = {}
        self._by_hmac = {}
        if self.is_enabled:
            for token_id, row in self._table.items():
                self._take(_read(token_id, row))
            time.after(self._check_interval_ms, self._sweep)

    @property
    def is_enabled(self):
        return bool(self._secret_key)

    def get(self, token_id):
        """The Token, expired ones until they are removed, or None."""
        return self._tokens.get(token_id)

    def hmac(self, token_id):
        """The 64 bytes that prove the possession of a token: HmacSHA512 of its id."""
        return hmac.digest(self._secret_key, token_id.encode(), "sha512")

    def credential(self, token_id, mechanism):
        """The SCRAM Credential of a token for a mechanism (1: SHA-256, 2: SHA-512), or None: its password is its HMAC in base64."""
        if token_id not in self._tokens:
            return None
        found = self._credentials.get((token_id, mechanism))
        if found is None:
            found = self._credentials[token_id, mechanism] = self._make_credential(token_id, mechanism)
        return found

    # -- what clients ask for ----------------------------------------------------------------------

    def create(self, owner, requester, renewers, max_lifetime_ms):
        """A new Token for a Principal. `max_lifetime_ms`: 0 or less is the longest there is. Raises KafkaError."""
        self._check_enabled()
        if any(renewer.type != USER for renewer in renewers):
            raise KafkaError(INVALID_PRINCIPAL_TYPE)
        now = self._time.now()
        longest = self._max_lifetime_ms
        most = _sum(now, min(longest, max_lifetime_ms) if max_lifetime_ms > 0 else longest)
        token_id = uuid_text(new_uuid(self._random))
        return self._put(Token(token_id, owner, requester, tuple(renewers), now, most, min(most, _sum(now, self._expiry_time_ms))))

    def renew(self, principal, its_hmac, period_ms):
        """Until when (ms) the token of that HMAC holds from now on. `period_ms`: 0 or less is delegation.token.expiry.time.ms. Raises KafkaError."""
        token, now = self._find(its_hmac), self._time.now()
        if token.is_expired(now):
            raise KafkaError(DELEGATION_TOKEN_EXPIRED)
        _check_renewer(token, principal)
        usual = self._expiry_time_ms
        expiry = min(token.max, _sum(now, min(usual, period_ms) if period_ms > 0 else usual))
        return self._put(token._replace(expiry=expiry)).expiry

    def expire(self, principal, its_hmac, period_ms):
        """Until when (ms) the token of that HMAC holds from now on; with a `period_ms` below 0 it is gone at once. Raises KafkaError."""
        token, now = self._find(its_hmac), self._time.now()
        _check_renewer(token, principal)
        if period_ms < 0:
            self._remove([token.id])
            return now
        if token.is_expired(now):
            raise KafkaError(DELEGATION_TOKEN_EXPIRED)
        return self._put(token._replace(expiry=min(token.max, _sum(now, period_ms)))).expiry

    def all(self):
        """[Token] in the order of Kafka's hash map. Raises KafkaError when there can be none."""
        self._check_enabled()
        return [self._tokens[token_id] for token_id in hash_order(self._tokens, string_hash)]

    # -- how they are kept -------------------------------------------------------------------------

    def _check_enabled(self):
        if not self.is_enabled:
            raise KafkaError(DELEGATION_TOKEN_AUTH_DISABLED)

    def _find(self, its_hmac):
        self._check_enabled()
        token_id = self._by_hmac.get(bytes(its_hmac))
        if token_id is None:
            raise KafkaError(DELEGATION_TOKEN_NOT_FOUND)
        return self._tokens[token_id]

    def _put(self, token):
        self._table.put(token.id, [str(token.owner), str(token.requester), [str(one) for one in token.renewers], *token[4:]])
        return self._take(token)

    def _take(self, token):
        self._tokens[token.id] = token
        self._by_hmac[self.hmac(token.id)] = token.id
        return token

    def _remove(self, token_ids):
        with self._metadata:
            for token_id in token_ids:
                self._table.remove(token_id)
        for token_id in token_ids:
            del self._tokens[token_id], self._by_hmac[self.hmac(token_id)]
            for mechanism in MECHANISMS:
                self._credentials.pop((token_id, mechanism), None)

    def _sweep(self):
        now = self._time.now()
        expired = [token.id for token in self._tokens.values() if token.is_expired(now)]
        try:
            self._remove(expired[:_MAX_REMOVED])
            self._time.happened("delegation tokens expired", min(len(expired), _MAX_REMOVED))
        except KafkaError:
            expired = ()  # what cannot be written now is tried again at the next check
        if len(expired) > _MAX_REMOVED:
            self._time.soon(self._sweep)
        else:
            self._time.after(self._check_interval_ms, self._sweep)

    def _make_credential(self, token_id, mechanism):
        name = {1: "sha256", 2: "sha512"}[mechanism]
        its_hmac = self.hmac(token_id)
        salt = hmac.digest(its_hmac, name.encode(), "sha256")  # the same after a restart, and tells nobody the HMAC
        salted = hashlib.pbkdf2_hmac(name, base64.b64encode(its_hmac), salt, _ITERATIONS)
        return credential(mechanism, salt, salted, _ITERATIONS)


def _check_renewer(token, principal):
    """Who asked for it for somebody else may neither renew nor expire it (KIP-373)."""
    if principal != token.owner and principal not in token.renewers:
        raise KafkaError(DELEGATION_TOKEN_OWNER_MISMATCH)


def _read(token_id, row):
    owner, requester, renewers, *times = row
    return Token(token_id, _principal(owner), _principal(requester), tuple(map(_principal, renewers)), *times)


def _principal(text):
    kind, _, name = text.partition(":")
    return Principal(kind, name)


def _sum(now, duration):
    return min(now + duration, _MAX_LONG)
