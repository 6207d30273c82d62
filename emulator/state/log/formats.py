"""How Kafka names and writes the files of a partition's directory; all but the `.log`, which holds record batches.

Index entries are written big-endian, offsets relative to the segment's base. Text files begin with a version.
Sources: LogFileUtils, OffsetIndex, TimeIndex, AbortedTxn, ProducerSnapshot.json, LeaderEpochCheckpointFile and
PartitionMetadata of Kafka 4.3.1.
"""

import re
import sys
from array import array
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import namedtuple
from struct import Struct, error as struct_error

from wire.records import crc32c

LOG, INDEX, TIME_INDEX, TXN_INDEX, SNAPSHOT = ".log", ".index", ".timeindex", ".txnindex", ".snapshot"
SEGMENT_FILES = (LOG, INDEX, TIME_INDEX, TXN_INDEX)
# What a segment is called on its way in (compaction) and out (retention).
CLEANED, SWAP, DELETED = ".cleaned", ".swap", ".deleted"
LEADER_EPOCHS, PARTITION_METADATA = "leader-epoch-checkpoint", "partition.metadata"

OFFSET_ENTRY = Struct(">II")  # last offset of a batch, its position
TIME_ENTRY = Struct(">qI")  # largest timestamp so far, last offset of the batch that had it
ABORTED_ENTRY = Struct(">hqqqq")  # version, producer id, first offset, offset of the marker, last stable offset

_SNAPSHOT_HEAD = Struct(">hIi")  # version, CRC-32C of what follows it, number of entries
_SNAPSHOT_CRC_END = 6
_SNAPSHOT_ENTRY = Struct(">qhiqiqiq")
_SNAPSHOT_VERSION = 1
_NAME = re.compile(r"(\d{20})(\.log|\.index|\.timeindex|\.txnindex|\.snapshot)(\.cleaned|\.swap|\.deleted)?\Z")
_SWAPS = sys.byteorder == "little"

# One producer in a snapshot; `first_open_offset` is None when it has no open transaction.
ProducerLine = namedtuple(
    "ProducerLine",
    "producer_id producer_epoch last_sequence last_offset offset_delta timestamp coordinator_epoch first_open_offset",
)


class Corrupt(ValueError):
    """A file is not what its name says."""


def file_name(offset, kind, suffix=""):
    return f"{offset:020d}{kind}{suffix}"


def parse_name(name):
    """(offset, kind, suffix) of a segment's or snapshot's file, or None."""
    found = _NAME.match(name)
    return found and (int(found[1]), found[2], found[3] or "")


def pack_offset_index(offsets, positions):
    """Bytes of an `.index`, from two arrays of unsigned ints."""
    entries = array("I", bytes(8 * len(offsets)))
    entries[0::2], entries[1::2] = offsets, positions
    if _SWAPS:
        entries.byteswap()
    return entries.tobytes()


def parse_offset_index(data):
    """(offsets, positions) of an `.index`; what a crash or a preallocation left behind the last entry is cut off.

    Raises Corrupt when entries do not grow.
    """
    entries = array("I", data[: len(data) - len(data) % OFFSET_ENTRY.size])
    if _SWAPS:
        entries.byteswap()
    offsets, positions = entries[0::2], entries[1::2]
    while len(offsets) and not positions[-1]:
        del offsets[-1], positions[-1]
    if offsets and (offsets[0] > offsets[-1] or positions[0] > positions[-1]):
        raise Corrupt("entries of an offset index do not grow")
    return offsets, positions


def pack_time_index(timestamps, offsets):
    """Bytes of a `.timeindex`, from an array of long longs and one of unsigned ints."""
    # As three columns of words, which is a hundred times faster than entry by entry.
    timestamps, offsets = array("q", timestamps), array("I", offsets)
    if _SWAPS:
        timestamps.byteswap()
        offsets.byteswap()
    words = array("I", timestamps.tobytes())
    entries = array("I", bytes(12 * len(offsets)))
    entries[0::3], entries[1::3], entries[2::3] = words[0::2], words[1::2], offsets
    return entries.tobytes()


