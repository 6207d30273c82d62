"""Who may connect, and when: what an acceptor does at the limits of ConnectionQuotas."""

import logging

from gevent.event import Event

from emulator.state.configs.definition import ConfigError
from emulator.state.quotas.connections import ConnectionQuotas

log = logging.getLogger(__name__)



class Admission:
    """Of one run of a broker that has these `services`. Raises ConfigError."""

    def __init__(self, listeners, services, lifetime, patience):
        self._configs = services["configs"]
        self._patience = patience
        self._changed = Event()
        self.quotas = ConnectionQuotas(self._configs.settings, listeners, services["quotas"], services["client_quotas"].resolve, patience)
        self.on_excess = []  # called when limits have become so low that some have to go
        with lifetime.hooking(self._configs.on_change):
            self._configs.on_change.append(self._configured)

    def _configured(self, name):
        if name is not None:
            return  # a topic
        try:
            self.quotas.configure(self._configs.settings)
        except ConfigError as error:
            log.warning("%s; limits of connections stay as they were", error)
        self._changed.set()
        if self.quotas.excess:
            for close_some in self.on_excess:
                close_some()

    def wait(self, listener):
        """Returns once one more may come. Until then whoever else comes to the listener waits, too, connected to nobody."""
        delay_ms = self.quotas.delay(listener)
        if delay_ms:
            over = Event()
            deadline = self._patience.after(delay_ms, over.set)
            try:
                over.wait()
            finally:
                deadline.cancel()
        while not self.quotas.has_room(listener):
            self._changed.clear()
            self._changed.wait()

    def leave(self, listener, address):
        self.quotas.leave(listener, address)
        self._changed.set()
