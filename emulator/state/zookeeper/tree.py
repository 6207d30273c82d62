"""The tree of znodes, changed by transactions only. Source: DataTree of 3.8.4."""

from emulator.state.zookeeper.quotas import Quotas
from wire.zookeeper import client
from wire.zookeeper.client import ACL, Id, Stat
from wire.zookeeper.transactions import parse_part, parse_txn

OPEN_ACL = (ACL(client.ALL, Id("world", "anyone")),)
READ_ACL = (ACL(client.READ, Id("world", "anyone")),)
CONTAINER_OWNER = -2**63
_OPEN_KEY = ((client.ALL, "world", "anyone"),)
_KEPT_ACLS = 1000
MAX_TTL = (1 << 40) - 1


class Node:
    """`cversion` counts the children ever made; `acl` a tuple; the rest as in Stat."""

    __slots__ = ("data", "acl", "czxid", "mzxid", "ctime", "mtime", "version", "cversion", "aversion", "ephemeral_owner",
                 "pzxid", "children")

    def __init__(self, data=b"", acl=OPEN_ACL, zxid=0, time=0, ephemeral_owner=0):
        self.data = data
        self.acl = acl
        self.czxid = self.mzxid = self.pzxid = zxid
        self.ctime = self.mtime = time
        self.version = self.cversion = self.aversion = 0
        self.ephemeral_owner = ephemeral_owner
        self.children = set()

    def stat(self):
        return Stat(self.czxid, self.mzxid, self.ctime, self.mtime, self.version,
                    2 * self.cversion - len(self.children),  # how often children came or went
                    self.aversion, self.ephemeral_owner if is_session(self.ephemeral_owner) else 0, len(self.data or b""), len(self.children), self.pzxid)


class Result:
    """What a transaction did: `err`, and of a create or setData the `path` and Stat; of a multi `parts`, Results."""

    __slots__ = ("header", "err", "path", "stat", "parts", "type")

    def __init__(self, type_, err=0, path=None, stat=None):
        self.type = type_
        self.header = None
        self.err = err
        self.path = path
        self.stat = stat
        self.parts = None


def is_session(owner):
    """Whether the owner of a node is a session: it may be nobody, and mark a container or a node with a time to live."""
    return owner not in (0, CONTAINER_OWNER) and owner >> 56 & 0xFF != 0xFF


def ttl_owner(ttl):
    """The owner of a node that goes when nobody has changed it, nor given it children, for `ttl` ms."""
    return -(1 << 56) | ttl


def ttl_of(owner):
    """Its time, 0 for any other owner."""
    return owner & MAX_TTL if owner >> 56 == -1 and not owner >> 40 & 0xFFFF else 0


def parent_of(path):
    return path[:path.rfind("/")] or "/"


