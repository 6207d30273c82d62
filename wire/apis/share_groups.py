"""Share groups (KIP-932) and the share coordinator state behind them."""

from ..schema import api
from ..types import OPERATIONS_NOT_ASKED, array, bool_, int16, int32, int64, int8, records, string, struct, uuid

leader = struct("leader_id" / int32, "leader_epoch" / int32)
node_endpoints = array(
    "node_id" / int32,
    "host" / string,
    "port" / int32,
    "rack" / string(nullable="0+", default=None))
acknowledgement_batches = array("first_offset" / int64, "last_offset" / int64, "acknowledge_types" / array(int8))
state_batches = array(
    "first_offset" / int64,
    "last_offset" / int64,
    "delivery_state" / int8,
    "delivery_count" / int16)
error_message = string(nullable="0+", default=None)

ShareGroupHeartbeat = api(76, "ShareGroupHeartbeat", "1", flexible="0+",
    request=[
        "group_id" / string,
        "member_id" / string,
        "member_epoch" / int32,
        "rack_id" / string(nullable="0+", default=None),
        "subscribed_topic_names" / array(string, nullable="0+", default=None),
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / error_message,
        "member_id" / string(nullable="0+", default=None),
        "member_epoch" / int32,
        "heartbeat_interval_ms" / int32,
        "assignment" / struct(
            "topic_partitions" / array("topic_id" / uuid, "partitions" / array(int32)),
            nullable="0+", default=None),
    ])


ShareGroupDescribe = api(77, "ShareGroupDescribe", "1", flexible="0+",
    request=["group_ids" / array(string), "include_authorized_operations" / bool_],
    response=[
        "throttle_time_ms" / int32,
        "groups" / array(
            "error_code" / int16,
            "error_message" / error_message,
            "group_id" / string,
            "group_state" / string,
            "group_epoch" / int32,
            "assignment_epoch" / int32,
            "assignor_name" / string,
            "members" / array(
                "member_id" / string,
                "rack_id" / string(nullable="0+", default=None),
                "member_epoch" / int32,
                "client_id" / string,
                "client_host" / string,
                "subscribed_topic_names" / array(string),
                "assignment" / struct(
                    "topic_partitions" / array(
                        "topic_id" / uuid,
                        "topic_name" / string,
                        "partitions" / array(int32)))),
            "authorized_operations" / int32(default=OPERATIONS_NOT_ASKED)),
    ])


ShareFetch = api(78, "ShareFetch", "1-2", flexible="0+",
    request=[
        "group_id" / string(nullable="0+", default=None),
        "member_id" / string(nullable="0+"),
        "share_session_epoch" / int32,
        "max_wait_ms" / int32,
        "min_bytes" / int32,
        "max_bytes" / int32(default=0x7fffffff),
        "max_records" / int32,
        "batch_size" / int32,
        "share_acquire_mode" / int8("2+", ignorable=True),
        "is_renew_ack" / bool_("2+"),
        "topics" / array(
            "topic_id" / uuid,
            "partitions" / array(
                "partition_index" / int32,
                "acknowledgement_batches" / acknowledgement_batches)),
        "forgotten_topics_data" / array("topic_id" / uuid, "partitions" / array(int32)),
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / error_message,
        "acquisition_lock_timeout_ms" / int32,
        "responses" / array(
            "topic_id" / uuid,
            "partitions" / array(
                "partition_index" / int32,
                "error_code" / int16,
                "error_message" / error_message,
                "acknowledge_error_code" / int16,
                "acknowledge_error_message" / error_message,
                "current_leader" / leader,
                "records" / records,
                "acquired_records" / array("first_offset" / int64, "last_offset" / int64, "delivery_count" / int16))),
        "node_endpoints" / node_endpoints,
    ])


ShareAcknowledge = api(79, "ShareAcknowledge", "1-2", flexible="0+",
    request=[
        "group_id" / string(nullable="0+", default=None),
        "member_id" / string(nullable="0+"),
        "share_session_epoch" / int32,
        "is_renew_ack" / bool_("2+"),
        "topics" / array(
            "topic_id" / uuid,
            "partitions" / array(
                "partition_index" / int32,
                "acknowledgement_batches" / acknowledgement_batches)),
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / error_message,
        "acquisition_lock_timeout_ms" / int32("2+", ignorable=True),
        "responses" / array(
            "topic_id" / uuid,
            "partitions" / array(
                "partition_index" / int32,
                "error_code" / int16,
                "error_message" / error_message,
                "current_leader" / leader)),
        "node_endpoints" / node_endpoints,
    ])


