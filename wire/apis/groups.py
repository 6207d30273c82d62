"""Groups of the classic protocol and the committed offsets of all groups."""

from ..schema import api
from ..types import OPERATIONS_NOT_ASKED, array, bool_, bytes_, int16, int32, int64, string, uuid

OffsetCommit = api(8, "OffsetCommit", "2-10", flexible="8+",
    request=[
        "group_id" / string,
        "generation_id_or_member_epoch" / int32(default=-1, ignorable=True),
        "member_id" / string(ignorable=True),
        "group_instance_id" / string("7+", nullable="7+", default=None),
        "retention_time_ms" / int64("2-4", default=-1, ignorable=True),
        "topics" / array(
            "name" / string("2-9", ignorable=True),
            "topic_id" / uuid("10+", ignorable=True),
            "partitions" / array(
                "partition_index" / int32,
                "committed_offset" / int64,
                "committed_leader_epoch" / int32("6+", default=-1, ignorable=True),
                "committed_metadata" / string(nullable="0+"))),
    ],
    response=[
        "throttle_time_ms" / int32("3+", ignorable=True),
        "topics" / array(
            "name" / string("2-9", ignorable=True),
            "topic_id" / uuid("10+", ignorable=True),
            "partitions" / array("partition_index" / int32, "error_code" / int16)),
    ])


OffsetFetch = api(9, "OffsetFetch", "1-10", flexible="6+",
    request=[
        "group_id" / string("1-7"),
        "topics" / array("1-7", "name" / string, "partition_indexes" / array(int32), nullable="2-7"),
        "groups" / array("8+",
            "group_id" / string,
            "member_id" / string("9+", nullable="9+", default=None, ignorable=True),
            "member_epoch" / int32("9+", default=-1, ignorable=True),
            "topics" / array(
                "name" / string("8-9", ignorable=True),
                "topic_id" / uuid("10+", ignorable=True),
                "partition_indexes" / array(int32),
                nullable="8+")),
        "require_stable" / bool_("7+"),
    ],
    response=[
        "throttle_time_ms" / int32("3+", ignorable=True),
        "topics" / array("1-7",
            "name" / string,
            "partitions" / array(
                "partition_index" / int32,
                "committed_offset" / int64,
                "committed_leader_epoch" / int32("5-7", default=-1, ignorable=True),
                "metadata" / string(nullable="1-7"),
                "error_code" / int16)),
        "error_code" / int16("2-7", ignorable=True),
        "groups" / array("8+",
            "group_id" / string,
            "topics" / array(
                "name" / string("8-9", ignorable=True),
                "topic_id" / uuid("10+", ignorable=True),
                "partitions" / array(
                    "partition_index" / int32,
                    "committed_offset" / int64,
                    "committed_leader_epoch" / int32(default=-1, ignorable=True),
                    "metadata" / string(nullable="8+"),
                    "error_code" / int16)),
            "error_code" / int16),
    ])


JoinGroup = api(11, "JoinGroup", "0-9", flexible="6+",
    request=[
        "group_id" / string,
        "session_timeout_ms" / int32,
        "rebalance_timeout_ms" / int32("1+", default=-1, ignorable=True),
        "member_id" / string,
        "group_instance_id" / string("5+", nullable="5+", default=None),
        "protocol_type" / string,
        "protocols" / array("name" / string, "metadata" / bytes_),
        "reason" / string("8+", nullable="8+", default=None, ignorable=True),
    ],
    response=[
        "throttle_time_ms" / int32("2+", ignorable=True),
        "error_code" / int16,
        "generation_id" / int32(default=-1),
        "protocol_type" / string("7+", nullable="7+", default=None, ignorable=True),
        "protocol_name" / string(nullable="7+"),
        "leader" / string,
        "skip_assignment" / bool_("9+"),
        "member_id" / string,
        "members" / array(
            "member_id" / string,
            "group_instance_id" / string("5+", nullable="5+", default=None, ignorable=True),
            "metadata" / bytes_),
    ])


Heartbeat = api(12, "Heartbeat", "0-4", flexible="4+",
    request=[
        "group_id" / string,
        "generation_id" / int32,
        "member_id" / string,
        "group_instance_id" / string("3+", nullable="3+", default=None),
    ],
    response=["throttle_time_ms" / int32("1+", ignorable=True), "error_code" / int16])


LeaveGroup = api(13, "LeaveGroup", "0-5", flexible="4+",
    request=[
        "group_id" / string,
        "member_id" / string("0-2"),
        "members" / array("3+",
            "member_id" / string,
            "group_instance_id" / string(nullable="3+", default=None),
            "reason" / string("5+", nullable="5+", default=None, ignorable=True)),
    ],
    response=[
        "throttle_time_ms" / int32("1+", ignorable=True),
        "error_code" / int16,
        "members" / array("3+",
            "member_id" / string,
            "group_instance_id" / string(nullable="3+"),
            "error_code" / int16),
    ])


SyncGroup = api(14, "SyncGroup", "0-5", flexible="4+",
    request=[
        "group_id" / string,
        "generation_id" / int32,
        "member_id" / string,
        "group_instance_id" / string("3+", nullable="3+", default=None),
        "protocol_type" / string("5+", nullable="5+", default=None, ignorable=True),
        "protocol_name" / string("5+", nullable="5+", default=None, ignorable=True),
        "assignments" / array("member_id" / string, "assignment" / bytes_),
    ],
    response=[
        "throttle_time_ms" / int32("1+", ignorable=True),
        "error_code" / int16,
        "protocol_type" / string("5+", nullable="5+", default=None, ignorable=True),
        "protocol_name" / string("5+", nullable="5+", default=None, ignorable=True),
        "assignment" / bytes_,
    ])


DescribeGroups = api(15, "DescribeGroups", "0-6", flexible="5+",
    request=["groups" / array(string), "include_authorized_operations" / bool_("3+")],
    response=[
        "throttle_time_ms" / int32("1+", ignorable=True),
        "groups" / array(
            "error_code" / int16,
            "error_message" / string("6+", nullable="6+", default=None),
            "group_id" / string,
            "group_state" / string,
            "protocol_type" / string,
            "protocol_data" / string,
            "members" / array(
                "member_id" / string,
                "group_instance_id" / string("4+", nullable="4+", default=None, ignorable=True),
                "client_id" / string,
                "client_host" / string,
                "member_metadata" / bytes_,
                "member_assignment" / bytes_),
            "authorized_operations" / int32("3+", default=OPERATIONS_NOT_ASKED)),
    ])


ListGroups = api(16, "ListGroups", "0-5", flexible="3+",
    request=["states_filter" / array("4+", string), "types_filter" / array("5+", string)],
    response=[
        "throttle_time_ms" / int32("1+", ignorable=True),
        "error_code" / int16,
        "groups" / array(
            "group_id" / string,
            "protocol_type" / string,
            "group_state" / string("4+", ignorable=True),
            "group_type" / string("5+", ignorable=True)),
    ])


DeleteGroups = api(42, "DeleteGroups", "0-2", flexible="2+",
    request=["groups_names" / array(string)],
    response=["throttle_time_ms" / int32, "results" / array("group_id" / string, "error_code" / int16)])


OffsetDelete = api(47, "OffsetDelete", "0",
    request=[
        "group_id" / string,
        "topics" / array("name" / string, "partitions" / array("partition_index" / int32)),
    ],
    response=[
        "error_code" / int16,
        "throttle_time_ms" / int32(ignorable=True),
        "topics" / array("name" / string, "partitions" / array("partition_index" / int32, "error_code" / int16)),
    ])
