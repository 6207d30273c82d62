"""Durations and moments as people write them, in config.yaml, in faults, at the command line."""

import re
from datetime import datetime, timedelta, timezone

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PART = re.compile(r"\s*([0-9]+)(ms|[smhdw])\s*")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def parse_duration(text):
    """Milliseconds of 7d, 90s, 1h30m, 500ms, "1d 12h". Raises ValueError."""
    total, position, seen = 0, 0, set()
    while position < len(text):
        part = _PART.match(text, position)
        if part is None or part[2] in seen or len(part[1]) > 15:
            break
        seen.add(part[2])
        total += int(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not seen or position < len(text):
        raise ValueError(f"{text!r} is no duration: expected whole numbers with units (ms, s, m, h, d, w), such as 7d, 90s, 1h30m or 500ms")
    return total


def parse_moment(text, what):
    """Milliseconds since the epoch of an ISO 8601 date and time (UTC where it names no zone) or of such a number.

    Raises ValueError, in which `what` names it.
    """
    try:
        if text.isascii() and text.isdigit():
            moment = EPOCH + timedelta(milliseconds=int(text))
        else:
            moment = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=timezone.utc)
        ms = (moment - EPOCH) // timedelta(milliseconds=1)
        if ms < 0:
            raise ValueError
    except (ValueError, OverflowError):
        raise ValueError(f"{what} {text}: expected a moment since 1970 such as 2030-01-01, 2030-01-01T12:00:00Z or 1893499200000 (ms)") from None
    return ms
