"""What no client should send, to a ZooKeeper server of ours and to a real one: both answer the same, or hang up, and go on."""

import re
import shutil
import socket
import time
from struct import pack, unpack

import pytest
from zookeeper_servers import JARS, Servers

pytest.importorskip("kazoo")
from kazoo.client import KazooClient  # noqa: E402

from wire.zookeeper.client import ConnectRequest, PathWatch  # noqa: E402

real = pytest.mark.skipif(not JARS.is_dir() or not shutil.which("java"), reason="no ZooKeeper: tests/compat/setup brings it")
HOSTILE = pack(">i", 2**31 - 1)
CONNECT = ConnectRequest(0, 0, 30_000, 0, bytes(16)).build() + b"\0"
GET = PathWatch("/", False).build()
CREATE = b"\0\0\0\2/x\0\0\0\0"
ACL_OPEN = b"\0\0\0\x1f\0\0\0\5world\0\0\0\6anyone"


@pytest.fixture(scope="module", params=["ours", pytest.param("real", marks=[real, pytest.mark.soak])])
def alone(request, tmp_path_factory):
    with Servers(tmp_path_factory.mktemp("alone"), {0: request.param}, tick_ms=2000, maxClientCnxns=8) as servers:
        yield servers


class Client:
    """A session over a raw socket."""

    def __init__(self, servers, connect=CONNECT, sid=0):
        self.sock = socket.create_connection(("127.0.0.1", servers.port[sid]), 10)
        self.send(connect)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def send(self, body):
        self.sock.sendall(pack(">i", len(body)) + body)

    def ask(self, xid, opcode, body):
        self.send(pack(">ii", xid, opcode) + body)

    def frame(self):
        """None at the end."""
        try:
            head = self._exactly(4)
            return head and self._exactly(unpack(">i", head)[0])
        except ConnectionResetError:
            return None

    def _exactly(self, size):
        octets = b""
        while len(octets) < size:
            more = self.sock.recv(size - len(octets))
            if not more:
                return None
            octets += more
        return octets

    def error(self):
        """Of the next answer."""
        return unpack(">i", self.frame()[12:16])[0]


# (opcode, body): the error code
ANSWERED = {
    "half a path": (4, b"\0\0\0\5/a", -5),
    "a path of 2 GB": (4, HOSTILE + b"/a", -5),
    "a path of less than nothing": (4, pack(">i", -7) + b"/a\0", -5),
    "data of 2 GB": (1, b"\0\0\0\2/x" + HOSTILE, -5),
    "two thousand million ACLs": (1, CREATE + HOSTILE, -5),
    "-5 ACLs": (1, CREATE + pack(">ii", -5, 0), -114),
    "two thousand million watches": (101, pack(">q", 0) + HOSTILE, -5),
    "a multi with a path of 2 GB": (14, pack(">ibi", 1, 0, -1) + HOSTILE, -5),
    "a multi of what there is not": (14, pack(">ibi", 77, 0, -1) + bytes(20), -5),
    "a multi without an end": (14, pack(">ibi", 13, 0, -1) + b"\0\0\0\1/\xff\xff\xff\xff", -5),
    "no multi": (14, b"", -5),
    "nothing": (4, b"", -5),
    "more than is asked for": (4, GET + b"garbage", 0),
    "a truth of 7": (4, b"\0\0\0\1/\x07", 0),
}


@pytest.mark.parametrize("opcode, body, error", ANSWERED.values(), ids=ANSWERED)
def test_a_body_that_is_none_is_answered_and_the_next_request_too(alone, opcode, body, error):
    with Client(alone) as client:
        client.ask(1, opcode, body)
        client.ask(2, 4, GET)
        assert len(client.frame()) == 37 and client.error() == error and client.error() == 0


@pytest.mark.parametrize("opcode", [77, 0, -1, 1000])
def test_an_opcode_that_there_is_not_ends_the_connection(alone, opcode):
    with Client(alone) as client:
        client.ask(1, opcode, b"")
        assert len(client.frame()) == 37 and client.error() == -6 and client.frame() is None


FRAMES = {"larger than jute.maxbuffer": pack(">i", 1_048_576), "2 GB": HOSTILE, "less than nothing": pack(">i", -1), "nothing": pack(">i", 0),
          "no room for a header": pack(">i", 7) + bytes(7)}  # fmt: skip


