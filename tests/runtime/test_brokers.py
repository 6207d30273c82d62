"""Brokers of one process that are killed, stopped, frozen, split from their clients, and come again."""

import socket

import pytest

from emulator import Emulator
from tests.wire_client import WireClient
from wire import errors
from wire.apis.configs import DescribeConfigs, IncrementalAlterConfigs
from wire.apis.data import Produce
from wire.apis.groups import OffsetCommit, OffsetFetch
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.quorum import DescribeQuorum
from wire.apis.transactions import InitProducerId
from wire.records import Record, build_batch

GROUP = "g"


@pytest.fixture()
def kafka():
    with Emulator(brokers=3, topics=["t:3"], config={"default.replication.factor": 3}, racks="abc") as kafka:
        yield kafka


def address(kafka, broker):
    return kafka.bootstrap.split(",")[broker - 1]


def client(kafka, broker, timeout=10):
    return WireClient(address(kafka, broker), timeout=timeout)


def do(kafka, what, broker):
    kafka.call(getattr(kafka.server.brokers[broker], what))


def ask(kafka, broker, *arguments, **fields):
    with client(kafka, broker) as asking:
        return asking.call(*arguments, **fields)


def leaders(kafka, asked):
    """{partition: leader} as a broker tells."""
    [topic] = ask(kafka, asked, Metadata, 12, topics=[Metadata.Request.Topics(name="t")]).topics
    return {one.partition_index: one.leader_id for one in topic.partitions}


def led_by(kafka, broker):
    return next(index for index, leader in leaders(kafka, broker).items() if leader == broker)


def produce(index, acks=-1):
    data = Produce.Request.TopicData.PartitionData(index=index, records=build_batch([Record(0, 0, None, b"v", ())]))
    return {"acks": acks, "timeout_ms": 5000, "topic_data": [Produce.Request.TopicData(name="t", partition_data=[data])]}


def produced(kafka, broker, index):
    [topic] = ask(kafka, broker, Produce, 9, **produce(index)).responses
    return topic.partition_responses[0].error_code


def test_each_tells_of_all(kafka):
    for asked in (1, 2, 3):
        brokers = ask(kafka, asked, Metadata, 12, topics=[]).brokers
        assert [(one.node_id, f"{one.host}:{one.port}", one.rack) for one in brokers] == [
            (broker, address(kafka, broker), "abc"[broker - 1]) for broker in (1, 2, 3)
        ]
    assert sorted(leaders(kafka, 1).values()) == [1, 2, 3]


def test_only_the_leader_takes_records(kafka):
    index = led_by(kafka, 2)
    assert produced(kafka, 1, index) == produced(kafka, 3, index) == errors.NOT_LEADER_OR_FOLLOWER
    assert produced(kafka, 2, index) == errors.NONE


def test_killed_it_resets_its_connections_and_others_lead(kafka):
    index = led_by(kafka, 2)
    with client(kafka, 2) as asking:
        asking.call(Metadata, 12, topics=[])
        do(kafka, "kill", 2)
        with pytest.raises(ConnectionResetError):
            asking.call(Metadata, 12, topics=[])
    with pytest.raises(ConnectionRefusedError):
        client(kafka, 2)
    leader = leaders(kafka, 1)[index]
    assert leader in (1, 3) and leaders(kafka, 3)[index] == leader
    assert [one.node_id for one in ask(kafka, 1, Metadata, 12, topics=[]).brokers] == [1, 3]
    assert produced(kafka, leader, index) == errors.NONE


def test_started_again_it_serves_where_it_was(kafka):
    index = led_by(kafka, 2)
    assert produced(kafka, 2, index) == errors.NONE
    do(kafka, "kill", 2)
    do(kafka, "start", 2)
    assert [one.node_id for one in ask(kafka, 2, Metadata, 12, topics=[]).brokers] == [1, 2, 3]
    assert leaders(kafka, 2)[index] != 2


def test_who_waits_for_acknowledgement_by_the_killed_one_gets_none(kafka):
    index = led_by(kafka, 2)
    for follower in (1, 3):
        kafka.call(kafka.server.services["replication"].pause, follower)
    with client(kafka, 2) as producer:
        sent = producer.send(Produce, 9, **produce(index))
        with client(kafka, 2) as other:  # which is answered after that has come
            other.call(Metadata, 12, topics=[])
        do(kafka, "kill", 2)
        with pytest.raises(ConnectionError):
            producer.receive(Produce, 9, sent)


