"""kazoo against a ZooKeeper server of ours and the real one; servers of both kinds in one ensemble; each other's files."""

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from zookeeper_servers import JARS, Servers

kazoo = pytest.importorskip("kazoo")
from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import (  # noqa: E402
    BadVersionError, KazooException, NoAuthError, NoChildrenForEphemeralsError, NodeExistsError, NoNodeError, NotEmptyError,
    NotReadOnlyCallError, RolledBackError, RuntimeInconsistency,
)
from kazoo.security import make_digest_acl  # noqa: E402

from wire.zookeeper.client import (  # noqa: E402
    ACL, ConnectRequest, ConnectResponse, CreateRequest, CreateTTLRequest, Id,
)

ROOT = Path(__file__).resolve().parents[2]
real = pytest.mark.skipif(not JARS.is_dir() or not shutil.which("java"), reason="no ZooKeeper: tests/compat/setup brings it")


@contextlib.contextmanager
def client(servers, *sids, timeout=4, **options):
    connected = KazooClient(servers.hosts(*sids), timeout=timeout, **options)
    connected.start(20)
    try:
        yield connected
    finally:
        connected.stop()
        connected.close()


@pytest.fixture(scope="module", params=["ours", pytest.param("real", marks=real)])
def alone(request, tmp_path_factory):
    with Servers(tmp_path_factory.mktemp("alone"), {0: request.param}) as servers:
        yield servers


@pytest.fixture
def zk(alone):
    with client(alone) as connected:
        yield connected
        for child in connected.get_children("/"):
            if child != "zookeeper":
                connected.delete(f"/{child}", recursive=True)


def test_what_is_there_at_first(zk):
    assert sorted(zk.get_children("/zookeeper")) == ["config", "quota"]


def test_reads_and_writes(zk):
    zk.create("/a", b"x")
    zk.create("/a/none", None)
    data, stat = zk.get("/a")
    assert (data, stat.version, stat.numChildren, stat.cversion, stat.dataLength) == (b"x", 0, 1, 1, 1)
    assert stat.czxid == stat.mzxid and stat.pzxid == stat.czxid + 1
    assert zk.set("/a", b"yy", 0).version == 1
    for error, act in ((BadVersionError, lambda: zk.set("/a", b"", 0)), (NodeExistsError, lambda: zk.create("/a")),
                       (NoNodeError, lambda: zk.get("/b")), (NotEmptyError, lambda: zk.delete("/a")),
                       (NoNodeError, lambda: zk.create("/b/c")), (BadVersionError, lambda: zk.delete("/a/none", 4))):
        with pytest.raises(error):
            act()
    assert zk.exists("/b") is None
    path, stat = zk.create("/a/with", b"stat", include_data=True)
    assert path == "/a/with" and stat.dataLength == 4
    assert zk.sync("/a") == "/a"


def test_ephemerals_and_sequences(zk, alone):
    with client(alone) as other:
        other.create("/s")
        assert other.create("/s/n-", sequence=True) == "/s/n-0000000000"
        assert other.create("/s/n-", sequence=True, ephemeral=True) == "/s/n-0000000001"
        other.create("/s/e", ephemeral=True)
        assert zk.exists("/s/e").ephemeralOwner == other.client_id[0]
        with pytest.raises(NoChildrenForEphemeralsError):
            zk.create("/s/e/x")
    assert zk.get_children("/s") == ["n-0000000000"]


def test_transactions(zk):
    zk.create("/t")
    good = zk.transaction()
    good.create("/t/a", b"1")
    good.check("/t", 0)
    good.set_data("/t", b"x")
    good.delete("/t/a")
    assert [type(result).__name__ for result in good.commit()] == ["str", "bool", "ZnodeStat", "bool"]
    bad = zk.transaction()
    bad.create("/t/b")
    bad.check("/t", 9)
    bad.create("/t/c")
    assert [type(result) for result in bad.commit()] == [RolledBackError, BadVersionError, RuntimeInconsistency]
    assert zk.get_children("/t") == []


def test_watches(zk):
    events, some = [], threading.Event()

    def seen(event):
        events.append((event.type, event.path))
        some.set()
    zk.exists("/w", watch=seen)
    zk.create("/w")
    zk.get("/w", watch=seen)
    zk.get_children("/w", watch=seen)
    zk.create("/w/x")
    zk.set("/w", b"1")
    zk.sync("/")
    zk.exists("/w", watch=seen)
    zk.delete("/w/x")
    zk.delete("/w")
    zk.sync("/")
    deadline = time.monotonic() + 5
    while len(events) < 4 and time.monotonic() < deadline:
        some.wait(0.1)
    assert events == [("CREATED", "/w"), ("CHILD", "/w"), ("CHANGED", "/w"), ("DELETED", "/w")]


