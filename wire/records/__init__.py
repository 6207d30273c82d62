"""Record batches: what Produce carries, a log stores and Fetch hands out.

batch    the header of magic 2 and its checksum        walk    the hot path: are all records sound?
check    what a broker refuses, stamps and converts    read    records out of batches, search by time
build    records into batches                          control transaction markers
skim     keys, and batches with fewer records
legacy   message sets of magic 0 and 1, read only      record  one record
"""

from wire.records.batch import (
    COMPRESSION_MASK, CONTROL_FLAG, CREATE_TIME, HEADER, HEADER_SIZE, LOG_APPEND_TIME, LOG_OVERHEAD, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP,
    TRANSACTIONAL_FLAG, BatchHeader, add_to_sequence, crc32c, read_header,
)
from wire.records.build import build_batch, build_internal_batch
from wire.records.check import CheckedBatch, NoBatch, check_batch, check_shape, is_transactional, takes_long
from wire.records.control import ABORT, COMMIT, ControlRecord, build_end_marker, parse_control
from wire.records.read import find_max_timestamp, find_timestamp, iter_batch, iter_batches, iter_records, payload_of
from wire.records.record import Record
from wire.records.skim import recut, skim, skim_singles
from wire.records.walk import BadBatch, invalid

__all__ = [
    "ABORT", "COMMIT", "COMPRESSION_MASK", "CONTROL_FLAG", "CREATE_TIME", "HEADER", "HEADER_SIZE", "LOG_APPEND_TIME", "LOG_OVERHEAD", "NO_PRODUCER_ID",
    "NO_SEQUENCE", "NO_TIMESTAMP", "TRANSACTIONAL_FLAG", "BadBatch", "BatchHeader", "CheckedBatch", "ControlRecord", "NoBatch", "Record",
    "add_to_sequence", "build_batch", "build_end_marker", "build_internal_batch", "check_batch", "check_shape", "crc32c",
    "find_max_timestamp", "find_timestamp", "invalid", "is_transactional", "iter_batch", "iter_batches", "iter_records", "parse_control", "payload_of",
    "read_header", "recut", "skim", "skim_singles", "takes_long",
]
