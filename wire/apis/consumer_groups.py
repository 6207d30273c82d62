"""The consumer group protocol of KIP-848."""

from ..schema import api
from ..types import OPERATIONS_NOT_ASKED, array, bool_, int16, int32, int8, string, struct, uuid

topic_partitions = array("topic_id" / uuid, "partitions" / array(int32))
assignment = struct("topic_partitions" / array("topic_id" / uuid, "topic_name" / string, "partitions" / array(int32)))

ConsumerGroupHeartbeat = api(68, "ConsumerGroupHeartbeat", "0-1", flexible="0+",
    request=[
        "group_id" / string,
        "member_id" / string,
        "member_epoch" / int32,
        "instance_id" / string(nullable="0+", default=None),
        "rack_id" / string(nullable="0+", default=None),
        "rebalance_timeout_ms" / int32(default=-1),
        "subscribed_topic_names" / array(string, nullable="0+", default=None),
        "subscribed_topic_regex" / string("1+", nullable="1+", default=None),
        "server_assignor" / string(nullable="0+", default=None),
        "topic_partitions" / array("topic_id" / uuid, "partitions" / array(int32), nullable="0+", default=None),
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / string(nullable="0+", default=None),
        "member_id" / string(nullable="0+", default=None),
        "member_epoch" / int32,
        "heartbeat_interval_ms" / int32,
        "assignment" / struct("topic_partitions" / topic_partitions, nullable="0+", default=None),
    ])


ConsumerGroupDescribe = api(69, "ConsumerGroupDescribe", "0-1", flexible="0+",
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
            "assignor_name" / string,
            "members" / array(
                "member_id" / string,
                "instance_id" / string(nullable="0+", default=None),
                "rack_id" / string(nullable="0+", default=None),
                "member_epoch" / int32,
                "client_id" / string,
                "client_host" / string,
                "subscribed_topic_names" / array(string),
                "subscribed_topic_regex" / string(nullable="0+", default=None),
                "assignment" / assignment,
                "target_assignment" / assignment,
                "member_type" / int8("1+", default=-1, ignorable=True)),
            "authorized_operations" / int32(default=OPERATIONS_NOT_ASKED)),
    ])
