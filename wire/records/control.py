"""Control records: the markers that end a transaction in a partition (KIP-98).

Key: version int16, type int16. Value of ABORT and COMMIT (EndTxnMarker): version int16, coordinator_epoch int32.
"""

from collections import namedtuple
from struct import Struct, error as struct_error

from wire.records.build import build_batch
from wire.records.record import Record
from wire.records.walk import invalid

ABORT, COMMIT, LEADER_CHANGE, SNAPSHOT_HEADER, SNAPSHOT_FOOTER, KRAFT_VERSION, KRAFT_VOTERS = range(7)

_KEY = Struct(">hh")
_END_TXN_MARKER = Struct(">hi")

#: `coordinator_epoch` is None for the types that end no transaction.
ControlRecord = namedtuple("ControlRecord", ("type", "version", "coordinator_epoch"))


def parse_control(record):
    """What a record of a control batch says; types unknown here keep their number, as readers must skip them."""
    try:
        version, kind = _KEY.unpack_from(record.key or b"")
        if kind not in (ABORT, COMMIT):
            return ControlRecord(kind, version, None)
        return ControlRecord(kind, version, _END_TXN_MARKER.unpack_from(record.value or b"")[1])
    except struct_error:
        raise invalid(f"a control record with key {record.key!r} and value {record.value!r}") from None


def build_end_marker(kind, timestamp, producer_id, producer_epoch, coordinator_epoch, base_offset=0,
                     partition_leader_epoch=-1):
    """The batch that a transaction coordinator has written at a transaction's end; `kind` is ABORT or COMMIT."""
    marker = Record(None, timestamp, _KEY.pack(0, kind), _END_TXN_MARKER.pack(0, coordinator_epoch))
    return build_batch((marker,), base_offset, producer_id=producer_id, producer_epoch=producer_epoch,
                       transactional=True, control=True, partition_leader_epoch=partition_leader_epoch)
