"""The language of rules, and that every place where a message names a topic is known: read off the declarations of all APIs."""

import pytest

from emulator.pipeline.rules import parse_rules
from emulator.pipeline.words import WordError
from emulator.pipeline.rules.naming import Prefix, Swap
from emulator.pipeline.rules.places import _ARRAYS, _FIELDS, _OF_TOPICS, _OF_TOPICS_IN, _REGEXES, _RESOURCES, places_of, renamed, retold, texts_of
from emulator.pipeline.answers.refusing import refuse
from wire import errors
from wire.apis import BY_KEY
from wire.apis.configs import DescribeConfigs
from wire.apis.groups import OffsetFetch
from wire.apis.streams_groups import StreamsGroupHeartbeat
from wire.record import Record

# Strings called `name` that are no topic's: the array that they are in.
OTHER_NAMES = {
    "protocols", "configs", "synonyms", "listeners", "supported_features", "finalized_features", "users", "deletions", "upsertions",
    "feature_updates", "features", "results", "responses", "endpoints", "config_resources",
}  # fmt: skip
OTHER_ARRAYS = {"configuration_keys", "groups_names", "coordinator_keys"}


def strings_of(fields, path=()):
    for field in fields:
        kind = field.type.kind
        if kind == "string" or kind == "array" and not field.type.fields and field.type.element.kind == "string":
            yield path, field.name, kind
        if field.type.fields:
            yield from strings_of(field.type.fields, (*path, field.name))


def test_every_string_that_may_be_a_topic_is_known_to_be_one_or_none():
    unknown = []
    for api in BY_KEY.values():
        for message in (api.request, api.response):
            for path, name, kind in strings_of(message.fields):
                array = path[-1] if path else None
                if "topic" in name:
                    known = name in (*_FIELDS, *_ARRAYS, *_REGEXES)
                elif name == "name":
                    known = array in _OF_TOPICS or (api.name, array) in _OF_TOPICS_IN or array in OTHER_NAMES
                elif kind == "array":
                    known = not name.endswith("names") or name in _ARRAYS or name in OTHER_ARRAYS
                else:
                    known = not name.startswith("resource_name") or name in _RESOURCES
                if not known:
                    unknown.append(f"{api.name}: {'.'.join((*path, name))}")
    assert not unknown


def rename(message, record):
    names = Prefix("a.")
    return renamed(record, places_of(message), names.to_cluster, names.regex_to_cluster)


def test_names_deep_in_a_message_are_found_and_the_message_stays():
    Groups = OffsetFetch.Request.Groups
    request = OffsetFetch.Request(groups=[Groups(group_id="g", topics=[Groups.Topics(name="t")]), Groups(group_id="all", topics=None)])
    told = rename(OffsetFetch.request, request)
    assert told.groups[0].topics[0].name == "a.t" and told.groups[1].topics is None
    assert request.groups[0].topics[0].name == "t"


def test_resources_are_topics_only_if_they_are():
    Resources = DescribeConfigs.Request.Resources
    told = rename(DescribeConfigs.request, DescribeConfigs.Request(resources=[Resources(resource_type=2, resource_name="t"), Resources(resource_type=4, resource_name="1")]))
    assert [one.resource_name for one in told.resources] == ["a.t", "1"]


def test_a_topology_names_topics_and_expressions():
    Topology = StreamsGroupHeartbeat.Request.Topology
    Subtopologies = Topology.Subtopologies
    one = Subtopologies(subtopology_id="0", source_topics=["in"], source_topic_regex=["i.*"], repartition_sink_topics=["r"],
                        state_changelog_topics=[Subtopologies.StateChangelogTopics(name="c", partitions=0, replication_factor=0)],
                        copartition_groups=[Subtopologies.CopartitionGroups(source_topics=[0], source_topic_regex=[0], repartition_source_topics=[])])
    [told] = rename(StreamsGroupHeartbeat.request, StreamsGroupHeartbeat.Request(topology=Topology(epoch=0, subtopologies=[one]))).topology.subtopologies
    assert (told.source_topics, told.source_topic_regex, told.repartition_sink_topics) == (["a.in"], [r"a\.(?:i.*)"], ["a.r"])
    assert told.state_changelog_topics[0].name == "a.c"
    assert told.copartition_groups == one.copartition_groups  # places in those lists


