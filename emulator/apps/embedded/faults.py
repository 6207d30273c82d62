"""Faults of an Emulator: what goes wrong, and whether it has."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Callable, Iterable, Literal, Union

from emulator.apps.times import as_seconds
from emulator.runtime.watch import wait_until
from wire.errors import Error

if TYPE_CHECKING:
    from emulator.pipeline.faults import Fault as ServerFault
    from emulator.runtime.server import Server

Names = Union[str, Iterable[str]]
Numbers = Union[int, str, Iterable[int]]
Duration = Union[timedelta, str]  # "500ms"
Moment = Union[datetime, timedelta, str]


class Fault:
    """One that was added with `Emulator.fail`; with `with` it goes at the end of the block."""

    def __init__(self, emulator: Failing, fault: ServerFault) -> None:
        self._emulator = emulator
        self._fault = fault

    @property
    def name(self) -> str:
        return self._fault.name

    @property
    def hits(self) -> int:
        """How often it has happened: once for a request, whatever of it was concerned."""
        return self._fault.hits

    @property
    def calls(self) -> int:
        """How many requests it was about, whether it happened to them or not."""
        return self._fault.calls

    def remove(self) -> None:
        """It happens no more; once removed, this does nothing."""
        self._emulator.call(self._remove)

    def _remove(self) -> None:
        faults = self._emulator.server.faults
        if self._fault in faults:
            faults.remove(self.name)

    def assert_hit(self, times: int | None = None, *, within: float | timedelta | str = 0) -> None:
        """That it has happened, so many `times` or at least once; or does `within` a while of real time (seconds, "500ms")."""

        def is_hit() -> bool:
            return self.hits >= (times or 1)

        seconds = as_seconds(within, "within")
        if seconds > 0:
            self._emulator.call(wait_until, is_hit, seconds)
        if times is None and not self.hits or times is not None and self.hits != times:
            expected = "once or more" if times is None else f"{times} times"
            raise AssertionError(f"{self}: expected {expected}")

    def assert_not_hit(self) -> None:
        """That it has never happened."""
        if self.hits:
            raise AssertionError(f"{self}: expected never")

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, *_: object) -> None:
        if self._emulator.runs:
            self.remove()

    def __repr__(self) -> str:
        words = ", ".join(f"{word}={value!r}" for word, value in self._fault.spec.items() if word != "name")
        return f"<{self.name} ({words}): it has happened {self.hits} times, to {self.calls} requests that it was about>"


class Failing:
    """The half of Emulator that is about what goes wrong."""

    if TYPE_CHECKING:
        server: Server
        runs: bool

        def call(self, function: Callable[..., Any], *arguments: Any) -> Any: ...

    def fail(
        self,
        api: Names | None = None,
        *,
        name: str | None = None,
        versions: str | int | None = None,
        client: Names | None = None,
        principal: Names | None = None,
        host: Names | None = None,
        broker: Numbers | None = None,
        topic: Names | None = None,
        partition: Numbers | None = None,
        group: Names | None = None,
        member: Names | None = None,
        transaction: Names | None = None,
        coordinator: Names | None = None,
        resource: Names | None = None,
        user: Names | None = None,
        feature: Names | None = None,
        log_dir: Names | None = None,
        nth: int | None = None,
        skip: int | None = None,
        times: int | None = None,
        probability: float | str | None = None,
        seed: int | None = None,
        after_fault: str | Fault | None = None,
        after_calls: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        error: str | Error | None = None,
        level: str | None = None,
        message: str | None = None,
        delay: Duration | None = None,
        delay_answer: Duration | None = None,
        jitter: Duration | None = None,
        throttle: Duration | None = None,
        bandwidth: int | str | None = None,
        drop: Literal["before", "after", True] | None = None,
        hang: Literal["before", "after", True] | None = None,
        unreachable: Literal[True] | None = None,
        torn: int | None = None,
        truncated: int | None = None,
        correlation_id: int | None = None,
        corrupt_crc: Literal[True] | None = None,
        duplicate: Literal[True] | None = None,
        stale: int | None = None,
        clock_skew: Duration | None = None,
    ) -> Fault:
        """From now on requests that are such and such go wrong: docs/faults.md has the words, which are those of `faults:` in config.yaml.

            fault = kafka.fail("Produce", topic="orders", error="NOT_LEADER_OR_FOLLOWER", times=2)

        Raises ValueError, which says what would be right.
        """
        given = {word: value for word, value in locals().items() if word != "self" and value is not None}
        if isinstance(after_fault, Fault):
            given["after_fault"] = after_fault.name
        return Fault(self, self.call(self.server.faults.add, given))

    @property
    def faults(self) -> list[Fault]:
        """All that there are, also those of the configuration."""
        return [Fault(self, one) for one in self.call(list, self.server.faults)]

    def clear_faults(self) -> None:
        """Nothing goes wrong any more."""
        self.call(self.server.faults.clear)
