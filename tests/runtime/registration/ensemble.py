"""A ZooKeeper server of ours in a thread of its own, and a client that looks at what brokers do there."""

import json
import time
from random import Random

from emulator.apps.zookeeper.zoo_cfg import ZooConfig
from emulator.runtime.clock import monotonic_clock
from emulator.runtime.registration.client import ZooKeeperClient
from emulator.runtime.thread import LoopThread
from emulator.runtime.zookeeper.server import ZooKeeperServer

TICK_MS = 50


class Ensemble:
    """One server, which can be stopped and started at its port. `at` is the root of the cluster that is looked at."""

    def __init__(self, directory, at="/kafka"):
        self._directory, self.at = directory, at
        self._thread = LoopThread("zookeeper")
        self._server = self._client = None
        self.port = 0

    def __enter__(self):
        self._thread.start()
        self.start()
        self._thread.call(self._look)
        return self

    def __exit__(self, *exc):
        self._thread.call(self._client.drop)
        if self._server is not None:
            self.stop()
        self._thread.stop()

    @property
    def connect(self):
        return f"127.0.0.1:{self.port}{self.at}"

    def start(self):
        def start():
            config = ZooConfig({"dataDir": str(self._directory), "clientPort": str(self.port), "clientPortAddress": "127.0.0.1",
                                "tickTime": str(TICK_MS)}, {})
            self._server = ZooKeeperServer(config)
            self._server.start()
            self.port = self._server.address[1]
        self._thread.call(start)

    def stop(self):
        self._thread.call(self._server.stop)
        self._server = None

    def _look(self):
        self._clock = monotonic_clock()
        self._client = ZooKeeperClient([("127.0.0.1", self.port)], self.at, 20 * TICK_MS, self._clock, Random(1))
        self._client.start()

    def do(self, what, *arguments):
        """As a method of ZooKeeperClient."""
        return self._thread.call(getattr(self._client, what), *arguments)

    def data(self, path):
        return self.do("get", path)[0]

    def json(self, path):
        data = self.data(path)
        return None if data is None else json.loads(data)

    def owner(self, path):
        _, stat = self.do("get", path)
        return stat and stat.ephemeral_owner

    def tree(self, path):
        """{path: data} from there on."""
        found = {path: self.data(path)}
        for name in self.do("children", path):
            found.update(self.tree(f"{path}/{name}"))
        return found

    def end_session(self, session_id):
        """As if its time were over."""
        def end():
            self._server._write(None, session_id, 0, -11, b"", ())
        self._thread.call(end)

    @property
    def brokers(self):
        return sorted(map(int, self.do("children", "/brokers/ids")))

    @property
    def controller(self):
        content = self.json("/controller")
        return content and content["brokerid"]

    @property
    def epoch(self):
        return int(self.data("/controller_epoch"))

    def state(self, topic, index=0):
        return self.json(f"/brokers/topics/{topic}/partitions/{index}/state")


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.005)
    return found
