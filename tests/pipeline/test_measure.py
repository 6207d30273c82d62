"""What is counted of requests: how many, how large, how long, which errors."""

import threading
from collections import Counter

import pytest

from emulator import Emulator
from emulator.apps.control.measures import begin_measuring
from emulator.pipeline.measure import BOUNDS_NS, error_counter
from tests.api.test_data import fetch_request, produce_request
from tests.wire_client import WireClient
from wire.apis import BY_KEY
from wire.apis.data import Fetch, ListOffsets, Produce
from wire.apis.metadata import ApiVersions, Metadata
from wire.errors import NONE, UNKNOWN_TOPIC_OR_PARTITION
from wire.record import Record as Structure
from wire.records import Record, build_batch

BATCH = build_batch([Record(None, 1, None, b"value")])
CODE = 41


@pytest.fixture
def kafka():
    with Emulator(topics=["t:2"], clock="virtual") as kafka:
        kafka.call(lambda: begin_measuring(kafka.server))
        yield kafka


def counts(kafka, api, version):
    return kafka.call(lambda: begin_measuring(kafka.server)[1, api.name, version])


def test_bytes_are_those_on_the_wire(kafka):
    with WireClient(kafka.bootstrap, client_id="someone") as client:
        sent = received = 0
        for topics in ([], None, [Metadata.Request.Topics(name="t")]):
            frame = client.frame(Metadata, 12, Metadata.Request(topics=topics))
            client.socket.sendall(frame)
            sent, received = sent + len(frame), received + len(client.receive_frame()) + 4
        client.call(ApiVersions, 3)
        client.call(ApiVersions, 0)
        found = counts(kafka, Metadata, 12)
        assert (found.requests, found.request_bytes, found.response_bytes, found.under_way, found.unanswered) == (3, sent, received, 0, 0)
        assert sum(found.buckets) == 3 and 0 < found.took_ns < 3 * BOUNDS_NS[-1]
        assert (counts(kafka, ApiVersions, 3).requests, counts(kafka, ApiVersions, 0).requests) == (1, 1)


def test_who_waits_is_under_way_and_then_has_waited(kafka):
    with WireClient(kafka.bootstrap) as client, WireClient(kafka.bootstrap) as other:
        client.send(Fetch, 12, **fetch_request("t", 0, max_wait_ms=60_000, min_bytes=1))
        while not kafka.call(lambda: any(one.under_way for one in begin_measuring(kafka.server).values())):
            other.call(ApiVersions, 0)
        other.send(Produce, 9, **{**produce_request("t", BATCH), "acks": 0})
        client.receive_frame()
        other.call(ApiVersions, 0)
        fetch, produce = counts(kafka, Fetch, 12), counts(kafka, Produce, 9)
        assert (fetch.requests, fetch.under_way) == (1, 0) and 0 < fetch.waited_ns <= fetch.took_ns
        assert (produce.requests, produce.unanswered, produce.response_bytes) == (1, 1, 0)
        client.send(Fetch, 12, **fetch_request("t", 1, max_wait_ms=60_000, min_bytes=1))
        while not counts(kafka, Fetch, 12).under_way:
            other.call(ApiVersions, 0)
    ended = threading.Event()
    while counts(kafka, Fetch, 12).under_way:
        assert not ended.wait(0.001)
    assert counts(kafka, Fetch, 12).unanswered == 1


def test_errors_are_counted_where_they_are(kafka):
    with WireClient(kafka.bootstrap) as client:
        client.call(Produce, 9, **produce_request("t", BATCH, partition=7))
        client.call(Produce, 9, **produce_request("t", BATCH))
        assert counts(kafka, Produce, 9).errors == {UNKNOWN_TOPIC_OR_PARTITION: 1}
        Topic, Partition = ListOffsets.Request.Topics, ListOffsets.Request.Topics.Partitions
        topics = [Topic(name=name, partitions=[Partition(partition_index=index, timestamp=-1) for index in (0, 5, 6)]) for name in ("t", "none")]
        for times in (1, 2):  # the second time most is answered as it was built before
            client.call(ListOffsets, 6, topics=topics)
            assert counts(kafka, ListOffsets, 6).errors == {UNKNOWN_TOPIC_OR_PARTITION: 5 * times}


def full(fields, record_class):
    """A record with one element in each array, and an error wherever there is a place for one; how many there are."""
    values, places = {}, 0
    for field in fields:
        if field.name.endswith("error_code"):
            values[field.name], places = CODE, places + 1
        elif field.type.fields:
            inner, more = full(field.type.fields, getattr(record_class, field.class_name))
            values[field.name], places = [inner] if field.type.kind == "array" else inner, places + more
    return record_class(**values), places


@pytest.mark.parametrize("api", BY_KEY.values(), ids=lambda api: api.name)
def test_every_place_for_an_error_is_looked_at(api):
    response, places = full(api.response.fields, api.Response)
    errors = Counter()
    count = error_counter(api, api.versions.max, errors)
    assert (count is None) == (places == 0)
    if count is not None:
        count(response)
        assert errors == {CODE: places}
        count(api.Response())
        assert errors == {CODE: places} and NONE not in errors
        for name in response.fields_in_order:
            if isinstance(getattr(response, name), Structure):
                setattr(response, name, None)
        count(response)
