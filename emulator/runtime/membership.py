"""By what the cluster knows which brokers there are: here by KRaft's heartbeats, without which a broker is given up in time.

`registration/registry.py` is the same by sessions with ZooKeeper.
"""

from emulator.state.cluster import leadership


class Unregistered(Exception):
    """A broker cannot be part of the cluster now."""


class Membership:
    """Of the brokers of `cluster`; one that hangs is given up after `session_ms` of `patience`."""

    def __init__(self, cluster, patience, session_ms):
        self._cluster = cluster
        self._patience = patience
        self._session_ms = session_ms
        self._giving_up = {}  # broker id -> Deadline

    def register(self, broker_id):
        """A broker is about to start. Raises Unregistered when it must not."""

    def came(self, broker_id, was_stopped):
        """It is there; `was_stopped`: it had ended by itself, and so lost nothing."""
        leadership.unfence(self._cluster, broker_id, clean=was_stopped)

    def shut_down(self, broker_id):
        """It wants to stop: others are to lead first."""
        leadership.shut_down(self._cluster, broker_id)

    def left(self, broker_id, is_clean):
        """It is gone: it said so, or was killed."""
        self._wait_no_more(broker_id)
        leadership.fence(self._cluster, broker_id)

    def froze(self, broker_id):
        """It hangs."""
        self._giving_up[broker_id] = self._patience.after(self._session_ms, lambda: leadership.fence(self._cluster, broker_id))

    def thawed(self, broker_id):
        """It goes on."""
        self._wait_no_more(broker_id)
        if self._cluster.brokers[broker_id].fenced:
            leadership.unfence(self._cluster, broker_id, clean=True)

    def _wait_no_more(self, broker_id):
        if (deadline := self._giving_up.pop(broker_id, None)) is not None:
            deadline.cancel()
