"""A disk that is full, or may only be read: real ones, in mount namespaces that end with the test."""

import subprocess

import pytest

from tests.apps.test_data_dir import stop, until
from tests.storage_client import Client
from wire import errors
from wire.apis.replication import DescribeLogDirs
from wire.apis.topics import CreateTopics, ElectLeaders

MIB = 1 << 20
UNCLEAN = 1
BATCH = bytes(100_000)


class Mounts:
    """`run(command)` runs in a namespace in which `mount` works, without being root outside of it."""

    def __init__(self):
        self._holder = subprocess.Popen(["unshare", "--map-root-user", "--mount", "sh", "-c", "echo; exec cat"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
        if not self._holder.stdout.readline():
            pytest.fail(f"these tests mount file systems, and unshare(1) says: {self._holder.communicate()[1].strip()}")
        self.command = ["nsenter", f"--target={self._holder.pid}", "--user", "--mount", "--preserve-credentials", "--wd=."]

    def run(self, *command):
        done = subprocess.run([*self.command, *map(str, command)], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def disk(self, path, size):
        path.mkdir()
        self.run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path)

    def close(self):
        self._holder.communicate()


@pytest.fixture
def mounts():
    mounts = Mounts()
    yield mounts
    mounts.close()


@pytest.fixture
def start(serve, home, mounts):
    """start("one", "two") -> (Running, Client) with these as log.dirs."""
    clients = []

    def start(*directories):
        (home / "config.yaml").write_text(f"log.dirs: [{', '.join(str(home / one) for one in directories)}]\n")
        server = serve("--config", "config.yaml", prefix=mounts.command)
        clients.append(Client(server.bootstrap))
        return server, clients[-1]

    yield start
    for client in clients:
        client.socket.close()


def fill(client, topic, partition=0):
    """Produce until it is refused; gives how many batches were taken."""
    for number in range(1000):
        answer = client.produce(topic, BATCH, partition=partition)
        if answer.error_code:
            assert answer.error_code == errors.KAFKA_STORAGE_ERROR
            return number
    raise AssertionError("there is always room")


def directories(client):
    """{last part of a path: (error, {(topic, partition)})}"""
    results = client.call(DescribeLogDirs, 4, topics=None).results
    found = {}
    for one in results:
        partitions = {(topic.name, partition.partition_index) for topic in one.topics for partition in topic.partitions}
        assert one.error_code == errors.NONE and one.total_bytes > 0 or (one.total_bytes, one.usable_bytes) == (-1, -1)
        found[one.log_dir.rpartition("/")[2]] = one.error_code, partitions
    return found


def leaders(client, topic):
    """[(error, leader, leader epoch, offline replicas)] by partition"""
    partitions = sorted(client.topics()[topic].partitions, key=lambda one: one.partition_index)
    return [(one.error_code, one.leader_id, one.leader_epoch, one.offline_replicas) for one in partitions]


def test_a_full_disk_refuses_what_is_written_and_serves_what_is_there(start, mounts, home):
    mounts.disk(home / "one", 8 * MIB)
    server, client = start("one")
    client.create("t", 2)
    taken = [fill(client, "t", partition) for partition in range(2)]
    assert taken[0] > 50 and sum(taken) < 84
    assert [len(client.values("t", partition)) for partition in range(2)] == taken
    new = CreateTopics.Request.Topics(name="u", num_partitions=100, replication_factor=1)
    client.call(CreateTopics, 7, topics=[new], timeout_ms=1000)  # whether the rest is enough for it or not
    assert directories(client)["one"][0] == errors.NONE
    mounts.run("mount", "-o", f"remount,size={20 * MIB}", home / "one")
    for partition in range(2):
        assert client.produce("t", b"again", partition=partition).base_offset == taken[partition]
        assert client.values("t", partition)[-1] == b"again"
    err = stop(server)
    assert "t-0: No space left on device" in err
    server, client = start("one")
    assert [len(client.values("t", partition)) for partition in range(2)] == [one + 1 for one in taken]
    stop(server)


def test_a_full_directory_goes_offline_and_no_other(start, mounts, home):
    """What Kafka 4.3.1 answers, down to the epochs."""
    mounts.disk(home / "two", 4 * MIB)
    server, client = start("one", "two")
    client.create("t", 4)
    for partition in range(4):
        client.produce("t", b"a", partition=partition)
    found = directories(client)
    (lost, other), kept = [sorted(index for _, index in found[one][1]) for one in ("two", "one")]
    assert fill(client, "t", lost) > 20
    until(lambda: directories(client)["two"][0])
    assert directories(client) == {
        "one": (errors.NONE, {("t", index) for index in kept}),
        "two": (errors.KAFKA_STORAGE_ERROR, set()),
    }
    gone = errors.LEADER_NOT_AVAILABLE, -1, 1, [1]
    assert leaders(client, "t") == [gone if index in (lost, other) else (errors.NONE, 1, 0, []) for index in range(4)]
    for index in (lost, other):
        assert client.produce("t", b"x", partition=index).error_code == errors.KAFKA_STORAGE_ERROR
        assert client.fetch("t", partition=index).error_code == errors.KAFKA_STORAGE_ERROR
    for index in kept:
        assert client.produce("t", b"b", partition=index).base_offset == 1
        assert client.values("t", index) == [b"a", b"b"]
    Wanted = ElectLeaders.Request.TopicPartitions
    refused = client.call(ElectLeaders, 2, election_type=UNCLEAN, topic_partitions=[Wanted(topic="t", partitions=[lost])], timeout_ms=1000)
    (result,) = refused.replica_election_results[0].partition_result
    assert result.error_code == errors.ELIGIBLE_LEADERS_NOT_AVAILABLE
    client.create("u", 4)
    assert [error for error, *_ in leaders(client, "u")] == [errors.NONE] * 4
    mounts.run("mount", "-o", f"remount,size={20 * MIB}", home / "two")
    assert client.produce("t", b"x", partition=lost).error_code == errors.KAFKA_STORAGE_ERROR  # until the next start, as in Kafka
    err = stop(server)
    assert f"{home}/two goes offline, and with it the partitions in it: " in err
    server, client = start("one", "two")
    assert [error for error, *_ in leaders(client, "t")] == [errors.NONE] * 4
    assert client.values("t", other) == [b"a"] and client.values("t", lost)[0] == b"a"
    assert client.produce("t", b"b", partition=other).base_offset == 1
    stop(server)


def test_a_directory_that_may_only_be_read_is_offline_from_the_start(start, mounts, home):
    server, client = start("one", "two")
    client.create("t", 2)
    client.create("gone", 2)
    for partition in range(2):
        client.produce("t", b"%d" % partition, partition=partition)
    stop(server)
    (lost,) = [int(path.name[-1]) for path in (home / "two").glob("t-?")]
    mounts.run("mount", "--bind", home / "two", home / "two")
    mounts.run("mount", "-o", "remount,bind,ro", home / "two")
    server, client = start("one", "two")
    assert directories(client)["two"] == (errors.KAFKA_STORAGE_ERROR, set())
    answered = leaders(client, "t")
    assert answered[lost][:2] == (errors.LEADER_NOT_AVAILABLE, -1) and answered[1 - lost][:2] == (errors.NONE, 1)
    assert client.produce("t", b"x", partition=lost).error_code == errors.KAFKA_STORAGE_ERROR
    assert client.values("t", 1 - lost) == [b"%d" % (1 - lost)]
    client.delete("gone")
    client.create("new", 2)
    assert [client.produce("new", b"x", partition=index).base_offset for index in range(2)] == [0, 0]
    assert f"{home}/two is offline, and so are the partitions in it: {home}/two/.lock: Read-only file system" in stop(server)
    mounts.run("umount", home / "two")
    server, client = start("one", "two")
    assert set(client.topics()) == {"t", "new"}  # what was deleted meanwhile does not come back
    assert [client.values("t", index) for index in range(2)] == [[b"0"], [b"1"]]
    assert "adopted" not in stop(server)


def test_a_coordinator_whose_directory_is_offline_is_not_found(start, mounts, home):
    server, client = start("one", "two")
    client.create("t")
    client.find_coordinator("g")
    groups = [f"g{number}" for number in range(20)]
    for group in groups:
        assert client.commit(group, "t", 7) == errors.NONE
    stop(server)
    mounts.run("mount", "--bind", home / "two", home / "two")
    mounts.run("mount", "-o", "remount,bind,ro", home / "two")
    server, client = start("one", "two")
    answers = [client.commit(group, "t", 8) for group in groups]
    while errors.COORDINATOR_LOAD_IN_PROGRESS in answers:
        answers = [client.commit(group, "t", 8) for group in groups]
    assert set(answers) == {errors.NONE, errors.NOT_COORDINATOR}
    stop(server)


def test_with_nothing_to_write_to_there_is_no_server(start, run, mounts, home):
    server, client = start("one")
    client.create("t")
    client.produce("t", b"a")
    mounts.run("mount", "--bind", home / "one", home / "one")
    stop(server)
    mounts.run("mount", "-o", "remount,bind,ro", home / "one")
    refused = run("serve", "--config", "config.yaml", prefix=mounts.command)
    assert refused.returncode == 2
    assert refused.stderr == f"kafka-emulator: error: {home}/one/.lock: Read-only file system\n"
