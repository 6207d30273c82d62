"""What the brokers of this process have together in ZooKeeper: who of them is the controller, and what it is to write there.

The cluster is changed first, as long as there is a controller with a connection; what follows for ZooKeeper waits in order until it
is written, by this controller or the next, and who asked for the change is answered then.
"""

import logging

from gevent.event import Event

from emulator.runtime.membership import Unregistered
from emulator.runtime.registration import duties
from emulator.runtime.registration.client import Closed, Expired, ZooKeeperClient
from emulator.runtime.registration.multi import Refused
from emulator.runtime.registration.registration import Registration
from emulator.runtime.registration.settled import Governed, Settled
from emulator.runtime.registration.writer import Writer
from emulator.state.cluster import leadership
from emulator.state.cluster.ids import uuid_of
from emulator.state.configs import Configs
from emulator.state.registration import mirror, restore, znodes
from wire import errors
from wire.errors import KafkaError
from wire.zookeeper.client import NODE_EXISTS

log = logging.getLogger(__name__)

_NO_CONTROLLER = KafkaError(errors.NOT_CONTROLLER, "There is no controller that ZooKeeper can be reached by")


class Registry:
    """`place`: a Place. `time`, `patience`: clocks; `random`: of the order in which servers are tried."""

    def __init__(self, place, time, patience, random):
        self.place = place
        self.now = time.now
        self.controller = None  # the Registration that is it
        self.cluster = self.configs_of = self.mirror = self.writer = None
        self._is_ready = False  # it has looked at what there is
        self._is_acting = False
        self._patience = patience
        self._random = random
        self.registered = {}  # broker id -> zxid of its registration, as the last controller has seen it
        self._brokers = {}  # broker id -> Registration
        self._contents = {}  # broker id -> what makes the content of its znode
        self._governed = Event()
        self._replication = None
        self._tree = {}

    def _client(self):
        place = self.place
        return ZooKeeperClient(place.servers, place.chroot, place.session_ms, self._patience, self._random)

    # -- the start ---------------------------------------------------------------------------------

    def open(self):
        """Find the ensemble, make what brokers need there, read what stands there. Gives the cluster's id, None for a new one.

        Raises Unregistered.
        """
        client = self._client()
        client.start()
        try:
            if not client.wait_connected(self.place.connection_ms):
                raise Unregistered(f"Timed out waiting for connection while in state: CONNECTING ({self.place})")
            duties.make_paths(client)
            self._tree = duties.read_tree(client)
            data, _ = client.get(znodes.CLUSTER_ID)
            return None if data is None else _cluster_id(data)
        except (Expired, Closed, Refused) as error:
            raise Unregistered(f"{self.place}: {error}") from None
        finally:
            client.close()

    def load(self, logs, cluster_id, settings, random):
        """What stands in ZooKeeper and not in the metadata of `logs` is there, too. Raises Unregistered.

        `cluster_id`: as `open` gave it; `settings`: of each broker.
        """
        if cluster_id not in (None, logs.cluster_id):
            raise Unregistered(
                f"The Cluster ID {cluster_id} doesn't match stored clusterId {logs.cluster_id} in meta.properties. "
                "The broker is trying to join the wrong cluster. Configured zookeeper.connect may be wrong."
            )
        metadata = logs.metadata
        try:
            configs = Configs(settings[0])
            entries = restore.topics(self._tree, [one.node_id for one in settings], random, configs.preview)
            entries += restore.settings(self._tree, lambda overrides: configs.check_dynamic(True, overrides))
        except restore.Foreign as error:
            raise Unregistered(str(error)) from None
        names = set(dict(metadata.table(mirror.TOPICS).items()).values())
        known = {topic_id for table, topic_id, name in entries if table == mirror.TOPICS and name in names}
        with metadata:
            for table, key, value in entries:
                if table in (mirror.TOPICS, mirror.PARTITIONS) and key.partition(":")[0] in known:
                    continue
                if key not in metadata.table(table):
                    metadata.table(table).put(key, value)

    def lasting(self, beside):
        """What requests wait for that change the cluster, `beside` what else they wait for (a Lasting or None)."""
        return Settled(self, beside)

    def begin(self, services, brokers):
        """Register `brokers`, {id: BrokerServer}, and wait until one of them is the controller. Raises Unregistered."""
        self.cluster = cluster = services["cluster"]
        self.configs_of = services["configs_of"]
        self._replication = services["replication"]
        cluster.elects_controller = False
        cluster.controller_id, cluster.governed = -1, False
        metadata = cluster.metadata
        self.mirror = mirror.Mirror(metadata, lambda: (cluster.controller_id, cluster.controller_epoch))
        self.writer = Writer(self)
        metadata.permit = self._permit
        metadata.on_written.append(lambda changes: self.writer.put(self.mirror.writes(changes)))
        governed = Governed(self)
        for broker_id, broker in brokers.items():
            broker.add_layer(governed)
            self._contents[broker_id] = self._content(cluster.brokers[broker_id])
            self.register(broker_id)
        self._agree_on_id(next(iter(self._brokers.values())).client, cluster.cluster_id)
        self._tree = {}
        self.writer.start()
        first, *others = self._brokers.values()
        first.serve()
        if not self._governed.wait(self.place.connection_ms / 1000) or not self.writer.wait(self.place.connection_ms):
            raise Unregistered(f"no broker could become the controller ({self.place}): {first.trouble or f'somebody else holds {znodes.CONTROLLER}'}")
        for registration in others:
            registration.serve()

    def _content(self, broker):
        endpoints, rack = list(broker.endpoints.values()), broker.rack
        return lambda: znodes.broker(endpoints, rack, self.now())

    def _agree_on_id(self, client, cluster_id):
        try:
            duties.make(client, znodes.CLUSTER_ID, znodes.cluster_id(cluster_id))
        except Refused as refused:
            if refused.code != NODE_EXISTS:
                raise Unregistered(f"{self.place}: {refused}") from None
        except (Expired, Closed):
            raise Unregistered(f"{self.place}: the session was lost") from None

    def stop(self):
        """All sessions end; the cluster stays in ZooKeeper as it is."""
        if self.writer is not None:
            self.writer.stop()
        self.controller = None
        registrations, self._brokers = self._brokers, {}
        for registration in registrations.values():
            registration.halt()  # nobody is to be the controller in the middle
        for registration in registrations.values():
            registration.close(cleanly=True)

    # -- brokers: see Membership -------------------------------------------------------------------

    def register(self, broker_id):
        registration = Registration(self, broker_id, self._client(), self._contents[broker_id])
        registration.register(self.place.connection_ms)
        self._brokers[broker_id] = registration

    def came(self, broker_id, was_stopped):
        self._brokers[broker_id].serve()

    def shut_down(self, broker_id):
        if self.cluster.governed:
            leadership.shut_down(self.cluster, broker_id)
            self.settle_within(self.place.session_ms)
        else:
            log.warning("broker %d stops without a controller that could have others lead first", broker_id)

    def left(self, broker_id, is_clean):
        registration = self._brokers.pop(broker_id, None)
        if registration is not None:
            if self.controller is registration:
                self.resigned(registration)
            registration.close(is_clean)

    def froze(self, broker_id):
        self._brokers[broker_id].client.freeze()
        self.connection_changed()

    def thawed(self, broker_id):
        self._brokers[broker_id].client.thaw()
        self.connection_changed()

    # -- the controller ----------------------------------------------------------------------------

    def won(self, registration, epoch):
        """It holds /controller, and looks at what there is. Raises Expired, Closed."""
        self.controller, self._is_ready = registration, False
        self.cluster.controller_id, self.cluster.controller_epoch = registration.broker_id, epoch
        self.connection_changed()
        duties.take_over(self, registration)
        self._is_ready = self.controller is registration
        self.connection_changed()
        self.writer.go_on()

    def resigned(self, registration):
        """It does not hold /controller any more."""
        log.info("broker %d is the controller no more", registration.broker_id)
        self.controller, self._is_ready = None, False
        self.cluster.controller_id = -1
        self.connection_changed()

    def deposed(self, registration):
        """It wanted to write, and is not the controller any more."""
        if self.controller is registration:
            self.resigned(registration)
            registration.tell(znodes.CONTROLLER)

    def led_by(self, broker_id):
        """Somebody holds /controller."""
        if self.controller is None:
            self.cluster.controller_id = broker_id

    def changed(self, registration, path):
        """ZooKeeper tells the controller that there is something new at `path`."""
        duties.look(self, registration, path)

    def connection_changed(self):
        """The controller may be able to do something, or may not any more."""
        controller = self.controller
        governed = bool(controller and self._is_ready and controller.client.is_connected)
        if self.cluster is None or governed == self.cluster.governed:
            return
        self.cluster.governed = governed
        if governed:
            self._governed.set()
            try:
                leadership.leave_failed(self.cluster)
            except KafkaError as error:
                log.error("logs that have failed stay in sync: %s", error)
            self._replication.look_again()
            self.writer.go_on()
        else:
            self._governed.clear()

    def follow(self, registered):
        """{broker id: zxid of its registration} is who is there."""
        self.act(duties.follow, self, registered)
        self._replication.look_again()

    def act(self, change, *arguments):
        """Have the controller change the cluster by what it has just read; `change` gives nobody else a turn."""
        self._is_acting = True
        try:
            return change(*arguments)
        finally:
            self._is_acting = False

    def _permit(self, table):
        if table in mirror.TABLES and not (self.cluster.governed or self._is_acting):
            raise _NO_CONTROLLER

    # -- who waits ---------------------------------------------------------------------------------

    def wait_governed(self, timeout_ms):
        """Until there is a controller, or it has taken too long."""
        self._governed.wait(timeout_ms / 1000)

    def settle_within(self, timeout_ms):
        """Whether all that has changed so far is in ZooKeeper by then."""
        return self.writer.wait(timeout_ms)


def _cluster_id(data):
    try:
        found = znodes.read(znodes.CLUSTER_ID, data).get("id")
        uuid_of(found)
    except (znodes.Illegible, ValueError, TypeError):
        raise Unregistered(f"{znodes.CLUSTER_ID}: there is no id of a cluster") from None
    return found
