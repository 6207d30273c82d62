"""Topics of a cluster of several brokers: how they come, change and go."""

from random import Random

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.cluster import Broker, Cluster, NewTopic, leadership, uuid_text
from emulator.state.cluster.leadership import PREFERRED, UNCLEAN, elect
from emulator.state.configs import Configs, parse_broker_settings
from emulator.state.metadata import Metadata
from wire import errors
from wire.errors import KafkaError


class Log:
    def __init__(self, topic, index, config, broker_id):
        self.name = f"{topic.name}-{index}"
        self.config = config
        self.closed = False
        self.end_offset = 5
        self.failed = None
        self.epoch_before = 7 if topic.name == "t" and index == 3 else -1

    def delete(self):
        self.closed = True


    def wake(self):
        """Nobody waits."""

    def leader_epoch_at(self, offset):
        assert offset == self.end_offset
        return self.epoch_before

    def begin_epoch(self, epoch):
        self.epoch = epoch


def cluster(brokers=1, seed=1, metadata=None, turns=None, **settings):
    settings = parse_broker_settings({name.replace("_", "."): value for name, value in settings.items()})
    brokers = [Broker(number + 1) for number in range(brokers)]
    return Cluster("id", brokers, Configs(settings, metadata), Log, VirtualClock(), Random(seed), turns)


def test_a_topic_is_found_by_name_by_id_and_by_partition():
    here = cluster(3)
    topic = here.create_topic("orders", 2, 3)
    assert here.topics["orders"] is topic is here.topics_by_id[topic.topic_id]
    assert here.partition("orders", 1) is topic.partitions[1]
    assert here.partition("orders", 1).log.name == "orders-1"
    assert [here.partition(*missing) for missing in (("orders", 2), ("orders", -1), ("none", 0))] == [None] * 3
    for partition in topic.partitions:
        assert partition.leader == partition.isr[0] == partition.replicas[0] and sorted(partition.replicas) == [1, 2, 3]


def test_ids_are_kafkas():
    here = cluster()
    texts = [uuid_text(here.create_topic(f"t{number}").topic_id) for number in range(300)]
    assert len(set(texts)) == 300 and {len(text) for text in texts} == {22}
    assert not any(text.startswith("-") for text in texts)
    assert texts == [uuid_text(topic.topic_id) for topic in _created_again(300)]  # the same seed, the same ids


def _created_again(count):
    here = cluster()
    return [here.create_topic(f"t{number}") for number in range(count)]


def test_defaults_are_the_clusters():
    topic = cluster(3, num_partitions=4, default_replication_factor=2).create_topic("orders")
    assert (len(topic.partitions), topic.replication_factor) == (4, 2)


def test_one_bad_topic_does_not_keep_the_others():
    here = cluster()
    good, bad = here.create_topics([NewTopic("good"), NewTopic("bad", configs=[("foo", "1")])])
    assert (list(here.topics), good.name) == (["good"], "good")
    assert (bad.error, bad.message) == (errors.INVALID_CONFIG, "Unknown topic config name: foo")


def test_fenced_brokers_are_not_in_sync_and_do_not_lead():
    here = cluster(3)
    here.brokers[2].fenced = True
    for partition in here.create_topic("orders", 20, 3).partitions:
        assert sorted(partition.replicas) == [1, 2, 3] and sorted(partition.isr) == [1, 3] and partition.leader != 2
    (refused,) = here.create_topics([NewTopic("manual", assignments=[(0, [2])])])
    assert refused.message == "All brokers specified in the manual partition assignment for partition 0 are fenced or in controlled shutdown."
    for broker in here.brokers.values():
        broker.fenced = True
    (refused,) = here.create_topics([NewTopic("none")])
    assert refused.message == "Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have all their log directories cordoned."


def test_manual_assignments_have_one_replication_factor():
    (refused,) = cluster(3).create_topics([NewTopic("manual", assignments=[(0, [1, 2]), (1, [3])])])
    assert (refused.error, refused.message) == (
        errors.INVALID_REPLICA_ASSIGNMENT,
        "The manual partition assignment includes a partition with 1 replica(s), but this is not consistent with previous partitions,"
        " which have 2 replica(s).",
    )


def test_new_partitions_have_the_topics_replication_factor():
    here = cluster(3)
    topic = here.create_topic("orders", 1, 2)
    here.create_partitions("orders", 3)
    assert [(partition.index, len(partition.replicas)) for partition in topic.partitions] == [(0, 2), (1, 2), (2, 2)]
    with pytest.raises(KafkaError) as refusal:
        here.create_partitions("orders", 20_000)
    assert (refusal.value.error, len(topic.partitions)) == (errors.UNKNOWN_SERVER_ERROR, 3)


def test_a_deleted_topic_leaves_nothing_behind():
    here, gone = cluster(), []
    here.on_delete.append(gone.append)
    topic = here.create_topic("a.b", 2, configs={"retention.ms": "5"})
    assert here.topics["a.b"].partitions[0].log.config.retention_ms == 5
    here.delete_topic(topic.topic_id)
    assert gone == [topic] and all(partition.log.closed for partition in topic.partitions)
    assert not here.topics and not here.topics_by_id and here.collision("a_b") is None
    again = here.create_topic("a.b")
    assert again.topic_id != topic.topic_id and again.partitions[0].log.config.retention_ms == 604_800_000
    with pytest.raises(KafkaError) as refusal:
        here.delete_topic(topic.topic_id)
    assert refusal.value.error == errors.UNKNOWN_TOPIC_ID


