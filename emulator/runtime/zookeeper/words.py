"""The four-letter words: a server tells of itself to whoever asks with them.

Source: org.apache.zookeeper.server.command of 3.8.4; `peer` is our own (view.py). Not answered here: gtmk, stmk (there is no trace) and hash (no digests are kept).
"""

import getpass
import json
import os
import platform
import resource
import time

from emulator.runtime.zookeeper.peers import config_text
from emulator.runtime.zookeeper.view import WORD, view
from wire.zookeeper.quorum import FOLLOWING, LEADING, OBSERVING

VERSION = "3.8.4"
_NOT_SERVING = "This ZooKeeper instance is not currently serving requests\n"
_CONNECTION_TICK_MS = 10_000  # zookeeper.nio.sessionlessCnxnTimeout
_STATES = {LEADING: "leading - broadcast", FOLLOWING: "following - broadcast", OBSERVING: "observing - broadcast"}


def answer_word(server, word):
    if word == WORD:
        return json.dumps(view(server)) + "\n"
    if word not in _WORDS or not server.config.allows_word(word):
        return f"{word} is not executed because it is not in the whitelist.\n"
    if word in ("ruok", "envi", "isro") or server.serving or server.read_only:
        return _WORDS[word](server)
    return _NOT_SERVING


def _ruok(server):
    return "imok"


def _isro(server):
    return "ro" if server.read_only else "rw" if server.serving else "null"


def _head(server):
    return f"Zookeeper version: {VERSION}\n" + ("READ-ONLY mode; serving only read-only clients\n" if server.read_only else "")


def _counted(server):
    stats, latency = server.stats, server.stats.latency
    text = (f"Latency min/avg/max: {latency.least}/{latency.mean}/{latency.most}\n"
            f"Received: {stats.received}\nSent: {stats.sent}\nConnections: {len(server.connections)}\n"
            f"Outstanding: {_outstanding(server)}\nZxid: 0x{server.database.last_zxid:x}\n"
            f"Mode: {server.role}\nNode count: {_node_count(server)}\n")
    if server.role == "leader":
        sizes = stats.proposals
        text += f"Proposal sizes last/min/max: {sizes.last}/{sizes.least}/{sizes.most}\n"
    return text


def _outstanding(server):
    return sum(connection.outstanding for connection in server.connections)


def _node_count(server):
    return len(server.database.tree.nodes) + 1  # the real one has its root by two names


def _srvr(server):
    return _head(server) + _counted(server)


def _stat(server):
    return f"{_head(server)}Clients:\n{_connections(server, _brief)}\n{_counted(server)}"


def _cons(server):
    return _connections(server, lambda connection: _brief(connection) + _detail(connection)) + "\n"


def _connections(server, told):
    return "".join(f" {_address(c)}[{c.interests:x}]({told(c)})\n" for c in server.connections)


def _address(connection):
    host, port = connection.peer[:2]
    return f"/[{host}]:{port}" if ":" in host else f"/{host}:{port}"


def _brief(connection):
    stats = connection.stats
    return f"queued={connection.outstanding},recved={stats.received},sent={stats.sent}"


def _detail(connection):
    if not connection.session_id:
        return ""
    stats, latency = connection.stats, connection.stats.latency
    cxid = "" if stats.last_cxid is None else f",lcxid=0x{stats.last_cxid:x}"
    return (f",sid=0x{_hex(connection.session_id)},lop={stats.last_operation},est={connection.established},to={connection.timeout}{cxid}"
            f",lzxid=0x{_hex(stats.last_zxid)},lresp={stats.last_answer},llat={latency.last},minlat={latency.least},"
            f"avglat={int(latency.mean)},maxlat={latency.most}")


def _hex(number):
    return f"{number & (1 << 64) - 1:x}"


def _crst(server):
    for connection in server.connections:
        connection.stats.reset()
    return "Connection stats reset.\n"


def _srst(server):
    server.stats.reset()
    return "Server stats reset.\n"


def _mntr(server):
    tree, watches, stats = server.database.tree, server.database.watches, server.stats
    values = {
        "version": VERSION, "server_state": server.role, "ephemerals_count": sum(map(len, tree.ephemerals.values())),
        "avg_latency": stats.latency.mean, "min_latency": stats.latency.least, "max_latency": stats.latency.most,
        "num_alive_connections": len(server.connections), "outstanding_requests": _outstanding(server),
        "znode_count": _node_count(server), "global_sessions": len(tree.sessions), "local_sessions": len(server.sessions.local),
        "packets_sent": stats.sent, "packets_received": stats.received, "watch_count": len(watches.data) + len(watches.children),
        "approximate_data_size": tree.size, "uptime": server.clock.now() - server.serves_since,
        "last_client_response_size": stats.answers.last, "min_client_response_size": stats.answers.least,
        "max_client_response_size": stats.answers.most, "open_file_descriptor_count": len(os.listdir("/proc/self/fd")),
        "max_file_descriptor_count": resource.getrlimit(resource.RLIMIT_NOFILE)[0], **stats.counts,
        "snap_count": server.database.snapshots,
    }
    if server.peer is not None and server.peer.serving:
        values.update(_of_ensemble(server, server.peer))
    return "".join(f"zk_{key}\t{value}\n" for key, value in values.items())


