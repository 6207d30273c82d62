"""CreateTopics, DeleteTopics, CreatePartitions."""

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.registry import handles
from emulator.state.cluster import NewTopic
from emulator.state.cluster.names import CLUSTER_METADATA
from wire import errors
from wire.apis.topics import CreatePartitions, CreateTopics, DeleteTopics
from wire.errors import KafkaError
from wire.types import ZERO_UUID

# Errors that Kafka sends with their general description.
_UNKNOWN_NAME = "This server does not host this topic-partition."
_UNKNOWN_ID = "This server does not host this topic ID."
_NOT_AUTHORIZED = "Authorization failed."


def _once(names):
    """(the names that stand there once, those that stand there more than once), both in order."""
    seen = {}
    for name in names:
        seen[name] = name in seen
    return [name for name, again in seen.items() if not again], [name for name, again in seen.items() if again]


@handles(CreateTopics)
def create_topics(request, call, cluster, quotas):
    quota = quotas.mutations(call, strict=call.version >= 6)  # v6+: refused rather than slowed down (KIP-599)
    try:
        if request.timeout_ms <= 0:
            raise KafkaError(errors.REQUEST_TIMED_OUT)  # Kafka's controller finds it too late already
        topics = _create(request, call, cluster, quota)
        return CreateTopics.reply(topics=topics, throttle_time_ms=quota.throttle_time_ms)
    except KafkaError as error:
        return CreateTopics.reply(topics=[_refused(topic.name, error) for topic in request.topics])


def _create(request, call, cluster, quota):
    once, twice = _once(topic.name for topic in request.topics)
    everywhere = call.may("create", "cluster", CLUSTER_NAME)
    allowed = {name for name in once if name != CLUSTER_METADATA and (everywhere or call.allowed("create", "topic", name))}
    wanted = [topic for topic in request.topics if topic.name in allowed]
    made = cluster.create_topics([_new_topic(topic) for topic in wanted], request.validate_only, quota.charge, in_turns=True)
    answers = []
    for topic, result in zip(wanted, made):
        if isinstance(result, KafkaError):
            answers.append(_refused(topic.name, result))
        else:
            answers.append(_created(result, topic.configs, call, cluster))
    answers += [_refused(name, KafkaError(errors.INVALID_REQUEST, "Duplicate topic name.")) for name in twice]
    for name in once:
        if name == CLUSTER_METADATA:
            answers.append(_refused(name, KafkaError(errors.INVALID_REQUEST, f"Creation of internal topic {name} is prohibited.")))
        elif name not in allowed:
            answers.append(_refused(name, KafkaError(errors.TOPIC_AUTHORIZATION_FAILED, _NOT_AUTHORIZED)))
    return answers


def _new_topic(topic):
    return NewTopic(
        topic.name,
        topic.num_partitions,
        topic.replication_factor,
        [(assignment.partition_index, assignment.broker_ids) for assignment in topic.assignments],
        [(config.name, config.value) for config in topic.configs],
    )


def _created(topic, asked, call, cluster):
    Topic = CreateTopics.Response.Topics
    answer = Topic(name=topic.name, topic_id=topic.topic_id, error_message=None, configs=[])
    if call.version < 5:
        return answer
    if not call.allowed("describe_configs", "topic", topic.name):
        answer.topic_config_error_code = errors.TOPIC_AUTHORIZATION_FAILED
        return answer
    answer.num_partitions = len(topic.partitions)
    answer.replication_factor = topic.replication_factor
    overrides = {config.name: config.value for config in asked}
    answer.configs = [
        Topic.Configs(name=name, value=value, read_only=False, config_source=source, is_sensitive=False)
        for name, value, source in cluster.configs.describe_new_topic(overrides)
    ]
    return answer


def _refused(name, error):
    return CreateTopics.Response.Topics(name=name, error_code=error.error, error_message=error.message, configs=[])


@handles(DeleteTopics)
def delete_topics(request, call, cluster, quotas):
    asked = [(topic.name, topic.topic_id) for topic in request.topics] if call.version >= 6 else [(name, ZERO_UUID) for name in request.topic_names]
    if not cluster.configs.settings.delete_topic_enable:
        error = KafkaError(errors.TOPIC_DELETION_DISABLED) if call.version >= 3 else KafkaError(errors.INVALID_REQUEST, "Topic deletion is disabled.")
        return DeleteTopics.reply(responses=[_deletion(name, topic_id, error) for name, topic_id in asked])
    answers, doomed = [], _resolve(asked, call, cluster)
    # Kafka's time is over before it looks the first one up; what has no sense is refused before that.
    if request.timeout_ms <= 0 and not all(error and error.error == errors.INVALID_REQUEST for _, _, error in doomed):
        return DeleteTopics.reply(responses=[_deletion(name, topic_id, KafkaError(errors.REQUEST_TIMED_OUT)) for name, topic_id in asked])
    quota = quotas.mutations(call, strict=call.version >= 5)
    for name, topic_id, error in doomed:
        if error is None:
            error = _delete(topic_id, cluster, quota)
        answers.append(_deletion(name, topic_id, error))
    return DeleteTopics.reply(responses=answers, throttle_time_ms=quota.throttle_time_ms)


