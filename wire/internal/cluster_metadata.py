"""Those records of a KRaft broker's __cluster_metadata that matter to who brings its data here (KIP-631).

Each value begins with three unsigned varints: the version of this frame, the kind and the version of the record.
Source: org.apache.kafka.server.common.serialization.AbstractApiMessageSerde.
"""

from ..schema import Message
from ..types import Malformed, int8, int32, int64, string, uuid
from ..varint import rest_of_varint
from .schema import Shape

_FRAME = 1


class MetadataRecord:
    """One kind; all are of version 0. `id`: Kafka's apiKey."""

    def __init__(self, id, name, fields):
        self.id = id
        self.name = name
        self.message = Message(Shape(name, "0", "0+"), "", fields)
        self.versions = self.message.api.versions

    def value(self, **fields):
        """The bytes of one."""
        out = [bytes((_FRAME, self.id, 0))]
        self.message.builder(0)(self.message.record(**fields), out)
        return b"".join(out)


TopicRecord = MetadataRecord(2, "TopicRecord", ["name" / string, "topic_id" / uuid])
ConfigRecord = MetadataRecord(4, "ConfigRecord", [
    "resource_type" / int8, "resource_name" / string, "name" / string, "value" / string(nullable="0+"),
])
RemoveTopicRecord = MetadataRecord(9, "RemoveTopicRecord", ["topic_id" / uuid])
ProducerIdsRecord = MetadataRecord(15, "ProducerIdsRecord", [
    "broker_id" / int32, "broker_epoch" / int64(default=-1), "next_producer_id" / int64,
])
KINDS = {kind.id: kind for kind in (TopicRecord, ConfigRecord, RemoveTopicRecord, ProducerIdsRecord)}


def parse_metadata_record(data):
    """(kind, record) of a value, None for a kind that is not declared here. Raises Malformed."""
    position, head = 0, []
    for _ in range(3):
        try:
            value, position = data[position], position + 1
            if value > 127:
                value, position = rest_of_varint(data, position, value)
        except (IndexError, ValueError):
            raise Malformed("frame", position, "cut short") from None
        head.append(value)
    frame, id, version = head
    kind = KINDS.get(id)
    if kind is None:
        return None
    if frame != _FRAME or version != 0:
        raise Malformed(kind.name, 0, f"version {version} in a frame of version {frame}")
    return kind, kind.message.parser(0)(data, position)[0]
