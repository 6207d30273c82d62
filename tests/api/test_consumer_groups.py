"""Consumer groups (KIP-848) request by request; what is expected here is what Kafka 4.3.1 answers."""

import time

import pytest

from wire import errors
from wire.apis.configs import DescribeConfigs, IncrementalAlterConfigs
from wire.apis.consumer_groups import ConsumerGroupDescribe, ConsumerGroupHeartbeat
from wire.apis.groups import (
    DeleteGroups, DescribeGroups, Heartbeat, JoinGroup, LeaveGroup, ListGroups, OffsetCommit, OffsetDelete, OffsetFetch, SyncGroup,
)
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.topics import CreatePartitions, CreateTopics, DeleteTopics
from wire.internal import ConsumerAssignment, ConsumerSubscription

Owned = ConsumerGroupHeartbeat.Request.TopicPartitions
NOT_YET = (errors.COORDINATOR_LOAD_IN_PROGRESS, errors.COORDINATOR_NOT_AVAILABLE, errors.NOT_COORDINATOR)


class Group:
    """A group of a fresh name and what its members say."""

    def __init__(self, client, group_id):
        self.client = client
        self.id = group_id
        until(lambda: self.beat("nobody", -1).error_code not in NOT_YET and self.coordinator())

    def coordinator(self):
        found = self.client.call(FindCoordinator, 4, key_type=0, coordinator_keys=[self.id])
        return found.coordinators[0].error_code == errors.NONE

    def beat(self, member, epoch, version=1, **fields):
        if self.client.call(FindCoordinator, 4, key_type=0, coordinator_keys=[self.id]).coordinators[0].error_code:
            time.sleep(0.05)
        return self.client.call(
            ConsumerGroupHeartbeat, version, group_id=self.id, member_id=member, member_epoch=epoch, **fields
        )

    def join(self, member, *topics, regex=None, **fields):
        fields = {"rebalance_timeout_ms": 10_000, "topic_partitions": [], **fields}
        names = list(topics) if topics or regex is None else None
        return self.beat(member, 0, subscribed_topic_names=names, subscribed_topic_regex=regex, **fields)

    def describe(self, version=1):
        return self.client.call(ConsumerGroupDescribe, version, group_ids=[self.id]).groups[0]

    def join_classic(self, member="", topics=(), version=9, instance=None, protocol="range", owned=(), **fields):
        owned_partitions = [
            ConsumerSubscription.Record.OwnedPartitions(topic=topic, partitions=partitions) for topic, partitions in owned
        ]
        metadata = ConsumerSubscription.build_from(3, topics=list(topics), owned_partitions=owned_partitions)
        fields = {"session_timeout_ms": 30_000, "rebalance_timeout_ms": 10_000, "protocol_type": "consumer", **fields}
        return self.client.call(
            JoinGroup, version, group_id=self.id, member_id=member, group_instance_id=instance,
            protocols=[JoinGroup.Request.Protocols(name=protocol, metadata=metadata)], **fields,
        )

    def sync_classic(self, member, generation, assignments=()):
        assignments = [SyncGroup.Request.Assignments(member_id=m, assignment=bytes(a)) for m, a in assignments]
        return self.client.call(
            SyncGroup, 5, group_id=self.id, member_id=member, generation_id=generation, protocol_type="consumer",
            protocol_name="range", assignments=assignments,
        )

    def beat_classic(self, member, generation):
        return self.client.call(Heartbeat, 4, group_id=self.id, member_id=member, generation_id=generation).error_code

    def listed(self):
        groups = self.client.call(ListGroups, 5).groups
        [found] = [(g.group_type, g.group_state, g.protocol_type) for g in groups if g.group_id == self.id]
        return found


def until(condition):
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


@pytest.fixture
def group(client, fresh):
    return Group(client, fresh("group"))