def test_access(zk, alone):
    zk.add_auth("digest", "me:secret")
    zk.create("/mine", b"x", acl=[make_digest_acl("me", "secret", all=True)])
    with client(alone) as other:
        for act in (lambda: other.get("/mine"), lambda: other.set("/mine", b""), lambda: other.create("/mine/x")):
            with pytest.raises(NoAuthError):
                act()
        other.add_auth("digest", "me:secret")
        assert other.get("/mine")[0] == b"x"


def test_recipes(zk, alone):
    with client(alone) as other:
        lock, queue = zk.Lock("/lock", "me"), zk.LockingQueue("/queue")
        with lock:
            assert not other.Lock("/lock", "you").acquire(blocking=False)
        queue.put(b"one")
        assert other.LockingQueue("/queue").get(timeout=5) == b"one"
        counter = zk.Counter("/counter")
        counter += 5
        assert other.Counter("/counter").value == 5
        barrier = [zk.DoubleBarrier("/barrier", 2), other.DoubleBarrier("/barrier", 2)]
        threads = [threading.Thread(target=each.enter) for each in barrier]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()
        party = other.Party("/party", "other")
        party.join()
        assert list(zk.Party("/party")) == ["other"]


def handshake(servers, session_id, password):
    """What a server answers who comes with this session, and the socket."""
    sock = socket.create_connection(("127.0.0.1", servers.port[0]), 5)
    body = ConnectRequest(0, 0, 4000, session_id, password).build() + b"\0"
    sock.sendall(len(body).to_bytes(4, "big") + body)
    octets = sock.recv(4096)
    assert len(octets) == 4 + int.from_bytes(octets[:4], "big") == 41
    return ConnectResponse.parse(octets, 4)[0], sock


def test_a_session_goes_on_over_another_connection(alone):
    found, first = handshake(alone, 0, bytes(16))
    assert found.timeout == 4000 and found.session_id and len(found.password) == 16
    again, second = handshake(alone, found.session_id, found.password)
    assert again == found
    assert first.recv(1) == b""  # it has moved on
    for session_id, password in ((found.session_id, bytes(16)), (found.session_id + 99, found.password)):
        refused, sock = handshake(alone, session_id, password)
        assert (refused.timeout, refused.session_id, refused.password) == (0, 0, bytes(16))
        assert sock.recv(1) == b""
        sock.close()
    first.close()
    second.close()


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\5hello"])
def test_strangers_are_sent_away_and_others_served(alone, zk, octets):
    with socket.create_connection(("127.0.0.1", alone.port[0]), 5) as sock:
        sock.sendall(octets)
        sock.settimeout(15)
        try:
            while sock.recv(4096):
                pass
        except ConnectionResetError:
            pass
    assert zk.exists("/zookeeper")


def test_an_unknown_request_is_answered_and_ends_the_connection(alone):
    _, sock = handshake(alone, 0, bytes(16))
    sock.sendall(bytes.fromhex("00000008" "00000007" "0000004d"))
    octets = sock.recv(4096)
    assert octets[:8].hex() == "0000001000000007" and int.from_bytes(octets[16:20], "big", signed=True) == -6
    assert sock.recv(1) == b""
    sock.close()


def shown(text):
    """What a word answers, without what differs from one time to the next."""
    for pattern, kept in ((r"\d+ expire at \w{3} \w{3} \d+ [\d:]+ \w+ \d{4}:\n", ""), (r"3\.8\.4.*", "VERSION"), (r"(\w*[dD]ir)=/.*", r"\1=PATH"),
                          (r"0x[0-9a-f]+", "HEX"), (r"\d+(\.\d+)?", "N")):
        text = re.sub(pattern, kept, text)
    return text


