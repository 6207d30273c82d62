"""zoo.cfg as ZooKeeper reads it, and the command's words for a file that is wrong."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.apps.errors import UsageError
from emulator.apps.zookeeper import command, status
from emulator.apps.zookeeper.zoo_cfg import read_zoo_cfg

ROOT = Path(__file__).resolve().parents[2]
THREE = ["initLimit=5", "syncLimit=2", *(f"server.{n}=127.0.0.1:{2888 + n}:{3888 + n}" for n in (1, 2, 3))]


def config(tmp_path, *lines, data=True):
    path = tmp_path / "zoo.cfg"
    path.write_text("\n".join([*([f"dataDir={tmp_path}/data"] if data else []), *lines]) + "\n")
    return read_zoo_cfg(path)


def test_what_is_not_said_is_as_there(tmp_path):
    found = config(tmp_path, "# a comment", "clientPort = 2181", "unknown=accepted")
    assert (found.tick_time, found.min_session_timeout, found.max_session_timeout, found.max_client_cnxns) == (3000, 6000, 60000, 60)
    assert found.client_address(0) == ("", 2181) and found.servers == {}
    assert found.allows_word("srvr") and not found.allows_word("ruok")


def test_servers(tmp_path):
    found = config(tmp_path, "initLimit=5", "syncLimit=2", "server.1=a:1:2;2181", "server.2=b:1:2:participant;127.0.0.1:2182",
                   "server.3=[::1]:3:4:observer;2183", "4lw.commands.whitelist=ruok, mntr")
    assert [str(server) for server in found.servers.values()] == \
        ["a:1:2:participant;0.0.0.0:2181", "b:1:2:participant;127.0.0.1:2182", "[::1]:3:4:observer;0.0.0.0:2183"]
    assert [found.client_address(n) for n in (1, 2, 3)] == [("", 2181), ("127.0.0.1", 2182), ("", 2183)]
    assert found.allows_word("mntr") and found.allows_word("srvr") and not found.allows_word("stat")


def test_one_server_in_the_list_stands_alone(tmp_path):
    assert config(tmp_path, "clientPort=1", "server.1=a:1:2").servers == {}
    ensemble = config(tmp_path, "clientPort=1", "server.1=a:1:2", "server.2=b:1:2:observer", "standaloneEnabled=false", *THREE[:2])
    assert list(ensemble.servers) == [1, 2] and not ensemble.everywhere


@pytest.mark.parametrize("lines, complaint", [
    (["clientPort=x"], "clientPort is 'x', which is no number"),
    (["clientPort=1", "tickTime=0"], "tickTime is 0"),
    ([], "clientPort is not set"),
    (["clientPort=1", *THREE[1:]], "initLimit is not set"),
    (["clientPort=1", THREE[0], *THREE[2:]], "syncLimit is not set"),
    (["clientPort=1", "nonsense"], "is no key=value"),
    (["clientPort=1", "server.x=a:1:2"], "has no number"),
    (["clientPort=1", "server.1=a:1"], "is not host:peerPort"),
    (["clientPort=1", "server.1=a:1:2:leader"], "neither participant nor observer"),
    (["clientPort=1", "server.1=a:1:2", "server.2=a:2:3"], "a:2 is used twice"),
    (["clientPort=1", "server.1=a:1:2:observer"], "nobody votes: all servers are observers"),
    (["clientPort=1", "standaloneEnabled=false"], "nobody votes: standaloneEnabled is false"),
    (["clientPort=1", "server.1=a:1:2", "server.2=b:1:2:observer"], "only one server votes"),
    (["clientPort=1", "weight.1=2"], "groups and weights of servers are not supported"),
    (["clientPort=1", "localSessionsEnabled=yes"], "localSessionsEnabled is 'yes', and must be true or false"),
    (["clientPort=1", "minSessionTimeout=9", "maxSessionTimeout=3"], "must not be larger"),
])
def test_files_that_are_wrong(tmp_path, lines, complaint):
    with pytest.raises(UsageError, match=complaint):
        config(tmp_path, *lines)


def test_a_file_without_a_data_directory_or_none_at_all(tmp_path):
    with pytest.raises(UsageError, match="dataDir is not set"):
        config(tmp_path, "clientPort=1", data=False)
    with pytest.raises(UsageError, match="No such file"):
        read_zoo_cfg(tmp_path / "nope.cfg")


def test_what_is_not_used_is_said(tmp_path):
    found = config(tmp_path, "clientPort=1", "observerMasterPort=1", "ssl.quorum=true", "admin.enableServer=false")
    assert list(found.warnings()) == ["not used here: observerMasterPort, ssl.quorum"]


@pytest.mark.parametrize("count, warns", [(1, False), (2, True), (3, False), (4, True), (7, False), (9, True)])
def test_numbers_of_servers_that_make_little_sense(tmp_path, count, warns):
    found = config(tmp_path, "clientPort=1", "initLimit=5", "syncLimit=2", *(f"server.{n}=h{n}:1:2" for n in range(1, count + 1)))
    assert bool(list(found.warnings())) is warns


def test_which_servers_run_here(tmp_path):
    found = config(tmp_path, "clientPort=2181", *THREE)
    assert command.chosen(found, 2) == [2] and found.client_address(2)[1] == 2182
    with pytest.raises(UsageError, match="no server.9"):
        command.chosen(found, 9)
    assert command.chosen(found, None) == [1, 2, 3]
    assert [found.client_address(n)[1] for n in (1, 2, 3)] == [2181, 2182, 2183]
    assert len({found.version_directory(n) for n in (1, 2, 3)}) == 3
    (tmp_path / "data" / "version-2").mkdir(parents=True)
    assert command.chosen(found, 2) == [2] and not found.together  # it is this one's
    (tmp_path / "data" / "myid").write_text("3\n")
    found = config(tmp_path, "clientPort=2181", *THREE)
    assert command.chosen(found, None) == [3]
    with pytest.raises(UsageError, match="myid says 3"):
        command.chosen(found, 1)


def test_the_command(tmp_path):
    path = tmp_path / "zoo.cfg"
    path.write_text(f"dataDir={tmp_path}/data\nclientPort=0\nclientPortAddress=127.0.0.1\n")
    process = subprocess.Popen([sys.executable, "-m", "emulator", "zookeeper", path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert line.startswith("zookeeper.connect=127.0.0.1:")
    assert "Mode: standalone" in status.ask(("127.0.0.1", int(line.rpartition(":")[2])), "srvr")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()


def test_a_data_directory_of_another_history_is_refused(tmp_path):
    (tmp_path / "data" / "version-2").mkdir(parents=True)
    (tmp_path / "data" / "version-2" / "currentEpoch").write_text("9")
    (tmp_path / "data" / "version-2" / "acceptedEpoch").write_text("3")
    path = tmp_path / "zoo.cfg"
    path.write_text("\n".join([f"dataDir={tmp_path}/data", "clientPort=0", *THREE]))
    done = subprocess.run([sys.executable, "-m", "emulator", "zookeeper", path, "--myid", "1"], cwd=ROOT, capture_output=True,
                          text=True, timeout=20)
    assert done.returncode == 2 and "less than the current epoch" in done.stderr and done.stderr.count("\n") == 1
