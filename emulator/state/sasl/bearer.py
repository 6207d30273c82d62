"""Bearer tokens that are JSON Web Tokens (RFC 7519): their parts, and what is known of one that is good."""

import base64
import binascii
import json
import re
from typing import NamedTuple

_MAX_DIGITS = 1000  # of a number, as Kafka's reader of JSON has it
_BASE64_URL = re.compile(r"[A-Za-z0-9_-]*={0,2}")
MAX_LONG = 2**63 - 1
BLANKS = "".join(map(chr, range(33)))  # what String.trim() removes


class BearerToken(NamedTuple):
    """`lifetime_ms`: until when it holds, ms since the epoch."""

    principal_name: str
    lifetime_ms: int


class InvalidToken(Exception):
    """`why` is for the log of the broker: without the token, and not for the client, who learns `status` and the `scope` that it lacks."""

    def __init__(self, why, status="invalid_token", scope=None):
        super().__init__(why)
        self.status = status
        self.scope = scope


class KeysUnavailable(Exception):
    """There are no keys to check a token with: nobody's fault but the broker's. The text says why, for the log."""


def decoded(part):
    """The bytes of a part of a token. Raises InvalidToken."""
    try:
        if _BASE64_URL.fullmatch(part):
            return base64.urlsafe_b64decode(part if part.endswith("=") else part + "=" * (-len(part) % 4))
    except binascii.Error:
        pass
    raise InvalidToken("malformed Base64 URL encoded value")


def parse_json(data, pairs=dict, loose=False):
    """The value of a JSON text in bytes. `pairs` makes an object of its (name, value) pairs.

    `loose`: in any of Unicode's encodings, and something else may follow (Jackson). Raises InvalidToken, whatever the text is.
    """
    try:
        text = data.decode(json.detect_encoding(data) if loose else "utf-8")
        decoder = json.JSONDecoder(object_pairs_hook=pairs, parse_int=_integer, parse_float=_float, parse_constant=_refuse)
        text = text.strip(" \t\r\n")
        return decoder.raw_decode(text)[0] if loose else decoder.decode(text)
    except (ValueError, RecursionError):
        raise InvalidToken("malformed JSON") from None


def distinct(pairs):
    """An object none of whose names is there twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _integer(digits):
    if len(digits) > _MAX_DIGITS:
        raise ValueError("a number of too many digits")
    return int(digits)


def _float(digits):
    if len(digits) > _MAX_DIGITS:
        raise ValueError("a number of too many digits")
    return float(digits)


def _refuse(constant):
    raise ValueError(f"{constant} is no JSON")
