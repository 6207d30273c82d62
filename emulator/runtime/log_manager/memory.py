"""The logs of a server without a data directory: nothing outlives it."""

from emulator.state.cluster.ids import new_uuid, uuid_text
from emulator.state.log import Log
from emulator.state.log.files import MemoryFiles
from emulator.state.log.memory import UNBOUNDED
from emulator.state.log_dirs import LogDirs
from emulator.state.metadata import Metadata

# Compaction leaves the active segment alone. Kafka's has 100 MB on disk for each of 50 partitions; here less must do,
# and nobody but the cleaner, and who loads a coordinator, sees where segments end.
INTERNAL_SEGMENT_BYTES = 1024 * 1024


class MemoryLogs:
    """What `make_cluster_services` needs of a `manager.LogManager`; brokers share it. They begin as a `snapshot` tells, if there is one."""

    def __init__(self, time, random, memory=UNBOUNDED, snapshot=None, cluster_id=None):
        self.memory = memory
        self.cluster_id = cluster_id or (uuid_text(new_uuid(random)) if snapshot is None else snapshot.cluster_id)
        self.metadata = Metadata() if snapshot is None else snapshot.metadata.copy()
        self._kept = {} if snapshot is None else dict(snapshot.logs)  # each is opened once: what is deleted does not come again
        self._time = time
        self._random = random

    def new_log(self, topic, index, config, broker_id):
        kept = self._kept.pop((topic.topic_id, index, broker_id), None)
        if kept is not None:
            return kept.copy(config, self._time, self._random, MemoryFiles(self.memory))
        largest = {"largest_segment": INTERNAL_SEGMENT_BYTES} if topic.internal else {}
        log = Log(f"{topic.name}-{index}", config, self._time, self._random, MemoryFiles(self.memory), **largest)
        log.begin_epoch(0)
        return log

    def open(self, configs):
        """Nothing is there yet."""

    def stopped_cleanly(self, broker_id):
        return True

    def started(self, cluster):
        """Nothing was there before."""

    def log_dirs(self, cluster, broker_id):
        return LogDirs(cluster, broker_id)

