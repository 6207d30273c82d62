"""Logs on disk in a server that serves: what is answered when, and what a disk that fails does to one partition alone."""

import errno
import os
import random
import resource
import socket
import threading
import time
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from emulator.runtime.disk import Descriptors, DiskFiles
from emulator.runtime.disk.offload import Offload
from emulator.runtime.thread import LoopThread
from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log import Log
from emulator.state.log.flush import Flusher, run_here
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import Fetch, ListOffsets, Produce
from wire.apis.groups import OffsetCommit
from wire.apis.metadata import ApiVersions, FindCoordinator
from wire.records import Record, build_batch, iter_records

NOW = 1_700_000_000_000


def config(**overrides):
    return Configs(parse_broker_settings({})).preview({name.replace("_", "."): str(value) for name, value in overrides.items()})


def batch(*values):
    return build_batch([Record(index, NOW, None, value, ()) for index, value in enumerate(values)])


class Gate:
    """An `offload` that does nothing until it is opened."""

    def __init__(self):
        self.calls = []
        self.called = threading.Event()
        self.is_open = False

    def __call__(self, function, done):
        if self.is_open:
            run_here(function, done)
            return
        from gevent import get_hub

        self.calls.append((function, done, get_hub().loop))
        self.called.set()

    def open(self):
        self.is_open = True
        for function, done, loop in self.calls:
            loop.run_callback_threadsafe(run_here, function, done)


@pytest.fixture(scope="module")
def server():
    with serving() as server:
        yield server


def put_on_disk(server, path, topic, flusher=None, **overrides):
    """A topic of one partition whose log is on disk."""
    cluster = server.services["cluster"]
    cluster.create_topic(topic)
    log = Log(f"{topic}-0", config(**overrides), server.time, random.Random(1), DiskFiles(str(path), Descriptors(16)), flusher=flusher)
    log.begin_epoch(0)
    cluster.topics[topic].partitions[0].log = log
    return log


def send(client, topic, *values, acks=-1, timeout_ms=10_000):
    Topic = Produce.Request.TopicData
    data = [Topic(name=topic, partition_data=[Topic.PartitionData(index=0, records=batch(*values))])]
    return client.send(Produce, 9, acks=acks, timeout_ms=timeout_ms, topic_data=data)


def sent(client, correlation_id):
    return client.receive(Produce, 9, correlation_id).responses[0].partition_responses[0]


def fetch(client, topic, offset=0):
    Topic = Fetch.Request.Topics
    asked = Topic(topic=topic, partitions=[Topic.Partitions(partition=0, fetch_offset=offset, partition_max_bytes=1 << 20)])
    answer = client.call(Fetch, 12, max_wait_ms=0, min_bytes=0, max_bytes=1 << 20, session_epoch=-1, topics=[asked])
    return answer.responses[0].partitions[0]


def values(answer):
    return [bytes(record.value) for record in iter_records(answer.records)]


def test_nothing_is_acknowledged_or_seen_before_it_is_on_disk(server, tmp_path):
    gate = Gate()
    log = put_on_disk(server, tmp_path / "a-0", "a", Flusher(gate), flush_messages=1)
    with WireClient(server.bootstrap) as one, WireClient(server.bootstrap) as two, WireClient(server.bootstrap) as other:
        first = send(one, "a", b"1")
        assert gate.called.wait(10)
        second = send(two, "a", b"2")
        assert other.call(ApiVersions, 3, client_software_name="t", client_software_version="1").error_code == errors.NONE
        assert fetch(other, "a").high_watermark == 0
        gate.open()
        assert sent(one, first).base_offset == 0
        assert sent(two, second).base_offset == 1
        assert values(fetch(other, "a")) == [b"1", b"2"]
    assert log.flushed_offset == 2


def test_a_coordinator_answers_when_what_it_wrote_is_on_disk(tmp_path):
    gate = Gate()
    settings = {"log_dirs": str(tmp_path), "log_flush_interval_messages": 1, "offsets_topic_num_partitions": 1}
    with serving(**settings) as server, WireClient(server.bootstrap) as client, WireClient(server.bootstrap) as other:
        server.logs._flusher.offload = gate
        found = {"error_code": errors.COORDINATOR_NOT_AVAILABLE}
        deadline = time.monotonic() + 10
        while found["error_code"] and time.monotonic() < deadline:
            found["error_code"] = other.call(FindCoordinator, 4, key_type=0, coordinator_keys=["g"]).coordinators[0].error_code
        Topic = OffsetCommit.Request.Topics
        topics = [Topic(name="t", partitions=[Topic.Partitions(partition_index=0, committed_offset=7)])]
        server.services["cluster"].create_topic("t")
        asked = client.send(OffsetCommit, 8, group_id="g", generation_id_or_member_epoch=-1, member_id="", topics=topics)
        assert gate.called.wait(10)
        assert other.call(ApiVersions, 3, client_software_name="t", client_software_version="1").error_code == errors.NONE
        client.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.socket.recv(1, socket.MSG_PEEK)
        client.socket.settimeout(10)
        gate.open()
        assert client.receive(OffsetCommit, 8, asked).topics[0].partitions[0].error_code == errors.NONE


