"""One listener that clients come to first, and beside it one for each broker behind: a cluster as its clients see it."""

import logging

from gevent import spawn

from emulator.apps.proxy.routes import Routes
from emulator.runtime.listener import Listener, bind
from emulator.runtime.upstream.dial import Unreachable
from emulator.runtime.upstream.pair import Pair

log = logging.getLogger(__name__)

BROKER, CONTROLLER = "broker", "controller"
_FIRST = {BROKER: 1, CONTROLLER: 1001}  # how far after the bootstrap port those of node 0 are
_LAST_PORT = 65535
_RETRY_MS = 200  # between two looks whether a broker that refused listens again


def broker_of(pair):
    """The id of the broker that a client means, None for any."""
    kind, _, node_id = (pair.node or "").partition(" ")
    return int(node_id) if kind == BROKER else None


class Fronted:
    """A server whose clients come to its `fronts`."""

    @property
    def bound(self):
        """(listener name, host, port) of each listener that clients come to first."""
        return [(front.name, front.host, front.port) for front in self.fronts]

    def bind(self):
        """Take all addresses, or none: raises OSError when one is not to be had."""
        try:
            for front in self.fronts:
                front.bind()
        except OSError:
            self.close_fronts()
            raise

    def close_fronts(self):
        for front in self.fronts:
            front.close()


class Front:
    """`server`: the ProxyServer; `endpoint`: where it listens (name, host, port); `advertised_host`: what clients are told.

    Node n is at port + 1 + n, a controller n at port + 1001 + n, where that is free; with port 0 each gets a free one.
    `add_layer(layer)` and `remove_layer(layer)` are of what is asked through this listener, see Dispatcher.
    """

    def __init__(self, server, endpoint, advertised_host=None):
        self.server = server
        self.name, self.host, self.port = endpoint
        self.advertised_host = advertised_host or self.host
        self._is_free = not self.port
        self.builder = server.builders.get(self.name)
        self.routes = Routes(self, server.overlay, self.builder is not None and self.builder.ends_login)
        self.nodes = {}  # (BROKER or CONTROLLER, id): Node
        self._listeners = []

    def bind(self):
        """Take the first address. Raises OSError."""
        sockets = bind(self.host, self.port)
        self.port = sockets[0].getsockname()[1]
        self._listeners = [Listener(sock, self._accepted(self.server.dial_bootstrap)) for sock in sockets]

    def serve(self):
        for listener in self._listeners:
            listener.start()

    def add_layer(self, layer):
        self.routes.dispatcher.add(layer)

    def remove_layer(self, layer):
        self.routes.dispatcher.remove(layer)

    def _accepted(self, dial, node=None):
        """`node`: "broker 1", None for the address where clients come first."""

        def accepted(sock, peer):
            self.server.connections.add(Pair(self.server, self, sock, peer, dial, node))

        return accepted

    # -- the brokers behind ----------------------------------------------------------------------

    def broker(self, node_id, host, port):
        """(host, port) here of the broker that is at `host`, `port` behind; from now on it is served."""
        return self._node(BROKER, node_id, host, port)

    def controller(self, node_id, host, port):
        return self._node(CONTROLLER, node_id, host, port)

    def _node(self, kind, node_id, host, port):
        node = self.nodes.get((kind, node_id))
        if node is None:
            node = self.nodes[kind, node_id] = Node(self, kind, node_id)
        node.found((host, port))
        return self.advertised_host, node.port

    def only(self, node_ids):
        """Of brokers there are these and no others: who comes for another is refused, until it is there again."""
        for (kind, node_id), node in self.nodes.items():
            if kind == BROKER and node_id not in node_ids and node.is_there:
                log.info("%s: broker %s is gone", self.name, node_id)
                node.gone()

    def listen_for(self, kind, node_id, dial):
        """(port, [Listener]) for a node; its own port, or a free one where that is taken."""
        wanted = self.port + _FIRST[kind] + node_id
        wanted = 0 if self._is_free or wanted > _LAST_PORT else wanted
        try:
            sockets = bind(self.host, wanted)
        except OSError as error:
            if not wanted:
                raise
            sockets = bind(self.host, 0)
            log.warning("%s: port %s of %s %s is not to be had: %s", self.name, wanted, kind, node_id, error.strerror)
        return sockets[0].getsockname()[1], [Listener(sock, self._accepted(dial, f"{kind} {node_id}")) for sock in sockets]

    def close(self):
        for listener in self._listeners:
            listener.close()
        self._listeners = []
        for node in self.nodes.values():
            node.close()


class Node:
    """A broker behind: `upstream` is where it is, `port` where its clients come; `is_there`: the cluster behind names it.

    While nobody listens there, nobody does here: clients that are refused wait before they come again, and do not if they were let in.
    """

    def __init__(self, front, kind, node_id):
        self._front = front
        self.kind = kind
        self.id = node_id
        self.upstream = None
        self.is_there = False
        self._retry = None  # a deadline, while it refuses
        self.port, self._listeners = front.listen_for(kind, node_id, self._dial)
        log.info("%s: %s %s is at port %s", front.name, kind, node_id, self.port)

    @property
    def listens(self):
        return any(listener.listens for listener in self._listeners)

    def found(self, upstream):
        if upstream != self.upstream:
            self.upstream = upstream
            self._forget_refusal()
        self.is_there = True
        self._follow()

    def gone(self):
        self.is_there = False
        self._forget_refusal()
        self._follow()

    def _follow(self):
        wanted = self.is_there and self._retry is None
        for listener in self._listeners if wanted != self.listens else ():
            if wanted:
                listener.start()
            else:
                listener.pause()

    # -- a broker that refuses ------------------------------------------------------------------------

    def _dial(self):
        try:
            return self._front.server.dial([self.upstream])
        except Unreachable as error:
            if error.is_refused and self.is_there and self._retry is None:
                self._try_later()
                self._follow()
            raise

    def _try_later(self):
        self._retry = self._front.server.patience.after(_RETRY_MS, lambda: spawn(self._try))

    def _try(self):
        upstream = self.upstream
        try:
            self._front.server.try_dial([upstream]).close()
        except Unreachable as error:
            is_refused = error.is_refused
        else:
            is_refused = False
        if self._retry is None or upstream != self.upstream:
            return
        if is_refused:
            self._try_later()
        else:
            self._retry = None
            self._follow()

    def _forget_refusal(self):
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def close(self):
        self.is_there = False
        self._forget_refusal()
        for listener in self._listeners:
            listener.close()
