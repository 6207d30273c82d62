"""The example of RFC 7677, and what is not like it."""

import base64
import hashlib

import pytest

from emulator.state.principals import Principal
from emulator.state.sasl.mechanism import AuthenticationFailed, Unanswered
from emulator.state.sasl.scram import Account, Scram
from emulator.state.scram import credential

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
NONCE = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CHALLENGE = f"r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode()
PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
FINAL = f"c=biws,r={NONCE},p={PROOF}".encode()
LAST = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def account(iterations=4096, number=1, digest="sha256", **more):
    salted = hashlib.pbkdf2_hmac(digest, b"pencil", SALT, iterations)
    return Account(credential(number, SALT, salted, iterations), Principal("User", "user"), **more)


def scram(found=None, mechanism="SCRAM-SHA-256", asked=None):
    def find(*what):
        if asked is not None:
            asked.append(what)
        return found

    return Scram(mechanism, find, lambda: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")


def refused(server, token):
    with pytest.raises(AuthenticationFailed) as failed:
        server.evaluate(token)
    assert not server.is_complete
    return failed.value.message


def test_both_prove_that_they_know():
    server = scram(account())
    assert server.evaluate(FIRST) == CHALLENGE and not server.is_complete
    assert server.evaluate(FINAL) == LAST
    assert server.is_complete and server.principal == Principal("User", "user") and server.lifetime_ms is None


def test_a_name_is_written_without_commas_and_equals_signs():
    asked = []
    scram(account(), asked=asked).evaluate(b"n,,n=a=2Cb=3Dc,r=abc")
    scram(account(), "SCRAM-SHA-512", asked).evaluate(b"n,,n=id,r=abc,tokenauth=true,more=1")
    assert asked == [("a,b=c", 1, False), ("id", 2, True)]


def test_a_token_is_its_owner_for_a_while():
    owner = Principal("User", "owner", by_token=True)
    server = scram(account(lifetime_ms=5000)._replace(principal=owner))
    server.evaluate(FIRST)
    server.evaluate(FINAL)
    assert server.principal.by_token and server.lifetime_ms == 5000


@pytest.mark.parametrize("token", [
    b"", b"n,,n=user", b"n,,n=,r=abc", b"y,,n=user,r=abc", b"p=tls-unique,,n=user,r=abc", b"n,,n=us=er,r=abc", b"n,,n=user,r=a,b", b"n,,n=user,r=a b",
    b"n,,n=user,r=" + b"a" * 20_000, b"\xff\xfe", b"n,,n=us\xc3\xa9r,r=abc",
])  # fmt: skip
def test_what_is_no_first_message(token):
    assert refused(scram(account()), token) is None


@pytest.mark.parametrize("final", [
    FINAL.replace(b"dHzb", b"eHzb"), FINAL.replace(NONCE.encode(), b"rOprNGfwEbeRWgbNEkqO"), FINAL.replace(b"c=biws", b"c=b,ws"),
    f"c=biws,r={NONCE}".encode(), FIRST, b"",
])  # fmt: skip
def test_what_proves_nothing(final):
    server = scram(account())
    server.evaluate(FIRST)
    assert refused(server, final) is None


@pytest.mark.parametrize("proof", ["", "AAAA", "A" * 44])
def test_what_is_no_proof_kafka_stumbles_over(proof):
    server = scram(account())
    server.evaluate(FIRST)
    with pytest.raises(Unanswered):
        server.evaluate(f"c=biws,r={NONCE},p={proof}".encode())


def test_who_is_not_there_is_refused_as_who_does_not_know():
    assert refused(scram(None), FIRST) is None
    assert refused(scram(account(iterations=4095)), FIRST) is None
    assert "authorization id that is different" in refused(scram(account()), b"n,a=other,n=user,r=abc")
