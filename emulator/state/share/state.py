"""What is known of a share-partition, as the records of __share_group_state tell it.

Source: org.apache.kafka.coordinator.share.ShareGroupOffset, PersisterStateBatchCombiner of Kafka 4.3.1.
"""

from bisect import insort
from typing import NamedTuple

NO_OFFSET = -1
NO_EPOCH = -1


class ShareState(NamedTuple):
    """`batches`: sorted (first, last, delivery state, delivery count); times in ms."""

    snapshot_epoch: int
    state_epoch: int
    leader_epoch: int
    start_offset: int
    delivery_complete_count: int
    batches: tuple
    created: int
    written: int


def combined(batches, start_offset):
    """Batches without overlaps, cut at `start_offset`: where several tell of a record, the one with more deliveries
    counts, then the one with the later state. Neighbours of one fate become one."""
    if start_offset != NO_OFFSET:
        batches = [(max(first, start_offset), last, *fate) for first, last, *fate in batches if last >= start_offset]
    if len(batches) < 2:
        return [tuple(batch) for batch in batches]
    todo = sorted({_sortable(batch) for batch in batches})
    done = []
    while len(todo) > 1:
        before, after = todo[:2]
        if before[1] < after[0] and (before[1] + 1 < after[0] or before[2:] != after[2:]):
            done.append(todo.pop(0))
            continue
        del todo[:2]
        for piece in _resolved(before, after):
            if piece not in todo:
                insort(todo, piece)
    return [(first, last, state, count) for first, last, count, state in done + todo]


def _sortable(batch):
    first, last, state, count = batch
    return first, last, count, state


def _resolved(before, after):
    """What becomes of two batches that meet, the first of which begins no later."""
    (first, last, *fate), (from_, to, *later) = before, after
    if fate == later:
        yield (first, max(last, to), *fate)
    elif later < fate:
        yield before
        if to > last:
            yield (last + 1, to, *later)
    else:
        if first < from_:
            yield (first, from_ - 1, *fate)
        yield after
        if to < last:
            yield (to + 1, last, *fate)
