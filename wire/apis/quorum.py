"""The KRaft quorum and its voters (KIP-595, KIP-853)."""

from ..schema import api
from ..types import array, bool_, int16, int32, int64, string, uint16, uuid

DescribeQuorum = api(55, "DescribeQuorum", "0-2", flexible="0+",
    request=["topics" / array("topic_name" / string, "partitions" / array("partition_index" / int32))],
    response=[
        "error_code" / int16,
        "error_message" / string("2+", nullable="2+", ignorable=True),
        "topics" / array(
            "topic_name" / string,
            "partitions" / array(
                "partition_index" / int32,
                "error_code" / int16,
                "error_message" / string("2+", nullable="2+", ignorable=True),
                "leader_id" / int32,
                "leader_epoch" / int32,
                "high_watermark" / int64,
                "current_voters" / array(
                    "replica_id" / int32,
                    "replica_directory_id" / uuid("2+"),
                    "log_end_offset" / int64,
                    "last_fetch_timestamp" / int64("1+", default=-1, ignorable=True),
                    "last_caught_up_timestamp" / int64("1+", default=-1, ignorable=True)),
                "observers" / array(
                    "replica_id" / int32,
                    "replica_directory_id" / uuid("2+"),
                    "log_end_offset" / int64,
                    "last_fetch_timestamp" / int64("1+", default=-1, ignorable=True),
                    "last_caught_up_timestamp" / int64("1+", default=-1, ignorable=True)))),
        "nodes" / array("2+",
            "node_id" / int32,
            "listeners" / array("name" / string, "host" / string, "port" / uint16)),
    ])


AddRaftVoter = api(80, "AddRaftVoter", "0-1", flexible="0+",
    request=[
        "cluster_id" / string(nullable="0+"),
        "timeout_ms" / int32,
        "voter_id" / int32,
        "voter_directory_id" / uuid,
        "listeners" / array("name" / string, "host" / string, "port" / uint16),
        "ack_when_committed" / bool_("1+", default=True),
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / string(nullable="0+", ignorable=True),
    ])


RemoveRaftVoter = api(81, "RemoveRaftVoter", "0", flexible="0+",
    request=["cluster_id" / string(nullable="0+"), "voter_id" / int32, "voter_directory_id" / uuid],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / string(nullable="0+", ignorable=True),
    ])
