"""Share groups (KIP-932): their members, what they fetch and acknowledge, their offsets."""

from emulator.api.share_groups import fetch, membership, offsets, state  # noqa: F401
