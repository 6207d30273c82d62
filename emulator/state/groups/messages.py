"""What the classic protocol's long requests ask, and what they are answered, as plain values.

An empty member id stands for none; protocol fields are None where Kafka sends null.
"""

from typing import NamedTuple

from wire import errors


class Join(NamedTuple):
    """What a JoinGroup request asks for. Times in ms; `protocols` is ((name, metadata bytes), ...).

    `client`: the connection it came by, see Clock.spared.
    """

    member_id: str
    group_instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocol_type: str
    protocols: tuple
    reason: str | None = None
    requires_known_member_id: bool = True
    can_skip_assignment: bool = True
    client: object = None


class JoinResult(NamedTuple):
    """The answer to a join; `members` is [(member_id, group_instance_id, metadata)], for the leader only."""

    error: int = errors.NONE
    member_id: str = ""
    generation_id: int = -1
    protocol_type: str | None = None
    protocol_name: str | None = None
    leader: str = ""
    skip_assignment: bool = False
    members: list = ()


class SyncResult(NamedTuple):
    """The answer to a sync: this member's assignment (bytes)."""

    error: int = errors.NONE
    protocol_type: str | None = None
    protocol_name: str | None = None
    assignment: bytes = b""
