"""An emulator inside a Python process, for its tests:

    with Emulator(clock="virtual", topics=["orders:6"]) as kafka:
        producer = Producer({"bootstrap.servers": kafka.bootstrap})
        ...
        kafka.clock.advance(days=7)

The server has a thread and an event loop of its own: blocking, asyncio and gevent clients all work beside it.
"""

from __future__ import annotations

import atexit
import os
from copy import copy
from datetime import datetime
from itertools import count
from time import perf_counter_ns
from typing import Any, Callable, Iterable, Literal, Mapping, TypeVar
from weakref import WeakSet

from emulator.apps.addresses import bootstrap_of
from emulator.apps.brokers import settings_of
from emulator.apps.embedded.broker import Broker
from emulator.apps.config_file import SCRAM_USERS
from emulator.apps.embedded.data import Data
from emulator.apps.embedded.faults import Failing, Fault
from emulator.apps.embedded.groups import Group, Member
from emulator.apps.embedded.record import Record
from emulator.apps.embedded.requests import Request
from emulator.apps.embedded.snapshot import Snapshot, on_free_ports
from emulator.apps.embedded.time import Cleaner, Clock, Retention
from emulator.apps.embedded.writing import Writer
from emulator.apps.errors import UsageError
from emulator.apps.own import KEYS, take_own
from emulator.apps.scram_users import add_scram_users, read_users
from emulator.apps.settings import parse_topics
from emulator.pipeline.narrate import timeline
from emulator.pipeline.requests import Exchange, History
from emulator.runtime.log_manager import StorageError
from emulator.runtime.membership import Unregistered
from emulator.runtime.server import Server
from emulator.runtime.thread import LoopThread, Stopped
from emulator.state.configs import ConfigError, Settings
from wire.errors import KafkaError

__all__ = ["Broker", "Cleaner", "Clock", "Emulator", "Fault", "Group", "Member", "Record", "Request", "Retention", "Snapshot", "Stopped"]

T = TypeVar("T")
_numbers = count(1)
_begun: WeakSet[Emulator] = WeakSet()


def begun_since(number: int) -> list[Emulator]:
    """Those whose latest run has a higher number, in the order in which they were started."""
    return sorted((one for one in _begun if one.number > number), key=lambda one: one.number)


