"""Where a segment's bytes live. `File` is the interface; this is its form in memory.

What the log needs of a file: append, read a range, truncate, drop. A form on disk implements the same.
"""

from bisect import bisect_right

_SMALLEST_CHUNK = 4 * 1024
_LARGEST_CHUNK = 256 * 1024
_OWN_CHUNK = 32 * 1024  # from this size on a batch keeps the buffer that it arrived in


class MemoryFile:
    """Append-only bytes in chunks that never move, so that reads hand out views without copying.

    Small batches share chunks that grow with the file (at most a quarter MiB is ever unused);
    a large batch becomes a chunk by itself, uncopied.
    """

    __slots__ = ("size", "_starts", "_chunks", "_room")

    def __init__(self):
        self.size = 0
        self._starts = []  # position in the file of each chunk's first byte
        self._chunks = []  # bytearray or memoryview
        self._room = 0  # unused bytes at the end of the last chunk

    def append(self, prefix, data):
        """Append `data` with its first len(prefix) bytes replaced by `prefix`.

        `data` must be writable when it is large: it is then kept, not copied.
        """
        length, position, skip = len(data), self.size, len(prefix)
        if length > self._room:
            if length >= _OWN_CHUNK:
                self._keep(prefix, data)
                return position
            size = min(max(_SMALLEST_CHUNK, self.size), _LARGEST_CHUNK)
            size = max(size, length)
            self._starts.append(position)
            self._chunks.append(bytearray(size))
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

    def view(self, position):
        """(buffer, offset in it) of what stands at `position`; a batch never spans two chunks."""
        index = _at_or_before(self._starts, position)
        return self._chunks[index], position - self._starts[index]

    def truncate(self, size):
        """Forget everything from `size` on."""
        while self._starts and self._starts[-1] >= size:
            self._starts.pop()
            self._chunks.pop()
        if self._starts:
            # What readers still hold stays as it was: never write over bytes handed out before.
            start = self._starts[-1]
            kept = bytearray(memoryview(self._chunks[-1])[: size - start])
            self._chunks[-1] = kept
        self._room = 0
        self.size = size


def _at_or_before(starts, position):
    if position >= starts[-1]:
        return len(starts) - 1
    return bisect_right(starts, position) - 1

