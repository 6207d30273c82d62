"""The coordinators of the mirror's transactions and of its group at the target: found, and asked until they answer."""

import logging

import gevent

from emulator.apps.mirror.cluster import Refusal, text_of
from emulator.apps.mirror.connection import Lost
from wire import errors
from wire.apis.transactions import AddPartitionsToTxn, TxnOffsetCommit

log = logging.getLogger(__name__)

GROUP, TRANSACTION = 0, 1  # types of keys of FindCoordinator
PAUSE_S, LOST_S = 0.02, 0.5
_ELSEWHERE = frozenset((errors.NOT_COORDINATOR, errors.COORDINATOR_NOT_AVAILABLE))
SOON = frozenset((
    *_ELSEWHERE, errors.COORDINATOR_LOAD_IN_PROGRESS, errors.CONCURRENT_TRANSACTIONS, errors.REQUEST_TIMED_OUT, errors.NOT_ENOUGH_REPLICAS,
    errors.KAFKA_STORAGE_ERROR,
))  # fmt: skip
# It will not be otherwise by trying again.
_FOR_GOOD = frozenset((
    errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, errors.GROUP_AUTHORIZATION_FAILED, errors.CLUSTER_AUTHORIZATION_FAILED,
    errors.INVALID_TRANSACTION_TIMEOUT,
))  # fmt: skip
_OF_PARTITION = frozenset((errors.UNKNOWN_TOPIC_OR_PARTITION, errors.TOPIC_AUTHORIZATION_FAILED, errors.OPERATION_NOT_ATTEMPTED))


class Broken(Exception):
    """This transaction cannot be committed."""


class Coordinators:
    """`names`: {GROUP: a group, TRANSACTION: a transactional id}."""

    def __init__(self, target, names):
        self._target, self._names = target, names
        self._found = {}  # type -> (host, port)

    def connection(self, key_type):
        """Raises Lost, Refusal, Unsupported."""
        if key_type not in self._found:
            self._found[key_type] = self._target.coordinator(self._names[key_type], key_type)
        return self._target.at(self._found[key_type])

    def learn(self, code):
        """From what one has answered."""
        if code in _ELSEWHERE:
            self._found.clear()

    def ask(self, key_type, api, **fields):
        """The answer, however long the target is away. Raises Broken, Refusal, Unsupported."""
        while True:
            try:
                answer = self.connection(key_type).ask(api, **fields)
            except Lost as error:
                log.info("%s", error)
                self._found.clear()
                gevent.sleep(LOST_S)
                continue
            except Refusal as error:  # no coordinator yet
                if error.code not in SOON:
                    raise
                gevent.sleep(PAUSE_S)
                continue
            code = _code(answer)
            if code == errors.NONE:
                return answer
            self.learn(code)
            if code in _FOR_GOOD:
                raise Refusal(f"{self._target.what}: {api.name}", code)
            if code not in SOON:
                raise Broken(f"{api.name}: {text_of(code)}")
            gevent.sleep(PAUSE_S)


def _code(answer):
    """The error of it all. Of partitions that are to be added, each may have its own."""
    if isinstance(answer, AddPartitionsToTxn.Response):
        codes = {one.partition_error_code for topic in answer.results_by_topic_v3_and_below for one in topic.results_by_partition} - _OF_PARTITION
    elif isinstance(answer, TxnOffsetCommit.Response):
        codes = {one.error_code for topic in answer.topics for one in topic.partitions}
    else:
        codes = {answer.error_code}
    return max(codes, default=errors.NONE)
