"""SCRAM over the wire: what of a message is read, signed and refused; each line is asked of real Kafka, too."""

import pytest

from tests.api.sasl_session import Session, scram
from tests.scram_client import S256, S512, scram_final, scram_first

FAILED = "SASL_AUTHENTICATION_FAILED"
WRONG = f"{FAILED}: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256"

TRACES = {
    "scram": (lambda s: scram(s).ask(), "shaken > go on > in > served"),
    "512": (lambda s: scram(s, mechanism=S512).ask(), "shaken > go on > in > served"),
    "raw": (lambda s: scram(s, raw=True).ask(), "shaken > go on > in > served"),
    "raw wrong": (lambda s: scram(s, raw=True, password="x"), "shaken > go on > closed"),
    "unknown": (lambda s: scram(s, user="nobody").end(), f"shaken > {WRONG} > closed"),
    "wrong": (lambda s: scram(s, password="x").end(), f"shaken > go on > {WRONG} > closed"),
    "a name with signs": (lambda s: scram(s, user="e=f,g").ask(), "shaken > go on > in > served"),
    "authzid": (lambda s: scram(s, first=scram_first("dora", authzid="dora")).ask(), "shaken > go on > in > served"),
    "authzid other": (lambda s: scram(s, first=scram_first("dora", authzid="bob")).end(), f"shaken > {FAILED}: Authentication failed: Client requested an authorization id that is different from username > closed"),
    "authzid unknown": (lambda s: scram(s, first=scram_first("nobody", authzid="bob")).end(), f"shaken > {WRONG} > closed"),
    "authzid quoted": (lambda s: scram(s, user="e=f,g", first=scram_first("e=f,g", authzid="e=3Df=2Cg")).end(), f"shaken > {FAILED}: Authentication failed: Client requested an authorization id that is different from username > closed"),
    "reserved": (lambda s: scram(s, first=scram_first("dora", reserved="m=x,")).end(), f"shaken > go on > {WRONG} > closed"),
    "reserved unsigned": (lambda s: scram(s, first=scram_first("dora", reserved="m=x,"), bare="n=dora,r=abc"), "shaken > go on > in"),
    "ext": (lambda s: scram(s, first=scram_first("dora", extensions=",x=y")), "shaken > go on > in"),
    "ext bad": (lambda s: scram(s, first=scram_first("dora", extensions=",1=z")).end(), f"shaken > {WRONG} > closed"),
    "ext empty": (lambda s: scram(s, first=scram_first("dora", extensions=",a=")).end(), f"shaken > {WRONG} > closed"),
    "ext equals": (lambda s: scram(s, first=scram_first("dora", extensions=",a=b=c")), "shaken > go on > in"),
    "token": (lambda s: scram(s, first=scram_first("dora", extensions=",tokenauth=true")).end(), f"shaken > {WRONG} > closed"),
    "token false": (lambda s: scram(s, first=scram_first("dora", extensions=",tokenauth=false")), "shaken > go on > in"),
    "channel binding wished for": (lambda s: s.handshake(S256).token(b"y,,n=dora,r=abc").end(), f"shaken > {WRONG} > closed"),
    "channel binding asked for": (lambda s: s.handshake(S256).token(b"p=tls-unique,,n=dora,r=abc").end(), f"shaken > {WRONG} > closed"),
    "empty": (lambda s: s.handshake(S256).token(b"").end(), f"shaken > {WRONG} > closed"),
    "nonutf8": (lambda s: s.handshake(S256).token(b"n,,n=\xff,r=abc").end(), f"shaken > {WRONG} > closed"),
    "nul": (lambda s: s.handshake(S256).token(b"n,,n=dora,r=a\0bc").end(), f"shaken > {WRONG} > closed"),
    "nul user": (lambda s: s.handshake(S256).token(b"n,,n=do\0ra,r=abc").end(), f"shaken > {WRONG} > closed"),
    "no nonce": (lambda s: s.handshake(S256).token(b"n,,n=dora,r=").end(), f"shaken > {WRONG} > closed"),
    "newline": (lambda s: s.handshake(S256).token(b"n,,n=dora,r=abc\n").end(), f"shaken > {WRONG} > closed"),
    "badquote": (lambda s: s.handshake(S256).token(b"n,,n=do=ra,r=abc").end(), f"shaken > {WRONG} > closed"),
    "quote quote": (lambda s: s.handshake(S256).token(b"n,,n==3D2C,r=abc").end(), f"shaken > {WRONG} > closed"),
    "huge nonce": (lambda s: s.handshake(S256).token(b"n,,n=dora,r=" + b"a" * 500), "shaken > go on"),
    "3k nonce": (lambda s: scram(s, first=scram_first("dora", nonce="a" * 3000)).ask(), "shaken > go on > in > served"),
    "9k nonce": (lambda s: scram(s, first=scram_first("dora", nonce="a" * 9000)).ask(), "shaken > go on > in > served"),
    "wrong nonce": (lambda s: scram(s, nonce="abcd").end(), f"shaken > go on > {WRONG} > closed"),
    "proof short": (lambda s: scram(s, proof=lambda right: right[:-1]).end(), "shaken > go on > closed > closed"),
    "proof long": (lambda s: scram(s, proof=lambda right: right + b"x").end(), "shaken > go on > closed > closed"),
    "proof empty": (lambda s: scram(s, proof=lambda right: b"").end(), "shaken > go on > closed > closed"),
    "final ext": (lambda s: scram(s, extensions=",x=y"), "shaken > go on > in"),
    "channel other": (lambda s: scram(s, channel="eSws"), "shaken > go on > in"),
    "channel empty": (lambda s: scram(s, channel=""), "shaken > go on > in"),
    "channel bad b64": (lambda s: scram(s, channel="biw").end(), f"shaken > go on > {WRONG} > closed"),
    "channel noncanon": (lambda s: scram(s, channel="YR==").end(), f"shaken > go on > {WRONG} > closed"),
    "channel noncanon signed": (lambda s: scram(s, channel="YR==", without=lambda fields: "c=YQ==,r=" + fields["r"]), "shaken > go on > in"),
    "first twice": (lambda s: scram(s, final=False).token(scram_first("dora")).end(), f"shaken > go on > {WRONG} > closed"),
    "shake between": (lambda s: scram(s, final=False).handshake(S256).end(), "shaken > go on > ILLEGAL_SASL_STATE > closed"),
    "metadata between": (lambda s: scram(s, final=False).ask().end(), "shaken > go on > ILLEGAL_SASL_STATE > closed"),
    "empty final": (lambda s: scram(s, final=False).token(b"").end(), f"shaken > go on > {WRONG} > closed"),
    "scram in tokens of version 1": (lambda s: scram(s, version=1).ask(), "shaken > go on > in > served"),
}  # fmt: skip


@pytest.mark.parametrize("steps, said", TRACES.values(), ids=TRACES)
def test_a_log_in(bootstrap_tokens, users, steps, said):
    with Session(bootstrap_tokens) as session:
        assert steps(session).trace == said


def test_a_proof_proves_nothing_a_second_time(bootstrap_tokens, users):
    with Session(bootstrap_tokens) as first, Session(bootstrap_tokens) as second:
        first.handshake(S256).token(scram_first("dora"))
        final = scram_final(S256, "dora-secret", "n=dora,r=abc", first.told)
        assert first.token(final).trace == "shaken > go on > in"
        assert second.handshake(S256).token(scram_first("dora")).token(final).end().trace == f"shaken > go on > {WRONG} > closed"
