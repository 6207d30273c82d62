"""A session with ZooKeeper, over servers that come, go, say nothing or say nonsense."""

import struct

import gevent
import pytest
from gevent import socket
from gevent.server import StreamServer

from emulator.apps.zookeeper.zoo_cfg import ZooConfig
from emulator.runtime.clock import monotonic_clock
from emulator.runtime.registration.client import Closed, Expired, ZooKeeperClient
from emulator.runtime.registration.multi import EPHEMERAL, Refused, check, create, delete
from emulator.runtime.registration.place import Place, parse_place
from emulator.runtime.zookeeper.server import ZooKeeperServer
from wire.zookeeper.client import BAD_VERSION, NO_NODE, NODE_CHILDREN_CHANGED, NODE_CREATED, NODE_DATA_CHANGED

TIMEOUT_MS = 1000


def until(condition, seconds=10):
    with gevent.Timeout(seconds, AssertionError(f"not within {seconds} s")):
        while not (found := condition()):
            gevent.sleep(0.005)
    return found


@pytest.fixture
def clock():
    clock = monotonic_clock()
    yield clock
    clock.close()


class AsGiven:
    """In place of Random: servers are tried in their order."""

    def shuffle(self, servers):
        pass


class Zoo:
    def __init__(self, directory):
        self._directory, self.port = directory, 0
        self.start()

    def start(self):
        self.server = ZooKeeperServer(ZooConfig({"dataDir": str(self._directory), "clientPort": str(self.port), "tickTime": "50",
                                                 "clientPortAddress": "127.0.0.1"}, {}))
        self.server.start()
        self.port = self.server.address[1]


@pytest.fixture
def zoo(tmp_path):
    zoo = Zoo(tmp_path)
    yield zoo
    zoo.server.stop()


@pytest.fixture
def connect(clock):
    made = []

    def connect(*ports, chroot="", timeout_ms=TIMEOUT_MS, wait=True):
        client = ZooKeeperClient([("127.0.0.1", port) for port in ports], chroot, timeout_ms, clock, AsGiven())
        client.events = []
        client.on_event = lambda *event: client.events.append(event)
        made.append(client)
        client.start()
        assert not wait or client.wait_connected(5000)
        return client

    with gevent.Timeout(30):
        yield connect
    for client in made:
        client.drop()


def test_znodes_and_watches(zoo, connect):
    client, other = connect(zoo.port), connect(zoo.port)
    assert client.get("/a", watch=True) == (None, None)
    other.create("/a", b"1")
    until(lambda: client.events == [(NODE_CREATED, "/a")])
    assert client.get("/a", watch=True)[0] == b"1" and client.children("/a", watch=True) == []
    other.set_data("/a", b"2")
    other.create("/a/b", None)
    until(lambda: client.events[1:] == [(NODE_DATA_CHANGED, "/a"), (NODE_CHILDREN_CHANGED, "/a")])
    with pytest.raises(Refused) as refused:
        client.multi(check("/a", 1), delete("/a/b"), check("/a", 7))
    assert refused.value.code == BAD_VERSION and client.children("/a") == ["b"]
    client.multi(check("/a", 1), delete("/a/b"), create("/a/c", b"x"))
    assert client.children("/a") == ["c"] and client.children("/none") == []
    with pytest.raises(Refused) as refused:
        client.delete("/none")
    assert refused.value.code == NO_NODE


def test_a_chroot_is_the_root(zoo, connect):
    whole = connect(zoo.port)
    whole.create("/app", None)
    client = connect(zoo.port, chroot="/app")
    client.get("/x", watch=True)
    client.create("/x", b"1")
    assert whole.get("/app/x")[0] == b"1" and client.children("/") == ["x"]
    until(lambda: client.events == [(NODE_CREATED, "/x")])


