"""Three brokers and their clients, over sockets: who answers what about a partition, and whom others are sent to."""

import threading

import pytest

from emulator import Emulator
from emulator.state.cluster import leadership
from tests.api.test_data import batch, fetch_request, produce, produce_request, until, values
from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import DeleteRecords, Fetch, ListOffsets, OffsetForLeaderEpoch, Produce
from wire.apis.metadata import DescribeTopicPartitions, Metadata
from wire.apis.topics import CreateTopics
from wire.apis.transactions import DescribeProducers

RACKS = ("a", "b", "c")
CONFIG = {"replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector", "replica.lag.time.max.ms": "400", "replica.fetch.wait.max.ms": "100"}


@pytest.fixture(scope="module")
def kafka():
    with Emulator(brokers=3, racks=RACKS, config=CONFIG) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def clients(kafka):
    """{broker id: a client of that one}"""
    addresses = kafka.bootstrap.split(",")
    clients = {number + 1: WireClient(address) for number, address in enumerate(addresses)}
    yield clients
    for client in clients.values():
        client.socket.close()


@pytest.fixture
def topic(clients, fresh):
    return create(clients, fresh("led"))


def create(clients, name, replicas=(1, 2, 3), **configs):
    """A topic of one partition with these replicas, the leader first."""
    Topic = CreateTopics.Request.Topics
    asked = Topic(
        name=name, num_partitions=-1, replication_factor=-1, assignments=[Topic.Assignments(partition_index=0, broker_ids=list(replicas))],
        configs=[Topic.Configs(name=key.replace("_", "."), value=str(value)) for key, value in configs.items()],
    )  # fmt: skip
    (made,) = clients[1].call(CreateTopics, 7, topics=[asked], timeout_ms=5000).topics
    assert made.error_code == errors.NONE, made
    return name


def replication(kafka, what, *arguments):
    service = kafka.call(lambda: kafka.server.services["replication"])
    return kafka.call(getattr(service, what), *arguments)


def raw_fetch(client, topic, offset, version=12, **options):
    answer = client.call(Fetch, version, **fetch_request(topic, offset, **options))
    return answer, answer.responses[0].partitions[0]


def test_the_others_send_a_producer_to_the_leader(clients, topic):
    answer = clients[2].call(Produce, 12, **produce_request(topic, batch(b"x")))
    (refused,) = answer.responses[0].partition_responses
    assert (refused.error_code, refused.base_offset) == (errors.NOT_LEADER_OR_FOLLOWER, -1)
    assert (refused.current_leader.leader_id, refused.current_leader.leader_epoch) == (1, 0)
    (node,) = answer.node_endpoints
    host, port = clients[1].socket.getpeername()[:2]
    assert (node.node_id, node.host, node.port, node.rack) == (1, host, port, "a")
    older = clients[2].call(Produce, 9, **produce_request(topic, batch(b"x")))
    assert older.responses[0].partition_responses[0].error_code == errors.NOT_LEADER_OR_FOLLOWER and not older.node_endpoints
    assert produce(clients[1], topic, batch(b"x")).base_offset == 0


def test_a_consumer_reads_from_a_follower_if_it_can_say_where_it_is(clients, topic):
    produce(clients[1], topic, batch(b"x"))
    until(lambda: values(raw_fetch(clients[3], topic, 0)[1]) == [b"x"])
    old, refused = raw_fetch(clients[3], topic, 0, version=10)
    assert refused.error_code == errors.NOT_LEADER_OR_FOLLOWER
    answer, fenced = raw_fetch(clients[3], topic, 0, version=12, leader_epoch=5)
    assert fenced.error_code == errors.UNKNOWN_LEADER_EPOCH


def test_who_has_no_replica_names_the_leader(clients, fresh):
    name = create(clients, fresh("led"), (1, 2))
    (described,) = clients[3].call(DescribeTopicPartitions, 0, topics=[DescribeTopicPartitions.Request.Topics(name=name)]).topics
    topic_id = described.topic_id
    request = fetch_request("", 0)
    request["topics"][0].topic_id = topic_id
    answer = clients[3].call(Fetch, 17, **request)
    (refused,) = answer.responses[0].partitions
    assert (refused.error_code, refused.current_leader.leader_id) == (errors.NOT_LEADER_OR_FOLLOWER, 1)
    assert [node.node_id for node in answer.node_endpoints] == [1]


def test_the_leader_names_the_replica_of_the_clients_rack(clients, topic):
    produce(clients[1], topic, batch(b"x"))
    def preferred(rack):
        answer = raw_fetch(clients[1], topic, 0, version=12, rack_id=rack)[1]
        return answer.preferred_read_replica, values(answer)

    assert [preferred(rack) for rack in RACKS] == [(-1, [b"x"]), (2, []), (3, [])]
    assert preferred("") == preferred("elsewhere") == (-1, [b"x"])


