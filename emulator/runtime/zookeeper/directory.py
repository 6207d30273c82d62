"""dataDir/version-2 on disk: whole files synced at once, logs appended and synced outside of the loop."""

import logging
import os

from gevent import get_hub, spawn

log = logging.getLogger(__name__)


class Directory:
    """See emulator.state.zookeeper.database. `failed(error)` when the disk refuses a log's next bytes: it can take no others."""

    def __init__(self, path, failed=lambda error: None):
        self.path = path
        self.failed = failed
        os.makedirs(path, exist_ok=True)
        self._name = self._descriptor = None
        self._pool = get_hub().threadpool

    def _at(self, name):
        return os.path.join(self.path, name)

    def names(self):
        return os.listdir(self.path)

    def load(self, name):
        try:
            with open(self._at(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def replace(self, name, octets):
        temporary = self._at(name) + ".tmp"
        with open(temporary, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._at(name))
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, name):
        os.remove(self._at(name))

    def truncate(self, name, size):
        with open(self._at(name), "r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())

    def append(self, name, octets, done):
        """`done()` on the loop, once the bytes are on disk; with none, in the next turn."""
        if not octets:
            get_hub().loop.run_callback(done)
            return
        spawn(self._append, name, octets, done)

    def _append(self, name, octets, done):
        error = self._pool.apply(self._write, (name, octets))
        if error is not None:
            # Nothing that is not on disk may be acknowledged, and no log may have a gap.
            log.critical("%s: %s: this server takes no more part", self._at(name), error.strerror)
            self.failed(error)
            return
        done()

    def _write(self, name, octets):
        """None, or the OSError: raised, the thread pool would print it as its own."""
        try:
            if name != self._name:
                self.close()
                self._descriptor = os.open(self._at(name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
                self._name = name
            while octets:
                octets = octets[os.write(self._descriptor, octets):]
            os.fdatasync(self._descriptor)
        except OSError as error:
            return error

    def close(self):
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._name = self._descriptor = None
