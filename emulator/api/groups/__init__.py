"""The classic group protocol, committed offsets, and what administrators ask of groups."""

from emulator.api.groups import admin, find, membership, offsets

__all__ = ["admin", "find", "membership", "offsets"]
