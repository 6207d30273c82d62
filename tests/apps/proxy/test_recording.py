"""What a client says to a cluster is recorded, and then answered without one."""

import io
import json
from contextlib import contextmanager

import pytest

from emulator.apps.proxy import recording
from emulator.apps.proxy.matching import Lenient, Strict
from emulator.apps.proxy.recording import BadRecording, Recorder, from_json, read_recording, to_json
from emulator.apps.proxy.replay import ReplayServer
from emulator.runtime.thread import LoopThread
from tests.in_thread import serving
from tests.mirrors import until
from tests.proxied import proxied
from tests.wire_client import WireClient
from wire import errors
from wire.apis.configs import IncrementalAlterConfigs
from wire.apis.consumer_groups import ConsumerGroupHeartbeat
from wire.apis.data import Fetch, Produce
from wire.apis.groups import OffsetCommit
from wire.apis.metadata import ApiVersions, FindCoordinator, Metadata
from wire.apis.sasl import SaslAuthenticate
from wire.apis.topics import CreateTopics
from wire.records import iter_records
from wire.records.build import build_batch
from wire.records.record import Record


@pytest.fixture(scope="module")
def upstream():
    with serving() as server:
        yield server


@contextmanager
def recorded(upstream, path):
    """A proxy that records into `path`."""
    with open(path, "w", encoding="utf-8") as file, proxied(upstream.bootstrap) as proxy:
        proxy.on_loop(proxy.add_layer, Recorder(file))
        yield proxy


@contextmanager
def replayed(path, matcher=Strict):
    thread = LoopThread("replay")
    thread.start()
    try:
        server = thread.call(lambda: ReplayServer([("PLAINTEXT", "127.0.0.1", 0)], matcher(read_recording(path))).start())
        server.bootstrap = f"127.0.0.1:{server.fronts[0].port}"
        yield server
        thread.call(server.stop)
    finally:
        thread.stop()


def batch(timestamp, *values):
    return build_batch([Record(None, timestamp, b"k", value) for value in values])


def produce(topic, data, acks=-1):
    partition = Produce.Request.TopicData.PartitionData(index=0, records=data)
    return {"acks": acks, "timeout_ms": 5000, "topic_data": [Produce.Request.TopicData(name=topic, partition_data=[partition])]}


def suite(bootstrap, timestamp=1, topic="recorded"):
    """What a program does with a cluster; gives what it learned."""
    with WireClient(bootstrap, "suite") as first:
        learned = [first.call(ApiVersions, 3, client_software_name="suite", client_software_version=str(timestamp)).api_keys]
        wanted = CreateTopics.Request.Topics(name=topic, num_partitions=1, replication_factor=1)
        learned.append(first.call(CreateTopics, 7, topics=[wanted], timeout_ms=5000).topics[0].topic_id)
        [broker] = first.call(Metadata, 9, topics=[Metadata.Request.Topics(name=topic)]).brokers
    with WireClient(f"{broker.host}:{broker.port}", "suite") as client:
        client.send(Produce, 9, **produce(topic, batch(timestamp, b"silent"), acks=0))
        learned.append(client.call(Produce, 9, **produce(topic, batch(timestamp, b"one", b"two"))))
        partition = Fetch.Request.Topics.Partitions(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)
        fetched = client.call(Fetch, 11, max_wait_ms=0, session_epoch=-1, topics=[Fetch.Request.Topics(topic=topic, partitions=[partition])])
        learned.append([(one.key, one.value) for one in iter_records(fetched.responses[0].partitions[0].records)])
    return learned


def test_a_suite_passes_against_its_recording(upstream, tmp_path):
    path = tmp_path / "suite.jsonl"
    with recorded(upstream, path) as proxy:
        learned = suite(proxy.bootstrap)
    assert learned[-1] == [(b"k", b"silent"), (b"k", b"one"), (b"k", b"two")]
    for matcher in (Strict, Lenient):
        with replayed(path, matcher) as replay:
            assert suite(replay.bootstrap, timestamp=99) == learned  # another time, another version of the program
            assert (replay.differed, replay.matcher.left()) == (0, [])