TOLD = {
    "ruok": "imok",
    "isro": "rw",
    "srvr": "Zookeeper version: VERSION\nLatency min/avg/max: N/N/N\nReceived: N\nSent: N\nConnections: N\nOutstanding: N\nZxid: HEX\n"
            "Mode: standalone\nNode count: N\n",
    "stat": "Zookeeper version: VERSION\nClients:\n /N.N:N[N](queued=N,recved=N,sent=N)\n /N.N:N[N](queued=N,recved=N,sent=N)\n\n"
            "Latency min/avg/max: N/N/N\nReceived: N\nSent: N\nConnections: N\nOutstanding: N\nZxid: HEX\nMode: standalone\nNode count: N\n",
    "conf": "clientPort=N\nsecureClientPort=-N\ndataDir=PATH\ndataDirSize=N\ndataLogDir=PATH\ndataLogSize=N\ntickTime=N\nmaxClientCnxns=N\n"
            "minSessionTimeout=N\nmaxSessionTimeout=N\nclientPortListenBacklog=-N\nserverId=N\n",
    "dump": "SessionTracker dump:\nSession Sets (N)/(N):\n\tHEX\nephemeral nodes dump:\nSessions with Ephemerals (N):\n"
            "HEX:\n\t/word/e\nConnections dump:\nConnections Sets (N)/(N):\n\tip: /N.N:N sessionId: HEX\n\tip: /N.N:N sessionId: HEX\n",
    "wchs": "N connections watching N paths\nTotal watches:N\n",
    "wchp": "/word\n\tHEX\n\n",
    "wchc": "HEX\n\t/word\n\n",
    "dirs": "datadir_size: N\nlogdir_size: N\n",
    "crst": "Connection stats reset.\n",
    "srst": "Server stats reset.\n",
    "nope": "",  # no word: the length of a frame that is too large
}
KEYS = """version server_state ephemerals_count avg_latency min_latency max_latency num_alive_connections outstanding_requests znode_count
global_sessions local_sessions packets_sent packets_received watch_count approximate_data_size uptime last_client_response_size
min_client_response_size max_client_response_size open_file_descriptor_count max_file_descriptor_count connection_request_count
connection_rejected connection_revalidate_count auth_failed_count bytes_received_count response_bytes looking_count commit_count snap_count
proposal_count""".split()


def test_four_letter_words(alone, zk):
    zk.create("/word", b"x")
    zk.create("/word/e", ephemeral=True)
    zk.get("/word", watch=lambda event: None)
    for word, told in TOLD.items():
        alone.until(lambda: shown(alone.ask(0, word)) == told, 5, what=lambda: (word, shown(alone.ask(0, word)), told))
    zk.get("/word")
    own = next(line for line in alone.ask(0, "cons").splitlines() if "sid" in line)
    assert shown(own) == (" /N.N:N[N](queued=N,recved=N,sent=N,sid=HEX,lop=GETD,est=N,to=N,lcxid=HEX,lzxid=HEX,lresp=N,llat=N,minlat=N,"
                          "avglat=N,maxlat=N)")
    values = dict(line.split("\t") for line in alone.ask(0, "mntr").splitlines())
    assert [key for key in KEYS if f"zk_{key}" not in values] == []
    assert [values[f"zk_{key}"] for key in ("server_state", "ephemerals_count", "watch_count", "znode_count")] == \
        ["standalone", "1", "1", "7"]


# Ensembles

KINDS = {
    "ours": {1: "ours", 2: "ours", 3: "ours"},
    "a real leader": {1: "ours", 2: "ours", 3: "real"},
    "real followers": {1: "real", 2: "real", 3: "ours"},
}


def everywhere(servers, *nodes):
    """Whether each server that is up has these children of /, and no others."""
    for sid in servers.up:
        with client(servers, sid) as zk:
            zk.sync("/")
            found = set(zk.get_children("/")) - {"zookeeper"}
            assert found == set(nodes), f"{servers.kinds[sid]} server {sid} has {found}"


def test_three_of_ours_survive_each_ones_death(tmp_path):
    with Servers(tmp_path, KINDS["ours"]) as servers:
        made = rounds(servers, (3, 2, 1))
    with servers:  # all at once, from disk
        everywhere(servers, *made)


@pytest.mark.soak
@real
@pytest.mark.parametrize("observers", [{}, {4: "ours"}, {4: "real"}], ids=["no observer", "ours observes", "real observes"])
@pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)
def test_both_kinds_in_one_ensemble(tmp_path, kinds, observers):
    with Servers(tmp_path, {**kinds, **observers}, observers) as servers:
        assert len({servers.mode(sid) for sid in servers.kinds}) == 2 + bool(observers)
        rounds(servers, (3, 2, 1))


def rounds(servers, victims):
    made = []
    for victim in victims:
        servers.kill(victim)
        servers.until_serving()
        made.append(f"without-{victim}")
        with client(servers, *servers.up) as zk:
            zk.create(f"/{made[-1]}")
        everywhere(servers, *made)
        servers.start(victim)
        servers.until_serving()
        made.append(f"with-{victim}")
        with client(servers, victim) as zk:
            zk.create(f"/{made[-1]}")
        everywhere(servers, *made)
    return made


