"""Streams groups (KIP-1071) request by request; what is expected here is what Kafka 4.3.1 answers."""

import time

import pytest

from wire import errors
from wire.apis.configs import DescribeConfigs, IncrementalAlterConfigs
from wire.apis.groups import (
    DeleteGroups, DescribeGroups, Heartbeat, JoinGroup, LeaveGroup, ListGroups, OffsetCommit, OffsetFetch, SyncGroup,
)
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.streams_groups import StreamsGroupDescribe, StreamsGroupHeartbeat
from wire.apis.topics import CreateTopics, DeleteTopics

Request = StreamsGroupHeartbeat.Request
Topology = Request.Topology
Subtopology = Topology.Subtopologies
NOT_YET = (errors.COORDINATOR_LOAD_IN_PROGRESS, errors.COORDINATOR_NOT_AVAILABLE, errors.NOT_COORDINATOR)

STALE_TOPOLOGY, MISSING_SOURCE_TOPICS, INCORRECTLY_PARTITIONED_TOPICS, MISSING_INTERNAL_TOPICS, SHUTDOWN, DELAYED = range(6)
GROUP = 32  # resource type


def subtopology(id, sources=(), changelogs=(), reads=(), writes=(), together=(), **fields):
    """`reads`: repartition topics, (name, partitions); `together`: [(indexes of sources, indexes of `reads`)]."""
    return Subtopology(
        subtopology_id=id,
        source_topics=list(sources),
        source_topic_regex=fields.pop("regex", []),
        state_changelog_topics=[
            Subtopology.StateChangelogTopics(
                name=name, partitions=fields.get("changelog_partitions", 0), replication_factor=0,
                topic_configs=[Subtopology.StateChangelogTopics.TopicConfigs(key="cleanup.policy", value="compact")],
            )
            for name in changelogs
        ],
        repartition_sink_topics=list(writes),
        repartition_source_topics=[
            Subtopology.RepartitionSourceTopics(name=name, partitions=count, replication_factor=0, topic_configs=[])
            for name, count in reads
        ],
        copartition_groups=[
            Subtopology.CopartitionGroups(source_topics=list(sources), source_topic_regex=[], repartition_source_topics=list(reads))
            for sources, reads in together
        ],
    )  # fmt: skip


class Group:
    """A group of a fresh name and what its members say. Its first rebalance is not delayed."""

    def __init__(self, client, group_id):
        self.client = client
        self.id = group_id
        until(lambda: self.coordinator() and self.beat("nobody", -1).error_code not in NOT_YET)

    def coordinator(self):
        found = self.client.call(FindCoordinator, 4, key_type=0, coordinator_keys=[self.id])
        return found.coordinators[0].error_code == errors.NONE

    def configure(self, **configs):
        Resource = IncrementalAlterConfigs.Request.Resources
        answer = self.client.call(IncrementalAlterConfigs, 1, resources=[Resource(
            resource_type=GROUP, resource_name=self.id,
            configs=[Resource.Configs(name=name.replace("_", "."), config_operation=0, value=value) for name, value in configs.items()],
        )])  # fmt: skip
        [result] = answer.responses
        if not result.error_code:
            until(lambda: all(self.config(name.replace("_", ".")) == value for name, value in configs.items()))
        return result.error_code, result.error_message

    def config(self, name):
        Resource = DescribeConfigs.Request.Resources
        [result] = self.client.call(
            DescribeConfigs, 4, resources=[Resource(resource_type=GROUP, resource_name=self.id, configuration_keys=[name])]
        ).results
        return result.configs[0].value

    def beat(self, member, epoch, **fields):
        return self.client.call(StreamsGroupHeartbeat, 0, group_id=self.id, member_id=member, member_epoch=epoch, **fields)

    def join(self, member, topology, process="p1", **fields):
        asked = dict(
            rebalance_timeout_ms=60_000, topology=topology, process_id=process, client_tags=[],
            active_tasks=[], standby_tasks=[], warmup_tasks=[], endpoint_information_epoch=-1,
        )  # fmt: skip
        return self.beat(member, 0, **{**asked, **fields})

    def has(self, member, epoch, active=None, standby=None, **fields):
        """A heartbeat that says what the member owns."""
        Ids = Request.ActiveTasks, Request.StandbyTasks
        told = [[kind(subtopology_id=one, partitions=list(held)) for one, held in (tasks or {}).items()] for kind, tasks in zip(Ids, (active, standby))]
        return self.beat(member, epoch, active_tasks=told[0], standby_tasks=told[1], warmup_tasks=[], **fields)

    def described(self):
        [group] = self.client.call(StreamsGroupDescribe, 0, group_ids=[self.id]).groups
        return group


