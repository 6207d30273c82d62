"""Brokers looked at and dealt with: `kafka-emulator brokers`, `kafka-emulator broker kill 2`, and the same from Python."""

import pytest

from emulator import Emulator
from tests.storage_client import Client


def rows(text):
    header, *lines = [line.split() for line in text.splitlines()]
    return [dict(zip(header, line)) for line in lines]


@pytest.fixture()
def server(serve):
    return serve("--brokers", "3", "--racks", "a,b,c", "--topic", "t:3")


def test_brokers_are_listed(server, run):
    listed = rows(run("brokers").stdout)
    assert [(one["BROKER"], one["RACK"], one["STATE"], one["LAG"]) for one in listed] == [
        ("1", "a", "running", "0"), ("2", "b", "running", "0"), ("3", "c", "running", "0"),
    ]  # fmt: skip
    assert ",".join(one["ADDRESS"] for one in listed) == server.bootstrap and [one["CONTROLLER"] for one in listed] == ["yes", "-", "-"]
    assert [one["LEADERS"] for one in listed] == [one["REPLICAS"] for one in listed] == ["1", "1", "1"]


def test_a_broker_is_killed_and_started(server, run):
    [killed] = rows(run("broker", "kill", "2").stdout)
    assert (killed["BROKER"], killed["STATE"], killed["LEADERS"]) == ("2", "killed", "0")
    assert [one["LEADER"] for one in rows(run("topics", "--describe").stdout)].count("none") == 1  # it had the only replica
    assert rows(run("broker", "start", "2").stdout)[0]["STATE"] == "running"
    described = rows(run("topics", "--describe").stdout)
    assert [one["EPOCH"] for one in described if one["LEADER"] == "2"] == ["2"] and "none" not in [one["LEADER"] for one in described]


def test_any_of_its_addresses_names_a_server(server, run):
    assert run("brokers", "--bootstrap", server.bootstrap).returncode == 0
    assert run("brokers", "--bootstrap", server.bootstrap.split(",")[2]).returncode == 0


@pytest.mark.parametrize("arguments, why", [
    (["kill", "4"], "no broker 4; there are 1, 2, 3"),
    (["kill", "../stop"], "broker ../stop: expected a node id"),
    (["thaw", "1"], "broker 1 is running: only one that is frozen can be asked to thaw"),
    (["slow", "1"], "DELAY is missing"),
    (["kill", "1", "3s"], "takes no 3s"),
    (["slow", "1", "2h"], "expected 0 to 3600000"),
])  # fmt: skip
def test_what_cannot_be_is_refused(server, run, arguments, why):
    refused = run("broker", *arguments)
    assert refused.returncode == 2 and why in refused.stderr


def test_from_python():
    with Emulator(brokers=3, topics=["t:3"], config={"default.replication.factor": 3}) as kafka:
        assert list(kafka.brokers) == [1, 2, 3]
        assert kafka.bootstrap == ",".join(broker.address for broker in kafka.brokers.values())
        kafka.kill_broker(2)
        assert kafka.brokers[2].state == "killed"
        with pytest.raises(RuntimeError, match="broker 2 is killed"):
            kafka.brokers[2].kill()
        kafka.brokers[2].start()
        kafka.brokers[1].freeze()
        kafka.brokers[1].thaw()
        kafka.brokers[3].split()
        kafka.brokers[3].mend()
        kafka.brokers[1].stop()
        kafka.brokers[2].pause_replication()
        kafka.brokers[2].resume_replication()
        assert {number: broker.state for number, broker in kafka.brokers.items()} == {1: "stopped", 2: "running", 3: "running"}


def test_what_is_due_is_done_at_every_broker_that_is_up():
    config = {"default.replication.factor": 3, "log.retention.ms": 1}
    with Emulator(brokers=3, clock="virtual", topics=["t"], config=config) as kafka, Client(leader_of(kafka)) as client:
        assert client.produce("t", b"v").error_code == 0
        kafka.clock.advance(seconds=1)
        assert kafka.retention.run() == {"segments deleted": 3}


def leader_of(kafka):
    return kafka.brokers[kafka.server.cluster.partition("t", 0).leader].address
