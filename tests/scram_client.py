"""The client's half of SCRAM (RFC 5802): its two messages, and a log-in of a WireClient by them."""

import base64
import hashlib
import hmac

from wire import errors
from wire.apis.sasl import SaslAuthenticate, SaslHandshake

S256, S512 = "SCRAM-SHA-256", "SCRAM-SHA-512"
HASHES = {S256: "sha256", S512: "sha512"}


def scram_first(user, nonce="abc", authzid=None, extensions="", reserved=""):
    name = user.replace("=", "=3D").replace(",", "=2C")
    return f"n,{'' if authzid is None else 'a=' + authzid},{reserved}n={name},r={nonce}{extensions}".encode()


def salted(mechanism, password, salt, iterations):
    return hashlib.pbkdf2_hmac(HASHES[mechanism], password.encode(), salt, iterations)


def scram_final(mechanism, password, first_bare, told, channel="biws", nonce=None, extensions="", without=None, proof=None):
    """`first_bare`: what is signed of the first message; `without(fields)`: of this one, where that is not what stands there;
    `proof(right)`: what is sent in place of the right one."""
    fields = _fields(told)
    name = HASHES[mechanism]
    key = salted(mechanism, password, base64.b64decode(fields["s"]), int(fields["i"]))
    client_key = hmac.digest(key, b"Client Key", name)
    begin = f"c={channel},r={nonce or fields['r']}"
    signed = f"{first_bare},{told.decode()},{without(fields) if without else begin}".encode()
    signature = hmac.digest(hashlib.new(name, client_key).digest(), signed, name)
    right = bytes(a ^ b for a, b in zip(client_key, signature))
    sent = right if proof is None else proof(right)
    return f"{begin}{extensions},p={base64.b64encode(sent).decode()}".encode()


def scram(client, mechanism, name, password, extensions="", version=2):
    """The last answer of SaslAuthenticate: with an error, or when the server has proved that it knows the password, too."""
    assert client.call(SaslHandshake, 1, mechanism=mechanism).error_code == errors.NONE
    first = scram_first(name, extensions=extensions)
    told = client.call(SaslAuthenticate, version, auth_bytes=first)
    if told.error_code:
        return told
    challenge, bare = bytes(told.auth_bytes), first.decode().removeprefix("n,,")
    final = scram_final(mechanism, password, bare, challenge)
    answer = client.call(SaslAuthenticate, version, auth_bytes=final)
    if not answer.error_code:
        signed = f"{bare},{challenge.decode()},{final.decode().rpartition(',p=')[0]}".encode()
        assert bytes(answer.auth_bytes) == b"v=" + base64.b64encode(_server_signature(mechanism, password, challenge, signed))
    return answer


def _server_signature(mechanism, password, challenge, signed):
    fields, digest = _fields(challenge), HASHES[mechanism]
    key = salted(mechanism, password, base64.b64decode(fields["s"]), int(fields["i"]))
    return hmac.digest(hmac.digest(key, b"Server Key", digest), signed, digest)


def _fields(challenge):
    return dict(part.split("=", 1) for part in challenge.decode().split(","))
