"""OAUTHBEARER: what a client says first, and tokens that nobody has signed."""

import base64
import json

import pytest

from emulator.state.configs.definition import ConfigError
from emulator.state.principals import Principal
from emulator.state.sasl.bearer import KeysUnavailable
from emulator.state.sasl.mechanism import AuthenticationFailed, Unanswered
from emulator.state.sasl.oauthbearer import OAuthBearer, parse_first
from emulator.state.sasl.unsecured import UnsecuredTokens

NOW = 1_700_000_000_000
EXP = NOW // 1000 + 60
INVALID = b'{"status":"invalid_token"}'


def part(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def unsecured(claims=None, header=None, signature="", **more):
    return f"{part(header or {'alg': 'none'})}.{part(claims if claims is not None else {'sub': 'alice', 'exp': EXP, **more})}.{signature}"


def first(token, authorization_id="", **extensions):
    pairs = "".join(f"\x01{name}={value}" for name, value in extensions.items())
    return f"n,{'a=' + authorization_id if authorization_id else ''},\x01auth=Bearer {token}{pairs}\x01\x01".encode()


def server(**options):
    return OAuthBearer(UnsecuredTokens({f"unsecuredValidator{name}": value for name, value in options.items()}, lambda: NOW))


def refusal(token, **options):
    asked = server(**options)
    told = asked.evaluate(first(token))
    assert not asked.is_complete and asked.principal is None
    return told


# -- what a client says first (RFC 7628) ---------------------------------------------------------


def test_a_token_says_who_somebody_is_and_until_when():
    asked = server()
    assert asked.evaluate(first(unsecured())) == b"" and asked.is_complete
    assert (asked.principal, asked.lifetime_ms, asked.extensions) == (Principal("User", "alice"), EXP * 1000, {})


def test_extensions_come_along():
    asked = server()
    asked.evaluate(first(unsecured(), traceId="a b", x="y=z"))
    assert asked.extensions == {"traceId": "a b", "x": "y=z"}


@pytest.mark.parametrize("message, parsed", [
    (b"n,,\x01auth=Bearer a.b.c\x01\x01", ("", "a.b.c", {})),
    (b"n,a=alice,\x01auth=bearer   abc==\x01\x01", ("alice", "abc==", {})),
    (b"n,a=al=2Cice,\x01auth=BEARER x\x01\x01", ("al=2Cice", "x", {})),  # Kafka compares it as it came
    (b"n,,\x01a=b\x01auth=Bearer x\x01\x01", ("", "x", {"a": "b"})),
    (b"n,,\x01auth=Bearer x\x01auth=Bearer y\x01a=1\x01a=2\x01\x01", ("", "y", {"a": "2"})),  # the last one counts
])  # fmt: skip
def test_what_is_read_of_it(message, parsed):
    assert parse_first(message) == parsed


@pytest.mark.parametrize("message", [
    b"", b"\x01", b"n", b"n,,", b"n,,\x01", b"n,,\x01\x01", b"n,,\x01a=b\x01\x01", b"n,,auth=Bearer x\x01\x01", b"y,,\x01auth=Bearer x\x01\x01",
    b"n,a=,\x01auth=Bearer x\x01\x01", b"n,a=a=b,\x01auth=Bearer x\x01\x01", b"n,a=a=3=2CD,\x01auth=Bearer x\x01\x01", b"n,alice,\x01auth=Bearer x\x01\x01",
    b"n,,\x01auth=Bearer\x01\x01", b"n,,\x01auth=Bearer a b\x01\x01", b"n,,\x01auth=Bearer x\x01", b"n,,\x01auth=Bearer x\x01\x01\x01",
    b"n,,\x01auth=Bearer x\x01\x01n,,", b"n,,\x01auth=Bearer x\x01\x01a=b\x01\x01", b"n,,\x01auth=Bearer x\x01a1=b\x01\x01", b"n,,\x01auth=Bearer x\x01a=\x01\x01",
    b"n,,\x01auth=Bearer x\x01a=\xc3\xa4\x01\x01", b"n,,\x01auth=Bearer \xff\x01\x01", b"\xff\xfe", b"n,,\x01auth=Bearer x\n\x01\x01",
])  # fmt: skip
def test_what_is_none(message):
    with pytest.raises(AuthenticationFailed) as failed:
        server().evaluate(message)
    assert failed.value.message is None  # as Kafka: no more than that it has failed


def test_somebody_elses_token_is_refused_by_name():
    with pytest.raises(AuthenticationFailed, match=r"\(bob\) that is different from the token's principal name \(alice\)"):
        server().evaluate(first(unsecured(), "bob"))
    assert server().evaluate(first(unsecured(), "alice")) == b""


def test_who_is_refused_reads_why_and_then_fails():
    asked = server()
    assert asked.evaluate(first(unsecured(sub=""))) == INVALID
    with pytest.raises(AuthenticationFailed) as failed:
        asked.evaluate(b"\x01")
    assert failed.value.message == INVALID.decode()


def test_or_says_something_better():
    asked = server()
    assert asked.evaluate(first("a.b.")) == INVALID
    assert asked.evaluate(first(unsecured())) == b"" and asked.is_complete


def test_without_keys_no_token_is_good(caplog):
    class Tokens:
        def check(self, token):
            raise KeysUnavailable("keys.json: No such file or directory")

    asked = OAuthBearer(Tokens())
    assert asked.evaluate(first("a.b.c")) == INVALID
    assert "tokens cannot be checked: keys.json: No such file or directory" in caplog.text
    with pytest.raises(AuthenticationFailed) as failed:
        asked.evaluate(b"\x01")
    assert failed.value.message == INVALID.decode()


# -- tokens that nobody has signed ---------------------------------------------------------------


@pytest.mark.parametrize("token", [
    unsecured(), unsecured(iat=NOW / 1000), unsecured(iat=NOW // 1000 - 1.5), unsecured(exp=EXP + 0.25), unsecured(exp=1e300), unsecured(exp=10**400),
    unsecured(scope="a b"), unsecured(scope=["a", 1, None]), unsecured(scope=[]), unsecured(header={"alg": "none", "typ": "JWT"}),
    unsecured(b'{"sub":"alice","exp":%d} and more' % EXP), unsecured(b'{"sub":"bob","sub":"alice","exp":%d}' % EXP), unsecured(other={"a": [1]}),
    unsecured(json.dumps({"sub": "alice", "exp": EXP}).encode("utf-16")), unsecured(b"\xef\xbb\xbf" + json.dumps({"sub": "alice", "exp": EXP}).encode()),
])  # fmt: skip
def test_good_ones(token):
    asked = server()
    assert asked.evaluate(first(token)) == b"" and asked.principal.name == "alice"


def test_the_end_of_time_is_as_long_as_one_lives():
    asked = server()
    asked.evaluate(first(unsecured(exp=10**400)))
    assert asked.lifetime_ms == 2**63 - 1


@pytest.mark.parametrize("claim, name", [(True, "true"), (None, "null"), (" alice ", " alice ")])
def test_what_is_no_text_becomes_one(claim, name):
    asked = server()
    asked.evaluate(first(unsecured(sub=claim)))
    assert asked.principal.name == name


@pytest.mark.parametrize("token", [
    "x", "a.b", "..", "a..", ".a.", "a.b.c", "a.b.c.d", unsecured() + ".", unsecured(signature="c2ln"), "." + unsecured(),
    unsecured(header={"alg": "None"}), unsecured(header={"alg": "HS256"}), unsecured(header={"alg": ["none"]}),
    unsecured({}), unsecured([]), unsecured("text"), unsecured(b""), unsecured(b"{"), unsecured(b"\xff\xfe"), unsecured(b'{"sub":"alice","exp":NaN}'),
    unsecured(sub=""), unsecured(sub="  "), unsecured(sub=7), unsecured(sub=["alice"]), unsecured(sub={}),
    unsecured({"sub": "alice"}), unsecured(exp="soon"), unsecured(exp=None), unsecured(exp=NOW // 1000), unsecured(exp=-(10**400)), unsecured(exp=-1e308),
    unsecured(iat=NOW // 1000 + 1), unsecured(iat="now"), unsecured(iat=10**400), unsecured(scope=7),
    unsecured(b"[" * 100_000), unsecured(b'{"a":' * 100_000), unsecured(b'{"sub":"alice","exp":' + b"9" * 1001 + b"}"),
    unsecured(b'{"sub":"alice","exp":' + b"9" * 300_000 + b"}"), part({"alg": "none"}) + "~." + unsecured().split(".")[1] + ".",
    "A" * 500_000 + ".b.", "a." + "A" * 500_001 + ".",
], ids=lambda token: token[:60])  # fmt: skip
def test_bad_ones(token):
    assert refusal(token) == INVALID


@pytest.mark.parametrize("message", [
    first(unsecured(header={"typ": "JWT"})), first(unsecured(header=[1])), b"n,,\x01auth=Basic x\x01\x01",
])  # fmt: skip
def test_what_kafka_stumbles_over(message):
    with pytest.raises(Unanswered):
        server().evaluate(message)


def test_clocks_may_differ_by_what_is_allowed():
    early, late = unsecured(iat=NOW // 1000 + 5), unsecured(exp=NOW // 1000 - 5)
    for token in early, late:
        assert refusal(token, AllowableClockSkewMs="4999") == INVALID
    assert server(AllowableClockSkewMs="5000").evaluate(first(early)) == b""
    assert server(AllowableClockSkewMs="5001").evaluate(first(late)) == b""
    assert refusal(unsecured(iat=EXP), AllowableClockSkewMs="99999999") == INVALID  # it expires when it begins


def test_a_scope_that_is_required():
    required = {"RequiredScope": " read  write "}
    assert refusal(unsecured(scope=["read"]), **required) == b'{"status":"insufficient_scope", "scope":"[read, write]"}'
    assert refusal(unsecured(scope="read write"), **required) == b'{"status":"insufficient_scope", "scope":"[read, write]"}'  # one scope with a blank
    assert server(**required).evaluate(first(unsecured(scope=["write", " read ", "x"]))) == b""
    assert server(ScopeClaimName="may", RequiredScope="read").evaluate(first(unsecured(may="read"))) == b""


def test_the_principal_may_be_another_claim():
    asked = server(PrincipalClaimName="user")
    asked.evaluate(first(unsecured(user="bob")))
    assert asked.principal.name == "bob"
    assert refusal(unsecured(), PrincipalClaimName="user") == INVALID


@pytest.mark.parametrize("options", [
    {"AllowableClockSkewMs": "-1"}, {"AllowableClockSkewMs": "soon"}, {"AllowableClockSkewMs": "9999999999"}, {"RequiredScope": 'a "b"'},
])  # fmt: skip
def test_options_that_are_none(options):
    with pytest.raises(ConfigError):
        server(**options)
