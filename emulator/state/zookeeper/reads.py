"""What is answered from a server's own tree: reads, watches, and the bodies of answers to writes."""

from emulator.state.zookeeper import acl as acls
from emulator.state.zookeeper.prepare import Refused
from emulator.state.zookeeper.watches import PERSISTENT, RECURSIVE
from wire.types import Malformed
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
    if opcode == client.GET_EPHEMERALS:
        return client.EphemeralsResponse(_ephemerals(tree, watcher.session_id, path)).build()
    if opcode == client.SYNC:
        return client.Path(path).build()
    if path is None and opcode not in (client.REMOVE_WATCHES, client.CHECK_WATCHES):
        raise Malformed("path", 0, "there is none")
    if opcode == client.ADD_WATCH:
        if request.type not in (PERSISTENT, RECURSIVE):
            raise Malformed("mode", 0, f"no watch is of mode {request.type}")
        watches.add_always(path, watcher, request.type)
        return client.ErrorResponse(0).build()
    if opcode in (client.REMOVE_WATCHES, client.CHECK_WATCHES):
        return _look_for_watches(watches, opcode, request, watcher)
    node = tree.nodes.get(path or "/")  # "" is the root, too
    if opcode == client.EXISTS:
        return _exists(tree, watches, path, request.watch, ids, watcher)
    if node is None:
        raise Refused(client.NO_NODE)
    if opcode == client.GET_ACL:
        _check(node, client.READ | client.ADMIN, ids)
        shown = node.acl if acls.allowed(node.acl, client.ADMIN, ids) else [_hidden(entry) for entry in node.acl]
        return client.ACLAndStat(list(shown), node.stat()).build()
    _check(node, client.READ, ids)
    if opcode == client.GET_DATA:
        if request.watch:
            watches.data.add(path, watcher)
        return client.DataAndStat(node.data, node.stat()).build()
    if opcode in (client.GET_CHILDREN, client.GET_CHILDREN2):
        if request.watch:
            watches.children.add(path, watcher)
        if opcode == client.GET_CHILDREN:
            return client.ChildrenResponse(list(node.children)).build()
        return client.ChildrenAndStat(list(node.children), node.stat()).build()
    if opcode == client.GET_ALL_CHILDREN_NUMBER:
        below = path if path == "/" else path + "/"
        return client.TotalNumber(sum(other.startswith(below) for other in tree.nodes) - (path == "/")).build()
    raise Refused(client.UNIMPLEMENTED)


def _check(node, permission, ids):
    if not acls.allowed(node.acl, permission, ids):
        raise Refused(client.NO_AUTH)


def _exists(tree, watches, path, watch, ids, watcher):
    if "\0" in path:
        raise Refused(client.BAD_ARGUMENTS)
    node = tree.nodes.get(path or "/")
    if node is not None:
        _check(node, client.READ, ids)
    if watch:
        watches.data.add(path, watcher)
    if node is None:
        raise Refused(client.NO_NODE)
    return client.StatOnly(node.stat()).build()


def _ephemerals(tree, session_id, prefix):
    prefix = "" if prefix is None or prefix.strip() in ("", "/") else prefix
    return sorted(path for path in tree.ephemerals.get(session_id, ()) if path.startswith(prefix))


def _hidden(entry):
    return ACL(entry.perms, Id("digest", entry.id.id.split(":")[0] + ":x")) if entry.id.scheme == "digest" else entry


def _look_for_watches(watches, opcode, request, watcher):
    tables = {_CHILD_WATCHES: [watches.children], _DATA_WATCHES: [watches.data],
              _ANY_WATCHES: [watches.children, watches.data]}.get(request.type)  # fmt: skip
    if tables is None:
        raise Malformed("type", 0, f"no watches are of type {request.type}")
    if opcode == client.REMOVE_WATCHES:
        found = [table.remove(request.path, watcher) for table in tables]
    else:
        found = [table.contains(request.path, watcher) for table in tables]
    if not any(found):
        raise Refused(client.NO_WATCHER)
    return b""


def _set_watches(database, request, watcher, persistent):
    """A client that comes back: what it has missed, and its watches again."""
    nodes, watches, seen = database.tree.nodes, database.watches, request.relative_zxid
    lists = [getattr(request, name) for name in ("data", "exist", "child", *(("persistent", "persistent_recursive") if persistent else ()))]
    if any(paths is None or None in paths for paths in lists):
        raise Malformed("paths", 0, "one is null")
    for path in request.data:
        node = nodes.get(path)
        if node is None:
            watcher.event(client.NODE_DELETED, path)
        elif node.mzxid > seen:
            watcher.event(client.NODE_DATA_CHANGED, path)
        else:
            watches.data.add(path, watcher)
    for path in request.exist:
        if path in nodes:
            watcher.event(client.NODE_CREATED, path)
        else:
            watches.data.add(path, watcher)
    for path in request.child:
        node = nodes.get(path)
        if node is None:
            watcher.event(client.NODE_DELETED, path)
        elif node.pzxid > seen:
            watcher.event(client.NODE_CHILDREN_CHANGED, path)
        else:
            watches.children.add(path, watcher)
    if persistent:
        for path in request.persistent:
            watches.add_always(path, watcher, PERSISTENT)
        for path in request.persistent_recursive:
            watches.add_always(path, watcher, RECURSIVE)


def _multi_read(database, body, ids, watcher):
    results = []
    for opcode, request in client.parse_multi(body):
        try:
            if opcode not in (client.GET_DATA, client.GET_CHILDREN):
                raise Malformed("multiRead", 0, f"it does not read by {opcode}")
            request.watch = False  # the real server does not look at it here
            results.append((opcode, 0, _answer(database, opcode, request, ids, watcher)))
        except Refused as refused:
            results.append((client.ERROR, refused.code, client.ErrorResponse(refused.code).build()))
    return client.build_multi(results)


def written(opcode, result):
    """The body of the answer to a write that was applied."""
    if result.parts is not None:
        return client.build_multi([_part(part) for part in result.parts])
    if opcode == client.CREATE:
        return client.Path(result.path).build()
    if opcode in (client.CREATE2, client.CREATE_CONTAINER, client.CREATE_TTL):
        return client.PathAndStat(result.path, result.stat).build()
    if opcode in (client.SET_DATA, client.SET_ACL):
        return client.StatOnly(result.stat).build()
    return b""


def _part(part):
    if part.type == client.ERROR:
        return client.ERROR, part.err, client.ErrorResponse(part.err).build()
    type_ = client.CREATE2 if part.type in (client.CREATE_CONTAINER, client.CREATE_TTL) else part.type
    return type_, 0, written(type_, part)