class Tree:
    """`nodes` {path: Node}, `ephemerals` {session id: set of paths}, `watches` told of each change, `sessions` {id: time-out}.

    `size`: bytes of all data and paths; `mortal`: paths of containers and of nodes with a time to live.
    """

    def __init__(self, watches):
        self.watches = watches
        self.quotas = Quotas()
        self._acls = {_OPEN_KEY: OPEN_ACL}
        self.clear()

    def clear(self):
        self.nodes = {"/": Node(), "/zookeeper": Node(), "/zookeeper/quota": Node(), "/zookeeper/config": Node(acl=READ_ACL)}
        self.nodes["/zookeeper/config"].aversion = -1  # the real server gives it its ACL so
        self.nodes["/"].children.add("zookeeper")
        self.nodes["/zookeeper"].children.update(("quota", "config"))
        self.ephemerals = {}
        self.mortal = set()
        self.sessions = {}
        self.size = sum(map(_size, self.nodes, self.nodes.values()))
        self.quotas.take_over(self.nodes)

    def take_over(self, nodes, sessions):
        """All that another tree has."""
        self.clear()
        self.nodes.update(nodes)
        self.size = sum(map(_size, self.nodes, self.nodes.values()))
        self.sessions.update(sessions)
        for path, node in nodes.items():
            if node.ephemeral_owner > 0 or node.ephemeral_owner in sessions:
                self.ephemerals.setdefault(node.ephemeral_owner, set()).add(path)
            elif node.ephemeral_owner:
                self.mortal.add(path)
        self.quotas.take_over(self.nodes)

    def expired(self, now, never_used_ms=0):
        """Paths of containers that have lost their last child, and of nodes whose time to live is over at `now`.

        `never_used_ms`: how long a container that never had a child may stay, 0: for ever. Source: ContainerManager.
        """
        for path in self.mortal:
            node = self.nodes[path]
            if node.children:
                continue
            ttl, age = ttl_of(node.ephemeral_owner), now - node.mtime
            if ttl and age > ttl or not ttl and (node.cversion > 0 or 0 < never_used_ms < age):
                yield path

    def apply(self, octets):
        """A transaction's bytes; gives a Result with its header."""
        header, txn = parse_txn(octets)
        result = self._apply(header, header.type, txn)
        result.header = header
        return result

    def _apply(self, header, type_, txn):
        result = Result(type_)
        if type_ in (client.CREATE, client.CREATE2):
            self._create(header, txn, header.client_id if txn.ephemeral else 0, result)
        elif type_ == client.CREATE_CONTAINER:
            self._create(header, txn, CONTAINER_OWNER, result)
        elif type_ == client.CREATE_TTL:
            self._create(header, txn, ttl_owner(txn.ttl), result)
        elif type_ in (client.DELETE, client.DELETE_CONTAINER):
            result.path = txn.path
            result.err = 0 if self._delete(txn.path, header.zxid) else client.NO_NODE
        elif type_ in (client.SET_DATA, client.RECONFIG):
            self._set_data(header, txn, result)
        elif type_ == client.SET_ACL:
            node = self.nodes.get(txn.path)
            if node is None:
                result.err = client.NO_NODE
            else:
                node.acl, node.aversion = self._acl(txn.acl), txn.version
                result.stat = node.stat()
        elif type_ == client.CREATE_SESSION:
            self.sessions[header.client_id] = txn.timeout
        elif type_ == client.CLOSE_SESSION:
            self.sessions.pop(header.client_id, None)
            for path in sorted({*txn.paths, *self.ephemerals.pop(header.client_id, ())}, reverse=True):
                self._delete(path, header.zxid)
        elif type_ == client.ERROR:
            result.err = txn.err
        elif type_ == client.MULTI:
            self._multi(header, txn, result)
        return result

    def _multi(self, header, txn, result):
        parts = [(part.type, parse_part(part)) for part in txn.txns]
        failed = any(type_ == client.ERROR for type_, _ in parts)
        result.parts = [Result(type_, part.err if type_ == client.ERROR else 0) if failed
                        else self._apply(header, type_, part) for type_, part in parts]

    def _create(self, header, txn, owner, result):
        path = result.path = txn.path
        parent_path = parent_of(path)
        parent = self.nodes.get(parent_path)
        if parent is None:
            result.err = client.NO_NODE
            return
        name = path[path.rfind("/") + 1:]
        cversion = parent.cversion + 1 if txn.parent_cversion == -1 else txn.parent_cversion
        if cversion > parent.cversion:
            parent.cversion, parent.pzxid = cversion, header.zxid
        if name in parent.children:
            result.err = client.NODE_EXISTS  # a snapshot had it already
            return
        node = self.nodes[path] = Node(txn.data, self._acl(txn.acl), header.zxid, header.time, owner)
        parent.children.add(name)
        self.size += _size(path, node)
        if owner:
            if is_session(owner):
                self.ephemerals.setdefault(owner, set()).add(path)
            else:
                self.mortal.add(path)
        result.stat = node.stat()
        if self.quotas.paths or path.startswith("/zookeeper/"):
            self.quotas.created(path, txn.data)
        self.watches.created(path, node.acl, parent_path, parent.acl)

    def _acl(self, entries):
        """As a tuple; most nodes have the same, which is kept once."""
        acl = tuple(entries or ())
        key = tuple((entry.perms, entry.id.scheme, entry.id.id) for entry in acl)
        kept = self._acls.get(key)
        if kept is None:
            if len(self._acls) >= _KEPT_ACLS:
                self._acls.clear()
                self._acls[_OPEN_KEY] = OPEN_ACL
            kept = self._acls[key] = acl
        return kept

    def _delete(self, path, zxid):
        node = self.nodes.pop(path, None)
        if node is None:
            return False
        parent_path = parent_of(path)
        parent = self.nodes.get(parent_path)
        if parent is not None:
            parent.children.discard(path[path.rfind("/") + 1:])
            parent.pzxid = max(parent.pzxid, zxid)
        self.size -= _size(path, node)
        self.mortal.discard(path)
        if self.quotas.paths:
            self.quotas.deleted(path, node.data)
        owned = self.ephemerals.get(node.ephemeral_owner)
        if owned is not None:
            owned.discard(path)
            if not owned:
                del self.ephemerals[node.ephemeral_owner]
        self.watches.deleted(path, node.acl, parent_path, parent.acl if parent is not None else ())
        return True

    def _set_data(self, header, txn, result):
        node = self.nodes.get(txn.path)
        if node is None:
            result.err = client.NO_NODE
            return
        grown = len(txn.data or b"") - len(node.data or b"")
        self.size += grown
        node.data, node.version, node.mtime, node.mzxid = txn.data, txn.version, header.time, header.zxid
        result.path, result.stat = txn.path, node.stat()
        if self.quotas.paths:
            self.quotas.changed(txn.path, grown)
        self.watches.changed(txn.path, node.acl)


def _size(path, node):
    return len(path) + len(node.data or b"")


def valid_path(path):
    """As PathUtils.validatePath has it."""
    if not path or path[0] != "/":
        return False
    if path == "/":
        return True
    if path[-1] == "/" or any(part in ("", ".", "..") for part in path[1:].split("/")):
        return False
    return not any(c <= "\x1f" or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\uf8ff" or "\ufff0" <= c <= "\uffff" for c in path)
