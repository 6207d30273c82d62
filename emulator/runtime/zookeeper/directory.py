"""dataDir/version-2 on disk: whole files synced at once, logs appended and synced outside of the loop."""

import fcntl
import logging
import os
from errno import EBUSY

from gevent import GreenletExit, get_hub, spawn

from emulator.runtime.zookeeper.disk_thread import DiskThread
from emulator.state.zookeeper.database import Abandoned

log = logging.getLogger(__name__)

_PREALLOCATED = 1 << 20


class MixedDirectories(ValueError):
    """Snapshots where the logs should be, or the reverse; the message says where."""


class InUse(OSError):
    """Another process has it."""


class DiskFailed(GreenletExit, OSError):
    """Whoever needed the disk ends, without a trace: all has been said, and the server stops."""


class Directory:
    """See emulator.state.zookeeper.database. `failed(error)`, once, when the disk refuses something: nothing is written afterwards.

    Logs are in `log_path`, where that is another one (dataLogDir). Raises MixedDirectories, InUse.
    """

    def __init__(self, path, failed=lambda error: None, log_path=None):
        self.path = path
        self.log_path = log_path or path
        self.failed = failed
        for place in {self.path, self.log_path}:
            os.makedirs(place, exist_ok=True)
        if self.log_path != self.path:
            self._none(self.log_path, "snapshot.", "Log directory has snapshot files")
            self._none(self.path, "log.", "Snapshot directory has log files")
        self._locks = _lock({self.path, self.log_path})
        for name in self.names():
            if name.endswith(".tmp"):  # of a file that a crash has cut short
                os.remove(self._at(name))
        self._has_failed = False
        self._name = self._descriptor = None
        self._end = self._size = 0
        self._thread = None
        self._pool = get_hub().threadpool

    @staticmethod
    def _none(place, prefix, complaint):
        # Taken for a new server's, what is there would be forgotten.
        if any(name.startswith(prefix) for name in os.listdir(place)):
            raise MixedDirectories(f"{place}: {complaint}. Check if dataLogDir and dataDir configuration is correct.")

    def _at(self, name):
        return os.path.join(self.log_path if name.startswith("log.") else self.path, name)

    def names(self):
        return sorted({name for place in {self.path, self.log_path} for name in os.listdir(place)})

    def sizes(self):
        """Bytes of the snapshots' directory and of the logs'."""
        return tuple(sum(entry.stat().st_size for entry in os.scandir(place) if entry.is_file()) for place in (self.path, self.log_path))

    def load(self, name):
        try:
            with open(self._at(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _let_go(self, name):
        """Of the log that grows: it is another file from now on, or a shorter one."""
        if name == self._name:
            self._name = None

    def _fail(self, name, error):
        """Nothing that is not on disk may be acknowledged, and no log may have a gap."""
        if not self._has_failed:
            self._has_failed = True
            log.critical("%s: %s: this server takes no more part", self._at(name), error.strerror)
            spawn(self.failed, error)  # it waits, which the event loop itself cannot
        return DiskFailed(error.errno, error.strerror)

    def replace(self, name, octets):
        self._at_once(name, self._replace, name, octets)

    def remove(self, name):
        self._let_go(name)
        self._at_once(name, os.remove, self._at(name))

    def truncate(self, name, size):
        self._let_go(name)
        self._at_once(name, self._truncate, name, size)

    def _at_once(self, name, act, *arguments):
        if self._has_failed:
            raise DiskFailed
        try:
            act(*arguments)
        except OSError as error:
            raise self._fail(name, error) from None

    def _replace(self, name, octets):
        self._let_go(name)
        temporary = self._at(name) + ".tmp"
        with open(temporary, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._at(name))
        descriptor = os.open(os.path.dirname(temporary), os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def write_in_turns(self, name, pieces, done):
        """A whole file, synced; others have their turn after each piece. `done()` when it is there, or was abandoned."""
        spawn(self._write_in_turns, name, pieces, done)

    def _write_in_turns(self, name, pieces, done):
        temporary = self._at(name) + ".tmp"
        error = None
        try:
            with open(temporary, "wb", buffering=0) as file:
                for piece in pieces:
                    error = self._pool.apply(_attempt, (_write_all, file, piece))
                    if error is not None:
                        break
                error = error or self._pool.apply(_attempt, (os.fsync, file.fileno()))
            os.replace(temporary, self._at(name))
        except Abandoned:
            os.remove(temporary)
        except OSError as failure:
            error = failure
        if error is not None:
            self._fail(name, error)
        elif not self._has_failed:
            done()

    def _truncate(self, name, size):
        with open(self._at(name), "r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())

    def append(self, name, octets, done):
        """`done()` on the loop, once the bytes are on disk; with none, in the next turn."""
        if not octets:
            get_hub().loop.run_callback(done)
            return
        if self._thread is None:
            self._thread = DiskThread()

        def written(error):
            if error is not None:
                self._fail(name, error)
            elif not self._has_failed:
                done()
        if not self._has_failed:
            self._thread.run(lambda: _attempt(self._write, name, octets), written)

    def _write(self, name, octets):
        if name != self._name:
            self._close_log()
            self._descriptor = os.open(self._at(name), os.O_WRONLY | os.O_CREAT, 0o644)
            self._name = name
            self._end = self._size = os.fstat(self._descriptor).st_size
        if self._end + len(octets) > self._size:
            self._grow(len(octets))
        while octets:
            written = os.pwrite(self._descriptor, octets, self._end)
            self._end += written
            octets = octets[written:]
        os.fdatasync(self._descriptor)

    def _grow(self, more):
        # A file that does not grow is synced faster. Zeros end a log, here as there.
        self._size = (self._end + more) // _PREALLOCATED * _PREALLOCATED + _PREALLOCATED
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            pass  # the write will tell

    def close(self):
        """Once what has been appended is on disk."""
        if self._thread is not None:
            self._thread.close()
            self._thread = None
        self._close_log()
        locks, self._locks = self._locks, []
        for descriptor in locks:
            os.close(descriptor)

    def _close_log(self):
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._name = self._descriptor = None


def _lock(places):
    """Descriptors: this process has the directories to itself until they are closed, or it ends."""
    held = []
    for place in places:
        held.append(os.open(place, os.O_RDONLY))
        try:
            fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            for descriptor in held:
                os.close(descriptor)
            raise InUse(EBUSY, f"{place} is in use by another server") from None
    return held


def _attempt(act, *arguments):
    """None, or the OSError: raised, the thread pool would print it as its own."""
    try:
        act(*arguments)
    except OSError as error:
        return error


def _write_all(file, octets):
    while octets:
        octets = octets[file.write(octets):]
