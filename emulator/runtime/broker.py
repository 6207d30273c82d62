"""One broker of the cluster: its listeners, its connections, its dispatcher and the services that are its own."""

import logging
from time import perf_counter_ns

from gevent import killall, spawn
from gevent.event import Event

from emulator.api.api_versions import Served
from emulator.pipeline.dispatch import Dispatcher
from emulator.pipeline.throttle import Throttle
from emulator.runtime.admission import Admission
from emulator.runtime.channels import ChannelBuilder
from emulator.runtime.connection import Connection
from emulator.runtime.denials import Denials
from emulator.runtime.lifetime import Lifetime
from emulator.runtime.frames import FreshFrames, ReusedFrames
from emulator.runtime.listener import Listener, bind
from emulator.runtime.membership import Unregistered
from emulator.runtime.services import make_broker_services
from emulator.runtime.turns import give_turn
from emulator.state.authorizer import authorizer_of
from emulator.state.quotas.connections import TooManyConnections

log = logging.getLogger(__name__)


_IDLE_LATE_MS = 1000  # that a silent connection may live too long
RUNNING, FROZEN, STOPPED, KILLED = "running", "frozen", "stopped", "killed"


class WrongState(RuntimeError):
    """What was asked of a broker cannot be done in the state that it is in."""


