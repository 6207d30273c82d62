"""Tokens that an issuer has signed: which keys and claims let somebody in, and which do not."""

import base64
import json
import sys

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm

from emulator.state.configs import ConfigError
from emulator.state.principals import Principal
from emulator.state.sasl.bearer import InvalidToken
from emulator.state.sasl.jwks import KeySet, UnknownKey
from emulator.state.sasl.mechanism import Unanswered
from emulator.state.sasl.oauthbearer import OAuthBearer
from emulator.state.sasl.signed import SignedTokens

NOW_S = 1_700_000_000
RSA, ANOTHER_RSA = (rsa.generate_private_key(65537, 2048) for _ in range(2))
SHORT_RSA = rsa.generate_private_key(65537, 1024)
EC, P384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()
SECRET = b"0123456789abcdef" * 4
CLAIMS = {"sub": "alice", "exp": NOW_S + 60, "iat": NOW_S}


def jwk(key, **more):
    if isinstance(key, bytes):
        made = HMACAlgorithm.to_jwk(key)
    else:
        public = key if key is None else key.public_key()
        family = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm, ed25519.Ed25519PrivateKey: OKPAlgorithm}
        made = next(one for kind, one in family.items() if isinstance(key, kind)).to_jwk(public)
    made = {name: value for name, value in json.loads(made).items() if name != "key_ops"}
    return {**made, **more}


def jwks(*keys):
    return KeySet(json.dumps({"keys": keys}).encode())


class Keys:
    def __init__(self, key_set):
        self.set = key_set
        self.asked_for = []

    def current(self):
        return self.set

    def missing(self, key_id):
        self.asked_for.append(key_id)


def tokens(*keys, audiences=(), issuer=None, skew_s=30, scope_claim="scope", sub_claim="sub"):
    found = Keys(jwks(*keys or [jwk(RSA, kid="one")]))
    return SignedTokens(found, audiences, issuer, skew_s, scope_claim, sub_claim, lambda: NOW_S * 1000 + 999)


def signed(claims=None, key=RSA, algorithm="RS256", headers=None, **more):
    return jwt.encode({**CLAIMS, **more} if claims is None else claims, key, algorithm, headers=headers)


def raw(header, payload, sign=lambda data: b"signature"):
    """A token of a header and a payload that PyJWT would not make."""

    def part(data):
        return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=")

    data = part(header) + b"." + part(payload)
    return (data + b"." + part(sign(data))).decode()


def rs256(payload, **header):
    return raw({"alg": "RS256", **header}, payload, lambda data: RSAAlgorithm(RSAAlgorithm.SHA256).sign(data, RSA))


def refused(token, *keys, **expected):
    with pytest.raises(InvalidToken) as invalid:
        tokens(*keys, **expected).check(token)
    assert len(str(invalid.value)) < 100 and invalid.value.status == "invalid_token" and invalid.value.scope is None
    return True


def test_a_good_one():
    assert tokens().check(signed()) == ("alice", (NOW_S + 60) * 1000)


def test_logging_in_with_it():
    asked = OAuthBearer(tokens())
    assert asked.evaluate(f"n,,\x01auth=Bearer {signed()}\x01trace=7\x01\x01".encode()) == b""
    assert (asked.principal, asked.lifetime_ms, asked.extensions) == (Principal("User", "alice"), (NOW_S + 60) * 1000, {"trace": "7"})