def test_the_session_goes_on_over_a_restart_and_misses_nothing(zoo, connect):
    client = connect(zoo.port)
    client.create("/e", b"1", EPHEMERAL)
    session, _ = client.session_id, client.get("/e", watch=True)
    client.get("/late", watch=True)
    zoo.server.stop()
    until(lambda: not client.is_connected)
    asking = gevent.spawn(client.get, "/e")
    zoo.start()
    assert asking.get(timeout=10)[1].ephemeral_owner == session == client.session_id
    connect(zoo.port).create("/late", b"")
    until(lambda: (NODE_CREATED, "/late") in client.events)


def test_an_expired_session_is_told_and_another_begins(zoo, connect):
    client, sessions = connect(zoo.port), []
    client.on_session = lambda: sessions.append(client.session_id)
    client.create("/e", b"1", EPHEMERAL)
    client.get("/e", watch=True)
    before = client.session_id
    client.freeze()
    until(lambda: before not in zoo.server.database.sessions)
    asking = gevent.spawn(client.get, "/e")
    client.thaw()
    with pytest.raises(Expired):
        asking.get(timeout=10)
    until(lambda: sessions == [client.session_id])
    assert before in client.past_sessions and client.get("/e") == (None, None)


def test_closed_its_ephemerals_are_gone_at_once_dropped_they_stay(zoo, connect):
    clients = [connect(zoo.port), connect(zoo.port)]
    for number, client in enumerate(clients):
        client.create(f"/e{number}", b"", EPHEMERAL)
    clients[0].close()
    clients[1].drop()
    assert sorted(connect(zoo.port).children("/")) == ["e1", "zookeeper"]
    with pytest.raises(Closed):
        clients[0].get("/")


REPLY = struct.pack(">iqi", 0, 0, 0)
HOSTILE = {
    "nothing": b"", "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n", "a hostile length": struct.pack(">i", 2**31 - 1),
    "a negative one": struct.pack(">i", -5), "half an answer": struct.pack(">iii", 36, 0, 1000),
}
SESSION = struct.pack(">iiqi", 0, 1000, 7, 16) + bytes(16)
NONSENSE = {
    "a reply that nobody waits for": struct.pack(">iiqi", 16, 99, 1, 0), "a short one": struct.pack(">ii", 4, 1),
    "an event cut short": struct.pack(">iiqi", 20, -1, -1, 0) + b"\0\0\0\1",
}


def serving(octets, then=b""):
    def serve(sock, _):
        sock.recv(1000)
        sock.sendall(octets)
        if then:
            sock.sendall(then)
        gevent.sleep(0.05)
    server = StreamServer(("127.0.0.1", 0), serve)
    server.start()
    return server


@pytest.mark.parametrize("octets, then", [*((one, b"") for one in HOSTILE.values()),
                                          *((struct.pack(">i", len(SESSION)) + SESSION, one) for one in NONSENSE.values())],
                         ids=[*HOSTILE, *NONSENSE])
def test_a_server_that_makes_no_sense_is_left_for_another(zoo, connect, octets, then):
    odd = serving(octets, then)
    try:
        client = connect(odd.server_port, zoo.port, timeout_ms=400, wait=False)
        until(lambda: client.is_connected and client.session_id not in (0, 7))
        assert client.children("/") == ["zookeeper"]
    finally:
        odd.stop()


def test_a_silent_server_is_left_for_another(zoo, connect):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        client = connect(sock.getsockname()[1], zoo.port, timeout_ms=400)
        assert client.children("/") == ["zookeeper"]


@pytest.mark.parametrize("text, place", [
    ("a:1", Place((("a", 1),))), ("a:1,b:2/x/y/", Place((("a", 1), ("b", 2)), "/x/y")), ("a", Place((("a", 2181),))),
    ("[::1]:3, c:4", Place((("::1", 3), ("c", 4)))), ("a:1/", Place((("a", 1),))),
])
def test_places(text, place):
    assert parse_place(text) == place and parse_place(str(place).partition("=")[2]) == place


@pytest.mark.parametrize("text", ["", ":1", "a:0", "a:65536", "a:x", "a:1,", "a:1/../x", "a:1/x//y"])
def test_places_that_are_none(text):
    with pytest.raises(ValueError):
        parse_place(text)