@pytest.fixture
def topic(client, fresh):
    """topic(partitions) -> (name, id) of a new one."""

    def make(partitions=1, name=None):
        name = name or fresh("topic")
        Topic = CreateTopics.Request.Topics
        client.call(CreateTopics, 7, topics=[Topic(name=name, num_partitions=partitions, replication_factor=1)], timeout_ms=5000)
        until(lambda: metadata(client, name).error_code == errors.NONE)
        topic_id = metadata(client, name).topic_id
        # Kafka's coordinator hears of a topic a moment later; one of a fresh name tells when.
        until(lambda: told(Group(client, fresh("probe")).join("probe", name))[2] == {topic_id: list(range(partitions))})
        return name, topic_id

    return make


def metadata(client, name):
    return client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=name)]).topics[0]


def told(answer):
    """(error, epoch, {topic_id: partitions} or None) of an answer."""
    assignment = answer.assignment
    if assignment is not None:
        assignment = {each.topic_id: sorted(each.partitions) for each in assignment.topic_partitions}
    return answer.error_code, answer.member_epoch, assignment


def next_target():
    """A target is made at most once a second (group.consumer.assignment.interval.ms)."""
    time.sleep(1.05)


# -- one member --------------------------------------------------------------------------------------------


def test_a_member_joins_and_gets_everything(group, topic):
    name, topic_id = topic(3)
    answer = group.join("a", name)
    assert told(answer) == (errors.NONE, 2, {topic_id: [0, 1, 2]})
    assert (answer.member_id, answer.heartbeat_interval_ms, answer.error_message) == ("a", 5000, None)
    assert told(group.beat("a", 2)) == (errors.NONE, 2, None)
    assert group.listed() == ("consumer", "Stable", "consumer")


def test_a_full_heartbeat_is_told_its_assignment_again(group, topic):
    name, topic_id = topic(1)
    group.join("a", name)
    owned = [Owned(topic_id=topic_id, partitions=[0])]
    again = group.beat("a", 2, rebalance_timeout_ms=10_000, subscribed_topic_names=[name], topic_partitions=owned)
    assert told(again) == (errors.NONE, 2, {topic_id: [0]})


def test_before_v1_the_group_gives_out_member_ids(group, topic):
    name, _ = topic(1)
    fields = dict(rebalance_timeout_ms=1000, subscribed_topic_names=[name], topic_partitions=[])
    answer = group.beat("", 0, version=0, **fields)
    assert answer.error_code == errors.NONE and len(answer.member_id) == 22
    assert group.beat("", 1, version=0).error_code == errors.INVALID_REQUEST


@pytest.mark.parametrize("epoch, fields, error, message", [
    (0, {}, errors.INVALID_REQUEST, "RebalanceTimeoutMs must be provided in first request."),
    (0, dict(rebalance_timeout_ms=1), errors.INVALID_REQUEST, "TopicPartitions must be empty when (re-)joining."),
    (0, dict(rebalance_timeout_ms=1, topic_partitions=[Owned(topic_id=bytes(16), partitions=[0])]),
     errors.INVALID_REQUEST, "TopicPartitions must be empty when (re-)joining."),
    (0, dict(rebalance_timeout_ms=1, topic_partitions=[]), errors.INVALID_REQUEST,
     "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining."),
    (0, dict(rebalance_timeout_ms=1, topic_partitions=[], subscribed_topic_names=[], server_assignor="mine"),
     errors.UNSUPPORTED_ASSIGNOR, "ServerAssignor mine is not supported. Supported assignors: uniform, range."),
    (0, dict(rebalance_timeout_ms=1, topic_partitions=[], subscribed_topic_regex="[a"), errors.INVALID_REGULAR_EXPRESSION,
     "SubscribedTopicRegex `[a` is not a valid regular expression: missing closing ]."),
    (-2, {}, errors.INVALID_REQUEST, "InstanceId can't be null."),
    (-3, {}, errors.INVALID_REQUEST, "MemberEpoch is invalid."),
    (1, dict(instance_id=" "), errors.INVALID_REQUEST, "InstanceId can't be empty."),
    (1, dict(rack_id=""), errors.INVALID_REQUEST, "RackId can't be empty."),
    (1, {}, errors.GROUP_ID_NOT_FOUND, "Consumer group {} not found."),
    (-1, {}, errors.GROUP_ID_NOT_FOUND, "Group {} not found."),
])
def test_a_heartbeat_that_is_wrong_in_itself(group, epoch, fields, error, message):
    answer = group.beat("a", epoch, **fields)
    assert (answer.error_code, answer.error_message) == (error, message.format(group.id))
    assert (answer.member_id, answer.member_epoch, answer.heartbeat_interval_ms) == (None, 0, 0)
    assert group.describe().error_code == errors.GROUP_ID_NOT_FOUND


