"""What the records of Kafka's own topics say, as JSON."""

import base64

from wire.internal import CONSUMER_OFFSETS, SHARE_GROUP_STATE, TRANSACTION_STATE, Malformed
from wire.record import Record

_TOPICS = {kinds.topic: kinds for kinds in (CONSUMER_OFFSETS, TRANSACTION_STATE, SHARE_GROUP_STATE)}


def decoded(topic, key, value):
    """{"kind": ..., "key": {field: value}, "value": likewise or None}; None of what is no such topic, or cannot be read."""
    kinds = _TOPICS.get(topic)
    if kinds is None or key is None:
        return None
    try:
        found = kinds.parse(key, value)
    except Malformed:
        return None
    return {"kind": found.kind.name, "key": _plain(found.key), "value": _plain(found.value)}


def _plain(value):
    if isinstance(value, Record):
        return {name: _plain(getattr(value, name)) for name in value.fields_in_order}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    return value
