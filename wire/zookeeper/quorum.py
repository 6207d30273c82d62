"""What the servers of a ZooKeeper ensemble say to each other: packets between leader and learners, and election messages.

Packets stand in a stream without a length of their own, so `parse_packet` says when more bytes are needed. Election messages
are framed by an int32 length, after one handshake per connection.
Source: QuorumPacket and LearnerInfo of zookeeper.jute, LearnerHandler, QuorumCnxManager and FastLeaderElection of 3.8.4.
"""

from struct import Struct

from ..types import Malformed

REQUEST, PROPOSAL, ACK, COMMIT, PING, REVALIDATE, SYNC, INFORM = 1, 2, 3, 4, 5, 6, 7, 8
NEWLEADER, FOLLOWERINFO, UPTODATE, DIFF, TRUNC, SNAP, OBSERVERINFO, LEADERINFO, ACKEPOCH = 10, 11, 12, 13, 14, 15, 16, 17, 18
NAMES = {
    1: "REQUEST", 2: "PROPOSAL", 3: "ACK", 4: "COMMIT", 5: "PING", 6: "REVALIDATE", 7: "SYNC", 8: "INFORM",
    9: "COMMITANDACTIVATE", 10: "NEWLEADER", 11: "FOLLOWERINFO", 12: "UPTODATE", 13: "DIFF", 14: "TRUNC", 15: "SNAP",
    16: "OBSERVERINFO", 17: "LEADERINFO", 18: "ACKEPOCH", 19: "INFORMANDACTIVATE",
}
PROTOCOL_VERSION = 0x10000
SNAPSHOT_SIGNATURE = "BenWasHere"  # ends the snapshot that follows SNAP

LOOKING, FOLLOWING, LEADING, OBSERVING = 0, 1, 2, 3

MAX_DATA = 2 * 1048575  # jute.maxbuffer, and as much again for what is around a client's data
MAX_AUTH_INFO = 1024
MAX_NOTIFICATION = 512 * 1024
MAX_ADDRESS = 2048
HANDSHAKE_V1 = -65536
HANDSHAKE_V2 = -65535  # several addresses, with | between them

_HEADER = Struct(">iqi")
_INT = Struct(">i")
_LONG = Struct(">q")
_LEARNER_INFO = Struct(">qiq")
_TOUCH = Struct(">qi")
_REQUEST = Struct(">qii")
_NOTIFICATION = Struct(">iqqqqii")
_HANDSHAKE = Struct(">qqi")


class QuorumPacket:
    """`type` one of those above, `zxid` (or an epoch in its upper half), `data` bytes or None, `auth_info` ((scheme, id), ...)."""

    __slots__ = ("type", "zxid", "data", "auth_info")

    def __init__(self, type, zxid, data=None, auth_info=()):
        self.type = type
        self.zxid = zxid
        self.data = data
        self.auth_info = auth_info

    def __eq__(self, other):
        return isinstance(other, QuorumPacket) and \
            (self.type, self.zxid, self.data, self.auth_info) == (other.type, other.zxid, other.data, other.auth_info)

    def __repr__(self):
        return f"{NAMES.get(self.type, self.type)} {self.zxid:x}{f' {len(self.data)} bytes' if self.data else ''}"


def build_packet(packet):
    """The bytes of a packet; no data and no auth info are null."""
    data = packet.data
    if data is None:
        head = _HEADER.pack(packet.type, packet.zxid, -1)
    else:
        head = _HEADER.pack(packet.type, packet.zxid, len(data)) + data
    if not packet.auth_info:
        return head + b"\xff\xff\xff\xff"
    pieces = [head, _INT.pack(len(packet.auth_info))]
    for text in (text for pair in packet.auth_info for text in pair):
        encoded = text.encode()
        pieces += _INT.pack(len(encoded)), encoded
    return b"".join(pieces)


def parse_packet(buffer, position, end):
    """(packet, its end) or None when buffer[position:end] does not hold all of it yet; raises Malformed."""
    if end - position < 20:
        return _checked_header(buffer, position) if end - position >= 16 else None
    type_, zxid, length = _HEADER.unpack_from(buffer, position)
    _check("data", position + 12, length, MAX_DATA)
    at = position + 16
    data = None
    if length >= 0:
        if end - at < length + 4:
            return None
        data = bytes(buffer[at:at + length])
        at += length
    count, = _INT.unpack_from(buffer, at)
    _check("auth_info", at, count, MAX_AUTH_INFO)
    at += 4
    auth_info = []
    for _ in range(count):
        pair = []
        for field in ("scheme", "id"):
            if end - at < 4:
                return None
            length, = _INT.unpack_from(buffer, at)
            _check(f"auth_info.{field}", at, length, MAX_DATA)
            at += 4
            if end - at < length:
                return None
            pair.append(_text(buffer[at:at + max(length, 0)], f"auth_info.{field}", at))
            at += max(length, 0)
        auth_info.append(tuple(pair))
    return QuorumPacket(type_, zxid, data, tuple(auth_info)), at


def _checked_header(buffer, position):
    # A hostile length is refused as soon as it is there, not when it has all come.
    _check("data", position + 12, _HEADER.unpack_from(buffer, position)[2], MAX_DATA)


def _check(field, position, length, most):
    if not -1 <= length <= most:
        raise Malformed(field, position, f"a length of {length}, where {most} are the most")


def _text(octets, field, position):
    try:
        return bytes(octets).decode()
    except UnicodeDecodeError:
        raise Malformed(field, position, "not UTF-8") from None


