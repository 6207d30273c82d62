"""Which directory is which partition, and the files at the root of a data directory (Kafka's log.dirs).

directory.py is one data directory: its lock, its identity, its checkpoints and whether the last server ended well;
manager.py has all of them, opens the logs in them and keeps them flushed; adoption.py takes in what came from elsewhere.
"""

from emulator.runtime.log_manager.errors import StorageError

__all__ = ["StorageError"]
