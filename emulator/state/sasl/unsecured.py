"""Tokens that nobody has signed, for development: whoever makes one is believed, until it expires.

Source: OAuthBearerUnsecuredValidatorCallbackHandler, OAuthBearerUnsecuredJws, OAuthBearerValidationUtils of 4.3.1, which
is what Kafka checks unless a listener says otherwise.
"""

import json
import re

from emulator.state.configs.definition import ConfigError
from emulator.state.sasl.bearer import BLANKS, MAX_LONG, BearerToken, InvalidToken, decoded, parse_json
from emulator.state.sasl.mechanism import Unanswered

_OPTION = "unsecuredValidator"
_SCOPE_ITEM = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)


class UnsecuredTokens:
    """`options`: those of the login module; `now()`: ms since the epoch. Raises ConfigError."""

    def __init__(self, options, now):
        self._now = now
        self._principal_claim = options.get(_OPTION + "PrincipalClaimName", "").strip(BLANKS) or "sub"
        self._scope_claim = options.get(_OPTION + "ScopeClaimName", "").strip(BLANKS) or "scope"
        self._required_scope = list(filter(None, options.get(_OPTION + "RequiredScope", "").strip(BLANKS).split(" ")))
        for item in self._required_scope:
            if not _SCOPE_ITEM.fullmatch(item):
                raise ConfigError(f"Invalid scope value: {item}")
        skew = options.get(_OPTION + "AllowableClockSkewMs", "").strip(BLANKS) or "0"
        if not _INTEGER.fullmatch(skew) or not 0 <= int(skew) < 2**31:
            raise ConfigError(f"{_OPTION}AllowableClockSkewMs must be a number of milliseconds that is not negative: {skew}")
        self._skew_ms = int(skew)

    def check(self, token):
        """The BearerToken that `token` is. Raises InvalidToken."""
        claims = _claims(token)
        name = claims.get(self._principal_claim)
        if not isinstance(name, str) or not name.strip(BLANKS):
            raise InvalidToken(f"No principal name in JWT claim: {self._principal_claim}")
        expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
        if expires is None:
            raise InvalidToken("No expiration time in JWT")
        now = self._now()
        if issued is not None and 1000 * issued > now + self._skew_ms:
            raise InvalidToken("the token is of a time to come")
        if now - self._skew_ms >= 1000 * expires:
            raise InvalidToken("the token has expired")
        if issued is not None and expires <= issued:
            raise InvalidToken("the token expires before it is issued")
        self._check_scope(_scope(claims.get(self._scope_claim)))
        return BearerToken(name, _milliseconds(expires))

    def _check_scope(self, scope):
        for item in self._required_scope:
            if item not in scope:
                raise InvalidToken(f"the token lacks the scope {item}", "insufficient_scope", f"[{', '.join(self._required_scope)}]")


def _claims(token):
    parts = token.split(".")
    if ".." in token or len(parts) != 3:
        raise InvalidToken("Unsecured JWS compact serializations must have 3 dot-separated Base64URL-encoded values")
    header, claims = _object(parts[0]), _object(parts[1])
    if "alg" not in header:
        raise Unanswered("JWS header must have an Algorithm value")
    if header["alg"] != "none":
        raise InvalidToken("Unsecured JWS must have 'none' for an algorithm")
    if parts[2]:
        raise InvalidToken("Unsecured JWS must not contain a digital signature")
    return claims


def _object(part):
    found = parse_json(decoded(part), loose=True)
    return {name: _value(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _value(value):
    """Kafka knows numbers, texts and lists of texts; what is anything else becomes a text."""
    if isinstance(value, list):
        return [_text(one) for one in value]
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else _text(value)


def _text(value):
    if isinstance(value, (dict, list)):
        return ""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _seconds(claims, name):
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, (int, float)):
        raise InvalidToken(f"The '{name}' claim is no number")
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _milliseconds(seconds):
    """As Math.round of Java has it."""
    return round(seconds * 1000) if abs(seconds) < MAX_LONG // 1000 else MAX_LONG


def _scope(value):
    """A text is one scope, whatever blanks are in it."""
    if value is None:
        return ()
    if isinstance(value, (int, float)):
        raise InvalidToken("the scope is neither a text nor a list")
    return [item.strip(BLANKS) for item in ([value] if isinstance(value, str) else value)]
