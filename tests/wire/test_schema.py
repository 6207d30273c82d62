"""What a declaration turns into: versions, record classes, Structs, and the rules of building."""

import pytest

from wire import frame, header
from wire.apis import BY_KEY
from wire.apis.data import Fetch, Produce
from wire.apis.groups import JoinGroup, OffsetFetch
from wire.apis.metadata import ApiVersions, DescribeCluster, Metadata
from wire.apis.sasl import SaslHandshake
from wire.apis.transactions import InitProducerId
from wire.schema import api
from wire.types import ZERO_UUID, Unbuildable, UnsupportedField, Versions, array, int8, int32, string, struct

from .messages import built


def test_versions():
    assert (JoinGroup.key, JoinGroup.name, JoinGroup.flexible_from) == (11, "JoinGroup", 6)
    assert (JoinGroup.versions.min, JoinGroup.versions.max) == (0, 9)
    assert list(Versions.parse("3-5")) == [3, 4, 5] and 6 not in Versions.parse("3-5")
    assert 1000 in Versions.parse("3+") and len(Versions.parse("none")) == 0 and list(Versions.parse("2")) == [2]
    assert SaslHandshake.flexible_from is None
    assert [api.name for api in BY_KEY.values() if api.latest_unstable] == ["InitProducerId"]
    with pytest.raises(LookupError, match="JoinGroup has no version 10, only 0-9"):
        JoinGroup.request[10]
    with pytest.raises(LookupError):
        Produce.parse_request(2)


def test_records_have_kafkas_defaults():
    request = Fetch.Request()
    assert (request.replica_id, request.max_bytes, request.session_epoch, request.rack_id) == (-1, 0x7fffffff, -1, "")
    assert request.topics == () and request.cluster_id is None
    assert Fetch.Request.Topics().topic_id == ZERO_UUID
    assert OffsetFetch.Request.Groups().topics == () and Metadata.Request().topics == ()
    assert Produce.Request.TopicData.PartitionData().records is None
    with pytest.raises(TypeError):
        Fetch.Request(max_byte=1)
    with pytest.raises(AttributeError):
        request.max_byte = 1


def test_a_default_structure_is_shared_and_frozen():
    Partitions = Fetch.Response.Responses.Partitions
    first, second = Partitions(), Partitions()
    assert first.current_leader is second.current_leader
    assert first.current_leader == Partitions.CurrentLeader(leader_id=-1, leader_epoch=-1)
    with pytest.raises(AttributeError, match="shared"):
        first.current_leader.leader_id = 1
    first.current_leader = Partitions.CurrentLeader(leader_id=1, leader_epoch=0)
    assert second.current_leader.leader_id == -1 and first != second


def test_records_are_compared_by_their_fields():
    Topics = Metadata.Request.Topics
    assert Metadata.Request(topics=[Topics(name="a")]) == Metadata.Request(topics=(Topics(name="a"),))
    assert Metadata.Request(topics=[Topics(name="a")]) != Metadata.Request(topics=[Topics(name="b")])
    assert Metadata.Request() != Metadata.Response()
    assert repr(Topics(name="a")) == f"Metadata.Request.Topics(topic_id={ZERO_UUID!r}, name='a')"
    assert JoinGroup.reply(error_code=25) == JoinGroup.Response(error_code=25)


def test_a_struct_can_be_read():
    assert str(JoinGroup.request[9]).splitlines() == [
        "group_id: compact string",
        "session_timeout_ms: int32",
        "rebalance_timeout_ms: int32",
        "member_id: compact string",
        "group_instance_id: compact string or null",
        "protocol_type: compact string",
        "protocols: array of structure",
        "    name: compact string",
        "    metadata: compact octets",
        "reason: compact string or null",
    ]
    assert "[1] finalized_features_epoch: int64" in str(ApiVersions.response[3]).splitlines()
    assert JoinGroup.request[9].parse(built(JoinGroup.request, 9, JoinGroup.Request(group_id="g"))).group_id == "g"


def test_what_a_version_lacks_is_refused_or_left_out():
    assert built(JoinGroup.request, 4, JoinGroup.Request(reason="bored")) == built(JoinGroup.request, 4, JoinGroup.Request())
    with pytest.raises(UnsupportedField, match="group_instance_id"):
        built(JoinGroup.request, 4, JoinGroup.Request(group_instance_id="me"))
    with pytest.raises(UnsupportedField, match="group_instance_id"):
        JoinGroup.request[4].build(JoinGroup.Request(group_instance_id="me"))
    with pytest.raises(UnsupportedField, match="endpoint_type"):
        built(DescribeCluster.request, 0, DescribeCluster.Request(endpoint_type=2))
    with pytest.raises(UnsupportedField, match="groups"):
        built(OffsetFetch.request, 7, OffsetFetch.Request(groups=[OffsetFetch.Request.Groups(group_id="g")]))


