"""What Kafka keeps inside other bytes: the records of its internal topics and the protocol that consumers embed.

    CONSUMER_OFFSETS.parse(key, value)      a record of __consumer_offsets; TRANSACTION_STATE, SHARE_GROUP_STATE alike
    groups.OffsetCommit.key(...)            the bytes to write, see `schema`
    subscribed_topics(metadata)             what a member of a consumer group put into JoinGroup

Bytes that are none of it raise Malformed, a ValueError.
"""

from ..types import Malformed
from . import consumer_groups, groups, share_groups, share_state, streams_groups, transactions
from .consumer_protocol import ConsumerAssignment, ConsumerSubscription, subscribed_topics
from .schema import Kind, Kinds, Parsed, UnknownKind


def _kinds(topic, *families):
    return Kinds(topic, *(kind for family in families for kind in vars(family).values() if isinstance(kind, Kind)))


CONSUMER_OFFSETS = _kinds("__consumer_offsets", groups, consumer_groups, share_groups, streams_groups)
TRANSACTION_STATE = _kinds("__transaction_state", transactions)
SHARE_GROUP_STATE = _kinds("__share_group_state", share_state)

__all__ = [
    "CONSUMER_OFFSETS", "SHARE_GROUP_STATE", "TRANSACTION_STATE", "ConsumerAssignment", "ConsumerSubscription",
    "Malformed", "Parsed", "UnknownKind", "subscribed_topics",
]
