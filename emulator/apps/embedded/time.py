"""The clock of an Emulator, and what time brings about: compaction, retention."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from emulator.apps.control.upkeep import run_cleaner, run_retention
from emulator.apps.errors import UsageError
from emulator.apps.times import moment_of, parse_duration
from emulator.runtime.clock import ManualClock

if TYPE_CHECKING:
    from emulator.apps.embedded import Emulator


class Clock:
    """What the server takes the time to be."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def now(self) -> datetime:
        """In UTC, to the millisecond."""
        return moment_of(self.now_ms())

    def now_ms(self) -> int:
        """As Kafka's timestamps have it: milliseconds since the epoch."""
        return self._emulator.server.time.now()

    def advance(
        self,
        by: timedelta | str | None = None,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        milliseconds: float = 0,
        expire_sessions: bool = False,
    ) -> dict[str, int]:
        """Let time pass on a virtual clock: advance(days=7), advance("1h30m"), advance(timedelta(...)).

        Returns when all that would have happened by then has happened, in order, and what came of it, such as
        {"segments deleted": 3}. Sessions of group members whose connection is open survive unless `expire_sessions`.
        Raises ValueError.
        """
        try:
            more = timedelta(milliseconds=parse_duration(by)) if isinstance(by, str) else by or timedelta()
        except UsageError as error:
            raise ValueError(str(error)) from None
        more += timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)
        time = self._emulator.server.time
        if not isinstance(time, ManualClock):
            raise ValueError('the clock is real, and goes by itself; Emulator(clock="virtual") has one to advance')
        return self._emulator.call(time.advance, more // timedelta(milliseconds=1), expire_sessions)


class Cleaner:
    """Compaction."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def run(self) -> dict[str, int]:
        """Compact all that is due, now; gives what was done: {"rounds of compaction": 1, "records compacted away": 2}."""
        return self._emulator.call(run_cleaner, self._emulator.server)["done"]


class Retention:
    """What retention.ms and retention.bytes no longer keep."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def run(self) -> dict[str, int]:
        """Delete all that is due, now; gives what was done: {"segments deleted": 3}."""
        return self._emulator.call(run_retention, self._emulator.server)["done"]
