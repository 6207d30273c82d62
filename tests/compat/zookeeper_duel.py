"""The same random requests, over raw sockets, to a ZooKeeper of ours and a real one, both fresh; every field of what comes back is compared.

    python tests/compat/zookeeper_duel.py SEED ROUNDS      starts both, prints the first difference

Two clients a side, so that watches fire across sessions. The state goes on from request to request. Masked: times, session ids, passwords.
Not asked: watches of paths that are none, which trip it up; a check outside a multi, which the real server never answers once it holds; nulls within a multi, on which its reading
breaks before there is a transaction (MARSHALLING_ERROR all the same, with a body that says nothing); half a reconfig, which has no zxid there.
"""
import random
import socket
import struct
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from zookeeper_servers import Servers  # noqa: E402

from wire.types import Malformed  # noqa: E402
from wire.zookeeper import client as z  # noqa: E402

CLIENTS = 2
PATHS = ["/a", "/b", "/a/x", "/a/y", "/a/x/z", "/b/s-", "/s", "/c", "/c/d", "/zookeeper", "/"]
QUOTAS = [("/zookeeper/quota/a", b""), ("/zookeeper/quota/a/zookeeper_limits", b"count=-1,bytes=-1=;byteHardLimit=12;countHardLimit=3"),
          ("/zookeeper/quota/a/zookeeper_stats", b""), ("/zookeeper/quota/b", b""),
          ("/zookeeper/quota/b/zookeeper_stats", b"count=7,bytes=9"), ("/zookeeper/quota/b/zookeeper_limits", b"count=2,bytes=3")]  # fmt: skip
BAD_PATHS = ["", "a", "/a/", "//a", "/a/../b", "/a/./b", "/a\0b", "/a\ud7ff"[:2] + "\u0001", "/zookeeper/config", None]
ACLS = [[(31, "world", "anyone")]] * 8 + [
    [(1, "world", "anyone")], [(31, "auth", "")], [(31, "digest", "me:VJoRKnRN1XHWdwhMXkH7jcBOKCg=")], [(31, "ip", "127.0.0.1")],
    [(31, "ip", "10.0.0.1")], [(31, "ip", "10.0.0.0/8")], [(31, "ip", "nowhere")], [(31, "world", "someone")], [(31, "nobody", "x")], [(0, "world", "anyone")],
    [(15, "world", "anyone"), (16, "auth", "x")], [], None, [(31, "digest", "nocolon")], [(31, None, None)],
]  # fmt: skip
ANSWERS = {
    z.CREATE: z.Path, z.CREATE2: z.PathAndStat, z.CREATE_CONTAINER: z.PathAndStat, z.CREATE_TTL: z.PathAndStat, z.EXISTS: z.StatOnly,
    z.GET_DATA: z.DataAndStat, z.SET_DATA: z.StatOnly, z.GET_ACL: z.ACLAndStat, z.SET_ACL: z.StatOnly, z.GET_CHILDREN: z.ChildrenResponse,
    z.GET_CHILDREN2: z.ChildrenAndStat, z.SYNC: z.Path, z.GET_EPHEMERALS: z.EphemeralsResponse, z.GET_ALL_CHILDREN_NUMBER: z.TotalNumber,
    z.WHO_AM_I: z.WhoAmIResponse,
}  # fmt: skip


