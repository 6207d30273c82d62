"""config.yaml and the command line -> what a proxy is to do. `upstream.*` are the names that Kafka's clients have, behind that prefix.

What a broker of the emulator would be told is refused here: the brokers behind have configurations of their own.
"""

from emulator.apps.addresses import EVERY_INTERFACE
from emulator.apps.control.doors import HOSTS, LISTEN, TOKEN_FILE, take_doors
from emulator.apps.errors import UsageError
from emulator.apps.listen import listen_at
from emulator.apps.upstream import DEFAULTS, Upstream
from emulator.state.configs import ConfigError, parse_broker_settings

_OF_LISTENERS = ("listeners", "advertised.listeners", "listener.security.protocol.map", "socket.request.max.bytes", "connections.max.idle.ms")
# What Kafka has for listeners with TLS and SASL.
_OF_SECURITY = (
    "listener.name.", "ssl.", "sasl.", "plain.", "scram-sha-256.", "scram-sha-512.", "oauthbearer.", "connections.max.reauth.ms",
    "connection.failed.authentication.delay.ms",
)  # fmt: skip
_OF_CONTROL = (LISTEN, TOKEN_FILE, HOSTS)
OVERLAY = "overlay."  # what the keys of an overlay begin with
_UPSTREAM = "upstream."


class ProxySettings:
    """Of {key: text}. Raises UsageError that begins with the key.

    `upstream`: the Upstream behind; `endpoints`: [(name, host, port)] here, `advertised`: {name: host}; ms and bytes are numbers.
    """

    def __init__(self, values):
        known = (*_OF_LISTENERS, *(_UPSTREAM + name for name in DEFAULTS), *_OF_CONTROL)
        for key in values:
            if key not in known and not key.startswith((OVERLAY, *_OF_SECURITY)):
                raise UsageError(f"{key} is none of a proxy's keys: the brokers behind have their own. There are {', '.join(known)}, and overlay.topics")
        self._listeners({key: value for key, value in values.items() if key in _OF_LISTENERS or key.startswith(_OF_SECURITY)})
        servers = values.get(_UPSTREAM + "bootstrap.servers")
        if not servers:
            raise UsageError("upstream.bootstrap.servers is missing: which cluster is behind the proxy? (--upstream HOST:PORT)")
        self.upstream = Upstream({key.removeprefix(_UPSTREAM): value for key, value in values.items() if key.startswith(_UPSTREAM)}, _UPSTREAM)
        for host, port in self.upstream.bootstrap:
            if any(port == own and host in (name, "localhost", "127.0.0.1", "::1") for _, name, own in self.endpoints):
                raise UsageError(f"upstream.bootstrap.servers {servers}: that is the proxy itself, see listeners")
        self.doors = take_doors({key: value for key, value in values.items() if key in _OF_CONTROL})
        if not self.may_ask and any(one.ends_login for one in self.builders.values()):
            raise UsageError("listeners: clients log in at the proxy, which needs upstream.sasl.mechanism, and who it is, to log in at the brokers behind")
        self.overlay = self._overlay({key: value for key, value in values.items() if key.startswith(OVERLAY)})

    def _overlay(self, values):
        """An OverlaySettings, None without one."""
        if not values:
            return None
        from emulator.apps.proxy.overlay.settings import OverlaySettings

        if not self.may_ask:
            raise UsageError("overlay.topics needs upstream.sasl.mechanism: the proxy itself must be able to ask which brokers there are")
        return OverlaySettings(values)

    def _listeners(self, values):
        values.setdefault("listeners", "PLAINTEXT://localhost:9092")
        try:
            settings = parse_broker_settings(values)
        except ConfigError as error:
            raise UsageError(str(error)) from None
        self.builders = self._builders(settings, values)
        self.endpoints = [tuple(one[:3]) for one in settings.endpoints]
        self.advertised = {one.name: one.host for one in settings.advertised_endpoints}
        ports = {one.name: one.port for one in settings.endpoints}
        for one in settings.advertised_endpoints:
            if one.host in EVERY_INTERFACE:
                raise UsageError(f"advertised.listeners: clients cannot connect to {one.host or 'every interface'}; say which host they are to use")
            if one.port != ports[one.name]:
                raise UsageError(f"advertised.listeners: port {one.port} is not that of listeners, {ports[one.name]}: brokers' ports go by it")
        self.largest_request = settings.socket_request_max_bytes
        self.max_idle_ms = settings.connections_max_idle_ms

    def _builders(self, settings, values):
        """{listener: what its clients go through}, of those that are not PLAINTEXT."""
        secured = [one for one in settings.endpoints if one.security_protocol != "PLAINTEXT"]
        for key in values:
            if not secured and key.startswith(_OF_SECURITY):
                raise UsageError(f"{key}: no listener has TLS or SASL, see listeners")
        if not secured:
            return {}
        from emulator.apps.proxy.entering import ProxyBuilder  # who has none pays nothing for it

        builders = {one.name: ProxyBuilder(one) for one in secured}
        try:
            for builder in builders.values():
                builder.configure(settings)
        except (ConfigError, OSError) as error:
            raise UsageError(str(error)) from None
        return builders

    @property
    def may_ask(self):
        """Whether the proxy can ask brokers itself: where clients log in by themselves, nobody here could."""
        return self.upstream.login is not None or not self.upstream.is_sasl


def proxy_values(values, listen=None, upstream=None, overlay=None):
    """{key: text} of a file with --listen, --upstream and --overlay over it."""
    values = dict(values)
    if listen is not None:
        listen_at(values, listen)
    if upstream is not None:
        values["upstream.bootstrap.servers"] = upstream
    if overlay is not None:
        values["overlay.topics"] = overlay
    return values
