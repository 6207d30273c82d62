"""ZooKeeper's files: `log.<zxid>` and `snapshot.<zxid>`, and the stream of a snapshot that leaders send, too.

Source: FileTxnLog, FileSnap, DataTree.serialize and ReferenceCountedACLCache of 3.8.4.
"""

from struct import Struct
from struct import error as StructError
from zlib import adler32

from ..jute import long, record, vector
from ..types import Malformed
from .client import ACL

_HEADER = Struct(">4siq")
LOG_HEADER = _HEADER.pack(b"ZKLG", 2, 0)
SNAPSHOT_HEADER = _HEADER.pack(b"ZKSN", 2, -1)
_ENTRY = Struct(">qi")
_INT = Struct(">i")
_SESSION = Struct(">qi")
_STAT = Struct(">qqqqqiiiqq")  # the ACL's number, then StatPersisted
_OPEN = -1  # the number of the ACL that allows all
_ACL_ENTRY = record("ACLEntry", "number" / long, "acl" / vector(ACL))
_MAX = 0x7FFFFFF
_SCANNED, _WRITTEN = 10_000, 300  # nodes in one piece: a millisecond's work


def log_entry(txn):
    """A transaction as it stands in a log."""
    return _ENTRY.pack(adler32(txn), len(txn)) + txn + b"B"


def read_log(octets):
    """[(zxid, txn, where its entry begins)] up to the first that is torn or damaged; raises Malformed for another file."""
    if octets[:4] != LOG_HEADER[:4]:
        if not octets.strip(b"\0"):
            return []
        raise Malformed("log.magic", 0, f"{bytes(octets[:4])!r} is not ZKLG")
    at, found = _HEADER.size, []
    while at + 12 < len(octets):
        checksum, size = _ENTRY.unpack_from(octets, at)
        txn = bytes(octets[at + 12:at + 12 + max(size, 0)])
        if size < 32 or octets[at + 12 + size:at + 13 + size] != b"B" or adler32(txn) != checksum:
            break
        found.append((int.from_bytes(txn[12:20], "big", signed=True), txn, at))
        at += 13 + size
    return found


def _text(value):
    octets = value.encode()
    return _INT.pack(len(octets)) + octets


def write_tree(nodes, sessions, open_acl):
    """Pieces of bytes, each soon made: sessions {id: time-out}, the ACLs, and all nodes {path: Node}, parents first.

    Nodes may change between the pieces, as in a real server's snapshot: each is as it was at first or later, and all that the
    log has had since, applied once more, makes them what they are.
    """
    yield _INT.pack(len(sessions)) + b"".join(_SESSION.pack(*item) for item in sessions.items())
    paths = list(nodes)
    numbers, pieces = {}, []
    for start in range(0, len(paths), _SCANNED):
        for path in paths[start:start + _SCANNED]:
            node = nodes.get(path)
            if node is not None and node.acl is not open_acl and node.acl != open_acl:
                key = _acl_key(node.acl)
                if key not in numbers:
                    numbers[key] = len(numbers) + 1
                    pieces.append(_ACL_ENTRY(numbers[key], list(node.acl)).build())
        yield b""
    yield _INT.pack(len(pieces)) + b"".join(pieces)
    gone = set()
    for start in range(0, len(paths), _WRITTEN):
        pieces = []
        for path in paths[start:start + _WRITTEN]:
            node = nodes.get(path)
            if node is None or gone and path[:path.rfind("/")] in gone:
                gone.add(path)  # nor what was made below it since
                continue
            acl = node.acl
            number = _OPEN if acl is open_acl or acl == open_acl else numbers.get(_acl_key(acl), _OPEN)
            data = node.data
            pieces += _text("" if path == "/" else path), b"\xff\xff\xff\xff" if data is None else _INT.pack(len(data)), data or b"", _STAT.pack(
                number, node.czxid, node.mzxid, node.ctime, node.mtime, node.version, node.cversion, node.aversion,
                node.ephemeral_owner, node.pzxid)
        yield b"".join(pieces)
    yield _text("/")


def _acl_key(acl):
    return tuple((entry.perms, entry.id.scheme, entry.id.id) for entry in acl)


def read_tree(read, make, open_acl):
    """({path: node}, {session id: time-out}); `read(n)` gives exactly so many bytes, `make(data, acl)` a node. Raises Malformed."""
    def number():
        return _INT.unpack(read(4))[0]

    def octets():
        length = number()
        if not -1 <= length <= _MAX:
            raise Malformed("snapshot", 0, f"a length of {length}")
        return None if length < 0 else read(length)

    def count():
        value = number()
        if not 0 <= value <= _MAX:
            raise Malformed("snapshot", 0, f"a count of {value}")
        return value

    try:
        sessions = dict(_SESSION.unpack(read(12)) for _ in range(count()))
        acls = {_OPEN: open_acl}
        for _ in range(count()):
            key = int.from_bytes(read(8), "big", signed=True)
            acls[key] = tuple(_acl(number(), octets(), octets()) for _ in range(count()))
        nodes = {}
        while True:
            path = (octets() or b"").decode()
            if path == "/":
                return nodes, sessions
            data = octets()
            acl, *stat = _STAT.unpack(read(_STAT.size))
            node = nodes[path or "/"] = make(data, acls.get(acl, open_acl))
            (node.czxid, node.mzxid, node.ctime, node.mtime, node.version, node.cversion, node.aversion,
             node.ephemeral_owner, node.pzxid) = stat
            if path:
                above, _, name = path.rpartition("/")
                if (above or "/") not in nodes:
                    raise Malformed("snapshot", 0, f"{path} comes before its parent")
                nodes[above or "/"].children.add(name)
    except (StructError, UnicodeDecodeError) as error:
        raise Malformed("snapshot", 0, str(error)) from None


def _acl(perms, scheme, value):
    from .client import Id
    return ACL(perms, Id((scheme or b"").decode(), (value or b"").decode()))


def write_snapshot(nodes, sessions, open_acl):
    """Pieces of a whole file."""
    checksum = adler32(SNAPSHOT_HEADER)
    yield SNAPSHOT_HEADER
    for piece in write_tree(nodes, sessions, open_acl):
        checksum = adler32(piece, checksum)
        yield piece
    yield Struct(">q").pack(checksum) + _text("/")


def is_sealed(octets, end):
    """Whether the file is whole, its tree ending at `end`."""
    return octets[end:end + 8] == Struct(">q").pack(adler32(octets[:end]))