def test_addresses_are_those_of_the_replay(upstream, tmp_path):
    path = tmp_path / "addresses.jsonl"
    with recorded(upstream, path) as proxy, WireClient(proxy.bootstrap, "a") as client:
        there = client.call(Metadata, 9, topics=[]).brokers[0].port
    with replayed(path) as replay, WireClient(replay.bootstrap, "a") as client:
        [broker] = client.call(Metadata, 9, topics=[]).brokers
        assert broker.port == replay.fronts[0].nodes["broker", 1].port != there


def test_what_differs_is_told_and_ends_the_connection(upstream, tmp_path):
    path = tmp_path / "differs.jsonl"
    with recorded(upstream, path) as proxy:
        suite(proxy.bootstrap, topic="told")
    with replayed(path) as replay:
        with pytest.raises(ConnectionError):
            suite(replay.bootstrap, topic="other")
        assert replay.differences == ["line 3: CreateTopics v7: topics[0].name: \"other\" instead of \"told\""]
        with WireClient(replay.bootstrap, "suite") as client, pytest.raises(ConnectionError):
            client.call(FindCoordinator, 3, key="g")
        assert replay.differences[1] == "no other connection of suite to the bootstrap address is recorded; it asks for FindCoordinator v3"
        assert [(one.line, one.api.name) for one in replay.matcher.left()] == [(5, "Produce")]
    with replayed(path, Lenient) as replay, WireClient(replay.bootstrap, "whoever") as client:
        assert client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="told")]).topics[0].name == "told"
        with pytest.raises(ConnectionError):
            client.call(Produce, 9, **produce("told", batch(1, b"one", b"three")))
        assert 'topic_data[0].partition_data[0].records[1][1]: "three" instead of "two"' in replay.differences[0]


def test_clients_have_no_fetch_sessions_and_what_is_left_of_their_time_is_theirs(upstream, tmp_path):
    """What a fetch of a session is about depends on all before it, and how many there are on the time."""
    path = tmp_path / "sessions.jsonl"
    with recorded(upstream, path) as proxy:
        suite(proxy.bootstrap, topic="sessions")
        with WireClient(proxy.bootstrap, "java") as client:
            first = client.call(Fetch, 11, max_wait_ms=0, topics=[fetched("sessions", 0)])
    [asked] = [one.request for one in read_recording(path) if one.client_id == "java"]
    assert (first.session_id, first.error_code) == (0, errors.NONE) and "session_epoch" not in asked
    with replayed(path) as replay, WireClient(replay.bootstrap, "suite") as client:
        client.call(ApiVersions, 3, client_software_name="suite", client_software_version="2")
        wanted = CreateTopics.Request.Topics(name="sessions", num_partitions=1, replication_factor=1)
        assert client.call(CreateTopics, 7, topics=[wanted], timeout_ms=4321).topics[0].error_code == errors.NONE


def fetched(topic, *offsets):
    Partitions = Fetch.Request.Topics.Partitions
    return Fetch.Request.Topics(topic=topic, partitions=[Partitions(partition=index, fetch_offset=offset, partition_max_bytes=1 << 20) for index, offset in enumerate(offsets)])


