"""ZooKeeper: this emulator's servers beside real ones of 3.8.4, standing alone and in ensembles of three and five.

One client does the same in turns at both kinds: creates, gets and sets nodes of 100 bytes, one by one over a raw socket and by
kazoo, and by kazoo with 500 under way. In an ensemble it is connected to a follower. Real servers have the heap that zkServer.sh
gives them.
"""

import socket
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from struct import pack, unpack

from benchmarks import servers
from wire.zookeeper import client

ROUNDS, DEATHS = 4, 4
VALUE = bytes(100)
OPEN = [client.ACL(client.ALL, client.Id("world", "anyone"))]
OPERATIONS = ("create", "get", "set")
WINDOW = 500
SHAPES = {"one server": [0], "three servers": [1, 2, 3]}
KINDS = {"emulator": "ours", "zookeeper": "real"}


def harness():
    """The module that starts them, once `tests/compat/setup` has been there."""
    sys.path.insert(0, str(servers.COMPAT))
    import zookeeper_servers

    if not zookeeper_servers.JARS.is_dir():
        raise servers.Unavailable(f"no ZooKeeper jars in {zookeeper_servers.JARS} (tests/compat/setup brings them)")
    zookeeper_servers.JVM = ["-Xmx1000m"]
    return zookeeper_servers