def test_logs_hold_the_config_that_holds():
    here = cluster()
    logs = [partition.log for name in ("a", "b") for partition in here.create_topic(name).partitions]
    here.configs.set_topic("a", {"max.message.bytes": "7"})
    assert [log.config.max_message_bytes for log in logs] == [7, 1_048_588]
    here.configs.set_dynamic(True, {"message.max.bytes": "9"})
    assert [log.config.max_message_bytes for log in logs] == [7, 9]


def test_the_topic_of_committed_offsets_is_made_when_needed():
    here = cluster(offsets_topic_num_partitions=5)
    topic = here.ensure_internal_topic("__consumer_offsets")
    assert here.ensure_internal_topic("__consumer_offsets") is topic
    assert (topic.internal, len(topic.partitions)) == (True, 5)
    config = here.configs.topic("__consumer_offsets")
    assert (config.cleanup_policy, config.segment_bytes, config.compression_type) == (("compact",), 104_857_600, "producer")
    with pytest.raises(KafkaError) as refusal:
        cluster(offsets_topic_replication_factor=3).ensure_internal_topic("__consumer_offsets")
    assert refusal.value.error == errors.INVALID_REPLICATION_FACTOR


def test_every_change_moves_the_metadata_on():
    here, offsets = cluster(), []
    for change in (
        lambda: here.create_topic("a"),
        lambda: here.create_partitions("a", 2),
        lambda: here.configs.set_topic("a", {"retention.ms": "5"}),
        lambda: here.delete_topic(here.topics["a"].topic_id),
    ):
        change()
        offsets.append(here.metadata_offset)
    assert offsets == sorted(set(offsets))


# -- what outlives the process -----------------------------------------------------------------------------


class Journal:
    """Keeps all changes; `again()` is Metadata as after a restart."""

    def __init__(self):
        self.written = []
        self.full = False

    def __call__(self, changes):
        if self.full:
            raise KafkaError(errors.KAFKA_STORAGE_ERROR)
        self.written += changes

    def again(self):
        metadata = Metadata(self)
        metadata.load(self.written)
        return metadata


def shown(here):
    return {
        name: (topic.topic_id, topic.internal, [(p.replicas, p.isr, p.leader, p.leader_epoch, p.partition_epoch) for p in topic.partitions])
        for name, topic in here.topics.items()
    }


def test_topics_and_configs_are_there_again():
    journal = Journal()
    before = cluster(3, metadata=journal.again())
    before.create_topic("orders.new", 2, 3, {"retention.ms": "5"})
    before.ensure_internal_topic("__consumer_offsets")
    before.delete_topic(before.create_topic("gone", configs={"retention.ms": "7"}).topic_id)
    before.create_partitions("orders.new", 12)
    before.configs.set_group("g", {"share.isolation.level": "read_committed"})
    before.configs.set_dynamic(True, {"log.retention.ms": "99"})
    before.change(before.partition("orders.new", 11), leader=-1, isr=[])
    after = cluster(3, metadata=journal.again())
    assert shown(after) == shown(before) and list(after.topics) == ["orders.new", "__consumer_offsets"]
    assert [p.log.name for p in after.topics["orders.new"].partitions[:2]] == ["orders.new-0", "orders.new-1"]
    assert after.partition("orders.new", 11).partition_epoch == 1
    assert after.partition("orders.new", 0).log.config.retention_ms == 5
    assert after.configs.topic("other").retention_ms == 99 and after.configs.group("g").share_isolation_level == "read_committed"
    assert "gone" not in after.configs.topics
    assert after.collision("orders_new") == "orders.new"
    assert after.metadata_offset == before.metadata_offset == len(journal.written)


def test_a_restarted_broker_leads_in_a_later_epoch():
    """As seen with Kafka 4.3.1: one epoch without a leader, and the next with it."""
    here = cluster()
    here.create_topic("t", 2)
    leadership.restart(here, {1: True})
    assert {(p.leader_epoch, p.partition_epoch, p.log.epoch) for p in here.topics["t"].partitions} == {(2, 2, 2)}
    here.change(here.partition("t", 0), leader=-1)
    leadership.restart(here, {1: True})
    assert [(p.leader_epoch, p.partition_epoch) for p in here.topics["t"].partitions] == [(3, 5), (4, 4)]


def test_what_the_journal_cannot_keep_has_not_been():
    journal = Journal()
    here = cluster(metadata=journal.again())
    there = here.create_topic("there", 1)
    journal.full = True
    for change in (
        lambda: here.create_topic("t", configs={"retention.ms": "5"}),
        lambda: here.delete_topic(there.topic_id),
        lambda: here.create_partitions("there", 2),
        lambda: here.configs.set_topic("there", {"retention.ms": "5"}),
        lambda: here.configs.set_dynamic(False, {"log.retention.ms": "5"}),
    ):
        with pytest.raises(KafkaError):
            change()
    assert list(here.topics) == ["there"] == [here.topics_by_id[there.topic_id].name]
    assert len(there.partitions) == 1 and here.configs.topic("there").retention_ms == 604_800_000
    assert shown(cluster(metadata=journal.again())) == shown(here)


