"""Replicas on disk: the log directories of brokers."""

from ..schema import api
from ..types import array, bool_, int16, int32, int64, string

AlterReplicaLogDirs = api(34, "AlterReplicaLogDirs", "1-2", flexible="2+",
    request=["dirs" / array("path" / string, "topics" / array("name" / string, "partitions" / array(int32)))],
    response=[
        "throttle_time_ms" / int32,
        "results" / array(
            "topic_name" / string,
            "partitions" / array("partition_index" / int32, "error_code" / int16)),
    ])


DescribeLogDirs = api(35, "DescribeLogDirs", "1-5", flexible="2+",
    request=["topics" / array("topic" / string, "partitions" / array(int32), nullable="0+")],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16("3+", ignorable=True),
        "results" / array(
            "error_code" / int16,
            "log_dir" / string,
            "topics" / array(
                "name" / string,
                "partitions" / array(
                    "partition_index" / int32,
                    "partition_size" / int64,
                    "offset_lag" / int64,
                    "is_future_key" / bool_)),
            "total_bytes" / int64("4+", default=-1, ignorable=True),
            "usable_bytes" / int64("4+", default=-1, ignorable=True),
            "is_cordoned" / bool_("5+", ignorable=True)),
    ])
