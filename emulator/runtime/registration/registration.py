"""One broker in ZooKeeper: its session, its /brokers/ids/N, and whether it is the controller.

What ZooKeeper tells is taken up one after the other by one greenlet, as in Kafka's controller.
Source: kafka.controller.KafkaController, kafka.zk.KafkaZkClient of 3.9.1.
"""

import logging

from gevent import sleep, spawn
from gevent.queue import Queue

from emulator.runtime.membership import Unregistered
from emulator.runtime.registration.client import Closed, Expired
from emulator.runtime.registration.multi import EPHEMERAL, Refused, create, set_data
from emulator.state.registration import znodes
from wire.zookeeper.client import BAD_VERSION, NO_NODE, NODE_EXISTS

log = logging.getLogger(__name__)

_SESSION = "session"
_AGAIN_S = 1.0  # after what should not have happened


class Registration:
    """`client`: a ZooKeeperClient of its own; `registry`: what all brokers have together; `content()`: of its znode."""

    def __init__(self, registry, broker_id, client, content):
        self.broker_id = broker_id
        self.client = client
        self.watched = set()  # topics, while it is the controller
        self.last_change = -1  # of configs, that it has looked at
        self.epoch_version = None  # of /controller_epoch, while it is the controller
        self.trouble = None  # why it cannot go on
        self._registry = registry
        self._content = content
        self._told = Queue()
        self._greenlet = None
        client.on_event = self._event
        client.on_connected = self._connected

    def register(self, timeout_ms):
        """Take its place in the cluster. Raises Unregistered."""
        self.client.start()
        if not self.client.wait_connected(timeout_ms):
            self.client.drop()
            raise Unregistered(f"Timed out waiting for connection while in state: CONNECTING ({self._registry.place})")
        try:
            self._register()
        except Refused as refused:
            self.client.close()
            raise Unregistered(str(refused)) from None
        except Unregistered:
            self.client.close()
            raise
        except (Expired, Closed):
            self.client.drop()
            raise Unregistered(f"its session with ZooKeeper ended at once ({self._registry.place})") from None

    def serve(self):
        """From now on it is a candidate."""
        self.client.on_session = lambda: self._told.put(_SESSION)
        self._told.put(znodes.CONTROLLER)
        self._greenlet = spawn(self._run)

    def tell(self, path):
        """It is to look at what stands there."""
        self._told.put(path)

    def halt(self):
        """It takes up nothing more."""
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    def close(self, cleanly):
        """Be gone; without `cleanly` its znodes stay until its session expires."""
        self.halt()
        if cleanly:
            self.client.close()
        else:
            self.client.drop()

    # -- what ZooKeeper tells ----------------------------------------------------------------------

    def _event(self, kind, path):
        self._told.put(path)

    def _connected(self, is_connected):
        self._registry.connection_changed()

    def _run(self):
        while True:
            told = self._told.get()
            try:
                if told == _SESSION:
                    self._resign()
                    self._register()
                    log.info("broker %d is registered in ZooKeeper with a new session", self.broker_id)
                    self._campaign()
                elif told == znodes.CONTROLLER:
                    self._campaign()
                elif self.is_controller:
                    self._registry.changed(self, told)
            except Closed:
                return
            except Expired:
                continue  # and is told of the new one
            except (Unregistered, znodes.Illegible) as error:
                self.trouble = error
                log.error("broker %d: %s", self.broker_id, error)
                self._later(told)
            except Exception:
                log.exception("broker %d cannot follow ZooKeeper's %s", self.broker_id, told)
                self._later(told)

    def _later(self, told):
        sleep(_AGAIN_S)
        self._told.put(told)

    # -- its place ---------------------------------------------------------------------------------

    def _register(self):
        path = znodes.broker_path(self.broker_id)
        at = self.client.at(path)
        for _ in range(3):
            try:
                return self.client.multi(create(at, None, EPHEMERAL), set_data(at, self._content(), 0))
            except Refused as refused:
                if refused.code != NODE_EXISTS:
                    raise
            _, stat = self.client.get(path)
            if stat is None:
                continue
            if stat.ephemeral_owner == self.client.session_id:
                return None  # it was done, and the answer was lost
            if stat.ephemeral_owner not in self.client.past_sessions:
                raise Unregistered(
                    f"{path} is there already, of session {_shown(stat.ephemeral_owner)} and not {_shown(self.client.session_id)}: "
                    f"another broker has this id, or the last run of this one was killed and its session lasts for up to {self.client.timeout_ms} ms more"
                )
            try:
                self.client.delete(path)
            except Refused as refused:
                if refused.code != NO_NODE:
                    raise
        raise Unregistered(f"{path} comes and goes")

    # -- the controller ----------------------------------------------------------------------------

    @property
    def is_controller(self):
        return self._registry.controller is self

    def _resign(self):
        if self.is_controller:
            self._registry.resigned(self)

    def _campaign(self):
        """Be the controller, unless somebody is."""
        client = self.client
        while True:
            data, stat = client.get(znodes.CONTROLLER, watch=True)
            if data is not None or stat is not None:
                return self._is_led(data, stat)
            self._resign()
            text, stat = client.get(znodes.CONTROLLER_EPOCH)
            if stat is None:
                self._begin_epochs()
                continue
            epoch, at = znodes.controller_epoch_of(text) + 1, client.at(znodes.CONTROLLER)
            try:
                client.multi(
                    create(at, znodes.controller(self.broker_id, self._registry.now()), EPHEMERAL),
                    set_data(client.at(znodes.CONTROLLER_EPOCH), b"%d" % epoch, stat.version),
                )
            except Refused as refused:
                if refused.code not in (NODE_EXISTS, BAD_VERSION):
                    raise
                continue
            self._won(epoch, stat.version + 1)

    def _begin_epochs(self):
        try:
            self.client.create(znodes.CONTROLLER_EPOCH, b"0")
        except Refused as refused:
            if refused.code != NODE_EXISTS:
                raise

    def _is_led(self, data, stat):
        """Somebody holds /controller."""
        try:
            controller_id = znodes.controller_of(data)
        except znodes.Illegible as error:
            self.trouble = error
            log.error("%s", error)
            controller_id = -1
        if stat.ephemeral_owner != self.client.session_id:
            self._resign()
            self._registry.led_by(controller_id)
        elif not self.is_controller:  # it won, and the answer was lost
            text, epoch_stat = self.client.get(znodes.CONTROLLER_EPOCH)
            self._won(znodes.controller_epoch_of(text), epoch_stat.version)

    def _won(self, epoch, version):
        log.info("broker %d is the controller, epoch %d", self.broker_id, epoch)
        self.epoch_version = version
        self._registry.won(self, epoch)


def _shown(session_id):
    return f"{session_id & (1 << 64) - 1:#x}"
