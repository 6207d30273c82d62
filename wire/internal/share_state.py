"""Records of __share_group_state: what a share group has done with one partition (KIP-932)."""

from ..types import array, int8, int16, int32, int64, string, uuid
from .schema import record

share_partition = ["group_id" / string, "topic_id" / uuid, "partition" / int32]
state_batches = array(
    "first_offset" / int64,
    "last_offset" / int64,
    "delivery_state" / int8,
    "delivery_count" / int16)

ShareSnapshot = record(0, "ShareSnapshot", "0", flexible="0+",
    key=share_partition,
    value=[
        "snapshot_epoch" / int32,
        "state_epoch" / int32,
        "leader_epoch" / int32,
        "start_offset" / int64,
        "delivery_complete_count" / int32(default=-1, tag=0),
        "create_timestamp" / int64,
        "write_timestamp" / int64,
        "state_batches" / state_batches,
    ])

ShareUpdate = record(1, "ShareUpdate", "0", flexible="0+",
    key=share_partition,
    value=[
        "snapshot_epoch" / int32,
        "leader_epoch" / int32,
        "start_offset" / int64,
        "delivery_complete_count" / int32(default=-1, tag=0),
        "state_batches" / state_batches,
    ])
