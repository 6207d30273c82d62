"""A server that passes for an earlier release: what it advertises, refuses, and what clients make of it."""

import pytest

from emulator.api import HANDLERS, releases
from emulator.state.features import SUPPORTED
from tests.api.test_data import batch, fetch, produce, values
from tests.api.test_topics import new, outcome
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire.apis.consumer_groups import ConsumerGroupHeartbeat
from wire.apis.data import Fetch, Produce
from wire.apis.metadata import ApiVersions, UpdateFeatures
from wire.apis.quorum import DescribeQuorum
from wire.apis.topics import CreateTopics


def advertised(client, version=3):
    answer = client.call(ApiVersions, version, client_software_name="t", client_software_version="1")
    apis = {one.api_key: (one.min_version, one.max_version) for one in answer.api_keys}
    features = {one.name: (one.min_version, one.max_version) for one in answer.supported_features}
    return apis, features, {one.name: one.max_version_level for one in answer.finalized_features}


def test_the_newest_release_is_what_this_is_anyway():
    assert releases.LATEST == "4.3"
    assert releases.limited(HANDLERS, "4.3") == HANDLERS
    assert releases.supported("4.3") == SUPPORTED


def test_releases_only_grow():
    for before, after in zip(releases.RELEASES, releases.RELEASES[1:]):
        old, new_ = releases.limited(HANDLERS, before), releases.limited(HANDLERS, after)
        assert old.keys() <= new_.keys()
        assert all(old[key].max_version <= new_[key].max_version for key in old)


@pytest.mark.parametrize("release, keys, fetch_range, features", [
    ("3.0", {64, 68, 69, 71, 74, 75, 76, 80, 88}, (4, 12), {}),
    ("3.7", {69, 75, 76, 80, 88}, (4, 16), {"metadata.version": 19}),
    ("4.0", {76, 83, 88, 90}, (4, 17), {"metadata.version": 25, "group.version": 1, "transaction.version": 2}),
    ("4.1", {88, 89}, (4, 18), {"metadata.version": 27, "group.version": 1, "transaction.version": 2, "eligible.leader.replicas.version": 1}),
])
def test_an_earlier_release_advertises_less(release, keys, fetch_range, features):
    with serving(release=release) as server, WireClient(server.bootstrap) as client:
        apis, _, finalized = advertised(client)
        assert not keys & apis.keys()
        assert apis[Fetch.key] == fetch_range
        assert finalized == features
        if fetch_range[1] < Fetch.versions.max:
            with pytest.raises(ConnectionError):  # what is not advertised is not served
                client.call(Fetch, fetch_range[1] + 1)


def test_records_go_through_in_every_release():
    for release in releases.RELEASES:
        with serving(release=release) as server, WireClient(server.bootstrap) as client:
            apis, _, _ = advertised(client)
            (made,) = client.call(CreateTopics, apis[CreateTopics.key][1], topics=[new("records")]).topics
            assert made.error_code == 0
            version = min(12, apis[Produce.key][1])
            assert produce(client, "records", batch(b"one"), version=version).error_code == 0
            assert values(fetch(client, "records", 0, version=min(12, apis[Fetch.key][1]))) == [b"one"]


def test_what_came_with_a_feature_waits_for_it():
    with serving(release="3.7") as server, WireClient(server.bootstrap) as client:
        assert client.call(ConsumerGroupHeartbeat, 0, group_id="g").error_code == 35
        update = [UpdateFeatures.Request.FeatureUpdates(feature="group.version", max_version_level=1)]
        answer = client.call(UpdateFeatures, 1, feature_updates=update)
        assert outcome(answer)[1].endswith("Local controller 1 does not support this feature.")
        assert client.call(DescribeQuorum, 1, topics=[]).error_code == 0
