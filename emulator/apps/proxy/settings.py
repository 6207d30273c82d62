"""config.yaml and the command line -> what a proxy is to do. `upstream.*` are the names that Kafka's clients have, behind that prefix.

What a broker of the emulator would be told is refused here: the brokers behind have configurations of their own.
"""

import re

from emulator.apps.addresses import EVERY_INTERFACE, parse_address
from emulator.apps.control.doors import HOSTS, LISTEN, TOKEN_FILE, take_doors
from emulator.apps.errors import UsageError
from emulator.apps.listen import listen_at
from emulator.runtime.upstream import sasl
from emulator.state.configs import ConfigError, parse_broker_settings

_OF_LISTENERS = ("listeners", "advertised.listeners", "listener.security.protocol.map", "socket.request.max.bytes", "connections.max.idle.ms")
_DEFAULTS = {
    "upstream.bootstrap.servers": None,
    "upstream.security.protocol": "PLAINTEXT",
    "upstream.sasl.mechanism": None,
    "upstream.sasl.username": None,
    "upstream.sasl.password": None,
    "upstream.sasl.jaas.config": None,
    "upstream.ssl.truststore.type": "PEM",
    "upstream.ssl.truststore.location": None,
    "upstream.ssl.truststore.certificates": None,
    "upstream.ssl.keystore.type": "PEM",
    "upstream.ssl.keystore.location": None,
    "upstream.ssl.key.password": None,
    "upstream.ssl.endpoint.identification.algorithm": "https",
    "upstream.socket.connection.setup.timeout.ms": "10000",
    "upstream.metadata.max.age.ms": "10000",
}
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
# What Kafka has for listeners with TLS and SASL.
_OF_SECURITY = (
    "listener.name.", "ssl.", "sasl.", "plain.", "scram-sha-256.", "scram-sha-512.", "oauthbearer.", "connections.max.reauth.ms",
    "connection.failed.authentication.delay.ms",
)  # fmt: skip
_OF_CONTROL = (LISTEN, TOKEN_FILE, HOSTS)
OVERLAY = "overlay."  # what the keys of an overlay begin with
_JAAS = re.compile(r'(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"')