def parse_time_index(data):
    """(timestamps, offsets) of a `.timeindex`; raises Corrupt when entries do not grow."""
    entries = array("I", data[: len(data) - len(data) % TIME_ENTRY.size])
    words = array("I", bytes(len(entries) // 3 * 8))
    words[0::2], words[1::2], offsets = entries[0::3], entries[1::3], entries[2::3]
    timestamps = array("q", words.tobytes())
    if _SWAPS:
        timestamps.byteswap()
        offsets.byteswap()
    while len(timestamps) > 1 and not timestamps[-1]:
        del timestamps[-1], offsets[-1]  # preallocated
    if timestamps and timestamps[0] > timestamps[-1]:
        raise Corrupt("entries of a time index do not grow")
    return timestamps, offsets


def pack_aborted(aborted):
    """One entry of a `.txnindex`; `aborted` is (producer id, first offset, marker's offset, last stable offset)."""
    return ABORTED_ENTRY.pack(0, *aborted)


def parse_aborted(data):
    """[(producer id, first offset, marker's offset, last stable offset)] of a `.txnindex`; raises Corrupt."""
    whole = len(data) - len(data) % ABORTED_ENTRY.size
    found, last = [], -1
    for version, *aborted in ABORTED_ENTRY.iter_unpack(data[:whole]):
        if version or aborted[2] <= last:
            raise Corrupt("an entry of a transaction index is of an unknown version or out of order")
        last = aborted[2]
        found.append(tuple(aborted))
    return found


def pack_snapshot(lines):
    """Bytes of a producer `.snapshot`."""
    entries = [
        _SNAPSHOT_ENTRY.pack(*line[:7], -1 if line.first_open_offset is None else line.first_open_offset) for line in lines
    ]
    body = len(entries).to_bytes(4, "big") + b"".join(entries)
    return _SNAPSHOT_HEAD.pack(_SNAPSHOT_VERSION, crc32c(body), len(entries)) + body[4:]


def parse_snapshot(data):
    """[ProducerLine] of a producer `.snapshot`; raises Corrupt."""
    try:
        version, crc, count = _SNAPSHOT_HEAD.unpack_from(data)
    except struct_error:
        raise Corrupt("a producer snapshot ends within its head") from None
    if version != _SNAPSHOT_VERSION:
        raise Corrupt(f"a producer snapshot of unknown version {version}")
    if crc32c(data[_SNAPSHOT_CRC_END:]) != crc:
        raise Corrupt("a producer snapshot with a wrong checksum")
    body = data[_SNAPSHOT_HEAD.size :]
    if len(body) != count * _SNAPSHOT_ENTRY.size:
        raise Corrupt("a producer snapshot of another length than it says")
    return [ProducerLine(*line[:7], line[7] if line[7] >= 0 else None) for line in _SNAPSHOT_ENTRY.iter_unpack(body)]


def pack_leader_epochs(epochs):
    """Text of `leader-epoch-checkpoint`, from [(epoch, start offset)]."""
    return "".join(f"{line}\n" for line in ("0", str(len(epochs)), *(f"{epoch} {offset}" for epoch, offset in epochs))).encode()


def parse_leader_epochs(data):
    """[(epoch, start offset)]; raises Corrupt."""
    try:
        version, count, *lines = data.decode("ascii").splitlines()
        epochs = [tuple(map(int, line.split())) for line in lines]
        if int(version) == 0 and len(epochs) == int(count) and all(len(entry) == 2 for entry in epochs):
            return epochs
    except ValueError:
        pass
    raise Corrupt("leader-epoch-checkpoint cannot be read")


def pack_partition_metadata(topic_id):
    """Text of `partition.metadata`; `topic_id` is 16 bytes."""
    return f"version: 0\ntopic_id: {urlsafe_b64encode(topic_id).rstrip(b'=').decode()}".encode()


def parse_partition_metadata(data):
    """The topic id (16 bytes); raises Corrupt."""
    found = re.fullmatch(rb"version: 0\s+topic_id: ([\w-]{22})\s*", data)
    if found is None:
        raise Corrupt("partition.metadata cannot be read")
    return urlsafe_b64decode(found[1] + b"==")
