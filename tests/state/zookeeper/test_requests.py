"""Requests become transactions, transactions change the tree, and the tree answers: versions, sequences, ACLs, multi, watches."""

import pytest

from emulator.state.zookeeper import reads
from emulator.state.zookeeper.acl import digest_id
from emulator.state.zookeeper.database import Database
from emulator.state.zookeeper.prepare import Preparer, Refused
from emulator.state.zookeeper.tree import valid_path
from tests.state.zookeeper.disk import MemoryDirectory
from wire.zookeeper import client
from wire.zookeeper.client import ACL, Id

OPEN = [ACL(31, Id("world", "anyone"))]
NOW = 1_700_000_000_000


class Client:
    """One session at a server of its own; `proposed` first and applied later, as an ensemble has it."""

    def __init__(self, database=None, session_id=5, ids=(("ip", "127.0.0.1"),), **rules):
        self.database = database or Database(MemoryDirectory())
        self.preparer = Preparer(self.database.tree, **rules)
        self.session_id, self.ids, self.events = session_id, ids, []
        self.zxid = self.database.last_zxid
        self.apply(self.propose(client.CREATE_SESSION, (4000).to_bytes(4, "big")))

    def propose(self, opcode, body):
        self.zxid += 1
        body = body if isinstance(body, bytes) else body.build()
        return self.preparer.txn(self.zxid, NOW, self.session_id, 1, opcode, body, self.ids)

    def apply(self, txn):
        result = self.database.commit(int.from_bytes(txn[12:20], "big"), txn)
        self.preparer.applied(result.header.zxid)
        return result

    def do(self, opcode, body):
        return self.apply(self.propose(opcode, body))

    def create(self, path, flags=0, data=b"", acl=OPEN, opcode=client.CREATE2):
        return self.do(opcode, client.CreateRequest(path, data, acl, flags))

    def set(self, path, data, version=-1):
        return self.do(client.SET_DATA, client.SetDataRequest(path, data, version))

    def delete(self, path, version=-1):
        return self.do(client.DELETE, client.PathVersion(path, version))

    def read(self, opcode, body):
        return reads.answer(self.database, opcode, body.build(), self.ids, self)

    def stat(self, path):
        return client.StatOnly.parse(self.read(client.EXISTS, client.PathWatch(path, False)))[0].stat

    def watch(self, path, opcode=client.EXISTS):
        try:
            self.read(opcode, client.PathWatch(path, True))
        except Refused:
            pass

    def event(self, type_, path, acl=()):
        self.events.append((type_, path))


def test_what_a_stat_tells():
    c = Client()
    assert c.create("/a", data=b"x").err == 0
    c.create("/a/b")
    c.create("/a/c")
    c.delete("/a/b")
    c.set("/a", b"four")
    s = c.stat("/a")
    assert (s.czxid, s.mzxid, s.pzxid, s.version, s.cversion, s.aversion) == (2, 6, 5, 1, 3, 0)
    assert (s.data_length, s.num_children, s.ephemeral_owner, s.ctime, s.mtime) == (4, 1, 0, NOW, NOW)
    assert c.stat("/").cversion == 0 and c.stat("/").num_children == 2


@pytest.mark.parametrize("do, err", [
    (lambda c: c.create("/a"), client.NODE_EXISTS),
    (lambda c: c.create("/no/where"), client.NO_NODE),
    (lambda c: c.create("relative"), client.BAD_ARGUMENTS),
    (lambda c: c.create("/a/"), client.BAD_ARGUMENTS),
    (lambda c: c.create("/e/child"), client.NO_CHILDREN_FOR_EPHEMERALS),
    (lambda c: c.create("/x", flags=7), client.BAD_ARGUMENTS),
    (lambda c: c.create("/x", acl=[]), client.INVALID_ACL),
    (lambda c: c.create("/x", acl=[ACL(31, Id("nobody", "knows"))]), client.INVALID_ACL),
    (lambda c: c.delete("/a"), client.NOT_EMPTY),
    (lambda c: c.delete("/nope"), client.NO_NODE),
    (lambda c: c.delete("/a/b", 7), client.BAD_VERSION),
    (lambda c: c.delete("/"), client.BAD_ARGUMENTS),
    (lambda c: c.set("/a", b"", 7), client.BAD_VERSION),
    (lambda c: c.set("/nope", b""), client.NO_NODE),
    (lambda c: c.do(client.CHECK, client.PathVersion("/a", 3)), client.BAD_VERSION),
    (lambda c: c.do(client.SET_DATA, b"\0\0\0\1"), client.MARSHALLING_ERROR),
    (lambda c: c.do(77, b""), client.UNIMPLEMENTED),
    (lambda c: c.do(client.CREATE_TTL, client.CreateTTLRequest("/ttl", b"", OPEN, 5, 1000)), client.UNIMPLEMENTED),
])
def test_what_is_refused_takes_a_zxid_and_changes_nothing(do, err):
    c = Client()
    for path, flags in (("/a", 0), ("/a/b", 0), ("/e", 1)):
        c.create(path, flags)
    nodes = set(c.database.tree.nodes)
    assert do(c).err == err
    assert set(c.database.tree.nodes) == nodes and c.database.last_zxid == 5


