"""Where the keys are that tokens are checked with: a file, looked at again when it changes, or a URL, asked again in a while."""

import logging
import os
import stat
from collections import OrderedDict
from urllib.parse import unquote, urlsplit

from gevent import get_hub, spawn
from gevent.event import AsyncResult

from emulator.runtime.over_http import fetch
from emulator.state.sasl.bearer import KeysUnavailable
from emulator.state.sasl.jwks import KeySet

log = logging.getLogger(__name__)

_MAX_BYTES = 512 * 1024  # of an answer, and of a file
_DEADLINE_MS = 20_000  # of one attempt
_MISSING_FOR_MS = 60_000  # a key that is asked for again before that is not worth another look
_MOST_MISSING, _LONGEST_KEY_ID = 16, 1000


class Jwks:
    """`open(url, ...)` gives an object with `current() -> KeySet` and `missing(key id)`; `patience`: the clock of a run of the broker."""

    def __init__(self, patience):
        self._patience = patience

    def open(self, url, refresh_ms, backoff_ms, backoff_max_ms):
        """Raises KeysUnavailable when there are no keys to begin with, ConfigError without PyJWT."""
        parts = urlsplit(url)
        if parts.scheme.lower() == "file":
            if parts.netloc not in ("", "localhost"):
                raise KeysUnavailable(f"the file is on another machine, {parts.netloc}")
            return JwksFile(unquote(parts.path))
        return JwksUrl(url, self._patience, refresh_ms, backoff_ms, backoff_max_ms)


class JwksFile:
    """Read again whenever it is another than it was; while it cannot be read nobody is let in."""

    def __init__(self, path):
        self._path = path
        self._seen = self._keys = None
        self.current()

    def current(self):
        try:
            found = os.stat(self._path)
            seen = found.st_mtime_ns, found.st_size, found.st_ino
            if seen != self._seen:
                self._keys = KeySet(self._read(found))
                self._seen = seen
                log.info("%s: %s keys", self._path, len(self._keys))
        except OSError as error:
            raise KeysUnavailable(f"{self._path}: {error.strerror}") from None
        except ValueError as error:
            raise KeysUnavailable(f"{self._path}: {error}") from None
        return self._keys

    def missing(self, key_id):
        """What is in the file is known already."""

    def _read(self, found):
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is no file")
        if found.st_size > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES} bytes")
        with open(self._path, "rb") as file:
            return file.read(_MAX_BYTES)


class JwksUrl:
    """Asked each sasl.oauthbearer.jwks.endpoint.refresh.ms, and when a token needs a key that is not there (RefreshingHttpsJwks).

    What was known stays known while nobody answers.
    """

    def __init__(self, url, patience, refresh_ms, backoff_ms, backoff_max_ms):
        self._url = url
        self._patience = patience
        self._refresh_ms = refresh_ms
        self._backoff_ms, self._backoff_max_ms = backoff_ms, backoff_max_ms
        self._asking = False  # whether a thread is
        self._missing = OrderedDict()  # key id -> until when it is not looked for again
        self._keys = self._first()
        patience.after(refresh_ms, self._refresh)

    def current(self):
        return self._keys

    def missing(self, key_id):
        if not isinstance(key_id, str) or len(key_id) > _LONGEST_KEY_ID:
            return
        now = self._patience.now()
        if self._missing.get(key_id, 0) <= now:
            self._missing[key_id] = now + _MISSING_FOR_MS
            if len(self._missing) > _MOST_MISSING:
                self._missing.popitem(last=False)
            self._ask()

    def _first(self):
        result = AsyncResult()
        self._fetch(result.set)
        return _key_set(result.get())

    def _refresh(self):
        self._patience.after(self._refresh_ms, self._refresh)
        self._ask()

    def _ask(self, attempt=0, until=None):
        if self._asking:
            return
        until = self._patience.now() + self._backoff_max_ms if until is None else until

        def answered(found):
            try:
                self._keys = _key_set(found)
            except KeysUnavailable as error:
                log.warning("%s: %s; the keys stay as they are", self._url, error)
                pause = min(self._backoff_ms << min(attempt, 30), until - self._patience.now())
                if pause > 0:
                    self._patience.after(pause, lambda: self._ask(attempt + 1, until))

        self._fetch(answered)

    def _fetch(self, done):
        """`done(bytes, or a text that says why there are none)`, once, when there is an answer or the deadline has passed."""
        waiting = [done]

        def finish(found):
            timer.cancel()
            if waiting:
                waiting.pop()(found)

        def ask():
            found = get_hub().threadpool.apply(_get, (self._url,))
            self._asking = False
            finish(found)

        self._asking = True
        timer = self._patience.after(_DEADLINE_MS, lambda: finish("no answer in time"))
        spawn(ask)


def _get(url):
    return fetch(url, _MAX_BYTES, _DEADLINE_MS / 1000)


def _key_set(found):
    if isinstance(found, str):
        raise KeysUnavailable(found)
    try:
        return KeySet(found)
    except ValueError as error:
        raise KeysUnavailable(str(error)) from None
