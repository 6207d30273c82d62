"""The token of a control port: whoever says it may do everything there (RFC 6750, `Authorization: Bearer`)."""

import hmac
import os
import re
import secrets

from emulator.apps.errors import UsageError

ENVIRONMENT = "KAFKA_EMULATOR_CONTROL_TOKEN"
_SHAPE = re.compile(r"[A-Za-z0-9._~+/-]{16,512}={0,2}")
_LARGEST_FILE = 4096


class Token:
    """`is_drawn`: nobody has said it, so it must be shown once. Its repr, and whatever is made of that, has nothing of it."""

    def __init__(self, text, is_drawn=False):
        self._text = text
        self.is_drawn = is_drawn

    def __repr__(self):
        return "Token(...)"

    @property
    def text(self):
        return self._text

    @property
    def header(self):
        """The value of Authorization that shows it."""
        return f"Bearer {self._text}"

    def is_in(self, authorization):
        """Whether a value of Authorization shows it; how long that takes says nothing of how much of it is right."""
        scheme, _, shown = authorization.partition(" ")
        right = hmac.compare_digest(shown.strip().encode("utf-8", "surrogateescape"), self._text.encode())
        return right and scheme.lower() == "bearer"


def token_of(path):
    """The Token in the file at `path`, without one that of the environment, None for neither. Raises UsageError, which does not show it."""
    if path is not None:
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                text, what = file.read(_LARGEST_FILE).strip(), f"control token in {path}"
        except OSError as error:
            raise UsageError(f"control token in {path}: {error.strerror or error}") from None
    elif text := os.environ.get(ENVIRONMENT, "").strip():
        what = ENVIRONMENT
    else:
        return None
    if not _SHAPE.fullmatch(text):
        raise UsageError(f"{what}: expected 16 to 512 letters, digits or -._~+/")
    return Token(text)


def draw():
    return Token(secrets.token_urlsafe(32), is_drawn=True)
