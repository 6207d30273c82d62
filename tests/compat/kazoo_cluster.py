"""A pytest plugin: kazoo's own tests, those that come with it, on servers of ours or on real ones.

    KAZOO_SERVERS=ours:3 pytest -p kazoo_cluster --pyargs kazoo.tests.test_lock      (ours:1, real:3 ...)

kazoo's harness starts its cluster by `kazoo.testing.common`, which wants packages for TLS, and its
tests objgraph: what is used of them stands here.
"""

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parent))

from zookeeper_servers import Servers  # noqa: E402

KIND, COUNT = os.environ["KAZOO_SERVERS"].split(":")
os.environ.setdefault("ZOOKEEPER_VERSION", "3.8.4")  # of what they speak to
os.environ["CI"] = "true"  # kazoo's tests look at the version only then


class Server:
    """What kazoo's tests ask of one."""

    def __init__(self, servers, sid):
        self._servers = servers
        self._sid = sid
        self.address = servers.hosts(sid)

    @property
    def running(self):
        return self._sid in self._servers.up

    def run(self):
        if not self.running:
            self._servers.start(self._sid, serving=False)

    def stop(self):
        if self.running:
            self._servers.kill(self._sid)


class ZookeeperCluster:
    def __init__(self, **_):
        self._directory = tempfile.mkdtemp()
        self._servers = Servers(
            self._directory, {sid: KIND for sid in (range(1, int(COUNT) + 1) if COUNT != "1" else [0])}, tick_ms=2000,
            maxClientCnxns=0, **{"DigestAuthenticationProvider.superDigest": "super:D/InIHSb7yEEbrWz8b9l71RjZJU="})
        self._each = [Server(self._servers, sid) for sid in self._servers.kinds]

    def __getitem__(self, number):
        return self._each[number]

    def __iter__(self):
        return iter(self._each)

    def start(self):
        for server in self:
            server.run()
        self._servers.until_serving()

    def terminate(self):
        """What they have kept goes, too."""
        for sid in self._servers.kinds:
            if sid in self._servers.up:
                self._servers.kill(sid)
            shutil.rmtree(Path(self._directory) / str(sid) / "version-2", ignore_errors=True)

    def get_logs(self):
        return [self._servers.logs()]


def count(type_name):
    """Of objgraph, the one thing that is asked: how many objects of a type there are."""
    return sum(type(each).__name__ == type_name for each in gc.get_objects())


def stand_in(name, what):
    module = sys.modules[name] = ModuleType(name)
    setattr(module, what.__name__, what)


stand_in("kazoo.testing.common", ZookeeperCluster)
stand_in("objgraph", count)
