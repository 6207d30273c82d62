"""A Kafka cluster in one process. ARCHITECTURE.md tours the rooms in reading order.

    from emulator import Emulator

Whoever imports the package alone pays for nothing: Emulator is brought when it is first named.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Emulator"]

if TYPE_CHECKING:
    from emulator.apps.embedded import Emulator


def __getattr__(name):
    if name in __all__:
        from emulator.apps import embedded

        return getattr(embedded, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