class ProxySettings:
    """Of {key: text}. Raises UsageError that begins with the key.

    `bootstrap`: [(host, port)] behind; `endpoints`: [(name, host, port)] here, `advertised`: {name: host}; ms and bytes are numbers.
    """

    def __init__(self, values):
        for key in values:
            if key not in _DEFAULTS and key not in _OF_LISTENERS and key not in _OF_CONTROL and not key.startswith((OVERLAY, *_OF_SECURITY)):
                raise UsageError(f"{key} is none of a proxy's keys: the brokers behind have their own. There are {', '.join((*_OF_LISTENERS, *_DEFAULTS, *_OF_CONTROL))}, and overlay.topics")
        self._values = {**_DEFAULTS, **values}
        self._listeners({key: value for key, value in values.items() if key in _OF_LISTENERS or key.startswith(_OF_SECURITY)})
        servers = self._values["upstream.bootstrap.servers"]
        if not servers:
            raise UsageError("upstream.bootstrap.servers is missing: which cluster is behind the proxy? (--upstream HOST:PORT)")
        self.bootstrap = [parse_address(one.strip(), "upstream.bootstrap.servers") for one in servers.split(",")]
        for host, port in self.bootstrap:
            if not host or not port:
                raise UsageError(f"upstream.bootstrap.servers {servers}: expected HOST:PORT of a broker")
            if any(port == own and host in (name, "localhost", "127.0.0.1", "::1") for _, name, own in self.endpoints):
                raise UsageError(f"upstream.bootstrap.servers {servers}: that is the proxy itself, see listeners")
        self.protocol = self._one_of("upstream.security.protocol", _PROTOCOLS)
        self.connection_timeout_ms = self._number("upstream.socket.connection.setup.timeout.ms")
        self.metadata_max_age_ms = self._number("upstream.metadata.max.age.ms")
        self._check_security()
        self.doors = take_doors({key: value for key, value in values.items() if key in _OF_CONTROL})
        if self.is_sasl and self.login() is None and any(one.ends_login for one in self.builders.values()):
            raise UsageError("listeners: clients log in at the proxy, which needs upstream.sasl.mechanism, and who it is, to log in at the brokers behind")
        self.overlay = self._overlay({key: value for key, value in values.items() if key.startswith(OVERLAY)})

    def _overlay(self, values):
        """An OverlaySettings, None without one."""
        if not values:
            return None
        from emulator.apps.proxy.overlay.settings import OverlaySettings

        if self.is_sasl and self.login() is None:
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
    def is_sasl(self):
        return self.protocol.startswith("SASL_")

    @property
    def is_tls(self):
        return self.protocol.endswith("SSL")

    @property
    def check_host(self):
        return self._values["upstream.ssl.endpoint.identification.algorithm"].lower() == "https"

    def _check_security(self):
        for key in self._values:
            if key.startswith("upstream.ssl.") and self._values[key] != _DEFAULTS[key] and not self.is_tls:
                raise UsageError(f"{key}: upstream.security.protocol is {self.protocol}, which has no TLS")
            if key.startswith("upstream.sasl.") and self._values[key] is not None and not self.is_sasl:
                raise UsageError(f"{key}: upstream.security.protocol is {self.protocol}, which has no SASL")
        self._one_of("upstream.ssl.truststore.type", ("PEM",), "Java's key stores cannot be read here; keytool and openssl make PEM of them")
        self._one_of("upstream.ssl.keystore.type", ("PEM",), "Java's key stores cannot be read here; keytool and openssl make PEM of them")
        if self._values["upstream.ssl.endpoint.identification.algorithm"].lower() not in ("https", ""):
            raise UsageError("upstream.ssl.endpoint.identification.algorithm: expected https, or nothing")
        self.login()
        self.tls()

    def login(self):
        """A sasl.Login; None where clients log in by themselves."""
        mechanism, jaas = self._values["upstream.sasl.mechanism"], self._values["upstream.sasl.jaas.config"]
        if mechanism is None:
            for key in ("username", "password", "jaas.config"):
                if self._values[f"upstream.sasl.{key}"] is not None:
                    raise UsageError(f"upstream.sasl.{key} needs upstream.sasl.mechanism; without both, clients log in by themselves")
            return None
        self._one_of("upstream.sasl.mechanism", tuple(sasl.MECHANISMS))
        given = {"username": self._values["upstream.sasl.username"], "password": self._values["upstream.sasl.password"]}
        if jaas is not None:
            given.update((name, re.sub(r"\\(.)", r"\1", value)) for name, value in _JAAS.findall(jaas) if name in given)
        for name, value in given.items():
            if value is None:
                raise UsageError(f"upstream.sasl.{name} is missing (or {name}=\"...\" in upstream.sasl.jaas.config)")
        return sasl.Login(mechanism, given["username"], given["password"])

    def tls(self):
        """An ssl.SSLContext, or None."""
        if not self.is_tls:
            return None
        import ssl

        location, certificates = self._values["upstream.ssl.truststore.location"], self._values["upstream.ssl.truststore.certificates"]
        key = "upstream.ssl.truststore.location"
        try:
            context = ssl.create_default_context(cafile=location, cadata=certificates)
            context.check_hostname = self.check_host
            key = "upstream.ssl.keystore.location"
            if (own := self._values[key]) is not None:
                password = self._values["upstream.ssl.key.password"]
                context.load_cert_chain(own, password="" if password is None else password)
        except (OSError, ValueError) as error:
            raise UsageError(f"{key} {self._values[key]}: {getattr(error, 'strerror', None) or error}") from None
        return context

    def _one_of(self, key, expected, more=""):
        value = self._values[key]
        if value not in expected:
            raise UsageError(f"{key} {value}: expected {' or '.join(expected)}{'. ' + more if more else ''}")
        return value

    def _number(self, key):
        text = self._values[key]
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):
            raise UsageError(f"{key} {text}: expected milliseconds, one or more")
        return int(text)


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
