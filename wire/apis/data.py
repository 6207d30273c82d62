"""Records in and out of partitions: Produce, Fetch, ListOffsets, DeleteRecords, OffsetForLeaderEpoch."""

from ..schema import api
from ..types import array, int16, int32, int64, int8, records, string, struct, uuid

Produce = api(0, "Produce", "3-13", flexible="9+",
    request=[
        "transactional_id" / string(nullable="0+", default=None),
        "acks" / int16,
        "timeout_ms" / int32,
        "topic_data" / array(
            "name" / string("3-12", ignorable=True),
            "topic_id" / uuid("13+", ignorable=True),
            "partition_data" / array("index" / int32, "records" / records(nullable="0+"))),
    ],
    response=[
        "responses" / array(
            "name" / string("3-12", ignorable=True),
            "topic_id" / uuid("13+", ignorable=True),
            "partition_responses" / array(
                "index" / int32,
                "error_code" / int16,
                "base_offset" / int64,
                "log_append_time_ms" / int64(default=-1, ignorable=True),
                "log_start_offset" / int64("5+", default=-1, ignorable=True),
                "record_errors" / array("8+",
                    "batch_index" / int32,
                    "batch_index_error_message" / string(nullable="8+", default=None),
                    ignorable=True),
                "error_message" / string("8+", nullable="8+", default=None, ignorable=True),
                "current_leader" / struct("10+",
                    "leader_id" / int32(default=-1),
                    "leader_epoch" / int32(default=-1),
                    tag=0))),
        "throttle_time_ms" / int32(ignorable=True),
        "node_endpoints" / array("10+",
            "node_id" / int32,
            "host" / string,
            "port" / int32,
            "rack" / string(nullable="10+", default=None),
            tag=0),
    ])


Fetch = api(1, "Fetch", "4-18", flexible="12+",
    request=[
        "cluster_id" / string("12+", nullable="12+", default=None, ignorable=True, tag=0),
        "replica_id" / int32("4-14", default=-1),
        "replica_state" / struct("15+",
            "replica_id" / int32(default=-1),
            "replica_epoch" / int64(default=-1),
            tag=1),
        "max_wait_ms" / int32,
        "min_bytes" / int32,
        "max_bytes" / int32(default=0x7fffffff, ignorable=True),
        "isolation_level" / int8(ignorable=True),
        "session_id" / int32("7+", ignorable=True),
        "session_epoch" / int32("7+", default=-1, ignorable=True),
        "topics" / array(
            "topic" / string("4-12", ignorable=True),
            "topic_id" / uuid("13+", ignorable=True),
            "partitions" / array(
                "partition" / int32,
                "current_leader_epoch" / int32("9+", default=-1, ignorable=True),
                "fetch_offset" / int64,
                "last_fetched_epoch" / int32("12+", default=-1),
                "log_start_offset" / int64("5+", default=-1, ignorable=True),
                "partition_max_bytes" / int32,
                "replica_directory_id" / uuid("17+", ignorable=True, tag=0),
                "high_watermark" / int64("18+", default=0x7fffffffffffffff, ignorable=True, tag=1))),
        "forgotten_topics_data" / array("7+",
            "topic" / string("7-12", ignorable=True),
            "topic_id" / uuid("13+", ignorable=True),
            "partitions" / array(int32)),
        "rack_id" / string("11+", ignorable=True),
    ],
    response=[
        "throttle_time_ms" / int32(ignorable=True),
        "error_code" / int16("7+", ignorable=True),
        "session_id" / int32("7+"),
        "responses" / array(
            "topic" / string("4-12", ignorable=True),
            "topic_id" / uuid("13+", ignorable=True),
            "partitions" / array(
                "partition_index" / int32,
                "error_code" / int16,
                "high_watermark" / int64,
                "last_stable_offset" / int64(default=-1, ignorable=True),
                "log_start_offset" / int64("5+", default=-1, ignorable=True),
                "diverging_epoch" / struct("12+",
                    "epoch" / int32(default=-1),
                    "end_offset" / int64(default=-1),
                    tag=0),
                "current_leader" / struct("12+",
                    "leader_id" / int32(default=-1),
                    "leader_epoch" / int32(default=-1),
                    tag=1),
                "snapshot_id" / struct("12+", "end_offset" / int64(default=-1), "epoch" / int32(default=-1), tag=2),
                "aborted_transactions" / array(
                    "producer_id" / int64,
                    "first_offset" / int64,
                    nullable="0+", ignorable=True),
                "preferred_read_replica" / int32("11+", default=-1),
                "records" / records(nullable="0+"))),
        "node_endpoints" / array("16+",
            "node_id" / int32,
            "host" / string,
            "port" / int32,
            "rack" / string(nullable="16+", default=None),
            tag=0),
    ])


ListOffsets = api(2, "ListOffsets", "1-11", flexible="6+",
    request=[
        "replica_id" / int32,
        "isolation_level" / int8("2+"),
        "topics" / array(
            "name" / string,
            "partitions" / array(
                "partition_index" / int32,
                "current_leader_epoch" / int32("4+", default=-1, ignorable=True),
                "timestamp" / int64)),
        "timeout_ms" / int32("10+", ignorable=True),
    ],
    response=[
        "throttle_time_ms" / int32("2+", ignorable=True),
        "topics" / array(
            "name" / string,
            "partitions" / array(
                "partition_index" / int32,
                "error_code" / int16,
                "timestamp" / int64(default=-1),
                "offset" / int64(default=-1),
                "leader_epoch" / int32("4+", default=-1))),
    ])


DeleteRecords = api(21, "DeleteRecords", "0-2", flexible="2+",
    request=[
        "topics" / array("name" / string, "partitions" / array("partition_index" / int32, "offset" / int64)),
        "timeout_ms" / int32,
    ],
    response=[
        "throttle_time_ms" / int32,
        "topics" / array(
            "name" / string,
            "partitions" / array("partition_index" / int32, "low_watermark" / int64, "error_code" / int16)),
    ])


OffsetForLeaderEpoch = api(23, "OffsetForLeaderEpoch", "2-4", flexible="4+",
    request=[
        "replica_id" / int32("3+", default=-2, ignorable=True),
        "topics" / array(
            "topic" / string,
            "partitions" / array(
                "partition" / int32,
                "current_leader_epoch" / int32(default=-1, ignorable=True),
                "leader_epoch" / int32)),
    ],
    response=[
        "throttle_time_ms" / int32(ignorable=True),
        "topics" / array(
            "topic" / string,
            "partitions" / array(
                "error_code" / int16,
                "partition" / int32,
                "leader_epoch" / int32(default=-1, ignorable=True),
                "end_offset" / int64(default=-1))),
    ])
