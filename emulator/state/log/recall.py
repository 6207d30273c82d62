"""The batches before its last that a producer may send again, found in the log: a snapshot names the last alone.

A client whose connection broke sends again all that was not answered, up to five batches (KIP-98). After a restart Kafka
knows but the last of them and refuses the others as out of order; here they are known as what they are.
"""

from emulator.state.log.producers import REMEMBERED_BATCHES, next_sequence

_LOOK_BACK = 64 * 1024  # bytes


def recall(producers, segments):
    """Complete what `producers`, of a snapshot, remember, by the last headers in `segments`."""
    if not len(producers):
        return
    found = {}  # producer id -> its batches, oldest first
    active = segments[-1]
    for segment in segments[-2:] if active.size < _LOOK_BACK else (active,):
        for _, header in segment.batches(segment.tail(_LOOK_BACK)):
            if header.has_producer_id and not header.is_control:
                entry = producers.get(header.producer_id)
                if entry is not None and entry.producer_epoch == header.producer_epoch:
                    first = header.base_sequence
                    last = next_sequence(first, header.last_offset_delta)
                    found.setdefault(header.producer_id, []).append(
                        (first, last, header.base_offset, header.last_offset, header.max_timestamp)
                    )
    for producer_id, batches in found.items():
        entry = producers.get(producer_id)
        if entry.batches and entry.batches[-1][:4] == batches[-1][:4] and len(entry.batches) < len(batches):
            entry.batches[:] = batches[-REMEMBERED_BATCHES:]
