"""Server-side assignors of consumer groups (KIP-848): who shall have which partitions.

An assignor is a function of (members, partitions, same_topics):
  members      {member_id: Subscriber}, in the order in which ties are broken
  partitions   {topic_id: number of partitions} of every topic that some member subscribes to
  same_topics  whether all subscribe to the same topics
and gives {member_id: {topic_id: frozenset of partitions}}. It knows no racks: nor do those of Kafka 4.3.1.
"""

from typing import NamedTuple

from emulator.state.groups.assignors.range import assign as _range
from emulator.state.groups.assignors.uniform import assign as _uniform


class Subscriber(NamedTuple):
    """What an assignor knows of a member: its static id or None, [topic_id], the target of before."""

    instance_id: str | None
    topic_ids: list
    target: dict

ASSIGNORS = {"uniform": _uniform, "range": _range}  # in the order of group.consumer.assignors
