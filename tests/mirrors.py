"""Mirrors between emulators, for tests."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from emulator.apps.mirror.cluster import Cluster
from emulator.apps.mirror.mirror import Mirror
from emulator.apps.mirror.names import Names, matcher
from emulator.runtime.clock import monotonic_clock
from emulator.runtime.thread import LoopThread
from emulator.runtime.upstream.dial import Dialer
from tests.wire_client import WireClient
from wire.apis.data import Fetch, Produce
from wire.apis.groups import OffsetCommit, OffsetFetch
from wire.apis.metadata import FindCoordinator
from wire.records import iter_batches

ROOT = Path(__file__).resolve().parents[1]
MB = 1024 * 1024
WAYS = pytest.mark.parametrize("exactly_once", [None, ""], ids=["at least once", "exactly once"])


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
    return found


class Running:
    """A mirror on a thread of its own, until the end of the block."""

    def __init__(self, source, target, topics=".*", prefix="", queue=32 * MB, refresh_s=0.1, groups=None, exactly_once=None):
        self.thread = LoopThread("mirror")
        self._made = source.bootstrap, target.bootstrap, Names(topics, prefix), queue, refresh_s, groups and matcher(groups, "--groups"), exactly_once

    def __enter__(self):
        self.thread.start()
        try:
            self.mirror = self.thread.call(self._begin)
        except BaseException:
            self.thread.stop()
            raise
        return self

    def _begin(self):
        source, target, *options = self._made
        clock = monotonic_clock()
        clusters = [Cluster(what, [(host, int(port)) for host, _, port in (one.rpartition(":") for one in text.split(","))], Dialer(clock, 5000))
                    for what, text in (("--from", source), ("--to", target))]
        mirror = Mirror(*clusters, *options)
        mirror.start()
        return mirror

    def __exit__(self, *_):
        self.thread.call(self.mirror.end)
        self.thread.stop()

    def status(self):
        return self.thread.call(lambda: {one.name: (one.done, one.failed) for one in self.mirror.partitions.values()})


def values(kafka, topic):
    return [one.value for one in kafka.records(topic)] if topic in topics(kafka) else []


def count(kafka, topic):
    def ends():
        found = kafka.server.cluster.topics.get(topic)
        return sum(next(iter(one.logs.values())).acknowledged_end for one in found.partitions) if found else 0
    return kafka.call(ends)


def topics(kafka):
    return kafka.call(lambda: [name for name in kafka.server.cluster.topics if not name.startswith("__")])


def records(kafka, topic, partition):
    return [(one.key, one.value, one.headers, one.timestamp) for one in kafka.records(topic, partition=partition)]


def overrides(kafka, topic):
    return kafka.call(lambda: dict(kafka.server.cluster.configs.topics.get(topic, {})))


def once(source, target, **options):
    """All that there is."""
    with Running(source, target, **options) as running:
        until(lambda: running.thread.call(lambda: running.mirror.is_done))


def produce(kafka, topic, batch, transactional_id=None, partition=0):
    data = Produce.Request.TopicData.PartitionData(index=partition, records=batch)
    with WireClient(kafka.bootstrap.split(",")[0]) as client:
        [answer] = client.call(Produce, 9, acks=-1, timeout_ms=5000, transactional_id=transactional_id,
                               topic_data=[Produce.Request.TopicData(name=topic, partition_data=[data])]).responses
    assert answer.partition_responses[0].error_code == 0


def fetch(kafka, topic, partition):
    """The last batch."""
    request = Fetch.Request.Topics
    with WireClient(kafka.bootstrap) as client:
        [[found]] = [one.partitions for one in client.call(Fetch, 11, replica_id=-1, max_wait_ms=0, min_bytes=0, topics=[
            request(topic=topic, partitions=[request.Partitions(partition=partition, fetch_offset=0, partition_max_bytes=MB)])]).responses]
    *_, last = iter_batches(found.records)
    return bytes(last)




def command(source, target, *options, **more):
    arguments = [sys.executable, "-m", "emulator", "mirror", "--from", source.bootstrap, "--to", target.bootstrap, *options]
    return subprocess.run(arguments, cwd=ROOT, timeout=60, capture_output=True, **more).returncode


def commit(kafka, group, offset, topic="t", partition=0, metadata=""):
    request = OffsetCommit.Request.Topics
    with WireClient(kafka.bootstrap) as client:
        until(lambda: client.call(FindCoordinator, 3, key=group, key_type=0).error_code == 0)

        def committed():
            answer = client.call(OffsetCommit, 7, group_id=group, topics=[request(name=topic, partitions=[
                request.Partitions(partition_index=partition, committed_offset=offset, committed_metadata=metadata)])])
            return answer.topics[0].partitions[0].error_code == 0
        until(committed)


def offset_of(kafka, group, topic="t"):
    with WireClient(kafka.bootstrap) as client:
        until(lambda: client.call(FindCoordinator, 3, key=group, key_type=0).error_code == 0)
        found = client.call(OffsetFetch, 7, group_id=group, topics=None)
        return next((one.partitions[0].committed_offset for one in found.topics if one.name == topic), None)
