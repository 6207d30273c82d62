"""What became of the transactions that a round of compaction comes across (Kafka's CleanedTransactionMetadata)."""

from wire.records import ABORT, COMMIT, HEADER_SIZE, iter_batch, parse_control


class Decided:
    """Is told of each batch and each marker, in the order of their offsets. `aborted`: the Aborted of what is read.

    `emptied` is filled with the offsets of the ABORT markers of transactions of which nothing is left.
    """

    def __init__(self, aborted):
        self._coming = sorted(aborted, key=lambda one: one.first_offset, reverse=True)
        self._aborted = {}  # producer id -> [Aborted, whether a batch of it was seen]
        self._committed = set()  # ids of producers with batches since their last marker
        self.emptied = []

    def _begin(self, upto):
        coming = self._coming
        while coming and coming[-1].first_offset <= upto:
            one = coming.pop()
            self._aborted.setdefault(one.producer_id, [one, False])

    def batch(self, header):
        """Whether this batch was aborted."""
        if not header.attributes & 0x10:  # is_transactional, which is asked of every batch
            return False
        if self._coming:
            self._begin(header.last_offset)
        found = self._aborted.get(header.producer_id)
        if found is None:
            self._committed.add(header.producer_id)
            return False
        found[1] = True
        return True

    def marker(self, header, data, at):
        """Whether nothing is left of the transaction that this control batch, at `at` of `data`, ended."""
        self._begin(header.last_offset)
        for record in iter_batch(header, data[at + HEADER_SIZE : at + header.size]):
            kind = parse_control(record).type
            if kind == ABORT:
                aborted, seen = self._aborted.pop(header.producer_id, (None, False))
                if not seen and aborted is not None:
                    self.emptied.append(aborted.last_offset)
                return not seen
            if kind == COMMIT:
                if header.producer_id in self._committed:
                    self._committed.remove(header.producer_id)
                    return False
                return True
            return False
        return True  # emptied before
