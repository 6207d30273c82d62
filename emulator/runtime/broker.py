"""One broker of the cluster: its listeners, its connections, its dispatcher and the services that are its own."""

import logging
from time import perf_counter_ns

from gevent import killall, spawn

from emulator.api.api_versions import Served
from emulator.pipeline.dispatch import Dispatcher
from emulator.pipeline.throttle import Throttle
from emulator.runtime.connection import Connection
from emulator.runtime.listener import Listener, bind
from emulator.runtime.services import make_broker_services

log = logging.getLogger(__name__)


class BrokerServer:
    """A broker that `settings` describe, on the clocks `time` and `patience`.

    `bound` lists (listener name, host, port) as really bound.
    """

    def __init__(self, settings, time, patience):
        self.settings = settings
        self.id = settings.node_id
        self.time = time
        self.patience = patience
        self.bound = []
        self.connections = set()
        self.services = self.dispatcher = None
        self._listeners = []
        self._turned_away = set()
        self._quotas = None

    def bind(self):
        """Take the addresses. Raises OSError (with `.strerror`) when one is not to be had."""
        for endpoint in self.settings.endpoints:
            sockets = bind(endpoint.host, endpoint.port)
            port = sockets[0].getsockname()[1]
            self.bound.append((endpoint.name, endpoint.host, port))
            self._listeners += [Listener(sock, self._accepted_by(endpoint.name)) for sock in sockets]

    def start(self, shared, logs, handlers, disk):
        """Make what answers, of what all brokers share and what is this one's own."""
        services = make_broker_services(shared, self.settings, logs)
        services["served"] = Served(handlers)
        self.services = services
        self.dispatcher = Dispatcher(handlers, services, disk)
        self._quotas = services["quotas"]
        self._quotas.on_change.append(self._quotas_changed)
        self._quotas_changed()

    def serve(self):
        """Let clients in."""
        for listener in self._listeners:
            listener.start()
        self._watch_idle()

    # -- connections -------------------------------------------------------------------------------

    def _accepted_by(self, listener_name):
        def accepted(sock, peer):
            throttle_ms = self._quotas.connect(peer[0])
            if throttle_ms:  # it learns so by being closed, in a while (KIP-612)
                self._turned_away.add(sock)
                self.patience.after(throttle_ms, lambda: self._turn_away(sock))
                return
            connection = Connection(self, sock, listener_name, peer)
            self.connections.add(connection)
            connection.greenlet = spawn(connection.serve)

        return accepted

    def _turn_away(self, sock):
        self._turned_away.discard(sock)
        sock.close()

    def _quotas_changed(self):
        """Without quotas of clients no request is looked at twice."""
        throttle = Throttle(self._quotas, self.patience, perf_counter_ns) if self._quotas.enabled else None
        self.dispatcher.wrap(throttle and throttle.wrap)

    def forget(self, connection):
        self.connections.discard(connection)

    def _watch_idle(self):
        """Close connections that have been silent for connections.max.idle.ms."""
        longest = self.settings.connections_max_idle_ms
        if longest < 0:
            return
        now = self.patience.now()
        soonest = now + longest
        for connection in list(self.connections):
            due = connection.last_active + longest
            if due <= now:
                log.info("closing idle connection of %s:%s", connection.call.client_host, connection.call.client_port)
                connection.greenlet.kill(block=False)
            elif due < soonest:
                soonest = due
        self.patience.at(max(soonest, now + 1), self._watch_idle)

    # -- the end -----------------------------------------------------------------------------------

    def close(self):
        """Close every socket; what waits is let go."""
        self.close_listeners()
        killall([connection.greenlet for connection in self.connections], timeout=1)
        for connection in list(self.connections):
            connection.close()
        for sock in list(self._turned_away):
            self._turn_away(sock)

    def close_listeners(self):
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