def test_only_the_leader_knows_offsets(clients, topic):
    Asked = ListOffsets.Request.Topics.Partitions
    asked = [ListOffsets.Request.Topics(name=topic, partitions=[Asked(partition_index=0, timestamp=-1)])]
    assert clients[1].call(ListOffsets, 7, topics=asked).topics[0].partitions[0].error_code == errors.NONE
    assert clients[2].call(ListOffsets, 7, topics=asked).topics[0].partitions[0].error_code == errors.NOT_LEADER_OR_FOLLOWER
    assert clients[2].call(ListOffsets, 7, replica_id=-2, topics=asked).topics[0].partitions[0].error_code == errors.NONE  # to look for faults
    Epoch = OffsetForLeaderEpoch.Request.Topics
    asked = [Epoch(topic=topic, partitions=[Epoch.Partitions(partition=0, leader_epoch=0)])]
    assert clients[2].call(OffsetForLeaderEpoch, 4, topics=asked).topics[0].partitions[0].error_code == errors.NOT_LEADER_OR_FOLLOWER


def test_followers_tell_the_producers_that_they_know_of(clients, fresh):
    name = create(clients, fresh("led"), (1, 2))
    produce(clients[1], name, batch(b"x", producer_id=5, producer_epoch=0, base_sequence=0))

    def described(broker):
        (found,) = clients[broker].call(DescribeProducers, 0, topics=[DescribeProducers.Request.Topics(name=name, partition_indexes=[0])]).topics[0].partitions
        return found.error_code, [producer.producer_id for producer in found.active_producers]

    assert [described(broker) for broker in (1, 2, 3)] == [(errors.NONE, [5]), (errors.NONE, [5]), (errors.NOT_LEADER_OR_FOLLOWER, [])]


def test_records_are_deleted_once_all_have_let_go_of_them(kafka, clients, topic):
    produce(clients[1], topic, batch(b"a", b"b"))
    Topic = DeleteRecords.Request.Topics
    asked = [Topic(name=topic, partitions=[Topic.Partitions(partition_index=0, offset=1)])]
    (done,) = clients[1].call(DeleteRecords, 2, topics=asked, timeout_ms=5000).topics[0].partitions
    assert (done.error_code, done.low_watermark) == (errors.NONE, 1)
    assert kafka.call(lambda: [log.log_start_offset for log in kafka.server.cluster.partition(topic, 0).logs.values()]) == [1, 1, 1]
    (refused,) = clients[2].call(DeleteRecords, 2, topics=asked, timeout_ms=5000).topics[0].partitions
    assert refused.error_code == errors.NOT_LEADER_OR_FOLLOWER


@pytest.fixture
def stopped(kafka):
    """stopped(broker): its fetches stop, until the test is over."""
    paused = []

    def stop(broker):
        paused.append(broker)
        replication(kafka, "pause", broker)

    yield stop
    for broker in paused:
        replication(kafka, "resume", broker)


def isr(client, topic):
    return client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=topic)]).topics[0].partitions[0].isr_nodes


def test_acks_all_waits_for_a_follower_that_has_stopped_until_it_is_out_of_sync(clients, topic, stopped):
    stopped(3)
    assert produce(clients[1], topic, batch(b"leader"), acks=1).error_code == errors.NONE
    assert values(raw_fetch(clients[1], topic, 0)[1]) == []  # not everybody has it yet
    assert produce(clients[1], topic, batch(b"all"), acks=-1).base_offset == 1
    assert isr(clients[2], topic) == [1, 2]
    assert values(raw_fetch(clients[1], topic, 0)[1]) == [b"leader", b"all"]


def test_too_few_in_sync(clients, fresh, stopped):
    name = create(clients, fresh("led"), min_insync_replicas=3)
    stopped(3)
    late = produce(clients[1], name, batch(b"x"), acks=-1)
    # The high watermark does not move with too few in sync, so what was appended in time waits for its time-out.
    assert late.error_code in (errors.REQUEST_TIMED_OUT, errors.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
    until(lambda: isr(clients[1], name) == [1, 2])
    assert produce(clients[1], name, batch(b"x"), acks=-1).error_code == errors.NOT_ENOUGH_REPLICAS
    assert produce(clients[1], name, batch(b"x"), acks=1).error_code == errors.NONE


def test_a_long_poll_and_a_producer_that_waits_learn_of_a_new_leader(kafka, clients, topic, stopped, monkeypatch):
    monkeypatch.setattr(kafka.server.services["replication"], "longest_lag_ms", 60_000)  # they stay in sync throughout
    stopped(2)
    stopped(3)
    answers = {}

    def poll(version):
        with WireClient(kafka.bootstrap.split(",")[0]) as client:
            answers["fetch"] = raw_fetch(client, topic, 0, version, max_wait_ms=9000)[1].error_code

    def send():
        with WireClient(kafka.bootstrap.split(",")[0]) as client:
            answers["produce"] = produce(client, topic, batch(b"x"), acks=-1).error_code

    waiting = [threading.Thread(target=poll, args=(10,)), threading.Thread(target=send)]
    for thread in waiting:
        thread.start()
    log = kafka.call(lambda: kafka.server.cluster.partition(topic, 0).log)
    until(lambda: len(log._waiters) == 2 and log.end_offset == 1)
    cluster = kafka.server.cluster
    kafka.call(leadership.reassign, cluster, topic, 0, [2, 3, 1])
    kafka.call(leadership.elect, cluster, topic, 0, leadership.PREFERRED)
    for thread in waiting:
        thread.join(8)
    assert answers == {"fetch": errors.NOT_LEADER_OR_FOLLOWER, "produce": errors.NOT_LEADER_OR_FOLLOWER}
