"""What may come when at a listener with SASL, and what becomes of it: each line is asked of real Kafka, too."""

import struct

import pytest

from tests.api.sasl_session import Session, framed, plain, scram
from tests.scram_client import S256, S512, scram_first
from wire.apis.data import Produce

FAILED = "SASL_AUTHENTICATION_FAILED"
WRONG_AGAIN = f"{FAILED}: Authentication failed during re-authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512"
TOO_LATE = "ILLEGAL_SASL_STATE: SaslAuthenticate request received after successful authentication"
UNSUPPORTED = "UNSUPPORTED_SASL_MECHANISM PLAIN,SCRAM-SHA-512,SCRAM-SHA-256,OAUTHBEARER"


def produce(s, acks):
    return s.client.frame(Produce, 9, Produce.Request(acks=acks, timeout_ms=1))


TRACES = {
    "plain v0": (lambda s: s.handshake().token(plain(), 0).ask(), "shaken > in > served"),
    "plain v1": (lambda s: s.handshake().token(plain(), 1).ask(), "shaken > in > served"),
    "plain with its authorization id": (lambda s: s.handshake().token(plain(authzid="alice")).ask(), "shaken > in > served"),
    "plain with that of another": (lambda s: s.handshake().token(plain(authzid="bob")).end(), f"shaken > {FAILED}: Authentication failed: Client requested an authorization id that is different from username > closed"),
    "plain with that of another and a wrong password": (lambda s: s.handshake().token(plain(authzid="bob", password="x")).end(), f"shaken > {FAILED}: Authentication failed: Invalid username or password > closed"),
    "plain empty": (lambda s: s.handshake().token(b"").end(), f"shaken > {FAILED}: Invalid SASL/PLAIN response: expected 3 tokens, got 1 > closed"),
    "plain one": (lambda s: s.handshake().token(b"alice").end(), f"shaken > {FAILED}: Invalid SASL/PLAIN response: expected 3 tokens, got 1 > closed"),
    "plain two": (lambda s: s.handshake().token(b"alice\0b").end(), f"shaken > {FAILED}: Invalid SASL/PLAIN response: expected 3 tokens, got 2 > closed"),
    "plain four": (lambda s: s.handshake().token(b"\0alice\0alice-secret\0").end(), f"shaken > {FAILED}: Invalid SASL/PLAIN response: expected 3 tokens, got 4 > closed"),
    "plain without a name": (lambda s: s.handshake().token(b"\0\0x").end(), f"shaken > {FAILED}: Authentication failed: username not specified > closed"),
    "plain without a password": (lambda s: s.handshake().token(b"\0alice\0").end(), f"shaken > {FAILED}: Authentication failed: password not specified > closed"),
    "plain not in UTF-8": (lambda s: s.handshake().token(b"\0\xff\xfe\0\xff").end(), f"shaken > {FAILED}: Authentication failed: Invalid username or password > closed"),
    "plain unknown user": (lambda s: s.handshake().token(plain("zoe", "zoe-secret")).end(), f"shaken > {FAILED}: Authentication failed: Invalid username or password > closed"),
    "plain and large": (lambda s: s.handshake().token(b"\0alice\0" + b"x" * 500000).end(), f"shaken > {FAILED}: Authentication failed: Invalid username or password > closed"),
    "raw wrong": (lambda s: s.handshake(version=0).raw_token(plain(password="x")), "shaken > closed"),
    "raw empty": (lambda s: s.handshake(version=0).raw_token(b""), "shaken > closed"),
    "as it is, and a token too many": (lambda s: s.handshake(version=0).raw_token(plain()).token(plain()).ask(), f"shaken > in > {TOO_LATE} > served"),
    "a request where a token as it is is due": (lambda s: s.handshake(version=0).token(plain()), "shaken > closed"),
    "as it is: a second handshake": (lambda s: s.handshake(version=0).handshake(version=1).end(), "shaken > closed > closed"),
    "a token as it is where a request is due": (lambda s: s.handshake().raw_token(plain()), "shaken > closed"),
    "shake twice": (lambda s: s.handshake().handshake().end(), "shaken > ILLEGAL_SASL_STATE > closed"),
    "shake then versions": (lambda s: s.handshake().versions().end(), "shaken > ILLEGAL_SASL_STATE > closed"),
    "shake then unknown versions": (lambda s: s.handshake().unknown_versions().end(), "shaken > ILLEGAL_SASL_STATE > closed"),
    "shake then versions bad name": (lambda s: s.handshake().versions(name="").end(), "shaken > ILLEGAL_SASL_STATE > closed"),
    "shake then produce": (lambda s: s.handshake().bytes(produce(s, acks=1)).end(), "shaken > 11 bytes > closed"),
    "shake then produce acks0": (lambda s: s.handshake().bytes(produce(s, acks=0)).end(), "shaken > closed > closed"),
    "produce first": (lambda s: s.bytes(produce(s, acks=1)).end(), "closed > closed"),
    "metadata first": (lambda s: s.ask().end(), "closed > closed"),
    "versions metadata": (lambda s: s.versions().ask().end(), "NONE > closed > closed"),
    "token first": (lambda s: s.token(plain()), "closed"),
    "versions token": (lambda s: s.versions().token(plain()), "NONE > closed"),
    "versions twice": (lambda s: s.versions().versions(), "NONE > closed"),
    "versions in an unknown version, then in one that there is": (lambda s: s.unknown_versions().unknown_versions().versions(2).handshake().token(plain()).ask(), "UNSUPPORTED_VERSION > UNSUPPORTED_VERSION > NONE > shaken > in > served"),
    "unknown versions handshake": (lambda s: s.unknown_versions().handshake().token(plain()).ask(), "UNSUPPORTED_VERSION > shaken > in > served"),
    "versions of a client without a name": (lambda s: s.versions(name="").versions(name="").handshake().token(plain()).ask(), "INVALID_REQUEST > INVALID_REQUEST > shaken > in > served"),
    "versions then unknown": (lambda s: s.versions().unknown_versions(), "NONE > closed"),
    "versions in version -1": (lambda s: s.unknown_versions(-1).versions(), "UNSUPPORTED_VERSION > NONE"),
    "mechanism gssapi": (lambda s: s.handshake("GSSAPI").end(), f"{UNSUPPORTED} > closed"),
    "mechanism empty": (lambda s: s.handshake("").end(), f"{UNSUPPORTED} > closed"),
    "mechanism lower": (lambda s: s.handshake("plain").end(), f"{UNSUPPORTED} > closed"),
    "mechanism gssapi v0": (lambda s: s.handshake("GSSAPI", 0).end(), f"{UNSUPPORTED} > closed"),
    "handshake v2": (lambda s: s.bytes(framed(struct.pack(">hhihh", 17, 2, 7, -1, 5) + b"PLAIN")).end(), "closed > closed"),
    "handshake v-1": (lambda s: s.bytes(framed(struct.pack(">hhihh", 17, -1, 7, -1, 5) + b"PLAIN")).end(), "closed > closed"),
    "handshake cut": (lambda s: s.bytes(framed(struct.pack(">hhihh", 17, 1, 7, -1, 9) + b"PLAIN")).end(), "closed > closed"),
    "handshake long": (lambda s: s.bytes(framed(struct.pack(">hhihh", 17, 1, 7, -1, 5) + b"PLAINmore")).token(plain()), "60 bytes > in"),
    "authenticate v3": (lambda s: s.handshake().bytes(framed(struct.pack(">hhih", 36, 3, 7, -1) + b"\0\1\0")).end(), "shaken > closed > closed"),
    "authenticate cut": (lambda s: s.handshake().bytes(framed(struct.pack(">hhih", 36, 1, 7, -1) + b"\0\0\0\x09abc")).end(), "shaken > closed > closed"),
    "authenticate null": (lambda s: s.handshake().bytes(framed(struct.pack(">hhih", 36, 1, 7, -1) + b"\xff\xff\xff\xff")).end(), "shaken > closed > closed"),
    "unknown key": (lambda s: s.bytes(framed(struct.pack(">hhih", 999, 0, 7, -1))).end(), "closed > closed"),
    "unknown key shaken": (lambda s: s.handshake().bytes(framed(struct.pack(">hhih", 999, 0, 7, -1))).end(), "shaken > closed > closed"),
    "http": (lambda s: s.bytes(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "closed"),
    "tls": (lambda s: s.bytes(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500), "closed"),
    "zero frame": (lambda s: s.bytes(b"\0\0\0\0").end(), "closed > closed"),
    "zero frame shaken": (lambda s: s.handshake().bytes(b"\0\0\0\0").end(), "shaken > closed > closed"),
    "negative frame": (lambda s: s.bytes(b"\xff\xff\xff\xff").end(), "closed > closed"),
    "large frame": (lambda s: s.bytes(struct.pack(">i", 524289)).end(), "closed > closed"),
    "short header": (lambda s: s.bytes(framed(b"\0\x12\0")).end(), "closed > closed"),
    "gssapi token": (lambda s: s.bytes(framed(b"\x60\x82\x02\x3c" + b"a" * 60)).end(), "closed > closed"),
    "no session ends, none begins again": (lambda s: s.handshake().token(plain()).handshake(version=0).raw_token(plain()).ask(), "shaken > in > ILLEGAL_SASL_STATE > closed > closed"),
    "in versions": (lambda s: s.handshake().token(plain()).versions().versions().ask(), "shaken > in > NONE > NONE > served"),
    "in token": (lambda s: s.handshake().token(plain()).token(plain()).ask(), f"shaken > in > {TOO_LATE} > served"),
    "as it is: no session ends, none begins again": (lambda s: s.handshake(version=0).raw_token(plain()).handshake().token(plain()).ask(), f"shaken > in > ILLEGAL_SASL_STATE > {TOO_LATE} > served"),
}  # fmt: skip

# Sessions of SCRAM-SHA-512 have an end, so that who has one may authenticate again.
AGAIN = {
    "r512": (lambda s: scram(scram(s, mechanism=S512), mechanism=S512).ask(), "shaken > go on > in > shaken > go on > in > served"),
    "v0 tokens": (lambda s: scram(scram(s, mechanism=S512, version=0), mechanism=S512, version=0).ask(), "shaken > go on > in > shaken > go on > in > served"),
    "raw": (lambda s: scram(scram(s, mechanism=S512), mechanism=S512, raw=True).ask(), "shaken > go on > in > shaken > go on > in > served"),
    "from raw": (lambda s: scram(scram(s, mechanism=S512, raw=True), mechanism=S512, raw=True).ask(), "shaken > go on > in > shaken > go on > in > served"),
    "raw other": (lambda s: scram(scram(s, mechanism=S512), "e=f,g", mechanism=S512, raw=True).ask(), "shaken > go on > in > shaken > go on > closed > closed"),
    "twice": (lambda s: scram(scram(s, mechanism=S512), mechanism=S512).handshake(S512).ask(), "shaken > go on > in > shaken > go on > in > ILLEGAL_SASL_STATE > served"),
    "other": (lambda s: scram(scram(s, mechanism=S512), "e=f,g", mechanism=S512).end(), f"shaken > go on > in > shaken > go on > {FAILED}: Cannot change principals during re-authentication from User.dora: User.e=f,g > closed"),
    "wrong": (lambda s: scram(scram(s, mechanism=S512), mechanism=S512, password="x").end(), f"shaken > go on > in > shaken > go on > {WRONG_AGAIN} > closed"),
    "unknown": (lambda s: scram(scram(s, mechanism=S512), user="nobody", mechanism=S512).end(), f"shaken > go on > in > shaken > {WRONG_AGAIN} > closed"),
    "256": (lambda s: scram(s, mechanism=S512).handshake(S256).token(scram_first("dora")), "shaken > go on > in > shaken > closed"),
    "256 then metadata": (lambda s: scram(s, mechanism=S512).handshake(S256).ask(), "shaken > go on > in > shaken > closed"),
    "none": (lambda s: scram(s, mechanism=S512).handshake("X").end(), "shaken > go on > in > closed > closed"),
    "handshake v2": (lambda s: scram(s, mechanism=S512).bytes(framed(struct.pack(">hhihh", 17, 2, 7, -1, 5) + b"PLAIN")).end(), "shaken > go on > in > closed > closed"),
    "handshake cut": (lambda s: scram(s, mechanism=S512).bytes(framed(struct.pack(">hhihh", 17, 1, 7, -1, 9) + b"PLAIN")).end(), "shaken > go on > in > closed > closed"),
    "produce between": (lambda s: scram(s, mechanism=S512).handshake(S512).bytes(produce(s, acks=1)).end(), "shaken > go on > in > shaken > 11 bytes > closed"),
    "produce acks0": (lambda s: scram(s, mechanism=S512).handshake(S512).bytes(produce(s, acks=0)).end(), "shaken > go on > in > shaken > closed > closed"),
    "versions": (lambda s: scram(s, mechanism=S512).handshake(S512).versions().end(), "shaken > go on > in > shaken > ILLEGAL_SASL_STATE > closed"),
    "handshake twice": (lambda s: scram(s, mechanism=S512).handshake(S512).handshake(S512).end(), "shaken > go on > in > shaken > ILLEGAL_SASL_STATE > closed"),
}  # fmt: skip


@pytest.mark.parametrize("steps, said", TRACES.values(), ids=TRACES)
def test_what_may_come_when(bootstrap_tokens, steps, said):
    with Session(bootstrap_tokens) as session:
        assert steps(session).trace == said


@pytest.mark.parametrize("steps, said", AGAIN.values(), ids=AGAIN)
def test_who_may_authenticate_again(bootstrap_tokens, users, steps, said):
    with Session(bootstrap_tokens) as session:
        assert steps(session).trace == said