def test_sequences_count_what_was_ever_made():
    c = Client()
    c.create("/q")
    assert [c.create("/q/n-", 2).path for _ in range(2)] == ["/q/n-0000000000", "/q/n-0000000001"]
    c.delete("/q/n-0000000001")
    assert c.create("/q/", 3).path == "/q/0000000002"
    assert c.create("/q/w", flags=4, opcode=client.CREATE_CONTAINER).err == 0


def test_a_request_sees_what_is_proposed_and_not_yet_applied():
    c = Client()
    txns = [c.propose(client.CREATE, client.CreateRequest("/a", b"", OPEN, 0)),
            c.propose(client.CREATE, client.CreateRequest("/a/s", b"", OPEN, 2)),
            c.propose(client.CREATE, client.CreateRequest("/a/s", b"", OPEN, 2)),
            c.propose(client.DELETE, client.PathVersion("/a", -1)),
            c.propose(client.SET_DATA, client.SetDataRequest("/a", b"x", 0)),
            c.propose(client.SET_DATA, client.SetDataRequest("/a", b"y", 1))]
    assert [c.apply(txn).err for txn in txns] == [0, 0, 0, client.NOT_EMPTY, 0, 0]
    assert sorted(c.database.tree.nodes["/a"].children) == ["s0000000000", "s0000000001"]


def create_ttl(path, ttl, flags=5):
    return client.CREATE_TTL, client.CreateTTLRequest(path, b"", OPEN, flags, ttl)


def test_nodes_go_when_their_time_is_over():
    c = Client(extended_types=True)
    assert [c.do(*create_ttl("/ttl", ttl)).err for ttl in (0, 1 << 40, 1000, 1000)] == \
        [client.BAD_ARGUMENTS, client.BAD_ARGUMENTS, 0, client.NODE_EXISTS]
    assert c.do(*create_ttl("/s-", 1000, flags=6)).path == "/s-0000000001"
    assert c.create("/x", flags=5).err == client.BAD_ARGUMENTS  # it has no time
    assert c.stat("/ttl").ephemeral_owner == 0 and c.create("/ttl/child").err == 0
    tree = c.database.tree
    assert list(tree.expired(NOW + 1000)) == [] and list(tree.expired(NOW + 1001)) == ["/s-0000000001"]
    c.delete("/ttl/child")
    assert set(Database(MemoryDirectory(saved(c.database))).tree.expired(NOW + 1001)) == {"/ttl", "/s-0000000001"}
    c.apply(c.preparer.delete_expired(c.zxid + 1, NOW, "/ttl"))
    assert "/ttl" not in tree.nodes and set(tree.expired(NOW + 1001)) == {"/s-0000000001"}


def saved(database):
    database.save()
    database._directory.turn()
    return database._directory.files


def test_containers_go_with_their_last_child():
    c = Client()
    c.create("/c", flags=4, opcode=client.CREATE_CONTAINER)
    tree = c.database.tree
    assert list(tree.expired(NOW * 2)) == [] and list(tree.expired(NOW + 6, never_used_ms=5)) == ["/c"]
    c.create("/c/x")
    assert list(tree.expired(NOW * 2, never_used_ms=5)) == []
    c.delete("/c/x")
    assert list(tree.expired(NOW)) == ["/c"]
    late = c.propose(client.CREATE, client.CreateRequest("/c/y", b"", OPEN, 0))
    c.zxid += 1
    remove = c.preparer.delete_expired(c.zxid, NOW, "/c")
    assert [c.apply(txn).err for txn in (late, remove)] == [0, client.NOT_EMPTY]
    c.create("/plain")
    assert c.apply(c.preparer.delete_expired(c.zxid + 1, NOW, "/plain")).err == client.BAD_VERSION


