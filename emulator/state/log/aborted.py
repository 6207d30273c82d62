"""The aborted transactions of one partition, which read_committed consumers must skip (Kafka's TransactionIndex)."""

from bisect import bisect_left
from collections import namedtuple

# Offsets of its first record, of its marker, and the partition's last stable offset once the marker was there.
Aborted = namedtuple("Aborted", "producer_id first_offset last_offset last_stable_offset")


class AbortedTransactions:
    """In the order of their markers."""

    def __init__(self):
        self._entries = []

    def __len__(self):
        return len(self._entries)

    def __iter__(self):
        return iter(self._entries)

    def copy(self):
        other = AbortedTransactions()
        other._entries = self._entries[:]
        return other

    def add(self, producer_id, first_offset, last_offset, last_stable_offset):
        self._entries.append(Aborted(producer_id, first_offset, last_offset, last_stable_offset))

    def between(self, offset, upto):
        """[(producer id, first offset)] of those with records from `offset` on and below `upto`."""
        entries = self._entries
        found = []
        for index in range(bisect_left(entries, offset, key=lambda entry: entry.last_offset), len(entries)):
            entry = entries[index]
            if entry.first_offset < upto:
                found.append((entry.producer_id, entry.first_offset))
            if entry.last_stable_offset >= upto:
                break  # whatever ended later had not begun before `upto`
        return found

    def ended_within(self, first, end):
        """Those whose marker has an offset from `first` on and below `end`."""
        return [entry for entry in self._entries if first <= entry.last_offset < end] if self._entries else ()

    def trim(self, log_start_offset):
        """Forget those that lie wholly before the log's start."""
        del self._entries[: bisect_left(self._entries, log_start_offset, key=lambda entry: entry.last_offset)]

    def end_at(self, end_offset):
        """Forget those whose marker lies beyond the log's end."""
        del self._entries[bisect_left(self._entries, end_offset, key=lambda entry: entry.last_offset) :]

    def forget(self, last_offset):
        """Nothing is left of the transaction whose marker had this offset."""
        index = bisect_left(self._entries, last_offset, key=lambda entry: entry.last_offset)
        if index < len(self._entries) and self._entries[index].last_offset == last_offset:
            del self._entries[index]
