"""One server's replica: the tree, and the log and snapshots that bring it back.

`directory` is dataDir/version-2: names(), load(name), replace(name, bytes) (all at once, and synced), remove(name),
truncate(name, size), append(name, bytes, done): synced in its own time, done() on the loop afterwards, in order; and
write_in_turns(name, pieces, done), which others are not kept waiting by; if the pieces raise Abandoned there is no such file.
Source: ZKDatabase, FileTxnSnapLog, SyncRequestProcessor of 3.8.4.
"""

from collections import deque
from io import BytesIO

from emulator.state.zookeeper.tree import OPEN_ACL, Node, Tree
from emulator.state.zookeeper.watches import Watches
from wire.types import Malformed
from wire.zookeeper import files

_RECENT = 500  # zookeeper.commitLogCount


class Abandoned(Exception):
    """A snapshot of what is no more."""


class Database:
    """`last_zxid`: the last that is applied; a leader sets it as its epoch begins. `snap_count` transactions at the most make a
    snapshot, and half of them at the least if there is a `random`: servers of an ensemble are not to make theirs all at once.
    """

    def __init__(self, directory, snap_count=100_000, random=None):
        self.watches = Watches()
        self.tree = Tree(self.watches)
        self.last_zxid = 0
        self.sessions = self.tree.sessions
        self._directory = directory
        self._snap_count = snap_count
        self._random = random
        self._recent = deque(maxlen=_RECENT)
        self._log = None  # the name of the file that grows
        self._rolls = False  # whether the next transaction begins another
        self._entries = []
        self._done = []
        self._syncs = False
        self._since = 0
        self._until = 0
        self._saving = None  # stands for the snapshot that is being made
        self.snapshots = 0
        self._roll_dice()
        self._load()

    def _roll_dice(self):
        half = self._snap_count // 2
        self._until = self._snap_count - 1 if self._random is None else half + self._random.randrange(max(1, half))

    # Starting

    def _numbered(self, prefix):
        """[(zxid, name)], in order."""
        found = []
        for name in self._directory.names():
            head, dot, number = name.partition(".")
            if head == prefix and dot:
                try:
                    found.append((int(number, 16), name))
                except ValueError:
                    continue
        return sorted(found)

    def _load(self):
        self.tree.clear()
        self.sessions = self.tree.sessions
        self._recent.clear()
        self._log = self._saving = None
        if not self._numbered("snapshot") and not self._numbered("log"):
            self.save()  # a real server takes a log without any snapshot for one that has lost it
        zxid = 0
        for number, name in reversed(self._numbered("snapshot")):
            if self._read_snapshot(self._directory.load(name)):
                zxid = number
                break
        self.last_zxid = zxid
        for logged, txn in self._logged(zxid):
            if logged > self.last_zxid:
                self._apply(logged, txn)
        self._since = 0

    def _read_snapshot(self, octets):
        if octets[:4] != files.SNAPSHOT_HEADER[:4]:
            return False
        stream = BytesIO(octets)
        stream.seek(len(files.SNAPSHOT_HEADER))
        try:
            nodes, sessions = files.read_tree(stream.read, Node, OPEN_ACL)
        except Malformed:
            return False
        if not files.is_sealed(octets, stream.tell()):
            return False
        self._take_over(nodes, sessions)
        return True

    def _take_over(self, nodes, sessions):
        self.tree.take_over(nodes, sessions)
        self.sessions = self.tree.sessions

    def _logged(self, zxid):
        """(zxid, txn) from the log that holds `zxid` on."""
        logs = self._numbered("log")
        first = max((n for n, (number, _) in enumerate(logs) if number <= zxid), default=0)
        for _, name in logs[first:]:
            for logged, txn, _ in files.read_log(self._directory.load(name)):
                yield logged, txn

    # What is agreed on

    def log(self, zxid, txn):
        if self._log is None or self._rolls and not self._entries:
            self._log, self._rolls = f"log.{zxid:x}", False
            self._directory.replace(self._log, files.LOG_HEADER)
        self._entries.append(files.log_entry(txn))
        self._since += 1

    def sync(self, done):
        """`done()` once all that has been logged is on disk; in the order of the calls."""
        self._done.append(done)
        if not self._syncs:
            self._sync()

    def _sync(self):
        self._syncs = True
        entries, self._entries = self._entries, []
        done, self._done = self._done, []

        def on_disk():
            for action in done:
                action()
            if self._done:
                self._sync()
            else:
                self._syncs = False
        self._directory.append(self._log, b"".join(entries), on_disk)

    def commit(self, zxid, txn):
        result = self._apply(zxid, txn)
        if self._since > self._until and self._saving is None:
            self._save_in_turns()
        return result

    def _apply(self, zxid, txn):
        result = self.tree.apply(txn)
        self.last_zxid = zxid
        self._recent.append((zxid, txn))
        return result

    def save(self):
        """A snapshot of what is applied, on disk when this returns; the log goes on in a new file."""
        self._directory.replace(f"snapshot.{self.last_zxid:x}", b"".join(self._snapshot_file()))
        self._saving = None
        self._saved()

    def _save_in_turns(self):
        saving = self._saving = object()

        def pieces():
            for piece in self._snapshot_file():
                yield piece
                if self._saving is not saving:
                    raise Abandoned

        def done():
            self._saving = None
        self._directory.write_in_turns(f"snapshot.{self.last_zxid:x}", pieces(), done)
        self._saved()

    def _snapshot_file(self):
        return files.write_snapshot(self.tree.nodes, self.tree.sessions, OPEN_ACL)

    def _saved(self):
        self.snapshots += 1
        self._since = 0
        self._roll_dice()
        self._rolls = True

    def purge(self, keep):
        """Remove all but the last `keep` snapshots, and the logs that none of those needs; gives how many files went."""
        snapshots = self._numbered("snapshot")[-keep:]
        if not snapshots:
            return 0
        oldest = snapshots[0][0]
        logs = self._numbered("log")
        needed = max((number for number, _ in logs if number <= oldest), default=oldest)
        gone = [name for number, name in self._numbered("snapshot") if number < oldest]
        gone += [name for number, name in logs if number < needed and name != self._log]
        for name in gone:
            self._directory.remove(name)
        return len(gone)

    # What learners lack

    def recent(self):
        return self._recent

    def history(self, zxid):
        """(zxid, txn) from one at or before `zxid` on; none if the logs begin later."""
        logs = self._numbered("log")
        if not logs or logs[0][0] > zxid:
            return []
        return [item for item in self._logged(zxid)]

    def truncate(self, zxid):
        """Cut the log back to `zxid`; False if what is left could not be brought back."""
        for number, name in self._numbered("snapshot"):
            if number > zxid:
                self._directory.remove(name)
        for number, name in self._numbered("log"):
            if number > zxid:
                self._directory.remove(name)
                continue
            for logged, _, at in files.read_log(self._directory.load(name)):
                if logged > zxid:
                    self._directory.truncate(name, at)
                    break
        self._load()
        whole = self.last_zxid == zxid or not zxid & 0xFFFFFFFF  # an epoch's first zxid is no transaction
        if whole:
            self.last_zxid = zxid
        return whole

    def snapshot(self):
        return files.write_tree(self.tree.nodes, self.tree.sessions, OPEN_ACL)

    def restore(self, read, zxid):
        """Take over a leader's tree; on disk when this returns."""
        nodes, sessions = files.read_tree(read, Node, OPEN_ACL)
        self._saving = None
        self._take_over(nodes, sessions)
        self._recent.clear()
        self.last_zxid = zxid
        for number, name in self._numbered("log"):
            if number > zxid:
                self._directory.remove(name)
        self.save()
