"""Logging in at a broker: PLAIN (RFC 4616), SCRAM (RFC 5802) and OAUTHBEARER (RFC 7628) from the client's side, as requests of Kafka's protocol.

SaslAuthenticate is asked in version 0, which tells the broker that nobody here authenticates again (KIP-368): it then does
not end the connection when a session's lifetime is over.
"""

import base64
import hashlib
import hmac
import itertools
import secrets

from gevent import get_hub

from emulator.runtime.upstream.exchange import ask
from emulator.runtime.upstream.tokens import NoToken
from wire.apis.sasl import SaslAuthenticate, SaslHandshake

_HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
MECHANISMS = ("PLAIN", *_HASHES, "OAUTHBEARER")
_LEAST_ITERATIONS, _MOST_ITERATIONS = 4096, 1_000_000  # Kafka's least; more than it would ever ask


class Refusal(Exception):
    """The broker does not let us in, or is not who it says."""


class Login:
    """`log_in(sock, host)` by `mechanism`, one of MECHANISMS; `_converse(say)` says what is said, and hears what is told."""

    def __init__(self, mechanism):
        self._mechanism = mechanism

    def log_in(self, sock, host):
        """Raises Refusal, OSError."""
        numbers = itertools.count(2)
        answer = ask(sock, SaslHandshake, 1, 1, mechanism=self._mechanism)
        if answer.error_code:
            raise Refusal(f"it knows no {self._mechanism}; there are {', '.join(answer.mechanisms) or 'none'}")

        def say(token):
            answer = ask(sock, SaslAuthenticate, 0, next(numbers), auth_bytes=token)
            if answer.error_code:
                raise Refusal(answer.error_message or f"authentication failed (error {answer.error_code})")
            return answer.auth_bytes

        self._converse(say)


class PlainLogin(Login):
    def __init__(self, username, password):
        super().__init__("PLAIN")
        self._username = username
        self._password = password

    def _converse(self, say):
        say(b"\0".join((b"", self._username.encode(), self._password.encode())))


class ScramLogin(Login):
    """`by_token`: they are the id and the HMAC of a delegation token (KIP-48). `nonce()`: text that never comes twice."""

    def __init__(self, mechanism, username, password, by_token=False, nonce=lambda: secrets.token_urlsafe(24)):
        super().__init__(mechanism)
        self._username = username
        self._password = password
        self._extensions = ",tokenauth=true" if by_token else ""
        self._nonce = nonce
        self._salted = {}  # what takes long to compute: every connection needs it again

    def _converse(self, say):
        digest = _HASHES[self._mechanism]
        nonce = self._nonce()
        name = self._username.replace("=", "=3D").replace(",", "=2C")
        first = f"n={name},r={nonce}{self._extensions}"
        told = say(f"n,,{first}".encode())
        fields = _fields(told)
        try:
            combined, salt, iterations = fields["r"], base64.b64decode(fields["s"]), int(fields["i"])
        except (KeyError, ValueError):
            raise Refusal("its SCRAM challenge cannot be read") from None
        if not combined.startswith(nonce) or combined == nonce:
            raise Refusal("its SCRAM challenge is no answer to ours")
        if not _LEAST_ITERATIONS <= iterations <= _MOST_ITERATIONS:
            raise Refusal(f"it asks for {iterations} iterations of {self._mechanism}")
        salted = self._salt(digest, salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", digest)
        final = f"c=biws,r={combined}"
        signed = ",".join((first, told.decode(), final)).encode()
        signature = hmac.digest(hashlib.new(digest, client_key).digest(), signed, digest)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        last = _fields(say(f"{final},p={base64.b64encode(proof).decode()}".encode()))
        if "e" in last:
            raise Refusal(f"SCRAM failed: {last['e']}")
        expected = hmac.digest(hmac.digest(salted, b"Server Key", digest), signed, digest)
        if not hmac.compare_digest(last.get("v", "").encode(), base64.b64encode(expected)):
            raise Refusal("it could not prove that it knows the password")

    def _salt(self, digest, salt, iterations):
        key = salt, iterations
        if key not in self._salted:
            work = hashlib.pbkdf2_hmac, (digest, self._password.encode(), salt, iterations)
            salted = get_hub().threadpool.apply(*work)
            self._salted = {key: salted}
        return self._salted[key]


class BearerLogin(Login):
    """`tokens`: one of tokens.py; `extensions`: {name: text} that go with it (KIP-342)."""

    def __init__(self, tokens, extensions):
        super().__init__("OAUTHBEARER")
        self._tokens = tokens
        self._extensions = extensions

    def _converse(self, say):
        try:
            token = self._tokens.token()
        except NoToken as error:
            raise Refusal(f"there is no token to log in with: {error}") from None
        pairs = {"auth": f"Bearer {token}", **self._extensions}
        refusal = say("\x01".join(["n,,", *(f"{name}={text}" for name, text in pairs.items()), "", ""]).encode())
        if refusal:
            say(b"\x01")  # now it says so with an error
            raise Refusal("it refuses the token, and then does not")


def _fields(message):
    """{"r": ...} of "r=...,s=..."."""
    try:
        return dict(part.split("=", 1) for part in message.decode().split(",") if "=" in part)
    except UnicodeDecodeError:
        return {}