def test_quotas_count_and_hold_where_they_are_enforced():
    lenient, strict = Client(), Client(enforce_quota=True)
    for c in (lenient, strict):
        for path, data in (("/q", b"xx"), ("/q/a", b"x"), ("/zookeeper/quota/q", b""),
                           ("/zookeeper/quota/q/zookeeper_limits", b"count=2,bytes=2=;byteHardLimit=9;countHardLimit=4"),
                           ("/zookeeper/quota/q/zookeeper_stats", b"")):
            assert c.create(path, data=data).err == 0
        stats = c.database.tree.nodes["/zookeeper/quota/q/zookeeper_stats"]
        assert stats.data == b"count=2,bytes=3"
        c.set("/q/a", b"four")
        c.create("/q/a/deep", data=b"1")
        c.create("/q/b")
        assert stats.data == b"count=4,bytes=7" and stats.version == 0
        c.delete("/q/b")
        assert stats.data == b"count=3,bytes=7"
    assert strict.set("/q/a", b"seven77").err == client.QUOTA_EXCEEDED
    assert strict.create("/q/c", data=b"123").err == client.QUOTA_EXCEEDED
    assert strict.create("/q/c").err == 0 and strict.create("/q/d").err == client.QUOTA_EXCEEDED
    assert strict.create("/elsewhere", data=b"much, much more").err == 0
    assert lenient.create("/q/c", data=b"123456789").err == lenient.create("/q/d").err == 0
    again = Database(MemoryDirectory(saved(lenient.database)))
    assert again.tree.nodes["/zookeeper/quota/q/zookeeper_stats"].data == b"count=5,bytes=16"
    strict.delete("/zookeeper/quota/q/zookeeper_limits")
    assert strict.create("/q/d").err == 0


def test_ephemerals_of_a_local_session_wait_until_all_know_it():
    c = Client(knows=lambda session_id: session_id == 9)
    c.session_id = 9
    assert c.create("/p").err == 0 and c.create("/e", flags=1).err == client.EPHEMERAL_ON_LOCAL_SESSION
    upgrade = c.propose(client.CREATE_SESSION, (4000).to_bytes(4, "big"))
    create = c.propose(client.CREATE, client.CreateRequest("/e", b"", OPEN, 1))
    assert [c.apply(txn).err for txn in (upgrade, create)] == [0, 0] and c.database.tree.ephemerals == {9: {"/e"}}
    c.session_id = 10
    assert c.create("/x").err == client.SESSION_EXPIRED


def multi(*operations):
    return b"".join(client.MultiHeader(opcode, False, -1).build() + request.build() for opcode, request in operations) \
        + client.MultiHeader(-1, True, -1).build()


def test_multi_is_all_or_nothing():
    c = Client()
    good = multi((client.CREATE, client.CreateRequest("/m", b"", OPEN, 0)), (client.CHECK, client.PathVersion("/m", 0)),
                 (client.SET_DATA, client.SetDataRequest("/m", b"x", 0)))
    assert [(part.type, part.err) for part in c.do(client.MULTI, good).parts] == [(1, 0), (13, 0), (5, 0)]
    bad = multi((client.CREATE, client.CreateRequest("/n", b"", OPEN, 0)), (client.DELETE, client.PathVersion("/m", 0)),
                (client.CREATE, client.CreateRequest("/o", b"", OPEN, 0)))
    c.watch("/n")
    result = c.do(client.MULTI, bad)
    assert (result.err, [(part.type, part.err) for part in result.parts]) == \
        (0, [(-1, 0), (-1, client.BAD_VERSION), (-1, client.RUNTIME_INCONSISTENCY)])
    assert c.events == [] and "/n" not in c.database.tree.nodes
    assert c.create("/n").err == 0  # what the failed one would have made is forgotten, too


