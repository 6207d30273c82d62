"""Packets between servers of a ZooKeeper ensemble, as ZooKeeper 3.8.4 has them on its leader and election ports."""

import pytest

from wire.types import Malformed
from wire.zookeeper import quorum
from wire.zookeeper.quorum import Notification, QuorumPacket

PACKETS = {
    # type, zxid, data, auth info
    "0000000b 0000000000000000 00000014 0000000000000001 00010000 0000000000000000 ffffffff":
        QuorumPacket(quorum.FOLLOWERINFO, 0, quorum.learner_info(1)),
    "00000011 0000000100000000 00000004 00010000 ffffffff":
        QuorumPacket(quorum.LEADERINFO, 1 << 32, quorum.int_data(0x10000)),
    "0000000c ffffffffffffffff ffffffff ffffffff": QuorumPacket(quorum.UPTODATE, -1),
    "00000005 0000000100000007 0000000c 0100000000000001 00000fa0 ffffffff":
        QuorumPacket(quorum.PING, (1 << 32) + 7, quorum.touches({0x0100000000000001: 4000})),
    "00000001 ffffffffffffffff 00000010 0000000000000009 00000002 00000001 00000001 00000002 6970 00000009 3132372e302e302e31":
        QuorumPacket(quorum.REQUEST, -1, quorum.request_data(9, 2, 1, b""), (("ip", "127.0.0.1"),)),
    "00000002 0000000100000001 00000000 ffffffff": QuorumPacket(quorum.PROPOSAL, (1 << 32) + 1, b""),
}


@pytest.mark.parametrize("octets, packet", PACKETS.items())
def test_packets(octets, packet):
    octets = bytes.fromhex(octets)
    assert quorum.build_packet(packet) == octets
    assert quorum.parse_packet(octets, 0, len(octets)) == (packet, len(octets))


@pytest.mark.parametrize("packet", PACKETS.values())
def test_a_packet_is_waited_for_until_its_last_byte(packet):
    octets = b"xx" + quorum.build_packet(packet)
    for end in range(2, len(octets)):
        assert quorum.parse_packet(octets, 2, end) is None
    assert quorum.parse_packet(octets + b"more", 2, len(octets) + 4)[1] == len(octets)


@pytest.mark.parametrize("octets", [
    "0000000b 0000000000000000 7fffffff",
    "0000000b 0000000000000000 fffffffe ffffffff",
    "0000000b 0000000000000000 ffffffff 7fffffff",
    "00000001 0000000000000000 ffffffff 00000001 7fffffff",
    "00000001 0000000000000000 ffffffff 00000001 00000001 ff 00000000",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".hex(),
])
def test_a_hostile_length_is_refused_at_once(octets):
    octets = bytes.fromhex(octets)
    with pytest.raises(Malformed):
        quorum.parse_packet(octets, 0, len(octets))


def test_what_packets_carry():
    assert quorum.parse_learner_info(quorum.learner_info(3, 5)) == (3, 0x10000, 5)
    assert quorum.parse_int(quorum.int_data(-1)) == -1
    assert quorum.parse_touches(quorum.touches({1: 2, 3: 4}) + b"left over") == [(1, 2), (3, 4)]
    assert quorum.parse_touches(None) == []
    assert quorum.parse_revalidation(quorum.revalidation(-5, 4000)) == (-5, 4000)
    assert quorum.parse_revalidated(quorum.revalidated(-5, True)) == (-5, True)
    assert quorum.parse_request(quorum.request_data(7, 8, 9, b"body")) == (7, 8, 9, b"body")


@pytest.mark.parametrize("parse, size", [(quorum.parse_learner_info, 20), (quorum.parse_int, 4), (quorum.parse_request, 16),
                                         (quorum.parse_revalidation, 12), (quorum.parse_revalidated, 9)])
def test_what_is_too_short_to_carry_it_is_malformed(parse, size):
    for data in (None, b"", bytes(size - 1)):
        with pytest.raises(Malformed):
            parse(data)
    parse(bytes(size))


def test_notifications():
    vote = Notification(1, quorum.LOOKING, 3, (2 << 32) + 7, 4, 2)
    framed = quorum.build_notification(vote, b"version=0")
    assert framed.hex() == ("00000035" "00000000" "0000000000000003" "0000000200000007" "0000000000000004" "0000000000000002"
                            "00000002" "00000009" + b"version=0".hex())
    read = quorum.parse_notification(1, framed[4:])
    assert [getattr(read, name) for name in vote.__slots__] == [getattr(vote, name) for name in vote.__slots__]


@pytest.mark.parametrize("size, epoch, version", [(28, 2, 0), (40, 9, 0)])
def test_notifications_of_old_servers(size, epoch, version):
    octets = bytes.fromhex("00000002" "0000000000000003" "0000000200000007" "0000000000000004" "0000000000000009" "00000000")
    read = quorum.parse_notification(1, octets[:size])
    assert (read.state, read.leader, read.epoch, read.version) == (quorum.LEADING, 3, epoch, version)


@pytest.mark.parametrize("octets", [b"", bytes(27), b"\0\0\0\4" + bytes(40), bytes(36) + b"\0\0\0\2\x7f\xff\xff\xff",
                                    bytes(36) + b"\0\0\0\2\xff\xff\xff\xff"])
def test_notifications_that_are_none(octets):
    with pytest.raises(Malformed):
        quorum.parse_notification(1, octets)


def test_handshakes():
    octets = quorum.build_handshake(3, "127.0.0.1:3888")
    assert octets.hex() == "ffffffffffff0000" "0000000000000003" "0000000e" + b"127.0.0.1:3888".hex()
    assert quorum.parse_handshake(octets) == (3, [("127.0.0.1", 3888)], len(octets))
    for end in range(len(octets)):
        assert quorum.parse_handshake(octets[:end]) is None
    several = bytes.fromhex("ffffffffffff0001" "0000000000000002" "0000000b") + b"a:1|[::1]:2"
    assert quorum.parse_handshake(several)[:2] == (2, [("a", 1), ("::1", 2)])


@pytest.mark.parametrize("octets", [
    b"GET / HTTP/1.1\r\n", bytes(20), bytes.fromhex("ffffffffffff0000" "0000000000000003" "7fffffff"),
    bytes.fromhex("ffffffffffff0000" "0000000000000003" "00000000"),
    bytes.fromhex("ffffffffffff0000" "0000000000000003" "00000003") + b"a:b",
    bytes.fromhex("ffffffffffff0000" "0000000000000003" "00000002") + b"\xff\xff",
])
def test_foreign_handshakes(octets):
    with pytest.raises(Malformed):
        quorum.parse_handshake(octets)