@pytest.mark.parametrize("octets", FRAMES.values(), ids=FRAMES)
def test_a_frame_that_is_none_ends_the_connection_and_the_session_goes_on(alone, octets):
    with Client(alone) as client:
        session_id, password = unpack(">q", (opened := client.frame())[8:16])[0], opened[20:36]
        client.sock.sendall(octets)
        assert client.frame() is None
    with Client(alone, ConnectRequest(0, 0, 30_000, session_id, password).build() + b"\0") as client:
        assert client.frame() == opened
        client.ask(1, 4, GET)
        assert client.error() == 0


def test_a_frame_as_large_as_jute_maxbuffer_is_waited_for(alone):
    with Client(alone) as client:
        client.frame()
        client.sock.sendall(pack(">iii", 1_048_575, 1, 4) + GET + bytes(1_048_575 - 8 - len(GET)))
        assert client.error() == 0


@pytest.mark.parametrize("connect", [
    b"", b"\0" * 5, pack(">iqiqi", 0, 0, 4000, 0, 2**31 - 1), pack(">iqiqi", 0, 0, 4000, 0, -5), ConnectRequest(0, 2**60, 4000, 0, bytes(16)).build(),
    pack(">ii", 1, 4) + GET,
], ids=["nothing", "half", "a password of 2 GB", "a password of less than nothing", "it has seen what is to come", "another request"])  # fmt: skip
def test_who_does_not_connect_as_one_should_is_sent_away(alone, connect):
    with Client(alone, connect) as client:
        assert client.frame() is None


@pytest.mark.parametrize("asked, given", [(-5, 4000), (1, 4000), (5000, 5000), (10**9, 40_000)])
def test_sessions_live_from_2_to_20_ticks(alone, asked, given):
    with Client(alone, ConnectRequest(0, 0, asked, 0, bytes(16)).build() + b"\0") as client:
        assert unpack(">i", client.frame()[4:8])[0] == given


def test_requests_may_follow_at_once(alone):
    request = pack(">ii", 1, 4) + GET
    with Client(alone, CONNECT) as client:
        client.sock.sendall((pack(">i", len(request)) + request) * 3)
        assert len(client.frame()) == 37 and [client.error() for _ in range(3)] == [0, 0, 0]


def test_an_address_has_so_many_connections_and_no_more(alone):
    alone.until(lambda: alone.told(0).get("Connections") == "1", 15)
    clients, refused = [], False
    try:
        while not refused and len(clients) < 20:
            try:
                client = Client(alone)
                refused = client.frame() is None
            except (BrokenPipeError, ConnectionResetError):
                refused = True
            clients += [] if refused else [client]
        assert refused and len(clients) == 8  # maxClientCnxns
        clients[0].ask(1, 4, GET)
        assert clients[0].error() == 0
    finally:
        for client in clients:
            client.sock.close()


def test_what_is_full_of_strangers_serves_still(alone):
    strangers = [socket.create_connection(("127.0.0.1", alone.port[0]), 5) for _ in range(5)]
    for sock in strangers:
        sock.sendall(b"\x16\x03\x01\x02\0\1\0\1\xfc\x03\x03")  # TLS
    with Client(alone) as client:
        assert len(client.frame()) == 37
    for sock in strangers:
        sock.close()


# Ensembles

KINDS = {"ours": dict.fromkeys((1, 2, 3), "ours"), "both": {1: "ours", 2: "real", 3: "ours"}, "real": dict.fromkeys((1, 2, 3), "real")}
FOREIGN = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\0\1\0\1\xfc\x03\x03" + bytes(40),
    "a client": pack(">i", len(CONNECT)) + CONNECT,
    "a length of 2 GB": HOSTILE * 8,
    "less than nothing": b"\xff" * 64,
    "nothing": b"",
}