class Side:
    """One server's clients."""

    def __init__(self, port):
        self.port = port
        self.sockets = [None] * CLIENTS
        self.sessions = {0: "nobody"}  # session id -> which one it was, in order of appearance
        self.xid = 0

    def connect(self, number):
        sock = self.sockets[number] = socket.create_connection(("127.0.0.1", self.port), 10)
        request = z.ConnectRequest(0, 0, 30_000, 0, bytes(16)).build() + b"\0"
        sock.sendall(struct.pack(">i", len(request)) + request)
        answered, end = z.ConnectResponse.parse(self._frame(number))
        self.sessions[answered.session_id] = f"session {len(self.sessions)}"
        return ["connected", answered.protocol_version, answered.timeout, len(answered.password)]

    def _frame(self, number):
        return self._exactly(number, struct.unpack(">i", self._exactly(number, 4))[0])

    def _exactly(self, number, size):
        octets = b""
        while len(octets) < size:
            more = self.sockets[number].recv(size - len(octets))
            if not more:
                raise ConnectionError
            octets += more
        return octets

    def ask(self, number, opcode, body, xid=None):
        """Readable lines: what came to this client up to the answer, then events that came to the others."""
        if self.sockets[number] is None:
            self.connect(number)
        if xid is None:
            self.xid += 1
            xid = self.xid
        request = struct.pack(">ii", xid, opcode) + body
        self.sockets[number].sendall(struct.pack(">i", len(request)) + request)
        told = self._until(number, xid, opcode)
        for other in range(CLIENTS):
            if other != number and self.sockets[other] is not None:
                self.sockets[other].sendall(struct.pack(">iii", 8, z.PING_XID, z.PING))
                told += [f"client {other}: {line}" for line in self._until(other, z.PING_XID, z.PING)]
        return sorted(told) if opcode == z.CLOSE_SESSION else told  # its nodes go in hash order, there

    def _until(self, number, xid, opcode):
        lines = []
        try:
            while True:
                frame = self._frame(number)
                header, position = z.ReplyHeader.parse(frame)
                if header.xid == z.WATCH_XID:
                    event, end = z.WatcherEvent.parse(frame, position)
                    lines.append(f"event {header.zxid} {header.err} {event} {frame[end:].hex()}")
                    continue
                lines.append(f"xid {header.xid} zxid {header.zxid:x} err {header.err} {self._body(opcode, frame[position:])}")
                if header.xid == xid:
                    return lines
        except ConnectionError:
            self.sockets[number].close()
            self.sockets[number] = None
            return [*lines, "closed"]
        except socket.timeout:
            return [*lines, "silence"]

    def _body(self, opcode, octets):
        if not octets:
            return ""
        if opcode in (z.MULTI, z.MULTI_READ):
            return self._results(octets)
        kind = ANSWERS.get(opcode)
        if kind is None:
            return octets.hex()
        answered, end = kind.parse(octets)
        return f"{self._masked(answered)} {octets[end:].hex()}"

    def _results(self, octets):
        found, position = [], 0
        while True:
            header, position = z.MultiHeader.parse(octets, position)
            found.append((header.type, header.done, header.err))
            if header.done:
                return f"{found} {octets[position:].hex()}"
            kind = z.ErrorResponse if header.type == z.ERROR else ANSWERS.get(header.type)
            if kind is not None:
                answered, position = kind.parse(octets, position)
                found.append(self._masked(answered))

    def _masked(self, answered):
        stat = getattr(answered, "stat", None)
        if stat is not None:
            stat.ctime = "set" if stat.ctime else 0
            stat.mtime = "same" if stat.mtime == stat.ctime else "set"
            stat.mtime = "set" if stat.mtime else 0
            stat.ephemeral_owner = self.sessions.get(stat.ephemeral_owner, stat.ephemeral_owner)
        if getattr(answered, "client_info", None):
            answered.client_info.sort(key=repr)
        for name in "children", "ephemerals":
            if getattr(answered, name, None):
                setattr(answered, name, sorted(getattr(answered, name)))  # hash order, in both
        return answered


