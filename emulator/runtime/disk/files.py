"""One directory per partition and its files, as `emulator.state.log.files` describes them."""

import os
import secrets
import shutil

_WINDOW = 8 * 1024  # read at once where headers are looked at: an index entry stands for every 4 KiB
_READ_WRITE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class DiskFiles:
    """The directory `path`, made when it is not there; its descriptors are among `descriptors`."""

    lasting = True

    def __init__(self, path, descriptors):
        self.path = path
        self._descriptors = descriptors
        os.makedirs(path, exist_ok=True)

    def _at(self, name):
        return os.path.join(self.path, name)

    def names(self):
        with os.scandir(self.path) as entries:
            return [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]

    def open(self, name):
        return DiskFile(self, name, self._descriptors)

    def load(self, name):
        try:
            with open(self._at(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def replace(self, name, data):
        temporary = self._at(name + ".tmp")
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._at(name))
        self.sync()

    def remove(self, name):
        try:
            os.unlink(self._at(name))
        except FileNotFoundError:
            pass

    def rename(self, old, new):
        os.replace(self._at(old), self._at(new))

    def sync(self):
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def delete(self):
        """Renamed first, as by Kafka, so that a topic of the same name may follow at once."""
        doomed = f"{self.path}.{secrets.token_hex(16)}-delete"
        os.rename(self.path, doomed)
        shutil.rmtree(doomed)


class DiskFile:
    """A file that is opened when it is needed and may be closed by `descriptors` in between."""

    __slots__ = ("name", "size", "descriptor", "used", "_files", "_descriptors", "_window", "_window_at")

    def __init__(self, files, name, descriptors):
        self.name = name
        self.descriptor = None
        self.used = False
        self._files = files
        self._descriptors = descriptors
        self._window = b""
        self._window_at = 0
        try:
            self.size = os.stat(files._at(name)).st_size
        except FileNotFoundError:
            self.size = 0
            self._open()

    def _open(self):
        self.descriptor = os.open(self._files._at(self.name), _READ_WRITE, 0o644)
        self._descriptors.opened(self)
        return self.descriptor

    def release(self):
        """Close the descriptor; the next use opens another."""
        with self._descriptors.lock:
            descriptor, self.descriptor = self.descriptor, None
        self._window = b""
        if descriptor is not None:
            os.close(descriptor)

    @property
    def modified_ms(self):
        return os.stat(self._files._at(self.name)).st_mtime_ns // 1_000_000

    def append(self, prefix, data):
        descriptor = self.descriptor
        if descriptor is None:
            descriptor = self._open()
        self.used = True
        position, length = self.size, len(data)
        pieces = (prefix, memoryview(data)[len(prefix) :]) if prefix else (data,)
        written = os.pwritev(descriptor, pieces, position)
        if written < length:
            self._append_rest(descriptor, b"".join(pieces), written)
        self.size = position + length
        return position

    def _append_rest(self, descriptor, data, written):
        """A write came out short: the disk is about to be full, or a signal came."""
        rest = memoryview(data)[written:]
        try:
            while rest:
                count = os.pwrite(descriptor, rest, self.size + len(data) - len(rest))
                rest = rest[count:]
        except OSError:
            os.ftruncate(descriptor, self.size)
            raise

    def read(self, position, size):
        at = position - self._window_at
        if 0 <= at and at + size <= len(self._window):
            return [memoryview(self._window)[at : at + size]]
        descriptor = self.descriptor
        if descriptor is None:
            descriptor = self._open()
        self.used = True
        pieces = []
        while size > 0 and (piece := os.pread(descriptor, size, position)):
            pieces.append(piece)
            position += len(piece)
            size -= len(piece)
        return pieces

    def view(self, position, size):
        at = position - self._window_at
        if not 0 <= at <= len(self._window) - size:
            descriptor = self.descriptor
            if descriptor is None:
                descriptor = self._open()
            self.used = True
            self._window = os.pread(descriptor, max(size, _WINDOW), position)
            self._window_at = position
            at = 0
        return self._window, at

    def truncate(self, size):
        descriptor = self.descriptor
        if descriptor is None:
            descriptor = self._open()
        os.ftruncate(descriptor, size)
        self.size = size
        self._window = b""

    def sync(self):
        with self._descriptors.lock:
            name, descriptor = self.name, self.descriptor
            descriptor = os.open(self._files._at(name), os.O_RDWR | os.O_CLOEXEC) if descriptor is None else os.dup(descriptor)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self):
        if self.descriptor is not None:
            self.release()
            self._descriptors.closed(self)
        self._window = b""

    def rename(self, name):
        with self._descriptors.lock:
            self._files.rename(self.name, name)
            self.name = name

    def remove(self):
        self.close()
        self._files.remove(self.name)
