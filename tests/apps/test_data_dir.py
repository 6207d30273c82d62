"""A server that keeps its data in a directory: stopped, killed and started again, in the way of others, on damaged files."""

import os
import shutil
import signal
import time

import pytest

from tests.storage_client import Client
from wire import errors
from wire.apis.topics import CreateTopics, DeleteTopics
from wire.internal.cluster_metadata import ConfigRecord, ProducerIdsRecord, TopicRecord
from wire.records import Record, build_batch

TOPIC = 2  # config resource types
BROKER = 4


@pytest.fixture
def data(home):
    return home / "data"


@pytest.fixture
def start(serve, data):
    """start() -> (Running, Client) on the directory; extra options follow."""
    clients = []

    def start(*arguments, **options):
        server = serve("--data-dir", data, *arguments, **options)
        clients.append(Client(server.bootstrap))
        return server, clients[-1]

    yield start
    for client in clients:
        client.socket.close()


def stop(server):
    server.send_signal(signal.SIGTERM)
    status, _, err = server.end()
    assert status == 0, err
    return err


def kill(server):
    server.send_signal(signal.SIGKILL)
    server.end()


ENDS = pytest.mark.parametrize("end", (stop, kill))


@ENDS
def test_all_is_there_again(start, data, end):
    server, client = start()
    ids = {"orders": client.create("orders", 3, retention_ms=86_400_000), "gone": client.create("gone")}
    client.produce("orders", b"a", b"b", partition=1)
    client.produce("orders", b"c", partition=1)
    client.alter(TOPIC, "orders", max_message_bytes=200)
    client.alter(BROKER, "", log_retention_bytes=12345)
    client.delete("gone")
    again = client.create("gone")
    client.find_coordinator("g")
    assert client.commit("g", "orders", 7, partition=1) == errors.NONE
    producer = client.producer_id()
    assert client.produce("orders", b"p", producer_id=producer[0], producer_epoch=0, base_sequence=0).base_offset == 0
    end(server)

    server, client = start()
    topics = client.topics()
    assert set(topics) == {"orders", "gone", "__consumer_offsets"}
    assert (topics["orders"].topic_id, topics["gone"].topic_id) == (ids["orders"], again) and ids["gone"] != again
    assert {partition.leader_epoch for partition in topics["orders"].partitions} == {2}
    assert client.values("orders", 1) == [b"a", b"b", b"c"]
    assert client.produce("orders", bytes(300), partition=1).error_code == errors.MESSAGE_TOO_LARGE
    assert client.committed("g", "orders", 1) == 7
    # The same batch sent again is known; the next one goes on; nobody gets that producer's id.
    assert client.produce("orders", b"p", producer_id=producer[0], producer_epoch=0, base_sequence=0).base_offset == 0
    assert client.produce("orders", b"q", producer_id=producer[0], producer_epoch=0, base_sequence=1).base_offset == 1
    assert client.values("orders") == [b"p", b"q"]
    assert client.producer_id()[0] > producer[0]
    assert client.produce("orders", b"d", partition=1).base_offset == 3
    end(server)

    server, client = start()
    assert client.values("orders", 1) == [b"a", b"b", b"c", b"d"]
    assert {partition.leader_epoch for partition in client.topics()["orders"].partitions} == {4}
    stop(server)


def test_a_clean_stop_leaves_kafkas_files(start, data):
    server, client = start()
    client.create("orders")
    client.produce("orders", b"a", b"b", b"c")
    assert client.delete_records("orders", 2) == 2
    assert not (data / ".kafka_cleanshutdown").exists()
    stop(server)
    assert (data / ".kafka_cleanshutdown").exists()
    assert (data / "recovery-point-offset-checkpoint").read_text() == "0\n1\norders 0 3\n"
    assert (data / "log-start-offset-checkpoint").read_text() == "0\n1\norders 0 2\n"
    assert {"node.id=1", "version=1"} < set((data / "meta.properties").read_text().splitlines())
    assert {"partition.metadata", "leader-epoch-checkpoint", "00000000000000000003.snapshot"} < set(os.listdir(data / "orders-0"))
    server, client = start()
    assert client.fetch("orders", 1).error_code == errors.OFFSET_OUT_OF_RANGE
    assert not (data / ".kafka_cleanshutdown").exists()
    stop(server)


