"""What --brokers, --racks and their like in the configuration make of the settings."""

import pytest

from emulator.apps.cli import serve_parser
from emulator.apps.errors import UsageError
from emulator.apps.settings import make_settings


def settings(*arguments):
    return make_settings(serve_parser().parse_args(arguments))[0]


def test_brokers_count_from_the_node_id_and_from_the_port():
    every = settings("--brokers", "3", "--racks", "a,b,a", "--listen", "127.0.0.1:9500", "--data-dir", "data")
    assert [one.node_id for one in every] == [1, 2, 3]
    assert [one.broker_rack for one in every] == ["a", "b", "a"]
    assert [one.listeners for one in every] == [(f"PLAINTEXT://127.0.0.1:{port}",) for port in (9500, 9501, 9502)]
    assert [one.log_directories for one in every] == [(f"data/broker-{number}",) for number in (1, 2, 3)]


def test_a_free_port_is_one_for_each():
    assert {one.endpoints[0].port for one in settings("--brokers", "2", "--listen", "127.0.0.1:0")} == {0}


def test_the_file_says_it_too(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("brokers: 3\nracks: [x, y, z]\nlisteners: A://h:1,B://h:11\nadvertised.listeners: A://out:7001\n"
                    "listener.security.protocol.map: A:PLAINTEXT,B:PLAINTEXT\nnode.id: 5\n")  # fmt: skip
    every = settings("--config", str(file))
    assert [one.node_id for one in every] == [5, 6, 7] and [one.broker_rack for one in every] == ["x", "y", "z"]
    assert every[2].listeners == ("A://h:3", "B://h:13")
    assert every[1].advertised_endpoints[0].port == 7002


@pytest.mark.parametrize("brokers, replicas, in_sync", [(1, 1, 1), (2, 2, 1), (3, 3, 2), (5, 3, 2)])
def test_kafkas_own_topics_outlive_a_broker(brokers, replicas, in_sync):
    for one in settings("--brokers", str(brokers)):
        assert one.offsets_topic_replication_factor == one.transaction_state_log_replication_factor == replicas
        assert one.transaction_state_log_min_isr == one.share_coordinator_state_topic_min_isr == in_sync


@pytest.mark.parametrize("arguments, why", [
    (["--brokers", "0"], "brokers 0: expected a number from 1 to 100"),
    (["--brokers", "many"], "brokers many: expected a number"),
    (["--brokers", "2", "--racks", "a"], "racks a: expected one for each of 2 brokers"),
    (["--brokers", "3", "--listen", "h:65534"], "65536 is not a port"),
])  # fmt: skip
def test_what_cannot_be_is_refused(arguments, why):
    with pytest.raises(UsageError, match=why):
        settings(*arguments)


def test_ports_that_would_meet_are_refused(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("brokers: 2\nlisteners: A://h:1,B://h:2\nlistener.security.protocol.map: A:PLAINTEXT,B:PLAINTEXT\n")
    with pytest.raises(UsageError, match="line 2: listeners: brokers 1 and 2 would both have port 2"):
        settings("--config", str(file))