def test_leniently_answers_are_put_together_of_those_that_were_recorded(upstream, tmp_path):
    """Batches, progress of partitions, order: of all that clients have another each time."""
    path = tmp_path / "together.jsonl"
    Topics, Partitions = OffsetCommit.Request.Topics, OffsetCommit.Request.Topics.Partitions

    def commit(client, *offsets):
        partitions = [Partitions(partition_index=index, committed_offset=offset) for index, offset in offsets]
        return client.call(OffsetCommit, 7, group_id="g", topics=[Topics(name="t", partitions=partitions)]).topics[0].partitions

    def values(client, *offsets):
        [told] = client.call(Fetch, 11, max_wait_ms=0, session_epoch=-1, topics=[fetched("t", *offsets)]).responses
        return [[one.value for one in iter_records(each.records)] for each in told.partitions]

    with recorded(upstream, path) as proxy, WireClient(proxy.bootstrap) as first:
        first.call(CreateTopics, 7, topics=[CreateTopics.Request.Topics(name=name, num_partitions=2, replication_factor=1) for name in ("t", "u")], timeout_ms=5000)
        [broker] = first.call(Metadata, 9, topics=[Metadata.Request.Topics(name=name) for name in ("t", "u")]).brokers
        with WireClient(f"{broker.host}:{broker.port}") as client:
            client.call(Produce, 9, **produce("t", batch(1, b"a", b"b")))
            client.call(Produce, 9, **produce("t", batch(1, b"c")))
            client.call(FindCoordinator, 3, key="g")
            commit(client, (0, 2), (1, 0))
            assert values(client, 0, 0) == [[b"a", b"b", b"c"], []] and values(client, 3, 0) == [[], []]
    with replayed(path, Lenient) as replay, WireClient(replay.bootstrap) as client:
        assert [one.name for one in client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="u")]).topics] == ["u"]
        for value, offset in ((b"a", 0), (b"b", 1), (b"c", 2)):
            [answer] = client.call(Produce, 9, **produce("t", batch(1, value))).responses
            assert answer.partition_responses[0].base_offset == offset
        assert [one.partition_index for one in commit(client, (1, 0), (0, 1))] == [0, 1]
        assert values(client, 1, 0) == [[b"a", b"b", b"c"], []] and values(client, 3) == values(client, 9) == [[]]
        assert replay.differed == 0
        with pytest.raises(ConnectionError):
            client.call(Produce, 9, **produce("t", batch(1, b"d")))
    with replayed(path, Lenient) as replay, WireClient(replay.bootstrap) as client, pytest.raises(ConnectionError):
        client.call(Fetch, 11, max_wait_ms=0, session_epoch=-1, topics=[fetched("u", 0)])


def test_what_librdkafka_does_in_a_transaction_is_replayed(upstream, tmp_path):
    confluent_kafka = pytest.importorskip("confluent_kafka")

    def session(bootstrap):
        producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "transactional.id": "t", "linger.ms": 0})
        consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "librdkafka", "auto.offset.reset": "earliest", "enable.auto.commit": False})
        producer.init_transactions(20)
        producer.begin_transaction()
        for number in range(10):
            producer.produce("in-a-transaction", b"%d" % number, b"k")
        producer.commit_transaction(20)
        consumer.subscribe(["in-a-transaction"])
        found = [consumer.poll(20).value() for _ in range(10)]
        consumer.commit(asynchronous=False)
        consumer.close()
        return found

    path = tmp_path / "librdkafka.jsonl"
    with recorded(upstream, path) as proxy:
        found = session(proxy.bootstrap)
    with replayed(path, Lenient) as replay:
        assert session(replay.bootstrap) == found == [b"%d" % number for number in range(10)]
        assert replay.differences == []


def test_who_left_while_it_waited_is_waited_for_again(upstream, tmp_path):
    path = tmp_path / "left.jsonl"
    asked = {"max_wait_ms": 600_000, "min_bytes": 1, "session_epoch": -1}
    with recorded(upstream, path) as proxy, WireClient(proxy.bootstrap, "w") as client:
        client.call(CreateTopics, 7, topics=[CreateTopics.Request.Topics(name="w", num_partitions=1, replication_factor=1)], timeout_ms=5000)
        client.send(Fetch, 11, topics=[fetched("w", 0)], **asked)
        until(lambda: proxy.on_loop(lambda: any(pair.in_flight for pair in proxy.connections)))
        client.socket.close()
        until(lambda: not proxy.on_loop(lambda: proxy.connections))
    [*_, last] = read_recording(path)
    assert (last.api, last.has_left, last.is_closed) == (Fetch, True, True)
    with replayed(path, Lenient) as replay, WireClient(replay.bootstrap, "w", timeout=0.1) as client:
        client.send(Fetch, 11, topics=[fetched("w", 0)], **asked)
        with pytest.raises(TimeoutError):
            client.receive_frame()
        client.socket.close()
        until(lambda: not replay.connections)
        assert replay.differed == 0