def learner_info(server_id, config_version=0):
    """The data of FOLLOWERINFO and OBSERVERINFO."""
    return _LEARNER_INFO.pack(server_id, PROTOCOL_VERSION, config_version)


def parse_learner_info(data):
    """(server id, protocol version, config version); raises Malformed."""
    if data is None or len(data) < 20:
        raise Malformed("learner_info", 0, f"{len(data or b'')} bytes, where 20 are needed")
    return _LEARNER_INFO.unpack_from(data)


def int_data(number):
    """The data of LEADERINFO (a protocol version) and ACKEPOCH (an epoch, -1: one that was acknowledged before)."""
    return _INT.pack(number)


def parse_int(data):
    if data is None or len(data) < 4:
        raise Malformed("data", 0, "an int32 is missing")
    return _INT.unpack_from(data)[0]


def touches(sessions):
    """The data of a learner's PING: of {session id: time-out in ms}."""
    return b"".join(_TOUCH.pack(session, timeout) for session, timeout in sessions.items())


def parse_touches(data):
    """[(session id, time-out in ms)]; what is left over is no touch."""
    data = data or b""
    return list(_TOUCH.iter_unpack(data[:len(data) // 12 * 12]))


def revalidation(session_id, timeout):
    """A learner's REVALIDATE."""
    return _TOUCH.pack(session_id, timeout)


def parse_revalidation(data):
    if data is None or len(data) < 12:
        raise Malformed("revalidate", 0, "a session id and a time-out are missing")
    return _TOUCH.unpack_from(data)


def revalidated(session_id, valid):
    """The leader's answer to REVALIDATE."""
    return _LONG.pack(session_id) + (b"\1" if valid else b"\0")


def parse_revalidated(data):
    """(session id, whether it lives); raises Malformed."""
    if data is None or len(data) < 9:
        raise Malformed("revalidate", 0, "a session id and a boolean are missing")
    return _LONG.unpack_from(data)[0], data[8] != 0


def request_data(session_id, cxid, opcode, body):
    """The data of REQUEST: a client's request as it was read."""
    return _REQUEST.pack(session_id, cxid, opcode) + body


def parse_request(data):
    """(session id, cxid, opcode, body); raises Malformed."""
    if data is None or len(data) < 16:
        raise Malformed("request", 0, "a session id, a cxid and an opcode are missing")
    return *_REQUEST.unpack_from(data), data[16:]


class Notification:
    """A vote as election messages carry it. `state` is the sender's, `round` its election's, `epoch` the candidate's.

    `leader` and `zxid` name the candidate; `sid` is the sender, whom the connection tells. `version` 0 is that of
    servers from before 3.5, which know no config.
    """

    __slots__ = ("sid", "state", "leader", "zxid", "round", "epoch", "version")

    def __init__(self, sid, state, leader, zxid, round, epoch, version=2):
        self.sid = sid
        self.state = state
        self.leader = leader
        self.zxid = zxid
        self.round = round
        self.epoch = epoch
        self.version = version

    def __repr__(self):
        states = ("looking", "following", "leading", "observing")
        return f"{self.sid} {states[self.state]}: {self.leader} of {self.epoch:x}, zxid {self.zxid:x}, round {self.round:x}"


def build_notification(notification, config):
    """With its length. `config` is the text of the ensemble's servers, as bytes."""
    n = notification
    return _INT.pack(44 + len(config)) + \
        _NOTIFICATION.pack(n.state, n.leader, n.zxid, n.round, n.epoch, 2, len(config)) + config


def parse_notification(sid, message):
    """A Notification of what stood behind the length; raises Malformed. Forms of 28 and 40 bytes are of old servers."""
    if len(message) < 28:
        raise Malformed("notification", 0, f"{len(message)} bytes, where 28 are the least")
    state, leader, zxid, round_ = Struct(">iqqq").unpack_from(message)
    if not LOOKING <= state <= OBSERVING:
        raise Malformed("notification.state", 0, f"no state is {state}")
    epoch, version = zxid >> 32, 0
    if len(message) >= 36:
        epoch, = _LONG.unpack_from(message, 28)
    if len(message) >= 44:
        version, length = Struct(">ii").unpack_from(message, 36)
        if version > 1 and not 0 <= length <= len(message) - 44:
            raise Malformed("notification.config", 40, f"a length of {length} in {len(message)} bytes")
    return Notification(sid, state, leader, zxid, round_, epoch, version)


def build_handshake(server_id, address):
    """What opens a connection between election ports; `address` is the sender's, as `host:port`."""
    encoded = address.encode()
    return _HANDSHAKE.pack(HANDSHAKE_V1, server_id, len(encoded)) + encoded


def parse_handshake(buffer):
    """(server id, [(host, port)], end) or None when more is needed; raises Malformed for a foreign protocol."""
    if len(buffer) < 8:
        return None
    version, = _LONG.unpack_from(buffer)
    if version not in (HANDSHAKE_V1, HANDSHAKE_V2):
        raise Malformed("protocol_version", 0, f"{version} is none that this protocol has had since 3.5")
    if len(buffer) < 20:
        return None
    _, server_id, length = _HANDSHAKE.unpack_from(buffer)
    if not 0 < length <= MAX_ADDRESS:
        raise Malformed("addresses", 16, f"a length of {length}, where 1 to {MAX_ADDRESS} are right")
    if len(buffer) < 20 + length:
        return None
    addresses = []
    for address in _text(buffer[20:20 + length], "addresses", 20).split("|"):
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            raise Malformed("addresses", 20, f"{address!r} is no host:port")
        addresses.append((host.strip("[]"), int(port)))
    return server_id, addresses, 20 + length
