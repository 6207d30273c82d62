"""A cluster as it stood at one moment, for `Emulator.restore` and `fork`."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.apps.embedded.writing import Writer
    from emulator.runtime import snapshot as runtime


class Snapshot:
    """May be restored and forked any number of times; what it keeps is let go of with it."""

    def __init__(self, cluster: runtime.Snapshot, writer: Writer) -> None:
        self.cluster = cluster
        self.writer = writer

    def __repr__(self) -> str:
        names = self.cluster.metadata.table("topics")
        return f"<Snapshot of {len(self.cluster.brokers)} broker(s), {len(names)} topic(s)>"


def on_free_ports(settings):
    """The Settings of each broker, listening elsewhere."""
    every = []
    for one in settings:
        other = copy(one)
        for name in ("endpoints", "advertised_endpoints"):
            setattr(other, name, [endpoint._replace(port=0) for endpoint in getattr(one, name)])
        every.append(other)
    return every
