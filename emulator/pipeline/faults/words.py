"""The words of the fault language: what may stand behind each, and what is said to who misspells one.

Values come as YAML, JSON, Python or a command line have them: a number is also taken as text, a list also with commas.
"""

import re

from emulator.pipeline.times import parse_duration, parse_moment
from emulator.pipeline.words import LONGEST_NAME, MOST_VALUES, WordError, listed, refuse_unknown
from wire.errors import Error
from wire.types import Versions

_SIZE = re.compile(r"([0-9]{1,15})\s*([kKmM]?)[bB]?(?:/s)?")


_LONGEST_MS, _FURTHEST_MS = 2**31 - 1, 100 * 366 * 86_400_000
_LONGEST_TEXT, _LONGEST_SPEC = 1000, 10_000


def check_size(spec):
    """Before anything is looked at closely: a description has bounded texts, and plain values. Raises WordError."""
    total = 0
    for word, value in spec.items():
        if not isinstance(word, str) or len(word) > _LONGEST_TEXT:
            raise WordError(f"{str(word)[:40]}: no word of a fault is like that")
        if isinstance(value, dict):
            raise WordError(f"{word}: expected a text, a number, true, or a list of such")
        values = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
        if len(values) > MOST_VALUES:
            raise WordError(f"{word}: {len(values)} values, and there may be {MOST_VALUES}")
        for one in values:
            if isinstance(one, (dict, list, tuple, set, frozenset)):
                raise WordError(f"{word}: expected a text, a number, true, or a list of such")
            if isinstance(one, int) and one.bit_length() > 64:
                raise WordError(f"{word}: that number is too large")
            shown = str(one)
            if not shown.isascii() and re.search("[\ud800-\udfff]", shown):
                raise WordError(f"{word}: what is no Unicode text cannot be sent")
            size = len(shown)
            if size > _LONGEST_TEXT:
                raise WordError(f"{word}: a text of {size} characters, and there may be {_LONGEST_TEXT}")
            total += size
    if total > _LONGEST_SPEC:
        raise WordError(f"a fault of {total} characters, and there may be {_LONGEST_SPEC}")


class Numbers:
    """Whole numbers and ranges of them: 0, "0,3", "0-5"."""

    def __init__(self, word, value):
        self._ranges = []
        for text in listed(value):
            found = re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", text)
            if found is None or int(found[2] or found[1]) < int(found[1]):
                raise WordError(f"{word} {text}: expected a number, several with commas, or a range such as 0-5")
            self._ranges.append((int(found[1]), int(found[2] or found[1])))

    def matches(self, number):
        return any(low <= number <= high for low, high in self._ranges)

    def each(self):
        """The numbers that are named by themselves."""
        return [low for low, high in self._ranges if low == high]


def text(word, value):
    if not isinstance(value, str) or not value:
        raise WordError(f"{word}: expected a text")
    return value


def name(word, value):
    """What a fault is called."""
    if not isinstance(value, str) or not re.fullmatch("[A-Za-z0-9._-]{1,100}", value):
        raise WordError(f"{word} {str(value)[:LONGEST_NAME]!r}: expected letters, digits, dots, underscores, hyphens")
    return value


def count(word, value):
    """A whole number from 1 on."""
    if isinstance(value, bool) or not re.fullmatch("[0-9]{1,15}", str(value)) or int(value) < 1:
        raise WordError(f"{word} {value}: expected a whole number from 1 on")
    return int(value)


def number(word, value):
    if isinstance(value, bool) or not re.fullmatch(r"[+-]?[0-9]{1,15}", str(value)):
        raise WordError(f"{word} {value}: expected a whole number")
    return int(value)


def fraction(word, value):
    try:
        found = float(str(value).rstrip("%")) / (100 if str(value).endswith("%") else 1)
    except ValueError:
        found = -1
    if isinstance(value, bool) or not 0 < found <= 1:
        raise WordError(f"{word} {value}: expected a number above 0 and up to 1, such as 0.25, or 25%")
    return found


def duration(word, value, longest=_LONGEST_MS):
    """Milliseconds."""
    if hasattr(value, "total_seconds"):
        found = round(value.total_seconds() * 1000)
    else:
        try:
            found = parse_duration(str(value))
        except ValueError as error:
            raise WordError(f"{word}: {error}") from None
    if not 0 <= found <= longest:
        raise WordError(f"{word} {value}: expected 0ms to {longest}ms")
    return found


def signed_duration(word, value):
    """Milliseconds, of a clock that is ahead or behind."""
    if hasattr(value, "total_seconds"):
        return duration(word, abs(value), _FURTHEST_MS) * (-1 if value.total_seconds() < 0 else 1)
    given = str(value).strip()
    sign = -1 if given[:1] == "-" else 1
    return sign * duration(word, given.lstrip("+-"), _FURTHEST_MS)


def moment(word, value):
    """A function of the time that it is now, as what is meant may be a while from now: milliseconds since the epoch."""
    if hasattr(value, "timestamp"):
        value = value.isoformat()
    elif hasattr(value, "total_seconds"):
        later = duration(word, value, _FURTHEST_MS)
        return lambda now: now + later
    try:
        ms = parse_moment(str(value), word)
        return lambda now: ms
    except ValueError as error:
        try:
            later = duration(word, value, _FURTHEST_MS)
        except WordError:
            raise WordError(f"{error}, or a while from now such as 10s") from None
        return lambda now: now + later


def size(word, value):
    """Bytes: 4096, 64KB, 1MB; of a second for a bandwidth."""
    found = re.fullmatch(_SIZE, str(value))
    if isinstance(value, bool) or found is None or not int(found[1]):
        raise WordError(f"{word} {value}: expected bytes, such as 4096, 64KB or 1MB")
    return int(found[1]) * {"": 1, "K": 1024, "M": 1024 * 1024}[found[2].upper()]


def flag(word, value):
    given = str(value).lower()
    if given not in ("true", "false", "yes", "no"):
        raise WordError(f"{word} {value}: expected true")
    if given in ("false", "no"):
        raise WordError(f"{word}: false says nothing; leave it out")
    return True


def when(word, value):
    """before or after the request is applied."""
    given = "before" if str(value).lower() in ("true", "yes") else value
    if given not in ("before", "after"):
        raise WordError(f"{word} {value}: expected before or after (the request is applied)")
    return given


def error(word, value):
    if isinstance(value, int) and not isinstance(value, Error) and not isinstance(value, bool):
        value = next((one.name for one in Error if one == value), value)
    name = value.name if isinstance(value, Error) else str(value)
    if name == "NONE" or name not in Error.__members__:
        refuse_unknown("error", name, [one for one in Error.__members__ if one != "NONE"])
    return Error[name]


def versions(word, value):
    found = re.fullmatch(r"([0-9]{1,4})(\+|-[0-9]{1,4})?", str(value))
    parsed = Versions.parse(found[0]) if found else None
    if isinstance(value, bool) or parsed is None or parsed.min > parsed.max:
        raise WordError(f"{word} {value}: expected versions such as 9, 3-12 or 13+")
    return parsed


def sequel(word, value):
    """(name, how often) of NAME or NAME:TIMES."""
    name, colon, often = str(value).partition(":")
    if not name:
        raise WordError(f"{word} {value}: expected NAME or NAME:TIMES")
    return name, count(word, often) if colon else 1