def test_an_open_transaction_stays_open_and_can_be_committed(start):
    from wire.apis.transactions import AddPartitionsToTxn, EndTxn

    server, client = start()
    client.create("orders")
    client.find_coordinator("tid", kind=1)
    producer_id, epoch = client.producer_id("tid")
    Topic = AddPartitionsToTxn.Request.V3AndBelowTopics
    client.call(
        AddPartitionsToTxn, 3, v3_and_below_transactional_id="tid", v3_and_below_producer_id=producer_id,
        v3_and_below_producer_epoch=epoch, v3_and_below_topics=[Topic(name="orders", partitions=[0])],
    )  # fmt: skip
    producer = {"producer_id": producer_id, "producer_epoch": epoch, "base_sequence": 0}
    assert client.produce("orders", b"a", transactional_id="tid", **producer).error_code == errors.NONE
    kill(server)
    server, client = start()
    assert client.fetch("orders", isolation_level=1).last_stable_offset == 0
    answer = client.patiently(EndTxn, 3, transactional_id="tid", producer_id=producer_id, producer_epoch=epoch, committed=True)
    assert answer.error_code == errors.NONE
    assert client.fetch("orders", isolation_level=1).last_stable_offset == 2
    stop(server)


def test_two_servers_do_not_share_a_directory(start, run, data):
    server, client = start()
    refused = run("--listen", "127.0.0.1:0", "--data-dir", data)
    assert refused.returncode == 2
    assert refused.stderr == (
        f"kafka-emulator: error: Failed to acquire lock on file .lock in {data}. Another server, or a Kafka broker, is using this directory.\n"
    )
    stop(server)


def test_a_directory_of_another_node_is_refused(start, run, data, home):
    server, _ = start()
    stop(server)
    (home / "config.yaml").write_text("node.id: 7\n")
    refused = run("--listen", "127.0.0.1:0", "--data-dir", data, "--config", "config.yaml")
    assert refused.returncode == 2 and "meta.properties: this directory is of node 1 of the cluster" in refused.stderr
    assert refused.stderr.count("\n") == 1
    server, _ = start()  # and nothing is amiss
    assert "recovered" not in stop(server)


def test_a_damaged_journal_is_refused(start, run, data):
    server, client = start()
    client.create("a")
    client.create("b")
    stop(server)
    journal = data / "cluster-metadata.journal"
    damaged = journal.read_bytes().replace(b'"a"', b'"x"')
    journal.write_bytes(damaged)
    refused = run("--listen", "127.0.0.1:0", "--data-dir", data)
    assert refused.returncode == 2 and "damaged (its checksum is wrong)" in refused.stderr
    assert journal.read_bytes() == damaged


def test_logs_are_spread_over_directories_and_found_again(serve, home):
    (home / "config.yaml").write_text(f"log.dirs: [{home}/one, {home}/two]\n")
    server = serve("--config", "config.yaml", "--topic", "t:4")
    with Client(server.bootstrap) as client:
        for partition in range(4):
            client.produce("t", b"%d" % partition, partition=partition)
    stop(server)
    assert [len(list((home / one).glob("t-*"))) for one in ("one", "two")] == [2, 2]
    shutil.move(home / "one" / "t-0", home / "two" / "t-0")
    server = serve("--config", "config.yaml")
    with Client(server.bootstrap) as client:
        assert [client.values("t", partition) for partition in range(4)] == [[b"0"], [b"1"], [b"2"], [b"3"]]
    stop(server)


# -- directories that come and go -------------------------------------------------------------------


def test_a_deleted_topics_files_go_after_their_delay(start, data, home):
    (home / "config.yaml").write_text("log.segment.delete.delay.ms: 50\n")
    server, client = start("--config", "config.yaml")
    client.create("t", 2)
    client.produce("t", b"a")
    client.delete("t")
    client.create("t")
    assert client.values("t") == []
    until(lambda: sorted(path.name for path in data.glob("t-*")) == ["t-0"])
    stop(server)


