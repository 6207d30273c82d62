"""Every declaration, field by field, against Kafka's own: common/message/*.json in kafka-clients 4.3.1."""

import pytest

from wire.apis import BY_KEY
from wire.types import Versions

from .kafka_json import canonical, declarations, ours, structs_of


@pytest.fixture(scope="module")
def kafka():
    """(key, "request" or "response") -> Kafka's declaration."""
    return {(message["apiKey"], message["type"]): message
            for message in declarations() if message["type"] in ("request", "response")}


def test_every_api_of_a_broker_is_declared(kafka):
    served = {key for (key, kind), message in kafka.items()
              if kind == "request" and message["validVersions"] != "none" and "broker" in message["listeners"]}
    assert set(BY_KEY) == served


@pytest.mark.parametrize("api", BY_KEY.values(), ids=lambda api: api.name)
@pytest.mark.parametrize("kind", ["request", "response"])
def test_declaration(kafka, api, kind):
    theirs = kafka[api.key, kind]
    assert theirs["name"] == api.name + kind.capitalize()
    assert Versions.parse(theirs["validVersions"]) == api.versions
    assert Versions.parse(theirs["flexibleVersions"]) & api.versions == api.flexible & api.versions
    if kind == "request":
        assert bool(theirs.get("latestVersionUnstable")) == api.latest_unstable
    assert ours(getattr(api, kind).fields, api.versions) == canonical(theirs["fields"], structs_of(theirs), api.versions)