def _of_ensemble(server, peer):
    values = {"peer_state": _STATES[peer.state], "quorum_size": len(peer.ensemble.voters)}
    if peer.leader is not None:
        handlers, sizes = peer.leader.handlers, server.stats.proposals
        observers = sum(handler.is_observer for handler in handlers)
        values |= {
            "learners": len(handlers), "synced_followers": sum(h.forwards and not h.is_observer for h in handlers),
            "synced_non_voting_followers": 0, "synced_observers": observers, "pending_syncs": peer.leader.pending_syncs,
            "leader_uptime": server.clock.now() - server.serves_since, "last_proposal_size": sizes.last,
            "min_proposal_size": sizes.least, "max_proposal_size": sizes.most,
        }
    return values


def _dirs(server):
    return "datadir_size: {}\nlogdir_size: {}\n".format(*server.directory_sizes())


def _conf(server):
    config, my_id = server.config, server.my_id
    data, logs = server.directory_sizes()
    text = (f"clientPort={server.address[1]}\nsecureClientPort=-1\n"
            f"dataDir={os.path.abspath(config.version_directory(my_id))}\ndataDirSize={data}\n"
            f"dataLogDir={os.path.abspath(config.log_directory(my_id))}\ndataLogSize={logs}\ntickTime={config.tick_time}\n"
            f"maxClientCnxns={config.max_client_cnxns}\nminSessionTimeout={config.min_session_timeout}\n"
            f"maxSessionTimeout={config.max_session_timeout}\nclientPortListenBacklog=-1\nserverId={my_id}\n")
    if config.servers:
        own = config.servers[my_id]
        text += (f"initLimit={config.init_limit}\nsyncLimit={config.sync_limit}\nelectionAlg=3\nelectionPort={own.election_port}\n"
                 f"quorumPort={own.leader_port}\npeerType={int(own.is_observer)}\n")
        if not server.read_only:
            text += f"membership: \n{config_text(config.servers)}"
    return text


def _envi(server):
    return (f"Environment:\nzookeeper.version={VERSION}\nhost.name={platform.node()}\npython.version={platform.python_version()}\n"
            f"os.name={platform.system()}\nos.arch={platform.machine()}\nos.version={platform.release()}\n"
            f"user.name={getpass.getuser()}\nuser.home={os.path.expanduser('~')}\nuser.dir={os.getcwd()}\n")


def _dump(server):
    tree, sessions = server.database.tree, server.sessions
    text = "SessionTracker dump:\n"
    if sessions.has_local:
        text += "Local Session " + _sets(server, sessions.local.ticks(), len(sessions.local), lambda sid: f"0x{_hex(sid)}")
    if server.tracker is not None:
        text += ("Global " if sessions.has_local else "") + "Session " + \
            _sets(server, server.tracker.ticks(), len(server.tracker), lambda sid: f"0x{_hex(sid)}")
    else:
        text += f"Global Sessions({len(tree.sessions)}):\n"
        text += "".join(f"0x{_hex(sid)}\t{timeout}ms\n" for sid, timeout in sorted(tree.sessions.items()))
    text += f"ephemeral nodes dump:\nSessions with Ephemerals ({len(tree.ephemerals)}):\n"
    for sid, paths in sorted(tree.ephemerals.items()):
        text += f"0x{_hex(sid)}:\n" + "".join(f"\t{path}\n" for path in sorted(paths))
    ticks = {}
    for connection in server.connections:
        expires = connection.heard + (connection.timeout or _CONNECTION_TICK_MS)
        ticks.setdefault((expires // _CONNECTION_TICK_MS + 1) * _CONNECTION_TICK_MS, []).append(connection)
    return text + "Connections dump:\nConnections " + _sets(
        server, sorted(ticks.items(), key=lambda item: item[0]), len(server.connections),
        lambda connection: f"ip: {_address(connection)} sessionId: 0x{_hex(connection.session_id)}")


def _sets(server, ticks, count, shown):
    """What expires when, as java.util.Date shows it."""
    lines = [f"Sets ({len(ticks)})/({count}):"]
    for tick, members in ticks:
        when = time.localtime(time.time() + (tick - server.clock.now()) / 1000)
        lines.append(f"{len(members)} expire at {time.strftime('%a %b %d %H:%M:%S %Z %Y', when)}:")
        lines += [f"\t{shown(member)}" for member in members]
    return "\n".join(lines) + "\n"


def _wchs(server):
    watches = server.database.watches.data
    return f"{watches.watchers} connections watching {len(watches.paths)} paths\nTotal watches:{len(watches)}\n"


def _wchp(server):
    return "".join(f"{path}\n" + "".join(f"\t0x{_hex(watcher.session_id)}\n" for watcher in watchers)
                   for path, watchers in server.database.watches.data.paths.items()) + "\n"


def _wchc(server):
    return "".join(f"0x{_hex(watcher.session_id)}\n" + "".join(f"\t{path}\n" for path in paths)
                   for watcher, paths in server.database.watches.data.by_watcher()) + "\n"


_WORDS = {"ruok": _ruok, "srvr": _srvr, "stat": _stat, "mntr": _mntr, "conf": _conf, "cons": _cons, "crst": _crst, "srst": _srst,
          "dirs": _dirs, "envi": _envi, "isro": _isro, "dump": _dump, "wchs": _wchs, "wchp": _wchp, "wchc": _wchc}
KNOWN = {word.encode() for word in (*_WORDS, WORD, "gtmk", "stmk", "hash")}