@pytest.mark.soak
@real
@pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("how", ["DIFF", "TRUNC", "SNAP"])
def test_how_learners_come_up_to_date(tmp_path, kinds, how):
    """The third server is away, for a few writes or with an empty disk; or has logged what nobody else has."""
    with Servers(tmp_path, kinds) as servers:
        servers.until_serving()
        with client(servers, 1) as zk:
            for n in range(20):
                zk.create(f"/n{n}")
        leader = servers.leader()
        victim = leader if how == "TRUNC" else next(sid for sid in kinds if sid != leader)
        expected = {f"n{n}" for n in range(20)}
        if how == "TRUNC":
            others = [sid for sid in kinds if sid != victim]
            for sid in others:
                servers.freeze(sid)
            lonely = KazooClient(servers.hosts(victim), timeout=4)
            lonely.start_async()
            time.sleep(1)
            servers.kill(victim, *others)
            lonely.stop()
            servers.start(*others)
        else:
            servers.kill(victim)
        servers.until_serving()
        with client(servers, *servers.up) as zk:
            for n in range(0 if how == "TRUNC" else 5):
                zk.create(f"/m{n}")
                expected.add(f"m{n}")
        if how == "SNAP":
            shutil.rmtree(tmp_path / str(victim) / "version-2")
        servers.start(victim)
        servers.until_serving()
        everywhere(servers, *expected)


@real
@pytest.mark.soak
@pytest.mark.parametrize("first, then", [("ours", "real"), ("real", "ours")])
def test_each_opens_the_others_data(tmp_path, first, then):
    servers = Servers(tmp_path, {0: first}, snapCount=30)
    with servers, client(servers) as zk:
        zk.create("/acl", b"x", acl=[make_digest_acl("me", "secret", all=True)])
        for n in range(100):
            zk.create(f"/n{n:03d}", b"%d" % n)
        zk.set("/n005", None)
        stat = zk.get("/n007")[1]
    servers.kinds[0] = then
    with servers, client(servers) as zk:
        assert sorted(zk.get_children("/"))[1:101] == [f"n{n:03d}" for n in range(100)]
        assert zk.get("/n007") == (b"7", stat) and zk.get("/n005")[0] is None
        with pytest.raises(NoAuthError):
            zk.get("/acl")
        zk.create("/more")


@real
@pytest.mark.soak
def test_servers_are_swapped_one_at_a_time_while_a_client_writes(tmp_path):
    """Ours for real ones and back, each with the dataDir of the other: no acknowledged write is lost, none waits for long."""
    acknowledged, gaps, stop = [], [0.0], threading.Event()
    with Servers(tmp_path, dict.fromkeys((1, 2, 3), "ours"), tick_ms=500, snapCount=100) as servers:
        servers.until(servers.leader)
        with client(servers, timeout=10) as zk:
            zk.create("/w")

            def write():
                n, last = 0, time.monotonic()
                while not stop.is_set():
                    n += 1
                    try:
                        zk.create(f"/w/{n}")
                        acknowledged.append(str(n))
                        gaps.append(time.monotonic() - last)
                        last = time.monotonic()
                    except KazooException:
                        time.sleep(0.02)
            thread = threading.Thread(target=write)
            thread.start()
            for kind in ("real", "ours"):
                for sid in servers.kinds:
                    before = len(acknowledged)
                    servers.kill(sid)
                    servers.kinds[sid] = kind
                    servers.until(lambda: len(acknowledged) > before + 50)
                    servers.start(sid)
                    servers.until(lambda: len(acknowledged) > before + 150)
            stop.set()
            thread.join(30)
        for sid in servers.kinds:
            with client(servers, sid) as zk:
                zk.sync("/w")
                assert set(acknowledged) <= set(zk.get_children("/w"))
    assert max(gaps) < 5, max(gaps)  # an election, and the client's way to another server


@pytest.mark.soak
def test_no_acknowledged_write_is_lost_in_100_kills(tmp_path):
    acknowledged, stop = [], threading.Event()
    with Servers(tmp_path, KINDS["ours"], tick_ms=200) as servers:
        with client(servers) as zk:
            zk.create("/w")

            def write():
                n = 0
                while not stop.is_set():
                    n += 1
                    try:
                        zk.create(f"/w/{n}")
                        acknowledged.append(str(n))
                    except KazooException:
                        time.sleep(0.05)
            thread = threading.Thread(target=write)
            thread.start()
            for n in range(100):
                before = len(acknowledged)
                victim = servers.leader() if n % 2 else n % 3 + 1
                servers.kill(victim or 1)
                servers.until(lambda: len(acknowledged) > before + 3)
                servers.start(victim or 1)
            stop.set()
            thread.join(30)
        for sid in servers.kinds:
            with client(servers, sid) as zk:
                zk.sync("/w")
                assert set(acknowledged) <= set(zk.get_children("/w"))