def test_ephemerals_go_with_their_session():
    c = Client()
    c.create("/e", 1)
    c.create("/p")
    c.watch("/e")
    later = c.propose(client.CREATE, client.CreateRequest("/f", b"", OPEN, 1))
    close = c.propose(client.CLOSE_SESSION, b"")
    after = c.propose(client.CREATE, client.CreateRequest("/g", b"", OPEN, 1))
    assert [c.apply(txn).err for txn in (later, close, after)] == [0, 0, client.SESSION_EXPIRED]
    assert sorted(c.database.tree.nodes["/"].children) == ["p", "zookeeper"]
    assert c.events == [(client.NODE_DELETED, "/e")] and c.database.tree.ephemerals == {}


def test_access():
    owner = Client(ids=(("digest", digest_id(b"me:secret")),))
    assert owner.create("/mine", acl=[ACL(31, Id("auth", ""))]).err == 0
    other = Client(owner.database, session_id=6)
    assert other.set("/mine", b"").err == client.NO_AUTH
    assert other.create("/mine/x").err == client.NO_AUTH
    assert other.do(client.SET_ACL, client.SetACLRequest("/mine", OPEN, -1)).err == client.NO_AUTH
    for opcode, request in ((client.GET_DATA, client.PathWatch("/mine", False)), (client.GET_ACL, client.Path("/mine"))):
        with pytest.raises(Refused) as refused:
            other.read(opcode, request)
        assert refused.value.code == client.NO_AUTH
    owner.zxid = other.zxid
    readable = [ACL(31, Id("auth", "")), ACL(1, Id("ip", "127.0.0.0/8"))]
    assert owner.do(client.SET_ACL, client.SetACLRequest("/mine", readable, 0)).stat.aversion == 1
    shown = client.ACLAndStat.parse(other.read(client.GET_ACL, client.Path("/mine")))[0].acl
    assert [(a.perms, a.id.scheme, a.id.id) for a in shown] == [(31, "digest", "me:x"), (1, "ip", "127.0.0.0/8")]


def test_watches_tell_once_and_persistent_ones_always():
    c = Client()
    c.watch("/w")
    c.create("/w")
    c.set("/w", b"")
    assert c.events == [(client.NODE_CREATED, "/w")]
    c.watch("/w", client.GET_DATA)
    c.watch("/w", client.GET_CHILDREN)
    c.create("/w/x")
    c.set("/w", b"")
    c.watch("/w", client.GET_DATA)
    c.watch("/w", client.GET_CHILDREN)
    c.delete("/w/x")
    assert c.events[1:] == [(client.NODE_CHILDREN_CHANGED, "/w"), (client.NODE_DATA_CHANGED, "/w"), (client.NODE_CHILDREN_CHANGED, "/w")]
    c.events.clear()
    c.watch("/w", client.GET_CHILDREN)
    c.delete("/w")
    assert c.events == [(client.NODE_DELETED, "/w")]
    c.events.clear()
    c.read(client.ADD_WATCH, client.PathType("/", 1))
    c.create("/r")
    c.create("/r/s")
    c.set("/r/s", b"")
    assert c.events == [(client.NODE_CREATED, "/r"), (client.NODE_CREATED, "/r/s"), (client.NODE_DATA_CHANGED, "/r/s")]
    c.read(client.REMOVE_WATCHES, client.PathType("/", 3))
    c.delete("/r/s")
    assert len(c.events) == 3


def test_a_client_that_comes_back_hears_what_it_missed():
    c = Client()
    for path in ("/changed", "/gone", "/same", "/parent"):
        c.create(path)
    seen = c.zxid
    c.set("/changed", b"")
    c.delete("/gone")
    c.create("/parent/child")
    c.create("/new")
    c.read(client.SET_WATCHES, client.SetWatches(seen, ["/changed", "/gone", "/same"], ["/new", "/never"], ["/parent", "/same"]))
    assert c.events == [(3, "/changed"), (2, "/gone"), (1, "/new"), (4, "/parent")]
    c.set("/same", b"")
    c.create("/never")
    assert c.events[4:] == [(3, "/same"), (1, "/never")]


@pytest.mark.parametrize("path, valid", [("/", True), ("/a/b", True), ("", False), ("a", False), ("/a/", False), ("//", False),
                                         ("/a/../b", False), ("/.", False), ("/a\0", False), ("/a\x1f", False), ("/é", True),
                                         ("/\ue000", False)])
def test_paths(path, valid):
    assert valid_path(path) is valid