def until(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def group(client, fresh):
    group = Group(client, fresh("streams"))
    group.configure(streams_initial_rebalance_delay_ms="0", streams_assignment_interval_ms="0")
    return group


@pytest.fixture
def topic(client, fresh):
    """topic("name", partitions) -> a topic that is there."""

    def make(prefix="in", partitions=2, name=None):
        name = name or fresh(prefix)
        [made] = client.call(
            CreateTopics, 7, timeout_ms=10_000,
            topics=[CreateTopics.Request.Topics(name=name, num_partitions=partitions, replication_factor=1)],
        ).topics  # fmt: skip
        assert made.error_code == errors.NONE, made
        # Kafka's coordinator hears of a topic a moment later; a group of its own tells when.
        probe = Group(client, fresh("probe"))
        until(lambda: MISSING_SOURCE_TOPICS not in status(probe.join("probe", one_source(name))))
        return name

    return make


def partitions_of(client, name):
    [found] = client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=name)], allow_auto_topic_creation=False).topics
    return len(found.partitions) if found.error_code == errors.NONE else None


def one_source(name, **fields):
    return Topology(epoch=0, subtopologies=[subtopology("0", [name], **fields)])


def tasks(told):
    return None if told is None else {ids.subtopology_id: ids.partitions for ids in told}


def status(answer):
    return {each.status_code: each.status_detail for each in answer.status}


def refusal(answer):
    return answer.error_code, answer.error_message


# -- joining, tasks, epochs ------------------------------------------------------------------------


def test_a_member_alone_gets_all_tasks(group, topic):
    answer = group.join("a", one_source(topic(partitions=3)))
    assert (answer.error_code, answer.member_epoch, answer.heartbeat_interval_ms) == (0, 2, 5000)
    assert tasks(answer.active_tasks) == {"0": [0, 1, 2]}
    assert answer.standby_tasks == [] and answer.warmup_tasks == [] and answer.status == []
    assert answer.endpoint_information_epoch == 0 and answer.partitions_by_user_endpoint == []
    later = group.has("a", 2, {"0": [0, 1, 2]})
    assert (later.member_epoch, later.active_tasks, later.status) == (2, None, [])
    assert group.described().group_state == "Stable"


def test_tasks_move_once_they_are_given_up(group, topic):
    topology = one_source(topic())
    group.join("a", topology, process="p1")
    answer = group.join("b", topology, process="p2")
    assert (answer.member_epoch, tasks(answer.active_tasks)) == (3, {})
    answer = group.has("a", 2, {"0": [0, 1]})
    assert answer.member_epoch == 2 and len(tasks(answer.active_tasks)["0"]) == 1
    kept = tasks(answer.active_tasks)
    assert group.described().group_state == "Reconciling"
    assert tasks(group.has("b", 3, {}).active_tasks) is None
    answer = group.has("a", 2, kept)
    assert answer.member_epoch == 3
    answer = group.has("b", 3, {})
    assert sorted(tasks(answer.active_tasks)["0"] + kept["0"]) == [0, 1]
    assert group.described().group_state == "Stable"


def test_the_first_rebalance_waits(client, fresh, topic):
    group = Group(client, fresh("streams"))
    group.configure(streams_initial_rebalance_delay_ms="300")
    name = topic()
    answer = group.join("a", one_source(name))
    assert (answer.member_epoch, tasks(answer.active_tasks)) == (1, {})
    assert status(answer) == {DELAYED: "Assignment delayed due to the configured initial rebalance delay."}
    answers = []
    until(lambda: answers.append(group.has("a", 1)) or answers[-1].member_epoch == 2)
    assert tasks(answers[-1].active_tasks) == {"0": [0, 1]} and answers[-1].status == []


