"""Streams groups (KIP-1071)."""

from ..schema import api
from ..types import OPERATIONS_NOT_ASKED, array, bool_, int16, int32, int64, int8, string, struct, uint16

key_value = "key" / string, "value" / string
endpoint = "host" / string, "port" / uint16
task_ids = "subtopology_id" / string, "partitions" / array(int32)
task_offset = "subtopology_id" / string, "partition" / int32, "offset" / int64
topic_partitions = "topic" / string, "partitions" / array(int32)
topic_info = (
    "name" / string,
    "partitions" / int32,
    "replication_factor" / int16,
    "topic_configs" / array(*key_value),
)
assignment = struct(
    "active_tasks" / array(*task_ids),
    "standby_tasks" / array(*task_ids),
    "warmup_tasks" / array(*task_ids))

StreamsGroupHeartbeat = api(88, "StreamsGroupHeartbeat", "0", flexible="0+",
    request=[
        "group_id" / string,
        "member_id" / string,
        "member_epoch" / int32,
        "endpoint_information_epoch" / int32,
        "instance_id" / string(nullable="0+", default=None),
        "rack_id" / string(nullable="0+", default=None),
        "rebalance_timeout_ms" / int32(default=-1),
        "topology" / struct(
            "epoch" / int32,
            "subtopologies" / array(
                "subtopology_id" / string,
                "source_topics" / array(string),
                "source_topic_regex" / array(string),
                "state_changelog_topics" / array(*topic_info),
                "repartition_sink_topics" / array(string),
                "repartition_source_topics" / array(*topic_info),
                "copartition_groups" / array(
                    "source_topics" / array(int16),
                    "source_topic_regex" / array(int16),
                    "repartition_source_topics" / array(int16))),
            nullable="0+", default=None),
        "active_tasks" / array(*task_ids, nullable="0+", default=None),
        "standby_tasks" / array(*task_ids, nullable="0+", default=None),
        "warmup_tasks" / array(*task_ids, nullable="0+", default=None),
        "process_id" / string(nullable="0+", default=None),
        "user_endpoint" / struct(*endpoint, nullable="0+", default=None),
        "client_tags" / array(*key_value, nullable="0+", default=None),
        "task_offsets" / array(*task_offset, nullable="0+", default=None),
        "task_end_offsets" / array(*task_offset, nullable="0+", default=None),
        "shutdown_application" / bool_,
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / string(nullable="0+", default=None),
        "member_id" / string,
        "member_epoch" / int32,
        "heartbeat_interval_ms" / int32,
        "acceptable_recovery_lag" / int32,
        "task_offset_interval_ms" / int32,
        "status" / array("status_code" / int8, "status_detail" / string, nullable="0+"),
        "active_tasks" / array(*task_ids, nullable="0+", default=None),
        "standby_tasks" / array(*task_ids, nullable="0+", default=None),
        "warmup_tasks" / array(*task_ids, nullable="0+", default=None),
        "endpoint_information_epoch" / int32,
        "partitions_by_user_endpoint" / array(
            "user_endpoint" / struct(*endpoint),
            "active_partitions" / array(*topic_partitions),
            "standby_partitions" / array(*topic_partitions),
            nullable="0+", default=None),
    ])


StreamsGroupDescribe = api(89, "StreamsGroupDescribe", "0", flexible="0+",
    request=["group_ids" / array(string), "include_authorized_operations" / bool_],
    response=[
        "throttle_time_ms" / int32,
        "groups" / array(
            "error_code" / int16,
            "error_message" / string(nullable="0+", default=None),
            "group_id" / string,
            "group_state" / string,
            "group_epoch" / int32,
            "assignment_epoch" / int32,
            "topology" / struct(
                "epoch" / int32,
                "subtopologies" / array(
                    "subtopology_id" / string,
                    "source_topics" / array(string),
                    "repartition_sink_topics" / array(string),
                    "state_changelog_topics" / array(*topic_info),
                    "repartition_source_topics" / array(*topic_info),
                    nullable="0+", default=None),
                nullable="0+", default=None),
            "members" / array(
                "member_id" / string,
                "member_epoch" / int32,
                "instance_id" / string(nullable="0+", default=None),
                "rack_id" / string(nullable="0+", default=None),
                "client_id" / string,
                "client_host" / string,
                "topology_epoch" / int32,
                "process_id" / string,
                "user_endpoint" / struct(*endpoint, nullable="0+", default=None),
                "client_tags" / array(*key_value),
                "task_offsets" / array(*task_offset),
                "task_end_offsets" / array(*task_offset),
                "assignment" / assignment,
                "target_assignment" / assignment,
                "is_classic" / bool_),
            "authorized_operations" / int32(default=OPERATIONS_NOT_ASKED)),
    ])
