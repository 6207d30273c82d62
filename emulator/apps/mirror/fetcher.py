"""Reads what one broker of the source leads, as far as there is room for it."""

import logging

import gevent

from emulator.apps.mirror.batches import pieces
from emulator.apps.mirror.cluster import text_of
from emulator.apps.mirror.connection import Lost
from wire import errors
from wire.apis.data import Fetch, ListOffsets
from wire.records import BadBatch

log = logging.getLogger(__name__)

_WAIT_MS = 500
_MOST_BYTES, _MOST_OF_PARTITION = 8 * 1024 * 1024, 1024 * 1024
_MOST_WAITING = 4 * 1024 * 1024  # bytes of one partition, so that one that cannot be written holds up no other
_COMMITTED, _CONSUMER = 1, -1
_EARLIEST, _LATEST = -2, -1
_PAUSE_S, _PATIENCE_S = 0.1, 30.0
_LOST_S = 1.0
_BY_NAME = 12  # the last version of Fetch that names topics, for a source that has no ids


class Fetcher:
    def __init__(self, mirror, broker_id):
        self._mirror = mirror
        self._broker_id = broker_id

    def run(self):
        mirror = self._mirror
        while not mirror.is_ending:
            try:
                if not mirror.room.wait(_PAUSE_S) or not self._fetch():
                    gevent.sleep(_PAUSE_S)
            except Lost as error:
                mirror.source_changed(str(error))
                gevent.sleep(_LOST_S)

    def _fetch(self):
        """Whether anything was asked."""
        wanted = {(one.topic, one.index): (one, one.position) for one in self._mirror.led_at_source(self._broker_id)
                  if not one.failed and one.waiting_bytes < _MOST_WAITING and one.not_before <= self._mirror.now()}
        if not wanted:
            return False
        connection = self._mirror.source.broker(self._broker_id, waits=True)
        request, topics, ids = Fetch.Request.Topics, {}, {}
        for one, position in wanted.values():
            ids[_uuid(one.topic_id)] = one.topic
            topics.setdefault((one.topic, one.topic_id), []).append(
                request.Partitions(partition=one.index, fetch_offset=position, partition_max_bytes=_MOST_OF_PARTITION))
        answer = connection.ask(
            Fetch, _PATIENCE_S, _BY_NAME if _uuid("") in ids else None, replica_id=_CONSUMER, max_wait_ms=_WAIT_MS, min_bytes=1, max_bytes=_MOST_BYTES, isolation_level=_COMMITTED,
            topics=[request(topic=name, topic_id=_uuid(topic_id), partitions=partitions) for (name, topic_id), partitions in topics.items()],
        )  # fmt: skip
        if answer.error_code:
            raise Lost(f"{connection.place}: {text_of(answer.error_code)}")
        for topic in answer.responses:
            for found in topic.partitions:
                partition, position = wanted[topic.topic or ids[topic.topic_id], found.partition_index]
                if partition.position != position:
                    continue  # it is elsewhere since
                if found.error_code:
                    self._refused(connection, partition, found.error_code)
                else:
                    self._take(partition, found)
        return True

    def _take(self, partition, found):
        before = partition.position
        aborted = [(one.producer_id, one.first_offset) for one in found.aborted_transactions or ()]
        try:
            for piece in pieces(found.records or b"", partition.position, aborted):
                partition.put(piece)
        except BadBatch as error:
            self._mirror.failed(partition, f"{self._mirror.source.what}: {error}")
        partition.end = found.last_stable_offset if found.last_stable_offset >= 0 else found.high_watermark
        if partition.position != before:
            self._mirror.wake_sender(partition)

    def _refused(self, connection, partition, code):
        if code == errors.OFFSET_OUT_OF_RANGE:
            first, end = (self._offset(connection, partition, timestamp) for timestamp in (_EARLIEST, _LATEST))
            if first is None or end is None or not self._mirror.may_restart(partition):
                partition.not_before = self._mirror.now() + _PAUSE_S
            elif partition.position < first:
                log.warning("%s: offsets %d to %d were deleted at the source before they were copied", partition.name, partition.position, first - 1)
                partition.skip_to(first)
            else:
                log.warning("%s ends at %d at the source, before %d: it was made anew, and is copied from %d on", partition.name, end,
                            partition.position, first)  # fmt: skip
                partition.restart(first, partition.topic_id)
            return
        partition.not_before = self._mirror.now() + _PAUSE_S
        if code == errors.TOPIC_AUTHORIZATION_FAILED:
            self._mirror.failed(partition, f"{self._mirror.source.what}: {text_of(code)}")
        else:
            self._mirror.source_changed(f"{partition.name}: {text_of(code)}")

    def _offset(self, connection, partition, timestamp):
        return offset_at(connection, partition.topic, partition.index, timestamp)


def _uuid(text):
    return bytes.fromhex(text or "0" * 32)


def offset_at(connection, topic, index, timestamp=_EARLIEST):
    """The first offset, or the end; None while the broker does not know."""
    request = ListOffsets.Request.Topics
    answer = connection.ask(ListOffsets, replica_id=_CONSUMER, isolation_level=_COMMITTED, topics=[
        request(name=topic, partitions=[request.Partitions(partition_index=index, timestamp=timestamp)])])
    [[found]] = [one.partitions for one in answer.topics]
    return None if found.error_code else found.offset