def test_assignments_keep_their_distance(client, fresh, topic):
    group = Group(client, fresh("streams"))
    group.configure(streams_initial_rebalance_delay_ms="0", streams_assignment_interval_ms="15000")
    topology = one_source(topic())
    group.join("a", topology)
    answer = group.join("b", topology, process="p2")
    assert status(answer) == {DELAYED: "Assignment delayed due to the configured assignment interval."}
    assert (answer.member_epoch, tasks(answer.active_tasks)) == (2, {})


def test_standby_tasks_are_with_other_processes(group, topic):
    group.configure(streams_num_standby_replicas="1")
    name = topic()
    topology = one_source(name, changelogs=[f"{name}-changelog"])
    answer = group.join("a", topology, process="p1")
    until(lambda: group.has("a", answer.member_epoch).status == [])
    answers = {}

    def settled():
        for member, process in (("a", "p1"), ("b", "p2")):
            before = answers.get(member)
            if before is None:
                now = group.join(member, topology, process=process)
                answers[member] = [now.member_epoch, tasks(now.active_tasks), tasks(now.standby_tasks)]
            else:
                now = group.has(member, *before)
                before[0] = now.member_epoch
                if now.active_tasks is not None:
                    before[1:] = tasks(now.active_tasks), tasks(now.standby_tasks)
        return group.described().group_state == "Stable"

    until(settled)
    (_, active_a, standby_a), (_, active_b, standby_b) = answers["a"], answers["b"]
    assert active_a == standby_b and active_b == standby_a and len(active_a["0"]) == len(active_b["0"]) == 1


def test_a_member_that_leaves_gives_its_tasks_back(group, topic):
    topology = one_source(topic())
    group.join("a", topology)
    left = group.beat("a", -1)
    assert (left.error_code, left.member_id, left.member_epoch, left.status) == (0, "a", -1, [])
    described = group.described()
    assert (described.group_state, described.group_epoch, described.members) == ("Empty", 3, [])
    assert tasks(group.join("b", topology).active_tasks) == {"0": [0, 1]}


def test_epochs_that_are_not_the_members(group, topic):
    group.join("a", one_source(topic()))
    told = "than the one known by the group coordinator (2). The member must abandon all its partitions and rejoin."
    assert refusal(group.has("a", 3)) == (
        errors.FENCED_MEMBER_EPOCH, f"The streams group member has a greater member epoch (3) {told}"
    )  # fmt: skip
    assert refusal(group.beat("a", 1)) == (
        errors.FENCED_MEMBER_EPOCH, f"The streams group member has a smaller member epoch (1) {told}"
    )  # fmt: skip
    assert group.has("a", 2).error_code == 0


# -- what is refused -------------------------------------------------------------------------------


def test_strangers(group, topic):
    assert refusal(group.beat("a", 1)) == (errors.GROUP_ID_NOT_FOUND, f"Streams group {group.id} not found.")
    assert refusal(group.beat("a", -1)) == (errors.GROUP_ID_NOT_FOUND, f"Group {group.id} not found.")
    group.join("a", one_source(topic()))
    unknown = errors.UNKNOWN_MEMBER_ID, f"Member b is not a member of group {group.id}."
    assert refusal(group.beat("b", 1)) == unknown
    assert refusal(group.beat("b", -1)) == unknown


@pytest.mark.parametrize("fields, message", [
    (dict(member=""), "MemberId can't be empty."),
    (dict(rack_id=""), "RackId can't be empty."),
    (dict(rebalance_timeout_ms=-1), "RebalanceTimeoutMs must be provided in first request."),
    (dict(active_tasks=None), "ActiveTasks must be empty when (re-)joining."),
    (dict(standby_tasks=[Request.StandbyTasks(subtopology_id="0", partitions=[0])]), "StandbyTasks must be empty when (re-)joining."),
    (dict(warmup_tasks=[Request.WarmupTasks(subtopology_id="0", partitions=[0])]), "WarmupTasks are not supported yet."),
    (dict(topology=None), "Topology must be non-null when (re-)joining."),
    (dict(instance_id="i"), "Static membership is not yet supported."),
    (dict(task_offsets=[]), "TaskOffsets are not supported yet."),
    (dict(task_end_offsets=[]), "TaskEndOffsets are not supported yet."),
    (dict(topology=one_source("t", regex=["t.*"])), "Regular expressions for source topics are not supported yet."),
])  # fmt: skip
def test_joins_that_are_wrong_in_themselves(group, fields, message):
    asked = {"member": "a", "topology": one_source("t"), **fields}
    assert refusal(group.join(**asked)) == (errors.INVALID_REQUEST, message)