@pytest.mark.parametrize("names, text, told", [
    (Prefix("a."), "Topics a.one, 'a.two' and a.a.three. Not a, nor ba.x: a.", "Topics one, 'two' and a.three. Not a, nor ba.x: a."),
    (Prefix("t"), "topic tone and one of others: ttwo", "topic one and one of others: ttwo"),
    (Swap("one", "two"), "two, one: none of two-x", "one, two: none of two-x"),
])  # fmt: skip
def test_topics_in_texts_are_those_of_the_client(names, text, told):
    named = {names.to_cluster(one): one for one in ("one", "two", "two-x")} if isinstance(names, Swap) else {names.to_cluster("one"): "one"}
    response = StreamsGroupHeartbeat.Response(error_message=text, status=[StreamsGroupHeartbeat.Response.Status(status_code=1, status_detail=text)])
    found = retold(response, texts_of(StreamsGroupHeartbeat.response), lambda one: names.text_to_client(one, named))
    assert (found.error_message, found.status[0].status_detail) == (told, told)
    assert (response.error_message, response.status[0].status_detail) == (text, text)


@pytest.mark.parametrize("regex, told", [
    ("^orders.*", "orders.*"), ("^a|^b$", "a|b$"), (r"[^a]\^x", r"[^a]\^x"), (r"\Aa[]^]^", "a[]^]"), (r"\Q^a\E^b", r"\Q^a\Eb"), ("[[:alpha:]^]+", "[[:alpha:]^]+"),
])  # fmt: skip
def test_a_name_does_not_begin_behind_a_prefix(regex, told):
    assert Prefix("p.").regex_to_cluster(regex) == rf"p\.(?:{told})"


def test_a_regex_comes_back_as_it_was():
    names = Prefix("a.b+")
    assert names.regex_to_client(names.regex_to_cluster("x|y")) == "x|y"


@pytest.mark.parametrize("spec, why", [
    ({}, "a rule says which: rule: "),
    ({"rule": "prefixx", "prefix": "a"}, "no rule prefixx: did you mean prefix?"),
    ({"rule": "prefix"}, "rule prefix needs prefix"),
    ({"rule": "prefix", "prefix": "a/"}, "prefix a/: expected what topics may be called"),
    ({"rule": "prefix", "prefix": "a", "api": "Fetch"}, "no word of rule prefix called api: there are prefix, client, listener"),
    ({"rule": "rename", "topic": "a"}, "rule rename needs to"),
    ({"rule": "rename", "topic": "a", "to": "a"}, "rename: a has that name already"),
    ({"rule": "deny"}, "rule deny needs api, client, listener or topic"),
    ({"rule": "deny", "api": "Metadata"}, "no client does without Metadata; deny topics of it"),
    ({"rule": "deny", "api": "Heartbeat", "topic": "a"}, "topic: Heartbeat names no topics"),
    ({"rule": "read-only", "topic": "a"}, "no word of rule read-only called topic"),
    ({"rule": "log", "api": "Fetsch"}, "no API Fetsch: did you mean Fetch?"),
    ({"rule": "log", "client": ""}, "client: expected a text"),
    ({"rule": "log", "listener": "PLAIN"}, "no listener PLAIN: did you mean PLAINTEXT?"),
    ({"rule": "plugin", "function": "nowhere:f"}, "of the loader"),
])  # fmt: skip
def test_mistakes_are_named(spec, why):
    def load(name):
        raise WordError("of the loader")

    with pytest.raises(WordError) as error:
        parse_rules([spec], BY_KEY.values(), lambda: 0, load, ["PLAINTEXT"])
    assert why in str(error.value)


# -- refusals -------------------------------------------------------------------------------------


def sample(cls, fields, version):
    """A record with one thing in each of its lists."""
    record = cls()
    for field in fields:
        if version not in field.type.versions:
            continue
        if field.type.kind == "array":
            one = sample(getattr(cls, field.class_name), field.type.fields, version) if field.type.fields else {"string": "a"}.get(field.type.element.kind, 1)
            setattr(record, field.name, [one])
        elif field.name in ("name", "topic", "topic_name", "group_id", "resource_name", "user"):
            setattr(record, field.name, "a")
    return record


@pytest.mark.parametrize("api, version", [(api, version) for api in BY_KEY.values() for version in api.versions if api.name not in ("ApiVersions",)], ids=str)
def test_each_request_can_be_refused(api, version):
    request = sample(api.Request, api.request.fields, version)
    response, out = refuse(api, version, request, errors.CLUSTER_AUTHORIZATION_FAILED, "no"), []
    api.build_response(version)(response, out)
    told, _ = api.parse_response(version)(b"".join(map(bytes, out)))
    assert errors.CLUSTER_AUTHORIZATION_FAILED in set(codes_of(told)), told


def codes_of(record):
    for name in record.fields_in_order:
        value = getattr(record, name)
        if name in ("error_code", "partition_error_code"):
            yield value
        for one in value if isinstance(value, (list, tuple)) else ():
            if isinstance(one, Record):
                yield from codes_of(one)
