"""Elections, reassignments and brokers let go, in clusters of several brokers."""

import pytest

from emulator.state.cluster import NewTopic, leadership
from emulator.state.cluster.leadership import PREFERRED, UNCLEAN
from emulator.state.metadata import Metadata
from tests.state.cluster.test_cluster import cluster
from wire import errors
from wire.errors import KafkaError


def orders(here, *replicas):
    """A topic of one partition with these replicas, in sync all."""
    [topic] = here.create_topics([NewTopic("orders", -1, -1, ((0, list(replicas)),))])
    return topic.partitions[0]


def refusal(function, *arguments):
    with pytest.raises(KafkaError) as caught:
        function(*arguments)
    return caught.value.error


def test_the_preferred_replica_leads_again():
    here = cluster(3)
    partition = orders(here, 1, 2, 3)
    here.change(partition, leader=2, isr=[2, 3])
    assert refusal(leadership.elect, here, "orders", 0, PREFERRED) == errors.PREFERRED_LEADER_NOT_AVAILABLE
    here.change(partition, isr=[2, 3, 1])
    here.brokers[1].fenced = True
    assert refusal(leadership.elect, here, "orders", 0, PREFERRED) == errors.PREFERRED_LEADER_NOT_AVAILABLE
    here.brokers[1].fenced = False
    epoch = partition.leader_epoch
    leadership.elect(here, "orders", 0, PREFERRED)
    assert (partition.leader, partition.leader_epoch, partition.isr) == (1, epoch + 1, [2, 3, 1])
    assert refusal(leadership.elect, here, "orders", 0, PREFERRED) == errors.ELECTION_NOT_NEEDED


def test_an_unclean_election_takes_whoever_is_there():
    here = cluster(3)
    partition = orders(here, 1, 2, 3)
    assert refusal(leadership.elect, here, "orders", 0, UNCLEAN) == errors.ELECTION_NOT_NEEDED
    here.change(partition, leader=-1, isr=[1])
    for broker in (1, 2, 3):
        here.brokers[broker].fenced = True
    assert refusal(leadership.elect, here, "orders", 0, UNCLEAN) == errors.ELIGIBLE_LEADERS_NOT_AVAILABLE
    here.brokers[3].fenced = False
    leadership.elect(here, "orders", 0, UNCLEAN)
    assert (partition.leader, partition.isr) == (3, [3])


def test_another_order_of_the_same_replicas_is_there_at_once():
    here = cluster(3)
    partition = orders(here, 1, 2)
    leadership.reassign(here, "orders", 0, [2, 1])
    assert (partition.replicas, partition.adding, partition.removing, partition.leader) == ([2, 1], [], [], 1)
    assert leadership.under_way(here) == []


def test_a_new_replica_is_added_until_it_is_in_sync():
    here = cluster(3)
    partition = orders(here, 1, 2)
    leadership.reassign(here, "orders", 0, [3, 2])
    assert (partition.replicas, partition.adding, partition.removing) == ([3, 2, 1], [3], [1])
    assert leadership.under_way(here) == [(partition.topic, [partition])] == leadership.under_way(here, [("orders", [0, 7])])
    assert leadership.under_way(here, [("orders", [1]), ("none", [0])]) == []
    leadership.set_isr(here, partition, [1, 2, 3])
    assert (partition.replicas, partition.isr, partition.adding, partition.removing) == ([3, 2], [2, 3], [], [])
    assert partition.leader == 3  # the leader went with its replica


def test_a_reassignment_under_way_is_called_off():
    here = cluster(3)
    partition = orders(here, 1, 2)
    leadership.reassign(here, "orders", 0, [3])
    leadership.reassign(here, "orders", 0, None)
    assert (partition.replicas, partition.isr, partition.adding, partition.removing) == ([1, 2], [1, 2], [], [])
    assert refusal(leadership.reassign, here, "orders", 0, None) == errors.NO_REASSIGNMENT_IN_PROGRESS


def test_calling_off_may_not_lose_records():
    here = cluster(3)
    partition = orders(here, 1)
    leadership.reassign(here, "orders", 0, [1, 3])
    here.change(partition, isr=[3], leader=3)  # 1 fell behind before 3 was all that is wanted
    assert refusal(leadership.reassign, here, "orders", 0, None) == errors.INVALID_REPLICA_ASSIGNMENT
    here.configs.set_topic("orders", {"unclean.leader.election.enable": "true"})
    leadership.reassign(here, "orders", 0, None)
    assert (partition.replicas, partition.isr, partition.leader) == ([1], [1], 1)


def test_fewer_replicas_must_all_be_in_sync():
    here = cluster(3)
    partition = orders(here, 1, 2, 3)
    here.change(partition, isr=[1, 2])
    leadership.reassign(here, "orders", 0, [2, 3])
    assert (partition.replicas, partition.removing) == ([2, 3, 1], [1])
    leadership.set_isr(here, partition, [1, 2, 3])
    assert (partition.replicas, partition.removing, partition.leader) == ([2, 3], [], 2)


def test_the_replication_factor_stays_where_it_must():
    here = cluster(3)
    orders(here, 1, 2)
    with pytest.raises(KafkaError, match="The replication factor is changed from 2 to 3") as caught:
        leadership.reassign(here, "orders", 0, [1, 2, 3], False)
    assert caught.value.error == errors.INVALID_REPLICATION_FACTOR
    leadership.reassign(here, "orders", 0, [1, 3], False)
    assert refusal(leadership.reassign, here, "orders", 0, [1], False) == errors.INVALID_REPLICATION_FACTOR


def test_a_broker_let_go_leads_nothing():
    here = cluster(3)
    partition = orders(here, 1, 2)
    leadership.unregister(here, 1)
    assert (partition.leader, partition.isr, partition.leader_epoch, list(here.brokers)) == (2, [2], 1, [2, 3])
    leadership.unregister(here, 2)
    assert (partition.leader, partition.isr, partition.elr, partition.last_known_elr) == (-1, [], [2], [2])
    assert refusal(leadership.unregister, here, 2) == errors.BROKER_ID_NOT_REGISTERED


def test_all_of_it_is_there_after_a_restart():
    written = []
    here = cluster(3, metadata=Metadata(written.append))
    orders(here, 1, 2)
    leadership.reassign(here, "orders", 0, [3, 2])
    metadata = Metadata()
    for changes in written:
        metadata.load(changes)
    partition = cluster(3, metadata=metadata).partition("orders", 0)
    assert (partition.replicas, partition.adding, partition.removing, partition.leader) == ([3, 2, 1], [3], [1], 1)


def test_a_broker_that_comes_back_leads_what_only_it_may():
    here = cluster(1)
    partition = orders(here, 1)
    broker = here.brokers[1]
    leadership.unregister(here, 1)
    here.brokers[1] = broker
    leadership.restart(here, {1: False})
    assert partition.leader == 1
