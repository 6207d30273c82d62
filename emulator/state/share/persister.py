"""What share groups did with each partition, as records of __share_group_state: the share coordinator.

A snapshot says all of a share-partition, updates what changed since, and after so many updates comes another snapshot.
Whatever is written is then taken in by its Shard like a record that is read.
Source: org.apache.kafka.coordinator.share.ShareCoordinatorShard of Kafka 4.3.1.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from emulator.state.internal_topics import RECORDS_A_SLICE
from emulator.state.share.shard import Shard
from emulator.state.share.state import NO_EPOCH, NO_OFFSET, ShareState, combined
from wire import errors
from wire.errors import KafkaError
from wire.internal import SHARE_GROUP_STATE
from wire.internal.share_state import ShareSnapshot, ShareUpdate

_VERSION = 0
_COLD_AFTER_MS = 300_000  # share.coordinator.cold.partition.snapshot.interval.ms, which Kafka does not document
_PRUNE_EVERY_MS = 300_000  # share.coordinator.state.topic.prune.interval.ms, as well


class Persister:
    """`store`: of __share_group_state (internal_topics.Store); `partition_for(text)`: who keeps a key; `time` stamps;
    `count_of(topic_id)`: how many partitions a topic has, None when there is none.

    Keys are (group id, topic id, partition index). What is refused is a KafkaError with Kafka's words.
    """

    def __init__(self, store, partition_for, updates_per_snapshot, time, count_of):
        self.store = store
        self._partition_for = partition_for
        self._updates_per_snapshot = updates_per_snapshot
        self._time = time
        self._count_of = count_of
        self._shards = {}  # partition of __share_group_state -> Shard
        self._snapshotting = self._pruning = None

    def partition_for(self, key):
        """The partition of __share_group_state that keeps this share-partition."""
        return self._partition_for(coordinator_key(key))

    def _shard(self, key):
        partition = self.partition_for(key)
        shard = self._shards.get(partition)
        if shard is None:
            self.store.check(partition)
            shard = self._shards[partition] = Shard(partition, self._updates_per_snapshot)
        return shard

    # -- what is asked -----------------------------------------------------------------------------

    def initialize(self, key, state_epoch, start_offset):
        """Begin, or begin anew, at `start_offset` (NO_OFFSET: not known yet)."""
        shard = self._checked(key)
        _check_epoch(shard.state_epochs, key, state_epoch, errors.FENCED_STATE_EPOCH)
        self._check_topic(key)
        before, now = shard.states.get(key), self._time.now()
        complete = NO_OFFSET if start_offset == NO_OFFSET else 0
        snapshot_epoch = 0 if before is None else before.snapshot_epoch + 1
        self._write_snapshot(shard, key, ShareState(snapshot_epoch, state_epoch, 0, start_offset, complete, (), now, now))

    def read(self, key, leader_epoch):
        """The ShareState, for the leader that takes over in this epoch (-1: for somebody else)."""
        shard = self._checked(key, "Read")
        _check_epoch(shard.leader_epochs, key, leader_epoch, errors.FENCED_LEADER_EPOCH)
        self._check_topic(key)
        state = shard.states[key]
        if leader_epoch not in (NO_EPOCH, shard.leader_epochs[key]):
            self._write_change(shard, key, leader_epoch, state.start_offset, state.delivery_complete_count, ())
        return state

    def write(self, key, state_epoch, leader_epoch, start_offset, delivery_complete_count, batches):
        """`batches`: what changed. An epoch of -1 is not checked, a start offset of -1 changes nothing."""
        shard = self._checked(key, "Write")
        _check_epoch(shard.leader_epochs, key, leader_epoch, errors.FENCED_LEADER_EPOCH)
        _check_epoch(shard.state_epochs, key, state_epoch, errors.FENCED_STATE_EPOCH)
        self._check_topic(key)
        self._write_change(shard, key, shard.states[key].leader_epoch, start_offset, delivery_complete_count, batches)

    def summary(self, key):
        """The ShareState to look at, or None."""
        shard = self._shards.get(self.partition_for(key))
        return shard and shard.states.get(key)

    def checked_summary(self, key):
        """As `summary`, for who asks from outside."""
        self._checked(key)
        self._check_topic(key)
        return self.summary(key)

    def delete(self, key):
        shard = self._checked(key)
        self._check_topic(key)
        if key in shard.states:
            self._append(shard, key, ShareSnapshot, None)

    def topic_deleted(self, topic_id):
        for shard in self._shards.values():
            for key in [key for key in shard.states if key[1] == topic_id]:
                self._append(shard, key, ShareSnapshot, None)

    def _checked(self, key, operation=None):
        """The Shard that keeps a key; for an `operation`, once the key was initialized."""
        if key[2] < 0:
            raise KafkaError(errors.INVALID_REQUEST, "The partition id cannot be a negative number.")
        shard = self._shard(key)
        if operation and key not in shard.states:
            raise KafkaError(errors.INVALID_REQUEST, f"{operation} operation on uninitialized share partition not allowed.")
        return shard

    def _check_topic(self, key):
        count = self._count_of(key[1])
        if count is None or key[2] >= count:
            raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION)

    # -- records -----------------------------------------------------------------------------------

    def _write_change(self, shard, key, leader_epoch, start_offset, delivery_complete_count, batches):
        state = shard.states[key]
        if shard.updates.get(key, 0) >= self._updates_per_snapshot:
            now = self._time.now()
            start = state.start_offset if start_offset == NO_OFFSET else start_offset
            whole = tuple(combined([*state.batches, *batches], start))
            self._write_snapshot(
                shard,
                key,
                ShareState(state.snapshot_epoch + 1, state.state_epoch, leader_epoch, start, delivery_complete_count, whole, now, now),
            )
            return
        value = ShareUpdate.Value(
            snapshot_epoch=state.snapshot_epoch,
            leader_epoch=leader_epoch,
            start_offset=start_offset,
            delivery_complete_count=delivery_complete_count,
            state_batches=_written(ShareUpdate.Value.StateBatches, combined(batches, start_offset)),
        )
        self._append(shard, key, ShareUpdate, value)

    def _write_snapshot(self, shard, key, state):
        value = ShareSnapshot.Value(
            snapshot_epoch=state.snapshot_epoch,
            state_epoch=state.state_epoch,
            leader_epoch=state.leader_epoch,
            start_offset=state.start_offset,
            delivery_complete_count=state.delivery_complete_count,
            create_timestamp=state.created,
            write_timestamp=state.written,
            state_batches=_written(ShareSnapshot.Value.StateBatches, state.batches),
        )
        self._append(shard, key, ShareSnapshot, value)

    def _append(self, shard, key, kind, value):
        names = dict(zip(("group_id", "topic_id", "partition"), key))
        offset = self.store.append(shard.partition, kind.key(**names), None if value is None else kind.build_value(_VERSION, value))
        shard.take(offset, key, kind, value)
        self._look_later()

    # -- time ----------------------------------------------------------------------------------------

    def _look_later(self):
        if self._snapshotting is None:
            self._snapshotting = self._time.after(_COLD_AFTER_MS, self._snapshot_cold)
        if self._pruning is None:
            self._pruning = self._time.after(_PRUNE_EVERY_MS, self._prune)

    def _snapshot_cold(self):
        """A snapshot of what has had none for long, so that the records before it may go; of a quiet shard none."""
        self._snapshotting = None
        now = self._time.now()
        for shard in self._shards.values():
            if any(state.created == state.written for state in shard.states.values()):
                for key, state in list(shard.states.items()):
                    if now - state.written >= _COLD_AFTER_MS:
                        self._write_snapshot(shard, key, state._replace(snapshot_epoch=state.snapshot_epoch + 1, written=now))
        if any(shard.states for shard in self._shards.values()):
            self._look_later()

    def _prune(self):
        """What comes before the last snapshot of every share-partition in a log is not needed any more."""
        self._pruning = None
        for shard in self._shards.values():
            if shard.redundant:
                self.store.delete_before(shard.partition, shard.redundant)
                shard.redundant = None

    # -- a coordinator comes and goes --------------------------------------------------------------

    def load(self, partition):
        """Rebuild what this partition of __share_group_state says."""
        for _ in self.load_in_slices(partition):
            pass

    def load_in_slices(self, partition):
        """As `load`, a generator: between its steps others have their turn."""
        shard = Shard(partition, self._updates_per_snapshot)
        for number, (offset, key, value) in enumerate(self.store.records(partition)):
            if number % RECORDS_A_SLICE == 0:
                yield
            kind, key, value = SHARE_GROUP_STATE.parse(key, value)
            shard.take(offset, (key.group_id, key.topic_id, key.partition), kind, value)
        self._shards[partition] = shard
        self._look_later()

    def unload(self, partition):
        self._shards.pop(partition, None)


def _check_epoch(highest, key, epoch, error):
    if epoch != NO_EPOCH and highest.get(key, epoch) > epoch:
        raise KafkaError(error)


def _written(Batch, batches):
    return [
        Batch(first_offset=first, last_offset=last, delivery_state=state, delivery_count=count)
        for first, last, state, count in batches
    ]


def coordinator_key(key):
    """What FindCoordinator is asked for: group:topic id:partition."""
    group_id, topic_id, partition = key
    return f"{group_id}:{urlsafe_b64encode(topic_id).rstrip(b'=').decode()}:{partition}"


def parse_coordinator_key(text):
    """(group id, topic id, partition index) of such a text, or None."""
    group_id, _, rest = text.rpartition(":")
    group_id, colon, topic_id = group_id.rpartition(":")
    try:
        key = group_id, urlsafe_b64decode(topic_id + "=="), int(rest)
    except ValueError:
        return None
    return key if colon and group_id and len(key[1]) == 16 and len(topic_id) == 22 else None
