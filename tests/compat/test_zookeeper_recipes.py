"""kazoo's recipes on servers of ours and on real ones: its own tests of them, and ours, in which servers die meanwhile."""

import os
import random
import shutil
import subprocess
import sys
import threading
import time

import pytest
from zookeeper_servers import HERE, JARS, Servers

pytest.importorskip("kazoo")
from kazoo.client import KazooClient  # noqa: E402
from kazoo.recipe.cache import TreeCache  # noqa: E402
from kazoo.retry import KazooRetry  # noqa: E402

RECIPES = ["barrier", "cache", "counter", "election", "lease", "lock", "partitioner", "party", "queue", "watchers"]
real = pytest.mark.skipif(not JARS.is_dir() or not shutil.which("java"), reason="no ZooKeeper: tests/compat/setup brings it")


def kazoos_own(servers, modules, *options):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "kazoo_cluster", "-p", "no:cacheprovider", *options, "--pyargs",
         *(f"kazoo.tests.test_{module}" for module in modules)],
        env={**os.environ, "KAZOO_SERVERS": servers, "PYTHONPATH": str(HERE)}, cwd="/", capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.soak
@pytest.mark.parametrize("servers", ["ours:1", "ours:3", pytest.param("real:1", marks=real), pytest.param("real:3", marks=real)])
def test_kazoos_own_tests_of_all_recipes(servers):
    kazoos_own(servers, RECIPES)


@pytest.mark.soak
@pytest.mark.parametrize("servers", ["ours:3", pytest.param("real:3", marks=real)])
def test_kazoos_own_tests_of_its_client(servers):
    # Neither TLS nor changes of the ensemble while it runs; read-only mode has tests of its own.
    kazoos_own(servers, ["client", "connection"], "-k", "not SSL and not Reconfig and not ReadOnlyMode")


# Ours: each recipe once, by two clients that start over when a server has gone, and what it promises.


class Alone:
    """A section that must not be entered by two."""

    def __init__(self):
        self.inside = self.times = 0

    def __call__(self):
        assert not self.inside
        self.inside += 1
        time.sleep(0.005)
        self.inside -= 1
        self.times += 1


def together(*actions):
    """All at once; what one raises is raised."""
    errors = []

    def run(action):
        try:
            action()
        except BaseException as error:
            errors.append(error)
    threads = [threading.Thread(target=run, args=(action,), daemon=True) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), f"{[thread.name for thread in threads if thread.is_alive()]} hang"
    if errors:
        raise errors[0]


def until(condition, what):
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.01)


def lock(one, two, path):
    section = Alone()

    def hold(zk):
        for _ in range(3):
            with zk.Lock(path):
                section()
    together(lambda: hold(one), lambda: hold(two), lambda: hold(one))
    assert section.times == 9


def election(one, two, path):
    leads = Alone()
    together(*(lambda zk=zk: zk.Election(path).run(leads) for zk in (one, two, one)))
    assert leads.times == 3


def queue(one, two, path):
    for number in range(5):
        one.retry(one.Queue(path).put, b"%d" % number)
    got = []
    until(lambda: got.append(two.retry(two.Queue(path).get)) or got[-1] is None, lambda: got)
    assert {*got} == {None, *(b"%d" % number for number in range(5))}  # a put that was tried again may be there twice


def locking_queue(one, two, path):
    for number in range(3):
        one.retry(one.LockingQueue(path).put, b"%d" % number)
    got = set()
    while got != {b"0", b"1", b"2"}:
        waiting = two.LockingQueue(path)
        entry = waiting.get(timeout=30)
        assert entry is not None, f"only {got} came"
        got.add(entry)
        two.retry(waiting.consume)


def barrier(one, two, path):
    one.retry(one.Barrier(path).create)
    passed = []
    together(lambda: passed.append(two.retry(two.Barrier(path).wait, 40)), lambda: one.retry(one.Barrier(path).remove))
    assert passed == [True]


def double_barrier(one, two, path):
    inside = []

    def enter_and_leave(zk):
        both = zk.DoubleBarrier(path, 2)
        both.enter()
        inside.append(zk)
        until(lambda: len(inside) == 2, lambda: "one went in alone")
        both.leave()
    together(lambda: enter_and_leave(one), lambda: enter_and_leave(two))


def counter(one, two, path):
    def count(zk):
        for _ in range(5):
            zk.retry(lambda: zk.Counter(path).__add__(1))
    together(lambda: count(one), lambda: count(two))
    assert one.retry(lambda: one.Counter(path).value) >= 10  # an addition that was tried again may count twice