def test_strangers_and_those_out_of_step_are_fenced(group, topic):
    name, topic_id = topic(1)
    group.join("a", name)
    ahead = group.beat("a", 3)
    assert (ahead.error_code, ahead.error_message) == (
        errors.FENCED_MEMBER_EPOCH,
        "The consumer group member has a greater member epoch (3) than the one known by the group coordinator (2). The"
        " member must abandon all its partitions and rejoin.",
    )
    assert group.beat("a", 1).error_code == errors.FENCED_MEMBER_EPOCH
    stranger = group.beat("b", 2)
    assert (stranger.error_code, stranger.error_message) == (
        errors.UNKNOWN_MEMBER_ID, f"Member b is not a member of group {group.id}."
    )
    assert told(group.join("a", name)) == (errors.NONE, 2, {topic_id: [0]})  # fenced ones begin anew


def test_a_lost_answer_may_be_asked_for_again(group, topic):
    name, topic_id = topic(1)
    group.join("a", name)
    owned = [Owned(topic_id=topic_id, partitions=[0])]
    fields = dict(rebalance_timeout_ms=10_000, subscribed_topic_names=[name])
    assert told(group.beat("a", 0, topic_partitions=[], **fields)) == (errors.NONE, 2, {topic_id: [0]})
    next_target()
    group.join("b", name)
    answer = group.beat("a", 2, topic_partitions=owned, **fields)
    assert answer.error_code == errors.NONE


# -- two share -----------------------------------------------------------------------------------------------


def test_two_members_share_and_one_leaves(group, topic):
    name, topic_id = topic(4)
    group.join("a", name)
    next_target()
    assert told(group.join("b", name)) == (errors.NONE, 3, {})  # what it shall have is with a
    assert group.describe().group_state == "Reconciling"
    error, epoch, left = told(group.beat("a", 2))
    assert (error, epoch, len(left[topic_id])) == (errors.NONE, 2, 2)  # to be given up first
    assert told(group.beat("a", 2)) == (errors.NONE, 2, None)
    assert told(group.beat("b", 3)) == (errors.NONE, 3, None)
    partitions = left[topic_id]
    assert told(group.beat("a", 2, topic_partitions=[Owned(topic_id=topic_id, partitions=partitions)])) == (errors.NONE, 3, None)
    others = sorted({0, 1, 2, 3} - set(partitions))
    assert told(group.beat("b", 3)) == (errors.NONE, 3, {topic_id: others})
    assert group.describe().group_state == "Stable"
    next_target()
    assert told(group.beat("b", -1)) == (errors.NONE, -1, None)
    assert told(group.beat("a", 3)) == (errors.NONE, 4, {topic_id: [0, 1, 2, 3]})
    assert told(group.beat("a", -1)) == (errors.NONE, -1, None)
    described = group.describe()
    assert (described.group_state, described.group_epoch, described.members) == ("Empty", 5, [])
    assert group.listed() == ("consumer", "Empty", "consumer")


def test_a_target_is_made_once_a_second(group, topic):
    name, topic_id = topic(2)
    group.join("a", name)
    assert told(group.join("b", name)) == (errors.NONE, 2, {})
    described = group.describe()
    assert (described.group_state, described.group_epoch, described.assignment_epoch) == ("Assigning", 3, 2)
    next_target()
    assert told(group.beat("b", 2)) == (errors.NONE, 3, None)


