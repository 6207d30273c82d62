"""zoo.cfg, ZooKeeper's configuration file. Source: QuorumPeerConfig of 3.8.4."""

import logging
import os

from emulator.apps.errors import UsageError
from emulator.runtime.zookeeper.peers import Server

log = logging.getLogger(__name__)


_USED = {
    "tickTime", "dataDir", "clientPort", "clientPortAddress", "initLimit", "syncLimit", "minSessionTimeout", "maxSessionTimeout",
    "maxClientCnxns", "snapCount", "autopurge.purgeInterval", "autopurge.snapRetainCount", "jute.maxbuffer",
    "DigestAuthenticationProvider.superDigest", "4lw.commands.whitelist",
    "peerType",  # the server's own line says it, too
    "standaloneEnabled", "quorumListenOnAllIPs", "dataLogDir", "extendedTypesEnabled", "enforceQuota", "localSessionsEnabled", "localSessionsUpgradingEnabled",
    # A real server takes these as properties of its JVM only (-D...).
    "readonlymode.enabled", "znode.container.checkIntervalMs", "znode.container.maxPerMinute", "znode.container.maxNeverUsedIntervalMs",
}


class ZooConfig:
    """What the file says. `servers` {id: Server} is empty for a server that stands alone.

    `together`: the servers share the file, and have each a directory in its dataDir: no dataDir/myid says whose it is.
    """

    def __init__(self, values, servers):
        self.values = values
        self.tick_time = self._number("tickTime", 3000, least=1)
        self.data_dir = values.get("dataDir")
        if not self.data_dir:
            raise UsageError("zoo.cfg: dataDir is not set")
        self.data_log_dir = values.get("dataLogDir") or self.data_dir
        self.client_port = self._number("clientPort", None)
        self.host = values.get("clientPortAddress", "")
        self.init_limit = self._number("initLimit", 0)
        self.sync_limit = self._number("syncLimit", 0)
        self.min_session_timeout = self._number("minSessionTimeout", 2 * self.tick_time)
        self.max_session_timeout = self._number("maxSessionTimeout", 20 * self.tick_time)
        if self.min_session_timeout > self.max_session_timeout:
            raise UsageError("zoo.cfg: minSessionTimeout must not be larger than maxSessionTimeout")
        self.max_client_cnxns = self._number("maxClientCnxns", 60)
        self.snap_count = self._number("snapCount", 100_000, least=2)
        self.purge_hours = self._number("autopurge.purgeInterval", 0)
        self.retain_count = max(3, self._number("autopurge.snapRetainCount", 3))  # fewer are not enough there, either
        self.max_buffer = self._number("jute.maxbuffer", 1048575, least=1024)
        self.extended_types = self._boolean("extendedTypesEnabled")
        self.enforce_quota = self._boolean("enforceQuota")
        self.local_sessions = self._boolean("localSessionsEnabled")
        self.upgrades_sessions = self._boolean("localSessionsUpgradingEnabled")
        self.read_only_mode = self._boolean("readonlymode.enabled")
        self.container_check_ms = self._number("znode.container.checkIntervalMs", 60_000, least=1)
        self.containers_per_minute = self._number("znode.container.maxPerMinute", 10_000, least=1)
        self.container_never_used_ms = self._number("znode.container.maxNeverUsedIntervalMs", 0)
        self.super_digest = values.get("DigestAuthenticationProvider.superDigest")
        words = values.get("4lw.commands.whitelist", "srvr")
        named = {word.strip() for word in words.split(",")}
        # zkServer.sh asks with srvr, clients that only read look for a server with isro.
        self._words = None if "*" in named else named | {"srvr"} | ({"isro"} if self.read_only_mode else set())
        self.everywhere = self._boolean("quorumListenOnAllIPs")
        self.servers = self._ensemble(servers)
        self.together = False
        if self.servers:
            if not self.init_limit:
                raise UsageError("zoo.cfg: initLimit is not set")
            if not self.sync_limit:
                raise UsageError("zoo.cfg: syncLimit is not set")
        elif self.client_port is None:
            raise UsageError("zoo.cfg: clientPort is not set")

    def _number(self, key, default, least=0):
        text = self.values.get(key)
        if text is None:
            return default
        try:
            number = int(text)
        except ValueError:
            raise UsageError(f"zoo.cfg: {key} is {text!r}, which is no number") from None
        if number < least and number != -1:
            raise UsageError(f"zoo.cfg: {key} is {number}, and must be at least {least}")
        return default if number == -1 else number

    def _ensemble(self, servers):
        """Those that make one: {} where a server stands alone."""
        alone, voters = self._boolean("standaloneEnabled", "true"), sum(not server.is_observer for server in servers.values())
        if not voters and (servers or not alone):
            raise UsageError("zoo.cfg: nobody votes: " + ("all servers are observers" if servers else "standaloneEnabled is false, and no server is named"))
        if voters > 1 or not alone:
            return servers
        if len(servers) > 1:
            raise UsageError("zoo.cfg: only one server votes, and the others are observers: with standaloneEnabled=false it is a quorum")
        return {}

    def _boolean(self, key, default="false"):
        text = self.values.get(key, default).lower()
        if text not in ("true", "false"):
            raise UsageError(f"zoo.cfg: {key} is {text!r}, and must be true or false")
        return text == "true"

    def warnings(self):
        unused = sorted(key for key in self.values if key not in _USED and self.values[key] != "false")
        if unused:
            yield f"not used here: {', '.join(unused)}"
        voters = [server for server in self.servers.values() if not server.is_observer]
        if len(voters) == 2:
            yield "no server failure will be tolerated: with 2 servers both are needed for a majority"
        elif voters and len(voters) % 2 == 0:
            yield f"{len(voters)} servers tolerate as many failures as {len(voters) - 1} do: an odd number is better"
        if len(voters) > 7:
            yield f"{len(voters)} voting servers: every write waits for {len(voters) // 2 + 1} disks; more than 7 are seldom worth it"

    def my_id(self):
        """As dataDir/myid has it, None without that file."""
        try:
            with open(os.path.join(self.data_dir, "myid"), encoding="utf-8") as file:
                text = file.read().strip()
        except FileNotFoundError:
            return None
        try:
            return int(text)
        except ValueError:
            raise UsageError(f"{self.data_dir}/myid holds {text[:40]!r}, which is no number") from None

    def has_data(self):
        """Whether a server has had dataDir for itself."""
        return os.path.isdir(os.path.join(self.data_dir, "version-2"))

    def version_directory(self, my_id):
        """Of snapshots and epochs."""
        return self._version_directory(self.data_dir, my_id)

    def log_directory(self, my_id):
        return self._version_directory(self.data_log_dir, my_id)

    def _version_directory(self, directory, my_id):
        return os.path.join(directory, str(my_id), "version-2") if self.together else os.path.join(directory, "version-2")

    def client_address(self, my_id):
        """(host, port) for clients; of several servers that share the file and a host each has a port of its own."""
        server = self.servers.get(my_id)
        if server is not None and server.client_address:
            host, _, port = server.client_address.rpartition(":")
            return ("" if host in ("0.0.0.0", "") else host), int(port)
        if self.client_port is None:
            raise UsageError(f"zoo.cfg: neither clientPort nor server.{my_id} says where clients connect")
        here = [sid for sid in sorted(self.servers) if self.servers[sid].host == server.host] if self.together else [my_id]
        return self.host, self.client_port + here.index(my_id)

    def settle(self, my_id):
        """What a real server wants in its dataDir is in that of a server that shares the file. Raises OSError."""
        if self.together:
            place = os.path.join(self.data_dir, str(my_id))
            os.makedirs(place, exist_ok=True)
            with open(os.path.join(place, "myid"), "w", encoding="utf-8") as file:
                file.write(f"{my_id}\n")

    def allows_word(self, word):
        return self._words is None or word in self._words


