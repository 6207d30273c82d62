"""The server: one process with the brokers of one cluster, the clocks that they run on and the services that they share."""

import random
import secrets
from functools import cached_property
from contextlib import nullcontext
from time import perf_counter_ns

from gevent.event import Event

from emulator.api import HANDLERS
from emulator.pipeline.requests import Requests
from emulator.runtime.broker import BrokerServer
from emulator.runtime.clock import ManualClock, monotonic_clock, wall_clock
from emulator.runtime.lasting import Lasting
from emulator.runtime.log_manager.memory import MemoryLogs
from emulator.runtime.machine import memory_bytes
from emulator.runtime.services import advertised, make_cluster_services
from emulator.runtime.snapshot import Snapshot
from emulator.state.features import ELIGIBLE_LEADER_REPLICAS, SUPPORTED
from emulator.state.log.memory import Memory


class Server:
    """The brokers of one cluster, each on its listeners.

    `settings`: of each broker its configuration; `seed`: of every id and choice, drawn when None; `time`: the clock that
    stamps and expires, wall time when None.
    `brokers`: {id: BrokerServer}; `services`: the first one's; `faults`: what is to go wrong. `progress`: see LogManager.
    `memory_max`: bytes that records may take without a data directory, half of what there is when None.
    `release`: of Kafka, that this is to pass for ("3.7"). `zookeeper`: the Place of an ensemble to register in, None for none.
    `listens`: see BrokerServer.
    """

    def __init__(self, *settings, seed=None, time=None, progress=None, memory_max=None, release=None, zookeeper=None, listens=True):
        self.settings = settings
        self.seed = secrets.randbits(32) if seed is None else seed
        self.time = wall_clock() if time is None else time
        self.patience = monotonic_clock()  # of the process
        self._serving = monotonic_clock()  # the patience of the cluster, which goes with it
        self.brokers = {one.node_id: BrokerServer(one, self.time, self._serving, listens) for one in settings}
        self.logs = None
        self.memory = None
        self.history = None  # of requests, see `record_requests`
        self.snapshots = {}  # name -> Snapshot, of those that were made over the control API
        self._recording = {}
        self._memory_max = memory_max
        self._progress = progress
        self._release = release
        self._zookeeper = zookeeper
        self._registry = None
        self._stopped = Event()

    @cached_property
    def faults(self):
        from emulator.runtime.faults import ServerFaults  # a start is timed

        return ServerFaults(self, [handler.api for handler in HANDLERS.values()])

    @property
    def bound(self):
        """(listener name, host, port) as really bound, of all brokers; there once `start()` has returned."""
        return [one for broker in self.brokers.values() for one in broker.bound]

    @property
    def connections(self):
        return [one for broker in self.brokers.values() for one in broker.connections]

    @property
    def _first(self):
        return next(iter(self.brokers.values()))

    @property
    def services(self):
        return self._first.services

    @property
    def dispatcher(self):
        return self._first.dispatcher

    @property
    def zookeeper(self):
        """The Place of the ensemble in which part of what the cluster is stands, None for none."""
        return self._zookeeper

    @property
    def is_registered(self):
        return self._zookeeper is not None

    def start(self, snapshot=None):
        """Bind and serve, in memory as a `snapshot` has it, if there is one: then this returns once coordinators know it, too.

        Raises OSError (with `.strerror`) when an address is not to be had, StorageError, ConfigError, NoSnapshot; Unregistered
        when ZooKeeper does not have it.
        """
        brokers = self.brokers.values()
        try:
            for broker in brokers:
                broker.bind()
            choices = self._choices(snapshot)
            cluster_id = self._open_registry() if self.is_registered else None
            if self.settings[0].log_directories:
                self.logs = self._open_directories(choices, cluster_id)
                if isinstance(self.time, ManualClock):
                    _keep_time(self.time, self.logs.metadata)
            else:
                self.memory = Memory(memory_bytes() // 2 if self._memory_max is None else self._memory_max)
            if snapshot is not None:
                snapshot.check(self)
            logs = self.logs or MemoryLogs(self.time, choices, self.memory, snapshot, cluster_id)
            if self._registry is not None:
                self._registry.load(logs, cluster_id, self.settings, choices)
            self._assemble(logs, choices, snapshot)
        except BaseException:
            if self._registry is not None:
                self._registry.stop()
            for broker in brokers:
                broker.close_listeners()
            if self.logs is not None:
                self.logs.abandon()
            raise
        self._serve(snapshot)
        return self

    def _choices(self, snapshot):
        choices = random.Random(self.seed)
        if snapshot is not None:
            choices.setstate(snapshot.random)
        return choices

    def _assemble(self, logs, choices, snapshot):
        brokers, registry = self.brokers.values(), self._registry
        handlers, supported = self._limits()
        endpoints = {broker.id: advertised(broker.settings, broker.bound) for broker in brokers}
        shared = make_cluster_services(self.settings, endpoints, self.time, self._serving, choices, logs, supported, snapshot, registry)
        lasting = Lasting(shared["replication"], self.settings[0].offsets_commit_timeout_ms, self.logs) if len(self.brokers) > 1 else self.logs
        if registry is not None:
            lasting = registry.lasting(lasting)
        for broker in brokers:
            broker.join(shared, logs, handlers, lasting)
        if registry is not None:
            registry.begin(shared, self.brokers)
        self.cluster = shared["cluster"]

    def _serve(self, snapshot):
        if snapshot is not None:
            snapshot.resume(self)
            for broker in self.brokers.values():
                broker.services["coordinators"].wait()
            return
        for broker in self.brokers.values():
            broker.serve()

    def record_requests(self, history):
        """What clients ask from now on is written into a History of pipeline.requests, and no other; None: into none."""
        self.history = history
        for broker in self.brokers.values():
            if (layer := self._recording.pop(broker.id, None)) is not None:
                broker.remove_layer(layer)
            if history is not None:
                layer = self._recording[broker.id] = Requests(broker.id, history, perf_counter_ns)
                broker.add_layer(layer)

    def topic_names(self):
        """{topic id: name}"""
        return {topic_id: topic.name for topic_id, topic in self.cluster.topics_by_id.items()}

    # -- snapshots ---------------------------------------------------------------------------------

    def snapshot(self):
        """A Snapshot of all that there is now. Raises NoSnapshot."""
        with self._standing():
            return Snapshot(self)

    def restore(self, snapshot):
        """All gives way to what a Snapshot has: connections are reset, and who comes back finds what was then.

        Returns once coordinators know it, too. Raises NoSnapshot, and nothing has changed then.
        """
        snapshot.check(self)
        with self._standing():
            for broker in self.brokers.values():
                broker.let_go()
            for topic in self.cluster.topics.values():
                for partition in topic.partitions:
                    for log in partition.logs.values():
                        log.delete()  # at once: what this run was goes when the collector finds it
            self._serving.close()
            self._serving = monotonic_clock()
            for broker in self.brokers.values():
                broker.patience = self._serving
            self.time.clear()
            if snapshot.now is not None:
                self.time.set(snapshot.now)
            choices = self._choices(snapshot)
            self._assemble(MemoryLogs(self.time, choices, self.memory, snapshot), choices, snapshot)
            self._serve(snapshot)

    def _standing(self):
        return self.time.still() if isinstance(self.time, ManualClock) else nullcontext()

    # -- what it is made of ------------------------------------------------------------------------

    def _open_registry(self):
        """The id of the cluster that is registered there, None without one."""
        from emulator.runtime.registration.registry import Registry  # who has no ZooKeeper pays nothing for it

        self._registry = Registry(self._zookeeper, self.time, self._serving, random.Random(self.seed))
        return self._registry.open()

    def _open_directories(self, choices, cluster_id):
        from emulator.runtime.log_manager.manager import LogManager  # a start in memory is timed
        from emulator.runtime.log_manager.several import SeveralLogs, check_layout

        check_layout(self.settings)
        if len(self.settings) > 1:
            return SeveralLogs(self.settings, self.time, self._serving, choices, self._progress, cluster_id)
        return LogManager(self.settings[0], self.time, self._serving, choices, self._progress, cluster_id=cluster_id)

    def _limits(self):
        """(handlers, supported features) of the release that this is to pass for."""
        handlers, supported = HANDLERS, SUPPORTED
        if self._release is not None:
            from emulator.api import releases

            handlers, supported = releases.limited(HANDLERS, self._release), releases.supported(self._release)
        if self._registry is not None:  # there is no place in ZooKeeper for replicas that are eligible
            supported = {name: levels for name, levels in supported.items() if name != ELIGIBLE_LEADER_REPLICAS}
        return handlers, supported

    def wait(self):
        """Until the server has been stopped."""
        self._stopped.wait()

    def stop(self):
        """Close every socket; what waits is let go."""
        for broker in self.brokers.values():
            broker.close()
        for broker in self.brokers.values():
            broker.end()
        if self._registry is not None:
            self._registry.stop()
        if self.logs is not None:
            self.logs.close()
        self.time.close()
        self.patience.close()
        self._serving.close()
        self._stopped.set()


def _keep_time(time, metadata):
    """A virtual clock goes on after a restart where it stood: nothing on disk is of a time to come."""
    table = metadata.table("clock")
    if (stood := table.get("now")) is not None:
        time.go_on_from(stood)
    table.put("now", time.now())
    time.on_advance.append(lambda now: table.put("now", now))
