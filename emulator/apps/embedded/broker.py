"""One broker of an Emulator, and what may become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.apps.addresses import reached_at

if TYPE_CHECKING:
    from emulator.apps.embedded import Emulator


class Broker:
    """One of the brokers. What makes no sense as it is now raises RuntimeError."""

    def __init__(self, emulator: Emulator, broker_id: int) -> None:
        self._emulator = emulator
        self.id = broker_id

    @property
    def address(self) -> str:
        """HOST:PORT of its first listener."""
        return reached_at(self._server)

    @property
    def state(self) -> str:
        """running, frozen, stopped or killed"""
        return self._server.state

    def kill(self) -> None:
        """Gone at once, as after kill -9: its connections are reset, others lead what it led."""
        self._do("kill")

    def stop(self) -> None:
        """A controlled shutdown: others lead first, then its connections are closed."""
        self._do("stop")

    def start(self) -> None:
        """Again, after `kill` or `stop`, at the same address."""
        self._do("start")

    def freeze(self) -> None:
        """Clients are accepted and never answered; after broker.session.timeout.ms others lead what it led."""
        self._do("freeze")

    def thaw(self) -> None:
        """After `freeze`: it goes on, and answers what was asked meanwhile."""
        self._do("thaw")

    def split(self) -> None:
        """Clients cannot reach it any more: connections are reset, new ones refused. Other brokers can."""
        self._do("split")

    def mend(self) -> None:
        """After `split`: clients can again."""
        self._do("mend")

    def pause_replication(self) -> None:
        """It fetches no more from those whom it follows."""
        self._replicate("pause")

    def resume_replication(self) -> None:
        """After `pause_replication`."""
        self._replicate("resume")

    def slow_replication(self, delay_ms: int) -> None:
        """It waits so long before each round of fetches; 0: as fast as it can."""
        self._replicate("slow", delay_ms)

    @property
    def _server(self):
        return self._emulator.server.brokers[self.id]

    def _do(self, action: str) -> None:
        self._emulator.call(getattr(self._server, action))

    def _replicate(self, action: str, *arguments: Any) -> None:
        self._emulator.call(getattr(self._emulator.server.services["replication"], action), self.id, *arguments)
