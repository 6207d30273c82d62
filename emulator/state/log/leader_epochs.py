"""Which leader epoch begins where in a log (Kafka's LeaderEpochFileCache; KIP-101, KIP-279)."""

from bisect import bisect_right


class LeaderEpochs(list):
    """[(epoch, first offset of it)], oldest first."""

    @property
    def latest(self):
        """The newest epoch, or -1."""
        return self[-1][0] if self else -1

    def assign(self, epoch, offset):
        """`epoch` begins at `offset`: what was thought to be newer, or to begin there or later, never came to be.

        Gives whether that is news.
        """
        is_news = False
        while self and (self[-1][0] > epoch or self[-1][1] >= offset) and self[-1] != (epoch, offset):
            del self[-1]
            is_news = True
        if self.latest != epoch or not self:
            self.append((epoch, offset))
            return True
        return is_news

    def at(self, offset):
        """The epoch that `offset` was (or would be) written in, or -1."""
        if self and self[-1][1] <= offset:  # where a log ends, mostly
            return self[-1][0]
        index = bisect_right(self, offset, key=lambda entry: entry[1]) - 1
        return self[index][0] if index >= 0 else -1

    def end_of(self, epoch, end_offset):
        """(epoch, end offset) of the largest epoch not above `epoch`; (-1, -1) when there is none. The log ends at `end_offset`."""
        index = bisect_right(self, epoch, key=lambda entry: entry[0])
        if epoch == -1 or not self:
            return -1, -1
        if index == len(self):
            return (epoch, end_offset) if self.latest == epoch else (-1, -1)
        if index == 0:
            # Older than all that is known: nothing of it is left.
            return epoch, self[0][1]
        return self[index - 1][0], self[index][1]

    def begin_at(self, log_start_offset):
        """Forget what lies wholly before the log's start."""
        while len(self) > 1 and self[1][1] <= log_start_offset:
            del self[0]
        if self and self[0][1] < log_start_offset:
            self[0] = (self[0][0], log_start_offset)

    def end_at(self, end_offset):
        """Forget what lies wholly beyond the log's end."""
        while self and self[-1][1] >= end_offset:
            del self[-1]
