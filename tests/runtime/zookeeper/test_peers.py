"""Election and broadcast over sockets, and what else may knock at those ports."""

import logging
from struct import pack

import pytest
from gevent import socket

from tests.runtime.zookeeper.ensemble import SocketEnsemble, until
from wire.zookeeper import quorum
from wire.zookeeper.quorum import QuorumPacket, build_handshake, build_packet


@pytest.fixture
def ensemble():
    with SocketEnsemble(3, 1) as ensemble:
        until(ensemble.settled)
        yield ensemble


def test_writes_reach_all_in_one_order(ensemble):
    for n in range(20):
        ensemble.nodes[n % 4 + 1].write(b"%d" % n)
    until(lambda: all(len(node.applied_here) == 20 for node in ensemble.nodes.values()))
    assert len({tuple(node.applied_here) for node in ensemble.nodes.values()}) == 1


def test_a_leader_that_is_gone_is_replaced_and_comes_back_as_a_follower(ensemble):
    ensemble.nodes[1].write(b"a")
    until(lambda: len(ensemble.nodes[2].applied_here) == 1)
    ensemble.nodes[3].stop()
    until(ensemble.settled)
    assert ensemble.leader().sid == 2
    ensemble.nodes[1].write(b"b")
    ensemble.nodes[3].start()
    until(lambda: ensemble.settled() and [txn for _, txn in ensemble.nodes[3].database.applied] == [b"a", b"b"])
    assert ensemble.leader().sid == 2


def test_an_empty_server_gets_a_snapshot(ensemble):
    payload = bytes(100_000)
    for n in range(20):
        ensemble.nodes[1].write(b"%d" % n + payload)
    until(lambda: len(ensemble.nodes[3].database.applied) == 20)
    ensemble.leader().disk.log = []
    ensemble.nodes[1].stop()
    ensemble.nodes[1].disk.__init__()
    ensemble.nodes[1].start()
    until(ensemble.settled)
    assert ensemble.nodes[1].peer.learner.kind == quorum.SNAP
    assert ensemble.nodes[1].database.applied == ensemble.nodes[3].database.applied


def hung_up(sock):
    sock.settimeout(8)
    try:
        while sock.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


HANDSHAKES = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a hostile length": pack(">qqi", -65536, 2, 2**31 - 1),
    "a stranger": build_handshake(9, "127.0.0.1:1"),
    "its own id": build_handshake(1, "127.0.0.1:1"),
    "a hostile message": build_handshake(3, "127.0.0.1:1") + pack(">i", 2**31 - 1),
    "a message that is none": build_handshake(3, "127.0.0.1:1") + pack(">i", 3) + b"abc",
}


@pytest.mark.parametrize("octets", HANDSHAKES.values(), ids=HANDSHAKES)
def test_what_else_knocks_at_the_election_port_gets_one_line(ensemble, octets, caplog):
    caplog.set_level(logging.WARNING)
    server = ensemble.servers[1]
    sock = socket.create_connection((server.host, server.election_port))
    sock.sendall(octets)
    assert hung_up(sock)
    assert len([r for r in caplog.records if "election" in r.getMessage()]) == 1
    ensemble.nodes[1].write(b"still here")
    until(lambda: ensemble.nodes[2].applied_here == [b"still here"])


LEARNERS = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a hostile length": pack(">iqi", quorum.FOLLOWERINFO, 0, 2**31 - 1),
    "another packet": build_packet(QuorumPacket(quorum.ACK, 5)),
    "no id": build_packet(QuorumPacket(quorum.FOLLOWERINFO, 0)),
    "a stranger": build_packet(QuorumPacket(quorum.FOLLOWERINFO, 0, quorum.learner_info(9))),
    "an observer that would vote": build_packet(QuorumPacket(quorum.FOLLOWERINFO, 0, quorum.learner_info(4))),
    "a follower out of turn": build_packet(QuorumPacket(quorum.FOLLOWERINFO, 0, quorum.learner_info(1)))
                              + build_packet(QuorumPacket(quorum.ACK, 5)),
}


@pytest.mark.parametrize("octets", LEARNERS.values(), ids=LEARNERS)
def test_what_else_knocks_at_the_leaders_port_gets_one_line(ensemble, octets, caplog):
    caplog.set_level(logging.WARNING)
    server = ensemble.servers[3]
    sock = socket.create_connection((server.host, server.leader_port))
    sock.sendall(octets)
    assert hung_up(sock)
    assert len([r for r in caplog.records if "a learner at" in r.getMessage()]) <= 2
    until(ensemble.settled)
    ensemble.nodes[2].write(b"still here")
    until(lambda: ensemble.nodes[1].applied_here[-1:] == [b"still here"])


def test_a_server_of_a_later_history_is_not_let_in(ensemble):
    """Another ensemble's dataDir: its zxids are beyond what this leader knows, and are cut off or refused, never mixed."""
    ensemble.nodes[1].stop()
    disk = ensemble.nodes[1].disk
    disk.files["acceptedEpoch"] = disk.files["currentEpoch"] = b"70"
    disk.log = [((70 << 32) + 1, b"foreign")]
    ensemble.nodes[1].start()
    ensemble.nodes[2].write(b"ours")
    until(lambda: ensemble.nodes[3].applied_here == [b"ours"])
    assert any("less than the accepted" in line for line in ensemble.nodes[1].log) or not ensemble.nodes[1].peer.serving
