"""The server: listeners, connections, clocks and the services that handlers name."""

import logging
import random
import secrets
from time import perf_counter_ns

from gevent import killall, spawn
from gevent.event import Event

from emulator.api import HANDLERS
from emulator.api.api_versions import Served
from emulator.pipeline.dispatch import Dispatcher
from emulator.pipeline.throttle import Throttle
from emulator.runtime.clock import ManualClock, monotonic_clock, wall_clock
from emulator.runtime.connection import Connection
from emulator.runtime.listener import Listener, bind
from emulator.runtime.log_manager.memory import MemoryLogs
from emulator.runtime.machine import memory_bytes
from emulator.runtime.services import make_services
from emulator.state.features import SUPPORTED
from emulator.state.log.memory import Memory

log = logging.getLogger(__name__)


class Server:
    """One broker on its listeners.

    `settings`: the broker's configuration; `seed`: of every id and choice, drawn when None; `time`: the clock that
    stamps and expires, wall time when None.
    `bound` lists (listener name, host, port) as really bound once `start()` has returned. `progress`: see LogManager.
    `memory_max`: bytes that records may take without a data directory, half of what there is when None.
    `release`: of Kafka, that this is to pass for ("3.7").
    """

    def __init__(self, settings, seed=None, time=None, progress=None, memory_max=None, release=None):
        self.settings = settings
        self.seed = secrets.randbits(32) if seed is None else seed
        self.time = wall_clock() if time is None else time
        self.patience = monotonic_clock()
        self.bound = []
        self.connections = set()
        self.logs = None
        self.memory = None
        self._memory_max = memory_max
        self._progress = progress
        self._release = release
        self._listeners = []
        self._turned_away = set()
        self._stopped = Event()

    def start(self):
        """Bind and serve. Raises OSError (with `.strerror`) when an address is not to be had, StorageError, ConfigError."""
        settings = self.settings
        try:
            for endpoint in settings.endpoints:
                sockets = bind(endpoint.host, endpoint.port)
                port = sockets[0].getsockname()[1]
                self.bound.append((endpoint.name, endpoint.host, port))
                self._listeners += [Listener(sock, self._accepted_by(endpoint.name)) for sock in sockets]
            choices = random.Random(self.seed)
            if settings.log_directories:
                from emulator.runtime.log_manager.manager import LogManager  # a start in memory is timed

                self.logs = LogManager(settings, self.time, self.patience, choices, self._progress)
                if isinstance(self.time, ManualClock):
                    _keep_time(self.time, self.logs.metadata)
            else:
                self.memory = Memory(memory_bytes() // 2 if self._memory_max is None else self._memory_max)
            logs = self.logs or MemoryLogs(self.time, choices, self.memory)
            handlers, supported = self._limits()
            services = make_services(settings, self.bound, self.time, self.patience, choices, logs, supported)
            services["served"] = Served(handlers)
        except BaseException:
            self._close_listeners()
            if self.logs is not None:
                self.logs.abandon()
            raise
        self.cluster = services["cluster"]
        self.services = services
        self.dispatcher = Dispatcher(handlers, services, self.logs)
        self._quotas = services["quotas"]
        self._quotas.on_change.append(self._quotas_changed)
        self._quotas_changed()
        for listener in self._listeners:
            listener.start()
        self._watch_idle()
        return self

    def _limits(self):
        """(handlers, supported features) of the release that this is to pass for."""
        if self._release is None:
            return HANDLERS, SUPPORTED
        from emulator.api import releases

        return releases.limited(HANDLERS, self._release), releases.supported(self._release)

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

    def wait(self):
        """Until the server has been stopped."""
        self._stopped.wait()

    def stop(self):
        """Close every socket; what waits is let go."""
        self._close_listeners()
        killall([connection.greenlet for connection in self.connections], timeout=1)
        for connection in list(self.connections):
            connection.close()
        if self.logs is not None:
            self.logs.close()
        for sock in list(self._turned_away):
            self._turn_away(sock)
        self.time.close()
        self.patience.close()
        self._stopped.set()

    def _close_listeners(self):
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()


def _keep_time(time, metadata):
    """A virtual clock goes on after a restart where it stood: nothing on disk is of a time to come."""
    table = metadata.table("clock")
    if (stood := table.get("now")) is not None:
        time.go_on_from(stood)
    table.put("now", time.now())
    time.on_advance.append(lambda now: table.put("now", now))
