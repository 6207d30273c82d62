"""What a proxy asks about each request: whether the overlay is concerned, and what its answer is then."""

import logging
import random

from emulator.apps.proxy.front import BROKER, broker_of
from emulator.apps.proxy.overlay.engine import Engine
from emulator.apps.proxy.overlay.fetching import OfFetches
from emulator.apps.proxy.overlay.groups import of_groups
from emulator.apps.proxy.overlay.metadata import OfCoordinators, OfMetadata, OfPartitions
from emulator.apps.proxy.overlay.offsets import of_offsets
from emulator.apps.proxy.overlay.sides import Sides
from emulator.apps.proxy.overlay.topics import by_topic
from emulator.apps.proxy.overlay.transactions import of_transactions
from emulator.apps.proxy.rewriting import rewriter
from emulator.pipeline.dispatch import Refused
from emulator.pipeline.answers.readable import readable
from emulator.runtime.log_manager import StorageError
from emulator.state.configs import ConfigError
from wire.apis.data import Fetch
from wire.apis.metadata import DescribeTopicPartitions, FindCoordinator, Metadata

log = logging.getLogger(__name__)


class Overlay:
    """`settings`: an OverlaySettings, `server`: the ProxyServer."""

    def __init__(self, settings, server):
        self.settings = settings
        self.engine = Engine(settings.values)
        self._server = server
        sides = Sides(self.engine, server.topic_names, settings.topics, settings.groups, settings.transactions)
        self._families = {
            **by_topic(sides),
            **of_groups(sides, self.engine),
            **of_offsets(sides, self.engine),
            **of_transactions(sides, self.engine),
            Metadata: OfMetadata(sides),
            DescribeTopicPartitions: OfPartitions(sides),
            FindCoordinator: OfCoordinators(sides, self.engine),
            Fetch: OfFetches(sides, server, random.SystemRandom()),
        }

    def wants(self, api):
        """Whether requests of that API are to be looked at."""
        return api in self._families

    def concerns(self, api, request, call):
        """Whether the cluster behind may not answer by itself; `call` has the version."""
        return not self.engine.is_there or self._families[api].concerns(request, call)

    def answer(self, api, request, call, theirs):
        """The answer's record, None where there is none to come. `theirs(request)` asks the cluster behind."""
        if not self.engine.is_there:
            self._server.look_again()
            if not self.engine.is_there:
                raise Refused("the overlay does not know yet which brokers there are behind")
            if not self._families[api].concerns(request, call):
                return theirs(request)
        return self._families[api].answer(Asked(self, api, request, call, theirs))

    def follow(self, node_ids):
        try:
            self.engine.follow(set(node_ids))
        except (StorageError, ConfigError, OSError) as error:
            log.error("the overlay does not start: %s", error)

    @property
    def topics(self):
        return self.engine.cluster.topics.values() if self.engine.is_there else ()

    def stop(self):
        self.engine.stop()


class Asked:
    """A request that the overlay is concerned by: `ours(request)` and `theirs(request)` give what either side says, as records."""

    def __init__(self, overlay, api, request, call, theirs):
        self._engine = overlay.engine
        self.theirs = theirs
        self.api = api
        self.request = request
        self.call = call
        self.version = call.version

    def ours(self, request, node_id=None, connection=None):
        """`node_id`: of whom, if it is not the broker that the client means; `connection`: to wait on, if not the client's own."""
        front = self.call.connection.front
        response = self._engine.answer(self.api, request, self.call, self.node_id if node_id is None else node_id, connection)
        if response is None:
            return None
        response = readable(self.api, self.version, response)
        if "node_endpoints" in response.fields_in_order and response.node_endpoints:
            ports = {node.id: node.port for (kind, _), node in front.nodes.items() if kind == BROKER}
            response.node_endpoints = [one for one in response.node_endpoints if one.node_id in ports]
            rewriter(self.api, self.version)(response, _Here(front.advertised_host, ports))
        return response

    @property
    def node_id(self):
        """Of the broker that the client means, None where it came first."""
        return broker_of(self.call.connection)


class _Here:
    def __init__(self, host, ports):
        self._host = host
        self._ports = ports

    def broker(self, node_id, host, port):
        return self._host, self._ports[node_id]
