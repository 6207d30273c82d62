"""Clients that ask, and do not read: what is kept for them has an end."""

from struct import pack

import pytest
from gevent import socket

from emulator.apps.zookeeper.zoo_cfg import ZooConfig
from emulator.runtime.zookeeper import connection, links
from emulator.runtime.zookeeper.server import ZooKeeperServer
from tests.runtime.zookeeper.ensemble import until
from wire.zookeeper import client

OPEN = [client.ACL(client.ALL, client.Id("world", "anyone"))]


@pytest.fixture
def server(tmp_path):
    server = ZooKeeperServer(ZooConfig({"dataDir": str(tmp_path), "clientPort": "0", "clientPortAddress": "127.0.0.1", "tickTime": "50"}, {}))
    server.start()
    yield server
    server.stop()


class Client:
    def __init__(self, server):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.connect(server.address)
        self.send(client.ConnectRequest(0, 0, 1000, 0, bytes(16)).build() + b"\0")
        self.sock.recv(41)
        [self.connection] = [each for each in server.connections if each.peer == self.sock.getsockname()]
        self.connection._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    def send(self, body):
        self.sock.sendall(pack(">i", len(body)) + body)

    def ask(self, opcode, request, more=b""):
        self.send(pack(">ii", 1, opcode) + request.build() + more)


def test_who_watches_and_does_not_read_is_let_go(server, monkeypatch):
    monkeypatch.setattr(connection, "_MAX_WAITING", 50_000)
    watching, writing = Client(server), Client(server)
    watching.ask(client.ADD_WATCH, client.PathType("/", 1))
    path = "/" + "x" * 500
    writing.ask(client.CREATE, client.CreateRequest(path, b"", OPEN, 0))
    for _ in range(1000):
        writing.ask(client.SET_DATA, client.SetDataRequest(path, b"", -1))
        assert writing.sock.recv(1000)
        if not watching.connection.open:
            break
    assert not watching.connection.open and len(server.database.watches.data) == 0
    assert writing.connection.open and watching.connection not in server.connections


def test_who_asks_and_does_not_read_is_not_read_from(server, monkeypatch):
    monkeypatch.setattr(connection, "_MAX_WAITING", 50_000)
    asking = Client(server)
    asking.ask(client.CREATE, client.CreateRequest("/large", bytes(20_000), OPEN, 0))
    asked = 0
    asking.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        while asked < 10_000:
            asking.ask(client.GET_DATA, client.PathWatch("/large", False), bytes(5000))
            asked += 1
    assert asking.connection._waiting < 200_000 and len(asking.connection._requests) < 100


def test_a_session_that_is_over_is_hung_up_on_though_nobody_reads(server, monkeypatch):
    monkeypatch.setattr(links, "_LAST_WORDS_S", 0.05)
    silent = Client(server)
    silent.ask(client.CREATE, client.CreateRequest("/large", bytes(900_000), OPEN, 0))
    for _ in range(20):
        silent.ask(client.GET_DATA, client.PathWatch("/large", False))
    until(lambda: silent.connection._waiting > 100_000)
    until(lambda: not silent.connection.open)
    assert silent.connection not in server.connections
