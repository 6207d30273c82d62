"""Topics and partitions as an administrator sees them: creation, deletion, growth, leaders, reassignments."""

from ..schema import api
from ..types import array, bool_, int16, int32, int8, string, uuid

CreateTopics = api(19, "CreateTopics", "2-7", flexible="5+",
    request=[
        "topics" / array(
            "name" / string,
            "num_partitions" / int32,
            "replication_factor" / int16,
            "assignments" / array("partition_index" / int32, "broker_ids" / array(int32)),
            "configs" / array("name" / string, "value" / string(nullable="0+"))),
        "timeout_ms" / int32(default=60000),
        "validate_only" / bool_,
    ],
    response=[
        "throttle_time_ms" / int32(ignorable=True),
        "topics" / array(
            "name" / string,
            "topic_id" / uuid("7+", ignorable=True),
            "error_code" / int16,
            "error_message" / string(nullable="0+", ignorable=True),
            "topic_config_error_code" / int16("5+", ignorable=True, tag=0),
            "num_partitions" / int32("5+", default=-1, ignorable=True),
            "replication_factor" / int16("5+", default=-1, ignorable=True),
            "configs" / array("5+",
                "name" / string,
                "value" / string(nullable="5+"),
                "read_only" / bool_,
                "config_source" / int8(default=-1, ignorable=True),
                "is_sensitive" / bool_,
                nullable="5+", ignorable=True)),
    ])


DeleteTopics = api(20, "DeleteTopics", "1-6", flexible="4+",
    request=[
        "topics" / array("6+", "name" / string(nullable="6+", default=None), "topic_id" / uuid),
        "topic_names" / array("1-5", string, ignorable=True),
        "timeout_ms" / int32,
    ],
    response=[
        "throttle_time_ms" / int32(ignorable=True),
        "responses" / array(
            "name" / string(nullable="6+"),
            "topic_id" / uuid("6+", ignorable=True),
            "error_code" / int16,
            "error_message" / string("5+", nullable="5+", default=None, ignorable=True)),
    ])


CreatePartitions = api(37, "CreatePartitions", "0-3", flexible="2+",
    request=[
        "topics" / array(
            "name" / string,
            "count" / int32,
            "assignments" / array("broker_ids" / array(int32), nullable="0+")),
        "timeout_ms" / int32,
        "validate_only" / bool_,
    ],
    response=[
        "throttle_time_ms" / int32,
        "results" / array(
            "name" / string,
            "error_code" / int16,
            "error_message" / string(nullable="0+", default=None)),
    ])


ElectLeaders = api(43, "ElectLeaders", "0-2", flexible="2+",
    request=[
        "election_type" / int8("1+"),
        "topic_partitions" / array("topic" / string, "partitions" / array(int32), nullable="0+"),
        "timeout_ms" / int32(default=60000),
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16("1+"),
        "replica_election_results" / array(
            "topic" / string,
            "partition_result" / array(
                "partition_id" / int32,
                "error_code" / int16,
                "error_message" / string(nullable="0+"))),
    ])


AlterPartitionReassignments = api(45, "AlterPartitionReassignments", "0-1", flexible="0+",
    request=[
        "timeout_ms" / int32(default=60000),
        "allow_replication_factor_change" / bool_("1+", default=True),
        "topics" / array(
            "name" / string,
            "partitions" / array("partition_index" / int32, "replicas" / array(int32, nullable="0+", default=None))),
    ],
    response=[
        "throttle_time_ms" / int32,
        "allow_replication_factor_change" / bool_("1+", default=True, ignorable=True),
        "error_code" / int16,
        "error_message" / string(nullable="0+"),
        "responses" / array(
            "name" / string,
            "partitions" / array(
                "partition_index" / int32,
                "error_code" / int16,
                "error_message" / string(nullable="0+"))),
    ])


ListPartitionReassignments = api(46, "ListPartitionReassignments", "0", flexible="0+",
    request=[
        "timeout_ms" / int32(default=60000),
        "topics" / array("name" / string, "partition_indexes" / array(int32), nullable="0+", default=None),
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / string(nullable="0+"),
        "topics" / array(
            "name" / string,
            "partitions" / array(
                "partition_index" / int32,
                "replicas" / array(int32),
                "adding_replicas" / array(int32),
                "removing_replicas" / array(int32))),
    ])