@pytest.mark.parametrize("epoch, fields, message", [
    (-2, {}, "InstanceId can't be null."),
    (-3, {}, "MemberEpoch is -3, but must be greater than or equal to -2."),
    (1, dict(active_tasks=[]), "If one task-type is non-null, all must be non-null."),
    (1, dict(topology=one_source("t")), "Topology can only be provided when (re-)joining."),
])  # fmt: skip
def test_heartbeats_that_are_wrong_in_themselves(group, epoch, fields, message):
    assert refusal(group.beat("a", epoch, **fields)) == (errors.INVALID_REQUEST, message)


def test_topologies_that_are_none(group, topic):
    for topology, message in (
        (one_source("__consumer_offsets"), "Use of Kafka internal topics __consumer_offsets in a Kafka Streams topology is prohibited."),
        (one_source("a b"), "Topic names a b are not valid topic names."),
        (one_source("t", changelogs=["c"], changelog_partitions=2), "Changelog topic c must have an undefined partition count, but it is set to 2."),
        (
            Topology(epoch=0, subtopologies=[subtopology("0", reads=[("r", 0)])]),
            "Failed to compute number of partitions for all repartition topics, because a repartition source topic is never used as a sink topic.",
        ),
        (
            Topology(epoch=0, subtopologies=[subtopology("0", reads=[("r", 0)], writes=["r"])]),
            "Failed to compute number of partitions for all repartition topics. There may be loops in the topology that cannot be resolved.",
        ),
        (Topology(epoch=0, subtopologies=[subtopology("0")]), "No source topics found for subtopology 0"),
    ):  # fmt: skip
        assert refusal(group.join("a", topology)) == (errors.STREAMS_INVALID_TOPOLOGY, message)


def test_tasks_that_the_topology_has_not_got(group, topic):
    group.join("a", one_source(topic()))
    assert refusal(group.has("a", 2, {"1": [0]})) == (errors.INVALID_REQUEST, "Subtopology 1 does not exist in the topology.")
    assert refusal(group.has("a", 2, {"0": [2]})) == (
        errors.INVALID_REQUEST, "Task 2 for subtopology 0 is invalid. Number of tasks for this subtopology: 2"
    )  # fmt: skip


# -- topology and topics ---------------------------------------------------------------------------


def test_missing_source_topics(client, group, topic, fresh):
    name = fresh("in")
    answer = group.join("a", one_source(name))
    assert (answer.error_code, answer.member_epoch, tasks(answer.active_tasks)) == (0, 2, {})
    assert status(answer) == {MISSING_SOURCE_TOPICS: f"Source topics {name} are missing."}
    assert group.described().group_state == "NotReady"
    topic(name=name)
    answers = []
    until(lambda: answers.append(group.has("a", 2)) or not answers[-1].status)
    assert (answers[-1].member_epoch, tasks(answers[-1].active_tasks)) == (3, {"0": [0, 1]})