def test_a_topic_whose_logs_came_from_elsewhere_keeps_its_id():
    here = cluster(2)
    topic = here.adopt_topic("t", bytes(range(16)), [0, 3], {"retention.ms": "5"})
    assert (topic.topic_id, len(topic.partitions)) == (bytes(range(16)), 4)
    assert {(tuple(p.replicas), tuple(p.isr), p.leader) for p in topic.partitions} == {((1,), (1,), 1)}
    assert [p.leader_epoch for p in topic.partitions] == [0, 0, 0, 7]  # no batch may follow in an earlier one
    assert here.configs.topic("t").retention_ms == 5
    with pytest.raises(KafkaError):
        here.adopt_topic("t", bytes(16), [0], {})


def test_a_broker_does_not_lead_what_its_disk_has_lost():
    """As seen with Kafka 4.3.1: LEADER_NOT_AVAILABLE in the next epoch, and no election brings it back before a restart does."""
    here = cluster()
    there, lost = here.create_topic("t", 2).partitions
    lost.log.failed = "the disk is full"
    leadership.log_failed(here, lost, 1)
    leadership.log_failed(here, lost, 1)
    assert [(p.leader, p.leader_epoch, p.isr) for p in (there, lost)] == [(1, 0, [1]), (-1, 1, [])]
    for kind in (PREFERRED, UNCLEAN):
        with pytest.raises(KafkaError):
            elect(here, "t", 1, kind)
    leadership.restart(here, {1: False})
    assert [(p.leader, p.leader_epoch) for p in (there, lost)] == [(1, 2), (-1, 1)]
    lost.log.failed = None
    leadership.restart(here, {1: False})
    assert [(p.leader, p.leader_epoch) for p in (there, lost)] == [(1, 4), (1, 2)]


def test_others_have_their_turn_while_many_logs_are_made():
    seen = []

    def turn():
        seen.append([part.log is not None for part in made.partitions] if (made := here.topics.get("t.a")) else "not there")
        with pytest.raises(KafkaError, match="already exists"):
            here.create_topic("t.a")
        with pytest.raises(KafkaError, match="collides"):
            here.create_topic("t_a")

    here = cluster(turns=lambda: turn)
    new = NewTopic("t.a", 3, 1)
    (topic,) = here.create_topics([new], in_turns=True)
    assert seen == ["not there"] * 3 and here.topics["t.a"] is topic
    assert all(partition.log for partition in topic.partitions)


def test_a_topic_is_whole_though_its_client_went_in_the_middle():
    class Gone(BaseException):
        """As GreenletExit is."""

    def turn():
        raise Gone

    here = cluster(turns=lambda: turn)
    with pytest.raises(Gone):
        here.create_topics([NewTopic("t", 3, 1)], in_turns=True)
    assert all(partition.log for partition in here.topics["t"].partitions)
    here.delete_topic(here.topics["t"].topic_id)


def growing(meanwhile, brokers=1):
    """A cluster whose topic "t" grows from 2 to 5 partitions; `meanwhile(cluster)` is called once, after the first log."""
    calls = []

    def turn():
        calls.append(1)
        if len(calls) == 1:
            meanwhile(here)

    here = cluster(brokers, turns=lambda: turn)
    here.create_topic("t", 2, min(brokers, 2))
    here.create_partitions("t", 5, in_turns=True)
    return here


def test_a_growing_topic_shows_its_new_partitions_at_once():
    seen = []
    here = growing(lambda here: seen.append(len(here.topics["t"].partitions)))
    assert seen == [2]
    assert [partition.index for partition in here.topics["t"].partitions] == [0, 1, 2, 3, 4]
    assert all(partition.log for partition in here.topics["t"].partitions)


def test_a_growing_topic_that_is_deleted_leaves_nothing():
    here = growing(lambda here: here.delete_topic(here.topics["t"].topic_id))
    assert not here.topics and not here.opening
    assert not list(here._partition_table.items())


def test_a_growing_topic_grows_on_from_what_it_will_be():
    here = growing(lambda here: here.create_partitions("t", 7))
    assert [partition.index for partition in here.topics["t"].partitions] == list(range(7))


def test_a_growing_topic_gets_the_config_that_changed_meanwhile():
    here = growing(lambda here: here.configs.set_topic("t", {"retention.ms": "77"}))
    assert {partition.log.config.retention_ms for partition in here.topics["t"].partitions} == {77}


def test_a_broker_that_goes_leads_no_new_partition_either():
    here = growing(lambda here: leadership.fence(here, 1), brokers=3)
    assert {partition.leader for partition in here.topics["t"].partitions if partition.replicas != [1]} <= {2, 3}
    assert all(1 not in partition.isr for partition in here.topics["t"].partitions if partition.replicas != [1])
