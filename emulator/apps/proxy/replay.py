"""A server that answers from a recording, without any cluster behind."""

import logging

from gevent import spawn

from emulator.apps.proxy.front import Front, Fronted
from emulator.apps.proxy.matching import Differs, content
from emulator.apps.proxy.rewriting import rewriter
from emulator.pipeline.dispatch import Dispatcher
from emulator.runtime.channels import ChannelBuilder
from emulator.runtime.clock import monotonic_clock, wall_clock
from emulator.runtime.connection import Connection
from emulator.runtime.frames import ReusedFrames
from emulator.state.cluster import Endpoint
from wire.apis import BY_KEY
from wire.apis.data import Fetch
from wire.apis.metadata import ApiVersions
from wire.apis.share_groups import ShareFetch

log = logging.getLogger(__name__)
_MOST_KEPT = 1000  # differences


class ReplayServer(Fronted):
    """`endpoints`: [(name, host, port)]; `advertised`: {name: host}; `matcher`: a Strict or a Lenient of matching.py.

    `differences`: the newest of what clients asked that is not in the recording, as lines; `differed`: how many there were.
    """

    def __init__(self, endpoints, matcher, advertised=None, largest_request=104857600):
        self.time = wall_clock()
        self.patience = monotonic_clock()
        self.matcher = matcher
        self.socket_request_max_bytes = largest_request
        self.connections = set()
        self.differences = []
        self.differed = 0
        self.overlay = None  # what it had is in the recording
        self.builders = {}
        self.fronts = [_Front(self, endpoint, (advertised or {}).get(endpoint[0])) for endpoint in endpoints]

    def start(self):
        """Raises OSError when an address is not to be had."""
        self.bind()
        for front in self.fronts:
            front.serve()
        return self

    def stop(self):
        self.close_fronts()
        for connection in list(self.connections):
            connection.greenlet.kill(block=False)
        self.time.close()
        self.patience.close()

    def dial_bootstrap(self):
        raise NotImplementedError("there is nobody behind")

    def differs(self, text):
        log.warning("%s", text)
        self.differed += 1
        self.differences = [*self.differences[1 - _MOST_KEPT :], text]


class _Front(Front):
    """A listener, and those of the brokers that answers name: they are made when a client first hears of one.

    To its connections it is what a broker is: `settings`, `dispatcher`, `frames`, the clocks.
    """

    authorizer = None  # who could ask has asked

    def __init__(self, server, endpoint, advertised_host):
        super().__init__(server, endpoint, advertised_host)
        self.settings = server  # of which connections want to know how large a request may be
        self.time, self.patience = server.time, server.patience
        self.frames = ReusedFrames()
        self._builder = ChannelBuilder(Endpoint(*endpoint, "PLAINTEXT"))
        self.dispatcher = Dispatcher({key: _Replaying(api, server, self) for key, api in BY_KEY.items()}, {})

    def _accepted(self, dial, node=None):
        def accepted(sock, peer):
            connection = Connection(self, sock, self._builder, peer)
            connection.node = node
            self.server.connections.add(connection)
            connection.greenlet = spawn(connection.serve)

        return accepted

    def forget(self, connection):
        self.server.connections.discard(connection)


class _Replaying:
    """What a Dispatcher takes for a handler."""

    def __init__(self, api, server, front):
        self.api = api
        self._server = server
        self._front = front

    def serves(self, version):
        return version in self.api.versions

    def bind(self, services):
        return self._answer

    def _answer(self, request, call):
        api, server = self.api, self._server
        version = call.version
        asked = None if request is None else content(api.request.fields, request, version)
        try:
            exchange = server.matcher.find(call.connection, call.connection.node, call.client_id, api, version, asked)
        except Differs as differs:
            server.differs(str(differs))
            call.close(f"not in the recording: {differs}")
        exchange.uses += 1
        if exchange.has_left:
            call.pending().wait()  # until it leaves again
        if exchange.is_closed:
            call.close(f"the recording ends the connection at line {exchange.line}")
        response = exchange.answer()
        if response is None:
            return None
        rewrite = rewriter(api, version) if api is not ApiVersions else None
        if rewrite is not None:
            rewrite(response, self._front)
        if api.name.endswith("GroupHeartbeat") and request.member_id and response.member_id:
            response.member_id = request.member_id  # which clients make up by themselves
        if api in (Fetch, ShareFetch) and exchange.uses > 1 and not _brings(response):
            call.pending().wait(call.patience.now() + max(request.max_wait_ms, 0))  # nothing new comes, and who asks again would not rest
        return response


def _brings(response):
    return any(partition.records for topic in response.responses for partition in topic.partitions)
