"""Where the last record of each key is, as far as a round of compaction has read (Kafka's OffsetMap)."""

from hashlib import blake2b
from sys import maxsize

#: Bytes of memory that a key takes, at most: a place in a table, the key or its digest, an offset.
BYTES_A_KEY = 200
_SHARDS = 128  # one table would be made anew at once when it grows, which takes 20 ms at 300,000 keys


def shorten(key):
    """What stands for a key of 64 bytes or more."""
    return blake2b(key, digest_size=16).digest()


class OffsetMap:
    """Holds `most_keys`, and those of one batch more."""

    def __init__(self, most_keys):
        self._most_keys = most_keys
        self._count = 0  # of keys, or more
        self._shards = [{} for _ in range(_SHARDS)]

    def end(self):
        """All is known: from now on it is only asked."""
        self._shards[hash(None) % _SHARDS][None] = maxsize  # a record without a key does not stay

    def is_full(self, count):
        """Whether `count` more keys may be too many."""
        if self._count + count > self._most_keys:
            self._count = sum(map(len, self._shards))
            return self._count > 0 and self._count + count > self._most_keys
        return False

    def put(self, keys, offsets, first_dirty):
        """Note the records of these keys (bytes, None) and offsets, but for those before `first_dirty`."""
        shards, mask = self._shards, _SHARDS - 1
        self._count += len(keys)
        if offsets[0] < first_dirty:
            keys = [key for key, offset in zip(keys, offsets) if offset >= first_dirty]
            offsets = offsets[len(offsets) - len(keys) :]
        for key, offset in zip(keys, offsets):
            shards[hash(key) & mask][key] = offset

    def latest(self, keys, offsets):
        """The indexes of those records that no later one is known of."""
        shards, mask = self._shards, _SHARDS - 1
        return [index for index, key in enumerate(keys) if shards[hash(key) & mask].get(key, -1) <= offsets[index]]
