"""Writes what one broker of the target leads: several requests on their way, a batch of each partition in each.

Every partition has a producer's id and sequence, so that what is sent again after a lost answer is not there twice: see producers.py
and transactions.py.
"""

import logging
from collections import deque
from functools import partial

import gevent
from gevent.event import Event

from emulator.apps.mirror.batches import stamp
from emulator.apps.mirror.cluster import Refusal, text_of
from emulator.apps.mirror.connection import Lost, Unsupported
from wire import errors
from wire.apis.data import Produce

log = logging.getLogger(__name__)

_IN_FLIGHT = 5
_MOST_BYTES = 4 * 1024 * 1024  # in a request
_TIMEOUT_MS = 30_000
_ALL = -1
_PAUSE_S, _LOST_S, _PATIENCE_S = 0.1, 1.0, 60.0
# The broker does not know the producer, or its transaction, as we do.
_OF_PRODUCER = frozenset((
    errors.OUT_OF_ORDER_SEQUENCE_NUMBER, errors.UNKNOWN_PRODUCER_ID, errors.INVALID_PRODUCER_EPOCH, errors.INVALID_PRODUCER_ID_MAPPING,
    errors.PRODUCER_FENCED, errors.INVALID_TXN_STATE, errors.TRANSACTION_ABORTABLE,
))  # fmt: skip
# It will not be otherwise by trying again.
_FOR_GOOD = frozenset((
    errors.MESSAGE_TOO_LARGE, errors.RECORD_LIST_TOO_LARGE, errors.INVALID_RECORD, errors.INVALID_TIMESTAMP, errors.CORRUPT_MESSAGE,
    errors.UNSUPPORTED_COMPRESSION_TYPE, errors.UNSUPPORTED_FOR_MESSAGE_FORMAT, errors.TOPIC_AUTHORIZATION_FAILED, errors.CLUSTER_AUTHORIZATION_FAILED,
    errors.POLICY_VIOLATION, errors.INVALID_REQUIRED_ACKS, errors.INVALID_TOPIC_EXCEPTION,
))  # fmt: skip
_TOO_LARGE = frozenset((errors.MESSAGE_TOO_LARGE, errors.RECORD_LIST_TOO_LARGE))
_LOST = -2  # no code of Kafka's: the connection went


class Sender:
    def __init__(self, mirror, broker_id):
        self._mirror = mirror
        self._broker_id = broker_id
        self._connection = None  # the last
        self._asked_at = deque()  # of each request that is not answered
        self.wake = Event()

    def run(self):
        mirror = self._mirror
        while not mirror.is_over:
            self.wake.clear()
            try:
                if self._asked_at and mirror.now() - self._asked_at[0] > _PATIENCE_S:
                    mirror.target.broker(self._broker_id).close(f"no answer to Produce within {_PATIENCE_S:g} s")
                if len(self._asked_at) < _IN_FLIGHT and self._send():
                    continue
            except (Lost, Refusal, Unsupported) as error:
                mirror.target_changed(str(error))
                gevent.sleep(_LOST_S)
                continue
            self.wake.wait(_PAUSE_S)

    def _send(self):
        """Whether anything was."""
        mirror, now, writer = self._mirror, self._mirror.now(), self._mirror.writer
        ready = [one for one in mirror.led_at_target(self._broker_id)
                 if not one.is_idle and one.is_cleared and one.not_before <= now and not (one.in_flight and one.sender is not self)]
        if not ready:
            return False
        self._connection = connection = mirror.target.broker(self._broker_id)  # before anything is taken: it may have to dial
        taken, size = [], 0
        for one in ready:
            waiting = one.next() if writer.admits(one, connection) else None
            if waiting is not None and (not taken or size + len(waiting.data) <= _MOST_BYTES):
                taken.append((one, waiting))
                size += len(waiting.data)
        if not taken:
            return False
        request, topics = Produce.Request.TopicData, {}
        for one, waiting in taken:
            stamp(waiting.data, *one.producer, waiting.sequence, writer.transactional_id is not None)
            topics.setdefault(one.there, []).append(request.PartitionData(index=one.index, records=waiting.data))
        version = connection.version(Produce)
        data = [request(name=name, partition_data=partitions) for name, partitions in topics.items()]
        for one, _ in taken:
            one.sent(self)
        self._asked_at.append(now)
        try:
            result = connection.begin(Produce, version, Produce.Request(transactional_id=writer.transactional_id, acks=_ALL, timeout_ms=_TIMEOUT_MS, topic_data=data))
        except Lost as error:
            self._over(taken, {}, error)
            return True
        result.rawlink(partial(self._answered, taken))
        return True

    def give_up(self):
        """Wait for no answer any more."""
        if self._connection is not None:
            self._connection.close("the transaction is given up")

    def _answered(self, taken, result):
        if result.successful():
            found = {(topic.name, one.index): one for topic in result.value.responses for one in topic.partition_responses}
            self._over(taken, found, None)
        else:
            self._over(taken, {}, result.exception)

    def _over(self, taken, found, error):
        """In the event loop: nothing here may wait."""
        self._asked_at.popleft()
        if error is not None:
            self._mirror.target_changed(str(error))
        for one, waiting in taken:
            told = found.get((one.there, one.index))
            code = _LOST if told is None else told.error_code
            if code in (errors.NONE, errors.DUPLICATE_SEQUENCE_NUMBER):
                is_stuck = one.answered(waiting, None, told.base_offset)
            else:
                is_stuck = one.answered(waiting, (code, told and told.error_message))
            if is_stuck:
                self._mend(one)
        self._mirror.writer.progressed()
        self.wake.set()

    def _mend(self, partition):
        code, message = partition.trouble
        why = message or text_of(code)
        if code in _FOR_GOOD and not (code in _TOO_LARGE and partition.split()):
            self._mirror.failed(partition, f"{self._mirror.target.what}: {why}")
            partition.drop()
            return
        if code in _OF_PRODUCER:
            self._mirror.writer.lost(partition, why)
        else:
            partition.again()
        partition.not_before = self._mirror.now() + _PAUSE_S
        if code != _LOST:
            self._mirror.target_changed(f"{partition.there}-{partition.index}: {why}")