def test_a_fetch_that_brings_nothing_is_not_answered_faster_again_and_again(upstream, tmp_path):
    path = tmp_path / "fetch.jsonl"
    asked = {"max_wait_ms": 80, "session_epoch": -1, "topics": []}
    with recorded(upstream, path) as proxy, WireClient(proxy.bootstrap, "f") as client:
        client.call(Fetch, 11, **asked)
    with replayed(path, Lenient) as replay, WireClient(replay.bootstrap, "f") as client:
        import time

        client.call(Fetch, 11, **asked)
        began = time.monotonic()
        for _ in range(3):
            client.call(Fetch, 11, **asked)
        assert time.monotonic() - began >= 0.24


def test_secrets_are_blanked():
    file = io.StringIO()
    Recorder(file)
    assert to_json(SaslAuthenticate.request.fields, SaslAuthenticate.Request(auth_bytes=b"\0a\0secret"), 2) == {"auth_bytes": "***"}
    Resources = IncrementalAlterConfigs.Request.Resources
    configs = [Resources.Configs(name="listener.name.x.ssl.key.password", value="secret"), Resources.Configs(name="retention.ms", value="1")]
    said = to_json(IncrementalAlterConfigs.request.fields, IncrementalAlterConfigs.Request(resources=[Resources(configs=configs)]), 1)
    assert [one["value"] for one in said["resources"][0]["configs"]] == ["***", "1"]


def test_a_recording_is_lines_for_people_and_for_diff(upstream, tmp_path):
    path = tmp_path / "lines.jsonl"
    with recorded(upstream, path) as proxy, WireClient(proxy.bootstrap, "lines") as client:
        client.call(FindCoordinator, 3, key="g", key_type=9)
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {"format": "kafka-emulator recording", "version": 1}
    del second["took_ms"]
    assert second == {
        "connection": 1, "node": None, "client_id": "lines", "api": "FindCoordinator", "version": 3, "request": {"key": "g", "key_type": 9},
        "answer": {"error_code": errors.INVALID_REQUEST, "error_message": second["answer"]["error_message"], "node_id": -1, "port": -1},
    }  # fmt: skip


@pytest.mark.parametrize("api", [Metadata, Fetch, Produce, FindCoordinator], ids=str)
def test_what_is_written_is_read_again(api):
    for version in api.versions:
        for message in (api.request, api.response):
            record = message.record()
            assert from_json(message.fields, message.record, json.loads(json.dumps(to_json(message.fields, record, version)))) == record


def test_a_member_keeps_the_id_that_it_has_made_up_but_an_error_has_none(tmp_path):
    lines = [{"connection": number, "node": None, "client_id": "wire-client", "api": "ConsumerGroupHeartbeat", "version": 1, "request": {"group_id": "g", "member_id": "recorded", "member_epoch": epoch},
              "answer": answer} for number, epoch, answer in ((1, 0, {"member_id": "recorded", "member_epoch": 1}), (1, 7, {"error_code": 110}))]  # fmt: skip
    path = tmp_path / "it.jsonl"
    path.write_text(HEAD + "".join(json.dumps(line) + "\n" for line in lines))
    with replayed(path) as server, WireClient(server.bootstrap, "wire-client") as client:
        told = [client.call(ConsumerGroupHeartbeat, 1, group_id="g", member_id="another", member_epoch=epoch) for epoch in (0, 7)]
        assert [(one.error_code, one.member_id) for one in told] == [(0, "another"), (110, None)]


def test_a_default_that_somebody_wrote_down_is_one(tmp_path):
    asked = {"topics": [{"name": "t", "topic_id": "AAAAAAAAAAAAAAAAAAAAAA"}], "allow_auto_topic_creation": True, "include_topic_authorized_operations": False}
    line = {"connection": 1, "node": None, "client_id": "wire-client", "api": "Metadata", "version": 12, "request": asked, "answer": {"cluster_id": "it"}}
    path = tmp_path / "it.jsonl"
    path.write_text(HEAD + json.dumps(line) + "\n")
    with replayed(path) as server, WireClient(server.bootstrap, "wire-client") as client:
        assert client.call(Metadata, 12, topics=[Metadata.Request.Topics(name="t")], allow_auto_topic_creation=True).cluster_id == "it"


HEAD = '{"format": "kafka-emulator recording", "version": 1}\n'


