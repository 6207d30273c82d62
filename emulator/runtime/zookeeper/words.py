"""The four-letter words: a server tells of itself to whoever asks with them. Source: ZooKeeper's administrator's guide."""

import os
import platform

VERSION = "3.8.4"
_NOT_SERVING = "This ZooKeeper instance is not currently serving requests\n"


def answer_word(server, word):
    if word not in _WORDS or not server.config.allows_word(word):
        return f"{word} is not executed because it is not in the whitelist.\n"
    if word in ("ruok", "conf", "envi", "isro"):
        return _WORDS[word](server)
    return _WORDS[word](server) if server.serving or server.read_only else _NOT_SERVING


def _ruok(server):
    return "imok"


def _isro(server):
    return "ro" if server.read_only else "rw" if server.serving else "null"


def _srvr(server):
    return (f"Zookeeper version: {VERSION}\n"
            f"Received: {sum(c.received for c in server.connections)}\nSent: {sum(c.sent for c in server.connections)}\n"
            f"Connections: {len(server.connections)}\nOutstanding: 0\nZxid: 0x{server.database.last_zxid:x}\n"
            f"Mode: {server.role}\nNode count: {len(server.database.tree.nodes)}\n")


def _cons(server):
    return "".join(f" /{c.peer[0]}:{c.peer[1]}[1](queued=0,recved={c.received},sent={c.sent},"
                   f"sid=0x{c.session_id & (1 << 64) - 1:x},to={c.timeout})\n" for c in server.connections) + "\n"


def _stat(server):
    first, rest = _srvr(server).split("\n", 1)
    return f"{first}\nClients:\n{_cons(server)}{rest}"


def _mntr(server):
    tree, peer = server.database.tree, server.peer
    values = {
        "version": VERSION, "server_state": server.role, "num_alive_connections": len(server.connections),
        "znode_count": len(tree.nodes), "watch_count": len(server.database.watches.data) + len(server.database.watches.children),
        "ephemerals_count": sum(map(len, tree.ephemerals.values())), "global_sessions": len(tree.sessions),
        "approximate_data_size": sum(len(path) + len(node.data or b"") for path, node in tree.nodes.items()),
    }
    if peer is not None:
        role = peer.leader or peer.learner
        values["peer_state"] = f"{server.role} - broadcast"
        values["leader_id"] = peer.leader_id
        values["epoch"] = role.epoch
        values["last_tick_ms"] = server.clock.now() - role.last_tick
        if peer.leader is not None:
            observers = sum(handler.is_observer for handler in peer.leader.handlers)
            values["learners"] = len(peer.leader.handlers)
            values["synced_followers"] = len(peer.leader.handlers) - observers
            values["synced_observers"] = observers
    return "".join(f"zk_{key}\t{value}\n" for key, value in values.items())


def _conf(server):
    config = server.config
    text = (f"clientPort={server.address[1]}\ndataDir={config.data_directory(server.my_id)}/version-2\n"
            f"dataLogDir={config.data_directory(server.my_id)}/version-2\ntickTime={config.tick_time}\n"
            f"maxClientCnxns={config.max_client_cnxns}\nminSessionTimeout={config.min_session_timeout}\n"
            f"maxSessionTimeout={config.max_session_timeout}\nserverId={server.my_id}\n")
    if config.servers:
        text += f"initLimit={config.init_limit}\nsyncLimit={config.sync_limit}\nelectionAlg=3\n"
        text += "".join(f"server.{sid}={member}\n" for sid, member in sorted(config.servers.items()))
    return text


def _envi(server):
    return (f"Environment:\nzookeeper.version={VERSION}\nhost.name={platform.node()}\n"
            f"python.version={platform.python_version()}\nos.name={platform.system()}\nuser.dir={os.getcwd()}\n")


def _dump(server):
    tree = server.database.tree
    lines = [f"SessionTracker dump:\nGlobal Sessions({len(tree.sessions)}):"]
    lines += [f"0x{sid & (1 << 64) - 1:x}\t{timeout}ms" for sid, timeout in sorted(tree.sessions.items())]
    lines.append(f"ephemeral nodes dump:\nSessions with Ephemerals ({len(tree.ephemerals)}):")
    for sid, paths in sorted(tree.ephemerals.items()):
        lines += [f"0x{sid & (1 << 64) - 1:x}:", *(f"\t{path}" for path in sorted(paths))]
    return "\n".join(lines) + "\n"


def _wchs(server):
    watches = server.database.watches.data
    return f"{watches.watchers} connections watching {len(watches.paths)} paths\nTotal watches:{len(watches)}\n"


_WORDS = {"ruok": _ruok, "srvr": _srvr, "stat": _stat, "mntr": _mntr, "conf": _conf, "cons": _cons, "envi": _envi, "isro": _isro,
          "dump": _dump, "wchs": _wchs}
