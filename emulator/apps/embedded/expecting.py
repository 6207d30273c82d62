"""What a test expects of a record, and what it is told when there is none such."""

import json

from emulator.apps.embedded.record import bytes_of, header_pairs

ANYTHING = ...
_SHOWN = 20


class Expected:
    """A record with this key, value, headers and partition; `...` is any.

    Text and bytes are equal to the same bytes, None to none; a dict or a list to the same JSON; a function decides by itself.
    The headers are all to be there, among others.
    """

    def __init__(self, key=ANYTHING, value=ANYTHING, headers=ANYTHING, partition=ANYTHING):
        self._asked = [(name, asked) for name, asked in (("key", key), ("value", value), ("headers", headers), ("partition", partition))
                       if asked is not ANYTHING]  # fmt: skip
        self._key, self._value = _test(key, "key"), _test(value, "value")
        if headers is ANYTHING or callable(headers):
            self._headers = headers
        else:
            pairs = header_pairs(headers)
            self._headers = lambda there: all(pair in there for pair in pairs)
        self._partition = partition

    def matches(self, record):
        return (
            self._partition in (ANYTHING, record.partition)
            and (self._key is ANYTHING or self._key(record.key))
            and (self._value is ANYTHING or self._value(record.value))
            and (self._headers is ANYTHING or self._headers(record.headers))
        )

    def __str__(self):
        return "with " + ", ".join(f"{name}={asked!r}" for name, asked in self._asked) if self._asked else "at all"


def _test(asked, what):
    """A function of the bytes (or None)."""
    if asked is ANYTHING:
        return asked
    if callable(asked):
        return lambda data: bool(asked(data))
    if isinstance(asked, (dict, list)):
        return lambda data: _is_json(data, asked)
    wanted = bytes_of(asked, what)
    return lambda data: data == wanted


def _is_json(data, wanted):
    try:
        return data is not None and json.loads(data) == wanted
    except ValueError:
        return False


def listing(seen):
    """The newest of some Records, one a line."""
    lines = [str(record) for record in seen[-_SHOWN:]]
    if len(seen) > _SHOWN:
        lines.insert(0, f"... and {len(seen) - _SHOWN} before these")
    return "".join(f"\n  {line}" for line in lines)
