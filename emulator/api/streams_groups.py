"""StreamsGroupHeartbeat, StreamsGroupDescribe: groups of the streams protocol (KIP-1071).

Source: KafkaApis.handleStreamsGroupHeartbeat, handleStreamsGroupDescribe of Kafka 4.3.1.
"""

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.groups.describe import describe
from emulator.api.registry import handles
from emulator.state.cluster import names
from emulator.state.groups.streams.messages import MISSING_INTERNAL_TOPICS, StreamsHeartbeat
from emulator.state.java import hash_order, string_hash
from wire import errors
from wire.apis.streams_groups import StreamsGroupDescribe, StreamsGroupHeartbeat
from wire.errors import KafkaError
from wire.internal.streams_groups import StreamsGroupTopology

Response = StreamsGroupHeartbeat.Response


@handles(StreamsGroupHeartbeat, feature="streams.version")
def streams_group_heartbeat(request, call, configs, groups, internal_topics):
    reply = StreamsGroupHeartbeat.reply
    if not call.allowed("read", "group", request.group_id):
        return reply(error_code=errors.GROUP_AUTHORIZATION_FAILED)
    try:
        if request.topology is not None:
            _check_topics(request.topology, call)
        answer = groups.streams.heartbeat(request.group_id, _heartbeat(request, call))
    except KafkaError as refusal:
        return reply(error_code=refusal.error, error_message=refusal.message)
    status = dict(answer.status)
    if answer.missing_topics:
        interval = configs.group(request.group_id).streams_heartbeat_interval_ms
        trouble = _create(answer.missing_topics, call, internal_topics, 2 * interval)
        if trouble:
            status[MISSING_INTERNAL_TOPICS] += f"; {trouble}."
    return reply(
        member_id=answer.member_id,
        member_epoch=answer.member_epoch,
        heartbeat_interval_ms=answer.heartbeat_interval_ms,
        status=[Response.Status(status_code=code, status_detail=detail) for code, detail in status.items()],
        endpoint_information_epoch=answer.endpoint_epoch,
        partitions_by_user_endpoint=_endpoints(answer.endpoints),
        **_tasks(answer.tasks),
    )


def _check_topics(topology, call):
    """Raise KafkaError for topics that no topology may have to do with, or that this client may not see."""
    wanted = {}
    for each in topology.subtopologies:
        wanted.update(dict.fromkeys(each.source_topics))
        wanted.update(dict.fromkeys(each.repartition_sink_topics))
        wanted.update((topic.name, None) for topic in (*each.repartition_source_topics, *each.state_changelog_topics))
    prohibited = [name for name in wanted if name in names.INTERNAL]
    if prohibited:
        raise KafkaError(
            errors.STREAMS_INVALID_TOPOLOGY,
            f"Use of Kafka internal topics {','.join(prohibited)} in a Kafka Streams topology is prohibited.",
        )
    invalid = [name for name in wanted if not names.is_valid(name)]
    if invalid:
        raise KafkaError(errors.STREAMS_INVALID_TOPOLOGY, f"Topic names {','.join(invalid)} are not valid topic names.")
    if not all(call.allowed("describe", "topic", name) for name in wanted):
        raise KafkaError(errors.TOPIC_AUTHORIZATION_FAILED)


def _heartbeat(request, call):
    endpoint = request.user_endpoint
    return StreamsHeartbeat(
        request.member_id,
        request.member_epoch,
        call.client_id or "",
        f"/{call.client_host}",
        request.endpoint_information_epoch,
        request.instance_id,
        request.rack_id,
        request.rebalance_timeout_ms,
        None if request.topology is None else _topology(request.topology),
        *(_pairs(tasks) for tasks in (request.active_tasks, request.standby_tasks, request.warmup_tasks)),
        request.process_id,
        None if endpoint is None else (endpoint.host, endpoint.port),
        None if request.client_tags is None else {tag.key: tag.value for tag in request.client_tags},
        request.task_offsets is not None,
        request.task_end_offsets is not None,
        request.shutdown_application,
        call.connection,
    )


def _pairs(tasks):
    return None if tasks is None else [(ids.subtopology_id, ids.partitions) for ids in tasks]


def _topology(topology):
    """As a record keeps it."""
    Subtopology = StreamsGroupTopology.Value.Subtopologies

    def topics(Info, asked):
        return [
            Info(
                name=topic.name,
                partitions=topic.partitions,
                replication_factor=topic.replication_factor,
                topic_configs=[Info.TopicConfigs(key=config.key, value=config.value) for config in topic.topic_configs],
            )
            for topic in asked
        ]

    return StreamsGroupTopology.Value(
        epoch=topology.epoch,
        subtopologies=[
            Subtopology(
                subtopology_id=each.subtopology_id,
                source_topics=each.source_topics,
                source_topic_regex=each.source_topic_regex,
                state_changelog_topics=topics(Subtopology.StateChangelogTopics, each.state_changelog_topics),
                repartition_sink_topics=each.repartition_sink_topics,
                repartition_source_topics=topics(Subtopology.RepartitionSourceTopics, each.repartition_source_topics),
                copartition_groups=[
                    Subtopology.CopartitionGroups(
                        source_topics=group.source_topics,
                        source_topic_regex=group.source_topic_regex,
                        repartition_source_topics=group.repartition_source_topics,
                    )
                    for group in each.copartition_groups
                ],
            )
            for each in topology.subtopologies
        ],
    )


