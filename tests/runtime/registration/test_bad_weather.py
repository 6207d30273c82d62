"""What brokers find in ZooKeeper that makes no sense, others that have their place, and clocks that stand or jump."""

import threading
import time

import pytest

from tests.runtime.registration.ensemble import Ensemble, until
from tests.runtime.registration.test_registration import SESSION_MS, create, emulator, metadata, partition, session_of
from wire.errors import NONE

NONSENSE = [
    None, b"", b"nonsense", b"[]", b"{}", b"null", b"\xff\xfe", b"[" * 100_000, b"1" * 5000, b"99999999999999999999",
    b'{"version":1,"partitions":{"0":[-1]},"config":{"x":1},"id":5,"block_end":"9223372036854775807"}',
    b'{"version":1,"partitions":{"0":[Infinity]},"leader":1e999,"leader_epoch":1e999,"isr":[NaN],"block_end":Infinity}',
    b'{"version":1,"partitions":{"-5":[1]},"leader":1,"leader_epoch":2147483647,"isr":[1],"block_end":"-5"}',
    b'{"version":1,"partitions":[{"topic":[],"partition":0}],"entity_path":"topics/../../x"}',
    b'{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,1]}],"entity_path":"brokers/99"}',
    b'{"version":1,"partitions":[{"topic":"t","partition":Infinity,"replicas":"xyz"}],"entity_path":"users//clients/"}',
    b'{"version":1,"config":{"retention.ms":"-99999999999999999999","producer_byte_rate":"inf","SCRAM-SHA-256":"salt=,stored_key=x,iterations=-1"}}',
]  # fmt: skip
ANYWHERE = [
    "/brokers/topics/h", "/brokers/topics/t/partitions/0/state", "/brokers/topics/a b", f"/brokers/topics/{'n' * 300}", "/config/topics/h",
    "/config/brokers/<default>", "/config/brokers/1", "/config/brokers/x", "/config/users/u", "/config/clients/c%zz", "/config/ips/1.2.3.4",
    "/latest_producer_id_block", "/brokers/ids/x", "/brokers/ids/77", "/brokers/ids/99999999999999999999", "/brokers/ids/\u00b2", "/feature",
    "/admin/delete_topics/zz", "/admin/reassign_partitions", "/admin/preferred_replica_election", "/config/changes/config_change_0000000007",
    "/config/changes/config_change_9999999999", "/config/changes/config_change_x", "/config/changes/x",
]  # fmt: skip


@pytest.fixture
def zk(tmp_path):
    with Ensemble(tmp_path / "zookeeper") as ensemble:
        yield ensemble


def put(zk, path, data):
    """As somebody who knows nothing of Kafka."""
    for end in [place for place, letter in enumerate(path) if letter == "/" and place]:
        if zk.do("get", path[:end])[1] is None:
            zk.do("create", path[:end], None)
    zk.do("create" if zk.do("get", path)[1] is None else "set_data", path, data)


@pytest.mark.parametrize("first", range(0, len(NONSENSE), 4))
def test_nonsense_that_is_there_at_the_start_is_left_out(zk, first):
    zk._thread.call(_make_root, zk)
    for number, path in enumerate(ANYWHERE, first):
        put(zk, path, NONSENSE[number % len(NONSENSE)])
    with emulator(zk, 1) as kafka:
        assert [topic.name for topic in metadata(kafka).topics] == []
        assert create(kafka, "fresh") == NONE and zk.state("fresh")["leader"] == 1


def _make_root(zk):
    zk._client.chroot = ""
    zk._client.create(zk.at, None)
    zk._client.chroot = zk.at


