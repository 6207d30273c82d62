"""One data directory: who may use it, whose it is, and which directories in it are partitions.

Source: org.apache.kafka.metadata.properties.MetaProperties, MetaPropertiesEnsemble, CleanShutdownFileHandler,
LocalLog.parseTopicPartitionName of Kafka 4.3.1.
"""

import fcntl
import os
import re
import secrets
import time
from random import SystemRandom
from typing import NamedTuple

from emulator.runtime.log_manager.checkpoint import replace_file, sync_directory
from emulator.runtime.log_manager.errors import StorageError
from emulator.state.cluster.ids import new_uuid, uuid_text

_LOCK, _META_PROPERTIES, _CLEAN_SHUTDOWN = ".lock", "meta.properties", ".kafka_cleanshutdown"
_PARTITION = re.compile(r"(?P<topic>.+)-(?P<index>\d+)(?:\.[0-9a-f]+-(?P<fate>delete|future|stray))?\Z", re.DOTALL)
_LONGEST_NAME = 255


class Found(NamedTuple):
    """A directory of a partition; `fate`: None, "delete", "future" or "stray"."""

    path: str
    topic: str
    index: int
    fate: str


class DataDirectory:
    """`path` is locked as long as this lives (until `close`). Raises StorageError where it is another's.

    `failed`: why the disk does not let it be used, or None.
    """

    def __init__(self, path):
        self.path = os.path.abspath(path)
        self.failed = None
        self._lock = None
        self.cluster_id = self.node_id = self.directory_id = None  # None: it has no meta.properties
        try:
            os.makedirs(self.path, exist_ok=True)
            self._take_lock()
            self._read_identity()
        except OSError as error:
            self.fail(error)
            self.close()
        except StorageError:
            self.close()
            raise

    def fail(self, error):
        """It is not used from here on, because of an OSError."""
        self.failed = f"{error.filename or self.path}: {error.strerror or error}"

    def at(self, name):
        return os.path.join(self.path, name)

    def _take_lock(self):
        self._lock = os.open(self.at(_LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            # flock tells our own servers apart, even two of one process; a real broker heeds fcntl's locks only.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError(
                f"Failed to acquire lock on file {_LOCK} in {self.path}. Another server, or a Kafka broker, is using this directory."
            ) from None

    # -- whose it is -------------------------------------------------------------------------------

    def _read_identity(self):
        try:
            with open(self.at(_META_PROPERTIES), encoding="latin-1") as file:
                lines = [line.strip() for line in file]
        except FileNotFoundError:
            return
        values = dict(map(str.strip, line.split("=", 1)) for line in lines if "=" in line and line[0] not in "#!")
        node = values.get("node.id", values.get("broker.id", ""))
        if values.get("version") not in ("0", "1") or not node.isdecimal() or not values.get("cluster.id"):
            raise StorageError(f"{self.at(_META_PROPERTIES)}: no version, cluster.id and node.id of a broker in it")
        self.cluster_id, self.node_id, self.directory_id = values["cluster.id"], int(node), values.get("directory.id")

    def claim(self, cluster_id, node_id):
        """Make it this broker's, if it is not; StorageError when it is another's. Raises OSError."""
        if self.cluster_id is not None and (self.cluster_id, self.node_id) != (cluster_id, node_id):
            raise StorageError(
                f"{self.at(_META_PROPERTIES)}: this directory is of node {self.node_id} of the cluster {self.cluster_id}, "
                f"not of node {node_id} of {cluster_id}"
            )
        if self.cluster_id is None or self.directory_id is None:
            self.directory_id = uuid_text(new_uuid(SystemRandom()))
            date = time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime())
            text = f"#\n#{date}\nnode.id={node_id}\ndirectory.id={self.directory_id}\nversion=1\ncluster.id={cluster_id}\n"
            replace_file(self.at(_META_PROPERTIES), text.encode())
            self.cluster_id, self.node_id = cluster_id, node_id

    # -- how the last server ended -----------------------------------------------------------------

    def take_clean_marker(self):
        """Whether the last server ended well; from now on this one must. Raises OSError."""
        try:
            os.unlink(self.at(_CLEAN_SHUTDOWN))
        except FileNotFoundError:
            return False
        return True

    def mark_clean(self):
        """All is flushed and checkpointed; raises OSError."""
        replace_file(self.at(_CLEAN_SHUTDOWN), b'{"version":0,"brokerEpoch":-1}')

    # -- partitions --------------------------------------------------------------------------------

    def partitions(self):
        """[Found], sorted by topic and index."""
        found = []
        with os.scandir(self.path) as entries:
            for entry in entries:
                match = _PARTITION.match(entry.name)
                if match and entry.is_dir():
                    found.append(Found(entry.path, match["topic"], int(match["index"]), match["fate"]))
        return sorted(found, key=lambda one: (one.topic, one.index))

    def partition_path(self, topic, index):
        return self.at(f"{topic}-{index}")

    def rename(self, topic, index, path, fate):
        """Put a partition's directory out of the way ("delete", "stray"); gives its new path."""
        suffix = f"-{index}.{secrets.token_hex(16)}-{fate}"
        renamed = self.at(topic[: _LONGEST_NAME - len(suffix)] + suffix)
        os.rename(path, renamed)
        return renamed

    def sync(self):
        sync_directory(self.path)

    def close(self):
        """Somebody else may use it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
