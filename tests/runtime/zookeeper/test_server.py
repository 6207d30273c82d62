"""A server of its own, in this process: its dataDir."""

import os

import pytest

from emulator.apps.zookeeper.zoo_cfg import ZooConfig
from emulator.runtime.zookeeper.directory import InUse
from emulator.runtime.zookeeper.server import ZooKeeperServer
from tests.runtime.zookeeper.ensemble import until
from tests.runtime.zookeeper.test_connection import OPEN, Client
from wire.zookeeper import client


def server(directory, **more):
    config = {"dataDir": str(directory), "clientPort": "0", "clientPortAddress": "127.0.0.1", "tickTime": "50", **more}
    return ZooKeeperServer(ZooConfig({key.replace("_", "."): str(value) for key, value in config.items()}, {}))


def files(directory, kind):
    return [name for name in os.listdir(directory / "version-2") if name.startswith(kind)]


def test_old_snapshots_and_the_logs_that_nobody_needs_are_purged(tmp_path):
    running = server(tmp_path, snapCount=10)
    running.start()
    writing = Client(running)
    for number in range(100):
        writing.ask(client.CREATE, client.CreateRequest(f"/{number}", b"", OPEN, 0))
        assert writing.sock.recv(1000)
    until(lambda: len(files(tmp_path, "snapshot.")) > 6)
    running.stop()
    assert len(files(tmp_path, "log.")) > 6
    running = server(tmp_path, autopurge_purgeInterval=1, autopurge_snapRetainCount=4)
    running.start()
    running.stop()
    assert len(files(tmp_path, "snapshot.")) == 4 and len(files(tmp_path, "log.")) <= 6  # and where a snapshot was not ready
    again = server(tmp_path)
    assert sum(path.strip("/").isdecimal() for path in again.database.tree.nodes) == 100
    with pytest.raises(InUse, match="in use by another server"):
        server(tmp_path)
    again.stop()
    server(tmp_path).stop()