def read_zoo_cfg(path):
    """A ZooConfig; raises UsageError with one line."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    values, servers = {}, {}
    for line in lines:
        line = line.strip()
        if not line or line[0] in "#!":
            continue
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if not equals:
            raise UsageError(f"{path}: {line!r} is no key=value")
        if key.startswith("server."):
            sid = _server_id(path, key)
            servers[sid] = _server(path, sid, key, value)
        elif key.partition(".")[0] in ("group", "weight"):
            raise UsageError(f"{path}: {key}: groups and weights of servers are not supported here")
        else:
            values[key] = value
    ports = [port for server in servers.values() for port in ((server.host, server.leader_port), (server.host, server.election_port))]
    for port in ports:
        if ports.count(port) > 1:
            raise UsageError(f"{path}: {port[0]}:{port[1]} is used twice")
    return ZooConfig(values, servers)


def _server_id(path, key):
    try:
        sid = int(key[len("server."):])
    except ValueError:
        raise UsageError(f"{path}: {key} has no number") from None
    if not 0 <= sid <= 255:
        raise UsageError(f"{path}: {key}: ids are 0 to 255")
    return sid


def _server(path, sid, key, value):
    places, _, client = value.partition(";")
    if "|" in places:
        raise UsageError(f"{path}: {key}: several addresses of one server are not supported here")
    host, bracket, rest = places[1:].partition("]") if places.startswith("[") else places.partition(":")
    parts = (rest[1:] if bracket == "]" else rest).split(":")
    if len(parts) not in (2, 3) or not all(part.isdecimal() and 0 < int(part) < 65536 for part in parts[:2]):
        raise UsageError(f"{path}: {key}={value} is not host:peerPort:leaderPort[:observer][;clientPort]")
    kind = parts[2].lower() if len(parts) == 3 else "participant"
    if kind not in ("participant", "observer"):
        raise UsageError(f"{path}: {key}: {parts[2]!r} is neither participant nor observer")
    if client:
        address, _, port = client.rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            raise UsageError(f"{path}: {key}: {client!r} is no client port")
        client = f"{address or '0.0.0.0'}:{port}"
    return Server(sid, host, int(parts[0]), int(parts[1]), kind == "observer", client or None)
