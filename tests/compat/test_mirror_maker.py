"""Apache Kafka's own MirrorMaker 2 from one cluster of ours to another: at least once, and exactly once."""

import shutil
import subprocess
from functools import partial

import pytest
from helpers import eventually
from servers import HERE

from benchmarks.mirror import EXACTLY_ONCE, ONE_WAY
from emulator import Emulator
from tests.wire_client import WireClient
from wire.apis.groups import OffsetCommit, OffsetFetch
from wire.apis.metadata import FindCoordinator

JARS = HERE / ".cache" / "mirror"
pytestmark = [pytest.mark.soak, pytest.mark.skipif(not JARS.is_dir() or not shutil.which("java"), reason="no MirrorMaker 2: tests/compat/setup brings it")]
AT_ONCE = """
refresh.topics.interval.seconds = 1
refresh.groups.interval.seconds = 1
sync.topic.configs.interval.seconds = 1
emit.checkpoints.interval.seconds = 1
sync.group.offsets.enabled = true
sync.group.offsets.interval.seconds = 1
"""


@pytest.fixture
def mirror_maker(tmp_path, request):
    processes = []

    def start(a, b):
        (tmp_path / "mm2.properties").write_text(ONE_WAY.format(source=a.bootstrap, target=b.bootstrap, topic="t") + AT_ONCE + request.param)
        with open(tmp_path / "log", "wb") as log:
            processes.append(subprocess.Popen(
                ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*:{HERE}/.cache/jars/*",
                 "org.apache.kafka.connect.mirror.MirrorMaker", tmp_path / "mm2.properties"], stdout=log, stderr=log))
    yield start
    for process in processes:
        process.kill()
        process.wait()
    print((tmp_path / "log").read_text()[-4000:])


until = partial(eventually, timeout=90)  # a JVM's start is not quick, nor are Connect's


def records(kafka, topic, partition):
    return [(one.key, one.value, one.headers, one.timestamp) for one in kafka.records(topic, partition=partition)]


def has(kafka, topic):
    return kafka.call(lambda: topic in kafka.server.cluster.topics)


def committed(kafka, group, topic):
    with WireClient(kafka.bootstrap) as client:
        until(lambda: client.call(FindCoordinator, 3, key=group, key_type=0).error_code == 0)
        found = client.call(OffsetFetch, 7, group_id=group, topics=None)
        return {one.partition_index: one.committed_offset for each in found.topics if each.name == topic for one in each.partitions}


@pytest.mark.parametrize("mirror_maker", ["", EXACTLY_ONCE], indirect=True, ids=["at least once", "exactly once"])
def test_it_copies_records_configs_partitions_and_offsets(mirror_maker):
    with Emulator() as a, Emulator() as b:
        a.create_topic("t", 4, configs={"retention.ms": "123456"})
        for number in range(500):
            a.produce("t", b"v%d" % number, key=b"k%d" % number, headers={"h": b"x"})
        mirror_maker(a, b)
        until(lambda: has(b, "a.t") and len(b.records("a.t")) >= 500)
        assert [records(a, "t", index) for index in range(4)] == [records(b, "a.t", index) for index in range(4)]
        until(lambda: b.call(lambda: b.server.cluster.configs.topics.get("a.t", {}).get("retention.ms")) == "123456")
        ends = {index: len(records(a, "t", index)) for index in range(4)}
        request = OffsetCommit.Request.Topics
        with WireClient(a.bootstrap) as client:
            until(lambda: client.call(FindCoordinator, 3, key="readers", key_type=0).error_code == 0)
            parts = [request.Partitions(partition_index=index, committed_offset=end, committed_metadata="") for index, end in ends.items()]
            until(lambda: client.call(OffsetCommit, 7, group_id="readers", topics=[request(name="t", partitions=parts)])
                  .topics[0].partitions[0].error_code == 0)
        for number in range(500, 600):
            a.produce("t", b"v%d" % number, key=b"k%d" % number)
        until(lambda: len(b.records("a.t")) >= 600)
        assert [records(a, "t", index) for index in range(4)] == [records(b, "a.t", index) for index in range(4)]
        until(lambda: committed(b, "readers", "a.t").keys() == ends.keys())
        for index, offset in committed(b, "readers", "a.t").items():  # too early rather than too late
            assert 0 <= sum(one.offset < offset for one in b.records("a.t", partition=index)) <= ends[index]