class Requests:
    """Random ones, mostly sensible."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.quotas = QUOTAS * (seed % 2)  # those that are still to be made

    def path(self):
        choice = self.chance.choice
        return choice(BAD_PATHS) if self.chance.random() < 0.06 else choice(PATHS)

    def acl(self):
        asked = self.chance.choice(ACLS)
        return asked if asked is None else [z.ACL(perms, z.Id(scheme, id)) for perms, scheme, id in asked]

    def data(self):
        return self.chance.choice([None, b"", b"x", b"some more", b"long " * 4])

    def version(self):
        return self.chance.choice([-1, -1, -1, 0, 0, 1, 2, 7, -2])

    def create(self, opcode):
        flags = self.chance.choice([0] * 8 + [1, 1, 2, 2, 3, 4, 5, 6, 7, 99, -1])
        if opcode == z.CREATE_TTL:
            if self.chance.random() < 0.1:
                return z.CreateTTLRequest(self.path(), self.data(), self.acl(), 0, 1)
            ttl = self.chance.choice([0, -5, -1, 10**6, 10**7, 1 << 40, (1 << 40) - 1])
            return z.CreateTTLRequest(self.path(), self.data(), self.acl(), self.chance.choice([5, 6]), ttl)
        if opcode == z.CREATE_CONTAINER:
            flags = self.chance.choice([4, 4, 0])
        return z.CreateRequest(self.path(), self.data(), self.acl(), flags)

    def one(self, opcode):
        chance = self.chance
        if opcode in (z.CREATE, z.CREATE2, z.CREATE_CONTAINER, z.CREATE_TTL):
            return self.create(opcode)
        if opcode in (z.DELETE, z.CHECK):
            return z.PathVersion(self.path(), self.version())
        if opcode == z.SET_DATA:
            return z.SetDataRequest(self.path(), self.data(), self.version())
        if opcode == z.SET_ACL:
            return z.SetACLRequest(self.path(), self.acl(), self.version())
        if opcode in (z.EXISTS, z.GET_DATA) and chance.random() < 0.2:
            return z.PathWatch(chance.choice(QUOTAS)[0], False)
        if opcode in (z.EXISTS, z.GET_DATA, z.GET_CHILDREN, z.GET_CHILDREN2):
            return z.PathWatch(self.path(), chance.random() < 0.5)
        if opcode in (z.GET_ACL, z.SYNC, z.GET_EPHEMERALS, z.GET_ALL_CHILDREN_NUMBER):
            return z.Path(self.path())
        if opcode == z.ADD_WATCH:
            return z.PathType(chance.choice(PATHS), chance.choice([0, 0, 1, 1, 2, -1]))
        if opcode in (z.CHECK_WATCHES, z.REMOVE_WATCHES):
            return z.PathType(chance.choice(PATHS), chance.choice([1, 2, 3, 3, 0, 4, 5, 9]))
        if opcode == z.SET_WATCHES:
            return z.SetWatches(chance.choice([0, 5, 50, 10**6]), self.paths(), self.paths(), self.paths())
        if opcode == z.SET_WATCHES2:
            return z.SetWatches2(chance.choice([0, 5, 50, 10**6]), *(self.paths() for _ in range(5)))
        return z.AuthPacket(0, chance.choice(["digest", "digest", "world", "ip", "none"]), chance.choice([b"me:secret", b"you:x", b"", b"nocolon"]))

    def paths(self):
        return [self.chance.choice(PATHS) for _ in range(self.chance.choice([0, 0, 1, 2]))]

    def next(self):
        """(client, what it is in words, opcode, body, xid or None)"""
        chance = self.chance
        number, roll = chance.randrange(CLIENTS), chance.random()
        if self.quotas and roll < 0.1:
            (path, data), *self.quotas = self.quotas
            return number, f"quota {path}", z.CREATE, z.CreateRequest(path, data, [z.ACL(31, z.Id("world", "anyone"))], 0).build(), None
        if roll < 0.03:
            return number, "closeSession", z.CLOSE_SESSION, b"", None
        if roll < 0.05:
            return number, "auth", z.AUTH, (asked := self.one(z.AUTH)).build(), z.AUTH_XID if repr(asked) else None
        if roll < 0.07:
            opcode = chance.choice([z.CREATE, z.GET_DATA, z.SET_DATA, z.MULTI, z.SET_WATCHES, z.ADD_WATCH])
            body = self.multi([z.CREATE]) if opcode == z.MULTI else self.one(opcode).build()
            cut = chance.randrange(len(body))
            return number, f"{opcode} cut to {cut} of {len(body)} bytes", opcode, body[:cut], None
        if roll < 0.08:
            opcode = chance.choice([10, 99, 1000, -5, z.SASL])
            return number, f"opcode {opcode}", opcode, chance.choice([b"", b"\0\0\0\1x", b"\xff\xff\xff\xff"]), None
        if roll < 0.082:
            return number, "reconfig", z.RECONFIG, z.ReconfigRequest("server.9=a:1:2", None, None, -1).build(), None
        if roll < 0.085:
            body = b"\0\0\0\3/\xff\xfe\0"
            return number, "a path that is no UTF-8", z.GET_DATA, body, None
        if roll < 0.2:
            body = self.multi([z.CREATE, z.CREATE, z.CREATE2, z.DELETE, z.SET_DATA, z.CHECK, z.CREATE_CONTAINER])
            return number, f"multi {body.hex()}", z.MULTI, body, None
        if roll < 0.24:
            body = self.multi([z.GET_DATA, z.GET_CHILDREN])
            return number, f"multiRead {body.hex()}", z.MULTI_READ, body, None
        if roll < 0.26:
            return number, "whoAmI", z.WHO_AM_I, b"", None
        opcode = chance.choice([
            z.CREATE, z.CREATE, z.CREATE, z.CREATE2, z.CREATE2, z.CREATE_CONTAINER, z.CREATE_TTL, z.DELETE, z.DELETE, z.SET_DATA, z.SET_DATA,
            z.EXISTS, z.GET_DATA, z.GET_CHILDREN, z.GET_CHILDREN2, z.GET_ACL, z.SET_ACL, z.SYNC, z.GET_EPHEMERALS,
            z.GET_ALL_CHILDREN_NUMBER, z.ADD_WATCH, z.CHECK_WATCHES, z.REMOVE_WATCHES, z.SET_WATCHES, z.SET_WATCHES2,
        ])  # fmt: skip
        asked = self.one(opcode)
        return number, f"{opcode} {asked}", opcode, asked.build(), None

    def multi(self, opcodes):
        pieces = []
        for _ in range(self.chance.choice([0, 1, 1, 2, 2, 3, 4])):
            opcode = self.chance.choice(opcodes)
            asked = self.one(opcode)
            asked.path = asked.path or ""
            if opcode in (z.CREATE, z.CREATE2, z.CREATE_CONTAINER):
                asked.acl = asked.acl or []
            pieces += z.MultiHeader(opcode, False, -1).build(), asked.build()
        return b"".join([*pieces, z.MultiHeader(-1, True, -1).build()])


def duel(ours, real, seed, rounds):
    """The first difference as text, None where there is none."""
    sides, requests, before = [Side(ours), Side(real)], Requests(seed), []
    for number in range(CLIENTS):
        told = [side.connect(number) for side in sides]
        if told[0] != told[1]:
            return f"connecting: ours {told[0]}, real {told[1]}"
    for count in range(rounds):
        number, words, *request = requests.next()
        before.append(f"client {number}: {words}")
        told = []
        for side in sides:
            try:
                told.append(side.ask(number, *request))
            except (Malformed, struct.error) as error:
                told.append([f"unreadable: {error}"])
        if told[0] != told[1]:
            lines = "\n".join(before[-12:])
            return f"seed {seed}, request {count}:\n{lines}\nours: {_lines(told[0])}\nreal: {_lines(told[1])}"
    return None


def _lines(told):
    return "\n      ".join(told)


def fresh(directory, seed, rounds):
    """As `duel`, on servers that are started for it; of every other seed nodes may have a time to live, and quotas hold."""
    more = {"extendedTypesEnabled": "true", "enforceQuota": "true"} if seed % 2 else {}
    with Servers(Path(directory) / "ours", {0: "ours"}, tick_ms=2000, **more) as ours, \
            Servers(Path(directory) / "real", {0: "real"}, tick_ms=2000, **more) as real:
        return duel(ours.port[0], real.port[0], seed, rounds)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(fresh(place, int(sys.argv[1]), int(sys.argv[2])) or "no difference")