@pytest.mark.parametrize("kind", ["ours", pytest.param("real", marks=[real, pytest.mark.soak])])
def test_a_session_that_moves_leaves_its_connection_behind(tmp_path, kind):
    with Servers(tmp_path, dict.fromkeys((1, 2, 3), kind), tick_ms=2000) as servers:
        servers.until(servers.leader)
        leader = servers.leader()
        one, two = (sid for sid in servers.kinds if sid != leader)
        for here, there, reads in ((one, two, True), (leader, one, False), (one, leader, True)):
            with Client(servers, sid=here) as old:
                opened = old.frame()
                session_id, password = unpack(">q", opened[8:16])[0], opened[20:36]
                with Client(servers, ConnectRequest(0, 0, 30_000, session_id, password).build() + b"\0", there) as new:
                    assert new.frame() == opened
                    old.ask(1, 4, GET)  # a follower does not know, the leader does
                    assert old.error() == 0 if reads else old.frame() is None
                    if reads:
                        old.ask(2, 1, CREATE + pack(">i", 1) + ACL_OPEN + bytes(4))
                        assert old.frame() is None
                    for xid, opcode, body in ((3, 1, CREATE + pack(">i", 1) + ACL_OPEN + bytes(4)), (4, 2, b"\0\0\0\2/x\xff\xff\xff\xff")):
                        new.ask(xid, opcode, body)
                        assert new.error() == 0


@pytest.mark.soak
@real
@pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)
def test_who_knocks_at_the_wrong_door_disturbs_nobody(tmp_path, kinds):
    with Servers(tmp_path, kinds) as servers:
        servers.until(servers.leader)
        leader = servers.leader()
        doors = [int(port) for ports in re.findall(r"server\.\d=127\.0\.0\.1:(\d+):(\d+)", (tmp_path / "1" / "zoo.cfg").read_text()) for port in ports]
        zk = KazooClient(servers.hosts(), timeout=10)
        zk.start(20)
        zk.create("/w")
        for number, (octets, port) in enumerate((octets, port) for octets in FOREIGN.values() for port in doors):
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as sock:
                    sock.sendall(octets)
                    zk.create(f"/w/{number}")
            except ConnectionRefusedError:
                zk.create(f"/w/{number}")  # learners are waited for by the leader only
        assert servers.leader() == leader and len(zk.get_children("/w")) == len(FOREIGN) * len(doors)
        zk.stop()


@pytest.mark.soak
@real
@pytest.mark.parametrize("kind", ["ours", "real"])
def test_a_dataDir_of_another_ensemble_is_kept_out(tmp_path, kind):
    """It has seen later epochs: what it has is not mixed with what is here, and the others go on without it."""
    kinds = dict.fromkeys((1, 2, 3), kind)
    with Servers(tmp_path / "there", kinds) as there:
        for _ in range(3):
            there.until(there.leader)
            leader = there.leader()
            there.kill(leader)
            there.until(there.leader)
            there.start(leader)
        zk = KazooClient(there.hosts(), timeout=10)
        zk.start(20)
        zk.create("/foreign")
        zk.stop()
    with Servers(tmp_path / "here", kinds) as here:
        here.until(lambda: here.leader() == 3)
        here.kill(1)
        zk = KazooClient(here.hosts(2, 3), timeout=10)
        zk.start(20)
        zk.create("/ours")
        shutil.rmtree(tmp_path / "here" / "1" / "version-2")
        shutil.copytree(tmp_path / "there" / "1" / "version-2", tmp_path / "here" / "1" / "version-2")
        here.start(1, serving=False)
        here.until(lambda: re.search("[Ll]eader'?s'? epoch, \\w+,? is less than", here.log(1)))
        zk.create("/more")
        assert not here.mode(1) and not zk.exists("/foreign") and here.leader() == 3
        zk.stop()


@pytest.mark.soak
def test_of_five_servers_two_may_die_and_a_third_ends_it(tmp_path):
    with Servers(tmp_path, dict.fromkeys(range(1, 6), "ours"), tick_ms=200) as servers:
        zk = KazooClient(servers.hosts(), timeout=4)
        zk.start(20)
        zk.create("/w")
        for number, victim in enumerate((servers.leader(), *[sid for sid in servers.kinds if servers.mode(sid) != "leader"][:2])):
            servers.kill(victim)
            if number < 2:
                zk.retry(zk.create, f"/w/{number}")
        servers.until(lambda: not any(servers.mode(sid) for sid in servers.up), 10)
        deadline = time.monotonic() + 10
        while zk.connected:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        back = next(sid for sid in servers.kinds if sid not in servers.up)
        servers.start(back)
        zk.retry(zk.create, "/w/back")
        assert sorted(zk.get_children("/w")) == ["0", "1", "back"]
        zk.stop()
