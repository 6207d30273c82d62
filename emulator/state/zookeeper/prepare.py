"""A leader makes of a request its transaction, against the tree as it will be once all that is proposed is applied.

Source: PrepRequestProcessor of 3.8.4.
"""

from emulator.state.zookeeper import acl as acls
from emulator.state.zookeeper.tree import CONTAINER_OWNER, MAX_TTL, is_session, parent_of, ttl_owner, valid_path
from wire.jute import read_int
from wire.types import Malformed
from wire.zookeeper import client
from wire.zookeeper.transactions import (
    CheckVersionTxn, CloseSessionTxn, CreateContainerTxn, CreateSessionTxn, CreateTTLTxn, CreateTxn, DeleteTxn, ErrorTxn,
    MultiTxn, SetACLTxn, SetDataTxn, Txn, TxnHeader,
)

_CREATES = (client.CREATE, client.CREATE2, client.CREATE_CONTAINER, client.CREATE_TTL)
_IN_MULTI = {*_CREATES, client.DELETE, client.SET_DATA, client.CHECK}


class Refused(Exception):
    """An error code of wire.zookeeper.client."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Change:
    """A node as it will be; `exists` False once it is deleted; `count` of children, `size` of data."""

    __slots__ = ("zxid", "exists", "version", "cversion", "aversion", "count", "acl", "owner", "size")

    def __init__(self, zxid, exists=True, version=0, cversion=0, aversion=0, count=0, acl=(), owner=0, size=0):
        self.zxid = zxid
        self.exists = exists
        self.version = version
        self.cversion = cversion
        self.aversion = aversion
        self.count = count
        self.acl = acl
        self.owner = owner
        self.size = size

    def again(self, zxid):
        return Change(zxid, self.exists, self.version, self.cversion, self.aversion, self.count, self.acl, self.owner, self.size)


class Preparer:
    """`txn` for each request in the order of their zxids; `applied(zxid)` lets go of what the tree itself knows now.

    `extended_types`: whether nodes may have a time to live; `enforce_quota`: whether hard limits hold; `knows(session id)`:
    of a session that is not in the tree, whether it is a local one of some server.
    """

    def __init__(self, tree, extended_types=False, enforce_quota=False, knows=lambda session_id: False):
        self._tree = tree
        self._extended_types = extended_types
        self._enforce_quota = enforce_quota
        self._knows = knows
        self._changes = {}
        self._opening = set()
        self._closing = set()

    def applied(self, zxid):
        if self._changes:
            self._changes = {path: change for path, change in self._changes.items() if change.zxid > zxid}

    def txn(self, zxid, now, session_id, cxid, opcode, body, ids, refused=None):
        """The transaction's bytes; a request that is refused makes one that says so. `ids`: who asks, see `acl.allowed`.

        `refused`: a code that was found already.
        """
        header = TxnHeader(session_id, cxid, zxid, now, opcode)
        before = dict(self._changes) if opcode == client.MULTI else None
        try:
            if refused is not None:
                raise Refused(refused)
            if opcode == client.CREATE_SESSION:
                self._opening.add(session_id)
                txn = CreateSessionTxn(read_int(body, 0)[0])
                return header.build() + txn.build()
            if session_id in self._closing or not (self._is_global(session_id) or self._knows(session_id)):
                raise Refused(client.SESSION_EXPIRED)
            if opcode == client.MULTI:
                txn = self._multi(header, body, ids, before)
            elif opcode == client.CLOSE_SESSION:
                txn = self._close_session(header)
            else:
                kind = client.REQUESTS.get(opcode)
                if kind is None or opcode not in client.WRITES:
                    raise Refused(client.UNIMPLEMENTED)
                txn = self._one(header, opcode, kind.parse(body)[0], ids)
        except Refused as error:
            header.type, txn = client.ERROR, ErrorTxn(error.code)
        except Malformed:
            header.type, txn = client.ERROR, ErrorTxn(client.MARSHALLING_ERROR)
        return header.build() + txn.build()

    def delete_expired(self, zxid, now, path):
        """The transaction's bytes for a path of `Tree.expired`, which nobody asks for."""
        header = TxnHeader(0, 0, zxid, now, client.DELETE_CONTAINER)
        try:
            node = self._node(path)
            if node.count:
                raise Refused(client.NOT_EMPTY)
            if not node.owner or is_session(node.owner):
                raise Refused(client.BAD_VERSION)
            txn = self._gone(header, path)
        except Refused as error:
            header.type, txn = client.ERROR, ErrorTxn(error.code)
        return header.build() + txn.build()

    def _is_global(self, session_id):
        if session_id in self._tree.sessions:
            self._opening.discard(session_id)
            return True
        return session_id in self._opening

    def _multi(self, header, body, ids, before):
        operations = [_as_multi_has_it(opcode, request) for opcode, request in client.parse_multi(body)]
        parts, failed = [], None
        for opcode, request in operations:
            if failed is None:
                try:
                    parts.append(Txn(opcode, self._one(header, opcode, request, ids).build()))
                    continue
                except Malformed:
                    self._changes = before
                    raise
                except Refused as refused:
                    failed = refused.code
                    parts = [Txn(client.ERROR, ErrorTxn(0).build()) for _ in parts]
                    parts.append(Txn(client.ERROR, ErrorTxn(failed).build()))
            else:
                parts.append(Txn(client.ERROR, ErrorTxn(client.RUNTIME_INCONSISTENCY).build()))
        if failed is not None:
            self._changes = before
        return MultiTxn(parts)

    def _close_session(self, header):
        session_id = header.client_id
        paths = set(self._tree.ephemerals.get(session_id, ()))
        for path, change in self._changes.items():
            if not change.exists:
                paths.discard(path)
            elif change.owner == session_id:
                paths.add(path)
        for path in paths:
            self._changes[path] = Change(header.zxid, exists=False)
            parent = self._node(parent_of(path)).again(header.zxid)
            parent.count -= 1
            self._changes[parent_of(path)] = parent
        self._closing.add(session_id)
        if len(self._closing) > 10_000:
            self._closing &= set(self._tree.sessions)
        return CloseSessionTxn(sorted(paths))

    def _one(self, header, opcode, request, ids):
        if opcode == client.RECONFIG:
            raise Refused(client.RECONFIG_DISABLED)  # an ensemble is what zoo.cfg says
        path = request.path
        if opcode in _CREATES:
            return self._create(header, opcode, request, ids)
        if opcode == client.DELETE:
            return self._delete(header, request, ids)
        if not valid_path(path):
            raise Refused(client.BAD_ARGUMENTS)
        if opcode == client.SET_ACL:
            return self._set_acl(header, request, ids)
        node = self._node(path)
        if opcode == client.SET_DATA:
            self._allow(node, client.WRITE, ids)
            size = len(request.data or b"")
            self._within_quota(path, size - node.size, 0)
            version = self._version(node.version, request.version)
            change = self._change(path, header.zxid)
            change.version, change.size = version, size
            return SetDataTxn(path, request.data, version)
        if opcode == client.CHECK:
            self._allow(node, client.READ, ids)
            return CheckVersionTxn(path, self._version(node.version, request.version))
        raise Refused(client.UNIMPLEMENTED)

    def _set_acl(self, header, request, ids):
        acl = acls.fixed(request.acl, ids)
        if acl is None:
            raise Refused(client.INVALID_ACL)
        self._allow(self._node(request.path), client.ADMIN, ids)
        version = self._version(self._node(request.path).aversion, request.version)
        change = self._change(request.path, header.zxid)
        change.aversion, change.acl = version, tuple(acl)
        return SetACLTxn(request.path, acl, version)

    def _create(self, header, opcode, request, ids):
        path, flags = request.path, request.flags
        if not 0 <= flags <= 6:
            raise Refused(client.BAD_ARGUMENTS)
        if flags in (5, 6):
            if not self._extended_types:
                raise Refused(client.UNIMPLEMENTED)
            if opcode != client.CREATE_TTL or not 0 < request.ttl <= MAX_TTL:
                raise Refused(client.BAD_ARGUMENTS)
        elif opcode == client.CREATE_TTL:
            # One that lives without a time would be made by the real server, and break it when it is applied.
            raise Refused(client.BAD_ARGUMENTS)
        if flags in (1, 3) and not self._is_global(header.client_id):
            raise Refused(client.EPHEMERAL_ON_LOCAL_SESSION)
        if path is None:
            raise Malformed("path", 0, "there is none")
        if "/" not in path or "\0" in path:
            raise Refused(client.BAD_ARGUMENTS)
        sequential, ephemeral = flags in (2, 3, 6), flags in (1, 3)
        acl = acls.fixed(request.acl, ids)
        if acl is None:
            raise Refused(client.INVALID_ACL)
        parent_path = parent_of(path)
        parent = self._node(parent_path)
        self._allow(parent, client.CREATE_CHILD, ids)
        if sequential:
            path += "%010d" % parent.cversion
        if not valid_path(path):
            raise Refused(client.BAD_ARGUMENTS)
        if self._find(path) is not None:
            raise Refused(client.NODE_EXISTS)
        if is_session(parent.owner):
            raise Refused(client.NO_CHILDREN_FOR_EPHEMERALS)
        size = len(request.data or b"")
        self._within_quota(path, size, 1)
        change = self._change(parent_path, header.zxid)
        change.cversion += 1
        change.count += 1
        owner = header.client_id if ephemeral else CONTAINER_OWNER if flags == 4 else 0
        if opcode == client.CREATE_TTL:
            owner = ttl_owner(request.ttl)
        self._changes[path] = Change(header.zxid, acl=tuple(acl), owner=owner, size=size)
        if opcode == client.CREATE_CONTAINER:
            return CreateContainerTxn(path, request.data, acl, change.cversion)
        if opcode == client.CREATE_TTL:
            return CreateTTLTxn(path, request.data, acl, change.cversion, request.ttl)
        return CreateTxn(path, request.data, acl, ephemeral, change.cversion)

    def _delete(self, header, request, ids):
        path = request.path
        if path is None:
            raise Malformed("path", 0, "there is none")
        if "/" not in path or "\0" in path or path in ("/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"):
            raise Refused(client.BAD_ARGUMENTS)
        parent_path = parent_of(path)
        self._allow(self._node(parent_path), client.DELETE_CHILD, ids)
        node = self._node(path)
        self._version(node.version, request.version)
        if node.count:
            raise Refused(client.NOT_EMPTY)
        return self._gone(header, path)

    def _gone(self, header, path):
        self._change(parent_of(path), header.zxid).count -= 1
        self._changes[path] = Change(header.zxid, exists=False)
        return DeleteTxn(path)

    def _within_quota(self, path, size, count):
        if self._enforce_quota and self._tree.quotas.refuses(path, size, count):
            raise Refused(client.QUOTA_EXCEEDED)

    def _find(self, path):
        change = self._changes.get(path)
        if change is not None:
            return change if change.exists else None
        node = self._tree.nodes.get(path)
        if node is None:
            return None
        return Change(0, True, node.version, node.cversion, node.aversion, len(node.children), node.acl, node.ephemeral_owner,
                      len(node.data or b""))

    def _node(self, path):
        found = self._find(path)
        if found is None:
            raise Refused(client.NO_NODE)
        return found

    def _change(self, path, zxid):
        change = self._changes[path] = self._find(path).again(zxid)
        return change

    @staticmethod
    def _allow(node, permission, ids):
        if not acls.allowed(node.acl, permission, ids):
            raise Refused(client.NO_AUTH)

    @staticmethod
    def _version(current, expected):
        if expected not in (-1, current):
            raise Refused(client.BAD_VERSION)
        return current + 1


def _as_multi_has_it(opcode, request):
    """Of a create in a multi its flags decide what it is; raises Malformed for what a multi cannot hold."""
    if opcode not in _IN_MULTI:
        raise Malformed("multi", 0, f"it cannot hold {opcode}")
    if opcode == client.CREATE_TTL:
        return (opcode if request.flags in (5, 6) else client.CREATE), request
    if opcode in _CREATES:
        if not 0 <= request.flags <= 4:
            raise Malformed("multi", 0, f"no node is made with flags {request.flags}")
        opcode = client.CREATE_CONTAINER if request.flags == 4 else opcode
    return opcode, request