def test_a_sync_that_takes_too_long_is_a_request_timed_out(server, tmp_path):
    gate = Gate()
    put_on_disk(server, tmp_path / "b-0", "b", Flusher(gate), flush_messages=1)
    with WireClient(server.bootstrap) as client:
        answer = sent(client, send(client, "b", b"1", timeout_ms=50))
        assert (answer.error_code, answer.base_offset) == (errors.REQUEST_TIMED_OUT, 0)
        gate.open()
        assert sent(client, send(client, "b", b"2")).base_offset == 1


def test_a_real_sync_answers_all_that_wait(server, tmp_path):
    put_on_disk(server, tmp_path / "c-0", "c", Flusher(Offload()), flush_messages=1)
    patient = {"timeout": 60}  # seconds: a disk that is busy takes its time
    with WireClient(server.bootstrap, **patient) as one, WireClient(server.bootstrap, **patient) as two:
        ids = [(client, send(client, "c", b"x", timeout_ms=60_000)) for _ in range(4) for client in (one, two)]
        answers = [sent(*each) for each in ids]
    assert [one.error_code for one in answers] == [errors.NONE] * 8
    assert sorted(one.base_offset for one in answers) == list(range(8))


def test_who_asks_for_a_sync_while_every_thread_is_busy_does_not_wait():
    """A disk's answer asks for the next sync from a callback of the loop, where nothing may wait."""
    from gevent import get_hub

    go_on, asked, done, offload = threading.Event(), threading.Event(), SimpleQueue(), Offload()

    def ask():
        for _ in range(10):
            offload(lambda: go_on.wait(20), done.put)
        asked.set()

    thread = LoopThread("disk")
    thread.start()
    try:
        thread.call(lambda: get_hub().loop.run_callback(ask))
        assert asked.wait(20) and done.empty()
        go_on.set()
        assert [done.get(timeout=20) for _ in range(10)] == [None] * 10
    finally:
        go_on.set()
        thread.stop()


def test_the_threads_end_with_who_asks_them():
    thread, done = LoopThread("disk"), SimpleQueue()
    thread.start()
    try:
        before = threads()

        def ask():
            offload = Offload()
            for _ in range(10):
                offload(threads, done.put)

        thread.call(ask)
        assert [done.get(timeout=20) for _ in range(10)] == [None] * 10
        deadline = time.monotonic() + 20
        while threads() > before:
            assert time.monotonic() < deadline
    finally:
        thread.stop()


def threads():
    return len(os.listdir("/proc/self/task"))


def test_a_failed_sync_closes_one_partition_and_no_other(server, tmp_path, caplog):
    def failing(function, done):
        def broken():
            raise files.trouble("cannot sync", OSError(errno.EIO, os.strerror(errno.EIO)))

        run_here(broken, done)

    log = put_on_disk(server, tmp_path / "d-0", "d", Flusher(failing), flush_messages=1)
    files = log.files
    put_on_disk(server, tmp_path / "e-0", "e")
    with WireClient(server.bootstrap) as client:
        assert sent(client, send(client, "d", b"1")).error_code == errors.KAFKA_STORAGE_ERROR
        assert sent(client, send(client, "d", b"2")).error_code == errors.KAFKA_STORAGE_ERROR
        assert fetch(client, "d").error_code == errors.KAFKA_STORAGE_ERROR
        Topic = ListOffsets.Request.Topics
        asked = [Topic(name="d", partitions=[Topic.Partitions(partition_index=0, timestamp=-1)])]
        answer = client.call(ListOffsets, 5, replica_id=-1, topics=asked)
        assert answer.topics[0].partitions[0].error_code == errors.KAFKA_STORAGE_ERROR
        assert sent(client, send(client, "e", b"1")).error_code == errors.NONE
        assert values(fetch(client, "e")) == [b"1"]
    assert [record.getMessage() for record in caplog.records] == [f"cannot sync {tmp_path}/d-0: Input/output error"]


