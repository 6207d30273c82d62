"""All groups of a coordinator by id, of whatever protocol, and where each is kept."""

from emulator.state.internal_topics import partition_for
from wire import errors
from wire.errors import KafkaError


class GroupTable:
    """`store`: of __consumer_offsets (internal_topics.Store), which has `partitions` of them."""

    def __init__(self, store, partitions):
        self._store = store
        self._partitions = partitions
        self._groups = {}
        self.on_add = []  # hooks: a group has come

    def partition_for(self, group_id):
        """The partition of __consumer_offsets that keeps this group."""
        return partition_for(group_id, self._partitions)

    def __iter__(self):
        return iter(list(self._groups.values()))

    def __len__(self):
        return len(self._groups)

    def get(self, group_id):
        """The group, or None. KafkaError NOT_COORDINATOR as long as nobody has looked for its coordinator.

        A group that is there need not be asked about: it goes with the partition that keeps it.
        """
        group = self._groups.get(group_id)
        if group is None:
            self._store.check(self.partition_for(group_id))
        return group

    def find(self, group_id):
        """The group. KafkaError GROUP_ID_NOT_FOUND."""
        group = self.get(group_id)
        if group is None:
            raise KafkaError(errors.GROUP_ID_NOT_FOUND, f"Group {group_id} not found.")
        return group

    def put(self, group):
        """A group is there, in place of any other of its id."""
        self._groups[group.group_id] = group
        for added in self.on_add:
            added()
        return group

    def remove(self, group):
        """A group is no more, and so say its records."""
        group.erase()
        self.give_up(group)

    def of_partition(self, partition):
        return [group for group in self if self.partition_for(group.group_id) == partition]

    def give_up(self, group):
        """A group is kept elsewhere from now on, or nowhere."""
        del self._groups[group.group_id]
        group.close(errors.NOT_COORDINATOR)

    def write(self, group_id, key, value):
        """Append a record about a group; value None is a tombstone."""
        self._store.append(self.partition_for(group_id), key, value)

    def write_batch(self, group_id, pairs, *producer):
        """See Store.append_batch."""
        self._store.append_batch(self.partition_for(group_id), pairs, *producer)