def _create(missing, call, internal_topics, wait_ms):
    """Make the internal topics that a topology misses; gives what is to be said about it, or None."""
    if not call.may("create", "cluster", CLUSTER_NAME):
        refused = [name for name in missing if not call.allowed("create", "topic", name)]
        if refused:
            return f"Unauthorized to CREATE on topics {', '.join(refused)}"
    known = internal_topics.errors(missing)
    internal_topics.create(missing.values(), wait_ms)
    if not known:
        return None
    told = ", ".join(f"{name} ({error})" for name, error in known[:3])
    return f"Creation failed: {told}" + (f" and {len(known) - 3} more" if len(known) > 3 else "")


def _tasks(tasks):
    if tasks is None:
        return {}
    return {
        f"{kind}_tasks": [
            getattr(Response, f"{kind.capitalize()}Tasks")(subtopology_id=one, partitions=sorted(held[one]))
            for one in hash_order(held, string_hash)
        ]
        for kind, held in zip(tasks._fields, tasks)
    }


def _endpoints(endpoints):
    if endpoints is None:
        return None
    Served = Response.PartitionsByUserEndpoint
    return [
        Served(
            user_endpoint=Served.UserEndpoint(host=host, port=port),
            active_partitions=[Served.ActivePartitions(topic=topic, partitions=partitions) for topic, partitions in active],
            standby_partitions=[Served.StandbyPartitions(topic=topic, partitions=partitions) for topic, partitions in standby],
        )
        for (host, port), active, standby in endpoints
    ]


# -- StreamsGroupDescribe --------------------------------------------------------------------------


@handles(StreamsGroupDescribe, feature="streams.version")
def streams_group_describe(request, call, groups):
    unseen = "The described group uses topics that the client is not authorized to describe."
    return describe(StreamsGroupDescribe, request, call, groups.streams.get, _described, _topics_of, unseen)


def _topics_of(answer):
    for each in answer.topology.subtopologies if answer.topology else ():
        yield from (*each.source_topics, *each.repartition_sink_topics)
        yield from (topic.name for topic in (*each.repartition_source_topics, *each.state_changelog_topics))


def _described(group):
    Group = StreamsGroupDescribe.Response.Groups
    Member = Group.Members
    Endpoint = Member.UserEndpoint

    def tasks(Assignment, held):
        return Assignment(**{
            f"{kind}_tasks": [
                getattr(Assignment, f"{kind.capitalize()}Tasks")(subtopology_id=one, partitions=sorted(each[one])) for one in sorted(each)
            ]
            for kind, each in zip(held._fields, held)
        })  # fmt: skip

    return Group(
        group_id=group.group_id,
        group_state=group.state,
        group_epoch=group.group_epoch,
        assignment_epoch=group.assignment_epoch,
        topology=_described_topology(Group.Topology, group),
        members=[
            Member(
                member_id=member.member_id,
                member_epoch=member.member_epoch,
                instance_id=member.instance_id,
                rack_id=member.rack_id,
                client_id=member.client_id,
                client_host=member.client_host,
                topology_epoch=member.topology_epoch,
                process_id=member.process_id,
                user_endpoint=None if member.user_endpoint is None else Endpoint(host=member.user_endpoint[0], port=member.user_endpoint[1]),
                client_tags=[Member.ClientTags(key=key, value=value) for key, value in member.client_tags.items()],
                assignment=tasks(Member.Assignment, member.assigned),
                target_assignment=tasks(Member.TargetAssignment, group.target_of(member.member_id)),
            )
            for member in group.members.values()
        ],
    )


def _described_topology(Topology, group):
    """With the numbers of partitions that were decided, as far as they were."""
    Subtopology = Topology.Subtopologies

    def infos(Info, topics):
        return [
            Info(
                name=name,
                partitions=partitions,
                replication_factor=replication_factor,
                topic_configs=[Info.TopicConfigs(key=key, value=value) for key, value in settings.items()],
            )
            for name, partitions, replication_factor, settings in sorted(topics, key=lambda topic: topic[0])
        ]

    def brought(topics):
        return [
            (topic.name, topic.partitions, topic.replication_factor, {config.key: config.value for config in topic.topic_configs})
            for topic in topics
        ]

    configured = group.configured
    is_ready = configured is not None and configured.problem is None
    subtopologies = []
    for one, each in sorted(group.topology.subtopologies.items()):
        if is_ready:
            known = configured.subtopologies[one]
            repartition, changelog = known.repartition_sources.values(), known.changelogs.values()
        else:
            repartition, changelog = brought(each.repartition_source_topics), brought(each.state_changelog_topics)
        subtopologies.append(
            Subtopology(
                subtopology_id=one,
                source_topics=sorted(each.source_topics),
                repartition_sink_topics=sorted(each.repartition_sink_topics),
                state_changelog_topics=infos(Subtopology.StateChangelogTopics, changelog),
                repartition_source_topics=infos(Subtopology.RepartitionSourceTopics, repartition),
            )
        )
    return Topology(epoch=group.topology.epoch, subtopologies=subtopologies)
