"""Which topic names are legal, which collide and which are Kafka's own.

Source: org.apache.kafka.common.internals.Topic.
"""

import re

from wire.errors import INVALID_TOPIC_EXCEPTION, KafkaError

CONSUMER_OFFSETS = "__consumer_offsets"
TRANSACTION_STATE = "__transaction_state"
SHARE_GROUP_STATE = "__share_group_state"
CLUSTER_METADATA = "__cluster_metadata"

INTERNAL = frozenset({CONSUMER_OFFSETS, TRANSACTION_STATE, SHARE_GROUP_STATE})

_MAX_LENGTH = 249
_LEGAL = re.compile(r"[a-zA-Z0-9._-]+\Z")


def check(name):
    """Raise KafkaError INVALID_TOPIC_EXCEPTION with Kafka's words unless `name` may name a topic."""
    reason = _objection(name)
    if reason:
        raise KafkaError(INVALID_TOPIC_EXCEPTION, f"Topic name is invalid: {reason}")


def is_valid(name):
    return not _objection(name)


def _objection(name):
    if not name:
        return "the empty string is not allowed"
    if name in (".", ".."):
        return f"'{name}' is not allowed"
    if len(name) > _MAX_LENGTH:
        return f"the length of '{name}' is longer than the max allowed length {_MAX_LENGTH}"
    if not _LEGAL.match(name):
        return f"'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
    return None


def metric_name(name):
    """The form in which '.' and '_' are one: two topics must not share it, as metrics cannot tell them apart."""
    return name.replace(".", "_")


def may_collide(name):
    return "." in name or "_" in name
