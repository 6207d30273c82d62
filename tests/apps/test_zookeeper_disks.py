"""A ZooKeeper server whose disk is full: it ends, with one line, and what it has acknowledged is there when there is room again."""

import os
import subprocess
import sys

import pytest

from tests.apps.test_refusing_disks import Mounts
from tests.apps.test_zookeeper_status import ROOT


@pytest.fixture
def mounts():
    mounts = Mounts()
    yield mounts
    mounts.close()


@pytest.mark.parametrize("snap_count", [100_000, 30], ids=["by its log", "by snapshots, too"])
def test_a_full_disk_ends_the_server_and_loses_nothing(tmp_path, mounts, snap_count):
    kazoo = pytest.importorskip("kazoo.client")
    mounts.disk(tmp_path / "disk", "3m")
    path = tmp_path / "zoo.cfg"
    path.write_text(f"dataDir={tmp_path}/disk\nclientPort=0\nclientPortAddress=127.0.0.1\ntickTime=500\nsnapCount={snap_count}\n")

    def start():
        command = [*mounts.command, sys.executable, "-m", "emulator", "zookeeper", path]
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        client = kazoo.KazooClient(process.stdout.readline().strip().partition("=")[2], timeout=10)
        client.start(10)
        return process, client

    process, client = start()
    client.create("/w")
    made = []
    try:
        while len(made) < 1000:
            client.create_async(f"/w/{len(made)}", bytes(20_000)).get(timeout=10)  # what is asked once the server is gone kazoo keeps for when it is back
            made.append(str(len(made)))
    except Exception:
        assert len(made) > 20
    client.stop()
    client.close()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1 and "Traceback" not in said and said.count("No space left on device: this server takes no more part") == 1
    mounts.run("mount", "-o", "remount,size=50m", tmp_path / "disk")
    process, client = start()
    assert set(made) <= set(client.get_children("/w")) and len(client.get("/w/0")[0]) == 20_000
    client.create("/w/more")
    client.stop()
    client.close()
    process.kill()
    process.communicate()
