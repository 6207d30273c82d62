"""/metrics, read by Prometheus's own parser."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from emulator import Emulator
from emulator.apps.control.exposition import Metric, lines_of
from emulator.apps.control.metrics import METRICS
from tests.apps.test_control_api import ask
from tests.apps.test_control_data import coordinator
from tests.storage_client import Client
from wire.apis.groups import Heartbeat


@pytest.fixture
def kafka():
    with Emulator(brokers=2, config={"control.listen": "127.0.0.1:0", "default.replication.factor": 2}, topics=["t:2"]) as kafka:
        yield kafka


def metrics(kafka):
    """{sample's name: {label values: value}}"""
    status, headers, text = ask(kafka, "GET", "/metrics")
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples, known = {}, {metric.name: metric for metric in METRICS}
    for family in text_string_to_metric_families(text):
        declared = known.get(family.name) or known[family.name + "_total"]
        assert (family.type, family.documentation) == (declared.kind, declared.about)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(declared.labels)
            of_one = samples.setdefault(sample.name, {})
            key = tuple(sample.labels.values())
            assert key not in of_one, f"{sample.name}{key} is there twice"
            of_one[key] = sample.value
    return samples


def test_what_stands_in_the_cluster(kafka):
    for number in range(3):
        kafka.produce("t", f"v{number}", partition=0)
    with Client(coordinator(kafka, "readers")) as client:
        assert client.commit("readers", "t", 1, partition=0) == 0
    found = metrics(kafka)
    leader = kafka.server.cluster.partition("t", 0).leader
    assert found["kafka_brokers"] == {(): 2}
    assert found["kafka_topic_partitions"]["t",] == 2
    assert found["kafka_topic_partition_current_offset"]["t", "0"] == 3 and found["kafka_topic_partition_oldest_offset"]["t", "0"] == 0
    assert found["kafka_topic_partition_leader"]["t", "0"] == leader
    assert found["kafka_consumergroup_lag"]["readers", "t", "0"] == found["kafka_consumergroup_lag_sum"]["readers", "t"] == 2
    assert found["kafka_consumergroup_current_offset"]["readers", "t", "0"] == found["kafka_consumergroup_current_offset_sum"]["readers", "t"] == 1
    assert found["kafka_broker_info"] == {(str(broker.id), broker.address): broker.id for broker in kafka.brokers.values()}
    assert found["kafka_consumergroup_members"]["readers",] == 0 and found["kafka_emulator_group_state"]["readers", "Classic", "Empty"] == 1
    assert {key: value > 0 for key, value in found["kafka_emulator_log_bytes"].items() if key[:2] == ("t", "0")} == {("t", "0", "1"): True, ("t", "0", "2"): True}
    assert found["process_resident_memory_bytes"][()] > 10_000_000 and found["process_open_fds"][()] > 5
    kafka.brokers[3 - leader].kill()
    found = metrics(kafka)
    assert found["kafka_brokers"] == {(): 1} and found["kafka_topic_partition_under_replicated_partition"]["t", "0"] == 1
    assert found["kafka_emulator_broker_running"][str(3 - leader),] == 0 and found["kafka_emulator_broker_fenced"][str(3 - leader),] == 1


def test_requests_are_counted_and_go_on_being(kafka):
    with Client(coordinator(kafka, "readers")) as client:
        assert client.commit("readers", "t", 1, partition=0) == 0
        broker = next(key[0] for key, value in metrics(kafka)["kafka_emulator_requests_total"].items() if key[1] == "OffsetCommit")
        kafka.brokers[int(broker)].stop()
    kafka.brokers[int(broker)].start()
    with Client(coordinator(kafka, "readers")) as client:
        assert client.commit("readers", "t", 1, partition=0) == 0
    found = metrics(kafka)
    assert sum(value for key, value in found["kafka_emulator_requests_total"].items() if key[1] == "OffsetCommit") == 2
    buckets = {key[2]: value for key, value in found["kafka_emulator_request_duration_seconds_bucket"].items() if key[:2] == (broker, "OffsetCommit")}
    assert list(buckets.values()) == sorted(buckets.values()) and list(buckets)[-1] == "+Inf"
    assert buckets["+Inf"] == found["kafka_emulator_request_duration_seconds_count"][broker, "OffsetCommit"] >= 1
    assert found["kafka_emulator_request_bytes_total"][broker, "OffsetCommit"] > 40


def test_faults_that_happen_are_counted(kafka):
    kafka.fail("Heartbeat", error="UNKNOWN_MEMBER_ID", name="unknown")
    kafka.fail("Fetch", delay="1ms", name="slow")
    with Client(kafka.brokers[1].address) as client:
        for _ in range(2):
            client.call(Heartbeat, 4, group_id="g", member_id="m", generation_id=1)
    found = metrics(kafka)
    assert found["kafka_emulator_fault_hits_total"] == {("unknown",): 2, ("slow",): 0}
    assert found["kafka_emulator_errors_total"]["1", "Heartbeat", "UNKNOWN_MEMBER_ID"] == 2


def test_names_may_be_anything():
    told = "a\\b\"c\nd\u2603,}="
    text = "\n".join(lines_of(Metric("m", "gauge", "about \\ it\nall", ("name",), lambda server: [(told, 0.25), ("", 7)]), None)) + "\n"
    [family] = text_string_to_metric_families(text)
    assert {sample.labels["name"]: sample.value for sample in family.samples} == {told: 0.25, "": 7} and family.documentation == "about \\ it\nall"


def test_without_a_port_nothing_is_counted(kafka):
    with Emulator(requests=0) as other:
        assert other.server.dispatcher._layers == []
    assert [type(layer).__name__ for layer in kafka.server.dispatcher._layers if layer.order == 40] == ["Measure"]
