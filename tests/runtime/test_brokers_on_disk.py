"""Several brokers on disk: a directory for each, in Kafka's layout, and all of it there again after a restart."""

import pytest

from emulator import Emulator
from tests.runtime.test_brokers import address, ask, commit, committed, coordinator, led_by, leaders, produced
from wire import errors
from wire.apis.data import Fetch


def cluster(path, brokers=3, **config):
    settings = {"default.replication.factor": min(brokers, 3), **{name.replace("_", "."): value for name, value in config.items()}}
    return Emulator(brokers=brokers, topics=["t:3"], data_dir=path, config=settings)


def end_offset(kafka, broker, index):
    asked = Fetch.Request.Topics.Partitions(partition=index, fetch_offset=0, partition_max_bytes=1000)
    topics = [Fetch.Request.Topics(topic="t", partitions=[asked])]
    [topic] = ask(kafka, broker, Fetch, 11, replica_id=-1, max_wait_ms=0, max_bytes=1000, topics=topics).responses
    return topic.partitions[0].high_watermark


def restarted(kafka):
    kafka.stop()
    return kafka.start()


def test_each_has_a_directory_of_its_own(tmp_path):
    with cluster(tmp_path):
        assert sorted(one.name for one in tmp_path.iterdir()) == ["broker-1", "broker-2", "broker-3", "cluster-metadata.journal"]
    for number in (1, 2, 3):
        directory = tmp_path / f"broker-{number}"
        assert f"node.id={number}\n" in (directory / "meta.properties").read_text()
        assert {one.name for one in directory.iterdir()} >= {"t-0", "t-1", "t-2", ".kafka_cleanshutdown", "recovery-point-offset-checkpoint"}


@pytest.mark.parametrize("flushed", [{}, {"log_flush_interval_messages": 1}])
def test_all_is_there_after_a_restart(tmp_path, flushed):
    with cluster(tmp_path, **flushed) as kafka:
        index = led_by(kafka, 2)
        assert [produced(kafka, 2, index) for _ in range(3)] == [errors.NONE] * 3
        assert commit(kafka, coordinator(kafka, 1, "g"), 7) == errors.NONE
        restarted(kafka)
        leader = leaders(kafka, 1)[index]
        assert produced(kafka, leader, index) == errors.NONE and end_offset(kafka, leader, index) == 4
        at = coordinator(kafka, 1, "g")
        while (found := committed(kafka, at)) == -errors.COORDINATOR_LOAD_IN_PROGRESS:
            pass
        assert found == 7
        assert all(len(partition.isr) == 3 for partition in kafka.server.cluster.topics["t"].partitions)


def test_followers_have_what_the_leader_has(tmp_path):
    with cluster(tmp_path) as kafka:
        index = led_by(kafka, 2)
        assert produced(kafka, 2, index) == errors.NONE
    logs = {(tmp_path / f"broker-{number}" / f"t-{index}" / f"{0:020}.log").read_bytes() for number in (1, 2, 3)}
    assert len(logs) == 1 and len(logs.pop()) > 60


def test_a_killed_broker_finds_its_logs_again(tmp_path):
    with cluster(tmp_path) as kafka:
        index = led_by(kafka, 2)
        assert produced(kafka, 2, index) == errors.NONE
        kafka.kill_broker(2)
        assert produced(kafka, leaders(kafka, 1)[index], index) == errors.NONE
        kafka.brokers[2].start()
        for other in (1, 3):
            while 2 not in kafka.server.cluster.partition("t", index).isr:
                pass
            kafka.kill_broker(other)
        assert end_offset(kafka, 2, index) == 2


@pytest.mark.parametrize("first, then, why", [
    (3, 2, "brokers 1, 2, 3 have their logs here: start all of them"),
    (3, 1, "brokers 1, 2, 3 have their logs here: start all of them"),
    (1, 3, "this is the directory of one broker, and not of 3"),
])  # fmt: skip
def test_a_directory_stays_what_it_is(tmp_path, first, then, why):
    with cluster(tmp_path, first):
        pass
    with pytest.raises(ValueError, match=why):
        cluster(tmp_path, then).start()
    with cluster(tmp_path, first) as kafka:
        assert address(kafka, 1)


def test_more_brokers_may_come(tmp_path):
    with cluster(tmp_path, 2):
        pass
    with cluster(tmp_path, 3) as kafka:
        assert sorted(kafka.server.cluster.brokers) == [1, 2, 3]


def test_a_deleted_topic_is_deleted_everywhere(tmp_path):
    with cluster(tmp_path) as kafka:
        kafka.call(kafka.server.cluster.delete_topic, kafka.server.cluster.topics["t"].topic_id)
        assert not list(tmp_path.glob("broker-*/t-?"))


def test_who_stopped_cleanly_has_lost_nothing_and_may_lead(tmp_path):
    with cluster(tmp_path, min_insync_replicas=2) as kafka:
        index = led_by(kafka, 2)
        assert produced(kafka, 2, index) == errors.NONE
        restarted(kafka)  # of the last two in sync, below the minimum, both are eligible
        assert set(leaders(kafka, 1).values()) == {2}
        assert produced(kafka, 2, index) == errors.NONE and end_offset(kafka, 2, index) == 2
    for number in (1, 2, 3):
        (tmp_path / f"broker-{number}" / ".kafka_cleanshutdown").unlink()
    with cluster(tmp_path, min_insync_replicas=2) as kafka:
        assert set(leaders(kafka, 1).values()) == {3}  # the last known leader alone
