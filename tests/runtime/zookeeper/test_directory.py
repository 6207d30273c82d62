"""dataDir/version-2 on a real disk, and on one that is full."""

import os

from emulator.runtime.zookeeper.directory import Directory
from tests.runtime.zookeeper.ensemble import until


def test_what_is_appended_is_there_when_it_is_said_to_be(tmp_path):
    directory, done = Directory(str(tmp_path)), []
    directory.replace("log.1", b"head")
    directory.append("log.1", b"one", lambda: done.append((tmp_path / "log.1").read_bytes()))
    directory.append("log.1", b"", lambda: None)
    until(lambda: done == [b"headone"])
    directory.truncate("log.1", 2)
    directory.append("log.2", b"two", lambda: done.append(directory.load("log.2")))
    until(lambda: done[1:] == [b"two"])
    assert directory.load("log.1") == b"he" and sorted(directory.names()) == ["log.1", "log.2"]
    directory.remove("log.1")
    assert directory.load("log.1") is None
    directory.close()


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