class Raw:
    """A session over a socket; a request is packed before the clock starts, its answer checked after it stops."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self._sock = socket.create_connection((host, int(port)), 30)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._frame(client.ConnectRequest(0, 0, 30_000, 0, bytes(16)).build() + b"\0")

    def _frame(self, body):
        self._sock.sendall(pack(">i", len(body)) + body)
        octets = self._sock.recv(65536)
        while len(octets) < 4 or len(octets) < 4 + unpack(">i", octets[:4])[0]:
            octets += self._sock.recv(65536)
        return octets

    def seconds(self, opcode, requests):
        """That so many requests take, one by one."""
        bodies = [pack(">ii", number, opcode) + request.build() for number, request in enumerate(requests, 1)]
        began = time.perf_counter()
        answers = [self._frame(body) for body in bodies]
        took = time.perf_counter() - began
        for answer in answers:
            if unpack(">i", answer[16:20])[0]:
                raise ValueError(f"opcode {opcode} was answered with error {unpack('>i', answer[16:20])[0]}")
        return took

    def close(self):
        self._sock.close()


def raw(address, folder, count):
    """{operation: how many a second}"""
    session = Raw(address)
    try:
        paths = [f"{folder}/r{number}" for number in range(count)]
        took = {
            "create": session.seconds(client.CREATE, [client.CreateRequest(path, VALUE, OPEN, 0) for path in paths]),
            "get": session.seconds(client.GET_DATA, [client.PathWatch(path, False) for path in paths]),
            "set": session.seconds(client.SET_DATA, [client.SetDataRequest(path, VALUE, -1) for path in paths])}
    finally:
        session.close()
    return {operation: count / took[operation] for operation in OPERATIONS}


def by_kazoo(zk, folder, count, prefix="k"):
    found = {}
    for operation in OPERATIONS:
        act, value = getattr(zk, operation), () if operation == "get" else (VALUE,)
        began = time.perf_counter()
        for number in range(count):
            act(f"{folder}/{prefix}{number}", *value)
        found[operation] = count / (time.perf_counter() - began)
    return found


def in_windows(zk, folder, count):
    found = {}
    for operation in OPERATIONS:
        act, value = getattr(zk, f"{operation}_async"), () if operation == "get" else (VALUE,)
        began = time.perf_counter()
        for start in range(0, count, WINDOW):
            for pending in [act(f"{folder}/w{number}", *value) for number in range(start, start + WINDOW)]:
                pending.get()
        found[operation] = count / (time.perf_counter() - began)
    return found


@contextmanager
def kazoo(address):
    from kazoo.client import KazooClient

    zk = KazooClient(address, timeout=30)
    zk.start(30)
    try:
        yield zk
    finally:
        zk.stop()
        zk.close()


def rss(running):
    """Of the process that has the most, MB."""
    return max(int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) * 1024 / 1e6 for pid in running.pids)


def throughput(zookeeper, sids, scale, rounds):
    """{row: {kind: figure}}"""
    values, found = {}, {}
    with ExitStack() as stack:
        running = {}
        for name, kind in KINDS.items():
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-"))
            running[name] = stack.enter_context(zookeeper.Servers(directory, dict.fromkeys(sids, kind), tick_ms=2000))
            found.setdefault("RSS of a process at the start, MB (≤ 60)", {})[name] = rss(running[name])
        for number in range(rounds + 1):
            for name in list(KINDS)[::-1 if number % 2 else 1]:
                follower = next(sid for sid in sids if running[name].mode(sid) != "leader")
                address, folder = running[name].hosts(follower), f"/b{number}"
                with kazoo(address) as zk:
                    zk.create(folder)
                    measured = {"raw socket": raw(address, folder, int(1000 * scale)),
                                "kazoo": by_kazoo(zk, folder, int(600 * scale)),
                                f"kazoo, {WINDOW} under way": in_windows(zk, folder, max(int(2000 * scale) // WINDOW, 1) * WINDOW)}
                for how, operations in measured.items() if number else ():
                    for operation, figure in operations.items():
                        values.setdefault(f"{operation}, {how}, 1/s", {}).setdefault(name, []).append(figure)
        for row in sorted(values, key=lambda row: row.split(", ", 1)[1]):
            found[row] = {name: statistics.median(figures) for name, figures in values[row].items()}
        found["RSS of a process after that, MB"] = {name: rss(them) for name, them in running.items()}
    return found


def lives_and_deaths(zookeeper, name, quick):
    """{row: figure}"""
    found = {}
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as directory:
        five = zookeeper.Servers(directory, dict.fromkeys(range(1, 6), KINDS[name]), tick_ms=2000)
        began = time.perf_counter()
        try:
            five.start(*five.kinds, serving=False)
            five.until(five.leader)
            with kazoo(five.hosts()) as zk:
                zk.create("/first")
            found["five servers from their start to the first write, s (≤ 2)"] = time.perf_counter() - began
        finally:
            five.kill(*five.up)
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as directory:
        with zookeeper.Servers(directory, dict.fromkeys((1, 2, 3), KINDS[name]), tick_ms=2000) as three:
            took = []
            for _ in range(2 if quick else DEATHS):
                leader = three.leader()
                killed = time.perf_counter()
                three.kill(leader)
                three.until(three.leader)
                took.append(time.perf_counter() - killed)
                three.start(leader)
                three.until_serving()
            found["the leader killed, until another leads, s (≤ 0.7)"] = statistics.median(took)
    return found


def show(title, rows):
    print(title)
    for row, figures in rows.items():
        cells = "".join(f"{figures[name]:>12,.{0 if figures[name] >= 100 else 2}f}" for name in KINDS)
        print(f"  {row:<58}{cells}{figures['emulator'] / figures['zookeeper']:>8.2f}", flush=True)


def main(quick):
    """Prints one table, part by part."""
    try:
        zookeeper = harness()
    except servers.Unavailable as why:
        print(f"benchmarks: {why}")
        return 1
    print(f"{'':<60}" + "".join(f"{name:>12}" for name in KINDS) + f"{'ratio':>8}", flush=True)
    for shape, sids in SHAPES.items():
        show(shape, throughput(zookeeper, sids, 0.3 if quick else 1, 2 if quick else ROUNDS))
    by_name = {name: lives_and_deaths(zookeeper, name, quick) for name in KINDS}
    show("ensembles", {row: {name: by_name[name][row] for name in KINDS} for row in by_name["emulator"]})
    return 0
