"""Writes into ZooKeeper, in order, in the name of whoever is the controller: each only while it still is.

Source: kafka.zk.KafkaZkClient of 3.9.1 (requests with an expected version of /controller_epoch).
"""

import logging
from collections import deque

from gevent import spawn
from gevent.event import Event

from emulator.runtime.registration import duties
from emulator.runtime.registration.client import Closed, Expired
from emulator.runtime.registration.multi import (
    ANY_VERSION, PERSISTENT, SEQUENTIAL, Refused, check, create, delete, multi_body, multi_result, set_data,
)  # fmt: skip
from emulator.state.registration import mirror, znodes
from wire.zookeeper.client import BAD_VERSION, MULTI, NO_NODE, NODE_EXISTS, NOT_EMPTY

log = logging.getLogger(__name__)

_IN_FLIGHT = 10  # zookeeper.max.in.flight.requests
_TRIES = 5


class Writer:
    """`accepted`, `waiting`: how many writes there were, and how many of them are not in ZooKeeper yet."""

    def __init__(self, registry):
        self._registry = registry
        self._queue = deque()
        self._paths = {}  # path -> how often it is in the queue
        self._known = set()  # paths that are there
        self._wake = Event()
        self._waiters = []  # (how many must be done, Event)
        self._once_empty = []
        self.accepted = self.done = 0
        self._repairs = 0  # of the first in the queue
        self._greenlet = None

    def start(self):
        self._greenlet = spawn(self._run)

    def stop(self):
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    # -- who has something to write ----------------------------------------------------------------

    @property
    def waiting(self):
        return len(self._queue)

    def put(self, writes):
        for write in writes:
            self._queue.append(write)
            self._paths[write.path] = self._paths.get(write.path, 0) + 1
            self.accepted += 1
        if writes:
            self._wake.set()

    def is_waiting(self, path):
        return path in self._paths

    def know(self, paths):
        """These are there."""
        self._known.update(paths)

    def go_on(self):
        """There may be a controller that can write."""
        self._wake.set()

    def once_empty(self, action):
        if self._queue:
            self._once_empty.append(action)
        else:
            action()

    def wait(self, timeout_ms):
        """Whether all that is accepted by now is written in time."""
        if self.done >= self.accepted:
            return True
        reached = Event()
        waiter = self.accepted, reached
        self._waiters.append(waiter)
        try:
            return reached.wait(None if timeout_ms is None else timeout_ms / 1000)
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def wait_empty(self):
        self.wait(None)

    # -- writing -----------------------------------------------------------------------------------

    def _run(self):
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._queue and self._registry.cluster.governed and (controller := self._registry.controller):
                try:
                    self._write(controller)
                except (Expired, Closed):
                    break  # the next controller goes on
                except _Deposed:
                    self._registry.deposed(controller)
                    break
                except Exception:
                    log.exception("%s cannot be written into ZooKeeper", self._queue[0].path)
                    self._finish()  # once more would not do, either

    def _write(self, controller):
        """The first of those that wait, or several together."""
        write = self._queue[0]
        if write.kind == mirror.DELETE:
            self._delete(controller, write.path)
            return self._finish()
        batch = []
        for write in self._queue:
            if write.kind == mirror.DELETE or len(batch) == _IN_FLIGHT:
                break
            batch.append(write)
        answers = controller.client.gather([(MULTI, multi_body(self._operations(controller, write))) for write in batch])
        for write, answer in zip(batch, answers):
            failed = answer if isinstance(answer, Refused) else multi_result(answer)
            if failed:
                return self._repair(controller, write, failed)  # and those after it once more
            self._known.add(write.path)
            self._finish()

    def _operations(self, controller, write):
        client = controller.client
        first = check(client.at(znodes.CONTROLLER_EPOCH), controller.epoch_version)
        if write.kind == mirror.APPEND:
            return first, create(client.at(write.path), write.data, SEQUENTIAL)
        if write.path not in self._known:
            return first, create(client.at(write.path), write.data, PERSISTENT)
        if write.data is None:
            return (first,)
        return first, set_data(client.at(write.path), write.data)

    def _repair(self, controller, write, failed):
        if failed.code == BAD_VERSION:
            raise _Deposed
        if failed.code == NODE_EXISTS:
            self._known.add(write.path)
        elif failed.code == NO_NODE and self._repairs < _TRIES:
            self._repairs += 1
            self._known.discard(write.path)
            duties.make_if_absent(controller.client, write.path.rpartition("/")[0])
        else:
            raise failed

    def _delete(self, controller, path):
        client = controller.client
        first = check(client.at(znodes.CONTROLLER_EPOCH), controller.epoch_version)
        for _ in range(_TRIES):
            levels = [[path]]
            while levels[-1]:
                levels.append(duties.children_of(client, levels[-1]))
            failed = []
            for level in reversed(levels[:-1]):
                answers = client.gather([(MULTI, multi_body((first, delete(client.at(one), ANY_VERSION)))) for one in level])
                failed += [answer if isinstance(answer, Refused) else multi_result(answer) for answer in answers]
            codes = {one.code for one in failed if one}
            if BAD_VERSION in codes:
                raise _Deposed
            if NOT_EMPTY not in codes:  # else somebody puts more there
                break
        self._known = {one for one in self._known if one != path and not one.startswith(f"{path}/")}

    def _finish(self):
        self._repairs = 0
        write = self._queue.popleft()
        self.done += 1
        count = self._paths[write.path] - 1
        if count:
            self._paths[write.path] = count
        else:
            del self._paths[write.path]
        for waiter in [one for one in self._waiters if one[0] <= self.done]:
            self._waiters.remove(waiter)
            waiter[1].set()
        if not self._queue:
            actions, self._once_empty = self._once_empty, []
            for action in actions:
                action()


class _Deposed(Exception):
    """/controller_epoch is another's."""