DescribeShareGroupOffsets = api(90, "DescribeShareGroupOffsets", "0-1", flexible="0+",
    request=[
        "groups" / array(
            "group_id" / string,
            "topics" / array("topic_name" / string, "partitions" / array(int32), nullable="0+")),
    ],
    response=[
        "throttle_time_ms" / int32,
        "groups" / array(
            "group_id" / string,
            "topics" / array(
                "topic_name" / string,
                "topic_id" / uuid,
                "partitions" / array(
                    "partition_index" / int32,
                    "start_offset" / int64,
                    "leader_epoch" / int32,
                    "lag" / int64("1+", default=-1, ignorable=True),
                    "error_code" / int16,
                    "error_message" / error_message)),
            "error_code" / int16,
            "error_message" / error_message),
    ])


AlterShareGroupOffsets = api(91, "AlterShareGroupOffsets", "0", flexible="0+",
    request=[
        "group_id" / string,
        "topics" / array(
            "topic_name" / string,
            "partitions" / array("partition_index" / int32, "start_offset" / int64)),
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / error_message,
        "responses" / array(
            "topic_name" / string,
            "topic_id" / uuid,
            "partitions" / array(
                "partition_index" / int32,
                "error_code" / int16,
                "error_message" / error_message)),
    ])


DeleteShareGroupOffsets = api(92, "DeleteShareGroupOffsets", "0", flexible="0+",
    request=["group_id" / string, "topics" / array("topic_name" / string)],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / error_message,
        "responses" / array(
            "topic_name" / string,
            "topic_id" / uuid,
            "error_code" / int16,
            "error_message" / error_message),
    ])


InitializeShareGroupState = api(83, "InitializeShareGroupState", "0", flexible="0+",
    request=[
        "group_id" / string,
        "topics" / array(
            "topic_id" / uuid,
            "partitions" / array("partition" / int32, "state_epoch" / int32, "start_offset" / int64)),
    ],
    response=[
        "results" / array(
            "topic_id" / uuid,
            "partitions" / array(
                "partition" / int32,
                "error_code" / int16,
                "error_message" / error_message)),
    ])


ReadShareGroupState = api(84, "ReadShareGroupState", "0", flexible="0+",
    request=[
        "group_id" / string,
        "topics" / array("topic_id" / uuid, "partitions" / array("partition" / int32, "leader_epoch" / int32)),
    ],
    response=[
        "results" / array(
            "topic_id" / uuid,
            "partitions" / array(
                "partition" / int32,
                "error_code" / int16,
                "error_message" / error_message,
                "state_epoch" / int32,
                "start_offset" / int64,
                "state_batches" / state_batches)),
    ])


WriteShareGroupState = api(85, "WriteShareGroupState", "0-1", flexible="0+",
    request=[
        "group_id" / string,
        "topics" / array(
            "topic_id" / uuid,
            "partitions" / array(
                "partition" / int32,
                "state_epoch" / int32,
                "leader_epoch" / int32,
                "start_offset" / int64,
                "delivery_complete_count" / int32("1+", default=-1, ignorable=True),
                "state_batches" / state_batches)),
    ],
    response=[
        "results" / array(
            "topic_id" / uuid,
            "partitions" / array(
                "partition" / int32,
                "error_code" / int16,
                "error_message" / error_message)),
    ])


DeleteShareGroupState = api(86, "DeleteShareGroupState", "0", flexible="0+",
    request=["group_id" / string, "topics" / array("topic_id" / uuid, "partitions" / array("partition" / int32))],
    response=[
        "results" / array(
            "topic_id" / uuid,
            "partitions" / array(
                "partition" / int32,
                "error_code" / int16,
                "error_message" / error_message)),
    ])


ReadShareGroupStateSummary = api(87, "ReadShareGroupStateSummary", "0-1", flexible="0+",
    request=[
        "group_id" / string,
        "topics" / array("topic_id" / uuid, "partitions" / array("partition" / int32, "leader_epoch" / int32)),
    ],
    response=[
        "results" / array(
            "topic_id" / uuid,
            "partitions" / array(
                "partition" / int32,
                "error_code" / int16,
                "error_message" / error_message,
                "state_epoch" / int32,
                "leader_epoch" / int32,
                "start_offset" / int64,
                "delivery_complete_count" / int32("1+", default=-1, ignorable=True))),
    ])
