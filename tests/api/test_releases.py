"""A server that passes for an earlier release: what it advertises, refuses, and what clients make of it."""

import re
from pathlib import Path

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


def ranges(words):
    """{name: (lowest, highest)} of "name:lowest-highest"."""
    found = {}
    for word in words:
        name, _, numbers = word.rpartition(":")
        lowest, _, highest = numbers.partition("-")
        found[int(name) if name.isdigit() else name] = int(lowest), int(highest or lowest)
    return found


def released():
    """{release: {"apis": .., "supported": .., "finalized": ..}} of released.txt."""
    found = {}
    for line in (Path(__file__).parent / "released.txt").read_text().splitlines():
        if not line.startswith("#"):
            version, what, *words = line.split()
            found.setdefault(version.rpartition(".")[0], {})[what] = ranges(words)
    return found


RELEASED = released()


@pytest.fixture(scope="module")
def today():
    """{api key: (lowest, highest)} of a server that passes for nothing else."""
    with serving() as server, WireClient(server.bootstrap) as client:
        return advertised(client)[0]


@pytest.mark.parametrize("release", RELEASED)
def test_it_advertises_what_brokers_of_that_release_did(today, release):
    real = RELEASED[release]
    both = {key: (max(lowest, today[key][0]), min(highest, today[key][1])) for key, (lowest, highest) in real["apis"].items() if key in today}
    expected = {key: (lowest, highest) for key, (lowest, highest) in both.items() if lowest <= highest}
    with serving(release=release) as server, WireClient(server.bootstrap) as client:
        apis, supported, finalized = advertised(client, min(4, real["apis"][ApiVersions.key][1]))
    assert apis == expected
    assert supported == real["supported"]
    assert finalized == {name: level for name, (level, _) in real["finalized"].items()}


def test_what_is_not_to_be_had_is_documented(today):
    page = (Path(__file__).parents[2] / "docs" / "RELEASES.md").read_text()
    documented = dict(re.findall(r"(?m)^\| (\w+) \| ([\d-]+) \|", page))
    gone = {key: (lowest, today[key][0] - 1) for real in RELEASED.values() for key, (lowest, _) in real["apis"].items()
            if key in today and lowest < today[key][0]}
    assert documented == {HANDLERS[key].api.name: "-".join(map(str, sorted(set(ends)))) for key, ends in gone.items()}


def test_every_release_is_known():
    assert [*RELEASED, releases.LATEST] == list(releases.RELEASES)


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
