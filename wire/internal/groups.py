"""Records of __consumer_offsets that every group or classic groups have."""

from ..types import array, bytes_, int32, int64, string, uuid
from .schema import record

offset_of = ["group" / string, "topic" / string, "partition" / int32]

LegacyOffsetCommit = record(0, "LegacyOffsetCommit", "0",
    key=offset_of,
    value=["offset" / int64, "metadata" / string, "commit_timestamp" / int64])

OffsetCommit = record(1, "OffsetCommit", "0-4", flexible="4+",
    key=offset_of,
    value=[
        "offset" / int64,
        "leader_epoch" / int32("3+", default=-1, ignorable=True),
        "metadata" / string,
        "commit_timestamp" / int64,
        "expire_timestamp" / int64("1", default=-1, ignorable=True),
        "topic_id" / uuid("4+", ignorable=True, tag=0),
    ])

GroupMetadata = record(2, "GroupMetadata", "0-4", flexible="4+",
    key=["group" / string],
    value=[
        "protocol_type" / string,
        "generation" / int32,
        "protocol" / string(nullable="0+"),
        "leader" / string(nullable="0+"),
        "current_state_timestamp" / int64("2+", default=-1, ignorable=True),
        "members" / array(
            "member_id" / string,
            "group_instance_id" / string("3+", nullable="3+", default=None, ignorable=True),
            "client_id" / string,
            "client_host" / string,
            "rebalance_timeout" / int32("1+", default=-1, ignorable=True),
            "session_timeout" / int32,
            "subscription" / bytes_,
            "assignment" / bytes_),
    ])