def _delete(topic_id, cluster, quota):
    """Delete it; the KafkaError where that is too much, or the disk does not take it."""
    try:
        quota.charge(len(cluster.topics_by_id[topic_id].partitions))
        cluster.delete_topic(topic_id)
    except KafkaError as error:
        return error
    return None


def _resolve(asked, call, cluster):
    """(name, topic id, KafkaError or None) for each topic asked for, by name or (v6+) by id (ControllerApis).

    Who may not see a topic does not learn that there is one of that name, nor what an id is called.
    """
    everywhere = call.may("delete", "cluster", CLUSTER_NAME)

    def may(operation, name):
        return everywhere or call.allowed(operation, "topic", name)

    denied = KafkaError(errors.TOPIC_AUTHORIZATION_FAILED, "Topic authorization failed.")
    invalid = lambda text: KafkaError(errors.INVALID_REQUEST, text)  # noqa: E731
    answers = []
    for name, topic_id in asked:
        if name is None and topic_id == ZERO_UUID:
            answers.append((None, ZERO_UUID, invalid("Neither topic name nor id were specified.")))
        elif name is not None and topic_id != ZERO_UUID:
            answers.append((name, topic_id, invalid("You may not specify both topic name and topic id.")))
    names, twice = _once(name for name, topic_id in asked if name is not None and topic_id == ZERO_UUID)
    answers += [(name, ZERO_UUID, invalid("Duplicate topic name.")) for name in twice]
    ids, twice = _once(topic_id for name, topic_id in asked if name is None and topic_id != ZERO_UUID)
    answers += [(None, topic_id, invalid("Duplicate topic id.")) for topic_id in twice]
    doomed = {}
    for topic_id in ids:
        topic = cluster.topics_by_id.get(topic_id)
        if topic is None:
            answers.append((None, topic_id, KafkaError(errors.UNKNOWN_TOPIC_ID, _UNKNOWN_ID)))
        elif not may("delete", topic.name):
            answers.append((topic.name if may("describe", topic.name) else None, topic_id, denied))
        else:
            doomed[topic_id] = topic.name
    for name in names:
        topic = cluster.topics.get(name)
        if not may("describe", name):
            answers.append((name, ZERO_UUID, denied))
        elif topic is None:
            answers.append((name, ZERO_UUID, KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION, _UNKNOWN_NAME)))
        elif not may("delete", name):
            answers.append((name, ZERO_UUID, denied))
        elif topic.topic_id in doomed or topic.topic_id in twice:
            doomed.pop(topic.topic_id, None)
            answers.append((name, topic.topic_id, invalid("The provided topic name maps to an ID that was already supplied.")))
        else:
            doomed[topic.topic_id] = name
    return answers + [(name, topic_id, None) for topic_id, name in doomed.items()]


def _deletion(name, topic_id, error):
    answer = DeleteTopics.Response.Responses(name=name, topic_id=topic_id)
    if error is not None:
        answer.error_code, answer.error_message = error.error, error.message
    return answer


@handles(CreatePartitions)
def create_partitions(request, call, cluster, quotas):
    Result = CreatePartitions.Response.Results
    if request.timeout_ms <= 0:
        return CreatePartitions.reply(results=[Result(name=topic.name, error_code=errors.REQUEST_TIMED_OUT, error_message=None) for topic in request.topics])
    quota = quotas.mutations(call, strict=call.version >= 3)
    once, twice = _once(topic.name for topic in request.topics)
    results = [Result(name=name, error_code=errors.INVALID_REQUEST, error_message="Duplicate topic name.") for name in twice]
    for topic in request.topics:
        if topic.name not in once:
            continue
        result = Result(name=topic.name, error_message=None)
        try:
            if not call.allowed("alter", "topic", topic.name):
                raise KafkaError(errors.TOPIC_AUTHORIZATION_FAILED)
            assignments = None if topic.assignments is None else [one.broker_ids for one in topic.assignments]
            cluster.create_partitions(topic.name, topic.count, assignments, request.validate_only, quota.charge, in_turns=True)
        except KafkaError as error:
            result.error_code, result.error_message = error.error, error.message
        results.append(result)
    return CreatePartitions.reply(results=results, throttle_time_ms=quota.throttle_time_ms)
