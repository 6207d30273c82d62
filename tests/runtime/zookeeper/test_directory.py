"""dataDir/version-2 on a real disk, and on one that is full."""

import os

import pytest

from emulator.runtime.zookeeper.directory import Directory, MixedDirectories
from emulator.state.zookeeper.database import Abandoned
from tests.runtime.zookeeper.ensemble import until


def test_what_is_appended_is_there_when_it_is_said_to_be(tmp_path):
    directory, done = Directory(str(tmp_path)), []
    directory.replace("log.1", b"head")
    directory.append("log.1", b"one", lambda: done.append((tmp_path / "log.1").read_bytes().rstrip(b"\0")))
    directory.append("log.1", b"", lambda: None)
    until(lambda: done == [b"headone"])
    directory.truncate("log.1", 2)
    directory.append("log.2", b"two", lambda: done.append(directory.load("log.2")))
    until(lambda: done[1:] and done[1].rstrip(b"\0") == b"two" and len(done[1]) == 1 << 20)
    directory.append("log.2", b"x" * (1 << 20), lambda: done.append(directory.load("log.2")))
    until(lambda: done[2:] and done[2].rstrip(b"\0") == b"two" + b"x" * (1 << 20) and len(done[2]) == 2 << 20)
    assert directory.load("log.1") == b"he" and sorted(directory.names()) == ["log.1", "log.2"]
    directory.remove("log.1")
    assert directory.load("log.1") is None
    directory.close()


def test_logs_have_a_directory_of_their_own(tmp_path):
    directory = Directory(str(tmp_path / "data"), log_path=str(tmp_path / "logs"))
    for name in ("log.1", "snapshot.0", "currentEpoch"):
        directory.replace(name, b"12")
    assert sorted(os.listdir(tmp_path / "data")) == ["currentEpoch", "snapshot.0"] and os.listdir(tmp_path / "logs") == ["log.1"]
    assert directory.names() == ["currentEpoch", "log.1", "snapshot.0"] and directory.sizes() == (4, 2)
    for data, logs, complaint in (("logs", "new", "Snapshot directory has log files"), ("new", "data", "Log directory has snapshot files")):
        with pytest.raises(MixedDirectories, match=complaint):
            Directory(str(tmp_path / data), log_path=str(tmp_path / logs))


def test_a_file_is_written_in_turns_or_not_at_all(tmp_path):
    directory, turns = Directory(str(tmp_path)), []
    directory.write_in_turns("snapshot.1", (turns.append(n) or b"%d" % n for n in range(3)), lambda: turns.append("done"))

    def abandoned():
        yield b"x"
        raise Abandoned
    directory.write_in_turns("snapshot.2", abandoned(), lambda: turns.append("abandoned"))
    until(lambda: {"done", "abandoned"} <= set(turns))
    assert directory.load("snapshot.1") == b"012" and directory.names() == ["snapshot.1"]


def test_a_full_disk_acknowledges_nothing(tmp_path, caplog, capfd):
    errors, done = [], []
    directory = Directory(str(tmp_path), errors.append)
    os.symlink("/dev/full", tmp_path / "log.1")
    directory.append("log.1", b"one", lambda: done.append("on disk"))
    until(lambda: errors)
    assert done == [] and [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}/log.1: No space left on device: this server takes no more part"]
    assert "Traceback" not in capfd.readouterr().err
    directory.close()