@pytest.mark.parametrize("assignor, expected", [
    ("range", {"m1": [0, 1], "m2": [2]}), ("uniform", {"m1": [0, 1], "m2": [2]}),
])
def test_who_gets_what_is_as_with_kafka(group, topic, assignor, expected):
    name, topic_id = topic(3)
    group.join("m1", server_assignor=assignor)
    group.join("m2", server_assignor=assignor)
    next_target()
    group.beat("m2", 1, subscribed_topic_names=[name])
    next_target()
    group.beat("m1", 1, subscribed_topic_names=[name])
    next_target()
    group.beat("m1", 2)
    described = group.describe()
    target = {m.member_id: [p for t in m.target_assignment.topic_partitions for p in t.partitions] for m in described.members}
    assert described.assignor_name == assignor
    if assignor == "range":
        assert target == expected
    else:
        assert sorted(map(len, target.values())) == [1, 2]


def test_members_of_different_topics(group, topic):
    (one, one_id), (two, two_id) = topic(2), topic(2)
    group.join("a", one)
    next_target()
    error, epoch, assigned = told(group.join("b", one, two))
    assert (error, epoch, assigned) == (errors.NONE, 3, {two_id: [0, 1]})
    assert told(group.beat("a", 2)) == (errors.NONE, 3, None)


# -- subscriptions change, topics change ---------------------------------------------------------------------


def test_what_is_unsubscribed_is_taken_at_once(group, topic):
    (one, one_id), (two, two_id) = topic(1), topic(1)
    assert told(group.join("a", one, two)) == (errors.NONE, 2, {one_id: [0], two_id: [0]})
    assert told(group.beat("a", 2, subscribed_topic_names=[two])) == (errors.NONE, 2, {two_id: [0]})
    owned = [Owned(topic_id=two_id, partitions=[0])]
    next_target()
    assert told(group.beat("a", 2, topic_partitions=owned)) == (errors.NONE, 3, None)


def test_new_partitions_and_topics_are_assigned(client, group, topic, fresh):
    (one, one_id), later = topic(1), fresh("later")
    group.join("a", one, later)
    next_target()
    Grow = CreatePartitions.Request.Topics
    client.call(CreatePartitions, 3, topics=[Grow(name=one, count=3, assignments=None)], timeout_ms=5000)
    until(lambda: told(group.beat("a", 0, rebalance_timeout_ms=1000, subscribed_topic_names=[one, later],
                                  topic_partitions=[]))[2] == {one_id: [0, 1, 2]})
    next_target()
    _, later_id = topic(1, later)
    epoch = group.describe().group_epoch
    until(lambda: group.beat("a", group.describe().members[0].member_epoch).member_epoch > epoch)
    next_target()
    client.call(DeleteTopics, 5, topic_names=[one], timeout_ms=5000)
    until(lambda: told(group.beat("a", group.describe().members[0].member_epoch))[2] == {later_id: [0]})


def test_a_regular_expression_is_resolved_by_the_next_heartbeat(group, topic, fresh):
    prefix = fresh("matched")
    name, topic_id = topic(2, f"{prefix}.one")
    assert told(group.join("a", regex=f"{prefix}\\..*")) == (errors.NONE, 1, {})
    until(lambda: group.describe().group_epoch == 2)
    next_target()
    assert told(group.beat("a", 1)) == (errors.NONE, 2, {topic_id: [0, 1]})
    [member] = group.describe().members
    assert (member.subscribed_topic_names, member.subscribed_topic_regex) == ([], f"{prefix}\\..*")
    next_target()
    assert told(group.beat("a", 2, subscribed_topic_regex="")) == (errors.NONE, 2, {})


# -- static members ------------------------------------------------------------------------------------------


def test_a_static_member_leaves_for_a_while_and_comes_back(group, topic):
    name, topic_id = topic(2)
    assert told(group.join("a", name, instance_id="i")) == (errors.NONE, 2, {topic_id: [0, 1]})
    taken = group.join("b", name, instance_id="i")
    assert (taken.error_code, taken.error_message) == (
        errors.UNRELEASED_INSTANCE_ID,
        "Static member b with instance id i cannot join the group because the instance id is owned by a member.",
    )
    assert told(group.beat("a", -2, instance_id="i")) == (errors.NONE, -2, None)
    assert told(group.join("b", name, instance_id="i")) == (errors.NONE, 2, {topic_id: [0, 1]})
    fenced = group.beat("a", 2, instance_id="i")
    assert (fenced.error_code, fenced.error_message) == (
        errors.FENCED_INSTANCE_ID, "Static member a with instance id i was fenced by member b."
    )
    unknown = group.beat("b", 2, instance_id="j")
    assert (unknown.error_code, unknown.error_message) == (errors.UNKNOWN_MEMBER_ID, "Instance id j is unknown.")
    assert told(group.beat("b", -1, instance_id="i")) == (errors.NONE, -1, None)
    assert group.describe().group_state == "Empty"


