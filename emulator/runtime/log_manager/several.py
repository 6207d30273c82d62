"""The logs of several brokers: each has a LogManager over directories of its own, and the journal is beside them.

    DATA/cluster-metadata.journal   DATA/broker-1/   DATA/broker-2/   ...
"""

import os
import re

from emulator.runtime.log_manager.errors import StorageError
from emulator.runtime.log_manager.manager import LogManager

_OF_A_BROKER = re.compile(r"broker-(\d+)\Z")
_IDENTITY = "meta.properties"


def check_layout(settings):
    """Refuse directories that other brokers than these have used. Raises StorageError.

    `settings`: of each broker; where there are several, each one's directories are DATA/broker-ID.
    """
    several = len(settings) > 1
    ids = {one.node_id for one in settings}
    for path in settings[0].log_directories:
        data = os.path.dirname(path) if several else path
        if several and os.path.exists(os.path.join(data, _IDENTITY)):
            raise StorageError(f"{data}: this is the directory of one broker, and not of {len(ids)}: start it without `brokers`, or choose another")
        there = {number for name in _names(data) if (number := _broker_in(data, name)) is not None}
        if several and there - ids or there and not several:
            raise StorageError(f"{data}: brokers {', '.join(map(str, sorted(there)))} have their logs here: start all of them (brokers: {len(there)})")


def _names(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def _broker_in(data, name):
    match = _OF_A_BROKER.match(name)
    return int(match[1]) if match and os.path.exists(os.path.join(data, name, _IDENTITY)) else None


class SeveralLogs:
    """What a LogManager is to one broker; the first one's has the metadata. Raises StorageError."""

    def __init__(self, settings, time, patience, random, progress=None, cluster_id=None):
        self._managers = {}
        first = None
        try:
            for one in settings:
                journal_at = os.path.dirname(one.log_directories[0])
                manager = LogManager(one, time, patience, random, progress, first, journal_at, cluster_id)
                self._managers[one.node_id] = manager
                first = first or manager
        except BaseException:
            self.abandon()
            raise
        self._first = first
        self.metadata, self.cluster_id = first.metadata, first.cluster_id
        self.changes, self.settle = first.changes, first.settle

    def open(self, configs):
        for manager in self._managers.values():
            manager.open(configs)

    def stopped_cleanly(self, broker_id):
        """Whether the last run of a broker ended as it should, so that it lost nothing."""
        return self._managers[broker_id].stopped_cleanly(broker_id)

    def started(self, cluster):
        for manager in self._managers.values():
            manager.started(cluster)

    def new_log(self, topic, index, config, broker_id):
        return self._managers[broker_id].new_log(topic, index, config, broker_id)

    def log_dirs(self, cluster, broker_id):
        return self._managers[broker_id].log_dirs(cluster, broker_id)

    def close(self):
        """See LogManager; the metadata's journal is the last to be closed."""
        for manager in reversed(self._managers.values()):
            manager.close()

    def abandon(self):
        for manager in reversed(self._managers.values()):
            manager.abandon()