def test_without_a_quorum_clients_are_dropped_and_status_says_so(tmp_path):
    with Servers(tmp_path, KINDS["ours"], tick_ms=200) as servers:
        servers.kill(1, 2)
        servers.until(lambda: not servers.mode(3))
        assert servers.ask(3, "ruok") == "imok" and servers.ask(3, "isro") == "null"
        assert "not currently serving" in servers.ask(3, "srvr")
        done = subprocess.run([sys.executable, "-m", "emulator", "zookeeper", "status", tmp_path / "3" / "zoo.cfg"],
                              cwd=ROOT, capture_output=True, text=True, timeout=30)
        assert done.returncode == 1 and "no quorum" in done.stdout


@pytest.mark.parametrize("kind", ["ours", pytest.param("real", marks=[real, pytest.mark.soak])])
def test_without_a_quorum_clients_that_only_read_are_served(tmp_path, kind):
    with Servers(tmp_path, dict.fromkeys((1, 2, 3), kind), localSessionsEnabled="true", localSessionsUpgradingEnabled="true",
                 properties={"readonlymode.enabled": "true"}) as servers:
        with client(servers, 1) as zk:
            zk.create("/a", b"x")
            assert f"{zk.client_id[0]:x}\t" not in servers.ask(1, "dump")  # a local session, until it owns something
            zk.create("/e", ephemeral=True)
            assert f"{zk.client_id[0]:x}\t" in servers.ask(1, "dump") and zk.exists("/e").ephemeralOwner == zk.client_id[0]
            servers.kill(2, 3)
            servers.until(lambda: servers.ask(1, "isro") == "ro")
            assert servers.mode(1) == "read-only"
            wary = KazooClient(servers.hosts(1), timeout=4)
            with pytest.raises(wary.handler.timeout_exception):
                wary.start(1)
        with client(servers, 1, read_only=True) as zk:
            assert zk.client_state == "CONNECTED_RO" and zk.get("/a")[0] == b"x"
            for act in (lambda: zk.create("/b"), lambda: zk.set("/a", b""), lambda: zk.delete("/a"), lambda: zk.sync("/"),
                        lambda: zk.create("/b", ephemeral=True), lambda: zk.set_acls("/a", [])):
                with pytest.raises(NotReadOnlyCallError):
                    act()
            servers.start(2)
            servers.until(lambda: zk.client_state == "CONNECTED" and servers.ask(1, "isro") == "rw")
            zk.retry(zk.create, "/b")


@pytest.mark.parametrize("kind", ["ours", pytest.param("real", marks=[real, pytest.mark.soak])])
def test_containers_and_nodes_whose_time_is_over_go(tmp_path, kind):
    with Servers(tmp_path, {0: kind}, extendedTypesEnabled="true", properties={"znode.container.checkIntervalMs": 100}) as servers:
        with client(servers) as zk:
            acl = [ACL(31, Id("world", "anyone"))]
            made = [create_ttl(servers, opcode, path, flags, ttl, acl) for opcode, path, flags, ttl in (
                (21, "/ttl", 5, 300), (21, "/long", 5, 10**8), (21, "/no", 5, 0), (19, "/container", 4, None), (19, "/unused", 4, None))]
            assert made == [0, 0, -8, 0, 0]
            zk.create("/container/child")
            servers.until(lambda: not zk.exists("/ttl"))
            zk.delete("/container/child")
            servers.until(lambda: not zk.exists("/container"))
            assert set(zk.get_children("/")) == {"zookeeper", "long", "unused"}


def create_ttl(servers, opcode, path, flags, ttl, acl):
    """The error code; kazoo does not know of these."""
    _, sock = handshake(servers, 0, bytes(16))
    request = CreateRequest(path, b"", acl, flags) if ttl is None else CreateTTLRequest(path, b"", acl, flags, ttl)
    body = (1).to_bytes(4, "big") + opcode.to_bytes(4, "big") + request.build()
    sock.sendall(len(body).to_bytes(4, "big") + body)
    octets = sock.recv(4096)
    sock.close()
    return int.from_bytes(octets[16:20], "big", signed=True)


def test_a_leaders_death_is_over_soon(tmp_path):
    with Servers(tmp_path, KINDS["ours"], tick_ms=2000) as servers:
        leader = servers.leader()
        began = time.monotonic()
        servers.kill(leader)
        servers.until(servers.leader)
        assert time.monotonic() - began < 2  # 0.3 s on an idle machine
