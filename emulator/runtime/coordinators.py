"""Coordinators after a restart: what their topics hold is loaded while clients are served already.

Whoever asks about what is not loaded yet is told COORDINATOR_LOAD_IN_PROGRESS, as by Kafka, and asks again.
"""

import logging
import time

from gevent import sleep, spawn

log = logging.getLogger(__name__)


def load(cluster, coordinators):
    """Begin to load; `coordinators` are (topic name, coordinator) in the order in which they are to be there.

    A coordinator has `store` (internal_topics.Store) and `load_in_slices(partition)`. Gives the greenlet, or None
    when there is nothing to load.
    """
    waiting = []
    for name, coordinator in coordinators:
        topic = cluster.topics.get(name)
        filled = [] if topic is None else [one.index for one in topic.partitions if one.log.end_offset > one.log.log_start_offset]
        coordinator.store.expect(filled)
        waiting += [(name, coordinator, index) for index in filled]
    return spawn(_load_all, waiting) if waiting else None


def _load_all(waiting):
    began = time.monotonic()
    for name, coordinator, index in waiting:
        try:
            for _ in coordinator.load_in_slices(index):
                sleep(0)
        except Exception:
            log.exception("%s-%d cannot be loaded: nobody coordinates what it holds", name, index)
            coordinator.store.loaded(index, failed=True)
        else:
            coordinator.store.loaded(index)
    log.info("loaded %d partitions of coordinators in %d ms", len(waiting), (time.monotonic() - began) * 1000)
