"""Records of __transaction_state (KIP-98; v1: KIP-890)."""

from ..types import array, int8, int16, int32, int64, string
from .schema import record

TransactionLog = record(0, "TransactionLog", "0-1", flexible="1+",
    key=["transactional_id" / string],
    value=[
        "producer_id" / int64,
        "previous_producer_id" / int64("1+", default=-1, tag=0),
        "next_producer_id" / int64("1+", default=-1, tag=1),
        "producer_epoch" / int16,
        "next_producer_epoch" / int16("1+", default=-1, tag=3),
        "transaction_timeout_ms" / int32,
        "transaction_status" / int8,
        "transaction_partitions" / array("topic" / string, "partition_ids" / array(int32), nullable="0+"),
        "transaction_last_update_timestamp_ms" / int64,
        "transaction_start_timestamp_ms" / int64,
        "client_transaction_version" / int16("1+", tag=2),
    ])
