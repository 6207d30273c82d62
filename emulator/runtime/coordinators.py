"""Coordinators come and go with the leadership of their topics' partitions: what these hold is loaded while clients are served.

Whoever asks about what is not loaded yet is told COORDINATOR_LOAD_IN_PROGRESS, as by Kafka, and asks again.
"""

import logging
import time

from gevent import sleep, spawn

log = logging.getLogger(__name__)


class Coordinators:
    """Those of one broker: `by_topic`, {name of an internal topic: coordinator}, in the order in which they are to be there.

    A coordinator has `store` (internal_topics.Store), `load_in_slices(partition)` and `unload(partition)`.
    """

    def __init__(self, broker_id, cluster, by_topic):
        self._broker_id = broker_id
        self._by_topic = by_topic
        self._waiting = {name: {} for name in by_topic}  # -> {index: None} of those that are to be loaded
        self._loading = None  # (name, index)
        self._greenlet = None
        for name in by_topic:
            topic = cluster.topics.get(name)
            for partition in topic.partitions if topic else ():
                if partition.leader == broker_id:
                    self._take_over(partition)
        cluster.on_leader.append(self._led)

    def _led(self, partition, before):
        """Another broker leads a partition, or the same one in a new epoch."""
        if partition.topic.name not in self._by_topic or partition.leader == before:
            return
        if partition.leader == self._broker_id:
            self._take_over(partition)
        elif before == self._broker_id:
            self._give_up(partition)

    def _take_over(self, partition):
        name, index, log = partition.topic.name, partition.index, partition.log
        if log.end_offset > log.log_start_offset:
            self._by_topic[name].store.expect([index])
            self._waiting[name][index] = None
            if self._greenlet is None:
                self._greenlet = spawn(self._load_all)

    def _give_up(self, partition):
        name, index = partition.topic.name, partition.index
        self._waiting[name].pop(index, None)
        if self._loading == (name, index):
            self._loading = None
        coordinator = self._by_topic[name]
        coordinator.unload(index)
        coordinator.store.loaded(index)  # whoever asks is told who does not lead

    def _next(self):
        for name, indexes in self._waiting.items():
            for index in indexes:
                del indexes[index]
                return name, index
        return None

    def _load_all(self):
        began, count = time.monotonic(), 0
        while (found := self._next()) is not None:
            self._loading = found
            self._load(*found)
            count += 1
        self._loading = self._greenlet = None
        log.info("broker %d: loaded %d partitions of coordinators in %d ms", self._broker_id, count, (time.monotonic() - began) * 1000)

    def _load(self, name, index):
        coordinator = self._by_topic[name]
        try:
            for _ in coordinator.load_in_slices(index):
                sleep(0)
                if self._loading != (name, index):  # given up meanwhile, though it may wait to be loaded again
                    return
        except Exception:
            log.exception("%s-%d cannot be loaded: nobody coordinates what it holds", name, index)
            coordinator.store.loaded(index, failed=True)
        else:
            coordinator.store.loaded(index)

    def wait(self):
        """Until all that is to be loaded now is."""
        if self._greenlet is not None:
            self._greenlet.join()

    def close(self):
        """What is not loaded yet never will be."""
        greenlet, self._greenlet = self._greenlet, None
        if greenlet is not None:
            greenlet.kill(block=False)
