"""One directory per partition and its files, as `emulator.state.log.files` describes them."""

import logging
import os
import secrets
import shutil
from contextlib import contextmanager
from time import monotonic

from wire.errors import KAFKA_STORAGE_ERROR, KafkaError

log = logging.getLogger(__name__)

_WINDOW = 8 * 1024  # read at once where headers are looked at: an index entry stands for every 4 KiB
_QUIET = 60  # seconds in which the same trouble is not told again


class DiskFiles:
    """The directory `path`, made when it is not there; its descriptors are among `descriptors`."""

    lasting = True
    memory = None

    def __init__(self, path, descriptors):
        self.path = path
        self._descriptors = descriptors
        self._told = {}  # what has been logged -> when
        try:
            os.makedirs(path, exist_ok=True)
        except OSError:
            pass  # whoever uses it will be told

    def at(self, name):
        return os.path.join(self.path, name)

    def trouble(self, what, error):
        """The KafkaError for an OSError; the first of its kind is logged."""
        reason = f"{what} {self.path}: {error.strerror or error}"
        now = monotonic()
        if now - self._told.get(reason, -_QUIET) >= _QUIET:
            self._told[reason] = now
            log.error("%s", reason)
        return KafkaError(KAFKA_STORAGE_ERROR, reason)

    @contextmanager
    def trying(self, what):
        """Whatever OSError comes out is told and becomes a KafkaError."""
        try:
            yield
        except OSError as error:
            raise self.trouble(what, error) from error

    def names(self):
        with self.trying("cannot list"):
            with os.scandir(self.path) as entries:
                return [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]

    def open(self, name):
        return DiskFile(self, name, self._descriptors)

    def load(self, name):
        try:
            with open(self.at(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.trouble(f"cannot read {name} in", error) from error

    def replace(self, name, data):
        temporary = self.at(name + ".tmp")
        with self.trying(f"cannot write {name} in"):
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.at(name))
        self.sync()

    def remove(self, name):
        try:
            os.unlink(self.at(name))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self.trouble(f"cannot remove {name} from", error) from error

    def rename(self, old, new):
        with self.trying(f"cannot rename {old} in"):
            os.replace(self.at(old), self.at(new))

    def sync(self, name=None):
        try:
            descriptor = os.open(self.path if name is None else self.at(name), os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except FileNotFoundError as error:
            if name is None:
                raise self.trouble("cannot sync", error) from error
        except OSError as error:
            raise self.trouble(f"cannot sync {name or 'the directory'} in", error) from error

    def lowered(self):
        """Nobody keeps a recovery point."""

    def delete(self):
        """Renamed first, as by Kafka, so that a topic of the same name may follow at once. Blocks."""
        doomed = f"{self.path}.{secrets.token_hex(16)}-delete"
        with self.trying("cannot delete"):
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
            self.size = os.stat(files.at(name)).st_size
        except FileNotFoundError:
            self.size = 0
            self._open(os.O_CREAT)
        except OSError as error:
            raise files.trouble(f"cannot open {name} in", error) from error

    def _open(self, flags=0):
        try:
            self.descriptor = os.open(self._files.at(self.name), os.O_RDWR | os.O_CLOEXEC | flags, 0o644)
        except OSError as error:
            raise self._files.trouble(f"cannot open {self.name} in", error) from error
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
        with self._files.trying(f"cannot look at {self.name} in"):
            return os.stat(self._files.at(self.name)).st_mtime_ns // 1_000_000

    def append(self, prefix, data):
        descriptor = self.descriptor
        if descriptor is None:
            descriptor = self._open()
        self.used = True
        position, length = self.size, len(data)
        pieces = (prefix, memoryview(data)[len(prefix) :]) if prefix else (data,)
        try:
            written = os.pwritev(descriptor, pieces, position)
            if written < length:
                self._append_rest(descriptor, b"".join(pieces), written)
        except OSError as error:
            raise self._files.trouble(f"cannot write {self.name} in", error) from error
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
        pieces = []
        while size > 0 and (piece := self._pread(size, position)):
            pieces.append(piece)
            position += len(piece)
            size -= len(piece)
        return pieces

    def view(self, position, size):
        at = position - self._window_at
        if not 0 <= at <= len(self._window) - size:
            self._window = self._pread(max(size, _WINDOW), position)
            self._window_at = position
            at = 0
        return self._window, at

    def _pread(self, size, position):
        descriptor = self.descriptor
        if descriptor is None:
            descriptor = self._open()
        self.used = True
        try:
            return os.pread(descriptor, size, position)
        except OSError as error:
            raise self._files.trouble(f"cannot read {self.name} in", error) from error

    def truncate(self, size):
        descriptor = self.descriptor
        if descriptor is None:
            descriptor = self._open()
        try:
            os.ftruncate(descriptor, size)
        except OSError as error:
            raise self._files.trouble(f"cannot shorten {self.name} in", error) from error
        self.size = size
        self._window = b""

    def sync(self):
        try:
            with self._descriptors.lock:
                descriptor = self.descriptor
                descriptor = os.open(self._files.at(self.name), os.O_RDWR | os.O_CLOEXEC) if descriptor is None else os.dup(descriptor)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            pass  # retention or compaction took it meanwhile
        except OSError as error:
            raise self._files.trouble(f"cannot sync {self.name} in", error) from error

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