def party(one, two, path):
    parties = [zk.Party(path, name) for zk, name in ((one, "one"), (two, "two"))]
    for each in parties:
        each.join()
    one.retry(one.sync, "/")
    assert set(one.retry(lambda: list(parties[0]))) == {"one", "two"}
    parties[1].leave()
    one.retry(one.sync, "/")
    assert one.retry(lambda: list(parties[0])) == ["one"]


def lease(one, two, path):
    from datetime import timedelta

    def mine(zk, name, minutes):
        return bool(zk.retry(lambda: zk.NonBlockingLease(path, timedelta(minutes=minutes), name)))
    assert mine(one, "one", 5) and not mine(two, "two", 5) and mine(one, "one", 9)


def watchers(one, two, path):
    one.retry(one.ensure_path, path)
    data, children = [], []
    one.DataWatch(path, lambda octets, stat: data.append(octets) or (octets != b"9") or False)
    one.ChildrenWatch(path, lambda names: children.append(set(names)) or len(names) < 3 or False)
    for number in range(10):
        two.retry(two.set, path, b"%d" % number)
    for name in "abc":
        two.retry(two.ensure_path, f"{path}/{name}")
    until(lambda: data[-1] == b"9" and children[-1] == set("abc"), lambda: (data, children))
    assert data == sorted(data, key=lambda octets: octets or b"")  # never back


def cache(one, two, path):
    def started():
        tree = TreeCache(one, path)
        tree.start()
        return tree
    tree = one.retry(started)
    try:
        for name in ("a", "a/x", "b"):
            two.retry(two.ensure_path, f"{path}/{name}")
        two.retry(two.set, f"{path}/a/x", b"deep")
        until(lambda: (tree.get_children(path) or set()) == {"a", "b"} and
              getattr(tree.get_data(f"{path}/a/x"), "data", None) == b"deep", lambda: tree.get_children(path))
    finally:
        tree.close()


def partitioner(one, two, path):
    parts = [zk.retry(zk.SetPartitioner, path, range(6), identifier=name, time_boundary=0.3) for zk, name in ((one, "one"), (two, "two"))]

    def step():
        for part in parts:
            if part.release:
                part.release_set()
            elif part.allocating:
                part.wait_for_acquire(0.05)
        return all(part.acquired for part in parts) and len(list(parts[0])) == len(list(parts[1])) == 3
    until(step, lambda: [(part.state, list(part)) for part in parts])
    assert sorted([*parts[0], *parts[1]]) == list(range(6))
    for part in parts:
        part.finish()


ALL = [lock, election, queue, locking_queue, barrier, double_barrier, counter, party, lease, watchers, cache, partitioner]


@pytest.mark.parametrize("kinds, rounds", [
    ({0: "ours"}, 1), ({1: "ours", 2: "ours", 3: "ours"}, 2),
    pytest.param({0: "ours"}, 100, marks=pytest.mark.soak), pytest.param({1: "ours", 2: "ours", 3: "ours"}, 100, marks=pytest.mark.soak),
    pytest.param({0: "real"}, 3, marks=[pytest.mark.soak, real]),
    pytest.param({1: "real", 2: "real", 3: "real"}, 5, marks=[pytest.mark.soak, real]),
], ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else str(value))  # fmt: skip
def test_recipes_keep_what_they_promise_while_servers_are_killed(tmp_path, kinds, rounds):
    chance, acknowledged = random.Random(rounds), []
    with Servers(tmp_path, kinds, tick_ms=500) as servers:
        clients = [KazooClient(servers.hosts(), timeout=10, connection_retry=KazooRetry(-1, 0.02, max_delay=0.3),
                               command_retry=KazooRetry(-1, 0.02, max_delay=0.3)) for _ in range(2)]
        for zk in clients:
            zk.start(20)
        try:
            for number in range(rounds):
                def kill_one():
                    victim = servers.leader() if chance.random() < 0.5 and 0 not in kinds else chance.choice(list(kinds))
                    servers.kill(victim or list(kinds)[-1])
                    if 0 not in kinds:
                        made(f"/{number}/without")
                    servers.start(*(set(kinds) - set(servers.up)))

                def made(path):
                    clients[0].retry(clients[0].ensure_path, path)
                    acknowledged.append(path)
                made(f"/{number}")
                together(kill_one, *(lambda recipe=recipe: recipe(*clients, f"/{number}/{recipe.__name__}") for recipe in ALL))
                made(f"/{number}/done")
            for zk in clients:
                assert zk.client_id[0] and zk.connected
        finally:
            for zk in clients:
                zk.stop()
                zk.close()
        for sid in kinds:
            zk = KazooClient(servers.hosts(sid), timeout=10)
            zk.start(20)
            zk.sync("/")
            assert [path for path in acknowledged if not zk.exists(path)] == []
            zk.stop()
            zk.close()
