"""What one partition of __share_group_state tells: there is one way for a record to become state, written or read.

Source: the `replay` of org.apache.kafka.coordinator.share.ShareCoordinatorShard, ShareCoordinatorOffsetsManager of Kafka 4.3.1.
"""

from emulator.state.share.state import NO_EPOCH, NO_OFFSET, ShareState, combined
from wire.internal.share_state import ShareSnapshot


class Shard:
    """`states`: {key: ShareState}; `leader_epochs`, `state_epochs`: the highest that were seen of each key; `updates`: how
    many since its last snapshot; `redundant`: the offset before which no record counts any more, None: not known.
    """

    def __init__(self, partition, updates_per_snapshot):
        self.partition = partition
        self.states = {}
        self.leader_epochs, self.state_epochs, self.updates = {}, {}, {}
        self.redundant = None
        self._updates_per_snapshot = updates_per_snapshot
        self._snapshots = {}  # key -> offset of its last one

    def take(self, offset, key, kind, value):
        """A record at this offset; value None is a tombstone."""
        if value is None:
            for table in (self.states, self.leader_epochs, self.state_epochs, self.updates):
                table.pop(key, None)
        elif kind is ShareSnapshot:
            _raise(self.leader_epochs, key, value.leader_epoch)
            _raise(self.state_epochs, key, value.state_epoch)
            self.states[key] = ShareState(
                value.snapshot_epoch, value.state_epoch, value.leader_epoch, value.start_offset, value.delivery_complete_count,
                _batches(value), value.create_timestamp, value.write_timestamp,
            )  # fmt: skip
            if self.updates.get(key, 0) >= self._updates_per_snapshot:
                self.updates[key] = 0
        else:
            _raise(self.leader_epochs, key, value.leader_epoch)
            self.states[key] = _changed(self.states.get(key), value)
            self.updates[key] = self.updates.get(key, 0) + 1
        if kind is ShareSnapshot:
            self._snapshots[key] = offset
            self.redundant = min(self._snapshots.values())
            if value is None:
                del self._snapshots[key]


def _raise(highest, key, epoch):
    highest[key] = max(highest.get(key, epoch), epoch)


def _changed(state, value):
    """A ShareState with what an update says."""
    if state is None:  # its snapshot is not in the log any more
        state = ShareState(value.snapshot_epoch, 0, 0, NO_OFFSET, NO_OFFSET, (), 0, 0)
    start_offset = state.start_offset if value.start_offset == NO_OFFSET else value.start_offset
    return state._replace(
        start_offset=start_offset,
        delivery_complete_count=value.delivery_complete_count,
        leader_epoch=state.leader_epoch if value.leader_epoch == NO_EPOCH else value.leader_epoch,
        batches=tuple(combined([*state.batches, *_batches(value)], start_offset)),
    )


def _batches(value):
    return tuple((each.first_offset, each.last_offset, each.delivery_state, each.delivery_count) for each in value.state_batches)