@pytest.mark.parametrize("key, algorithm", [
    *((RSA, f"{family}{bits}") for family in ("RS", "PS") for bits in (256, 384, 512)), (EC, "ES256"), (P384, "ES384"), (ED, "EdDSA"),
    *((SECRET, f"HS{bits}") for bits in (256, 384, 512)),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_algorithms(key, algorithm):
    token = signed(key=key, algorithm=algorithm)
    assert tokens(jwk(key)).check(token).principal_name == "alice"
    assert refused(token[:-8] + "AAAAAAAA", jwk(key))
    assert refused(token.replace(".", ".e30", 1), jwk(key))


# -- which key it is -----------------------------------------------------------------------------


def test_a_token_names_its_key():
    keys = jwk(ANOTHER_RSA, kid="old"), jwk(RSA, kid="new")
    assert tokens(*keys).check(signed(headers={"kid": "new"}))
    assert refused(signed(headers={"kid": "old"}), *keys)
    assert refused(signed(), *keys)  # without a name it is the first that fits
    assert tokens(*reversed(keys)).check(signed())


def test_a_key_that_is_not_there_is_asked_for():
    found = tokens()
    with pytest.raises(UnknownKey):
        found.check(signed(headers={"kid": "next"}))
    with pytest.raises(UnknownKey):
        found.check(signed(key=SECRET, algorithm="HS256"))
    assert found._keys.asked_for == ["next", None]
    assert refused(signed(headers={"kid": "one"}), jwk(RSA))  # a key without a name is not the one that is named


@pytest.mark.parametrize("keys", [
    [jwk(RSA, use="enc")], [jwk(RSA, key_ops=["sign"])], [jwk(RSA, key_ops=[])], [jwk(SHORT_RSA)], [jwk(ANOTHER_RSA, alg="RS256"), jwk(RSA, alg="PS256")], [],
], ids=range(6))  # fmt: skip
def test_keys_that_are_not_for_it(keys):
    with pytest.raises(InvalidToken):
        SignedTokens(Keys(jwks(*keys)), (), None, 30, "scope", "sub", lambda: NOW_S * 1000).check(signed())


@pytest.mark.parametrize("keys", [
    [jwk(RSA, use="sig", key_ops=["verify"], alg="RS256")], [jwk(RSA, alg="PS512")], [jwk(ANOTHER_RSA, alg="PS256"), jwk(RSA, alg="RS256")],
    [jwk(EC), jwk(RSA)], ["no key", {"kty": "RSA"}, {"kty": "new"}, {"kty": "RSA", "n": 7, "e": []}, {"kty": "EC", "crv": "P-0"}, jwk(RSA)],
], ids=range(5))  # fmt: skip
def test_keys_that_are(keys):
    assert tokens(*keys).check(signed())


def test_a_curve_is_for_its_algorithm_only():
    assert tokens(jwk(P384), jwk(EC)).check(signed(key=EC, algorithm="ES256"))
    assert refused(signed(key=EC, algorithm="ES256"), jwk(P384))
    assert refused(raw({"alg": "ES256"}, CLAIMS, lambda data: ECAlgorithm(ECAlgorithm.SHA256).sign(data, P384)), jwk(P384))


def test_a_secret_is_as_long_as_its_hash():
    short = raw({"alg": "HS384"}, CLAIMS, lambda data: HMACAlgorithm(HMACAlgorithm.SHA384).sign(data, SECRET[:47]))
    assert refused(short, jwk(SECRET[:47]))
    assert tokens(jwk(SECRET[:48])).check(signed(key=SECRET[:48], algorithm="HS384"))


def test_a_set_with_private_keys_has_public_ones():
    private = json.loads(RSAAlgorithm.to_jwk(RSA))
    private.pop("key_ops")
    assert "d" in private and tokens(private).check(signed())


@pytest.mark.parametrize("text", [b"", b"x", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[],"keys":[]}', b"\xff", b'{"keys":' + b"[" * 100_000])
def test_what_is_no_key_set(text):
    with pytest.raises(ValueError):
        KeySet(text)


# -- who would get in without a key --------------------------------------------------------------


def test_an_unsigned_token_is_none():
    for algorithm in ("none", "None", "NONE", "", None, ["none"], {"RS256": 1}):
        assert refused(raw({"alg": algorithm}, CLAIMS))
        assert refused(raw({"alg": algorithm}, CLAIMS, lambda data: b"").rstrip(".") + ".")
    assert refused(raw({}, CLAIMS)) and refused(raw({"alg": "RS256"}, CLAIMS))


def test_a_public_key_is_no_secret():
    """HMAC with what everybody knows of the RSA key, in each form that a server might take for the secret."""
    public = RSA.public_key()
    for known in (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwk(RSA, kid="one")).encode(),
        base64.urlsafe_b64decode(jwk(RSA)["n"] + "=="),
    ):
        forged = raw({"alg": "HS256", "kid": "one"}, CLAIMS, lambda data: HMACAlgorithm(HMACAlgorithm.SHA256).sign(data, known))
        assert refused(forged)
        assert refused(forged, jwk(RSA, kid="one", alg="HS256"))


def test_a_key_of_its_own_is_none():
    own = jwk(ANOTHER_RSA)
    for header in ({"jwk": own}, {"jku": "http://127.0.0.1/"}, {"x5u": "http://127.0.0.1/"}, {"jwk": own, "kid": "one"}):
        assert refused(signed(key=ANOTHER_RSA, headers=header))


def test_what_is_critical_is_not_ignored():
    for header in ({"crit": ["b64"], "b64": False}, {"crit": ["exp"]}, {"crit": []}, {"crit": None}, {"cty": "JWT"}, {"cty": "application/jwt"}):
        assert refused(rs256(CLAIMS, **header))
    for header in ({"cty": "json"}, {"typ": "at+jwt"}):
        assert tokens().check(rs256(CLAIMS, **header))


def test_names_are_there_once():
    assert refused(rs256(b'{"sub":"alice","sub":"root","exp":%d,"iat":%d}' % (NOW_S + 60, NOW_S)))
    assert refused(raw(b'{"alg":"none","alg":"RS256"}', CLAIMS))


@pytest.mark.parametrize("token", [
    "", "x", "a.b", "a.b.c", "..", "a..c", ".b.c", "a.b.", signed() + ".x", "." + signed(), signed().replace(".", ".."),
    raw([], CLAIMS), raw("text", CLAIMS), raw(b"{", CLAIMS), raw(b"\xff", CLAIMS), rs256([]), rs256("alice"), rs256(b"{"), rs256(b"\xff"), rs256(b""),
    raw(b"[" * 200_000, CLAIMS), rs256(b"[" * 200_000), rs256(b'{"a":' * 100_000), rs256(b'{"exp":' + b"9" * 300_000 + b"}"), "A" * 500_000 + ".b.c", "a." * 200_000,
    rs256(CLAIMS, kid={"a": 1}), rs256(CLAIMS, kid=7), rs256(CLAIMS, kid="x" * 300_000),
], ids=range(29))  # fmt: skip
def test_what_is_no_token(token):
    assert refused(token)


# -- what it says ---------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [
    {"exp": None}, {"exp": NOW_S - 30}, {"exp": "soon"}, {"exp": True}, {"exp": 2**63}, {"exp": -1}, {"iat": None}, {"iat": "now"}, {"iat": -1},
    {"iat": NOW_S + 61}, {"nbf": NOW_S + 31}, {"nbf": NOW_S + 61}, {"nbf": "x"}, {"sub": None}, {"sub": ""}, {"sub": " \t"}, {"sub": 7}, {"sub": ["alice"]},
    {"iss": 7}, {"jti": 7}, {"aud": "kafka"}, {"aud": 7}, {"scope": ["a", "a "]}, {"scope": ["a", None]}, {"scope": " "}, {"scope": [""]},
], ids=str)  # fmt: skip
def test_claims_that_are_refused(changed):
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    assert refused(rs256(claims))


@pytest.mark.parametrize("changed", [
    {"exp": NOW_S - 29, "iat": NOW_S - 60}, {"exp": NOW_S + 0.9}, {"iat": NOW_S + 60}, {"iat": NOW_S + 50.5}, {"nbf": NOW_S + 30}, {"sub": " alice "},
    {"iss": "anybody"}, {"aud": None}, {"scope": "a b"}, {"scope": ["a", "b"]}, {"scope": 7}, {"jti": "1"}, {"other": {"a": [1]}},
], ids=str)  # fmt: skip
def test_claims_that_are_not(changed):
    assert tokens().check(rs256({**CLAIMS, **changed})).principal_name == "alice"


@pytest.mark.parametrize("changed", [{"exp": 2**62}, {"exp": 1e300}, {"scope": ["a", 7]}], ids=str)
def test_what_kafka_stumbles_over(changed):
    with pytest.raises(Unanswered):
        tokens().check(rs256({**CLAIMS, **changed}))


def test_the_issuer_is_the_one_that_is_expected():
    expected = {"issuer": "https://issuer.example"}
    assert tokens(**expected).check(signed(iss="https://issuer.example"))
    for issuer in ("https://issuer.example/", "", None):
        assert refused(signed(iss=issuer) if issuer is not None else signed(), **expected)


def test_the_audience_is_one_of_those_that_are_expected():
    expected = {"audiences": ("kafka", "streams")}
    for audience in ("kafka", ["streams"], ["other", "kafka"]):
        assert tokens(**expected).check(signed(aud=audience))
    for claims in ({"aud": "other"}, {"aud": []}, {"aud": "Kafka"}, {}):
        assert refused(signed(**claims), **expected)
    assert refused(rs256({**CLAIMS, "aud": ["kafka", 7]}), **expected)


def test_other_claims_may_have_subject_and_scope():
    named = {"sub_claim": "user", "scope_claim": "may"}
    assert tokens(**named).check(signed(user="bob", may=["x"])).principal_name == "bob"
    assert refused(signed(), **named) and refused(signed(user="bob", may=["x", "x"]), **named)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(ConfigError, match=r"pip install 'kafka-wire-emulator\[security\]'"):
        KeySet(b'{"keys":[]}')