# -- offsets -------------------------------------------------------------------------------------------------


def commit(group, name, member, epoch, version=9, topic_id=bytes(16), partition=0):
    Topic = OffsetCommit.Request.Topics
    partitions = [Topic.Partitions(partition_index=partition, committed_offset=7, committed_metadata="")]
    asked = Topic(name=name, partitions=partitions) if version < 10 else Topic(topic_id=topic_id, partitions=partitions)
    answer = group.client.call(
        OffsetCommit, version, group_id=group.id, generation_id_or_member_epoch=epoch, member_id=member, topics=[asked]
    )
    return answer.topics[0].partitions[0].error_code


def fetch(group, name, member, epoch, version=9, topic_id=bytes(16)):
    Asked = OffsetFetch.Request.Groups
    topics = [Asked.Topics(name=name, partition_indexes=[0]) if version < 10 else Asked.Topics(topic_id=topic_id, partition_indexes=[0])]
    asked = Asked(group_id=group.id, member_id=member, member_epoch=epoch, topics=topics)
    [found] = group.client.call(OffsetFetch, version, groups=[asked]).groups
    return found.error_code, [p.committed_offset for t in found.topics for p in t.partitions]


def test_offsets_with_member_epochs(group, topic):
    name, topic_id = topic(2)
    group.join("a", name)
    assert commit(group, name, "a", 2) == errors.NONE
    assert commit(group, name, "a", 2, 10, topic_id) == errors.NONE
    assert commit(group, name, "a", 2, 10, bytes([1] * 16)) == errors.UNKNOWN_TOPIC_ID
    assert commit(group, name, "a", 3) == errors.STALE_MEMBER_EPOCH
    assert commit(group, name, "a", 1) == errors.STALE_MEMBER_EPOCH
    assert commit(group, name, "b", 2) == errors.UNKNOWN_MEMBER_ID
    assert commit(group, name, "", -1) == errors.UNKNOWN_MEMBER_ID
    assert commit(group, name, "a", 2, 8) == errors.UNSUPPORTED_VERSION
    assert fetch(group, name, "a", 2) == (errors.NONE, [7])
    assert fetch(group, name, "a", 2, 10, topic_id) == (errors.NONE, [7])
    assert fetch(group, name, None, -1) == (errors.NONE, [7])
    assert fetch(group, name, "a", 1) == (errors.STALE_MEMBER_EPOCH, [])
    assert fetch(group, name, "b", 2) == (errors.UNKNOWN_MEMBER_ID, [])


def test_a_commit_in_an_older_epoch_counts_for_what_was_held_then(group, topic):
    name, topic_id = topic(2)
    group.join("a", name)
    next_target()
    group.join("b", name)
    partitions = told(group.beat("a", 2))[2][topic_id]
    assert told(group.beat("a", 2, topic_partitions=[Owned(topic_id=topic_id, partitions=partitions)]))[1] == 3
    [kept] = partitions
    assert commit(group, name, "a", 2, partition=kept) == errors.NONE
    assert commit(group, name, "a", 2, partition=1 - kept) == errors.STALE_MEMBER_EPOCH


def test_offsets_of_subscribed_topics_stay(client, group, topic):
    name, _ = topic(1)
    group.join("a", name)
    commit(group, name, "a", 2)
    Topic = OffsetDelete.Request.Topics
    asked = [Topic(name=name, partitions=[Topic.Partitions(partition_index=0)])]

    def delete():
        answer = client.call(OffsetDelete, 0, group_id=group.id, topics=asked)
        return answer.error_code, [p.error_code for t in answer.topics for p in t.partitions]

    assert delete() == (errors.NONE, [errors.GROUP_SUBSCRIBED_TO_TOPIC])
    group.beat("a", -1)
    assert delete() == (errors.NONE, [errors.NONE])


