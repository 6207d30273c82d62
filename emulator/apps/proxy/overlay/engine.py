"""The emulator of an overlay: a broker for each node of the cluster behind, with that node's id, and no listener."""

import logging

from gevent.lock import BoundedSemaphore

from emulator.apps.brokers import settings_of_nodes
from emulator.pipeline.dispatch import Refused
from emulator.runtime.broker import RUNNING, STOPPED
from emulator.runtime.connection import Call
from emulator.runtime.server import Server
from emulator.state.cluster import names
from emulator.state.configs import ConfigError
from wire.apis.metadata import FindCoordinator
from wire.errors import KafkaError

log = logging.getLogger(__name__)

_LISTENER = "PLAINTEXT"
_KEYS_OF_COORDINATORS = 4  # FindCoordinator's first version with several
# Of transactional producers here; those of the cluster behind, which write here, too, count from 0.
_FIRST_PRODUCER_ID = 1 << 62


class Engine:
    """`values`: {Kafka's broker key: text}."""

    def __init__(self, values):
        self._values = values
        self._server = None
        self._turn = BoundedSemaphore()
        self._strangers = set()  # nodes behind of which nobody here has the id

    @property
    def is_there(self):
        return self._server is not None

    @property
    def cluster(self):
        return self._server.cluster

    def follow(self, node_ids):
        """Of the cluster behind there are these nodes: a broker goes, or comes back, with each. Raises StorageError, ConfigError, OSError."""
        with self._turn:
            if self._server is None:
                self._start(sorted(node_ids))
            else:
                self._keep_up(node_ids)

    def _keep_up(self, node_ids):
        for broker in self._server.brokers.values():
            if broker.id in node_ids and broker.state == STOPPED:
                broker.start()
            elif broker.id not in node_ids and broker.state == RUNNING:
                broker.stop()
        for node_id in node_ids - self._server.brokers.keys() - self._strangers:
            self._strangers.add(node_id)
            log.warning("broker %s is new behind: it leads nothing of the overlay before the proxy is started again", node_id)

    def _start(self, node_ids):
        settings = settings_of_nodes({"listeners": f"{_LISTENER}://127.0.0.1:0", **self._values}, node_ids)
        server = Server(*settings, listens=False)
        server.start()
        try:
            ids = server.cluster.metadata.table("producer_ids")
            if ids.get("next_block", 0) < _FIRST_PRODUCER_ID:
                ids.put("next_block", _FIRST_PRODUCER_ID)
            for name in (names.CONSUMER_OFFSETS, names.TRANSACTION_STATE):
                server.cluster.ensure_internal_topic(name)
        except KafkaError as error:
            server.stop()
            raise ConfigError(f"the overlay cannot begin: {error}") from None
        for broker in server.brokers.values():
            broker.services["coordinators"].wait()
        self._server = server

    def stop(self):
        if self._server is not None:
            self._server.stop()

    # -- asking ------------------------------------------------------------------------------------

    def answer(self, api, request, call, node_id=None, connection=None):
        """What the broker of that id says, as a record; any broker where there is none of it. `connection`: to wait on, if not the call's."""
        broker = self.broker(node_id)
        own = Call(connection or call.connection, _LISTENER, (call.client_host, call.client_port), self._server.time, broker.services["patience"])
        own.version, own.correlation_id = call.version, call.correlation_id
        own.raw_client_id, own.client_id = call.raw_client_id, call.client_id
        own.principal, own.software = call.principal, call.software
        return broker.dispatcher.handle(api, request, own)

    def broker(self, node_id=None):
        brokers = self._server.brokers
        found = brokers.get(node_id)
        if found is None or found.state != RUNNING:
            found = next((one for one in brokers.values() if one.state == RUNNING), None)
        if found is None:
            raise Refused("no broker of the overlay is up")
        return found

    def coordinator(self, key, call, key_type=0):
        """The id of the broker that coordinates a group (0) or transaction (1), None where nobody does for now."""
        own = Call(call.connection, _LISTENER, (call.client_host, call.client_port), self._server.time, self._server.patience)
        own.version = _KEYS_OF_COORDINATORS
        request = FindCoordinator.Request(key_type=key_type, coordinator_keys=[key])
        [found] = self.broker().dispatcher.handle(FindCoordinator, request, own).coordinators
        return None if found.error_code else found.node_id

    def group(self, group_id):
        """The state.groups group of that id, None where there is none."""
        for broker in self._server.brokers.values():
            if broker.state == RUNNING:
                try:
                    if (group := broker.services["groups"].get(group_id)) is not None:
                        return group
                except KafkaError:  # another coordinates it
                    pass
        return None
