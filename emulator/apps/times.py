"""Durations and moments as people write them."""

from datetime import datetime, timedelta, timezone

from emulator.apps.errors import UsageError
from emulator.pipeline import times
from emulator.pipeline.times import EPOCH as _EPOCH


def parse_duration(text):
    """Milliseconds of 7d, 90s, 1h30m, 500ms, "1d 12h". Raises UsageError."""
    return _said(times.parse_duration, text)


def parse_moment(text, what):
    """Milliseconds since the epoch of an ISO 8601 date and time (UTC where it names no zone) or of such a number.

    Raises UsageError, in which `what` names it.
    """
    return _said(times.parse_moment, text, what)


def _said(parse, *arguments):
    try:
        return parse(*arguments)
    except ValueError as error:
        raise UsageError(str(error)) from None


def moment_of(ms):
    """The aware datetime, in UTC. OverflowError after the year 9999."""
    return _EPOCH + timedelta(milliseconds=ms)


def moment_text(ms):
    return moment_of(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_ms(moment):
    """Milliseconds since the epoch of a datetime, UTC where it has no zone."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)) - _EPOCH) // timedelta(milliseconds=1)


def as_seconds(duration, what):
    """Of a number of them, a timedelta or text such as 500ms. Raises ValueError, in which `what` names it."""
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, str):
        try:
            return parse_duration(duration) / 1000
        except UsageError as error:
            raise ValueError(f"{what}: {error}") from None
    return float(duration)
