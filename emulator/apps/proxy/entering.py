"""How clients come in at a proxy's listeners: TLS and SASL that end here, by Kafka's keys and with users of the proxy's own.

Users of PLAIN and of SCRAM are options `user_NAME="password"` of the mechanism's login module; there are no delegation tokens.
"""

import hashlib
import secrets

from emulator.api.registry import Handler
from emulator.api.sasl import OPENING
from emulator.runtime.channels import ChannelBuilder
from emulator.runtime.clock import monotonic_clock
from emulator.state.configs.definition import ConfigError
from emulator.state.configs.listener import ListenerConfigs
from emulator.state.sasl.exchange import IllegalState
from emulator.state.sasl.jaas import parse_jaas
from emulator.state.sasl.plain import users_of
from emulator.state.scram import MECHANISMS, credential
from wire import errors
from wire.apis.metadata import ApiVersions

_ITERATIONS, _SALT_BYTES = 8192, 16
_HASHES = {1: "sha256", 2: "sha512"}


class ProxyBuilder(ChannelBuilder):
    """`configure(settings)` of a broker's Settings, of which those of listeners count. Raises ConfigError."""

    def configure(self, settings):
        configs, asks = ListenerConfigs(settings, self.listener), []
        self._configs, self._tls = configs, None
        if self.security_protocol.endswith("SSL"):
            from emulator.runtime.tls.door import Tls

            self._tls = Tls(configs, self.security_protocol)
            asks.append(self._tls)
        if self.ends_login:
            from emulator.runtime.authenticator import Sasl

            services = {"scram": _Users(configs), "delegation_tokens": {}, "patience": monotonic_clock()}
            asks.append(Sasl(configs, services, {**OPENING, ApiVersions.key: Handler(ApiVersions, _versions, None, None)}))
        self.asks = tuple(asks)

    def begin(self, connection):
        if self._tls is not None:
            self._tls.reload(self._configs)  # nobody comes and says that a file has changed
        super().begin(connection)

    @property
    def ends_login(self):
        return self.security_protocol.startswith("SASL_")


class _Users:
    """SCRAM credentials of the users that the configs name, made anew at each start."""

    def __init__(self, configs):
        self._credentials = {}
        for number, mechanism in MECHANISMS.items():
            if mechanism not in (configs.value("sasl.enabled.mechanisms") or ()):
                continue
            text = configs.jaas(mechanism)
            try:
                users = users_of({name: value for entry in parse_jaas(text) for name, value in entry.options.items()} if text else {})
            except ValueError as error:
                raise ConfigError(f"Invalid value [hidden] for configuration {mechanism.lower()}.sasl.jaas.config: {error}") from None
            if not users:
                raise ConfigError(f'{mechanism.lower()}.sasl.jaas.config has no users: user_NAME="password"')
            for name, password in users.items():
                salt = secrets.token_bytes(_SALT_BYTES)
                salted = hashlib.pbkdf2_hmac(_HASHES[number], password.encode(), salt, _ITERATIONS)
                self._credentials[name, number] = credential(number, salt, salted, _ITERATIONS)

    def get(self, name, number):
        return self._credentials.get((name, number))


def _versions(request, call):
    """Before a client is known: what a broker behind told the proxy."""
    try:
        call.exchange.versions(request is None)
    except IllegalState as illegal:
        call.close(str(illegal))
    response = call.connection.server.versions()
    if response is None:
        call.close("the cluster behind does not say which versions it speaks")
    if request is None:
        [own] = [one for one in response.api_keys if one.api_key == ApiVersions.key]
        return ApiVersions.reply(error_code=errors.UNSUPPORTED_VERSION, api_keys=[own])
    return response