class BrokerServer:
    """A broker that `settings` describe, on the clocks `time` and `patience`.

    `bound` lists (listener name, host, port) as really bound; `state` is RUNNING ..., `is_split` whether clients are kept out.
    `listens`: False where clients come another way, as through a proxy.
    """

    def __init__(self, settings, time, patience, listens=True):
        self.settings = settings
        self.id = settings.node_id
        self._listens = listens
        self.time = time
        self.patience = patience
        self.bound = []
        self.connections = set()
        self.services = self.dispatcher = self.frames = self.authorizer = None
        self.denials = Denials(patience)
        self.state = STOPPED
        self.is_split = False
        self._shared = self._logs = self._handlers = self._lasting = None
        self._lifetime = None
        self._builders = {endpoint.name: ChannelBuilder(endpoint) for endpoint in settings.endpoints}
        self._listeners = []
        self._turned_away = set()
        self._quotas = self._throttle = self._admission = None
        self._layers = []
        self._thawed = None  # while it is frozen: an Event

    def bind(self):
        """Take the addresses. Raises OSError (with `.strerror`) when one is not to be had."""
        for endpoint in self.settings.endpoints:
            if not self._listens:
                self.bound.append((endpoint.name, endpoint.host, endpoint.port))
                continue
            builder = self._builders[endpoint.name]
            sockets = bind(endpoint.host, endpoint.port)
            port = sockets[0].getsockname()[1]
            self.bound.append((endpoint.name, endpoint.host, port))
            self._listeners += [Listener(sock, self._accepted_by(builder)) for sock in sockets]

    def join(self, shared, logs, handlers, lasting):
        """Make what answers, of what all brokers share and what is this one's own. See Dispatcher."""
        self._shared, self._logs, self._handlers, self._lasting = shared, logs, handlers, lasting
        self.frames = ReusedFrames() if self.settings.log_directories else FreshFrames()
        self._begin()

    def _begin(self):
        self._lifetime = Lifetime()
        services = make_broker_services(self._shared, self.settings, self._logs, self._lifetime)
        services["served"] = Served(self._handlers)
        self.services = services
        self.authorizer = authorizer_of(self.settings, services["acls"])
        self.dispatcher = Dispatcher(self._handlers, services, self._lasting)
        for builder in self._builders.values():
            builder.configure(services, self._lifetime)
        for layer in self._layers:
            for dispatcher in self._dispatchers():
                dispatcher.add(layer)
        self._admission = Admission([*self._builders], services, self._lifetime, self.patience)
        self._admission.on_excess.append(self._close_excess)
        self._quotas = services["quotas"]
        self._throttle = Throttle(self._quotas, self.patience, perf_counter_ns)
        self._quotas.on_change.append(self._quotas_changed)
        self._quotas_changed()

    def serve(self):
        """Let clients in."""
        self.state = RUNNING
        for listener in self._listeners:
            listener.start()
        self._watch_idle(self._lifetime)

    # -- what becomes of it ------------------------------------------------------------------------

    def kill(self):
        """Gone at once, as after kill -9: sockets are reset, others lead. What is in its logs stays, as in a page cache."""
        self._expect("kill", RUNNING, FROZEN)
        self.state = KILLED
        for connection in self.connections:
            connection.reset()
        self._leave(is_clean=False)
        self._close_connections()

    def stop(self):
        """A controlled shutdown: others lead first, then connections are closed."""
        self._expect("stop", RUNNING)
        self._shared["membership"].shut_down(self.id)
        give_turn()  # whoever waited for what this broker led is told to look elsewhere
        self.state = STOPPED
        for listener in self._listeners:
            listener.pause()
        self._close_connections()
        self._leave(is_clean=True)

    def start(self):
        """Again, after `stop` or `kill`, at the same addresses: it follows first, and leads what nobody leads."""
        self._expect("start", STOPPED, KILLED)
        was_stopped = self.state == STOPPED
        try:
            self._shared["membership"].register(self.id)
        except Unregistered as error:
            raise WrongState(f"broker {self.id} cannot start: {error}") from None
        self._begin()
        self._shared["replication"].mend(self.id)
        self._shared["quorum"].found(self.id)
        self._shared["membership"].came(self.id, was_stopped)
        self.is_split = False
        self.serve()

    def freeze(self):
        """As after SIGSTOP: clients are accepted and never answered; after broker.session.timeout.ms the controller gives it up."""
        self._expect("freeze", RUNNING)
        self.state = FROZEN
        self._thawed = Event()
        for connection in self.connections:
            connection.freeze(self._thawed)
        self._lifetime.freeze()
        self._shared["peers"].answering.pop(self.id, None)
        self._shared["replication"].cut(self.id)
        self._shared["quorum"].lost(self.id)
        self._shared["membership"].froze(self.id)

    def thaw(self):
        """It goes on where it stood; what clients have asked meanwhile is answered."""
        self._expect("thaw", FROZEN)
        self.state = RUNNING
        self._shared["peers"].answering[self.id] = self.services
        self._shared["replication"].mend(self.id)
        self._shared["quorum"].found(self.id)
        self._shared["membership"].thawed(self.id)
        self._lifetime.thaw()
        self._melt()

    def _melt(self):
        for connection in self.connections:
            connection.freeze(None)
        thawed, self._thawed = self._thawed, None
        if thawed is not None:
            thawed.set()

    def split(self):
        """Clients cannot reach it any more: their connections are reset, new ones refused. Other brokers can, and it leads on."""
        self._expect("split", RUNNING)
        if self.is_split:
            raise WrongState(f"broker {self.id} is split from its clients already")
        self.is_split = True
        for listener in self._listeners:
            listener.pause()
        for connection in self.connections:
            connection.reset()
        self._close_connections()

    def mend(self):
        """Clients reach it again."""
        self._expect("mend", RUNNING)
        if not self.is_split:
            raise WrongState(f"broker {self.id} is not split from its clients")
        self.is_split = False
        for listener in self._listeners:
            listener.start()

    # -- the cluster gives way to another -----------------------------------------------------------

    def let_go(self):
        """Nothing is left of it but its addresses, where who comes waits until it serves again."""
        for listener in self._listeners:
            listener.hold()
        for connection in self.connections:
            connection.reset()
        self._close_connections()
        self.end()
        self._thawed = None
        self.is_split = False

    def resume(self, kept):
        """After `join`: be as it is `kept` in a snapshot."""
        if kept.state in (RUNNING, FROZEN):
            self.serve()
            if kept.is_split:
                self.split()
            if kept.state == FROZEN:
                self.freeze()
            return
        self.end()
        for listener in self._listeners:
            listener.pause()
        self._shared["replication"].cut(self.id)
        self._shared["quorum"].lost(self.id)
        self.state = kept.state

    def _expect(self, what, *states):
        if self.state not in states:
            raise WrongState(f"broker {self.id} is {self.state}: only one that is {' or '.join(states)} can be asked to {what}")

    def _leave(self, is_clean):
        """Nothing of this run goes on; the cluster goes on without it."""
        self.end()
        for listener in self._listeners:
            if listener.listens:
                listener.pause()
        self._shared["replication"].cut(self.id)
        self._shared["quorum"].lost(self.id)
        self._shared["membership"].left(self.id, is_clean)

    def end(self):
        """What is set for later never happens."""
        if self._lifetime is not None:
            self._lifetime.end()
        if self.services is not None:
            self.services["coordinators"].close()
            self._shared["peers"].answering.pop(self.id, None)

    def _close_connections(self):
        """Returns once nobody serves any of them."""
        connections = list(self.connections)
        killall([connection.greenlet for connection in connections], timeout=1)
        for connection in connections:
            connection.close()
        for sock in list(self._turned_away):
            self._turn_away(sock)

    # -- connections -------------------------------------------------------------------------------

    def _accepted_by(self, builder):
        def accepted(sock, peer):
            self._admission.wait(builder.listener)
            try:
                throttle_ms = self._admission.quotas.enter(builder.listener, peer[0])
            except TooManyConnections as refusal:
                log.info("%s", refusal)
                sock.close()
                return
            if throttle_ms:  # it learns so by being closed, in a while (KIP-612)
                self._turned_away.add(sock)
                self.patience.after(throttle_ms, lambda: self._turn_away(sock))
                return
            connection = Connection(self, sock, builder, peer)
            if self._thawed is not None:
                connection.freeze(self._thawed)
            self.connections.add(connection)
            connection.greenlet = spawn(connection.serve)
            if self._admission.quotas.excess:
                self._close_excess()

        return accepted

    def _close_excess(self):
        """Of listeners that are not protected those go that have been silent for the longest (Processor.closeExcessConnections)."""
        quotas = self._admission.quotas
        found = [one for one in self.connections if not quotas.is_protected(one.call.listener)]
        for connection in sorted(found, key=lambda one: one.last_active)[: quotas.excess]:
            log.info("closing connection of %s:%s: there are more than max.connections", connection.call.client_host, connection.call.client_port)
            connection.greenlet.kill(block=False)

    def _turn_away(self, sock):
        self._turned_away.discard(sock)
        sock.close()

    def _quotas_changed(self):
        """Without quotas of clients no request is looked at twice."""
        if self._quotas.enabled:
            self.dispatcher.add(self._throttle)
        else:
            self.dispatcher.remove(self._throttle)

    def add_layer(self, layer):
        """`layer` is around the requests of this broker from now on, also once it has been started again; see Dispatcher.add."""
        if layer not in self._layers:
            self._layers.append(layer)
        for dispatcher in self._dispatchers():
            dispatcher.add(layer)

    def remove_layer(self, layer):
        if layer in self._layers:
            self._layers.remove(layer)
        for dispatcher in self._dispatchers():
            dispatcher.remove(layer)

    def _dispatchers(self):
        if self.dispatcher is None:
            return []
        return [self.dispatcher, *(one for builder in self._builders.values() for one in builder.dispatchers)]

    def forget(self, connection):
        if connection in self.connections:
            self.connections.discard(connection)
            self._admission.leave(connection.call.listener, connection.call.client_host)

    def _watch_idle(self, lifetime):
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
        at_least = min(longest // 100, _IDLE_LATE_MS) + 1  # thousands that fall due one after the other are looked at together
        lifetime.clock(self.patience).at(max(soonest, now + at_least), lambda: self._watch_idle(lifetime))

    # -- the end -----------------------------------------------------------------------------------

    def close(self):
        """Close every socket; what waits is let go."""
        self.close_listeners()
        self._close_connections()

    def close_listeners(self):
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
