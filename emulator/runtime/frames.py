"""Memory for frames too large for the buffer that small ones are read into.

It grows with what arrives: a hostile length alone allocates little.
"""

import mmap

FIRST = 1024 * 1024  # bytes, for who is believed that he has as many; see Connection._room
_FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_POPULATE", 0)
_KEPT = 8 * 1024 * 1024  # bytes in all


class FreshFrames:
    """For logs in memory: they keep a frame's memory, which saves another copy."""

    def take(self, size):
        """A writable buffer of `size` bytes or more, straight from the kernel, all its pages there at once.

        A bytearray would be written over with zeros first and fault page by page: a fifth more CPU for
        each stored byte of a large batch.
        """
        return mmap.mmap(-1, size, flags=_FLAGS)

    def give(self, frame):
        """The request in `frame` has been answered."""


class ReusedFrames:
    """For logs on disk: once a frame is in the page cache its memory, warm as it is, may serve the next."""

    def __init__(self):
        self._free = []
        self._size = 0

    def take(self, size):
        free = self._free
        for index in range(len(free) - 1, -1, -1):
            if len(free[index]) >= size:
                frame = free.pop(index)
                self._size -= len(frame)
                return frame
        while free and self._size + size > _KEPT:
            self._size -= len(free.pop(0))
        return bytearray(size)

    def give(self, frame):
        if self._size + len(frame) > _KEPT:
            return
        try:
            frame.pop()  # refused while somebody has a view of it still
        except BufferError:
            return
        frame.append(0)
        self._free.append(frame)
        self._size += len(frame)
