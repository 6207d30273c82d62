"""Where tokens of OAUTHBEARER come from: made here and signed by nobody, for development; a file; an issuer that is asked (KIP-768).

Source: OAuthBearerUnsecuredLoginCallbackHandler, FileJwtRetriever, ClientCredentialsJwtRetriever of 4.3.1's clients.
"""

import base64
import json
import logging
import re
from urllib.parse import urlencode

from gevent import get_hub
from gevent.lock import BoundedSemaphore

from emulator.runtime.over_http import fetch
from emulator.state.sasl.bearer import InvalidToken, decoded, parse_json

log = logging.getLogger(__name__)

_MOST_BYTES = 512 * 1024
_TOKEN = re.compile(r"[-_~+/.a-zA-Z0-9]+=*")
_WORN = 0.8  # of its life: then there had better be a new one (sasl.login.refresh.window.factor)
_RETRY_MS = 10_000
_RESERVED = ("iat", "exp")


class NoToken(Exception):
    """Why there is none, in one line that has no secret in it."""


class UnsecuredTokens:
    """`options`: those of the login module that begin with unsecuredLogin, without that. Raises ValueError."""

    def __init__(self, options, now):
        self._now = now
        self._lifetime_s = int(options.get("LifetimeSeconds", "3600"))
        self._claims = {}
        for option, text in options.items():
            kind, _, name = option.partition("Claim_")
            if kind in _KINDS and name:
                if name in _RESERVED:
                    raise ValueError(f"Cannot explicitly set the '{name}' claim")
                self._claims[name] = _KINDS[kind](text)
        principal = options.get("PrincipalClaimName", "").strip() or "sub"
        if not isinstance(name := self._claims.get(principal), str) or not name.strip():
            raise ValueError(f"unsecuredLoginStringClaim_{principal}=\"...\" has to say who it is")

    def token(self):
        now = self._now() / 1000
        return ".".join(_encoded(one) for one in ({"alg": "none"}, {"exp": now + self._lifetime_s, "iat": now, **self._claims})) + "."


# The first character of a list is what is between its items.
_KINDS = {"String": str, "Number": float, "List": lambda text: text[1:].split(text[0]) if len(text) > 1 else []}


def _encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class TokenFile:
    """Read for each log-in, as whoever writes it may write another."""

    def __init__(self, path):
        self._path = path

    def token(self):
        """Raises NoToken."""
        try:
            with open(self._path, "rb") as file:
                return _checked(file.read(_MOST_BYTES))
        except OSError as error:
            raise NoToken(f"{self._path}: {error.strerror}") from None
        except ValueError as error:
            raise NoToken(f"{self._path}: {error}") from None


class TokenEndpoint:
    """Asked for a token by the client's credentials (RFC 6749, 4.4), and again before that one expires; while it does not answer the old one serves.

    `now()`: ms since the epoch; `timeout_s`: of one request.
    """

    def __init__(self, url, client_id, client_secret, scope, now, timeout_s):
        self._url = url
        self._form = urlencode({"grant_type": "client_credentials", **({"scope": scope} if scope else {})}).encode()
        credentials = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {credentials}", "Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded", "Cache-Control": "no-cache",
        }  # fmt: skip
        self._now = now
        self._timeout_s = timeout_s
        self._token, self._worn_at, self._expires = None, 0, 0
        self._asking = BoundedSemaphore()  # who comes meanwhile wants the same

    def token(self):
        """Raises NoToken."""
        if self._now() >= self._worn_at:
            with self._asking:
                if self._now() >= self._worn_at:
                    self._renew()
        return self._token

    def _renew(self):
        found = get_hub().threadpool.apply(fetch, (self._url, _MOST_BYTES, self._timeout_s, self._form, self._headers))
        try:
            if isinstance(found, str):
                raise ValueError(found)
            token = _token_of(found)
            expires = _expiry(token)
        except (ValueError, InvalidToken) as error:
            if self._now() >= self._expires:
                raise NoToken(f"{self._url}: {error}") from None
            log.warning("%s: %s; the token before serves on", self._url, error)
            self._worn_at = self._now() + _RETRY_MS
            return
        now = self._now()
        self._token, self._worn_at, self._expires = token, now + _WORN * (expires - now), expires


def _token_of(answer):
    said = parse_json(answer)
    token = isinstance(said, dict) and (said.get("access_token") or said.get("id_token"))
    if not isinstance(token, str):
        raise ValueError("its answer has no access_token")
    return _checked(token.encode())


def _checked(data):
    token = data.decode("ascii", "replace").strip()
    if not _TOKEN.fullmatch(token):
        raise ValueError("that is no token")
    return token


def _expiry(token):
    """When it ends, ms since the epoch."""
    parts = token.split(".")
    claims = parse_json(decoded(parts[1])) if len(parts) == 3 else None
    expires = claims.get("exp") if isinstance(claims, dict) else None
    if not isinstance(expires, (int, float)) or isinstance(expires, bool):
        raise ValueError("its token does not say when it expires")
    return expires * 1000
