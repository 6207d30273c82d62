"""Offsets committed within transactions that have not ended yet.

They become committed offsets, or nothing, with the marker in their partition of __consumer_offsets; until then who
asks for stable offsets (KIP-447) must wait. Source: org.apache.kafka.coordinator.group.OffsetMetadataManager.
"""


class PendingOffsets:
    def __init__(self):
        self._transactions = {}  # (partition, producer id) -> {(group, topic, index): CommittedOffset or None}
        self._counts = {}  # group -> how many such tables name it: most groups have none

    def add(self, partition, producer_id, group_id, topic, index, offset):
        """`partition`: of __consumer_offsets, where the group's records go."""
        offsets = self._transactions.setdefault((partition, producer_id), {})
        if (group_id, topic, index) not in offsets:
            self._counts[group_id] = self._counts.get(group_id, 0) + 1
        offsets[group_id, topic, index] = offset

    def any_of(self, group_id):
        return group_id in self._counts

    def is_pending(self, group_id, topic, index):
        return group_id in self._counts and any(
            (group_id, topic, index) in offsets for offsets in self._transactions.values()
        )

    def overtaken(self, group_id, topic, index):
        """A later commit without a transaction: what is pending will not take its place."""
        if group_id in self._counts:
            for offsets in self._transactions.values():
                if (group_id, topic, index) in offsets:
                    offsets[group_id, topic, index] = None

    def forgotten(self, group_id, topic, index):
        """The offset was deleted: what is pending goes too."""
        if group_id in self._counts:
            for offsets in self._transactions.values():
                if (group_id, topic, index) in offsets:
                    del offsets[group_id, topic, index]
                    self._uncount(group_id)

    def positions(self, group_id):
        """[(topic, index)] of what is pending for a group."""
        return [
            (topic, index)
            for offsets in self._transactions.values()
            for group, topic, index in offsets
            if group == group_id
        ]

    def of_topic(self, topic):
        """[(group, index)] of what is pending in a topic."""
        return [(group, index) for offsets in self._transactions.values() for group, name, index in offsets if name == topic]

    def ended(self, partition, producer_id):
        """[((group, topic, index), CommittedOffset or None)] of a transaction, which is pending no more."""
        offsets = self._transactions.pop((partition, producer_id), {})
        for group_id, _, _ in offsets:
            self._uncount(group_id)
        return list(offsets.items())

    def drop(self, partition):
        """These groups are no longer ours."""
        for key in [key for key in self._transactions if key[0] == partition]:
            self.ended(*key)

    def _uncount(self, group_id):
        left = self._counts[group_id] - 1
        if left:
            self._counts[group_id] = left
        else:
            del self._counts[group_id]
