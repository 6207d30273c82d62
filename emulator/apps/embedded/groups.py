"""The groups of a server, as a test waits for them."""

from __future__ import annotations

from typing import NamedTuple

from emulator.runtime.broker import RUNNING
from emulator.runtime.watch import wait_until
from wire.errors import KafkaError

STATES = ("Empty", "PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling", "NotReady", "Stable", "Dead")


class Member(NamedTuple):
    """`instance_id`: of a static member."""

    id: str
    client_id: str
    host: str
    instance_id: str | None


class Group(NamedTuple):
    """`type`: classic, consumer, share or streams."""

    id: str
    type: str
    state: str
    members: tuple[Member, ...]

    def __str__(self) -> str:
        clients = ", ".join(member.client_id for member in self.members)
        return f"{self.id} ({self.type}) {self.state}, members: {len(self.members)}{f' ({clients})' if clients else ''}"


def state_named(state):
    """As Kafka spells it. Raises ValueError."""
    for known in STATES:
        if state.lower() == known.lower():
            return known
    raise ValueError(f"state {state}: expected one of {', '.join(STATES)}")


def all_groups(server):
    """[Group] of the coordinators that are up; of those that are being loaded none."""
    found = []
    for broker in server.brokers.values():
        if broker.state == RUNNING:
            try:
                found += map(_shown, broker.services["groups"].list())
            except KafkaError:
                continue
    return found


def wait_for(server, group_id, state, members, within_s):
    """(whether it came to that, what groups there are)"""

    def look():
        group = next((one for one in all_groups(server) if one.id == group_id), None)
        return group is not None and state in (None, group.state) and members in (None, len(group.members))

    came = bool(wait_until(look, within_s))
    return came, all_groups(server)


def _shown(group):
    members = group.members.values() if hasattr(group.members, "values") else group.members
    return Group(group.group_id, group.type, group.state, tuple(map(_shown_member, members)))


def _shown_member(member):
    instance_id = getattr(member, "group_instance_id", None) or getattr(member, "instance_id", None)
    return Member(member.member_id, member.client_id or "", member.client_host, instance_id)
