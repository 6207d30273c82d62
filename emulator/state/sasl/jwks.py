"""Keys by which signed tokens are checked: a JSON Web Key Set (RFC 7517).

Which of them is for a token is Kafka's choice (VerificationJwkSelector and the algorithms of jose4j 0.9.6), whether it signed the
token is PyJWT's to say.
"""

from emulator.state.configs.definition import ConfigError
from emulator.state.sasl.bearer import InvalidToken, decoded, distinct, parse_json

# {algorithm: (type of its keys, their curves)}; of an HMAC: (type, bytes that a key has at the least).
_ALGORITHMS = {
    **{f"{family}{bits}": ("RSA", None) for family in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": ("EC", ("P-256",)), "ES384": ("EC", ("P-384",)), "ES512": ("EC", ("P-521",)),
    "EdDSA": ("OKP", ("Ed25519", "Ed448")),
    "HS256": ("oct", 32), "HS384": ("oct", 48), "HS512": ("oct", 64),
}  # fmt: skip
_MIN_RSA_BITS = 2048
_CERTIFICATES = ("x5t", "x5t#S256")


def _jwt():
    try:
        import jwt  # takes long, and few need it
        from jwt.algorithms import has_crypto
    except ImportError:
        has_crypto = False
    if not has_crypto:
        raise ConfigError("Signed tokens need PyJWT and cryptography: pip install 'kafka-wire-emulator[security]'")
    return jwt


class KeySet:
    """The keys of a JWKS text; those that cannot be used are left out. Raises ValueError, ConfigError without PyJWT."""

    def __init__(self, text):
        self._jwt = _jwt()
        try:
            found = parse_json(text, distinct)
        except InvalidToken as error:
            raise ValueError(str(error)) from None
        keys = found.get("keys") if isinstance(found, dict) else None
        if not isinstance(keys, list):
            raise ValueError("The JSON JWKS content does not include the keys member.")
        self._keys = [(one, key) for one in keys if (key := self._usable(one)) is not None]

    def __len__(self):
        return len(self._keys)

    def _usable(self, parameters):
        if not isinstance(parameters, dict):
            return None
        try:
            key = self._jwt.PyJWK(parameters).key
        except (self._jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError):
            return None
        return key.public_key() if hasattr(key, "public_key") else key

    def verified(self, token):
        """The bytes that were signed, of a token that one of these keys has signed. Raises InvalidToken, of which UnknownKey is one."""
        header = parse_json(decoded(token.partition(".")[0]), distinct)
        if not isinstance(header, dict):
            raise InvalidToken("the header is no JSON object")
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
            raise InvalidToken("tokens of this algorithm are not accepted")
        if "crit" in header:
            raise InvalidToken("the header says that something is critical")
        if str(header.get("cty")).lower() in ("jwt", "application/jwt"):
            raise InvalidToken("the token holds another")
        parameters, key = self._find(algorithm, header)
        _check_strength(algorithm, parameters, key)
        try:
            return self._jwt.PyJWS().decode_complete(token, key, algorithms=[algorithm])["payload"]
        except (self._jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise InvalidToken(f"the signature does not hold: {type(error).__name__}") from None

    def _find(self, algorithm, header):
        kind, curves = _ALGORITHMS[algorithm]
        fitting = [(one, key) for one, key in self._keys if one.get("kty") == kind and _is_for(one, header)]
        if len(fitting) > 1:
            fitting = [(one, key) for one, key in fitting if one.get("alg") in (None, algorithm)]
        if len(fitting) > 1 and kind in ("EC", "OKP"):
            fitting = [(one, key) for one, key in fitting if one.get("crv") in curves]
        if not fitting:
            raise UnknownKey(header.get("kid"))
        return fitting[0]


class UnknownKey(InvalidToken):
    """`key_id` is what the token says of the key that signed it, or None."""

    def __init__(self, key_id):
        super().__init__("there is no such key")
        self.key_id = key_id


def _is_for(parameters, header):
    if header.get("kid") is not None and parameters.get("kid") != header["kid"]:
        return False
    if any(header.get(name) is not None and parameters.get(name) not in (None, header[name]) for name in _CERTIFICATES):
        return False
    operations = parameters.get("key_ops")
    return parameters.get("use") in (None, "sig") and (operations is None or "verify" in operations)


def _check_strength(algorithm, parameters, key):
    kind, limit = _ALGORITHMS[algorithm]
    if kind == "oct":
        if len(key) < limit:
            raise InvalidToken("the key is shorter than its algorithm allows")
    elif kind == "RSA":
        if key.key_size < _MIN_RSA_BITS:
            raise InvalidToken(f"a key of RSA must have {_MIN_RSA_BITS} bits")
    elif parameters.get("crv") not in limit:
        raise InvalidToken("the key is of another curve than its algorithm")
