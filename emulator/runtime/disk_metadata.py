"""The journal of the cluster's metadata: one append-only file, a line per change.

    CRC-32C (8 hex digits), a blank, JSON: the first line's is {"format": 1, "offset": N, "entries": K} (after the next K
    entries the metadata's offset was N), any other's a change [[table, key, value or null], ...]

A change counts when its line is whole. What a crash tore off the last line is dropped; a line that is damaged with
others behind it is no crash's doing, and refused. When the file has grown it is written anew, beside the old one.
"""

import json
import logging
import os

from gevent import get_hub, spawn
from gevent.lock import Semaphore

from emulator.runtime.log_manager.checkpoint import sync_directory
from emulator.runtime.log_manager.errors import StorageError
from emulator.state.metadata import Metadata
from wire import errors
from wire.errors import KafkaError
from wire.records import crc32c

log = logging.getLogger(__name__)

FILE_NAME = "cluster-metadata.journal"
_FORMAT = 1
_REWRITE_ABOVE = 1024 * 1024  # bytes, and twice what was left the last time
_ENTRIES_A_LINE = 100  # of a file written anew


class MetadataJournal:
    """Opens `path`, or begins it; `metadata` holds what it says and is written to it from now on.

    A change is in the file (and outlives the process) when `metadata` returns; `settle()` waits until the disk has all
    changes that there are, which no other greenlet waits for. Raises StorageError.
    """

    def __init__(self, path):
        self.path = path
        self.metadata = Metadata(self._append)
        self._descriptor = None
        self._size = 0
        self._written = self._synced = 0  # changes
        self._disk = Semaphore(1)  # who syncs or swaps files
        self._meanwhile = None  # lines that came while the file is written anew
        self._rewriting = None  # the greenlet that does
        self._spoilt = None  # why nothing more is taken
        try:
            self._open()
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from None

    # -- start -------------------------------------------------------------------------------------

    def _open(self):
        try:
            with open(self.path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            self._replace_now()
            return
        whole = self._load(data)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        self._size = self._kept = whole
        if whole < len(data):
            log.warning("%s: dropped a change that was being written when the last server ended", self.path)
            os.ftruncate(self._descriptor, whole)
        if whole > _REWRITE_ABOVE:
            self._replace_now()

    def _load(self, data):
        """How many bytes of `data` hold; what they say is in the metadata then."""
        metadata, position, number = self.metadata, 0, 0
        while position < len(data) or not number:
            end = data.find(b"\n", position)
            content = _content(data[position:end]) if end >= 0 else None
            number += 1
            if number == 1:
                if content is None or not isinstance(content, dict) or content.get("format") != _FORMAT:
                    raise StorageError(f"{self.path}: does not begin as a journal of format {_FORMAT}, the one that is known here")
                passed = content["offset"] - content["entries"]
            elif content is None:
                if 0 <= end < len(data) - 1:
                    raise StorageError(f"{self.path}, line {number}: damaged (its checksum is wrong), and changes follow it: "
                                       "put back a copy of this file")
                break
            else:
                metadata.load(content)
            position = end + 1
        metadata.offset += passed
        return position

    def _replace_now(self):
        descriptor = self._write_anew(list(self.metadata.entries()), self.metadata.offset)
        self._swap(descriptor)
        sync_directory(os.path.dirname(self.path))
        self._kept = self._size

    # -- changes -----------------------------------------------------------------------------------

    def _append(self, changes):
        if self._spoilt is not None:
            raise KafkaError(errors.KAFKA_STORAGE_ERROR, f"The cluster's metadata cannot be written: {self._spoilt}")
        line = _line(changes)
        try:
            _write_all(self._descriptor, line, self._size)
        except OSError as error:
            log.error("%s: a change of the cluster's metadata is refused: %s", self.path, error.strerror)
            raise KafkaError(errors.KAFKA_STORAGE_ERROR, f"The cluster's metadata cannot be written: {error.strerror}") from None
        self._size += len(line)
        self._written += 1
        if self._meanwhile is not None:
            self._meanwhile.append(line)
        elif self._size > max(_REWRITE_ABOVE, 2 * self._kept) and self._rewriting is None:
            self._rewriting = spawn(self._rewrite)
        if self._written == self._synced + 1:
            spawn(self._settle_quietly)

    def settle(self):
        """Wait until every change so far is on disk. KafkaError KAFKA_STORAGE_ERROR."""
        target = self._written
        while self._synced < target:
            with self._disk:
                if self._synced >= target:
                    return
                written, descriptor = self._written, self._descriptor
                try:
                    get_hub().threadpool.apply(os.fdatasync, (descriptor,))
                except OSError as error:
                    self._spoil(error)
                self._synced = max(self._synced, written)

    def _settle_quietly(self):
        try:
            self.settle()
        except KafkaError:
            pass  # said already

    def _spoil(self, error):
        # What a failed fsync has lost is not known, and asking again may say that all is well.
        self._spoilt = error.strerror
        log.critical("%s: %s: the cluster's metadata takes no more changes", self.path, error.strerror)
        raise KafkaError(errors.KAFKA_STORAGE_ERROR, f"The cluster's metadata cannot be written: {error.strerror}")

    # -- a new file --------------------------------------------------------------------------------

    def _rewrite(self):
        run = get_hub().threadpool.apply
        self._meanwhile = []
        try:
            descriptor = run(self._write_anew, (list(self.metadata.entries()), self.metadata.offset))
            try:
                end = os.fstat(descriptor).st_size
                with self._disk:
                    while self._meanwhile:
                        lines, self._meanwhile = b"".join(self._meanwhile), []
                        _write_all(descriptor, lines, end)
                        end += len(lines)
                        run(os.fsync, (descriptor,))
                    written = self._written
                    self._swap(descriptor)
                    run(sync_directory, (os.path.dirname(self.path),))
                    self._synced = max(self._synced, written)
            except BaseException:
                if descriptor != self._descriptor:
                    os.close(descriptor)
                raise
        except OSError as error:
            log.warning("%s: not written anew: %s", self.path, error.strerror)
        finally:
            self._meanwhile = None
            self._rewriting = None
            self._kept = self._size

    def _write_anew(self, entries, offset):
        """A descriptor of a whole new file beside the old one, synced. May run in another thread."""
        descriptor = os.open(f"{self.path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            size = _write_all(descriptor, _line({"format": _FORMAT, "offset": offset, "entries": len(entries)}), 0)
            for first in range(0, len(entries), _ENTRIES_A_LINE):
                size += _write_all(descriptor, _line(entries[first : first + _ENTRIES_A_LINE]), size)
            os.fsync(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _swap(self, descriptor):
        os.replace(f"{self.path}.new", self.path)
        old, self._descriptor = self._descriptor, descriptor
        self._size = os.fstat(descriptor).st_size
        if old is not None:
            os.close(old)

    def close(self):
        """All on disk, and nothing more."""
        if self._descriptor is not None:
            self._spoilt = self._spoilt or "the server stops"
            if self._rewriting is not None:
                self._rewriting.join()
            with self._disk:
                os.fsync(self._descriptor)
                os.close(self._descriptor)
                self._descriptor, self._synced = None, self._written


def _line(content):
    body = json.dumps(content, separators=(",", ":")).encode()
    return b"%08x %b\n" % (crc32c(body), body)


def _content(line):
    """What a line says, or None when it is not whole."""
    try:
        checksum = int(line[:8], 16)
    except ValueError:
        return None
    body = line[9:]
    if line[8:9] != b" " or crc32c(body) != checksum:
        return None
    return json.loads(body)


def _write_all(descriptor, data, position):
    """Write `data` there, all of it or nothing; gives its length."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.pwrite(descriptor, rest, position + len(data) - len(rest)) :]
    except OSError:
        os.ftruncate(descriptor, position)
        raise
    return len(data)