def test_stopped_it_hands_over_first(kafka):
    index = led_by(kafka, 2)
    with client(kafka, 2) as asking:
        asking.call(Metadata, 12, topics=[])
        do(kafka, "stop", 2)
        with pytest.raises(ConnectionError):
            asking.call(Metadata, 12, topics=[])
    assert leaders(kafka, 1)[index] in (1, 3)
    do(kafka, "start", 2)
    assert ask(kafka, 2, Metadata, 12, topics=[]).brokers


def test_frozen_it_accepts_and_does_not_answer_until_it_thaws(kafka):
    index = led_by(kafka, 2)
    with client(kafka, 2) as before:
        before.call(Metadata, 12, topics=[])
        do(kafka, "freeze", 2)
        with client(kafka, 2) as after:
            sent = {}
            for asking in (before, after):
                sent[asking] = asking.send(Metadata, 12, topics=[])
                asking.socket.settimeout(0.1)
                with pytest.raises(socket.timeout):
                    asking.socket.recv(1, socket.MSG_PEEK)
                asking.socket.settimeout(10)
            assert leaders(kafka, 1)[index] == 2  # nobody has missed it yet
            do(kafka, "thaw", 2)
            for asking in (before, after):
                assert asking.receive(Metadata, 12, sent[asking]).brokers


def test_frozen_for_too_long_it_leads_no_more():
    config = {"default.replication.factor": 3, "broker.session.timeout.ms": 100}
    with Emulator(brokers=3, topics=["t:3"], config=config) as kafka:
        index = led_by(kafka, 2)
        do(kafka, "freeze", 2)
        while leaders(kafka, 1)[index] == 2:
            pass
        do(kafka, "thaw", 2)
        assert [one.node_id for one in ask(kafka, 2, Metadata, 12, topics=[]).brokers] == [1, 2, 3]


def test_split_from_clients_it_leads_on(kafka):
    index = led_by(kafka, 2)
    with client(kafka, 2) as asking:
        asking.call(Metadata, 12, topics=[])
        do(kafka, "split", 2)
        with pytest.raises(ConnectionResetError):
            asking.call(Metadata, 12, topics=[])
    with pytest.raises(ConnectionRefusedError):
        client(kafka, 2)
    assert leaders(kafka, 1)[index] == 2
    do(kafka, "mend", 2)
    assert produced(kafka, 2, index) == errors.NONE


@pytest.mark.parametrize("what, then", [("kill", "kill"), ("kill", "freeze"), ("stop", "stop"), ("freeze", "start"), ("split", "split")])
def test_what_makes_no_sense_is_refused(kafka, what, then):
    do(kafka, what, 2)
    with pytest.raises(RuntimeError, match="broker 2 is"):
        do(kafka, then, 2)


# -- coordinators --------------------------------------------------------------------------------


def coordinator(kafka, asked, key, kind=0):
    [found] = ask(kafka, asked, FindCoordinator, 4, key_type=kind, coordinator_keys=[key]).coordinators
    return found.node_id


def commit(kafka, broker, offset):
    partition = OffsetCommit.Request.Topics.Partitions(partition_index=0, committed_offset=offset, committed_metadata="")
    topics = [OffsetCommit.Request.Topics(name="t", partitions=[partition])]
    [topic] = ask(kafka, broker, OffsetCommit, 8, group_id=GROUP, generation_id_or_member_epoch=-1, topics=topics).topics
    return topic.partitions[0].error_code


def committed(kafka, broker):
    """The offset, or the error code below 0."""
    groups = [OffsetFetch.Request.Groups(group_id=GROUP, topics=None)]
    [group] = ask(kafka, broker, OffsetFetch, 8, groups=groups).groups
    return -group.error_code if group.error_code else group.topics[0].partitions[0].committed_offset


def others(broker):
    return [one for one in (1, 2, 3) if one != broker]