# -- administration --------------------------------------------------------------------------------------------


def test_a_described_group(client, group, topic):
    name, topic_id = topic(1)
    group.join("a", name, rack_id="r")
    described = group.describe()
    assert (described.error_code, described.error_message, described.group_state) == (errors.NONE, None, "Stable")
    assert (described.group_epoch, described.assignment_epoch, described.assignor_name) == (2, 2, "uniform")
    [member] = described.members
    assert (member.member_id, member.instance_id, member.rack_id, member.member_epoch) == ("a", None, "r", 2)
    assert (member.client_id, member.client_host) == ("wire-client", "/127.0.0.1")
    assert (member.subscribed_topic_names, member.subscribed_topic_regex, member.member_type) == ([name], "", 1)
    for assignment in (member.assignment, member.target_assignment):
        [held] = assignment.topic_partitions
        assert (held.topic_id, held.topic_name, held.partitions) == (topic_id, name, [0])
    assert group.describe(0).members[0].member_type == -1


def test_a_consumer_group_is_no_classic_group(client, group, topic):
    name, _ = topic(1)
    group.join("a", name)
    [described] = client.call(DescribeGroups, 6, groups=[group.id]).groups
    assert (described.error_code, described.error_message, described.group_state) == (
        errors.GROUP_ID_NOT_FOUND, f"Group {group.id} is not a classic group.", "Dead"
    )
    [described] = client.call(DescribeGroups, 5, groups=[group.id]).groups
    assert (described.error_code, described.group_state) == (errors.NONE, "Dead")


def test_a_classic_group_is_no_consumer_group(client, group, topic):
    name, _ = topic(1)
    commit(group, name, "", -1)
    answer = group.describe()
    assert (answer.error_code, answer.error_message) == (errors.GROUP_ID_NOT_FOUND, f"Group {group.id} is not a consumer group.")
    answer = group.beat("a", 1)
    assert (answer.error_code, answer.error_message) == (errors.GROUP_ID_NOT_FOUND, f"Group {group.id} is not a consumer group.")
    assert group.join("a", name).error_code == errors.NONE  # an empty one gives way
    assert fetch(group, name, None, -1) == (errors.NONE, [7])


def test_groups_are_listed_by_type_and_state(client, group, topic):
    name, _ = topic(1)
    group.join("a", name)

    def listed(**filters):
        return group.id in [one.group_id for one in client.call(ListGroups, 5, **filters).groups]

    assert listed(types_filter=["Consumer"]) and listed(types_filter=["consumer"], states_filter=["stable"])
    assert not listed(types_filter=["classic"]) and not listed(states_filter=["Empty"])


def test_a_group_is_deleted_when_it_is_empty(client, group, topic):
    name, _ = topic(1)
    group.join("a", name)

    def delete():
        return client.call(DeleteGroups, 2, groups_names=[group.id]).results[0].error_code

    assert delete() == errors.NON_EMPTY_GROUP
    group.beat("a", -1)
    assert delete() == errors.NONE
    assert delete() == errors.GROUP_ID_NOT_FOUND


# -- group configs -----------------------------------------------------------------------------------------------


def alter(client, name, **configs):
    Resource = IncrementalAlterConfigs.Request.Resources
    entries = [
        Resource.Configs(name=key.replace("_", "."), config_operation=1 if value is None else 0, value=value)
        for key, value in configs.items()
    ]
    [answer] = client.call(
        IncrementalAlterConfigs, 1, resources=[Resource(resource_type=32, resource_name=name, configs=entries)]
    ).responses
    return answer.error_code, answer.error_message


def described_config(client, name, key):
    Resource = DescribeConfigs.Request.Resources
    [answer] = client.call(DescribeConfigs, 4, resources=[Resource(resource_type=32, resource_name=name)], include_synonyms=True).results
    [found] = [config for config in answer.configs if config.name == key]
    return found.value, found.config_source, [(s.name, s.value, s.source) for s in found.synonyms]


