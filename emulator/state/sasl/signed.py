"""Tokens that an issuer has signed: good when a key of the JWKS has, and when their claims are what is expected.

Source: BrokerJwtValidator, ClaimValidationUtils of 4.3.1, and the validators of jose4j 0.9.6's JwtConsumer that it uses.
"""

from emulator.state.sasl.bearer import BLANKS, MAX_LONG, BearerToken, InvalidToken, distinct, parse_json
from emulator.state.sasl.jwks import UnknownKey
from emulator.state.sasl.mechanism import Unanswered


class SignedTokens:
    """`keys` has the keys, see JwksFile: `current()` gives the KeySet, `missing(key id)` is told of tokens by a key that it lacks.

    `audiences`: of which a token must name one, none: it may name none; `issuer`: that it must name, None: any;
    `skew_s`: how far the issuer's clock may differ; `scope_claim`, `sub_claim`: names; `now()`: ms since the epoch.
    """

    def __init__(self, keys, audiences, issuer, skew_s, scope_claim, sub_claim, now):
        self._keys = keys
        self._audiences = audiences
        self._issuer = issuer
        self._skew_s = skew_s
        self._scope_claim = scope_claim
        self._sub_claim = sub_claim
        self._now = now

    def check(self, token):
        """The BearerToken that `token` is. Raises InvalidToken, KeysUnavailable, Unanswered."""
        parts = token.split(".")
        if len(parts) != 3 or not all(parts):
            raise InvalidToken("Malformed JWT provided; expected three sections (header, payload, and signature)")
        try:
            claims = parse_json(self._keys.current().verified(token), distinct)
        except UnknownKey as unknown:
            self._keys.missing(unknown.key_id)
            raise
        if not isinstance(claims, dict):
            raise InvalidToken("the claims are no JSON object")
        expires = self._check_times(claims)
        self._check_issuer(claims)
        self._check_audience(claims)
        for name in ("sub", "jti"):
            _text(claims, name)
        self._check_scope(claims)
        subject = (_text(claims, self._sub_claim) or "").strip(BLANKS)
        if not subject:
            raise InvalidToken(f"{self._sub_claim} value must be non-empty")
        return BearerToken(subject, expires * 1000)

    def _check_times(self, claims):
        expires, issued, starts = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
        if expires is None:
            raise InvalidToken("No Expiration Time (exp) claim present.")
        if issued is None:
            raise InvalidToken("No Issued At (iat) claim present.")
        now = self._now() // 1000
        if now - self._skew_s >= expires:
            raise InvalidToken("the token has expired")
        if expires < issued or starts is not None and expires < starts:
            raise InvalidToken("the token expires before it is issued or holds")
        if starts is not None and now + self._skew_s < starts:
            raise InvalidToken("the token does not hold yet")
        if expires < 0 or issued < 0:
            raise InvalidToken("a time is negative")
        if expires * 1000 > MAX_LONG:
            raise Unanswered("a time of more milliseconds than fit a long")
        return expires

    def _check_issuer(self, claims):
        issuer = _text(claims, "iss")
        if self._issuer is not None and issuer != self._issuer:
            raise InvalidToken("No Issuer (iss) claim present." if issuer is None else "the token is of another issuer")

    def _check_audience(self, claims):
        audience = claims.get("aud")
        if audience is None:
            if self._audiences:
                raise InvalidToken("No Audience (aud) claim present.")
            return
        named = [audience] if isinstance(audience, str) else audience
        if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
            raise InvalidToken("The value of the 'aud' claim is not an array of strings or a single string value.")
        if not set(named) & set(self._audiences):
            raise InvalidToken("the token is for another audience" if self._audiences else "the token is for an audience, and none is expected")

    def _check_scope(self, claims):
        scope = claims.get(self._scope_claim)
        items = [scope] if isinstance(scope, str) else scope if isinstance(scope, list) else []
        if any(item is not None and not isinstance(item, str) for item in items):
            raise Unanswered(f"{self._scope_claim} value is no text")
        if not all(item and item.strip(BLANKS) for item in items):
            raise InvalidToken(f"{self._scope_claim} value must be non-empty")
        if len({item.strip(BLANKS) for item in items}) < len(items):
            raise InvalidToken(f"{self._scope_claim} value must not contain duplicates")


def _text(claims, name):
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidToken(f"The value of the '{name}' claim is not the expected type")
    return value


def _seconds(claims, name):
    """Whole seconds: what is less is cut off."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or isinstance(value, int) and abs(value) > MAX_LONG:
        raise InvalidToken(f"The value of the '{name}' claim is not the expected type")
    return int(max(-MAX_LONG, min(value, MAX_LONG)))
