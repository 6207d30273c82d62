"""The codec alone: compiled functions against construct's interpreter and kafka-python's codec.

`python -m benchmarks.codec`: microseconds to parse and to build typical messages, best of several rounds that take
turns. Exit status 1 where the compiled codec is not 5 times construct's interpreter, or slower than kafka-python's
(where that is installed and knows the version).
"""

import sys
import time
import uuid

from wire.apis.data import Fetch, Produce
from wire.apis.groups import Heartbeat, JoinGroup, OffsetCommit
from wire.apis.metadata import ApiVersions, Metadata

try:
    import kafka.protocol.consumer
    import kafka.protocol.metadata
    import kafka.protocol.producer
    KAFKA_PYTHON = {**vars(kafka.protocol.consumer), **vars(kafka.protocol.metadata), **vars(kafka.protocol.producer)}
except ImportError:
    KAFKA_PYTHON = {}

ROUNDS = 7
ROUND_SECONDS = 0.02
TOPIC_ID = uuid.UUID("0a0b0c0d-0e0f-1011-1213-141516171819").bytes
BATCH = bytes(200)


def join_group():
    Protocols = JoinGroup.Request.Protocols
    return JoinGroup.Request(
        group_id="orders", session_timeout_ms=45000, rebalance_timeout_ms=300000, protocol_type="consumer",
        member_id="consumer-orders-1-0a0b0c0d-0e0f-1011-1213-141516171819",
        protocols=[Protocols(name="range", metadata=BATCH[:60]), Protocols(name="cooperative-sticky", metadata=BATCH[:60])])


def heartbeat():
    return Heartbeat.Request(group_id="orders", generation_id=7, member_id="consumer-orders-1-0a0b0c0d-0e0f-1011-1213")


def offset_commit():
    Topics = OffsetCommit.Request.Topics
    return OffsetCommit.Request(group_id="orders", generation_id_or_member_epoch=7, member_id="consumer-1", topics=[
        Topics(name="orders", topic_id=TOPIC_ID, partitions=[
            Topics.Partitions(partition_index=i, committed_offset=i * 1000, committed_metadata="") for i in range(10)])])


def produce():
    TopicData = Produce.Request.TopicData
    return Produce.Request(acks=-1, timeout_ms=30000, topic_data=[TopicData(
        name="orders", topic_id=TOPIC_ID, partition_data=[TopicData.PartitionData(index=0, records=BATCH)])])


def produced():
    Responses = Produce.Response.Responses
    return Produce.Response(responses=[Responses(name="orders", topic_id=TOPIC_ID, partition_responses=[
        Responses.PartitionResponses(index=0, base_offset=12345, log_start_offset=0)])])


def fetch():
    Topics = Fetch.Request.Topics
    return Fetch.Request(max_wait_ms=500, min_bytes=1, session_id=77, session_epoch=3, topics=[
        Topics(topic="orders", topic_id=TOPIC_ID, partitions=[
            Topics.Partitions(partition=i, fetch_offset=i * 1000, partition_max_bytes=1048576) for i in range(10)])])


def fetched():
    Responses = Fetch.Response.Responses
    return Fetch.Response(session_id=77, responses=[Responses(topic="orders", topic_id=TOPIC_ID, partitions=[
        Responses.Partitions(partition_index=i, high_watermark=1000, last_stable_offset=1000, log_start_offset=0,
                             records=BATCH) for i in range(10)])])


def api_versions():
    return ApiVersions.Response(api_keys=[
        ApiVersions.Response.ApiKeys(api_key=key, min_version=0, max_version=5) for key in range(60)])


def metadata_request():
    Topics = Metadata.Request.Topics
    return Metadata.Request(topics=[Topics(name=f"topic-{i}") for i in range(5)])


def metadata(partitions=100):
    Topics, Brokers = Metadata.Response.Topics, Metadata.Response.Brokers
    return Metadata.Response(
        brokers=[Brokers(node_id=i, host="localhost", port=9092 + i) for i in range(3)], cluster_id="5L6g3nShT-eMCtK",
        controller_id=1, topics=[Topics(name="orders", topic_id=TOPIC_ID, partitions=[
            Topics.Partitions(partition_index=i, leader_id=i % 3, leader_epoch=0, replica_nodes=[0, 1, 2],
                              isr_nodes=[0, 1, 2]) for i in range(partitions)])])


MESSAGES = [
    ("ApiVersions response, 60 keys", ApiVersions.response, 4, api_versions()),
    ("Metadata request, 5 topics", Metadata.request, 12, metadata_request()),
    ("Metadata response, 100 partitions", Metadata.response, 12, metadata()),
    ("Produce request, 1 batch", Produce.request, 9, produce()),
    ("Produce response", Produce.response, 9, produced()),
    ("Fetch request, 10 partitions", Fetch.request, 12, fetch()),
    ("Fetch response, 10 partitions", Fetch.response, 12, fetched()),
    ("JoinGroup request", JoinGroup.request, 5, join_group()),
    ("JoinGroup request, flexible", JoinGroup.request, 9, join_group()),
    ("Heartbeat request", Heartbeat.request, 4, heartbeat()),
    ("OffsetCommit request, 10 partitions", OffsetCommit.request, 8, offset_commit()),
]


def contenders(message, version, record):
    """name -> (parse, build), each without arguments."""
    parse, build, struct = message.parser(version), message.builder(version), message[version]
    pieces = []
    build(record, pieces)
    data = b"".join(pieces)
    container = struct.parse(data)

    def compiled_build():
        out = []
        build(record, out)
        return out

    yield "compiled", lambda: parse(data), compiled_build
    yield "construct", lambda: struct.parse(data), lambda: struct.build(container)
    theirs = KAFKA_PYTHON.get(message.api.name + message.direction)
    if theirs is not None and version <= theirs.max_version:
        decoded = theirs.decode(data, version=version)
        decoded.with_header()  # which encode() looks for, though it is not asked for a header
        assert decoded.encode() == data
        yield "kafka-python", lambda: theirs.decode(data, version=version), decoded.encode


def microseconds(work):
    """Best time of one call for each named work, in turns."""
    best, repeats = {}, {}
    for name, call in work.items():
        start = time.perf_counter()
        call()
        repeats[name] = max(1, int(ROUND_SECONDS / (time.perf_counter() - start + 1e-6)))
    for _ in range(ROUNDS):
        for name, call in work.items():
            times = range(repeats[name])
            start = time.perf_counter()
            for _ in times:
                call()
            each = (time.perf_counter() - start) / repeats[name] * 1e6
            best[name] = min(best.get(name, each), each)
    return best


def main():
    names = ["compiled", "construct", "kafka-python"]
    print(f"{'µs':46}" + "".join(f"{name:>13}" for name in names) + f"{'vs construct':>14}{'vs kafka-python':>17}")
    missed = 0
    for title, message, version, record in MESSAGES:
        made = list(contenders(message, version, record))
        for direction, column in (("parse", 1), ("build", 2)):
            best = microseconds({contender[0]: contender[column] for contender in made})
            ours, interpreter, other = (best.get(name) for name in names)
            missed += interpreter / ours < 5 or (other is not None and other < ours)
            print(f"{f'{title} v{version}, {direction}':46}"
                  + "".join(f"{best[name]:13.2f}" if name in best else f"{'-':>13}" for name in names)
                  + f"{interpreter / ours:13.1f}x" + (f"{other / ours:16.1f}x" if other else f"{'-':>17}"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
