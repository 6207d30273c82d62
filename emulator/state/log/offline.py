"""A partition whose directory cannot be used: everything that is asked of its log is refused with the reason."""

from emulator.state.log.log import Log
from wire.errors import KAFKA_STORAGE_ERROR, KafkaError


class OfflineLog(Log):
    """In the place of the Log called `name`; `reason` is told to who asks."""

    def __init__(self, name, config, time, random, reason):
        super().__init__(name, config, time, random)
        self._reason = reason
        self.begin_epoch(0)

    def _refuse(self, *_, **__):
        raise KafkaError(KAFKA_STORAGE_ERROR, f"{self.name} is offline: {self._reason}")

    check = append = append_own = append_marker = read = batches = readable_bytes = _refuse
    find_timestamp = find_max_timestamp = delete_records = end_offset_of_epoch = _refuse

    def delete_old_segments(self, now):
        """There are none."""