def test_only_its_coordinator_knows_a_group(kafka):
    at = coordinator(kafka, 1, GROUP)
    assert commit(kafka, at, 7) == errors.NONE and committed(kafka, at) == 7
    for other in others(at):
        assert commit(kafka, other, 8) == errors.NOT_COORDINATOR
        assert committed(kafka, other) == -errors.NOT_COORDINATOR


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_groups_coordinator_moves_and_its_commits_are_there(kafka, end):
    at = coordinator(kafka, 1, GROUP)
    assert commit(kafka, at, 7) == errors.NONE
    do(kafka, end, at)
    asked = others(at)[0]
    now = coordinator(kafka, asked, GROUP)
    assert now != at
    while (found := committed(kafka, now)) == -errors.COORDINATOR_LOAD_IN_PROGRESS:
        pass
    assert found == 7 and commit(kafka, now, 8) == errors.NONE
    do(kafka, "start", at)
    assert committed(kafka, at) == -errors.NOT_COORDINATOR
    do(kafka, "kill", now)
    after = coordinator(kafka, at, GROUP)
    while (found := committed(kafka, after)) == -errors.COORDINATOR_LOAD_IN_PROGRESS:
        pass
    assert found == 8


def test_what_a_coordinator_writes_is_replicated_before_it_answers(kafka):
    at = coordinator(kafka, 1, GROUP)
    for follower in others(at):
        kafka.call(kafka.server.services["replication"].pause, follower)
    with client(kafka, at) as committing:
        partition = OffsetCommit.Request.Topics.Partitions(partition_index=0, committed_offset=1, committed_metadata="")
        topics = [OffsetCommit.Request.Topics(name="t", partitions=[partition])]
        sent = committing.send(OffsetCommit, 8, group_id=GROUP, generation_id_or_member_epoch=-1, topics=topics)
        committing.socket.settimeout(0.1)
        with pytest.raises(socket.timeout):
            committing.socket.recv(1, socket.MSG_PEEK)
        committing.socket.settimeout(10)
        for follower in others(at):
            kafka.call(kafka.server.services["replication"].resume, follower)
        assert committing.receive(OffsetCommit, 8, sent).topics[0].partitions[0].error_code == errors.NONE


def test_a_transactional_id_lives_on_with_another_coordinator(kafka):
    def begin(broker):
        while True:
            answer = ask(kafka, broker, InitProducerId, 4, transactional_id="x", transaction_timeout_ms=60_000, producer_id=-1, producer_epoch=-1)
            if answer.error_code != errors.COORDINATOR_LOAD_IN_PROGRESS:
                return answer

    at = coordinator(kafka, 1, "x", kind=1)
    first = begin(at)
    assert first.error_code == errors.NONE
    assert begin(others(at)[0]).error_code == errors.NOT_COORDINATOR
    do(kafka, "kill", at)
    second = begin(coordinator(kafka, others(at)[0], "x", kind=1))
    assert (second.producer_id, second.producer_epoch) == (first.producer_id, first.producer_epoch + 1)


# -- configs -------------------------------------------------------------------------------------


def described(kafka, broker, kind, name, key):
    resource = DescribeConfigs.Request.Resources(resource_type=kind, resource_name=name, configuration_keys=[key])
    [result] = ask(kafka, broker, DescribeConfigs, 4, resources=[resource]).results
    return result.error_code or result.configs[0].value


def alter(kafka, broker, kind, name, key, value):
    config = IncrementalAlterConfigs.Request.Resources.Configs(name=key, config_operation=0, value=value)
    resource = IncrementalAlterConfigs.Request.Resources(resource_type=kind, resource_name=name, configs=[config])
    [result] = ask(kafka, broker, IncrementalAlterConfigs, 1, resources=[resource]).responses
    return result.error_code


def test_each_broker_has_configs_of_its_own_and_those_of_all(kafka):
    topic, broker, key = 2, 4, "log.retention.ms"
    assert [described(kafka, number, broker, str(number), "node.id") for number in (1, 2, 3)] == ["1", "2", "3"]
    assert described(kafka, 1, broker, "2", "node.id") == errors.INVALID_REQUEST
    assert alter(kafka, 2, broker, "2", key, "5000000") == errors.NONE
    assert [described(kafka, number, broker, str(number), key) for number in (1, 2, 3)] == [None, "5000000", None]
    assert alter(kafka, 3, broker, "", key, "6000000") == errors.NONE
    assert [described(kafka, number, broker, str(number), key) for number in (1, 2, 3)] == ["6000000", "5000000", "6000000"]
    assert alter(kafka, 1, topic, "t", "retention.ms", "77") == errors.NONE
    assert [described(kafka, number, topic, "t", "retention.ms") for number in (1, 2, 3)] == ["77"] * 3


