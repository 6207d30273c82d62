"""What real clients sent and Apache Kafka answered: read to the last byte, and rebuilt byte by byte."""

from pathlib import Path

import pytest

from wire.apis import BY_KEY
from wire.apis.consumer_groups import ConsumerGroupHeartbeat
from wire.apis.data import Fetch, Produce
from wire.apis.groups import JoinGroup, OffsetCommit
from wire.apis.metadata import ApiVersions, DescribeTopicPartitions, FindCoordinator
from wire.header import build_request_header, build_response_header, parse_request_header, parse_response_header

BY_NAME = {api.name: api for api in BY_KEY.values()}
FRAMES = {}
for line in Path(__file__).with_name("real_frames.txt").read_text().splitlines():
    if not line.startswith("#"):
        name, direction, version, data = line.split()
        FRAMES[BY_NAME[name], direction, int(version)] = bytes.fromhex(data)

TOPIC_ID = bytes.fromhex("0fec35e1d6b840fdb46d7da2b78333db")


def read(api, direction, version):
    frame = FRAMES[api, direction, version]
    if direction == "request":
        key, sent_version, _, _, position = parse_request_header(frame)
        assert (key, sent_version) == (api.key, version)
        return api.parse_request(version)(frame, position)[0]
    _, position = parse_response_header(api, version, frame)
    return api.parse_response(version)(frame, position)[0]


@pytest.mark.parametrize("api, direction, version", FRAMES, ids=lambda part: getattr(part, "name", str(part)))
def test_frame_is_read_whole_and_rebuilt(api, direction, version):
    frame = FRAMES[api, direction, version]
    if direction == "request":
        _, _, correlation_id, client_id, position = parse_request_header(frame)
        assert build_request_header(api, version, correlation_id, client_id) == frame[:position]
        message = api.request
    else:
        correlation_id, position = parse_response_header(api, version, frame)
        assert build_response_header(api, version, correlation_id) == frame[:position]
        message = api.response
    record, end = message.parser(version)(memoryview(frame), position)
    assert end == len(frame)
    rebuilt = []
    message.builder(version)(record, rebuilt)
    assert b"".join(rebuilt) == frame[position:] == message[version].build(record)


def test_librdkafka_asks_for_versions():
    assert read(ApiVersions, "request", 3) == ApiVersions.Request(
        client_software_name="confluent-kafka-python", client_software_version="2.16.1-rdkafka-2.16.0")


def test_librdkafka_joins_a_group():
    Protocols = JoinGroup.Request.Protocols
    subscription = bytes.fromhex("0003 00000001 0008 776972652d636170 00000000 00000000 ffffffff 0000")
    assert read(JoinGroup, "request", 5) == JoinGroup.Request(
        group_id="wire-cap", session_timeout_ms=45000, rebalance_timeout_ms=300000, protocol_type="consumer",
        protocols=[Protocols(name="range", metadata=subscription), Protocols(name="roundrobin", metadata=subscription)])


def test_the_java_producer_produces_by_topic_id():
    request = read(Produce, "request", 13)
    topic, = request.topic_data
    partition, = topic.partition_data
    assert (request.acks, request.timeout_ms, request.transactional_id) == (-1, 1500, None)
    assert (topic.name, topic.topic_id, partition.index) == ("", TOPIC_ID, 0)
    assert len(partition.records) == 12 + 58  # a batch of that length
    assert partition.records.endswith(b"\x04hi\x00")


def test_the_java_consumer_heartbeats():
    assert read(ConsumerGroupHeartbeat, "request", 1) == ConsumerGroupHeartbeat.Request(
        group_id="wire-cap3", member_id="OV6oOlfETSyFdUeLHOVf1A", member_epoch=2, topic_partitions=[
            ConsumerGroupHeartbeat.Request.TopicPartitions(topic_id=TOPIC_ID, partitions=[0])])


def test_the_java_consumer_commits_by_topic_id():
    Topics = OffsetCommit.Request.Topics
    assert read(OffsetCommit, "request", 10) == OffsetCommit.Request(
        group_id="wire-cap3", member_id="OV6oOlfETSyFdUeLHOVf1A", generation_id_or_member_epoch=2, topics=[
            Topics(topic_id=TOPIC_ID, partitions=[Topics.Partitions(partition_index=0, committed_offset=2, committed_metadata="")])])


def test_kafka_answers_a_fetch():
    response = read(Fetch, "response", 18)
    partition, = response.responses[0].partitions
    assert response.responses[0].topic_id == TOPIC_ID
    assert (partition.high_watermark, partition.last_stable_offset, partition.log_start_offset) == (3, 3, 0)
    assert partition.current_leader == Fetch.Response.Responses.Partitions.CurrentLeader(leader_id=-1, leader_epoch=-1)
    assert partition.records.count(b"hello") == 2


def test_kafka_describes_its_features():
    response = read(ApiVersions, "response", 4)
    assert {feature.name: feature.max_version_level for feature in response.finalized_features}["metadata.version"] == 30
    assert {key.api_key: (key.min_version, key.max_version) for key in response.api_keys}[1] == (4, 18)


def test_kafka_describes_partitions():
    assert read(DescribeTopicPartitions, "response", 0).next_cursor is None


def test_kafka_finds_a_coordinator():
    assert read(FindCoordinator, "response", 2) == FindCoordinator.Response(
        error_message="NONE", node_id=1, host="127.0.0.1", port=29092)
