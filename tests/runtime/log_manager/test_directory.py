"""The root of a data directory: its lock, its identity, its checkpoints."""

import os
import subprocess
import sys

import pytest

from emulator.runtime.log_manager import StorageError
from emulator.runtime.log_manager.checkpoint import read_offsets, write_offsets
from emulator.runtime.log_manager.directory import DataDirectory

FROM_KAFKA = """#
#Sun Nov 22 17:56:53 UTC 2026
node.id=1
directory.id=kqwo4-xmsPRkEUuLaT-ftA
version=1
cluster.id=XjfL4y9SR0eYXnONOvbt0w
"""


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "data")


def test_a_directory_has_one_user(path):
    first = DataDirectory(path)
    with pytest.raises(StorageError, match=r"Failed to acquire lock on file \.lock in .*data"):
        DataDirectory(path)
    first.close()
    DataDirectory(path).close()


def test_a_lock_as_a_broker_takes_it_is_heeded(path):
    """Java's FileLock is fcntl's."""
    os.makedirs(path)
    script = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", script, path + "/.lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    with pytest.raises(StorageError, match="Failed to acquire lock"):
        DataDirectory(path)
    process.communicate()
    DataDirectory(path).close()


def test_it_belongs_to_one_node_of_one_cluster(path):
    directory = DataDirectory(path)
    assert directory.cluster_id is None
    directory.claim("XjfL4y9SR0eYXnONOvbt0w", 1)
    directory.close()
    again = DataDirectory(path)
    assert (again.cluster_id, again.node_id, again.directory_id) == ("XjfL4y9SR0eYXnONOvbt0w", 1, directory.directory_id)
    again.claim("XjfL4y9SR0eYXnONOvbt0w", 1)
    for other in (("XjfL4y9SR0eYXnONOvbt0w", 2), ("AAAAAAAAAAAAAAAAAAAAAA", 1)):
        with pytest.raises(StorageError, match="meta.properties: this directory is of node 1 of the cluster Xjf"):
            again.claim(*other)
    again.close()


def test_the_identity_is_read_as_kafka_writes_it(path):
    os.makedirs(path)
    with open(path + "/meta.properties", "w") as file:
        file.write(FROM_KAFKA)
    directory = DataDirectory(path)
    assert (directory.cluster_id, directory.node_id) == ("XjfL4y9SR0eYXnONOvbt0w", 1)
    directory.claim("XjfL4y9SR0eYXnONOvbt0w", 1)
    assert open(path + "/meta.properties").read() == FROM_KAFKA
    directory.close()


@pytest.mark.parametrize("text", ("", "version=7\nnode.id=1\ncluster.id=x\n", "version=1\nnode.id=x\ncluster.id=x\n"))
def test_an_identity_that_says_nothing_is_refused(path, text):
    os.makedirs(path)
    with open(path + "/meta.properties", "w") as file:
        file.write(text)
    with pytest.raises(StorageError, match="meta.properties: no version, cluster.id and node.id"):
        DataDirectory(path)


def test_a_clean_end_is_believed_once(path):
    directory = DataDirectory(path)
    assert not directory.take_clean_marker()
    directory.mark_clean()
    directory.close()
    directory = DataDirectory(path)
    assert directory.take_clean_marker() and not directory.take_clean_marker()
    directory.close()


def test_directories_that_are_partitions_are_found(path):
    directory = DataDirectory(path)
    fate = "0123456789abcdef" * 2
    for name in ("b-1", "b-10", "b-2", "a-b-0", "a.b-0", "x", "-1", "b-x", f"b-3.{fate}-delete", f"c-0.{fate}-stray", f"c-0.{fate}-future"):
        os.mkdir(directory.at(name))
    open(directory.at("file-0"), "w").close()
    assert [found[1:] for found in directory.partitions()] == [
        ("a-b", 0, None), ("a.b", 0, None), ("b", 1, None), ("b", 2, None), ("b", 3, "delete"), ("b", 10, None),
        ("c", 0, "future"), ("c", 0, "stray"),
    ]  # fmt: skip
    directory.close()


def test_what_goes_is_renamed_as_by_kafka_however_long_its_name(path):
    directory = DataDirectory(path)
    for name in ("t", "t" * 249):
        os.mkdir(directory.partition_path(name, 12))
        renamed = directory.rename(name, 12, directory.partition_path(name, 12), "delete")
        assert os.path.isdir(renamed) and not os.path.exists(directory.partition_path(name, 12))
        assert len(os.path.basename(renamed)) == min(len(name) + 43, 255)
    assert [found[2:] for found in directory.partitions()] == [(12, "delete")] * 2
    directory.close()


def test_checkpoints_are_kafkas(path):
    os.makedirs(path)
    file = path + "/recovery-point-offset-checkpoint"
    assert read_offsets(file) == {}
    offsets = {("a", 0): 5, ("a.b-c", 10): 2**40}
    write_offsets(file, offsets)
    assert open(file).read() == "0\n2\na 0 5\na.b-c 10 1099511627776\n"
    assert read_offsets(file) == offsets
    open(file, "w").close()  # as a broker leaves it before it knows any
    assert read_offsets(file) == {}
    for damaged in ("1\n0\n", "0\n2\na 0 5\n", "0\n1\na 0\n", "x\n"):
        with open(file, "w") as out:
            out.write(damaged)
        with pytest.raises(ValueError):
            read_offsets(file)
