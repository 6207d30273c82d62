"""What is answered from a server's own tree: reads, watches, and the bodies of answers to writes."""

from emulator.state.zookeeper import acl as acls
from emulator.state.zookeeper.prepare import Refused
from emulator.state.zookeeper.tree import valid_path
from emulator.state.zookeeper.watches import PERSISTENT, RECURSIVE
from wire.zookeeper import client
from wire.zookeeper.client import ACL, ClientInfo, Id

_DATA_WATCHES, _CHILD_WATCHES, _ANY_WATCHES = 2, 1, 3


def answer(database, opcode, body, ids, watcher):
    """The body of a read's answer; raises Refused and Malformed. `watcher.event` is told what it asks to be told."""
    if opcode == client.MULTI_READ:
        return _multi_read(database, body, ids, watcher)
    if opcode == client.WHO_AM_I:
        return client.WhoAmIResponse([ClientInfo(scheme, value.split(":")[0] if scheme == "digest" else value)
                                      for scheme, value in ids]).build()
    kind = client.REQUESTS.get(opcode)
    if kind is None:
        raise Refused(client.UNIMPLEMENTED)
    return _answer(database, opcode, kind.parse(body)[0], ids, watcher)


def _answer(database, opcode, request, ids, watcher):
    if opcode in (client.SET_WATCHES, client.SET_WATCHES2):
        _set_watches(database, request, watcher, opcode == client.SET_WATCHES2)
        return b""
    tree, watches = database.tree, database.watches
    path = request.path
    if path is None or not valid_path(path):
        raise Refused(client.BAD_ARGUMENTS)
    if opcode == client.ADD_WATCH:
        if request.type not in (PERSISTENT, RECURSIVE):
            raise Refused(client.BAD_ARGUMENTS)
        watches.add(watches.recursive if request.type == RECURSIVE else watches.persistent, path, watcher)
        return client.ErrorResponse(0).build()
    if opcode in (client.REMOVE_WATCHES, client.CHECK_WATCHES):
        return _remove_watches(watches, opcode, request, watcher)
    if opcode == client.GET_EPHEMERALS:
        prefix = path if path.endswith("/") else path
        return client.EphemeralsResponse(sorted(p for p in tree.ephemerals.get(watcher.session_id, ())
                                                if p.startswith(prefix))).build()
    node = tree.nodes.get(path)
    if opcode == client.EXISTS:
        if request.watch:
            watches.add(watches.data, path, watcher)
        if node is None:
            raise Refused(client.NO_NODE)
        return client.StatOnly(node.stat()).build()
    if node is None:
        raise Refused(client.NO_NODE)
    if opcode == client.GET_ACL:
        if not (acls.allowed(node.acl, client.READ, ids) or acls.allowed(node.acl, client.ADMIN, ids)):
            raise Refused(client.NO_AUTH)
        shown = node.acl if acls.allowed(node.acl, client.ADMIN, ids) else [_hidden(entry) for entry in node.acl]
        return client.ACLAndStat(list(shown), node.stat()).build()
    if not acls.allowed(node.acl, client.READ, ids):
        raise Refused(client.NO_AUTH)
    if opcode == client.GET_DATA:
        if request.watch:
            watches.add(watches.data, path, watcher)
        return client.DataAndStat(node.data, node.stat()).build()
    if opcode in (client.GET_CHILDREN, client.GET_CHILDREN2):
        if request.watch:
            watches.add(watches.children, path, watcher)
        if opcode == client.GET_CHILDREN:
            return client.ChildrenResponse(list(node.children)).build()
        return client.ChildrenAndStat(list(node.children), node.stat()).build()
    if opcode == client.GET_ALL_CHILDREN_NUMBER:
        below = path if path == "/" else path + "/"
        return client.TotalNumber(sum(other.startswith(below) for other in tree.nodes) - (path == "/")).build()
    raise Refused(client.UNIMPLEMENTED)


def _hidden(entry):
    return ACL(entry.perms, Id("digest", entry.id.id.split(":")[0] + ":x")) if entry.id.scheme == "digest" else entry


def _remove_watches(watches, opcode, request, watcher):
    tables = {_CHILD_WATCHES: [watches.children], _DATA_WATCHES: [watches.data],
              _ANY_WATCHES: [watches.data, watches.children, watches.persistent, watches.recursive]}.get(request.type)
    if tables is None:
        raise Refused(client.BAD_ARGUMENTS)
    found = [table for table in tables if watcher in table.get(request.path, ())]
    if not found:
        raise Refused(client.NO_WATCHER)
    if opcode == client.REMOVE_WATCHES:
        for table in found:
            watches.remove(table, request.path, watcher)
    return b""


def _set_watches(database, request, watcher, persistent):
    """A client that comes back: what it has missed, and its watches again."""
    nodes, watches, seen = database.tree.nodes, database.watches, request.relative_zxid
    for path in request.data or ():
        node = nodes.get(path)
        if node is None:
            watcher.event(client.NODE_DELETED, path)
        elif node.mzxid > seen:
            watcher.event(client.NODE_DATA_CHANGED, path)
        else:
            watches.add(watches.data, path, watcher)
    for path in request.exist or ():
        if path in nodes:
            watcher.event(client.NODE_CREATED, path)
        else:
            watches.add(watches.data, path, watcher)
    for path in request.child or ():
        node = nodes.get(path)
        if node is None:
            watcher.event(client.NODE_DELETED, path)
        elif node.pzxid > seen:
            watcher.event(client.NODE_CHILDREN_CHANGED, path)
        else:
            watches.add(watches.children, path, watcher)
    if persistent:
        for path in request.persistent or ():
            watches.add(watches.persistent, path, watcher)
        for path in request.persistent_recursive or ():
            watches.add(watches.recursive, path, watcher)


def _multi_read(database, body, ids, watcher):
    results = []
    for opcode, request in client.parse_multi(body):
        try:
            if opcode not in (client.GET_DATA, client.GET_CHILDREN):
                raise Refused(client.UNIMPLEMENTED)
            results.append((opcode, 0, _answer(database, opcode, request, ids, watcher)))
        except Refused as refused:
            results.append((client.ERROR, refused.code, client.ErrorResponse(refused.code).build()))
    return client.build_multi(results)


def written(opcode, result):
    """The body of the answer to a write that was applied."""
    if result.parts is not None:
        return client.build_multi([(part.type, part.err, client.ErrorResponse(part.err).build()) if part.type == client.ERROR
                                   else (part.type, 0, written(part.type, part)) for part in result.parts])
    if opcode == client.CREATE:
        return client.Path(result.path).build()
    if opcode in (client.CREATE2, client.CREATE_CONTAINER, client.CREATE_TTL):
        return client.PathAndStat(result.path, result.stat).build()
    if opcode in (client.SET_DATA, client.SET_ACL):
        return client.StatOnly(result.stat).build()
    return b""
