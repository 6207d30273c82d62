"""A replica comes back from its log and snapshots, whatever a crash has left of them."""

from random import Random

import pytest

from emulator.state.zookeeper.database import Database
from emulator.state.zookeeper.epochs import DamagedEpoch, Epochs
from emulator.state.zookeeper.sessions import SessionTracker, first_session_id, password
from tests.state.zookeeper.disk import MemoryDirectory
from tests.state.zookeeper.test_requests import OPEN, Client
from wire.zookeeper import client
from wire.zookeeper.client import ACL, Id


def written(count, snap_count=100_000):
    """(directory, [txn])"""
    directory = MemoryDirectory()
    database = Database(directory, snap_count)
    c, txns = Client(database), []
    apply = c.apply

    def logged(txn):
        zxid = int.from_bytes(txn[12:20], "big")
        database.log(zxid, txn)
        database.sync(lambda: txns.append(txn))
        directory.turn()
        return apply(txn)
    c.apply = logged
    for n in range(count):
        assert c.create(f"/n{n}", data=b"%d" % n, flags=n % 2).err == 0
    return directory, txns


def shape(database):
    return {path: (node.stat(), node.data, node.acl, sorted(node.children)) for path, node in database.tree.nodes.items()}


@pytest.mark.parametrize("snap_count", [100_000, 4])
def test_all_that_was_synced_is_there_again(snap_count):
    directory, txns = written(10, snap_count)
    again = Database(MemoryDirectory(directory.files))
    assert again.last_zxid == 11 and len(again.tree.nodes) == 14
    assert len(again.tree.ephemerals[5]) == 5
    snapshots = {name for name in directory.files if name.startswith("snapshot.")}
    assert snapshots == ({"snapshot.0"} if snap_count > 4 else {"snapshot.0", "snapshot.5", "snapshot.9"})


def test_a_snapshot_is_made_while_later_transactions_wait_for_the_disk():
    directory = MemoryDirectory()
    database = Database(directory, snap_count=3)
    c = Client(database)
    txns = [c.propose(client.CREATE, client.CreateRequest(f"/n{n}", b"", OPEN, 0)) for n in range(6)]
    for zxid, txn in enumerate(txns, 2):
        database.log(zxid, txn)
    database.sync(lambda: [c.apply(txn) for txn in txns])
    directory.turn()
    again = Database(MemoryDirectory(directory.files))
    assert again.last_zxid == 7 and len(again.tree.nodes) == 10


@pytest.mark.parametrize("seed", range(5))
def test_a_snapshot_that_is_made_while_nodes_change(seed):
    """Nodes come, go and come again between its pieces; with the log since then it is what the tree is, at each moment."""
    chance, directory = Random(seed), MemoryDirectory()
    database = Database(directory, snap_count=1500)
    c = Client(database, enforce_quota=True)
    acls = [OPEN, [ACL(31, Id("digest", "me:x="))], [ACL(1, Id("world", "anyone"))]]

    def logged(txn):
        zxid = int.from_bytes(txn[12:20], "big")
        database.log(zxid, txn)
        database.sync(lambda: None)
        directory.sync()
        result = database.commit(zxid, txn)
        c.preparer.applied(zxid)
        return result
    c.apply = logged
    logged(c.propose(client.CREATE_SESSION, (4000).to_bytes(4, "big")))
    for path in ("/zookeeper/quota/n1", "/zookeeper/quota/n1/zookeeper_limits", "/zookeeper/quota/n1/zookeeper_stats"):
        c.create(path)
    for n in range(4500):
        some = f"/n{chance.randrange(30)}" + "".join(f"/{chance.randrange(9)}" for _ in range(chance.choice([0, 1, 1, 2])))
        act = chance.choice([lambda: c.create(some, chance.choice([0, 0, 0, 1]), acl=chance.choice(acls)), lambda: c.delete(some),
                             lambda: c.set(some, b"x" * n), lambda: c.create(some, acl=chance.choice(acls))])
        act()
        if n % 7 == 0:
            directory.piece()
        if n % 500 == 499:
            again = Database(MemoryDirectory(directory.files))
            assert shape(again) == shape(database) and again.tree.ephemerals == database.tree.ephemerals
            assert again.tree.quotas.paths == {"/n1"}
    assert database.snapshots > 2


def test_a_snapshot_of_a_history_that_is_cut_is_abandoned():
    directory = MemoryDirectory()
    database = Database(directory, snap_count=3)
    c = Client(database)
    for n in range(4):
        txn = c.propose(client.CREATE, client.CreateRequest(f"/n{n}", b"", OPEN, 0))
        database.log(c.zxid, txn)
        database.sync(lambda: None)
        directory.sync()
        c.apply(txn)
    directory.piece()
    assert database.truncate(3)
    directory.turn()
    assert {name for name in directory.files if name.startswith("snapshot.")} == {"snapshot.0"} and database.last_zxid == 3


