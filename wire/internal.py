"""What Kafka keeps inside other bytes: so far the consumer protocol that members embed in JoinGroup."""

import struct

_INT16 = struct.Struct(">h")
_INT32 = struct.Struct(">i")


def subscribed_topics(metadata):
    """The topic names in the metadata (bytes) of one member of a consumer group.

    Later versions only append fields, so that all are read as version 0. ValueError when malformed.
    Source: ConsumerProtocolSubscription.json, org.apache.kafka.clients.consumer.internals.ConsumerProtocol.
    """
    try:
        (count,) = _INT32.unpack_from(metadata, 2)  # after the int16 version
        position, topics = 6, []
        for _ in range(count):
            (size,) = _INT16.unpack_from(metadata, position)
            position += 2
            if size < 0 or position + size > len(metadata):
                raise ValueError(f"a topic name of {size} bytes at {position}")
            topics.append(str(metadata[position : position + size], "utf-8"))
            position += size
        (size,) = _INT32.unpack_from(metadata, position)  # user data
    except struct.error as reason:
        raise ValueError(str(reason)) from None
    if count < 0 or size > len(metadata) - position - 4:
        raise ValueError(f"{count} topics, {size} bytes of user data in {len(metadata)} bytes")
    return topics