@contextmanager
def files_of_at_most(size):
    """The kernel writes what fits of a write beyond it, and refuses the rest: as a disk that is full does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_fails_leaves_the_log_as_it_was(tmp_path, caplog):
    path = tmp_path / "t-0"
    log = Log("t-0", config(), VirtualClock(), random.Random(1), DiskFiles(str(path), Descriptors(16)))
    log.begin_epoch(0)

    def append(value):
        return log.append(log.check(batch(value), NOW), 0, NOW).base_offset

    large = bytes(900_000)
    append(large)
    size = log.size
    with files_of_at_most(1_000_000):
        for _ in range(3):
            with pytest.raises(errors.KafkaError) as refused:
                append(large)
            assert refused.value.error == errors.KAFKA_STORAGE_ERROR
        assert (path / "00000000000000000000.log").stat().st_size == size
        assert append(b"small") == 1
    assert append(large) == 2
    log.close()
    again = Log("t-0", config(), VirtualClock(), random.Random(1), DiskFiles(str(path), Descriptors(16)))
    assert [bytes(record.value) for _, one in again.batches() for record in iter_records(one)] == [large, b"small", large]
    assert [record.getMessage() for record in caplog.records] == [f"cannot write 00000000000000000000.log in {path}: File too large"]


def test_a_roll_that_fails_is_tried_again(tmp_path, monkeypatch):
    path = tmp_path / "t-0"
    log = Log("t-0", config(internal_segment_bytes=300), VirtualClock(), random.Random(1), DiskFiles(str(path), Descriptors(16)))
    log.begin_epoch(0)

    def append():
        return log.append(log.check(batch(b"x" * 60), NOW), 0, NOW).base_offset

    append(), append()
    real = os.open

    def no_space(name, *arguments):
        if name.endswith(".snapshot"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(name, *arguments)

    monkeypatch.setattr(os, "open", no_space)
    for _ in range(2):
        with pytest.raises(errors.KafkaError) as refused:
            append()
        assert refused.value.error == errors.KAFKA_STORAGE_ERROR
    monkeypatch.undo()
    assert [append() for _ in range(3)] == [2, 3, 4]
    assert [segment.base_offset for segment in log.segments] == [0, 2, 4]
    log.close()
    again = Log("t-0", config(), VirtualClock(), random.Random(1), DiskFiles(str(path), Descriptors(16)))
    assert again.end_offset == 5 and len(list(again.batches())) == 5


def test_descriptors_are_bounded(tmp_path):
    descriptors = Descriptors(16)
    logs = []
    for index in range(40):
        log = Log(f"t-{index}", config(), VirtualClock(), random.Random(1), DiskFiles(str(tmp_path / f"t-{index}"), descriptors))
        log.begin_epoch(0)
        logs.append(log)
    before = len(os.listdir("/proc/self/fd"))
    for round in range(3):
        for log in logs:
            log.append(log.check(batch(b"%d" % round), NOW), 0, NOW)
    assert len(os.listdir("/proc/self/fd")) <= before + 16
    for log in logs:
        assert [bytes(record.value) for _, one in log.batches() for record in iter_records(one)] == [b"0", b"1", b"2"]
        log.close()


def test_a_directory_that_cannot_be_made_is_a_log_that_failed(tmp_path, caplog):
    (tmp_path / "t-0").write_text("a file is in the way")
    log = Log("t-0", config(), VirtualClock(), random.Random(1), DiskFiles(str(tmp_path / "t-0"), Descriptors(16)))
    assert log.closed and log.refusal().error == errors.KAFKA_STORAGE_ERROR
    assert log.refusal() is not log.refusal()  # one that is raised again and again would keep all the frames that it met
    with pytest.raises(errors.KafkaError) as refused:
        log.read(0, 1, 1)
    assert refused.value.error == errors.KAFKA_STORAGE_ERROR
    assert len(caplog.records) == 1


def test_a_spoilt_header_spoils_no_more_than_its_batch(tmp_path):
    path = tmp_path / "t-0"
    log = Log("t-0", config(internal_segment_bytes=300), VirtualClock(), random.Random(1), DiskFiles(str(path), Descriptors(16)))
    log.begin_epoch(0)
    for number in range(20):
        log.append(log.check(batch(b"%d" % number), NOW), 0, NOW)
    segment = log.segments[2]
    with open(path / f"{segment.base_offset:020d}.log", "r+b") as file:
        file.seek(8)
        file.write(b"\x7f")
    with pytest.raises(errors.KafkaError) as refused:
        log.read(segment.base_offset, 1000, log.high_watermark)
    assert refused.value.error == errors.CORRUPT_MESSAGE
    assert log.read(0, 1000, log.high_watermark).size
    assert log.read(log.segments[3].base_offset, 1000, log.high_watermark).size
