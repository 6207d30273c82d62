"""DescribeConfigs, AlterConfigs, IncrementalAlterConfigs, ListConfigResources: of topics, brokers, groups, loggers and client metrics."""

from collections import Counter
from functools import partial

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.registry import handles
from emulator.state import loggers
from emulator.state.cluster import names
from emulator.state.configs.alter import (
    SET, alter_broker, alter_client_metrics, alter_group, alter_topic, check_kinds, check_operations, replacing,
)  # fmt: skip
from emulator.state.configs.definition import TYPE_IDS
from emulator.state.configs.topic import TOPIC as TOPIC_KEYS
from wire import errors
from wire.apis.configs import AlterConfigs, DescribeConfigs, IncrementalAlterConfigs, ListConfigResources
from wire.errors import KafkaError
from wire.record import Built

# ConfigResource.Type
_KINDS = TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32

# What one must be allowed, by kind; the rest is the cluster's.
_GUARDS = {
    TOPIC: ("topic", errors.TOPIC_AUTHORIZATION_FAILED, "Topic authorization failed."),
    GROUP: ("group", errors.GROUP_AUTHORIZATION_FAILED, "Group authorization failed."),
}
_CLUSTER = "cluster", errors.CLUSTER_AUTHORIZATION_FAILED, "Cluster authorization failed."

_KEPT = 64  # descriptions: those of all topics without configs of their own are one
_DYNAMIC_BROKER_LOGGER_CONFIG = 6  # where a level comes from

_Result = DescribeConfigs.Response.Results
_Config = _Result.Configs
_MALFORMED = (
    "This most likely occurs because of a request being malformed by the client library or the message was sent to an"
    " incompatible broker. See the broker logs for more details."
)


@handles(DescribeConfigs)
def describe_configs(request, call, configs, cluster):
    if not all(resource.resource_type in _KINDS for resource in request.resources):
        return DescribeConfigs.reply(results=[
            _Result(error_code=errors.INVALID_REQUEST, error_message=_MALFORMED, resource_type=one.resource_type, resource_name=one.resource_name)
            for one in request.resources
        ])  # fmt: skip
    results = []
    for resource in request.resources:
        kind, name = resource.resource_type, resource.resource_name
        result = _Result(resource_type=kind, resource_name=name)
        try:
            if refusal := _denied("describe_configs", kind, name, call):
                raise refusal
            keys = resource.configuration_keys
            if kind == BROKER_LOGGER:
                result.configs = _levels(name, configs, keys)
            else:
                depends_on, describe = _description(kind, name, configs, cluster, keys)
                if depends_on and not keys:
                    result.configs = _told(depends_on, describe, request, call, configs)
                else:
                    result.configs = [_described(entry, request) for entry in describe() if not keys or entry.key.name in keys]
        except KafkaError as error:
            result.error_code, result.error_message = error.error, error.message or ""
        results.append(result)
    return DescribeConfigs.reply(results=results)


def _denied(operation, kind, name, call):
    """The KafkaError of a client that may not do `operation` with the configs of a resource, or None."""
    resource_type, error, message = _GUARDS.get(kind, _CLUSTER)
    if call.allowed(operation, resource_type, CLUSTER_NAME if resource_type == "cluster" else name):
        return None
    return KafkaError(error, message)


def _told(depends_on, describe, request, call, configs):
    """Every config that `describe` gives, as it was built when last asked for."""
    form = *depends_on, call.version, request.include_synonyms, request.include_documentation
    found = configs.told.get(form)
    if found is None:
        build = DescribeConfigs.response.element_builder(call.version, "results", "configs")
        found = Built(build(_described(entry, request)) for entry in describe())
        if len(configs.told) >= _KEPT:
            configs.told.clear()
        configs.told[form] = found
    return found


