"""What a cluster is and where things are: ApiVersions, Metadata, DescribeCluster, FindCoordinator and kin."""

from ..schema import api
from ..types import OPERATIONS_NOT_ASKED, array, bool_, int16, int32, int64, int8, string, struct, uuid

ApiVersions = api(18, "ApiVersions", "0-4", flexible="3+",
    request=[
        "client_software_name" / string("3+", ignorable=True),
        "client_software_version" / string("3+", ignorable=True),
    ],
    response=[
        "error_code" / int16,
        "api_keys" / array("api_key" / int16, "min_version" / int16, "max_version" / int16),
        "throttle_time_ms" / int32("1+", ignorable=True),
        "supported_features" / array("3+",
            "name" / string,
            "min_version" / int16,
            "max_version" / int16,
            ignorable=True, tag=0),
        "finalized_features_epoch" / int64("3+", default=-1, ignorable=True, tag=1),
        "finalized_features" / array("3+",
            "name" / string,
            "max_version_level" / int16,
            "min_version_level" / int16,
            ignorable=True, tag=2),
        "zk_migration_ready" / bool_("3+", ignorable=True, tag=3),
    ])


Metadata = api(3, "Metadata", "0-13", flexible="9+",
    request=[
        "topics" / array("topic_id" / uuid("10+", ignorable=True), "name" / string(nullable="10+"), nullable="1+"),
        "allow_auto_topic_creation" / bool_("4+", default=True),
        "include_cluster_authorized_operations" / bool_("8-10"),
        "include_topic_authorized_operations" / bool_("8+"),
    ],
    response=[
        "throttle_time_ms" / int32("3+", ignorable=True),
        "brokers" / array(
            "node_id" / int32,
            "host" / string,
            "port" / int32,
            "rack" / string("1+", nullable="1+", default=None, ignorable=True)),
        "cluster_id" / string("2+", nullable="2+", default=None, ignorable=True),
        "controller_id" / int32("1+", default=-1, ignorable=True),
        "topics" / array(
            "error_code" / int16,
            "name" / string(nullable="12+"),
            "topic_id" / uuid("10+", ignorable=True),
            "is_internal" / bool_("1+", ignorable=True),
            "partitions" / array(
                "error_code" / int16,
                "partition_index" / int32,
                "leader_id" / int32,
                "leader_epoch" / int32("7+", default=-1, ignorable=True),
                "replica_nodes" / array(int32),
                "isr_nodes" / array(int32),
                "offline_replicas" / array("5+", int32, ignorable=True)),
            "topic_authorized_operations" / int32("8+", default=OPERATIONS_NOT_ASKED)),
        "cluster_authorized_operations" / int32("8-10", default=OPERATIONS_NOT_ASKED),
        "error_code" / int16("13+", ignorable=True),
    ])


DescribeCluster = api(60, "DescribeCluster", "0-2", flexible="0+",
    request=[
        "include_cluster_authorized_operations" / bool_,
        "endpoint_type" / int8("1+", default=1),
        "include_fenced_brokers" / bool_("2+"),
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / string(nullable="0+", default=None),
        "endpoint_type" / int8("1+", default=1),
        "cluster_id" / string,
        "controller_id" / int32(default=-1),
        "brokers" / array(
            "broker_id" / int32,
            "host" / string,
            "port" / int32,
            "rack" / string(nullable="0+", default=None),
            "is_fenced" / bool_("2+")),
        "cluster_authorized_operations" / int32(default=OPERATIONS_NOT_ASKED),
    ])


DescribeTopicPartitions = api(75, "DescribeTopicPartitions", "0", flexible="0+",
    request=[
        "topics" / array("name" / string),
        "response_partition_limit" / int32(default=2000),
        "cursor" / struct("topic_name" / string, "partition_index" / int32, nullable="0+", default=None),
    ],
    response=[
        "throttle_time_ms" / int32(ignorable=True),
        "topics" / array(
            "error_code" / int16,
            "name" / string(nullable="0+"),
            "topic_id" / uuid(ignorable=True),
            "is_internal" / bool_(ignorable=True),
            "partitions" / array(
                "error_code" / int16,
                "partition_index" / int32,
                "leader_id" / int32,
                "leader_epoch" / int32(default=-1, ignorable=True),
                "replica_nodes" / array(int32),
                "isr_nodes" / array(int32),
                "eligible_leader_replicas" / array(int32, nullable="0+", default=None),
                "last_known_elr" / array(int32, nullable="0+", default=None),
                "offline_replicas" / array(int32, ignorable=True)),
            "topic_authorized_operations" / int32(default=OPERATIONS_NOT_ASKED)),
        "next_cursor" / struct("topic_name" / string, "partition_index" / int32, nullable="0+", default=None),
    ])


FindCoordinator = api(10, "FindCoordinator", "0-6", flexible="3+",
    request=["key" / string("0-3"), "key_type" / int8("1+"), "coordinator_keys" / array("4+", string)],
    response=[
        "throttle_time_ms" / int32("1+", ignorable=True),
        "error_code" / int16("0-3"),
        "error_message" / string("1-3", nullable="1-3", ignorable=True),
        "node_id" / int32("0-3"),
        "host" / string("0-3"),
        "port" / int32("0-3"),
        "coordinators" / array("4+",
            "key" / string,
            "node_id" / int32,
            "host" / string,
            "port" / int32,
            "error_code" / int16,
            "error_message" / string(nullable="4+", ignorable=True)),
    ])


UpdateFeatures = api(57, "UpdateFeatures", "0-2", flexible="0+",
    request=[
        "timeout_ms" / int32(default=60000),
        "feature_updates" / array(
            "feature" / string,
            "max_version_level" / int16,
            "allow_downgrade" / bool_("0"),
            "upgrade_type" / int8("1+", default=1)),
        "validate_only" / bool_("1+"),
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / string(nullable="0+"),
        "results" / array("0-1",
            "feature" / string,
            "error_code" / int16,
            "error_message" / string(nullable="0-1"),
            ignorable=True),
    ])


UnregisterBroker = api(64, "UnregisterBroker", "0", flexible="0+",
    request=["broker_id" / int32],
    response=["throttle_time_ms" / int32, "error_code" / int16, "error_message" / string(nullable="0+")])