def test_servers_make_their_snapshots_at_different_times():
    made = set()
    for seed in range(6):
        directory, database = MemoryDirectory(), None
        database = Database(directory, snap_count=40, random=Random(seed))
        c = Client(database)
        for n in range(200):
            txn = c.propose(client.CREATE, client.CreateRequest(f"/n{n}", b"", OPEN, 0))
            database.log(c.zxid, txn)
            database.sync(lambda: None)
            directory.turn()
            c.apply(txn)
        directory.turn()
        at = sorted(int(name[9:], 16) for name in directory.files if name.startswith("snapshot."))
        assert all(20 < later - earlier <= 41 for earlier, later in zip(at, at[1:]))
        made.add(tuple(at))
    assert len(made) > 3


def test_a_torn_tail_is_left_out():
    directory, txns = written(3)
    name = "log.2"
    octets = directory.files[name]
    for end in range(len(octets) - len(txns[-1]) - 13, len(octets)):
        assert Database(MemoryDirectory({**directory.files, name: octets[:end]})).last_zxid == 3
    damaged = bytearray(octets)
    damaged[-5] ^= 1
    assert Database(MemoryDirectory({**directory.files, name: bytes(damaged)})).last_zxid == 3


def test_what_is_padded_with_zeros_ends_there():
    directory, _ = written(3)
    name = "log.2"
    octets = directory.files[name]
    assert Database(MemoryDirectory({**directory.files, name: octets + bytes(1000)})).last_zxid == 4


def test_a_damaged_snapshot_gives_way_to_the_one_before():
    directory, _ = written(10, 4)
    last = max((n for n in directory.files if n.startswith("snapshot.")), key=lambda n: int(n[9:], 16))
    for octets in (b"", directory.files[last][:-20], b"x" * 100):
        files = {**directory.files, last: octets}
        assert Database(MemoryDirectory(files)).last_zxid == 11


def test_a_cut_goes_back_to_what_was():
    directory, txns = written(10)
    database = Database(directory)
    assert database.truncate(6)
    assert (database.last_zxid, len(database.tree.nodes)) == (6, 9)
    assert Database(MemoryDirectory(directory.files)).last_zxid == 6
    del directory.files["log.2"]
    assert not Database(directory).truncate(5)


def test_a_tree_that_was_sent_is_there_after_a_crash():
    from io import BytesIO

    source, _ = written(10)
    source = Database(source)
    directory = MemoryDirectory(written(3)[0].files)
    target = Database(directory)
    target.restore(BytesIO(b"".join(source.snapshot())).read, 1 << 32)
    assert shape(target) == shape(source) and target.sessions == source.sessions
    again = Database(MemoryDirectory(directory.files))
    assert shape(again) == shape(source) and again.last_zxid == 1 << 32 and again.tree.ephemerals == source.tree.ephemerals


def test_a_purge_leaves_what_the_last_snapshots_need():
    directory, _ = written(30, 4)
    database = Database(directory)
    before = set(directory.files)
    assert database.purge(3) == len(before) - len(directory.files) > 6
    assert sum(name.startswith("snapshot.") for name in directory.files) == 3
    again = Database(MemoryDirectory(directory.files))
    assert shape(again) == shape(database) and again.last_zxid == 31
    assert [zxid for zxid, _ in database.history(28)][-1] == 31


def test_history_begins_where_it_was_asked_for_or_is_none():
    directory, txns = written(10, 4)
    database = Database(directory)
    assert [zxid for zxid, _ in database.history(7) if zxid > 7] == [8, 9, 10, 11]
    del directory.files["log.2"]
    assert database.history(3) == []


def test_epochs_last_and_those_that_make_no_sense_are_refused():
    directory = MemoryDirectory()
    epochs = Epochs(directory)
    epochs.accepted, epochs.current = 3, 3
    again = Epochs(MemoryDirectory(directory.files), (3 << 32) + 9)
    assert (again.accepted, again.current) == (3, 3)
    snapshot_taken_over = Epochs(MemoryDirectory({"acceptedEpoch": b"5", "currentEpoch": b"3"}), (5 << 32) + 9)
    assert (snapshot_taken_over.accepted, snapshot_taken_over.current) == (5, 5)
    for files, last in (({"acceptedEpoch": b"x", "currentEpoch": b"1"}, 0), ({"acceptedEpoch": b"1", "currentEpoch": b"2"}, 0),
                        ({"acceptedEpoch": b"1", "currentEpoch": b"1"}, 2 << 32)):
        with pytest.raises(DamagedEpoch):
            Epochs(MemoryDirectory(files), last)


def test_sessions_expire_on_the_tick_after_their_time():
    tracker = SessionTracker(100)
    tracker.add(7, 250, 1000)
    tracker.add(8, 1000, 1000)
    assert tracker.expired(1299) == [] and tracker.expired(1300) == [7]
    assert 7 not in tracker and not tracker.touch(7, 1301)
    assert tracker.touch(8, 1900, owner=2) and tracker.owners == {8: 2}
    assert tracker.expired(2100) == [] and tracker.expired(3000) == [8]


def test_what_a_session_is_made_of():
    """The password of java.util.Random, as any server of an ensemble works it out."""
    assert password(0x100000000000000).hex() == "f22acd4a97e69d6d20a49bb638eadb38"
    assert first_session_id(3, 0) >> 56 == 3 and first_session_id(200, 0) < 0