def test_internal_topics_are_made(client, group, topic):
    name = topic(partitions=3)
    changelog, repartition = f"{name}-store-changelog", f"{name}-words-repartition"
    topology = Topology(epoch=0, subtopologies=[
        subtopology("0", [name], writes=[repartition]),
        subtopology("1", reads=[(repartition, 0)], changelogs=[changelog]),
    ])  # fmt: skip
    answer = group.join("a", topology)
    [(code, detail)] = status(answer).items()
    assert code == MISSING_INTERNAL_TOPICS and detail.startswith("Internal topics are missing: ")
    assert changelog in detail and repartition in detail and tasks(answer.active_tasks) == {}
    answers = []
    until(lambda: answers.append(group.has("a", answer.member_epoch)) or not answers[-1].status)
    assert tasks(answers[-1].active_tasks) == {"0": [0, 1, 2], "1": [0, 1, 2]}
    assert partitions_of(client, changelog) == partitions_of(client, repartition) == 3
    Resource = DescribeConfigs.Request.Resources
    [result] = client.call(
        DescribeConfigs, 4, resources=[Resource(resource_type=2, resource_name=changelog, configuration_keys=["cleanup.policy"])]
    ).results
    assert result.configs[0].value == "compact"
    described = {each.subtopology_id: each for each in group.described().topology.subtopologies}
    assert [(each.name, each.partitions) for each in described["1"].state_changelog_topics] == [(changelog, 3)]
    assert [(each.name, each.partitions) for each in described["1"].repartition_source_topics] == [(repartition, 3)]
    assert described["0"].repartition_sink_topics == [repartition]


def test_internal_topics_that_are_there_with_another_count(group, topic):
    name = topic(partitions=2)
    changelog = topic(name=f"{name}-changelog", partitions=3)
    answer = group.join("a", one_source(name, changelogs=[changelog]))
    assert status(answer) == {
        INCORRECTLY_PARTITIONED_TOPICS: f"Existing topic {changelog} has different number of partitions: expected 2, found 3"
    }


def test_topics_that_are_read_together_must_match(group, topic):
    two, three = topic("a", 2), topic("b", 3)
    answer = group.join("a", Topology(epoch=0, subtopologies=[subtopology("0", [two, three], together=[([0, 1], [])])]))
    assert status(answer) == {
        INCORRECTLY_PARTITIONED_TOPICS: f"Following topics do not have the same number of partitions: [{{{two}=2, {three}=3}}]"
    }


def test_a_topology_stays_as_it_was(group, topic):
    name, other = topic(), topic()
    newer = Topology(epoch=1, subtopologies=[subtopology("0", [name])])
    group.join("a", newer)
    assert refusal(group.join("b", Topology(epoch=1, subtopologies=[subtopology("0", [other])]))) == (
        errors.INVALID_REQUEST, "Topology updates are not supported yet."
    )  # fmt: skip
    assert refusal(group.join("b", Topology(epoch=2, subtopologies=newer.subtopologies)))[0] == errors.INVALID_REQUEST
    answer = group.join("b", Topology(epoch=0, subtopologies=[subtopology("0", [other])]))
    assert status(answer) == {STALE_TOPOLOGY: "The member's topology epoch 0 is behind the group's topology epoch 1."}


def test_more_partitions_are_more_tasks(client, group, topic):
    name = topic()
    group.join("a", one_source(name))
    group.has("a", 2, {"0": [0, 1]})
    client.call(DeleteTopics, 6, timeout_ms=10_000, topics=[DeleteTopics.Request.Topics(name=name)])
    answers = []
    until(lambda: answers.append(group.has("a", 2, {"0": [0, 1]})) or answers[-1].status)
    assert status(answers[-1]) == {MISSING_SOURCE_TOPICS: f"Source topics {name} are missing."}
    assert (answers[-1].member_epoch, tasks(answers[-1].active_tasks)) == (2, {})
    assert group.described().group_state == "NotReady"


# -- endpoints, shutdown ---------------------------------------------------------------------------


def test_everybody_learns_who_serves_what(group, topic):
    name = topic()
    topology = one_source(name)
    Endpoint = Request.UserEndpoint
    first = group.join("a", topology, user_endpoint=Endpoint(host="h1", port=1001))
    [served] = first.partitions_by_user_endpoint
    assert (served.user_endpoint.host, served.user_endpoint.port) == ("h1", 1001)
    assert [(each.topic, each.partitions) for each in served.active_partitions] == [(name, [0, 1])]
    assert served.standby_partitions == [] and first.endpoint_information_epoch == 0
    assert group.has("a", 2, {"0": [0, 1]}, endpoint_information_epoch=0).partitions_by_user_endpoint is None
    second = group.join("b", topology, process="p2", user_endpoint=Endpoint(host="h2", port=1002))
    assert second.endpoint_information_epoch == 1
    assert {each.user_endpoint.host: len(each.active_partitions) for each in second.partitions_by_user_endpoint} == {"h1": 1, "h2": 0}
    later = group.has("a", 2, {"0": [0, 1]}, endpoint_information_epoch=0)
    assert later.endpoint_information_epoch == 2 and len(later.partitions_by_user_endpoint) == 2


