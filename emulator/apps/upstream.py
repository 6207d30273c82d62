"""How to reach a cluster as its client: the configs that Kafka's clients have, behind a prefix -> addresses, TLS, a login."""

import re
from urllib.parse import unquote, urlsplit

from emulator.apps.addresses import parse_address
from emulator.apps.errors import UsageError
from emulator.runtime.upstream import sasl
from emulator.runtime.upstream.dial import Dialer
from emulator.state.configs import ConfigError
from emulator.state.configs.dynamic import STORES
from emulator.state.sasl.jaas import parse_jaas

_TOKEN_URL, _SCOPE = "sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.scope"
_CLIENT_ID, _CLIENT_SECRET = "sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.credentials.client.secret"
_HTTPS = "ssl.endpoint.identification.algorithm"
DEFAULTS = {
    "bootstrap.servers": None,
    "security.protocol": "PLAINTEXT",
    "sasl.mechanism": None,
    "sasl.username": None,
    "sasl.password": None,
    "sasl.jaas.config": None,
    _TOKEN_URL: None,
    _CLIENT_ID: None,
    _CLIENT_SECRET: None,
    _SCOPE: None,
    **dict.fromkeys(STORES),
    "ssl.keystore.type": "PEM",  # to Kafka's clients it is JKS
    "ssl.truststore.type": "PEM",
    _HTTPS: "https",
    "socket.connection.setup.timeout.ms": "10000",
    "metadata.max.age.ms": "10000",
}
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_UNSECURED, _EXTENSION = "unsecuredLogin", "extension_"
_EXTENSION_NAME, _EXTENSION_TEXT = re.compile("[A-Za-z]+"), re.compile(r"[\x21-\x7e \t\r\n]+")


