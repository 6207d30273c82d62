"""What share groups did with each partition, as records of __share_group_state: the share coordinator.

A snapshot says all of a share-partition, updates what changed since, and after so many updates comes another snapshot.
Source: org.apache.kafka.coordinator.share.ShareCoordinatorShard, PersisterStateBatchCombiner of Kafka 4.3.1.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from emulator.state.internal_topics import RECORDS_A_SLICE
from wire import errors
from wire.errors import KafkaError
from wire.internal import SHARE_GROUP_STATE
from wire.internal.share_state import ShareSnapshot, ShareUpdate

_VERSION = 0
NO_OFFSET = -1


class ShareState:
    """What is known of a share-partition. `batches`: sorted (first, last, delivery state, delivery count)."""

    __slots__ = (
        "snapshot_epoch", "state_epoch", "leader_epoch", "start_offset", "delivery_complete_count", "batches",
        "created", "written", "updates",
    )  # fmt: skip

    def __init__(self, snapshot_epoch, state_epoch, leader_epoch, start_offset, delivery_complete_count, created, written, batches=()):
        self.snapshot_epoch = snapshot_epoch
        self.state_epoch = state_epoch
        self.leader_epoch = leader_epoch
        self.start_offset = start_offset
        self.delivery_complete_count = delivery_complete_count
        self.batches = list(batches)
        self.created = created
        self.written = written
        self.updates = 0  # since the last snapshot


class Persister:
    """`store`: of __share_group_state (see internal_topics.Store); `partition_for(text)`: who keeps a key; `time` stamps.

    Keys are (group id, topic id, partition index).
    """

    def __init__(self, store, partition_for, updates_per_snapshot, time):
        self.store = store
        self._partition_for = partition_for
        self._updates_per_snapshot = updates_per_snapshot
        self._time = time
        self._states = {}

    def partition_for(self, key):
        """The partition of __share_group_state that keeps this share-partition."""
        return self._partition_for(coordinator_key(key))

    def initialize(self, key, state_epoch, start_offset):
        """Begin, or begin anew, at `start_offset` (NO_OFFSET: not known yet). KafkaError FENCED_STATE_EPOCH."""
        state, now = self._find(key), self._time.now()
        if state is not None and state.state_epoch > state_epoch:
            raise KafkaError(errors.FENCED_STATE_EPOCH)
        snapshot_epoch = 0 if state is None else state.snapshot_epoch + 1
        complete = NO_OFFSET if start_offset == NO_OFFSET else 0
        self._snapshot(key, ShareState(snapshot_epoch, state_epoch, 0, start_offset, complete, now, now))

    def read(self, key, leader_epoch):
        """The ShareState, for the leader that takes over in this epoch. KafkaError INVALID_REQUEST, FENCED_LEADER_EPOCH."""
        state = self._find(key)
        if state is None:
            raise KafkaError(errors.INVALID_REQUEST, "Read operation on uninitialized share partition not allowed.")
        if leader_epoch < state.leader_epoch:
            raise KafkaError(errors.FENCED_LEADER_EPOCH)
        if leader_epoch > state.leader_epoch:
            self._update(key, state, leader_epoch, state.start_offset, state.delivery_complete_count, [])
        return state

    def write(self, key, state_epoch, leader_epoch, start_offset, delivery_complete_count, batches):
        """`batches`: what changed. KafkaError INVALID_REQUEST, FENCED_LEADER_EPOCH, FENCED_STATE_EPOCH."""
        state = self._find(key)
        if state is None:
            raise KafkaError(errors.INVALID_REQUEST, "Write operation on uninitialized share partition not allowed.")
        if leader_epoch < state.leader_epoch:
            raise KafkaError(errors.FENCED_LEADER_EPOCH)
        if state_epoch < state.state_epoch:
            raise KafkaError(errors.FENCED_STATE_EPOCH)
        self._update(key, state, leader_epoch, start_offset, delivery_complete_count, merged(batches, start_offset))

    def _find(self, key):
        state = self._states.get(key)
        if state is None:
            self.store.check(self.partition_for(key))
        return state

    def summary(self, key):
        """The ShareState to look at, or None."""
        return self._states.get(key)

    def delete(self, key):
        if key in self._states:
            self._append(key, ShareSnapshot.key(**_names(key)), None)
            del self._states[key]

    def topic_deleted(self, topic_id):
        for key in [key for key in self._states if key[1] == topic_id]:
            self.delete(key)

    # -- records -----------------------------------------------------------------------------------

    def _update(self, key, state, leader_epoch, start_offset, delivery_complete_count, batches):
        now = self._time.now()
        all_batches = merged([*state.batches, *batches], start_offset)
        if state.updates >= self._updates_per_snapshot:
            self._snapshot(
                key,
                ShareState(
                    state.snapshot_epoch + 1, state.state_epoch, leader_epoch, start_offset, delivery_complete_count, now, now, all_batches
                ),
            )
            return
        Batch = ShareUpdate.Value.StateBatches
        value = ShareUpdate.value(
            _VERSION,
            snapshot_epoch=state.snapshot_epoch,
            leader_epoch=leader_epoch,
            start_offset=start_offset,
            delivery_complete_count=delivery_complete_count,
            state_batches=_written(Batch, batches),
        )
        self._append(key, ShareUpdate.key(**_names(key)), value)
        state.leader_epoch, state.start_offset = leader_epoch, start_offset
        state.delivery_complete_count, state.batches = delivery_complete_count, all_batches
        state.updates += 1

    def _snapshot(self, key, state):
        value = ShareSnapshot.value(
            _VERSION,
            snapshot_epoch=state.snapshot_epoch,
            state_epoch=state.state_epoch,
            leader_epoch=state.leader_epoch,
            start_offset=state.start_offset,
            delivery_complete_count=state.delivery_complete_count,
            create_timestamp=state.created,
            write_timestamp=state.written,
            state_batches=_written(ShareSnapshot.Value.StateBatches, state.batches),
        )
        self._append(key, ShareSnapshot.key(**_names(key)), value)
        self._states[key] = state

    def _append(self, key, record_key, value):
        self.store.append(self.partition_for(key), record_key, value)

    # -- a coordinator comes and goes --------------------------------------------------------------

    def load(self, partition):
        """Rebuild what this partition of __share_group_state says."""
        for _ in self.load_in_slices(partition):
            pass

    def load_in_slices(self, partition):
        """As `load`, a generator: between its steps others have their turn."""
        states = {}
        for number, (_, key, value) in enumerate(self.store.read(partition)):
            if number % RECORDS_A_SLICE == 0:
                yield
            kind, key, value = SHARE_GROUP_STATE.parse(key, value)
            name = key.group_id, key.topic_id, key.partition
            if value is None:
                states.pop(name, None)
                continue
            batches = [(b.first_offset, b.last_offset, b.delivery_state, b.delivery_count) for b in value.state_batches]
            if kind is ShareSnapshot:
                states[name] = ShareState(
                    value.snapshot_epoch, value.state_epoch, value.leader_epoch, value.start_offset,
                    value.delivery_complete_count, value.create_timestamp, value.write_timestamp, batches,
                )  # fmt: skip
            elif (state := states.get(name)) is not None and value.snapshot_epoch == state.snapshot_epoch:
                state.leader_epoch, state.start_offset = value.leader_epoch, value.start_offset
                state.delivery_complete_count = value.delivery_complete_count
                state.batches = merged([*state.batches, *batches], value.start_offset)
                state.updates += 1
        self._states.update(states)

    def unload(self, partition):
        for key in [key for key in self._states if self.partition_for(key) == partition]:
            del self._states[key]


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


def _names(key):
    return dict(zip(("group_id", "topic_id", "partition"), key))


def _written(Batch, batches):
    return [
        Batch(first_offset=first, last_offset=last, delivery_state=state, delivery_count=count)
        for first, last, state, count in batches
    ]


def merged(batches, start_offset):
    """Batches, the later ones over the earlier, sorted, cut at `start_offset`, neighbours of one fate as one."""
    pieces = []
    for first, last, *fate in batches:
        first = max(first, start_offset)
        if first > last:
            continue
        if pieces and first <= pieces[-1][1]:
            pieces = [part for piece in pieces for part in _around(piece, first, last)]
        pieces.append((first, last, *fate))
        pieces.sort()
    result = []
    for piece in pieces:
        if result and result[-1][1] + 1 == piece[0] and result[-1][2:] == piece[2:]:
            result[-1] = (result[-1][0], *piece[1:])
        else:
            result.append(piece)
    return result


def _around(piece, first, last):
    """What is left of a piece where [first, last] is put over it."""
    if piece[0] < first:
        yield (piece[0], min(piece[1], first - 1), *piece[2:])
    if piece[1] > last:
        yield (max(piece[0], last + 1), *piece[1:])