@pytest.mark.parametrize("text, why", [
    ("", "nothing is recorded there"),
    (HEAD, "nothing is recorded there"),
    ("[1]", "line 1: no recording: its first line would say"),
    ('{"format": "kafka-emulator recording", "version": 2}', "line 1: a recording of version 2; 1 is what can be read here"),
    (HEAD + "{", "line 2: no JSON at character 2: "),
    (HEAD + '{"connection": [], "node": null, "client_id": "a", "api": "Metadata", "version": 9, "request": {}}', "line 2: connection and version are numbers"),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": "Metadata", "version": 9, "request": 5}', "line 2: Metadata.Request: 5 is no object of fields"),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": "Metadata", "version": 9, "request": {}, "answer": [5]}', "line 2: Metadata.Response: [5] is no object"),
    (HEAD + "{}", "line 2: 'connection' is missing or unknown"),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": "Fetsch", "version": 1, "request": {}}', "line 2: 'Fetsch' is no API of Kafka's"),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": ["Fetch"], "version": 1, "request": {}}', "line 2: ['Fetch'] is no API of Kafka's"),
    (HEAD + "[]", "line 2: [] is no object"),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": "Metadata", "version": 999, "request": {}}', "line 2: Metadata has no version 999, but 0-13"),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": "Metadata", "version": 9, "request": null}', "line 2: Metadata has a request"),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": "Metadata", "version": 9, "request": {"allow_auto_topic_creation": {}}}', "line 2: Metadata.Request.allow_auto_topic_creation: {} is none of its values"),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": "Metadata", "version": 9, "request": {}, "answer": {"controller_id": "one"}}', "line 2: Metadata.Response.controller_id: 'one' is none of its values"),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": "Metadata", "version": 9, "request": {}, "answer": {"controller_id": 99999999999}}', "line 2: Metadata v9: controller_id"),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": "Metadata", "version": 9, "request": {}, "answer": {"brokers": [{"host": 5}]}}', "line 2: Metadata.Response.Brokers.host: 5 is none of its values"),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": "Metadata", "version": 3, "request": {}, "answer": {"brokers": null}}', "line 2: Metadata v3: brokers: "),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": "Metadata", "version": 9, "request": {}, "answer": {"brocker": 1}}', "line 2: Metadata.Response has no field brocker"),
    (HEAD + '{"connection": 1, "node": null, "client_id": "a", "api": "Metadata", "version": 9, "request": {}, "answer": {"brokers": 1}}', "line 2: Metadata.Response.brokers: 1 is none of its values"),
])  # fmt: skip
def test_what_is_no_recording_is_refused_with_its_line(tmp_path, text, why):
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(BadRecording) as error:
        read_recording(path)
    assert why in str(error.value)
    assert recording.VERSION == 1


def test_from_the_command_line(serve, run, upstream, home):
    server = serve("record", "it.jsonl", "--upstream", upstream.bootstrap, "--listen", "127.0.0.1:0", listen=None)
    learned = suite(server.bootstrap, topic="command")
    server.send_signal(15)
    assert server.end()[0] == 0
    server = serve("replay", "it.jsonl", "--listen", "127.0.0.1:0", listen=None)
    assert server.told == "requests=6\n"
    assert suite(server.bootstrap, topic="command") == learned
    server.send_signal(15)
    assert server.end()[:2] == (0, "differences=0\n")
    server = serve("replay", "it.jsonl", "--listen", "127.0.0.1:0", listen=None)
    server.send_signal(15)
    status, told, said = server.end()
    assert (status, told) == (1, "differences=2\n") and "line 2: ApiVersions v3 of suite was not asked, nor what follows" in said
    server = serve("replay", "it.jsonl", "--record", "--upstream", upstream.bootstrap, "--listen", "127.0.0.1:0", listen=None)
    with WireClient(server.bootstrap, "again") as client:
        client.call(ApiVersions, 0)
    server.send_signal(15)
    server.end()
    assert [one.client_id for one in read_recording(home / "it.jsonl")] == ["again"]
    assert "--upstream: a replay has nobody behind" in run("replay", "it.jsonl", "--upstream", "localhost:1").stderr