def test_what_a_killed_server_was_deleting_stays_deleted(start, data):
    server, client = start()
    client.create("t", 2)
    client.delete("t")
    names = [path.name for path in data.glob("t-*")]
    assert len(names) == 2 and all(name.endswith("-delete") for name in names)
    kill(server)
    server, client = start()
    assert set(client.topics()) == set()
    err = stop(server)
    assert "adopted" not in err


def test_a_copied_partition_is_adopted_as_its_topic(start, serve, data, home):
    """The way in: directories of a topic that nobody knows here, from a broker's log.dirs or from our own."""
    elsewhere = serve("--data-dir", home / "elsewhere")
    with Client(elsewhere.bootstrap) as client:
        topic_id = client.create("orders", 2)
        client.produce("orders", b"a", b"b")
        producer_id, epoch = client.producer_id()
        client.produce("orders", b"c", partition=1, producer_id=producer_id, producer_epoch=epoch, base_sequence=0)
    stop(elsewhere)
    data.mkdir()
    for index in range(2):
        shutil.copytree(home / "elsewhere" / f"orders-{index}", data / f"orders-{index}")
    for _ in range(2):  # it is known from then on
        server, client = start()
        assert client.topics()["orders"].topic_id == topic_id
        assert [client.values("orders", index) for index in range(2)] == [[b"a", b"b"], [b"c"]]
        assert client.producer_id()[0] > producer_id  # who has it here would pass for that producer
        err = stop(server)
    assert "adopted" not in err
    server, client = start()
    client.delete("orders")
    client.create("orders")
    assert client.produce("orders", b"new").base_offset == 0
    stop(server)
    shutil.copytree(home / "elsewhere" / "orders-1", data / "orders-1")
    shutil.copytree(home / "elsewhere" / "orders-0", data / "other-0")
    server, client = start()
    assert client.values("orders") == [b"new"]
    assert client.values("other") == [b"a", b"b"]
    err = stop(server)
    assert "orders-1 belongs to no partition of this cluster and was renamed to orders-1." in err
    assert "adopted the topic other, which was not known, from its 1 directory" in err
    assert len(list(data.glob("orders-1.*-stray"))) == 1


def test_with_a_brokers_own_metadata_come_its_configs(start, serve, data, home):
    elsewhere = serve("--data-dir", home / "elsewhere")
    with Client(elsewhere.bootstrap) as client:
        topic_id = client.create("orders")
        client.produce("orders", b"a")
    stop(elsewhere)
    shutil.copytree(home / "elsewhere" / "orders-0", data / "orders-0")
    values = [
        TopicRecord.value(name="orders", topic_id=topic_id),
        ConfigRecord.value(resource_type=TOPIC, resource_name="orders", name="max.message.bytes", value="100"),
        ProducerIdsRecord.value(broker_id=1, broker_epoch=0, next_producer_id=5000),
    ]
    (data / "__cluster_metadata-0").mkdir()
    records = [Record(index, 0, None, value, ()) for index, value in enumerate(values)]
    (data / "__cluster_metadata-0" / "00000000000000000000.log").write_bytes(bytes(build_batch(records)))
    server, client = start()
    assert client.produce("orders", bytes(100)).error_code == errors.MESSAGE_TOO_LARGE
    assert client.values("orders") == [b"a"]
    assert client.producer_id()[0] == 5000
    stop(server)


# -- damaged files ----------------------------------------------------------------------------------


def test_missing_side_files_are_made_anew(start, data):
    server, client = start()
    client.create("t", 2, segment_bytes=1 << 20, index_interval_bytes=100)
    values = [bytes(100) + b"%d" % number for number in range(50)]
    for value in values:
        client.produce("t", value)
        client.produce("t", value, partition=1)
    stop(server)
    for path in (data / "t-0").glob("*"):
        if not path.name.endswith(".log"):
            path.unlink()
    server, client = start()
    assert client.values("t") == client.values("t", 1) == values
    stop(server)


