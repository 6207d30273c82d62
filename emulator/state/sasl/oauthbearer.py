"""OAUTHBEARER (RFC 7628, KIP-255): a token says who somebody is; with it may come extensions (KIP-342).

Source: OAuthBearerSaslServer, OAuthBearerClientInitialResponse of 4.3.1.
"""

import logging
import re

from emulator.state.principals import USER, Principal
from emulator.state.sasl.bearer import InvalidToken, KeysUnavailable
from emulator.state.sasl.mechanism import AuthenticationFailed, Mechanism, Unanswered

log = logging.getLogger(__name__)

_SEPARATOR = "\x01"
_GONE_ON = b"\x01"  # what a client says once it has read why it is refused
_GS2_HEADER = re.compile(r"n,(?:a=(?P<name>[\x02-\x2b\x2d-\x7f]+))?,")
_ESCAPED = re.compile("=2C|=3D")  # a name's comma and equals sign
_PAIR = re.compile(r"([A-Za-z]+)=([\x21-\x7e \t\r\n]+)")
_AUTHORIZATION = re.compile(r"(\w+) +([-_~+/.a-zA-Z0-9]+=*)", re.ASCII)


class OAuthBearer(Mechanism):
    """`tokens.check(text)` gives the BearerToken of a text, or raises InvalidToken, KeysUnavailable, Unanswered."""

    def __init__(self, tokens):
        super().__init__()
        self._tokens = tokens
        self._refusal = None  # what the client was told, once it has been

    def evaluate(self, token):
        if token == _GONE_ON and self._refusal is not None:
            raise AuthenticationFailed(self._refusal)
        self._refusal = None
        authorization_id, bearer, extensions = parse_first(token)
        try:
            found = self._tokens.check(bearer)
        except InvalidToken as invalid:
            log.info("a token is refused: %s", invalid)
            return self._refuse(invalid.status, invalid.scope)
        except KeysUnavailable as error:  # the client learns of no difference: jose4j makes one exception of both
            log.warning("tokens cannot be checked: %s", error)
            return self._refuse("invalid_token")
        if authorization_id not in ("", found.principal_name):
            raise AuthenticationFailed(
                f"Authentication failed: Client requested an authorization id ({authorization_id}) that is different from "
                f"the token's principal name ({found.principal_name})"
            )
        self.principal = Principal(USER, found.principal_name)
        self.lifetime_ms = found.lifetime_ms
        self.extensions = extensions
        self.is_complete = True
        return b""

    def _refuse(self, status, scope=None):
        self._refusal = f'{{"status":"{status}"}}' if scope is None else f'{{"status":"{status}", "scope":"{scope}"}}'
        return self._refusal.encode()


def parse_first(message):
    """(authorization id, the token, {extension: text}) of what a client says first, bytes. Raises AuthenticationFailed, Unanswered."""
    text = message.decode("utf-8", "replace")
    head, *pairs = text.split(_SEPARATOR)
    header = _GS2_HEADER.fullmatch(head)
    if header is None or "=" in _ESCAPED.sub("", header["name"] or "") or pairs[-2:] != ["", ""]:
        raise AuthenticationFailed
    found = {}
    for pair in pairs[:-2]:
        match = _PAIR.fullmatch(pair)
        if match is None:
            raise AuthenticationFailed
        found[match[1]] = match[2]
    authorization = _AUTHORIZATION.fullmatch(found.pop("auth", ""))
    if authorization is None:
        raise AuthenticationFailed
    if authorization[1].lower() != "bearer":
        raise Unanswered("Invalid scheme in OAUTHBEARER client first message")
    return header["name"] or "", authorization[2], found
