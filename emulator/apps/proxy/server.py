"""The proxy: its listeners, its connections, and what it knows of the cluster behind."""

import itertools
import logging
from functools import cached_property
from time import perf_counter_ns

from gevent import spawn
from gevent.event import Event

from emulator.apps.proxy.front import BROKER, Front, Fronted, broker_of
from emulator.apps.proxy.routes import intersect
from emulator.pipeline.requests import Requests
from emulator.runtime.clock import monotonic_clock, wall_clock
from emulator.runtime.upstream.dial import Unreachable
from emulator.runtime.upstream.exchange import ask
from emulator.runtime.upstream.pipes import pipes
from wire.apis.metadata import ApiVersions, Metadata

log = logging.getLogger(__name__)

_READ_SIZE = 256 * 1024
_WITH_FEATURES = 3  # of ApiVersions, since 2.4
_METADATA_VERSION = 1  # that any Kafka since 0.10 understands
_WITH_TOPIC_IDS = 12  # since 3.1; without it, nobody asks by topic ids


class ProxyServer(Fronted):
    """As `settings`, a ProxySettings, say. `fronts`: one for each listener; `connections`: the Pairs of clients that are there."""

    def __init__(self, settings):
        self.settings = settings
        self.time = wall_clock()
        self.patience = monotonic_clock()
        self.largest = settings.largest_request
        self.buffer = memoryview(bytearray(_READ_SIZE))
        self.pipes = pipes()
        self.overlay = None
        self.builders = settings.builders
        self._versions = self._versions_asked_at = None
        if settings.overlay is not None:
            from emulator.apps.proxy.overlay import Overlay  # who has none pays nothing for it

            self.overlay = Overlay(settings.overlay, self)
        self.fronts = [Front(self, endpoint, settings.advertised.get(endpoint[0])) for endpoint in settings.endpoints]
        self.connections = set()
        self.cluster_is_there = None  # None: nobody has looked yet
        self._dialer = settings.upstream.dialer(self.patience)
        self.history = self._recording = None  # of requests, see `record_requests`
        self._turns = itertools.count()
        self._look = Event()
        self._watch = None
        self._stopped = Event()

    def start(self):
        """Bind, look once for the cluster behind, and serve. Raises OSError when an address is not to be had."""
        self.bind()
        if self.settings.may_ask:
            self.look_again()
            self._watch = spawn(self._look_again)
        for front in self.fronts:
            front.serve()
        self._watch_idle()
        return self

    def wait(self):
        self._stopped.wait()

    def stop(self):
        """Close every socket."""
        if self._watch is not None:
            self._watch.kill()
        self.close_fronts()
        for pair in list(self.connections):
            pair.close()
        if self.overlay is not None:
            self.overlay.stop()
        if self.pipes is not None:
            self.pipes.close()
        self.time.close()
        self.patience.close()
        self._stopped.set()

    def add_layer(self, layer):
        """`layer` is around what is asked through any listener; see Dispatcher.add."""
        for front in self.fronts:
            front.add_layer(layer)

    def remove_layer(self, layer):
        for front in self.fronts:
            front.remove_layer(layer)

    @cached_property
    def faults(self):
        """What is to go wrong."""
        from emulator.apps.proxy.faults import ProxyFaults

        return ProxyFaults(self)

    def record_requests(self, history):
        """What clients ask from now on is looked into and written into a History of pipeline.requests, and no other; None: into none."""
        self.history = history
        if self._recording is not None:
            self.remove_layer(self._recording)
            self._recording = None
        if history is not None:
            self._recording = Requests(None, history, perf_counter_ns, lambda call: broker_of(call.connection))
            self.add_layer(self._recording)

    def topic_names(self):
        """{topic id: name}"""
        return {topic.topic_id: topic.name for topic in self.ask_topics()}

    def forget(self, pair):
        self.connections.discard(pair)

    # -- the cluster behind ------------------------------------------------------------------------

    def try_dial(self, addresses):
        """Raises Unreachable."""
        return self._dialer.dial(addresses)

    def dial(self, addresses):
        try:
            return self._dialer.dial(addresses)
        except Unreachable:
            self._look.set()  # things may have changed
            raise

    def dial_bootstrap(self):
        """To any of upstream.bootstrap.servers, another one first each time."""
        addresses = self.settings.upstream.bootstrap
        first = next(self._turns) % len(addresses)
        return self.dial(addresses[first:] + addresses[:first])

    def _look_once(self, sock=None):
        """Which brokers there are; gives the socket to ask again, None where nobody answers."""
        try:
            brokers, sock = self._ask_brokers(sock)
        except (Unreachable, OSError) as error:
            if self.cluster_is_there is not False:
                log.warning("the cluster behind does not answer: %s", error)
            self.cluster_is_there = False
            return None
        if not self.cluster_is_there:
            names = ", ".join(f"broker {one.node_id} at {one.host}:{one.port}" for one in brokers)
            log.info("the cluster behind has %s", names or "no brokers yet")
        self.cluster_is_there = True
        for front in self.fronts if brokers else ():
            for one in brokers:
                front.broker(one.node_id, one.host, one.port)
            front.only({one.node_id for one in brokers})
        if brokers and self.overlay is not None:
            self.overlay.follow({one.node_id for one in brokers})
        return sock

    def look_again(self):
        """Which brokers there are, now."""
        if (sock := self._look_once()) is not None:
            sock.close()

    def _ask_brokers(self, sock):
        """(brokers, the socket that was asked)"""
        if sock is not None:
            try:
                with self._dialer.deadline():
                    return ask(sock, Metadata, _METADATA_VERSION, topics=[]).brokers, sock
            except (Unreachable, OSError):
                sock.close()  # whoever that was
        known = sorted({node.upstream for front in self.fronts for (kind, _), node in front.nodes.items() if kind == BROKER})
        sock = self._dialer.dial(self.settings.upstream.bootstrap + [one for one in known if one not in self.settings.upstream.bootstrap])
        try:
            with self._dialer.deadline():
                return ask(sock, Metadata, _METADATA_VERSION, topics=[]).brokers, sock
        except BaseException:
            sock.close()
            raise

    def versions(self):
        """The answer of a broker behind to ApiVersions, without what is not understood here; None where none answers."""
        now = self.patience.now()
        if self._versions_asked_at is None or now >= self._versions_asked_at + self.settings.upstream.metadata_max_age_ms:
            try:
                sock = self.dial_bootstrap()
            except (Unreachable, OSError):
                return self._versions
            try:
                with self._dialer.deadline():
                    self._versions = intersect(ask(sock, ApiVersions, _WITH_FEATURES, client_software_name="kafka-emulator-proxy", client_software_version="1"))
                    self._versions_asked_at = now
            except (Unreachable, OSError) as error:
                log.info("the cluster behind does not tell of its versions: %s", error)
            finally:
                sock.close()
        return self._versions

    def ask_topics(self):
        """The topics of the cluster behind, as Metadata has them, and the overlay's; none of the former where that cannot be asked."""
        found = self._ask_topics()
        return found if self.overlay is None else [*found, *self.overlay.topics]

    def _ask_topics(self):
        if not self.settings.may_ask:
            return []
        try:
            sock = self.dial_bootstrap()
        except (Unreachable, OSError):
            return []
        try:
            with self._dialer.deadline():
                return ask(sock, Metadata, _WITH_TOPIC_IDS, topics=None).topics
        except (Unreachable, OSError) as error:
            log.info("the cluster behind does not tell of its topics: %s", error)
            return []
        finally:
            sock.close()

    def _look_again(self):
        """From time to time, and when a broker could not be had."""
        sock = None
        while True:
            deadline = self.patience.after(self.settings.upstream.metadata_max_age_ms, self._look.set)
            self._look.wait()
            deadline.cancel()
            self._look.clear()
            try:
                sock = self._look_once(sock)
            except Exception:  # such as no more descriptors: the next time may do
                log.exception("looking for the cluster behind failed")

    def _watch_idle(self):
        """Close connections that have been silent for connections.max.idle.ms."""
        longest = self.settings.max_idle_ms
        if longest < 0:
            return
        now = self.patience.now()
        soonest = now + longest
        for pair in list(self.connections):
            due = pair.last_active + longest
            if due <= now:
                log.info("closing idle connection of %s:%s", pair.peer[0], pair.peer[1])
                pair.close()
            else:
                soonest = min(soonest, due)
        self.patience.at(max(soonest, now + 1), self._watch_idle)