@pytest.mark.parametrize("request_, message", [
    (JoinGroup.Request(group_id=None), "group_id"),
    (JoinGroup.Request(group_id="g" * 40000), "group_id"),
    (JoinGroup.Request(session_timeout_ms=1 << 31), "session_timeout_ms"),
    (JoinGroup.Request(session_timeout_ms="1"), "session_timeout_ms"),
    (JoinGroup.Request(protocols=None), "protocols"),
    (JoinGroup.Request(protocols=[None]), "protocols.name"),
    (JoinGroup.Request(protocols=[JoinGroup.Request.Protocols(metadata="text")]), "bytes-like"),
])
@pytest.mark.parametrize("version", [0, 9])
def test_what_a_type_cannot_express_is_refused(request_, message, version):
    with pytest.raises(Unbuildable, match=message):
        built(JoinGroup.request, version, request_)


def test_a_uuid_has_16_bytes():
    request = Metadata.Request(topics=[Metadata.Request.Topics(topic_id=b"short")])
    with pytest.raises(Unbuildable, match="topics.topic_id: ValueError: uuid of 5 bytes"):
        built(Metadata.request, 13, request)


@pytest.mark.parametrize("version", [3, 13])
def test_large_record_batches_are_passed_on_uncopied(version):
    TopicData = Produce.Request.TopicData
    large, view = bytes(5000), memoryview(bytearray(6000))
    request = Produce.Request(topic_data=[TopicData(partition_data=[
        TopicData.PartitionData(records=large), TopicData.PartitionData(records=[view, b"end"]),
        TopicData.PartitionData(records=(b"small", memoryview(b"er"))), TopicData.PartitionData(records=None)])])
    pieces = []
    Produce.build_request(version)(request, pieces)
    assert any(piece is large for piece in pieces) and any(piece is view for piece in pieces)
    frame_ = memoryview(b"".join(pieces))
    parsed, end = Produce.parse_request(version)(frame_)
    records = [partition.records for partition in parsed.topic_data[0].partition_data]
    assert end == len(frame_) and records == [large, bytes(view) + b"end", b"smaller", None]
    assert records[0].obj is frame_.obj  # a slice of what came in


def test_consecutive_structures_and_empty_ones():
    """Shapes that the protocol has not yet, or hardly."""
    odd = api(999, "Odd", "0-1", flexible="1+",
              request=[
                  "first" / struct("a" / int32, "b" / int8),
                  "second" / struct("a" / int32, "deeper" / struct("c" / int8)),
                  "last" / int8,
                  "nothing" / array("2+", string),
                  "empty" / array("x" / int8("1+")),
              ],
              response=[])
    Request = odd.Request
    request = Request(first=Request.First(a=1, b=2), second=Request.Second(a=3, deeper=Request.Second.Deeper(c=4)), last=5)
    assert built(odd.request, 0, request) == bytes.fromhex("00000001 02 00000003 04 05 00000000")
    assert built(odd.request, 1, request) == bytes.fromhex("00000001 02 00 00000003 04 00 00 05 01 00")
    for version in odd.versions:
        data = built(odd.request, version, request)
        assert data == odd.request[version].build(request)
        assert odd.parse_request(version)(data) == (request, len(data))
    assert built(odd.response, 0, odd.Response()) == b"" and odd.parse_response(0)(b"") == (odd.Response(), 0)


def test_headers():
    flexible = header.build_request_header(Metadata, 9, 7, "me")
    assert flexible == bytes.fromhex("0003 0009 00000007 0002 6d65 00")
    assert header.parse_request_header(b"xx" + flexible, 2) == (3, 9, 7, "me", 15)
    plain = header.build_request_header(Metadata, 8, 7)
    assert plain == bytes.fromhex("0003 0008 00000007 ffff")
    assert header.parse_request_header(memoryview(plain)) == (3, 8, 7, None, 10)
    assert header.parse_request_header(bytes.fromhex("0012 0063 00000007 0000 00"))[4] == 11  # a version to come
    assert header.parse_request_header(bytes.fromhex("7fff 0000 00000007 0000"))[:3] == (32767, 0, 7)
    assert header.build_response_header(Metadata, 8, 7) == bytes.fromhex("00000007")
    assert header.build_response_header(Metadata, 9, 7) == bytes.fromhex("00000007 00")
    assert header.build_response_header(ApiVersions, 4, 7) == bytes.fromhex("00000007")  # KIP-511
    assert header.parse_response_header(InitProducerId, 2, bytes.fromhex("00000007 01 05 01 ff")) == (7, 8)


def test_frames():
    assert b"".join(frame.frame([b"ab", memoryview(b"c")])) == b"\x00\x00\x00\x03abc"
    assert frame.read_length(b"\x00\x00\x00\x03abc", 0) == (3,)
    assert frame.pack_length(3) == b"\x00\x00\x00\x03"