def test_a_groups_own_heartbeat_interval(client, group, topic):
    key, broker_key = "consumer.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"
    name, _ = topic(1)
    assert described_config(client, group.id, key) == ("5000", 5, [(broker_key, "5000", 5)])
    assert alter(client, group.id, consumer_heartbeat_interval_ms="6000") == (errors.NONE, None)
    until(lambda: described_config(client, group.id, key)[1] == 8)
    assert described_config(client, group.id, key) == ("6000", 8, [(key, "6000", 8), (broker_key, "5000", 5)])
    assert group.join("a", name).heartbeat_interval_ms == 6000
    assert alter(client, group.id, consumer_heartbeat_interval_ms=None) == (errors.NONE, None)
    until(lambda: group.beat("a", 2).heartbeat_interval_ms == 5000)


@pytest.mark.parametrize("configs, error, message", [
    (dict(consumer_heartbeat_interval_ms="1"), errors.INVALID_CONFIG,
     "consumer.heartbeat.interval.ms must be greater than or equal to group.consumer.min.heartbeat.interval.ms"),
    (dict(consumer_session_timeout_ms="60001"), errors.INVALID_CONFIG,
     "consumer.session.timeout.ms must be less than or equal to group.consumer.max.session.timeout.ms"),
    (dict(consumer_session_timeout_ms="soon"), errors.INVALID_CONFIG,
     "Invalid value soon for configuration consumer.session.timeout.ms: Not a number of type INT"),
    (dict(no_such_config="1"), errors.INVALID_CONFIG, "Unknown group config name: no.such.config"),
])
def test_group_configs_are_checked(client, group, configs, error, message):
    assert alter(client, group.id, **configs) == (error, message)


def test_a_group_config_needs_a_group(client):
    assert alter(client, "", consumer_session_timeout_ms="50000")[0] == errors.INVALID_REQUEST


# -- from the classic protocol and back ------------------------------------------------------------------------


def assignment_of(answer):
    if not answer.assignment:
        return {}
    return {t.topic: sorted(t.partitions) for t in ConsumerAssignment.read(answer.assignment)[1].assigned_partitions}


def classic_group(group, name, partitions):
    """One classic member that has these partitions; gives (member id, generation)."""
    member = group.join_classic(topics=[name]).member_id
    joined = group.join_classic(member, [name])
    assert joined.error_code == errors.NONE
    Assigned = ConsumerAssignment.Record.AssignedPartitions
    assignment = ConsumerAssignment.build_from(3, assigned_partitions=[Assigned(topic=name, partitions=partitions)])
    synced = group.sync_classic(member, joined.generation_id, [(member, assignment)])
    assert synced.error_code == errors.NONE
    return member, joined.generation_id


def test_a_classic_group_is_upgraded_and_downgraded_while_it_runs(client, group, topic):
    name, topic_id = topic(2)
    member, generation = classic_group(group, name, [0, 1])
    assert generation == 1
    assert told(group.join("new", name)) == (errors.NONE, 2, {})
    assert group.listed() == ("consumer", "Reconciling", "consumer")
    described = group.describe()
    assert {m.member_id: (m.member_epoch, m.member_type) for m in described.members} == {member: (1, 0), "new": (2, 1)}
    assert group.beat_classic(member, 1) == errors.REBALANCE_IN_PROGRESS
    assert group.beat_classic(member, 2) == errors.ILLEGAL_GENERATION
    assert group.sync_classic(member, 1).error_code == errors.REBALANCE_IN_PROGRESS
    # It rejoins and still owns both: it is to give one up.
    joined = group.join_classic(member, [name], owned=[(name, [0, 1])])
    assert (joined.error_code, joined.generation_id, joined.members, joined.leader) == (errors.NONE, 1, [], "")
    assert (joined.protocol_type, joined.protocol_name, joined.skip_assignment) == ("consumer", "range", False)
    kept = assignment_of(group.sync_classic(member, 1))[name]
    assert len(kept) == 1
    assert group.beat_classic(member, 1) == errors.REBALANCE_IN_PROGRESS
    joined = group.join_classic(member, [name], owned=[(name, kept)])
    assert (joined.error_code, joined.generation_id) == (errors.NONE, 2)
    assert assignment_of(group.sync_classic(member, 2)) == {name: kept}
    assert group.beat_classic(member, 2) == errors.NONE
    assert told(group.beat("new", 2)) == (errors.NONE, 2, {topic_id: sorted({0, 1} - set(kept))})
    assert commit(group, name, member, 2, 8) == errors.NONE
    assert commit(group, name, member, 5, 8) == errors.ILLEGAL_GENERATION
    # The last member of the consumer protocol leaves.
    assert told(group.beat("new", -1)) == (errors.NONE, -1, None)
    assert group.listed() == ("classic", "PreparingRebalance", "consumer")
    assert group.beat_classic(member, 2) == errors.REBALANCE_IN_PROGRESS
    joined = group.join_classic(member, [name])
    assert (joined.error_code, joined.generation_id, joined.leader) == (errors.NONE, 3, member)


