"""Records in and out: Produce, Fetch, ListOffsets, OffsetForLeaderEpoch, DeleteRecords."""

from emulator.api.data import fetch, offsets, produce

__all__ = ["fetch", "offsets", "produce"]
