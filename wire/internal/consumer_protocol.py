"""What members of a consumer group put into JoinGroup and get from SyncGroup (classic protocol).

Bytes of a version to come are read as the last one known: later versions only append.
Source: org.apache.kafka.clients.consumer.internals.ConsumerProtocol.
"""

from ..types import array, bytes_, int32, string
from .schema import Versioned, leading_int16


class Embedded(Versioned):
    def build_from(self, version, **fields):
        """The bytes of a new record of these fields."""
        return self.build(version, self.Record(**fields))

    def read(self, data):
        """(version, record) of bytes; raises Malformed."""
        version = leading_int16(data, f"{self.name}.version")
        return version, self.parse(data, min(version, self.versions.max))


ConsumerSubscription = Embedded("ConsumerProtocolSubscription", "0-3", [
    "topics" / array(string),
    "user_data" / bytes_(nullable="0+", default=None),
    "owned_partitions" / array("1+", "topic" / string("1+"), "partitions" / array("1+", int32), ignorable=True),
    "generation_id" / int32("2+", default=-1, ignorable=True),
    "rack_id" / string("3+", nullable="3+", default=None, ignorable=True),
])

ConsumerAssignment = Embedded("ConsumerProtocolAssignment", "0-3", [
    "assigned_partitions" / array("topic" / string, "partitions" / array(int32)),
    "user_data" / bytes_(nullable="0+", default=None),
])


def subscribed_topics(metadata):
    """The topic names in the metadata (bytes) of one member. Raises Malformed.

    All versions are read as version 0: nothing more is wanted, and some clients write later ones short.
    """
    leading_int16(metadata, "ConsumerProtocolSubscription.version")
    return ConsumerSubscription.parse(metadata, 0).topics