class Emulator(Data, Failing):
    """One broker, or `brokers` of them, on a free loopback port each, from `start()` (or `with`) to `stop()`; it may be started again, empty, or with
    what is in its directory.

    `config`: names of Kafka's server.properties, and of config.yaml, with their values; `data_dir`: where to keep all,
    None for memory (or what `config` says of log.dirs). `topics`: NAME or
    NAME:PARTITIONS. `clock`: "virtual" stands still until `clock.advance`, from `clock_start` on (now; UTC where it has
    no zone). `seed` fixes every id and choice. `as_version`: pass for an
    earlier release of Kafka ("3.7"). `racks`: of each broker. `requests`: how many of clients'
    newest requests are kept, for `requests()`. Raises ValueError for what cannot be, OSError for an address that is taken.
    """

    def __init__(
        self,
        *,
        clock: Literal["real", "virtual"] | None = None,
        clock_start: datetime | None = None,
        config: Mapping[str, Any] | None = None,
        topics: Iterable[str] = (),
        seed: int | None = None,
        data_dir: str | os.PathLike | None = None,
        as_version: str | None = None,
        brokers: int | None = None,
        racks: Iterable[str] | None = None,
        requests: int = 1000,
    ) -> None:
        values = {"listeners": "PLAINTEXT://127.0.0.1:0"}
        values.update((name, _text(value) if name in KEYS else value) for name, value in (config or {}).items())
        faults, users = values.pop("faults", ()), values.pop(SCRAM_USERS, ())
        if data_dir is not None:
            values["log.dirs"] = os.fspath(data_dir)
        if clock_start is not None:
            values["clock.start"] = clock_start.isoformat()
        try:
            self._own, defaults = take_own(
                values, clock, None if seed is None else str(seed), as_version,
                None if brokers is None else str(brokers), None if racks is None else ",".join(racks),
            )  # fmt: skip
            users = read_users([({word: str(value) for word, value in one.items()}, "config") for one in users])
            self._own = self._own._replace(faults=tuple(faults), scram_users=users)
            self._settings: list[Settings] = settings_of({**defaults, **values}, self._own.brokers, self._own.racks)
            self._topics = parse_topics([topics] if isinstance(topics, str) else list(topics), "topic")
        except (ConfigError, UsageError) as error:
            raise ValueError(str(error)) from None
        self._most_requests = requests
        self._history: History | None = None
        self._started = 0
        self._seed: int | None = None
        self._topic_names: dict[bytes, str] = {}
        self.number = 0  # of its latest run, among all of the process
        self._begins_with: Snapshot | None = None
        self._thread: LoopThread | None = None
        self._server: Server | None = None
        self._ports: dict[str, Any] = {}
        self._writer = Writer()
        self._attach()

    def _attach(self) -> None:
        self.clock = Clock(self)
        self.cleaner = Cleaner(self)
        self.retention = Retention(self)
        self.brokers = {one.node_id: Broker(self, one.node_id) for one in self._settings}

    def __enter__(self) -> Emulator:
        return self if self._thread is not None else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Emulator:
        """Returns once it serves."""
        if self._thread is not None:
            raise RuntimeError("the emulator runs already")
        thread = LoopThread("kafka-emulator")
        thread.start()
        try:
            self._server = thread.call(self._serve)
            if self._own.control.listen is not None or self._own.control.metrics is not None:
                from emulator.apps.embedded.control import open_control

                self._ports = thread.call(open_control, self._server, self._own.control)
        except BaseException:
            if self._server is not None:
                thread.call(self._server.stop)
                self._server = None
            thread.stop()
            raise
        self._thread, self._seed = thread, self._server.seed
        self.number = next(_numbers)
        _begun.add(self)
        atexit.register(self.stop)
        return self

    def _serve(self) -> Server:
        server = Server(*self._settings, seed=self._own.seed, time=self._own.time(), memory_max=self._own.memory_max, release=self._own.release,
                        zookeeper=self._own.zookeeper)
        self._started = perf_counter_ns()
        if self._most_requests:
            server.record_requests(History(self._most_requests))
        self._begin_faults(server)
        kept, self._writer = self._begins_with, Writer()
        try:
            server.start(None if kept is None else kept.cluster)
        except (StorageError, ConfigError, KafkaError, Unregistered) as error:
            raise ValueError(str(error)) from None
        except OSError as error:
            wanted = ", ".join(listener for one in self._settings for listener in one.listeners)
            raise OSError(error.errno, f"cannot listen on {wanted}: {error.strerror or error}") from None
        if kept is not None:
            self._writer = kept.writer.copy()
            return server
        add_scram_users(server, self._own.scram_users)
        for name, partitions in self._topics:
            try:
                server.cluster.ensure_topic(name, partitions)
            except KafkaError as refusal:
                server.stop()
                raise ValueError(f"topic {name}: {refusal}") from None
        return server

    def _begin_faults(self, server: Server) -> None:
        """Those of the configuration, and no others."""
        if self._own.faults or "faults" in vars(server):
            server.faults.clear()
            for words in self._own.faults:
                server.faults.add(words)

    def stop(self) -> None:
        """Returns once all is closed; a second time does nothing."""
        atexit.unregister(self.stop)
        thread = self._thread
        if thread is not None:
            self._exchanges()  # there to be looked at, still
            self._thread = None
            try:
                for port in self._ports.values():
                    thread.call(port.close)
                thread.call(self._server.stop)
            finally:
                self._server, self._ports = None, {}
                thread.stop()

    def requests(self, api: str | None = None, *, client_id: str | None = None) -> list[Request]:
        """What clients have asked, all or some of it, in the order in which it came; as many as the newest `requests`.

        After `stop`, of the run that has ended; `timeline` likewise.
        """
        return [
            Request(one, self._started, self._topic_names)
            for one in self._exchanges()
            if api in (None, one.api) and client_id in (None, one.client_id)
        ]

    def forget_requests(self) -> None:
        """`requests` and `timeline` are about what comes from now on."""
        self.call(lambda: self.server.history and self.server.history.clear())

    def timeline(self, most: int = 10) -> str:
        """The newest `most` requests of each client in words: when, how long it took, what was asked, and answered."""
        return timeline(self._exchanges(), self._started, self._topic_names, most)

    def _exchanges(self) -> list[Exchange]:
        def all_of_them():
            topics = self.server.cluster.topics_by_id
            self._topic_names = {**self._topic_names, **{topic_id: topic.name for topic_id, topic in topics.items()}}
            self._history = self.server.history
            return list(self._history or ())

        return self.call(all_of_them) if self.runs else list(self._history or ())

    def snapshot(self) -> Snapshot:
        """All that the cluster has now, however much, in a moment: nothing is copied before it changes.

        Records, offsets, groups, transactions, producers' sequences, configs, ACLs, who leads and who is down, a virtual
        clock, the state of the seed. Not connections, sessions and joins under way, locks on records of share groups: as after
        a restart. Raises ValueError where the data is in a directory.
        """
        return self.call(lambda: Snapshot(self.server.snapshot(), self._writer.copy()))

    def restore(self, snapshot: Snapshot) -> None:
        """The cluster is again as it was then: connections are reset, and clients that come back find what there was.

        Faults are those of `config` again. It may be one of another Emulator with as many brokers. Raises ValueError.
        """

        def restore():
            self.server.restore(snapshot.cluster)
            self._begin_faults(self.server)
            self._writer = snapshot.writer.copy()

        self.call(restore)

    def fork(self, snapshot: Snapshot | None = None) -> Emulator:
        """Another Emulator, started on ports of its own, that begins with what there is now, or in a snapshot; neither sees
        what becomes of the other. Raises ValueError.
        """
        other = copy(self)
        other._begins_with = self.snapshot() if snapshot is None else snapshot
        other._settings = on_free_ports(self._settings)
        other._own = self._own._replace(seed=self.seed, clock_start=other._begins_with.cluster.now, control=self._own.control.elsewhere())
        other._thread, other._server, other._ports = None, None, {}
        other._attach()
        return other.start()

    def kill_broker(self, broker_id: int) -> None:
        """As `brokers[broker_id].kill()`."""
        self.brokers[broker_id].kill()

    @property
    def runs(self) -> bool:
        """Between `start` and `stop`."""
        return self._thread is not None

    @property
    def bootstrap(self) -> str:
        """HOST:PORT of each broker, with commas between them, for clients' bootstrap.servers."""
        return bootstrap_of(self.server)

    @property
    def control(self) -> str:
        """HOST:PORT of the control API and the web console, where config has control.listen."""
        return self._address("control")

    @property
    def control_token(self) -> str | None:
        """What that port is to be told (`Authorization: Bearer`), None where it needs no token."""
        token = self._own.control.token
        return None if token is None else token.text

    @property
    def metrics(self) -> str:
        """HOST:PORT of /metrics and /health alone, where config has metrics.listen."""
        return self._address("metrics")

    def _address(self, name: str) -> str:
        if name not in self._ports:
            raise RuntimeError(f"there is no such port: config has no {name}.listen")
        return self._ports[name].address

    @property
    def seed(self) -> int:
        """What fixes the ids and choices of this run, or fixed those of the last one."""
        return self.server.seed if self._seed is None else self._seed

    @property
    def server(self) -> Server:
        """The server itself, which only its own thread may touch: see `call`."""
        if self._server is None:
            raise Stopped("the emulator does not run")
        return self._server

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """`function(*arguments)` in the server's thread: its value, or what it raises."""
        thread = self._thread
        if thread is None:
            raise Stopped("the emulator does not run")
        return thread.call(function, *arguments)


def _text(value):
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
