"""One of the two clusters: its brokers, topics and leaders, and a connection to each broker that is asked."""

import logging
from typing import NamedTuple

from gevent.lock import BoundedSemaphore

from emulator.apps.addresses import format_address
from emulator.apps.mirror.connection import Connection, Lost
from emulator.runtime.upstream.dial import Unreachable
from wire import errors
from wire.apis.metadata import FindCoordinator, Metadata
from wire.errors import Error

log = logging.getLogger(__name__)

_CHANGES_S = 40.0  # for what brokers themselves wait
_GROUP = 0  # the type of key of FindCoordinator


class Topic(NamedTuple):
    """`leaders`: {partition: broker id, -1 for none}; `id`: hexadecimal, "" where the broker tells none."""

    is_internal: bool
    leaders: dict
    id: str = ""


class Refusal(Exception):
    """A broker's answer is an error."""

    def __init__(self, what, code, message=None):
        super().__init__(f"{what}: {message or text_of(code)}")
        self.code = code


class Cluster:
    """`what`: which one, for messages; `bootstrap`: [(host, port)]; `dialer`: a Dialer."""

    def __init__(self, what, bootstrap, dialer):
        self.what = what
        self.cluster_id = None
        self.topics = {}  # name -> Topic
        self._bootstrap = bootstrap
        self._dialer = dialer
        self._brokers = {}  # id -> (host, port)
        self._controller = -1
        self._connections = {}  # (address, whether it is for what waits) -> Connection
        self._dialling = {}  # the same -> a lock

    def refresh(self):
        """Learn what there is. Raises Lost, Unsupported, Refusal."""
        answer = self._any().ask(Metadata, topics=None, allow_auto_topic_creation=False)
        if not answer.brokers:
            raise Lost(f"{self.what}: its brokers do not know each other yet")
        self.cluster_id = answer.cluster_id
        self._controller = answer.controller_id
        self._brokers = {one.node_id: (one.host, one.port) for one in answer.brokers}
        self.topics = {
            one.name: Topic(one.is_internal, {each.partition_index: each.leader_id for each in one.partitions},
                            one.topic_id.hex().strip("0") and one.topic_id.hex())
            for one in answer.topics if one.error_code == errors.NONE
        }  # fmt: skip
        present = {*self._brokers.values(), *self._bootstrap}
        for place in [place for place in self._connections if place[0] not in present]:
            self._connections.pop(place).close()

    @property
    def broker_ids(self):
        return self._brokers.keys()

    def leader(self, topic, partition):
        """A broker's id, None where nobody leads it now."""
        found = self.topics.get(topic)
        leader = -1 if found is None else found.leaders.get(partition, -1)
        return leader if leader in self._brokers else None

    def ask(self, api, **fields):
        """Of any broker."""
        return self._any().ask(api, **fields)

    def ask_controller(self, api, **fields):
        controller = self.broker(self._controller) if self._controller in self._brokers else self._any()
        return controller.ask(api, _CHANGES_S, **fields)

    def ask_coordinator(self, group, api, **fields):
        return self.at(self.coordinator(group, _GROUP)).ask(api, **fields)

    def coordinator(self, key, key_type):
        """(host, port). Raises Refusal, Lost."""
        found = self._any().ask(FindCoordinator, key=key, key_type=key_type)
        if found.error_code:
            raise Refusal(f"{self.what}: the coordinator of {key}", found.error_code, found.error_message)
        return found.host, found.port

    def at(self, address):
        return self._connect(address)

    def every_broker(self):
        return [self.broker(broker_id) for broker_id in sorted(self._brokers)]

    def broker(self, broker_id, waits=False):
        """A Connection; one of its own for what `waits` long, for a broker answers in order. Raises Lost, Unsupported."""
        if broker_id not in self._brokers:
            raise Lost(f"{self.what}: there is no broker {broker_id}")
        return self._connect(self._brokers[broker_id], waits)

    def _any(self):
        failures = []
        addresses = [*self._brokers.values(), *self._bootstrap]
        for address in sorted(dict.fromkeys(addresses), key=lambda one: not self._is_connected(one)):
            try:
                return self._connect(address)
            except Lost as error:
                failures.append(str(error))
        raise Lost("; ".join(failures))

    def _is_connected(self, address):
        return self._open(address, False) is not None

    def _open(self, address, waits):
        found = self._connections.get((address, waits))
        return found if found is not None and found.is_open else None

    def _connect(self, address, waits=False):
        place = address, waits
        with self._dialling.setdefault(place, BoundedSemaphore(1)):
            if self._open(address, waits) is None:
                try:
                    sock = self._dialer.dial([address])
                except Unreachable as error:
                    raise Lost(f"{self.what}: {error}") from None
                connection = Connection(sock, f"{self.what}: {format_address(*address)}")
                connection.negotiate()  # or it is closed by itself
                self._connections[place] = connection
            return self._connections[place]

    def close(self):
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()


def text_of(code):
    try:
        return Error(code).name
    except ValueError:
        return f"error {code}"
