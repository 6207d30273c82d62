"""Bytes that are no message: refused with field and offset, without reading or allocating what they claim."""

import random
import tracemalloc

import pytest

from wire.apis import BY_KEY
from wire.apis.data import Fetch, Produce
from wire.apis.groups import Heartbeat, JoinGroup, SyncGroup
from wire.apis.metadata import ApiVersions, Metadata
from wire.header import parse_request_header, parse_response_header
from wire.types import Malformed

from .messages import Draw, built

HUGE = b"\x7f\xff\xff\xff"
HUGE_VARINT = b"\xff\xff\xff\xff\x07"


def refused(parse, data, field, offset, reason=""):
    with pytest.raises(Malformed) as caught:
        parse(data)
    assert (caught.value.field, caught.value.offset) == (field, offset)
    assert reason in caught.value.reason


@pytest.mark.parametrize("api", BY_KEY.values(), ids=lambda api: api.name)
@pytest.mark.parametrize("direction", ["request", "response"])
def test_every_truncation_is_refused(api, direction):
    message = getattr(api, direction)
    for version in {api.versions.min, api.versions.max}:
        record = Draw(random.Random(f"{api.name} {version}"), most=2).message(message[version])
        data = built(message, version, record)[:600]
        try:
            message.parser(version)(data)
            ends = range(len(data))
        except Malformed:
            ends = range(len(data) + 1)  # cut at 600
        for end in ends:
            for buffer in (data[:end], memoryview(data)[:end]):
                with pytest.raises(Malformed) as caught:
                    message.parser(version)(buffer)
                assert 0 <= caught.value.offset <= end


def test_field_and_offset():
    parse = Heartbeat.parse_request(0)
    refused(parse, b"", "group_id", 0, "ends before")
    refused(parse, b"\x00\x05abc", "group_id", 2, "ends before")
    refused(parse, b"\x00\x01a" + bytes(3), "generation_id", 3, "ends before")
    refused(parse, b"\x00\x01a" + bytes(5), "member_id", 7, "ends before")
    refused(parse, b"\xff\xff", "group_id", 2, "null")
    refused(parse, b"\x00\x02\xc3\x28", "group_id", 2, "utf-8")
    refused(JoinGroup.parse_request(0), bytes(10) + b"\x00\x00\x00\x02" + b"\x00\x01a", "protocols", 14, "2 elements")
    refused(JoinGroup.parse_request(0), bytes(10) + b"\x00\x00\x00\x01" + b"\x00\x01a" + HUGE, "protocols.metadata", 21)


def test_the_fields_of_a_tagged_section():
    parse, good = Heartbeat.parse_request(4), b"\x02g" + bytes(4) + b"\x02m" + b"\x00"
    record, end = parse(good + b"\x00")
    assert (record.group_id, record.member_id, end) == ("g", "m", 10)
    assert parse(good + b"\x01\x63\x02ab")[0] == record                        # unknown: skipped
    assert parse(good + b"\x02\x63\x02ab\x80\x01\x00")[0] == record
    refused(parse, good + b"\x01\x63\x03ab", "(tagged fields)", 10, "tagged field of 3 bytes in 2")
    refused(parse, good + b"\x02\x63\x02ab", "(tagged fields)", 10, "ends before")
    refused(parse, good + b"\x01\x63" + HUGE_VARINT, "(tagged fields)", 10, "tagged field of")


def test_a_known_tagged_field_is_of_the_size_it_claims():
    response = ApiVersions.Response(finalized_features_epoch=7)
    good = built(ApiVersions.response, 4, response)
    assert good.endswith(b"\x01\x01\x08" + bytes(7) + b"\x07")
    bad = good.replace(b"\x01\x01\x08", b"\x01\x01\x09") + b"\x00"
    with pytest.raises(Malformed, match="finalized_features_epoch.*size"):
        ApiVersions.parse_response(4)(bad)


@pytest.mark.parametrize("varint", [b"\x80\x80\x80\x80\x80\x00", b"\xff\xff\xff\xff\xff\x01", b"\xff\xff\xff\xff\x1f"])
def test_varints_of_more_than_32_bits(varint):
    refused(Heartbeat.parse_request(4), varint + bytes(50), "group_id", 1, "varint")


def test_varints_may_be_longer_than_they_need_to():
    assert Heartbeat.parse_request(4)(b"\x82\x80\x00g" + bytes(4) + b"\x01\x00\x00")[0].group_id == "g"


def test_strings_of_more_than_an_int16():
    long = b"\x81\x80\x02" + b"a" * 32768  # length 32769 - 1
    refused(Heartbeat.parse_request(4), long + bytes(9), "group_id", 3, "string of 32768 bytes")
    assert len(Heartbeat.parse_request(4)(b"\x80\x80\x02" + b"a" * 32767 + bytes(4) + b"\x01\x00\x00")[0].group_id) == 32767


def test_any_negative_length_is_null():
    """As in Kafka's generated readers, which ask whether a length is below zero."""
    assert SyncGroup.parse_request(3)(b"\x00\x01g" + bytes(4) + b"\x00\x01m" + b"\x80\x00" + bytes(4))[0].group_instance_id is None
    assert Metadata.parse_request(1)(b"\xff\xff\xff\xfe")[0].topics is None
    assert Metadata.parse_request(1)(b"\x00\x00\x00\x00")[0].topics == []


@pytest.mark.parametrize("parse, data", [
    (Metadata.parse_request(1), HUGE),
    (Metadata.parse_request(12), HUGE_VARINT),
    (JoinGroup.parse_request(0), b"\x00\x7fg" + bytes(8) + HUGE),
    (Fetch.parse_request(4), bytes(17) + HUGE + bytes(40)),
    (Produce.parse_request(3), b"\xff\xff" + bytes(6) + b"\x00\x00\x00\x01\x00\x01t\x00\x00\x00\x01" + bytes(4) + HUGE),
    (ApiVersions.parse_response(4), bytes(2) + HUGE_VARINT + bytes(100)),
    (Fetch.parse_response(4), bytes(4) + HUGE + bytes(200)),
], ids=lambda part: "")
def test_hostile_lengths_allocate_nothing(parse, data):
    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            parse(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_headers():
    header = b"\x00\x12\x00\x03\x00\x00\x00\x2a\x00\x02me\x00"
    assert parse_request_header(header) == (18, 3, 42, "me", 13)
    for end in range(len(header)):
        with pytest.raises(Malformed):
            parse_request_header(header[:end])
        with pytest.raises(Malformed):
            parse_request_header(memoryview(header)[:end])
    refused(parse_request_header, b"\x00\x12\x00\x03" + bytes(4) + b"\x00\x02\xc3\x28\x00", "client_id", 10, "utf-8")
    refused(parse_request_header, b"\x00\x12\x00\x03" + bytes(4) + b"\xff\xff\x01\x00\x09", "header (tagged fields)", 10)
    refused(lambda data: parse_response_header(Metadata, 9, data), b"\x00\x00\x00", "response header", 0)
    refused(lambda data: parse_response_header(Metadata, 9, data), bytes(4), "header (tagged fields)", 4)
