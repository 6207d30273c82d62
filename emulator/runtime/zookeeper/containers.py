"""Whoever leads removes containers that have lost their last child, and nodes whose time to live is over. Source: ContainerManager of 3.8.4."""

import logging

log = logging.getLogger(__name__)


class ContainerManager:
    """`candidates()` gives paths, `delete(path)` proposes; a check each `interval_ms`, its deletions `gap_ms` apart at the least."""

    def __init__(self, clock, interval_ms, gap_ms, candidates, delete):
        self._clock = clock
        self._interval_ms = interval_ms
        self._gap_ms = gap_ms
        self._candidates = candidates
        self._delete = delete
        self._waiting = []
        self._next = clock.after(interval_ms, self._check)

    def stop(self):
        self._next.cancel()

    def _check(self):
        self._waiting = list(self._candidates())
        self._one()

    def _one(self):
        if self._waiting:
            path = self._waiting.pop()
            log.info("%s has had its time", path)
            self._delete(path)
        self._next = self._clock.after(self._gap_ms, self._one) if self._waiting else \
            self._clock.after(self._interval_ms, self._check)
