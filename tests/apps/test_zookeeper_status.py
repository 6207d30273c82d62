"""What is told of an ensemble: by `zookeeper status`, and by GET /zookeeper of brokers that register in it."""

import http.client
import json
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from gevent import server as gevent_server

from emulator import Emulator
from emulator.apps.control.schema import check
from emulator.apps.control.zookeeper import ROUTES
from emulator.apps.zookeeper import status
from tests.runtime.registration.ensemble import until
from tests.runtime.zookeeper.ensemble import free_ports

ROOT = Path(__file__).resolve().parents[2]


def zoo_cfg(tmp_path, ports):
    servers = "".join(f"server.{n}=127.0.0.1:{ports[3 * n - 3]}:{ports[3 * n - 2]};127.0.0.1:{ports[3 * n - 1]}\n" for n in (1, 2, 3))
    path = tmp_path / "zoo.cfg"
    path.write_text(f"tickTime=100\ninitLimit=20\nsyncLimit=10\ndataDir={tmp_path}/data\n{servers}")
    return path


@contextmanager
def running(path, *options):
    process = subprocess.Popen([sys.executable, "-m", "emulator", "zookeeper", path, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def ask(kafka):
    connection = http.client.HTTPConnection(kafka.control, timeout=20)
    connection.request("GET", "/zookeeper")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    [route] = ROUTES
    check("answer", route.answer, answer)
    return answer


def shown(path):
    done = subprocess.run([sys.executable, "-m", "emulator", "zookeeper", "status", path], cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert not done.stderr
    return done.returncode, done.stdout


def test_an_ensemble_is_told_of_with_a_quorum_and_without(tmp_path):
    ports = free_ports(9)
    path, addresses = zoo_cfg(tmp_path, ports), [("127.0.0.1", port) for port in ports[2::3]]
    config = {"zookeeper.connect": ",".join(f"127.0.0.1:{port}" for _, port in addresses) + "/kafka", "control.listen": "127.0.0.1:0"}
    with running(path, "--myid", "1"):
        until(lambda: [one["role"] for one in status.look_at_all(addresses)] == ["looking", "down", "down"])
        code, text = shown(path)
        assert code == 1 and "no quorum: 2 of the 3 servers that vote must agree, 1 answers" in text
        with running(path, "--myid", "2"), Emulator(config=config) as kafka:
            told = until(lambda: (told := ask(kafka))["quorum"]["in_sync"] == 2 and told)
            assert told["connect"] == config["zookeeper.connect"]
            assert told["quorum"] == {"needed": 2, "voters": [1, 2, 3], "in_sync": 2, "leader": 2}
            assert [one["role"] for one in told["servers"]] == ["follower", "leader", "down"]
            follower, leader, gone = told["servers"]
            assert leader["in_sync"] == [1, 2] and follower["leader"] == 2 and leader["sessions"] == 1
            epoch = follower["epoch"]  # 1, or more where the machine is so busy that followers seem lost
            assert epoch >= 1 and leader["zxid"].startswith(f"0x{epoch:x}00000") and 0 <= follower["last_tick_ms"] < 1000 and gone["reason"] == "Connection refused"
            code, text = shown(path)
            assert code == 0 and "2 do; none of them may fail" in text and "1,2" in text
        until(lambda: [one["role"] for one in status.look_at_all(addresses)] == ["looking", "down", "down"])
        [found, *_] = status.look_at_all(addresses)
        assert found["epoch"] >= epoch and found["last_tick_ms"] is None and "the leader is gone" in found["reason"]


def test_without_an_ensemble_there_is_nothing_to_tell():
    with Emulator(config={"control.listen": "127.0.0.1:0"}) as kafka:
        assert ask(kafka) == {"connect": None, "quorum": None, "about": "zookeeper.connect is not set", "servers": []}


@pytest.mark.parametrize("words, role, synced", [
    ({"srvr": "Zookeeper version: 3.8.4\nConnections: 4\nZxid: 0x300000007\nMode: leader\n", "mntr": "zk_synced_followers\t2.0\nzk_global_sessions\t5\n"}, "leader", 3),
    ({"srvr": "Zookeeper version: 3.8.4\nConnections: 4\nZxid: 0x300000007\nMode: leader\n", "mntr": "mntr is not executed because ...\n"}, "leader", None),
    ({"srvr": "This ZooKeeper instance is not currently serving requests\n"}, "looking", None),
    ({"srvr": "Zxid: none\nMode: odd\nConnections: 1\n"}, "down", None),
    ({"peer": '{"a": 1}'}, "down", None),
    (None, "silent", None),
])  # fmt: skip
def test_real_servers_tell_less(words, role, synced, monkeypatch):
    monkeypatch.setattr(status, "_WITHIN_S", 0.3)

    def answer(sock, peer):
        asked = sock.recv(4).decode()  # a real server takes what it does not know for a length, and hangs up
        if words is None:
            return sock.recv(4)
        sock.sendall(words.get(asked, "").encode())

    listening = gevent_server.StreamServer(("127.0.0.1", 0), answer)
    listening.start()
    found = status.look(("127.0.0.1", listening.server_port))
    listening.stop()
    assert (found["role"], found["in_sync_count"], found["epoch"]) == (role, synced, 3 if role == "leader" else None)


def test_an_address_that_nobody_has_is_down():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        assert status.look(sock.getsockname())["role"] == "down"
    assert status.look(("no.such.host.invalid", 1))["role"] == "down"
