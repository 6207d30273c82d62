"""A log that follows another replica's: it takes the leader's batches as they are, and lets go of what the leader does not have.

Source: UnifiedLog.appendAsFollower, truncateTo, truncateFullyAndStartAt of Kafka 4.3.1.
"""

from emulator.state.log.aborted import AbortedTransactions
from emulator.state.log.leader_epochs import LeaderEpochs
from emulator.state.log.producers import NO_PRODUCER_ID
from emulator.state.log.recall import recall
from emulator.state.log.recovery import Loader, replay
from wire.errors import KafkaError
from wire.records import HEADER, HEADER_SIZE, LOG_OVERHEAD, BatchHeader


def batches_from(log, offset, max_bytes, cursor=None):
    """([(header, data)], cursor): the batches from `offset` on, beyond the high watermark too; the first however large.

    With the cursor that the reading before this one gave nothing need be looked for. Raises KafkaError.
    """
    if log.closed:
        log.check_open()
    found, segments = [], log.segments
    if cursor is not None and cursor[0] is segments[-1] and cursor[2] == offset:
        return found, _take(*cursor, max_bytes, found)
    for segment in segments.from_offset(offset):
        left = max_bytes - sum(header.size for header, _ in found)
        cursor = _take(segment, segment.position_of(offset), offset, left, found)
        offset = cursor[2]
        if cursor[1] < segment.size:
            break
    return found, cursor


def _take(segment, position, offset, max_bytes, found):
    """Add to `found` what one segment has from `position` on; gives (segment, position, offset) of what comes then."""
    file = segment.file
    end, unpack, new = file.size, HEADER.unpack_from, tuple.__new__
    while position < end:
        # A replica that keeps up comes here for every batch: no call that can be spared.
        buffer, at = file.view(position, HEADER_SIZE)
        there = len(buffer) - at
        if there < HEADER_SIZE:
            raise segment.no_batch(position)
        header = new(BatchHeader, unpack(buffer, at))
        size = header[1] + LOG_OVERHEAD
        if size < HEADER_SIZE or position + size > end:
            raise segment.no_batch(position)
        max_bytes -= size
        if max_bytes < 0 and found:
            break
        if there < size:
            buffer, at = file.view(position, size)
        found.append((header, memoryview(buffer)[at : at + size]))
        position += size
        offset = header[0] + header[6] + 1
    return segment, position, offset


def append_replicated(log, header, data):
    """Append a leader's batch. It has been checked there, and has not left this process since: its checksum is right.

    A log that is empty may begin before its start, within a batch of which the leader's first records were deleted.
    Raises KafkaError KAFKA_STORAGE_ERROR, ValueError for a batch that is not the next.
    """
    if log.closed:
        log.check_open()
    if header.base_offset < log.end_offset:
        if log.end_offset > log.log_start_offset or header.last_offset < log.end_offset:
            raise ValueError(f"{log.name} ends at {log.end_offset}, beyond the batch at {header.base_offset}")
        start_at(log, header.base_offset)
    log.append_as_it_is(header, data)
    if header.producer_id > NO_PRODUCER_ID:
        aborted = replay(log.producers, header, data)
        if aborted is not None:
            log.aborted.add(*aborted)


def truncate_to(log, offset):
    """Let go of all batches that reach `offset`; who has read them meanwhile keeps what was read.

    Where all of the log lies beyond, it begins anew there. Raises KafkaError; the log has failed then.
    """
    log.check_open()
    if offset >= log.end_offset:
        log.leader_epochs.end_at(log.end_offset)  # one that it led, but nothing was written in
    elif offset < log.segments[0].base_offset:
        start_at(log, offset)
    else:
        try:
            _cut(log, offset)
        except KafkaError as error:
            log.fail(error)
            raise


def _cut(log, offset):
    # In this order: whatever a crash leaves is a log that ends somewhere between here and there.
    beyond = [header for segment in log.segments.from_offset(offset) for _, header in segment.batches(segment.position_of(offset))]
    end = min(offset, beyond[0].base_offset) if beyond else offset
    log.lower_recovery_point(end)
    while log.segments[-1].base_offset > offset:
        log.segments.pop().remove()
    log.segments[-1].truncate(offset, log.config.index_interval_bytes)
    log.drop_snapshots(end)
    log.aborted.end_at(end)
    log.leader_epochs.end_at(end)
    gone = {header.producer_id for header in beyond if header.has_producer_id}
    if gone:
        loader = Loader(log.name, log.files, log.config, False, 0, min(log.log_start_offset, end), 0)
        before = loader.producers_of(log.segments, end, gone)
        recall(before, log.segments)
        log.producers.put_back(gone, before)
    log.cut_at(end)


def start_at(log, offset):
    """Let go of everything: the log begins anew at `offset`. Raises KafkaError; the log has failed then."""
    log.check_open()
    try:
        log.lower_recovery_point(offset)
        while log.segments:
            log.segments.pop().remove()
        log.drop_snapshots(-1)
        log.producers.clear()
        log.aborted, log.leader_epochs = AbortedTransactions(), LeaderEpochs()
        log.begin_anew(offset)
    except KafkaError as error:
        log.fail(error)
        raise
