"""Idempotent and transactional producers (KIP-98, KIP-890), and the tools that look at them (KIP-664)."""

from ..schema import api
from ..types import array, bool_, int16, int32, int64, int8, string

InitProducerId = api(22, "InitProducerId", "0-6", flexible="2+", latest_unstable=True,
    request=[
        "transactional_id" / string(nullable="0+"),
        "transaction_timeout_ms" / int32,
        "producer_id" / int64("3+", default=-1),
        "producer_epoch" / int16("3+", default=-1),
        "enable2_pc" / bool_("6+"),
        "keep_prepared_txn" / bool_("6+"),
    ],
    response=[
        "throttle_time_ms" / int32(ignorable=True),
        "error_code" / int16,
        "producer_id" / int64(default=-1),
        "producer_epoch" / int16,
        "ongoing_txn_producer_id" / int64("6+", default=-1),
        "ongoing_txn_producer_epoch" / int16("6+", default=-1),
    ])


AddPartitionsToTxn = api(24, "AddPartitionsToTxn", "0-5", flexible="3+",
    request=[
        "transactions" / array("4+",
            "transactional_id" / string,
            "producer_id" / int64,
            "producer_epoch" / int16,
            "verify_only" / bool_,
            "topics" / array("name" / string, "partitions" / array(int32))),
        "v3_and_below_transactional_id" / string("0-3"),
        "v3_and_below_producer_id" / int64("0-3"),
        "v3_and_below_producer_epoch" / int16("0-3"),
        "v3_and_below_topics" / array("0-3", "name" / string, "partitions" / array(int32)),
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16("4+", ignorable=True),
        "results_by_transaction" / array("4+",
            "transactional_id" / string,
            "topic_results" / array(
                "name" / string,
                "results_by_partition" / array("partition_index" / int32, "partition_error_code" / int16))),
        "results_by_topic_v3_and_below" / array("0-3",
            "name" / string,
            "results_by_partition" / array("partition_index" / int32, "partition_error_code" / int16)),
    ])


AddOffsetsToTxn = api(25, "AddOffsetsToTxn", "0-4", flexible="3+",
    request=[
        "transactional_id" / string,
        "producer_id" / int64,
        "producer_epoch" / int16,
        "group_id" / string,
    ],
    response=["throttle_time_ms" / int32, "error_code" / int16])


EndTxn = api(26, "EndTxn", "0-5", flexible="3+",
    request=[
        "transactional_id" / string,
        "producer_id" / int64,
        "producer_epoch" / int16,
        "committed" / bool_,
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "producer_id" / int64("5+", default=-1, ignorable=True),
        "producer_epoch" / int16("5+", default=-1, ignorable=True),
    ])


WriteTxnMarkers = api(27, "WriteTxnMarkers", "1-2", flexible="1+",
    request=[
        "markers" / array(
            "producer_id" / int64,
            "producer_epoch" / int16,
            "transaction_result" / bool_,
            "topics" / array("name" / string, "partition_indexes" / array(int32)),
            "coordinator_epoch" / int32,
            "transaction_version" / int8("2+", ignorable=True)),
    ],
    response=[
        "markers" / array(
            "producer_id" / int64,
            "topics" / array(
                "name" / string,
                "partitions" / array("partition_index" / int32, "error_code" / int16))),
    ])


TxnOffsetCommit = api(28, "TxnOffsetCommit", "0-5", flexible="3+",
    request=[
        "transactional_id" / string,
        "group_id" / string,
        "producer_id" / int64,
        "producer_epoch" / int16,
        "generation_id" / int32("3+", default=-1),
        "member_id" / string("3+"),
        "group_instance_id" / string("3+", nullable="3+", default=None),
        "topics" / array(
            "name" / string,
            "partitions" / array(
                "partition_index" / int32,
                "committed_offset" / int64,
                "committed_leader_epoch" / int32("2+", default=-1, ignorable=True),
                "committed_metadata" / string(nullable="0+"))),
    ],
    response=[
        "throttle_time_ms" / int32,
        "topics" / array("name" / string, "partitions" / array("partition_index" / int32, "error_code" / int16)),
    ])


DescribeProducers = api(61, "DescribeProducers", "0", flexible="0+",
    request=["topics" / array("name" / string, "partition_indexes" / array(int32))],
    response=[
        "throttle_time_ms" / int32,
        "topics" / array(
            "name" / string,
            "partitions" / array(
                "partition_index" / int32,
                "error_code" / int16,
                "error_message" / string(nullable="0+", default=None),
                "active_producers" / array(
                    "producer_id" / int64,
                    "producer_epoch" / int32,
                    "last_sequence" / int32(default=-1),
                    "last_timestamp" / int64(default=-1),
                    "coordinator_epoch" / int32,
                    "current_txn_start_offset" / int64(default=-1)))),
    ])


DescribeTransactions = api(65, "DescribeTransactions", "0", flexible="0+",
    request=["transactional_ids" / array(string)],
    response=[
        "throttle_time_ms" / int32,
        "transaction_states" / array(
            "error_code" / int16,
            "transactional_id" / string,
            "transaction_state" / string,
            "transaction_timeout_ms" / int32,
            "transaction_start_time_ms" / int64,
            "producer_id" / int64,
            "producer_epoch" / int16,
            "topics" / array("topic" / string, "partitions" / array(int32))),
    ])


ListTransactions = api(66, "ListTransactions", "0-2", flexible="0+",
    request=[
        "state_filters" / array(string),
        "producer_id_filters" / array(int64),
        "duration_filter" / int64("1+", default=-1),
        "transactional_id_pattern" / string("2+", nullable="2+", default=None),
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "unknown_state_filters" / array(string),
        "transaction_states" / array(
            "transactional_id" / string,
            "producer_id" / int64,
            "transaction_state" / string),
    ])
