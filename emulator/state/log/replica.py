"""A log that follows another replica's: it takes the leader's batches as they are, and lets go of what the leader does not have.

Source: UnifiedLog.appendAsFollower, truncateTo, truncateFullyAndStartAt of Kafka 4.3.1.
"""

from collections import namedtuple

from emulator.state.log.aborted import AbortedTransactions
from emulator.state.log.leader_epochs import LeaderEpochs
from emulator.state.log.recall import recall
from emulator.state.log.recovery import Loader, replay

# Where a reader of batches will go on: in this segment, at this position, with this offset.
Cursor = namedtuple("Cursor", "segment position offset")


def batches_from(log, offset, max_bytes, cursor=None):
    """([(header, data)], Cursor): the batches from `offset` on, beyond the high watermark too; the first however large.

    With the Cursor that the reading before this one gave nothing need be looked for.
    """
    found, size = [], 0
    for segment in log.segments[log.segment_index(offset) :]:
        if cursor is not None and cursor.segment is segment and cursor.offset == offset:
            position = cursor.position
        else:
            position = segment.position_of(offset)
        for position, header in segment.batches(position):
            if found and size + header.size > max_bytes:
                return found, cursor
            found.append((header, segment.batch_bytes(position, header)))
            size += header.size
            offset = header.last_offset + 1
            cursor = Cursor(segment, position + header.size, offset)
    return found, cursor


def append_replicated(log, header, data):
    """Append a leader's batch. It has been checked there, and has not left this process since: its checksum is right."""
    log.check_open()
    if header.base_offset < log.end_offset:
        raise ValueError(f"{log.name} has offset {header.base_offset} already")
    log.append_as_it_is(header, data)
    if header.has_producer_id:
        aborted = replay(log.producers, header, data)
        if aborted is not None:
            log.aborted.add(*aborted)


def truncate_to(log, offset):
    """Let go of all batches that reach `offset`; who has read them meanwhile keeps what was read."""
    if offset >= log.end_offset:
        return
    if offset < log.segments[0].base_offset:
        start_at(log, offset)
        return
    while log.segments[-1].base_offset > offset:
        log.segments.pop().remove()
    last = log.segments[-1]
    last.truncate(offset, log.config.index_interval_bytes)
    end = max(last.next_offset, log.log_start_offset)
    log.aborted.end_at(end)
    log.leader_epochs.end_at(end)
    loader = Loader(log.name, log.files, log.config, False, 0, log.log_start_offset, 0)
    log.producers = loader.producers_of(log.segments, end)
    recall(log.producers, log.segments)
    log.cut_at(end)


def start_at(log, offset):
    """Let go of everything: the log begins anew at `offset`."""
    while log.segments:
        log.segments.pop().remove()
    log.producers.clear()
    log.aborted, log.leader_epochs = AbortedTransactions(), LeaderEpochs()
    log.begin_anew(offset)