def test_a_flipped_bit_ends_its_partition_there_after_a_crash_and_no_other(start, data):
    server, client = start()
    client.create("t", 2)
    for number in range(10):
        client.produce("t", b"value %d" % number)
        client.produce("t", b"value %d" % number, partition=1)
    kill(server)
    path = data / "t-0" / "00000000000000000000.log"
    content = bytearray(path.read_bytes())
    content[content.find(b"value 5")] ^= 4
    path.write_bytes(content)
    server, client = start()
    assert client.values("t") == [b"value %d" % number for number in range(5)]
    assert client.values("t", 1) == [b"value %d" % number for number in range(10)]
    assert client.produce("t", b"again").base_offset == 5
    assert "t-0" in stop(server)


def test_a_partition_that_cannot_be_opened_is_offline_and_no_other(start, data):
    server, client = start()
    client.create("t", 2)
    client.produce("t", b"a")
    client.produce("t", b"b", partition=1)
    stop(server)
    shutil.rmtree(data / "t-0")
    (data / "t-0").write_text("in the way")
    server, client = start()
    assert client.produce("t", b"x").error_code == errors.KAFKA_STORAGE_ERROR
    assert client.fetch("t").error_code == errors.KAFKA_STORAGE_ERROR
    assert client.values("t", 1) == [b"b"]
    assert client.produce("t", b"c", partition=1).base_offset == 1
    assert "t-0" in stop(server)


def test_what_the_disk_does_not_take_is_refused_and_all_else_goes_on(start):
    """A file that may not grow is to its partition what a full disk is to all."""
    server, client = start(largest=60_000)
    topic_id = client.create("t", 2)
    while not (answer := client.produce("t", bytes(9_000))).error_code:
        assert answer.base_offset < 10
    assert answer.error_code == errors.KAFKA_STORAGE_ERROR
    assert client.produce("t", b"x", partition=1).base_offset == 0
    kept = client.values("t")
    assert len(kept) == 6
    number, refused = 0, None
    while refused is None:  # the journal is such a file, too
        number += 1
        asked = CreateTopics.Request.Topics(name=f"n{number}", num_partitions=100, replication_factor=1)
        (made,) = client.call(CreateTopics, 7, topics=[asked], timeout_ms=1000).topics
        assert number < 100
        refused = made if made.error_code else None
    assert refused.error_code == errors.KAFKA_STORAGE_ERROR and "metadata cannot be written" in refused.error_message
    (gone,) = client.call(DeleteTopics, 5, topic_names=["t"], timeout_ms=1000).responses
    assert gone.error_code in (errors.NONE, errors.KAFKA_STORAGE_ERROR)
    left = {f"n{one}" for one in range(1, number)} | ({"t"} if gone.error_code else set())
    assert set(client.topics()) == left
    if gone.error_code:
        assert client.values("t") == kept and client.values("t", 1) == [b"x"]
    kill(server)
    server, client = start()
    assert set(client.topics()) == left
    if gone.error_code:
        assert client.topics()["t"].topic_id == topic_id
        assert client.values("t") == kept and client.values("t", 1) == [b"x"]
        assert client.produce("t", b"y").base_offset == len(kept)
    stop(server)


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def test_topics_of_the_command_line_are_made_once(start, run, data):
    server, client = start("--topic", "t:2", "--topic", "u")
    topics = client.topics()
    stop(server)
    server, client = start("--topic", "t:2", "--topic", "u")
    assert {name: topic.topic_id for name, topic in client.topics().items()} == {name: topic.topic_id for name, topic in topics.items()}
    stop(server)
    refused = run("--listen", "127.0.0.1:0", "--data-dir", data, "--topic", "t:3")
    assert refused.returncode == 2 and "Topic 't' already exists" in refused.stderr


def test_the_same_seed_brings_no_id_twice(start):
    server, client = start("--seed", "5")
    first = client.create("a")
    stop(server)
    server, client = start("--seed", "5")
    assert client.create("b") != first
    stop(server)
