"""What answers say of what was asked: every list of every request has its list in the answer, or stands here with why not."""

import pytest

from emulator.pipeline.answers.readable import readable
from emulator.pipeline.answers.refusing import refuse
from emulator.pipeline.answers.shapes import shape_of
from tests.pipeline.test_rules import sample
from wire import errors
from wire.apis import BY_KEY
from wire.apis.groups import OffsetFetch
from wire.apis.transactions import WriteTxnMarkers
from wire.record import Built

UNANSWERED = {
    "who asks is answered as a whole": {
        ("JoinGroup", "protocols"), ("SyncGroup", "assignments"), ("ConsumerGroupHeartbeat", "subscribed_topic_names"),
        ("ConsumerGroupHeartbeat", "topic_partitions"), ("ShareGroupHeartbeat", "subscribed_topic_names"), ("CreateDelegationToken", "renewers"),
        ("AddRaftVoter", "listeners"),
        *(("StreamsGroupHeartbeat", f"{which}_tasks") for which in ("active", "standby", "warmup")),
        *(("StreamsGroupHeartbeat", which) for which in ("task_offsets", "task_end_offsets", "client_tags")),
    },
    "it says what to look for": {
        ("DescribeClientQuotas", "components"), ("DescribeDelegationToken", "owners"), ("ListGroups", "states_filter"), ("ListGroups", "types_filter"),
        ("ListConfigResources", "resource_types"), ("ListTransactions", "state_filters"), ("ListTransactions", "producer_id_filters"),
    },
    "it is of interest no more": {("Fetch", "forgotten_topics_data"), ("ShareFetch", "forgotten_topics_data")},
    "topics are answered by directory, or the other way round": {("DescribeLogDirs", "topics"), ("AlterReplicaLogDirs", "dirs")},
    "the answer has it no more": {("UpdateFeatures", "feature_updates")},  # v2+
}  # fmt: skip
BY_PLACE = {("CreateAcls", "creations"), ("DeleteAcls", "filters")}  # told by their place alone
FOUND = {("DeleteAcls", ("filter_results", "matching_acls"))}  # has errors of what nobody named


def error_places(fields, version, path=()):
    there = [field for field in fields if version in field.type.versions]
    if any(field.name.endswith("error_code") for field in there):
        yield path
    for field in there:
        if field.type.kind == "array" and field.type.fields:
            yield from error_places(field.type.fields, version, (*path, field.name))


@pytest.mark.parametrize("api", BY_KEY.values(), ids=lambda api: api.name)
def test_every_list_has_its_answer_and_every_error_its_place(api):
    alone = set()
    for version in api.versions:
        shape = shape_of(api, version)
        pairs = {asked.field: (asked, answered) for asked, answered in shape.pairs}
        lists = {field.name for field in api.request.fields if field.type.kind == "array" and version in field.type.versions}
        alone |= {(api.name, one) for one in lists - set(pairs)}
        for asked, answered in pairs.values():
            assert asked.kind == answered.kind
            assert bool(answered.fields) != ((api.name, asked.field) in BY_PLACE)
        places = {tuple(node.field for node in level.path) for level in shape.levels.values()}
        assert {(api.name, path) for path in places.symmetric_difference(error_places(api.response.fields, version))} <= FOUND
    assert alone == {one for some in UNANSWERED.values() for one in some if one[0] == api.name}


@pytest.mark.parametrize("api", [api for api in BY_KEY.values() if api.name != "ApiVersions"], ids=lambda api: api.name)
def test_what_is_refused_is_called_as_it_was_asked(api):
    for version in api.versions:
        request = sample(api.Request, api.request.fields, version)
        response = refuse(api, version, request, errors.CLUSTER_AUTHORIZATION_FAILED, "no")
        for asked, answered in shape_of(api, version).pairs:
            found = [answered.key(one) for one in getattr(response, answered.field)]
            if found and answered.fields:  # else the whole is refused, or told by place
                assert set(map(asked.key, getattr(request, asked.field))) <= set(found)


def test_a_marker_is_refused_to_its_producer():
    request = WriteTxnMarkers.Request(markers=[WriteTxnMarkers.Request.Markers(producer_id=7, topics=[WriteTxnMarkers.Request.Markers.Topics(name="t", partition_indexes=[0])])])
    [marker] = refuse(WriteTxnMarkers, 1, request, errors.CLUSTER_AUTHORIZATION_FAILED, None).markers
    assert marker.producer_id == 7 and marker.topics[0].partitions[0].error_code == errors.CLUSTER_AUTHORIZATION_FAILED


@pytest.mark.parametrize("api", [api for api in BY_KEY.values() if api.name != "ApiVersions"], ids=lambda api: api.name)
def test_an_empty_request_can_be_refused(api):
    for version in api.versions:
        api.build_response(version)(refuse(api, version, api.Request(), errors.CLUSTER_AUTHORIZATION_FAILED, "no"), [])


def test_bytes_deep_in_an_answer_are_made_structures_again():
    """Of all topics of a group OffsetFetch tells as they were told before."""
    Groups = OffsetFetch.Response.Groups
    topic = Groups.Topics(name="t", partitions=[Groups.Topics.Partitions(partition_index=0, committed_offset=3)])
    build = OffsetFetch.response.element_builder(9, "groups", "topics")
    response = OffsetFetch.Response(groups=[Groups(group_id="a"), Groups(group_id="g", topics=Built([build(topic)]))])
    assert [one.topics for one in readable(OffsetFetch, 9, response).groups] == [[], [topic]]
    plain = OffsetFetch.Response(groups=[Groups(group_id="g", topics=[topic])])
    assert readable(OffsetFetch, 9, plain) is plain