def test_nonsense_that_is_written_later_is_left_out(zk):
    with emulator(zk) as kafka:
        create(kafka, "t")
        for number, data in enumerate(NONSENSE):
            for path in ANYWHERE:
                put(zk, path, data)
            put(zk, "/brokers/topics/t", data)
            zk.do("delete", "/controller")
            assert create(kafka, f"t{number}") == NONE and zk.state(f"t{number}")["leader"] in (1, 2, 3)
        assert partition(kafka)[2] == [1, 2, 3]
        until(lambda: zk.epoch == 1 + len(NONSENSE))


@pytest.mark.parametrize("path, data, complaint", [
    ("/cluster/id", b"nonsense", "/cluster/id: there is no id of a cluster"),
    ("/cluster/id", b'{"version":"1","id":"short"}', "/cluster/id: there is no id of a cluster"),
    ("/controller", b"nonsense", "no broker could become the controller .*/controller: no JSON object stands there"),
    ("/controller", b'{"brokerid":7}', "no broker could become the controller .*somebody else holds /controller"),
    ("/controller_epoch", b"nonsense", "no broker could become the controller .*/controller_epoch: there is no number of an epoch"),
    ("/controller_epoch", b"2147483647", "no broker could become the controller .*/controller_epoch: there is no number of an epoch"),
    ("/brokers/ids/1", b"{}", "/brokers/ids/1 is there already, of session 0x0"),
    ("/brokers/topics/t", b'{"partitions":{"0":[99]}}', "/brokers/topics/t has replicas on broker 99, which this server does not have"),
])
def test_what_nobody_can_live_with_is_said(zk, path, data, complaint):
    zk._thread.call(_make_root, zk)
    put(zk, path, data)
    with pytest.raises(ValueError, match=complaint):
        emulator(zk, 1, config={"zookeeper.connection.timeout.ms": 300}).start()
    assert [name for name in zk.do("children", "/brokers/ids") if path != f"/brokers/ids/{name}"] == []


def test_who_comes_second_with_an_id_is_refused_and_the_first_goes_on(zk):
    with emulator(zk, 1) as kafka:
        session = session_of(kafka, 1)
        with pytest.raises(ValueError, match="/brokers/ids/1 is there already, of session 0x.*another broker has this id"):
            emulator(zk, 1).start()
        assert zk.owner("/brokers/ids/1") == zk.owner("/controller") == session and create(kafka, "t") == NONE
    with emulator(zk, 1) as kafka:  # it has gone, and the place is free
        assert partition(kafka)[0] == 1


def test_an_ensemble_that_comes_in_time_is_waited_for(zk):
    zk.stop()
    kafka = emulator(zk, 1)
    starting = threading.Thread(target=kafka.start)
    starting.start()
    time.sleep(0.2)  # it has looked around by then; without that the test would show less, and fail no more
    zk.start()
    starting.join(10)
    with kafka:
        assert kafka.runs and zk.brokers == [1]


def test_sessions_do_not_know_of_a_virtual_clock(zk):
    """Time in the tests' hand is the brokers' own: with others they go by the time that all have."""
    with emulator(zk, clock="virtual") as kafka:
        create(kafka, "t")
        sessions = [session_of(kafka, broker) for broker in (1, 2, 3)]
        kafka.clock.advance(days=7)
        deadline = time.monotonic() + 1.1 * SESSION_MS / 1000
        while time.monotonic() < deadline:  # the clock stands, and sessions are kept
            time.sleep(0.05)
            assert [zk.owner(f"/brokers/ids/{broker}") for broker in (1, 2, 3)] == sessions
        assert zk.epoch == 1 and partition(kafka) == (partition(kafka)[0], 0, [1, 2, 3])
        leader = partition(kafka)[0]
        kafka.brokers[leader].kill()
        until(lambda: zk.owner(f"/brokers/ids/{leader}") is None)
        until(lambda: zk.state("t")["leader"] not in (-1, leader))
        kafka.clock.advance(days=7)
        assert zk.brokers == sorted({1, 2, 3} - {leader})
        kafka.brokers[leader].start()
        until(lambda: sorted(zk.state("t")["isr"]) == [1, 2, 3])