def _description(kind, name, configs, cluster, keys):
    """(what its answer depends on beside the broker configs, or None; a function that gives its entries)"""
    if kind == TOPIC:
        names.check(name)
        if name not in cluster.topics:
            raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION)
        return ("topic", *configs.topics.get(name, {}).items()), partial(configs.describe_topic, name)
    if kind == GROUP:
        if not name:
            raise KafkaError(errors.INVALID_REQUEST, "Group name must not be empty")
        return None, partial(configs.describe_group, name)
    if kind == BROKER:
        if not name:
            return None, configs.describe_default_broker
        if _broker_id(name, "Broker") != int(configs.node):
            raise KafkaError(errors.INVALID_REQUEST, f"Unexpected broker id, expected {configs.node} or empty string, but received {name}")
        return ("broker",), partial(configs.describe_broker, keys)
    if not name:
        raise KafkaError(errors.INVALID_REQUEST, "Client metrics subscription name must not be empty")
    return None, partial(configs.describe_client_metrics, name)


def _levels(name, configs, keys):
    """The levels of this broker's loggers, as configs."""
    if not name:
        raise KafkaError(errors.INVALID_REQUEST, "Broker id must not be empty")
    if _broker_id(name, "Broker") != int(configs.node):
        raise KafkaError(errors.INVALID_REQUEST, f"Unexpected broker id, expected {configs.node} but received {name}")
    return [
        _Config(name=logger, value=level, config_source=_DYNAMIC_BROKER_LOGGER_CONFIG, documentation="")
        for logger, level in loggers.levels().items()
        if not keys or logger in keys
    ]


def _described(entry, request):
    documentation = None
    if request.include_documentation:
        from emulator.state.configs.documentation import documentation_of  # texts that seldom anybody reads

        documentation = documentation_of(entry.key)
    return _Config(
        name=entry.key.name,
        value=entry.value,
        read_only=entry.read_only,
        is_sensitive=entry.key.sensitive,
        config_source=entry.source,
        synonyms=[_Config.Synonyms(name=name, value=value, source=source) for name, value, source in entry.synonyms]
        if request.include_synonyms
        else [],
        config_type=TYPE_IDS[entry.key.type],
        documentation=documentation,
    )


def _broker_id(name, what):
    try:
        return int(name)
    except ValueError:
        raise KafkaError(errors.INVALID_REQUEST, f"{what} id must be an integer, but it is: {name}") from None


@handles(IncrementalAlterConfigs)
def incremental_alter_configs(request, call, configs, cluster):
    Response = IncrementalAlterConfigs.Response.Responses
    return IncrementalAlterConfigs.reply(responses=_alter_all(request, Response, _operations, call, configs, cluster))


@handles(AlterConfigs)
def alter_configs(request, call, configs, cluster):
    """What is not named goes back to its default."""

    def operations(resource):
        if resource.resource_type == TOPIC:
            current = configs.topics.get(resource.resource_name, {})
        elif resource.resource_type == GROUP:
            current = configs.groups.get(resource.resource_name, {})
        elif resource.resource_type == CLIENT_METRICS:
            current = configs.client_metrics.get(resource.resource_name)
        else:
            current = configs.dynamic_broker if resource.resource_name else configs.dynamic_default
        return replacing(current, [(config.name, config.value) for config in resource.configs])

    return AlterConfigs.reply(responses=_alter_all(request, AlterConfigs.Response.Responses, operations, call, configs, cluster))


def _alter_all(request, Response, operations, call, configs, cluster):
    asked = [(resource.resource_type, resource.resource_name) for resource in request.resources]
    times = Counter(asked)
    stumbles = Response is IncrementalAlterConfigs.Response.Responses and _stumbles(request, times, call)
    responses = []
    for resource, (kind, name) in zip(request.resources, asked):
        response = Response(resource_type=kind, resource_name=name, error_message=None)
        try:
            if times[kind, name] > 1:
                raise KafkaError(errors.INVALID_REQUEST, "Each resource must appear at most once.")
            check_operations(_operations(resource))
            if kind == BROKER_LOGGER and Response is IncrementalAlterConfigs.Response.Responses:  # which came with it (KIP-412)
                _alter_levels(name, operations(resource), request.validate_only, call, configs)
            else:
                if kind == BROKER or not stumbles:  # brokers look at their own configs before the controller does
                    _alter(kind, name, operations(resource), request.validate_only or stumbles, call, configs, cluster)
                if stumbles:
                    raise KafkaError(errors.UNKNOWN_SERVER_ERROR)
        except KafkaError as error:
            response.error_code, response.error_message = error.error, error.message
        responses.append(response)
    return responses


def _operations(resource):
    return [(one.name, getattr(one, "config_operation", SET), one.value) for one in resource.configs]