def test_endpoints_without_topics(group, fresh):
    answer = group.join("a", one_source(fresh("in")), user_endpoint=Request.UserEndpoint(host="h", port=1))
    assert answer.error_code == errors.UNKNOWN_SERVER_ERROR


def test_one_member_shuts_all_down(group, topic):
    topology = one_source(topic())
    group.join("a", topology)
    group.join("b", topology, process="p2")
    told = {SHUTDOWN: "Streams group member a encountered a fatal error and requested a shutdown for the entire application."}
    assert status(group.beat("a", -1, shutdown_application=True)) == {}
    assert told.items() <= status(group.has("b", 3)).items()
    group.beat("b", -1)
    assert status(group.join("c", topology)) == {}


# -- as other requests see it ----------------------------------------------------------------------


def test_described(group, topic):
    name = topic()
    group.join("a", one_source(name), client_tags=[Request.ClientTags(key="zone", value="z1")], rack_id="r1")
    described = group.described()
    assert (described.error_code, described.group_state, described.group_epoch, described.assignment_epoch) == (0, "Stable", 2, 2)
    [member] = described.members
    assert (member.member_id, member.member_epoch, member.instance_id, member.rack_id) == ("a", 2, None, "r1")
    assert (member.client_id, member.topology_epoch, member.process_id, member.is_classic) == ("wire-client", 0, "p1", False)
    assert [(tag.key, tag.value) for tag in member.client_tags] == [("zone", "z1")]
    assert tasks(member.assignment.active_tasks) == tasks(member.target_assignment.active_tasks) == {"0": [0, 1]}
    assert member.client_host.startswith("/") and member.task_offsets == []
    assert described.topology.epoch == 0 and described.topology.subtopologies[0].source_topics == [name]


def test_described_when_there_is_none(client, group):
    described = group.described()
    assert (described.error_code, described.error_message) == (errors.GROUP_ID_NOT_FOUND, f"Group {group.id} not found.")
    [both] = client.call(StreamsGroupDescribe, 0, group_ids=[group.id], include_authorized_operations=True).groups
    assert both.authorized_operations == -(1 << 31)


def test_listed_and_deleted(client, group, topic):
    group.join("a", one_source(topic()))

    def listed(**filters):
        found = client.call(ListGroups, 5, **{"states_filter": [], "types_filter": [], **filters}).groups
        return [(each.protocol_type, each.group_state, each.group_type) for each in found if each.group_id == group.id]

    assert listed() == listed(types_filter=["streams"]) == listed(states_filter=["stable"]) == [("streams", "Stable", "streams")]
    assert listed(types_filter=["consumer"]) == listed(states_filter=["Empty"]) == []
    [answer] = client.call(DescribeGroups, 6, groups=[group.id]).groups
    assert (answer.error_code, answer.group_state) == (errors.GROUP_ID_NOT_FOUND, "Dead")
    assert answer.error_message == f"Group {group.id} is not a classic group."
    [answer] = client.call(DeleteGroups, 2, groups_names=[group.id]).results
    assert answer.error_code == errors.NON_EMPTY_GROUP
    group.beat("a", -1)
    [answer] = client.call(DeleteGroups, 2, groups_names=[group.id]).results
    assert answer.error_code == errors.NONE and listed() == []


def test_listed_by_a_state_of_two_words(client, group, fresh):
    group.join("a", one_source(fresh("in")))

    def listed(state):
        return group.id in [each.group_id for each in client.call(ListGroups, 5, states_filter=[state], types_filter=[]).groups]

    assert [listed(state) for state in ("NotReady", "not_ready", "Not_Ready", "Stable")] == [False, True, True, False]