def test_a_log_config_of_one_broker_is_that_of_its_replicas(kafka):
    assert alter(kafka, 2, 4, "2", "log.retention.ms", "77") == errors.NONE
    kafka.call(kafka.server.cluster.create_topic, "later", 1)
    for topic in "t", "later":
        [partition, *_] = kafka.server.cluster.topics[topic].partitions
        assert {broker: log.config.retention_ms == 77 for broker, log in partition.logs.items()} == {1: False, 2: True, 3: False}


def test_the_controller_that_clients_are_told_of_is_one_that_is_up(kafka):
    assert ask(kafka, 2, Metadata, 12, topics=[]).controller_id == 1
    do(kafka, "kill", 1)
    assert ask(kafka, 2, Metadata, 12, topics=[]).controller_id == 2
    do(kafka, "start", 1)
    assert ask(kafka, 2, Metadata, 12, topics=[]).controller_id == 2  # who is it stays it


def test_a_transaction_begins_only_where_enough_replicas_keep_it(kafka):
    at = coordinator(kafka, 1, "x", kind=1)
    for other in others(at):
        do(kafka, "kill", other)
    begin = {"transactional_id": "x", "transaction_timeout_ms": 60_000, "producer_id": -1, "producer_epoch": -1}
    assert ask(kafka, at, InitProducerId, 4, **begin).error_code == errors.COORDINATOR_NOT_AVAILABLE
    do(kafka, "start", others(at)[0])
    while (answer := ask(kafka, at, InitProducerId, 4, **begin)).error_code == errors.COORDINATOR_NOT_AVAILABLE:
        pass
    assert answer.error_code == errors.NONE


@pytest.fixture
def hasty():
    with Emulator(brokers=3, topics=["t"], config={"offsets.commit.timeout.ms": 100}) as kafka:
        yield kafka


def test_what_too_few_brokers_have_is_not_taken_for_committed(hasty):
    kafka = hasty
    Topic = OffsetCommit.Request.Topics
    asked = [Topic(name="t", partitions=[Topic.Partitions(partition_index=0, committed_offset=5)])]

    def committed(broker):
        answer = ask(kafka, broker, OffsetCommit, 8, group_id=GROUP, generation_id_or_member_epoch=-1, member_id="", topics=asked)
        return answer.topics[0].partitions[0].error_code

    coordinator = ask(kafka, 1, FindCoordinator, 4, coordinator_keys=[GROUP]).coordinators[0].node_id
    assert committed(coordinator) == errors.NONE
    Resource = IncrementalAlterConfigs.Request.Resources
    least = Resource.Configs(name="min.insync.replicas", config_operation=0, value="2")
    ask(kafka, 1, IncrementalAlterConfigs, 1, resources=[Resource(resource_type=2, resource_name="__consumer_offsets", configs=[least])])
    for broker in {1, 2, 3} - {coordinator}:
        do(kafka, "stop", broker)
    assert committed(coordinator) == errors.COORDINATOR_NOT_AVAILABLE


def quorum(kafka, asked):
    """(leader, its epoch, {voter: log end offset}) as a broker tells."""
    Topic = DescribeQuorum.Request.Topics
    metadata = [Topic(topic_name="__cluster_metadata", partitions=[Topic.Partitions(partition_index=0)])]
    [told] = ask(kafka, asked, DescribeQuorum, 2, topics=metadata).topics[0].partitions
    return told.leader_id, told.leader_epoch, {voter.replica_id: voter.log_end_offset for voter in told.current_voters}


def test_another_broker_is_the_controller_once_that_is_gone(kafka):
    leader, epoch, voters = quorum(kafka, 2)
    assert (leader, epoch, set(voters)) == (1, 1, {1, 2, 3}) and len(set(voters.values())) == 1
    do(kafka, "kill", 1)
    leader, epoch, voters = quorum(kafka, 2)
    assert (leader, epoch) == (2, 2) and voters[1] < voters[2] == voters[3]
    do(kafka, "start", 1)
    leader, epoch, voters = quorum(kafka, 1)
    assert (leader, epoch) == (2, 2) and voters[1] == voters[2]
