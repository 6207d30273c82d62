"""A partition's log: segments of opaque record batches, found again by offset and by time."""

from emulator.state.log.log import Log
from emulator.state.log.segments import ReadResult

__all__ = ["Log", "ReadResult"]