def test_offsets_go_with_member_epochs(client, group, topic):
    name = topic()
    group.join("a", one_source(name))
    Topic = OffsetCommit.Request.Topics

    def commit(member, epoch, version=9):
        [answer] = client.call(
            OffsetCommit, version, group_id=group.id, member_id=member, generation_id_or_member_epoch=epoch,
            topics=[Topic(name=name, partitions=[Topic.Partitions(partition_index=0, committed_offset=5, committed_metadata="")])],
        ).topics  # fmt: skip
        return answer.partitions[0].error_code

    Asked = OffsetFetch.Request.Groups

    def fetch(member, epoch):
        [answer] = client.call(OffsetFetch, 9, groups=[Asked(
            group_id=group.id, member_id=member, member_epoch=epoch, topics=[Asked.Topics(name=name, partition_indexes=[0])]
        )]).groups  # fmt: skip
        return answer.error_code or answer.topics[0].partitions[0].committed_offset

    assert commit("a", 2) == errors.NONE
    assert commit("a", 1) == commit("a", 3) == errors.STALE_MEMBER_EPOCH
    assert commit("b", 2) == commit("", -1) == errors.UNKNOWN_MEMBER_ID
    assert commit("a", 2, version=8) == errors.UNSUPPORTED_VERSION
    assert fetch("a", 2) == fetch(None, -1) == 5
    assert fetch("a", 1) == errors.STALE_MEMBER_EPOCH and fetch("b", 2) == errors.UNKNOWN_MEMBER_ID


def test_the_classic_protocol_meets_a_streams_group(client, group, topic):
    topology = one_source(topic())
    group.join("a", topology)

    def join():
        return client.call(
            JoinGroup, 9, group_id=group.id, session_timeout_ms=10_000, rebalance_timeout_ms=10_000, member_id="", protocol_type="consumer",
            protocols=[JoinGroup.Request.Protocols(name="range", metadata=b"\0\0\0\0\0\0\0\0\0\0")],
        )  # fmt: skip

    answer = join()
    assert (answer.error_code, answer.member_id) == (errors.INCONSISTENT_GROUP_PROTOCOL, "")
    assert client.call(Heartbeat, 4, group_id=group.id, generation_id=2, member_id="a").error_code == errors.UNKNOWN_MEMBER_ID
    assert client.call(
        SyncGroup, 5, group_id=group.id, generation_id=2, member_id="a", protocol_type="consumer", protocol_name="range", assignments=[]
    ).error_code == errors.UNKNOWN_MEMBER_ID
    left = client.call(LeaveGroup, 5, group_id=group.id, members=[LeaveGroup.Request.Members(member_id="a")])
    assert (left.error_code, left.members[0].error_code) == (errors.NONE, errors.UNKNOWN_MEMBER_ID)
    group.beat("a", -1)
    assert join().error_code == errors.MEMBER_ID_REQUIRED
    assert tasks(group.join("a", topology).active_tasks) in ({"0": [0, 1]}, None)


@pytest.mark.parametrize("configs, message", [
    (dict(streams_session_timeout_ms="44999"), "streams.session.timeout.ms must be greater than or equal to group.streams.min.session.timeout.ms"),
    (dict(streams_heartbeat_interval_ms="15001"), "streams.heartbeat.interval.ms must be less than or equal to group.streams.max.heartbeat.interval.ms"),
    (dict(streams_num_standby_replicas="3"), "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas"),
    (dict(streams_assignment_interval_ms="15001"), "streams.assignment.interval.ms must be less than or equal to group.streams.max.assignment.interval.ms"),
])  # fmt: skip
def test_group_configs_have_bounds(group, configs, message):
    assert group.configure(**configs) == (errors.INVALID_CONFIG, message)


def test_a_changed_config_is_a_new_epoch(group, topic):
    group.join("a", one_source(topic()))
    group.configure(streams_num_standby_replicas="1", streams_heartbeat_interval_ms="6000")
    answer = group.has("a", 2, {"0": [0, 1]})
    assert (answer.member_epoch, answer.heartbeat_interval_ms) == (3, 6000)
