"""SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802): who knows a password proves it, and the server that it knows what that proves.

What is read of a message, and what is not, is as in ScramMessages and ScramSaslServer.
"""

import base64
import hashlib
import hmac
import re
from typing import NamedTuple

from emulator.state.principals import USER, Principal
from emulator.state.sasl.mechanism import AuthenticationFailed, Mechanism, Unanswered
from emulator.state.scram import MECHANISMS, Credential

_HASHES = {1: "sha256", 2: "sha512"}
_NUMBERS = {name: number for number, name in MECHANISMS.items()}
_LEAST_ITERATIONS = 4096

_VALUE, _PRINTABLE = r"[\x01-\x2b\x2d-\x7f]+", r"[\x21-\x2b\x2d-\x7e]+"
_NAME = r"(?:[\x01-\x2b\x2d-\x3c\x3e-\x7f]|=2C|=3D)+"
_BASE64 = r"(?:[a-zA-Z0-9/+]{4})*(?:[a-zA-Z0-9/+]{3}=|[a-zA-Z0-9/+]{2}==)?"
_EXTENSIONS = rf"(?:,[A-Za-z]+={_VALUE})*"
_FIRST = re.compile(rf"n,(?:a=(?P<authzid>{_NAME}))?,(?:m={_VALUE},)?n=(?P<name>{_NAME}),r=(?P<nonce>{_PRINTABLE})(?P<extensions>{_EXTENSIONS})")
_FINAL = re.compile(rf"c=(?P<channel>{_BASE64}),r=(?P<nonce>{_PRINTABLE}){_EXTENSIONS},p=(?P<proof>{_BASE64})")
_LONGEST = 10_000  # bytes of a message: more is no name and no nonce


class Account(NamedTuple):
    """What a name stands for: a Credential of state.scram, who it is, until when it holds (ms, or None)."""

    credential: Credential
    principal: Principal
    lifetime_ms: int | None = None


class Scram(Mechanism):
    """`find(name, number, by_token)` gives an Account or None; `nonce()`: printable text that nobody can foresee."""

    def __init__(self, mechanism, find, nonce):
        super().__init__()
        self._number = _NUMBERS[mechanism]
        self._find = find
        self._make_nonce = nonce
        self._account = None
        self._first = self._told = None

    def evaluate(self, token):
        if len(token) > _LONGEST:
            raise AuthenticationFailed
        message = token.decode("utf-8", "replace")
        return self._take_first(message) if self._first is None else self._take_final(message)

    def _take_first(self, message):
        match = _FIRST.fullmatch(message)
        if match is None:
            raise AuthenticationFailed
        name = match["name"].replace("=2C", ",").replace("=3D", "=")
        self.extensions = dict(part.split("=", 1) for part in match["extensions"].split(",")[1:])
        account = self._find(name, self._number, self.extensions.get("tokenauth", "").lower() == "true")
        if account is None:
            raise AuthenticationFailed
        if match["authzid"] not in (None, name):
            raise AuthenticationFailed("Authentication failed: Client requested an authorization id that is different from username")
        if account.credential.iterations < _LEAST_ITERATIONS:
            raise AuthenticationFailed
        # What is signed is not what stands there but what Kafka has understood of it (where extensions are several, in an order of chance).
        self._first = ",".join([f"n={match['name']},r={match['nonce']}", *(f"{key}={value}" for key, value in self.extensions.items())])
        self._account, self._nonce = account, match["nonce"] + self._make_nonce()
        self._told = f"r={self._nonce},s={base64.b64encode(account.credential.salt).decode()},i={account.credential.iterations}"
        return self._told.encode()

    def _take_final(self, message):
        match = _FINAL.fullmatch(message)
        if match is None or match["nonce"] != self._nonce:
            raise AuthenticationFailed
        name, credential = _HASHES[self._number], self._account.credential
        channel = base64.b64encode(base64.b64decode(match["channel"])).decode()
        signed = f"{self._first},{self._told},c={channel},r={self._nonce}".encode()
        signature, proof = hmac.digest(credential.stored_key, signed, name), base64.b64decode(match["proof"])
        if len(proof) != len(signature):
            raise Unanswered("a proof of another length than that of its hash")
        client_key = bytes(a ^ b for a, b in zip(signature, proof))
        if not hmac.compare_digest(hashlib.new(name, client_key).digest(), credential.stored_key):
            raise AuthenticationFailed
        self.is_complete = True
        self.principal, self.lifetime_ms = self._account.principal, self._account.lifetime_ms
        return b"v=" + base64.b64encode(hmac.digest(credential.server_key, signed, name))


def finder(credentials, tokens):
    """`find` of Scram, in ScramCredentials and DelegationTokens."""

    def find(name, number, by_token):
        if by_token:
            token = tokens.get(name)
            return token and Account(tokens.credential(name, number), token.owner._replace(by_token=True), token.expiry)
        credential = credentials.get(name, number)
        return credential and Account(credential, Principal(USER, name))

    return find