def _stumbles(request, times, call):
    """Whether an operation that is none gets as far as Kafka's controller, which then alters nothing of the whole request."""
    for resource in request.resources:
        if _denied("alter_configs", resource.resource_type, resource.resource_name, call):
            continue
        keys = {TOPIC: TOPIC_KEYS, GROUP: (), CLIENT_METRICS: ()}.get(resource.resource_type)
        if keys is None or times[resource.resource_type, resource.resource_name] > 1:
            continue
        try:
            check_operations(_operations(resource))
            check_kinds(_operations(resource), keys)
        except KafkaError as refusal:
            if refusal.error == errors.UNKNOWN_SERVER_ERROR:
                return True
    return False


def _alter_levels(name, operations, validate_only, call, configs):
    if not call.allowed("alter_configs", "cluster", CLUSTER_NAME):
        raise KafkaError(errors.CLUSTER_AUTHORIZATION_FAILED)
    if _broker_id(name, "Node") != int(configs.node):
        raise KafkaError(errors.INVALID_REQUEST, f"Unexpected node id. Expected {configs.node}, but received {int(name)}")
    (loggers.check if validate_only else loggers.alter)(operations)


def _alter(kind, name, operations, validate_only, call, configs, cluster):
    if kind in (TOPIC, GROUP, CLIENT_METRICS) and (refusal := _denied("alter_configs", kind, name, call)):
        raise refusal
    if kind == TOPIC:
        check_kinds(operations, TOPIC_KEYS)
        if not name:
            raise KafkaError(errors.INVALID_REQUEST, "Default topic resources are not allowed.")
        names.check(name)
        exists = name in cluster.topics
        # What is wrong with the configs is said before whether there is such a topic.
        alter_topic(configs, name, operations, validate_only or not exists)
        if not exists:
            raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION, f"The topic '{name}' does not exist.")
    elif kind == BROKER:
        if name and _broker_id(name, "Node") != int(configs.node):
            raise KafkaError(errors.INVALID_REQUEST, f"Unexpected broker id, expected {configs.node}, but received {name}")
        alter_broker(configs, bool(name), operations, validate_only, _denied("alter_configs", kind, name, call))
    elif kind == GROUP:
        check_kinds(operations)
        if not name:
            raise KafkaError(errors.INVALID_REQUEST, "Default group resources are not allowed.")
        alter_group(configs, name, operations, validate_only)
    elif kind == CLIENT_METRICS:
        check_kinds(operations)
        alter_client_metrics(configs, name, operations, validate_only)
    else:
        raise KafkaError(errors.INVALID_REQUEST, f"Unknown resource type {kind}")


@handles(ListConfigResources)
def list_config_resources(request, call, configs, cluster):
    """What has, or may have, configs, by kind; v0 knows client metrics only."""
    Resource = ListConfigResources.Response.ConfigResources
    if not call.allowed("describe_configs", "cluster", CLUSTER_NAME):
        return ListConfigResources.reply(error_code=errors.CLUSTER_AUTHORIZATION_FAILED)
    asked = request.resource_types if call.version else [CLIENT_METRICS]
    brokers = [str(broker.id) for broker in cluster.brokers.values() if call.listener in broker.endpoints and not broker.fenced]
    known = {GROUP: configs.groups, CLIENT_METRICS: configs.client_metrics.names(), BROKER_LOGGER: brokers, BROKER: brokers, TOPIC: cluster.topics}
    if not set(asked) <= set(known):
        return ListConfigResources.reply(error_code=errors.UNSUPPORTED_VERSION)
    build, form = ListConfigResources.response.element_builder(call.version, "config_resources"), (ListConfigResources, call.version)
    found = Built()
    for kind, all_names in known.items():
        if not asked or kind in asked:
            if kind == TOPIC:
                found += [topic.told.get(form) or _named(topic, form, build) for topic in cluster.topics.values()]
            else:
                found += [build(Resource(resource_name=name, resource_type=kind)) for name in all_names]
    return ListConfigResources.reply(config_resources=found)


def _named(topic, form, build):
    """A topic in a list of what may have configs."""
    told = build(ListConfigResources.Response.ConfigResources(resource_name=topic.name, resource_type=TOPIC))
    topic.tell(form, told)
    return told
