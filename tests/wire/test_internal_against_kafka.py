"""Every record of an internal topic, field by field, against the JSON in the jars of Kafka's coordinators."""

import random

import pytest

from wire.internal import CONSUMER_OFFSETS, SHARE_GROUP_STATE, TRANSACTION_STATE, ConsumerAssignment, ConsumerSubscription
from wire.internal import cluster_metadata
from wire.types import Versions

from .kafka_json import canonical, declarations, ours, structs_of
from .messages import Draw, built

JARS = {
    CONSUMER_OFFSETS: "kafka-group-coordinator",
    TRANSACTION_STATE: "kafka-transaction-coordinator",
    SHARE_GROUP_STATE: "kafka-share-coordinator",
}
KINDS = [pytest.param(topic, kind, id=kind.name) for topic in JARS for kind in topic.by_id.values()]
METADATA = list(cluster_metadata.KINDS.values())
EMBEDDED = [ConsumerSubscription, ConsumerAssignment]
STRUCTURES = [structure for topic in JARS for kind in topic.by_id.values() for structure in (kind.keys, kind.values)] + EMBEDDED


@pytest.fixture(scope="module")
def kafka():
    """(topic, type, api key) -> Kafka's declaration."""
    return {(topic, message["type"], message["apiKey"]): message
            for topic, jar in JARS.items() for message in declarations(jar)}


def agree(structure, theirs):
    assert Versions.parse(theirs["validVersions"]) == structure.versions
    flexible = structure.message.api.flexible
    assert Versions.parse(theirs["flexibleVersions"]) & structure.versions == flexible & structure.versions
    assert ours(structure.message.fields, structure.versions) \
        == canonical(theirs["fields"], structs_of(theirs), structure.versions)


def test_every_kind_is_declared(kafka):
    for topic in JARS:
        assert set(topic.by_id) == {key for theirs, type, key in kafka if theirs is topic and type == "coordinator-key"}
        assert set(topic.by_id) == {key for theirs, type, key in kafka if theirs is topic and type == "coordinator-value"}


@pytest.mark.parametrize("topic, kind", KINDS)
def test_declaration(kafka, topic, kind):
    key, value = kafka[topic, "coordinator-key", kind.id], kafka[topic, "coordinator-value", kind.id]
    assert (key["name"], value["name"]) == (kind.name + "Key", kind.name + "Value")
    agree(kind.keys, key)
    agree(kind.values, value)


@pytest.mark.parametrize("structure", EMBEDDED, ids=lambda structure: structure.name)
def test_what_consumers_embed(structure):
    agree(structure, next(theirs for theirs in declarations() if theirs["name"] == structure.name))


@pytest.mark.parametrize("kind", METADATA, ids=lambda kind: kind.name)
def test_records_of_the_cluster_metadata(kind):
    theirs = next(theirs for theirs in declarations("kafka-metadata", "metadata") if theirs["apiKey"] == kind.id)
    assert theirs["name"] == kind.name
    agree(kind, theirs)


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda it: f"{it.name}{it.message.direction}")
def test_both_codecs_agree(structure):
    message = structure.message
    for version in structure.versions:
        draw = Draw(random.Random(f"{structure.name} {version}"))
        for record in [message.record(), *(draw.message(message[version]) for _ in range(4))]:
            data = built(message, version, record)
            assert data == message[version].build(record)
            assert message.parser(version)(data) == (record, len(data))