class Upstream:
    """Of {key: text}, keys without `prefix`, with which errors name them. Raises UsageError that begins with the key.

    `bootstrap`: [(host, port)], as `told` in errors; `login`: a sasl.Login, None where there is none; `tls`: an ssl.SSLContext or None; ms are numbers.
    """

    def __init__(self, values, prefix="upstream.", told=None):
        self._prefix = prefix
        self._values = {**DEFAULTS, **values}
        servers, told = self._values["bootstrap.servers"], told or f"{prefix}bootstrap.servers"
        self.bootstrap = [parse_address(one.strip(), told) for one in servers.split(",")]
        if not all(host and port for host, port in self.bootstrap):
            raise UsageError(f"{told} {servers}: expected HOST:PORT of a broker")
        self.protocol = self._one_of("security.protocol", _PROTOCOLS)
        self.connection_timeout_ms = self._number("socket.connection.setup.timeout.ms")
        self.metadata_max_age_ms = self._number("metadata.max.age.ms")
        for key, value in self._values.items():
            if key.startswith("ssl.") and value != DEFAULTS[key] and not self.is_tls:
                raise self._wrong(f"{key}: {prefix}security.protocol is {self.protocol}, which has no TLS")
            if key.startswith("sasl.") and value is not None and not self.is_sasl:
                raise self._wrong(f"{key}: {prefix}security.protocol is {self.protocol}, which has no SASL")
        if self._values[_HTTPS].lower() not in ("https", ""):
            raise self._wrong(f"{_HTTPS}: expected https, or nothing")
        self.login = self._login()
        self.tls = self._tls() if self.is_tls else None

    @property
    def is_sasl(self):
        return self.protocol.startswith("SASL_")

    @property
    def is_tls(self):
        return self.protocol.endswith("SSL")

    def dialer(self, patience):
        """`patience`: the clock of deadlines."""
        return Dialer(patience, self.connection_timeout_ms, self.tls, self._checks_host, self.login)

    @property
    def _checks_host(self):
        return self._values[_HTTPS].lower() == "https"

    # -- SASL --------------------------------------------------------------------------------------

    def _login(self):
        values, mechanism = self._values, self._values["sasl.mechanism"]
        if mechanism is None:
            for key, value in values.items():
                if key.startswith("sasl.") and value is not None:
                    raise self._wrong(f"{key} needs {self._prefix}sasl.mechanism")
            return None
        self._one_of("sasl.mechanism", sasl.MECHANISMS)
        options = self._options()
        if mechanism == "OAUTHBEARER":
            return self._bearer(options)
        for key, value in values.items():
            if key.startswith("sasl.oauthbearer.") and value is not None:
                raise self._wrong(f"{key}: {self._prefix}sasl.mechanism is {mechanism}")
        given = {name: options.get(name, values[f"sasl.{name}"]) for name in ("username", "password")}
        for name, value in given.items():
            if value is None:
                raise self._wrong(f"sasl.{name} is missing (or {name}=\"...\" in {self._prefix}sasl.jaas.config)")
        if mechanism == "PLAIN":
            return sasl.PlainLogin(**given)
        return sasl.ScramLogin(mechanism, **given, by_token=options.get("tokenauth", "").lower() == "true")

    def _options(self):
        """Those of the login module."""
        text = self._values["sasl.jaas.config"]
        if text is None:
            return {}
        try:
            entries = parse_jaas(text)
            if len(entries) != 1:
                raise ValueError(f"JAAS config property contains {len(entries)} login modules, should be 1 module")
        except ValueError as error:
            raise self._wrong(f"sasl.jaas.config: {error}") from None
        return entries[0].options

    def _bearer(self, options):
        from emulator.runtime.clock import wall_clock
        from emulator.runtime.upstream import tokens  # few need them

        values, url, now = self._values, self._values[_TOKEN_URL], wall_clock().now
        for key in ("sasl.username", "sasl.password"):
            if values[key] is not None:
                raise self._wrong(f"{key}: OAUTHBEARER has tokens")
        begins = _EXTENSION if url else f"{_UNSECURED}Extension_"
        extensions = {name.removeprefix(begins): text for name, text in options.items() if name.startswith(begins)}
        for name, text in extensions.items():
            if not _EXTENSION_NAME.fullmatch(name) or name == "auth" or not _EXTENSION_TEXT.fullmatch(text):
                raise self._wrong(f"sasl.jaas.config: {begins}{name} is no extension that OAUTHBEARER may have")
        if not url:
            for key in (_CLIENT_ID, _CLIENT_SECRET, _SCOPE):
                if values[key] is not None:
                    raise self._wrong(f"{key} needs {self._prefix}{_TOKEN_URL}")
            try:
                own = {name.removeprefix(_UNSECURED): text for name, text in options.items() if name.startswith(_UNSECURED)}
                return sasl.BearerLogin(tokens.UnsecuredTokens(own, now), extensions)
            except ValueError as error:
                raise self._wrong(f"sasl.jaas.config: {error}; tokens that somebody has signed need {self._prefix}{_TOKEN_URL}") from None
        return sasl.BearerLogin(self._signed(tokens, url, options, now), extensions)

    def _signed(self, tokens, url, options, now):
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise self._wrong(f"{_TOKEN_URL}: {error}") from None
        if given := next((name for name in options if name.startswith("ssl.")), None):
            raise self._wrong(f"sasl.jaas.config: {given} is not supported here: https goes by the certificates of this machine")
        credentials = [options.get(name) if self._values[key] is None else self._values[key]
                       for key, name in ((_CLIENT_ID, "clientId"), (_CLIENT_SECRET, "clientSecret"), (_SCOPE, "scope"))]  # fmt: skip
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            found = tokens.TokenFile(unquote(parts.path))
            try:
                found.token()
            except tokens.NoToken as error:
                raise self._wrong(f"{_TOKEN_URL}: {error}") from None
            return found
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise self._wrong(f"{_TOKEN_URL}: expected file:///PATH of a token, or https:// or http:// of an issuer")
        for key, name, value in zip((_CLIENT_ID, _CLIENT_SECRET), ("clientId", "clientSecret"), credentials):
            if value is None:
                raise self._wrong(f"{key} is missing (or {name}=\"...\" in {self._prefix}sasl.jaas.config)")
        return tokens.TokenEndpoint(url, *credentials, now, self.connection_timeout_ms / 1000)

    # -- TLS ---------------------------------------------------------------------------------------

    def _tls(self):
        from emulator.runtime.tls.client import client_context

        try:
            return client_context({name: self._values[name] for name in STORES}, self._checks_host)
        except ConfigError as error:
            raise self._wrong(str(error)) from None

    # -- texts -------------------------------------------------------------------------------------

    def _one_of(self, key, expected):
        value = self._values[key]
        if value not in expected:
            raise self._wrong(f"{key} {value}: expected {' or '.join(expected)}")
        return value

    def _number(self, key):
        text = self._values[key]
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):
            raise self._wrong(f"{key} {text}: expected milliseconds, one or more")
        return int(text)

    def _wrong(self, text):
        return UsageError(self._prefix + text)
