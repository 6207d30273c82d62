"""Where a partition's bytes live: `Files` is its directory, `File` one file in it; these are their forms in memory.

The log knows no other place. The form on disk (emulator/runtime/disk) has the same methods:

    Files   lasting                whether what is written outlives the process: else side files are not written
            memory                 the Memory that it takes, None on disk
            names()                of all files
            open(name)             a File, empty if there was none
            load(name)             all bytes of one, None when it is not there
            replace(name, data)    all at once, synced: after a crash it is the old one or the new
            remove(name)  rename(old, new)
            sync(name)             of one file, if it is there; without a name of the directory: what was renamed stays renamed
            lowered()              the log's recovery point went back: blocks until a crash would not find the old one
            delete()               the directory and all in it
    File    size  append(prefix, data)  read(position, size)  view(position, size)  truncate(size)
            modified_ms            when it was last written, None when that is not known
            sync()                 blocks until all is on disk
            close()                let go of descriptors and buffers; used again, it opens again
            rename(name)  remove()

Syncing and replacing may be done in another thread. All raise KafkaError KAFKA_STORAGE_ERROR for what the disk refuses;
a failed append leaves the file as it was.
"""

from bisect import bisect_right

from emulator.state.log.memory import UNBOUNDED, Loan

_SMALLEST_CHUNK = 4 * 1024
_LARGEST_CHUNK = 256 * 1024
_OWN_CHUNK = 32 * 1024  # from this size on a batch keeps the buffer that it arrived in


class MemoryFiles:
    """Nothing outlives the process, so nothing is kept by name: who opened a file has it alone."""

    lasting = False

    def __init__(self, memory=UNBOUNDED):
        self.memory = memory

    def names(self):
        return ()

    def open(self, name):
        return MemoryFile(self.memory)

    def load(self, name):
        return None

    def delete(self):
        """Nothing to do, as the files go with their log."""


class MemoryFile:
    """Append-only bytes in chunks that never move, so that reads hand out views without copying.

    Small batches share chunks that grow with the file (at most a quarter MiB is ever unused);
    a large batch becomes a chunk by itself, uncopied.
    """

    __slots__ = ("size", "_starts", "_chunks", "_room", "_memory", "_loan", "_lent")

    modified_ms = None

    def __init__(self, memory=UNBOUNDED):
        self._memory = memory
        self.size = 0
        self._starts = []  # position in the file of each chunk's first byte
        self._chunks = []  # bytearray or memoryview
        self._room = 0  # unused bytes at the end of the last chunk
        self._loan = None  # of the first `_lent` chunks, which other files have, too
        self._lent = 0

    def __del__(self):
        # A file that nobody has any more: nothing else tells when readers have let go of it.
        for chunk in self._chunks[self._lent :]:
            self._memory.give_chunk(chunk)

    def copy(self, memory):
        """Another file of the same bytes, which are not copied; what it grows by is counted by `memory`.

        This one may go on into the room of its last chunk, as the other sees no more of that than there is now.
        """
        if len(self._chunks) > self._lent:
            self._loan = Loan(self._memory, self._chunks[self._lent :], self._loan)
            self._lent = len(self._chunks)
        other = MemoryFile(memory)
        other.size, other._starts, other._chunks = self.size, self._starts[:], self._chunks[:]
        other._loan, other._lent = self._loan, self._lent
        return other

    def append(self, prefix, data):
        """Append `data` with its first len(prefix) bytes replaced by `prefix`.

        `data` must be writable when it is large: it is then kept, not copied. So a follower keeps what its leader keeps.
        """
        length, position, skip = len(data), self.size, len(prefix)
        if length > self._room:
            if length >= _OWN_CHUNK:
                self._keep(prefix, data)
                return position
            own = position - self._starts[self._lent] if self._lent < len(self._starts) else 0
            size = min(max(_SMALLEST_CHUNK, own), _LARGEST_CHUNK)
            size = max(size, length)
            self._starts.append(position)
            self._chunks.append(bytearray(size))
            self._memory.take(size)
            self._room = size
        chunk = self._chunks[-1]
        at = len(chunk) - self._room
        chunk[at : at + skip] = prefix
        chunk[at + skip : at + length] = data[skip:]
        self._room -= length
        self.size = position + length
        return position

    def _keep(self, prefix, data):
        if not isinstance(data, memoryview) or data.readonly or data.nbytes * 2 < len(data.obj):
            # Not ours to keep: read-only, or a small part of a larger request.
            data = memoryview(bytearray(data))
        data[: len(prefix)] = prefix
        self._starts.append(self.size)
        self._chunks.append(data)
        self._memory.keep(data.obj)
        self._room = 0
        self.size += len(data)

    def read(self, position, size):
        """Views of up to `size` bytes from `position` on, in order; fewer at the file's end."""
        end = min(position + size, self.size)
        if position >= end:
            return []
        starts, chunks = self._starts, self._chunks
        index = _at_or_before(starts, position)
        pieces = []
        while position < end:
            start = starts[index]
            index += 1
            stop = starts[index] if index < len(starts) else self.size
            if stop > end:
                stop = end
            pieces.append(memoryview(chunks[index - 1])[position - start : stop - start])
            position = stop
        return pieces

    def view(self, position, size):
        """(buffer, offset in it) of the `size` bytes at `position`, or fewer at the file's end.

        They must lie within one batch: that never spans two chunks.
        """
        index = _at_or_before(self._starts, position)
        return self._chunks[index], position - self._starts[index]

    def truncate(self, size):
        """Forget everything from `size` on."""
        if size >= self.size:
            return
        while self._starts and self._starts[-1] >= size:
            self._starts.pop()
            self._give(self._chunks.pop(), len(self._chunks))
        if self._starts and not (self._ends_at(size) and isinstance(self._chunks[-1], memoryview)):
            # What readers still hold stays as it was: never write over bytes handed out before.
            kept = bytearray(memoryview(self._chunks[-1])[: size - self._starts[-1]])
            self._give(self._chunks[-1], len(self._chunks) - 1)
            self._chunks[-1] = kept
            self._memory.take(len(kept))
        self._room = 0
        self.size = size

    def _ends_at(self, size):
        return self._starts[-1] + len(self._chunks[-1]) == size

    def _give(self, chunk, index):
        """Without the chunk that was there, which others may have."""
        if index < self._lent:
            self._lent = index
        else:
            self._memory.give_chunk(chunk)

    def close(self):
        """Nothing to let go of."""

    def remove(self):
        """Nobody else has it: what readers hold is all that is left."""
        self.truncate(0)


def _at_or_before(starts, position):
    if position >= starts[-1]:
        return len(starts) - 1
    return bisect_right(starts, position) - 1

