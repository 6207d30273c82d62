"""The codecs of jute's records agree with construct's, and refuse what is none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wire import jute
from wire.types import Malformed, Unbuildable
from wire.zookeeper import client, quorum, transactions

RECORDS = [value for module in (client, transactions) for value in vars(module).values()
           if isinstance(value, type) and issubclass(value, jute.Record)]
RECORDS = sorted(set(RECORDS), key=lambda record: record.__name__)
INT, LONG = st.integers(-2**31, 2**31 - 1), st.integers(-2**63, 2**63 - 1)


def values(kind):
    if isinstance(kind, type):
        return st.builds(kind, *(values(of) for _, of in kind.fields))
    if kind.name == "vector":
        return st.none() | st.lists(values(kind.of), max_size=3)
    return {"int32": INT, "long": LONG, "boolean": st.booleans(), "string": st.none() | st.text(max_size=9),
            "buffer": st.none() | st.binary(max_size=9)}[kind.name]


def plain(kind, found):
    """What construct has read, as the records have it."""
    if isinstance(kind, type):
        return kind(*(plain(of, found[name]) for name, of in kind.fields))
    if kind.name == "vector":
        return None if found.count == -1 else [plain(kind.of, item) for item in found["items"]]
    if kind.name in ("string", "buffer"):
        return found.octets.decode() if kind.name == "string" and found.octets is not None else found.octets
    return found


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_as_construct_reads_it(record):
    reference = jute.reference(record)

    @given(values(record))
    @settings(max_examples=15, deadline=None)
    def agree(made):
        octets = made.build()
        assert record.parse(octets) == (made, len(octets))
        assert plain(record, reference.parse(octets)) == made
    agree()


@pytest.mark.parametrize("record", [client.CreateRequest, transactions.MultiTxn, client.SetWatches], ids=lambda r: r.__name__)
@given(octets=st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_a_record_or_malformed(record, octets):
    try:
        record.parse(octets)
    except Malformed:
        pass


@pytest.mark.parametrize("octets", ["", "7fffffff", "fffffffe", "00000005 61"])
def test_strings_that_are_none(octets):
    with pytest.raises(Malformed):
        client.Path.parse(bytes.fromhex(octets))


def test_what_is_no_utf8_is_read_as_java_reads_it():
    assert client.Path.parse(b"\0\0\0\2a\xff")[0].path == "a\ufffd"


@pytest.mark.parametrize("count", [2**31 - 1, 1000])
def test_a_hostile_count_makes_nothing(count):
    with pytest.raises(Malformed):
        client.ChildrenResponse.parse(count.to_bytes(4, "big", signed=True) + bytes(100))


def test_a_value_of_the_wrong_type_is_named():
    with pytest.raises(Unbuildable, match="PathVersion.version"):
        client.PathVersion("/a", "one").build()


def test_the_packets_between_servers_are_jute_too():
    """Their fast form is written by hand: it agrees with a declaration."""
    pair = jute.record("Id", "scheme" / jute.string, "id" / jute.string)
    declared = jute.record("QuorumPacket", "type" / jute.int32, "zxid" / jute.long, "data" / jute.buffer,
                           "auth_info" / jute.vector(pair))
    for data, auth in ((None, ()), (b"abc", ()), (b"", (("ip", "::1"), ("digest", "a:b")))):
        octets = quorum.build_packet(quorum.QuorumPacket(5, -1, data, auth))
        assert octets == declared(5, -1, data, [pair(*item) for item in auth] or None).build()


def test_a_negative_count_is_null_or_none_at_all():
    """As the original reads it."""
    assert [client.ChildrenResponse.parse(count.to_bytes(4, "big", signed=True))[0].children for count in (-1, -2, -2**31)] == [None, [], []]