def test_classic_members_come_and_go_in_a_consumer_group(client, group, topic):
    name, topic_id = topic(2)
    group.join("new", name)
    asked = group.join_classic(topics=[name])
    assert asked.error_code == errors.MEMBER_ID_REQUIRED
    member = asked.member_id
    next_target()
    joined = group.join_classic(member, [name])
    assert (joined.error_code, joined.generation_id) == (errors.NONE, 3)
    assert assignment_of(group.sync_classic(member, 3)) == {}
    [kept] = told(group.beat("new", 2))[2][topic_id]
    assert group.beat_classic(member, 3) == errors.NONE  # still waiting for the other
    group.beat("new", 2, topic_partitions=[Owned(topic_id=topic_id, partitions=[kept])])
    assert group.beat_classic(member, 3) == errors.REBALANCE_IN_PROGRESS
    joined = group.join_classic(member, [name])
    assert joined.generation_id == 3
    assert assignment_of(group.sync_classic(member, 3)) == {name: [1 - kept]}
    assert group.sync_classic("new", 3).error_code == errors.UNKNOWN_MEMBER_ID
    assert group.beat_classic("nobody", 3) == errors.UNKNOWN_MEMBER_ID
    leaving = [LeaveGroup.Request.Members(member_id=one) for one in (member, "nobody")]
    answer = client.call(LeaveGroup, 5, group_id=group.id, members=leaving)
    assert [m.error_code for m in answer.members] == [errors.NONE, errors.UNKNOWN_MEMBER_ID]
    assert [m.member_id for m in group.describe().members] == ["new"]


def test_classic_members_must_speak_of_topics(group, topic):
    name, _ = topic(1)
    group.join("new", name)
    assert group.join_classic(topics=[name], protocol_type="connect").error_code == errors.INCONSISTENT_GROUP_PROTOCOL
    assert group.join_classic("a", topics=[name], instance="i").error_code == errors.UNKNOWN_MEMBER_ID


def test_an_empty_consumer_group_makes_way_for_a_classic_one(group, topic):
    name, _ = topic(1)
    group.join("new", name)
    group.beat("new", -1)
    classic_group(group, name, [0])
    assert group.listed() == ("classic", "Stable", "consumer")


def test_groups_of_other_protocols_are_not_upgraded(group, topic):
    name, _ = topic(1)
    member = group.join_classic(protocol_type="connect").member_id
    assert group.join_classic(member, protocol_type="connect").error_code == errors.NONE
    answer = group.join("new", name)
    assert (answer.error_code, answer.error_message) == (
        errors.GROUP_ID_NOT_FOUND,
        f"Cannot upgrade classic group {group.id} to consumer group because the group does not use the consumer embedded protocol.",
    )


def test_a_static_member_changes_protocols(group, topic):
    name, topic_id = topic(1)
    joined = group.join_classic(topics=[name], instance="i")
    assert joined.error_code == errors.NONE
    # The group stays in its epoch: its members and their topics are what they were.
    assert told(group.join("new", name, instance_id="i"))[:2] == (errors.NONE, 1)
    assert [(m.member_id, m.member_type) for m in group.describe().members] == [("new", 1)]
    joined = group.join_classic(topics=[name], instance="i")
    assert (joined.error_code, joined.generation_id) == (errors.NONE, 1)
    assert group.listed()[0] == "classic"
