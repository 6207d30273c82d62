"""The header of a record batch (magic 2) and the checksum over what follows it.

    base_offset int64 | batch_length int32 | partition_leader_epoch int32 | magic int8 | crc uint32 |
    attributes int16 | last_offset_delta int32 | base_timestamp int64 | max_timestamp int64 |
    producer_id int64 | producer_epoch int16 | base_sequence int32 | record_count int32

`batch_length` counts what follows it; `crc` (CRC-32C) covers all from `attributes` on, so base offset and
leader epoch can be patched in place. Source: KIP-98, org.apache.kafka.common.record.DefaultRecordBatch.
"""

from collections import namedtuple
from importlib.machinery import PathFinder
from struct import Struct

HEADER = Struct(">qiibIhiqqqhii")
HEADER_SIZE = HEADER.size
LOG_OVERHEAD = 12  # base offset and length stand before what the length counts
MAGIC_AT = 16
CRC_AT = 17
ATTRIBUTES_AT = 21

NO_TIMESTAMP = -1
NO_PRODUCER_ID = -1
NO_SEQUENCE = -1

CREATE_TIME = 0
LOG_APPEND_TIME = 1

COMPRESSION_MASK = 0x07
TIMESTAMP_TYPE_FLAG = 0x08
TRANSACTIONAL_FLAG = 0x10
CONTROL_FLAG = 0x20
DELETE_HORIZON_FLAG = 0x40


class BatchHeader(namedtuple("BatchHeader", (
        "base_offset", "batch_length", "partition_leader_epoch", "magic", "crc", "attributes",
        "last_offset_delta", "base_timestamp", "max_timestamp", "producer_id", "producer_epoch",
        "base_sequence", "record_count"))):
    """The thirteen fields as they stand on the wire, and what their bits say."""

    __slots__ = ()

    @property
    def size(self):
        """Bytes of the whole batch."""
        return self.batch_length + LOG_OVERHEAD

    @property
    def last_offset(self):
        return self.base_offset + self.last_offset_delta

    @property
    def last_sequence(self):
        if self.base_sequence == NO_SEQUENCE:
            return NO_SEQUENCE
        return add_to_sequence(self.base_sequence, self.last_offset_delta)

    @property
    def compression(self):
        """A code of wire.compression; 5 to 7 mean nothing."""
        return self.attributes & COMPRESSION_MASK

    @property
    def timestamp_type(self):
        return LOG_APPEND_TIME if self.attributes & TIMESTAMP_TYPE_FLAG else CREATE_TIME

    @property
    def is_transactional(self):
        return self.attributes & TRANSACTIONAL_FLAG != 0

    @property
    def is_control(self):
        return self.attributes & CONTROL_FLAG != 0

    @property
    def delete_horizon_ms(self):
        """When the cleaner may drop the batch's tombstones (KIP-534), or None."""
        return self.base_timestamp if self.attributes & DELETE_HORIZON_FLAG else None

    @property
    def has_producer_id(self):
        return self.producer_id > NO_PRODUCER_ID


def read_header(buffer, position=0):
    """The header at `position`; `struct.error` when fewer than 61 bytes are there. Checks nothing else."""
    return BatchHeader._make(HEADER.unpack_from(buffer, position))


def add_to_sequence(sequence, increment):
    """Sequence numbers wrap from 2^31 - 1 to 0."""
    return (sequence + increment) & 0x7FFFFFFF


def _load_crc32c():
    # `import crc32c` also imports argparse, importlib.metadata and email for its command line and
    # version: 45 ms of a start that may take 350. Its compiled module alone takes 2.
    try:
        package = PathFinder.find_spec("crc32c")
        spec = PathFinder.find_spec("_crc32c", package.submodule_search_locations)
        module = spec.loader.create_module(spec)
        spec.loader.exec_module(module)
        if module.crc32c(b"123456789") == 0xE3069283:
            return module.crc32c
    except (AttributeError, ImportError):
        pass  # laid out otherwise: take the public way
    from crc32c import crc32c
    return crc32c


crc32c = _load_crc32c()
