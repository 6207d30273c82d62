"""Snapshots of an Emulator: the whole cluster as it stood, again and elsewhere."""

import gc
import time
from datetime import datetime, timedelta, timezone

import pytest

from emulator import Emulator
from tests.api.test_data import fetch_request, produce_request
from tests.apps.test_determinism import NOW, Conversation
from tests.apps.test_embedded_data import joined, transaction
from tests.wire_client import WireClient
from wire import errors
from wire.apis.acls import CreateAcls, DescribeAcls
from wire.apis.configs import DescribeConfigs, IncrementalAlterConfigs
from wire.apis.data import Fetch, Produce
from wire.apis.groups import Heartbeat, JoinGroup, OffsetCommit, OffsetFetch
from wire.apis.metadata import DescribeCluster, FindCoordinator, Metadata
from wire.apis.topics import CreateTopics
from wire.apis.transactions import EndTxn, InitProducerId
from wire.records import Record, build_batch

START = datetime(2030, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def kafka():
    with Emulator(clock="virtual", clock_start=START, seed=1, topics=["t:2"]) as emulator:
        yield emulator


def texts(kafka, topic="t", **options):
    return [record.text for record in kafka.records(topic, **options)]


def described(bootstrap):
    """(cluster id, controller, {topic: (id, [(leader, leader epoch, isr) of each partition])})"""
    with WireClient(bootstrap) as client:
        answer = client.call(Metadata, 12, topics=None)
    return answer.cluster_id, answer.controller_id, {
        topic.name: (topic.topic_id, [(one.leader_id, one.leader_epoch, one.isr_nodes) for one in topic.partitions])
        for topic in answer.topics}


def test_what_came_later_has_never_been(kafka):
    kafka.produce("t", "before")
    was = described(kafka.bootstrap)
    snapshot = kafka.snapshot()
    kafka.produce("t", "after", partition=0)
    kafka.create_topic("more")
    kafka.clock.advance(days=1)
    kafka.restore(snapshot)
    assert described(kafka.bootstrap) == was
    assert texts(kafka) == ["before"] and kafka.clock.now() == START
    assert kafka.produce("t", "other", partition=0).offset == 1
    kafka.restore(snapshot)
    assert texts(kafka) == ["before"], "a snapshot is good for more than once"


def test_a_topic_that_went_is_there_again(kafka):
    kafka.produce("t", "kept")
    snapshot = kafka.snapshot()

    def delete():
        cluster = kafka.server.cluster
        cluster.delete_topic(cluster.topics["t"].topic_id)

    kafka.call(delete)
    kafka.create_topic("t", 5)
    kafka.restore(snapshot)
    assert texts(kafka) == ["kept"] and len(kafka.server.cluster.topics["t"].partitions) == 2
    kafka.call(delete)
    kafka.create_topic("t")
    assert texts(kafka) == [], "and does not come again with another's records"


def test_connections_end_and_clients_find_the_same_address(kafka):
    bootstrap, snapshot = kafka.bootstrap, kafka.snapshot()
    with WireClient(bootstrap) as waiting, WireClient(bootstrap) as idle:
        idle.call(DescribeCluster, 1)
        waiting.send(Fetch, 12, **fetch_request("t", 0, max_wait_ms=60_000, min_bytes=1))
        kafka.restore(snapshot)
        for client in (waiting, idle):
            with pytest.raises(ConnectionError):
                client.receive_frame()
    assert kafka.bootstrap == bootstrap and described(bootstrap)


def test_groups_offsets_and_their_sessions(kafka):
    with WireClient(kafka.bootstrap) as client:
        member = joined(client, "g")
        commit = OffsetCommit.Request.Topics.Partitions(partition_index=0, committed_offset=1, committed_metadata="m")
        fields = dict(group_id="g", member_id=member, generation_id_or_member_epoch=1)
        client.call(OffsetCommit, 8, topics=[OffsetCommit.Request.Topics(name="t", partitions=[commit])], **fields)
        kafka.clock.advance(seconds=20)
        snapshot = kafka.snapshot()
        commit.committed_offset = 2
        client.call(OffsetCommit, 8, topics=[OffsetCommit.Request.Topics(name="t", partitions=[commit])], **fields)
        kafka.clock.advance(minutes=1, expire_sessions=True)
        assert kafka.groups()[0].state == "Empty"
    kafka.restore(snapshot)
    [group] = kafka.groups()
    assert (group.state, [one.id for one in group.members]) == ("Stable", [member])
    with WireClient(kafka.bootstrap) as client:
        [answer] = client.call(OffsetFetch, 8, groups=[OffsetFetch.Request.Groups(group_id="g", topics=None)]).groups
        assert [(one.committed_offset, one.metadata) for one in answer.topics[0].partitions] == [(1, "m")]
        assert client.call(Heartbeat, 4, group_id="g", member_id=member, generation_id=1).error_code == errors.NONE
    kafka.clock.advance(seconds=29, expire_sessions=True)
    assert kafka.groups()[0].state == "Stable", "its session begins anew, as at a new coordinator"
    kafka.clock.advance(seconds=2, expire_sessions=True)
    assert kafka.groups()[0].state == "Empty"


def test_transactions_producers_and_their_sequences(kafka):
    with WireClient(kafka.bootstrap) as client:
        producer_id, epoch = transaction(client, "open", None)
    snapshot = kafka.snapshot()
    end = dict(transactional_id="open", producer_id=producer_id, producer_epoch=epoch)
    for _ in range(2):
        with WireClient(kafka.bootstrap) as client:
            assert client.call(EndTxn, 3, committed=True, **end).error_code == errors.NONE
            new = client.call(InitProducerId, 4, transactional_id=None, transaction_timeout_ms=1, producer_id=-1, producer_epoch=-1)
            assert new.producer_id == producer_id + 1
        assert kafka.assert_produced("t", value="open")
        kafka.restore(snapshot)
        assert texts(kafka) == [] and texts(kafka, uncommitted=True) == ["open"]
    batch = build_batch([Record(None, NOW, None, b"open")], producer_id=producer_id, producer_epoch=epoch, base_sequence=0, transactional=True)
    with WireClient(kafka.bootstrap) as client:
        again = client.call(Produce, 9, **{**produce_request("t", batch), "transactional_id": "open"})
        assert again.responses[0].partition_responses[0].base_offset == 0, "a duplicate is known"
    kafka.clock.advance(minutes=2)
    assert kafka.server.cluster.topics["t"].partitions[0].log.last_stable_offset == 2, "it timed out"
    assert texts(kafka) == []


def test_configs_and_acls(kafka):
    def alter(client, value):
        Resource = IncrementalAlterConfigs.Request.Resources
        config = Resource.Configs(name="retention.ms", config_operation=0, value=value)
        client.call(IncrementalAlterConfigs, 1, resources=[Resource(resource_type=2, resource_name="t", configs=[config])])

    acl = CreateAcls.Request.Creations(resource_type=2, resource_name="t", resource_pattern_type=3, principal="User:a", host="*",
                                       operation=3, permission_type=3)
    everything = dict(resource_type_filter=1, resource_name_filter=None, pattern_type_filter=1, principal_filter=None,
                      host_filter=None, operation=1, permission_type=1)
    with Emulator(config={"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS"}, topics=["t"]) as kafka:
        with WireClient(kafka.bootstrap) as client:
            alter(client, "1234")
            client.call(CreateAcls, 3, creations=[acl])
            snapshot = kafka.snapshot()
            alter(client, "5678")
            acl.principal = "User:b"
            client.call(CreateAcls, 3, creations=[acl])
        kafka.restore(snapshot)
        with WireClient(kafka.bootstrap) as client:
            asked = DescribeConfigs.Request.Resources(resource_type=2, resource_name="t", configuration_keys=["retention.ms"])
            assert client.call(DescribeConfigs, 4, resources=[asked]).results[0].configs[0].value == "1234"
            [found] = client.call(DescribeAcls, 3, **everything).resources
            assert [one.principal for one in found.acls] == ["User:a"]
        assert kafka.server.cluster.topics["t"].partitions[0].log.config.retention_ms == 1234


def test_the_same_requests_get_the_same_answers_again(kafka):
    """Ids and choices go on from where the seed was."""
    def talk():
        conversation = Conversation(kafka.bootstrap)
        with conversation.client:
            conversation.say(CreateTopics, 7, timeout_ms=1000, topics=[CreateTopics.Request.Topics(name="new", num_partitions=1, replication_factor=1)])
            conversation.say(FindCoordinator, 4, key_type=0, coordinator_keys=["g"])
            conversation.say(JoinGroup, 9, group_id="g", member_id="", session_timeout_ms=30_000, rebalance_timeout_ms=10_000,
                             protocol_type="consumer", protocols=[JoinGroup.Request.Protocols(name="range", metadata=b"")])
            conversation.say(InitProducerId, 5, transactional_id=None, transaction_timeout_ms=1, producer_id=-1, producer_epoch=-1)
            conversation.say(Fetch, 12, **fetch_request("new", 0, session_id=0, session_epoch=0))
            conversation.say(Metadata, 12, topics=None)
        return conversation.frames

    snapshot = kafka.snapshot()
    once = talk()
    kafka.restore(snapshot)
    assert talk() == once
    kafka.restore(snapshot)
    kafka.create_topic("another")  # first, and ids are others
    assert talk()[0] != once[0]


def test_a_fork_goes_its_own_way(kafka):
    kafka.produce("t", "both")
    with kafka.fork() as other:
        assert other.bootstrap != kafka.bootstrap and other.seed == kafka.seed
        assert described(other.bootstrap) == described(kafka.bootstrap)
        kafka.produce("t", "one", partition=0)
        other.produce("t", "other", partition=0)
        other.clock.advance(days=8)
        assert kafka.clock.now() == START
        assert texts(kafka) == ["both", "one"] and texts(other) == []
        kafka.stop()
        snapshot = other.snapshot()
    with kafka.start():
        kafka.restore(snapshot)
        assert kafka.clock.now() == START + timedelta(days=8), "one may become what the other was"


def test_forks_of_one_snapshot(kafka):
    kafka.produce("t", "kept")
    snapshot = kafka.snapshot()
    kafka.produce("t", "not kept")
    with kafka.fork(snapshot) as one, kafka.fork(snapshot) as two:
        assert texts(one) == texts(two) == ["kept"]
        one.stop()
        one.start()
        assert texts(one) == ["kept"], "started again it begins as it began"


def test_brokers_are_as_they_were():
    with Emulator(brokers=3, clock="virtual", topics=["t:3"], config={"default.replication.factor": 3}) as kafka:
        kafka.create_topic("r", 3, replication_factor=3)
        for number in range(9):
            kafka.produce("r", str(number))
        kafka.brokers[2].kill()
        kafka.brokers[3].pause_replication()
        was, values = described(kafka.brokers[1].address), texts(kafka, "r")
        snapshot = kafka.snapshot()
        kafka.brokers[2].start()
        kafka.brokers[1].kill()
        kafka.brokers[3].resume_replication()
        kafka.restore(snapshot)
        assert [one.state for one in kafka.brokers.values()] == ["running", "killed", "running"]
        assert described(kafka.brokers[1].address) == was and texts(kafka, "r") == values
        with pytest.raises(OSError):
            WireClient(kafka.brokers[2].address, timeout=1)
        kafka.brokers[3].resume_replication()
        kafka.brokers[2].start()
        kafka.produce("r", "all", partition=1)
        partition = kafka.server.cluster.partition("r", 1)
        assert {log.end_offset for log in partition.logs.values()} == {partition.log.end_offset}
        kafka.brokers[1].freeze()
        frozen = kafka.snapshot()
        kafka.brokers[1].thaw()
        kafka.restore(frozen)
        assert kafka.brokers[1].state == "frozen"
        kafka.brokers[1].thaw()
        assert described(kafka.brokers[1].address)


def test_what_cannot_be_is_refused_and_changes_nothing(kafka, tmp_path):
    kafka.produce("t", "kept")
    with Emulator(data_dir=tmp_path) as on_disk:
        with pytest.raises(ValueError, match="its data in a directory"):
            on_disk.snapshot()
        with pytest.raises(ValueError, match="in a directory cannot"):
            on_disk.restore(kafka.snapshot())
    with Emulator(brokers=2, clock="virtual") as two, pytest.raises(ValueError, match="of brokers 1, 2, and here are 1"):
        kafka.restore(two.snapshot())
    with Emulator() as real, pytest.raises(ValueError, match="one of the two has a virtual clock"):
        kafka.restore(real.snapshot())
    assert texts(kafka) == ["kept"]


def test_what_is_let_go_of_takes_no_memory(kafka):
    memory = kafka.server.memory
    for number in range(10):
        kafka.produce("t", bytes(1_000_000 - 1000), partition=0)
    once = memory.used
    empty = Emulator(clock="virtual", clock_start=START, topics=["t:2"])
    with empty:
        nothing = empty.snapshot()
    full = kafka.snapshot()
    for _ in range(20):
        kafka.restore(nothing)
        kafka.restore(full)
        kafka.produce("t", bytes(900_000), partition=1)
    kafka.restore(nothing)
    kafka.call(memory.settle)
    assert memory.used <= once + 100_000, "the snapshot has it"
    del full
    gc.collect()
    kafka.call(memory.settle)
    assert memory.used < 100_000


def test_a_gigabyte_is_kept_and_comes_back_in_milliseconds():
    """Ten times what it takes on a quiet machine: 0.5 ms and 2 ms, see benchmarks."""
    with Emulator(topics=["t:4"], config={"log.memory.max.bytes": 2 << 30, "message.max.bytes": 20_000_000}) as kafka:
        def fill():
            batch = memoryview(bytearray(build_batch([Record(None, NOW, None, bytes(16_000_000))])))
            for number in range(68):
                log = kafka.server.cluster.partition("t", number % 4).log
                log.append(log.check(bytearray(batch), NOW), 0, NOW)

        kafka.call(fill)
        assert kafka.server.memory.used > 1 << 30
        took = []
        for _ in range(5):
            began = time.perf_counter()
            snapshot = kafka.snapshot()
            kafka.restore(snapshot)
            took.append(time.perf_counter() - began)
        assert min(took) < 0.025
        assert kafka.server.memory.used < 1.1 * (1 << 30)


def test_elections_and_places_go_by_the_seed():
    def history():
        with Emulator(brokers=3, racks="abc", clock="virtual", clock_start=START, seed=5) as kafka:
            told = []
            for number in range(5):
                kafka.create_topic(f"t{number}", 4, replication_factor=3)
            for broker in (1, 2):
                kafka.brokers[broker].kill()
                told.append(described(kafka.brokers[3].address))
                kafka.brokers[broker].start()
                told.append(described(kafka.brokers[3].address))
            return told

    assert history() == history()
