"""The handshake of a connection, before anything else on it (SslTransportLayer)."""

import logging
import socket
import ssl

from emulator.pipeline.dispatch import Refused
from emulator.runtime.tls.context import check_configs, make_context
from emulator.runtime.tls.names import subject_of
from emulator.runtime.tls.reload import Stores
from emulator.runtime.tls.socket import TlsSocket
from emulator.runtime.tls.stores import StoreError, said_of_stores
from emulator.runtime.turns import give_turn
from emulator.state.configs.definition import ConfigError
from emulator.state.configs.dynamic import invalid_change
from emulator.state.principals import USER, Principal
from emulator.state.ssl_principals import parse_rules

log = logging.getLogger(__name__)

_CLIENT_AUTH = "ssl.client.auth"
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST")
_HANDSHAKE_MS = 30_000  # that a client may take


class Tls:
    """Of one listener, as its `configs` (ListenerConfigs) say. Raises ConfigError.

    The stores alone change while it serves: the rest stays what it was at the start, as in Kafka.
    """

    def __init__(self, configs, security_protocol):
        self._configs = configs
        self._is_below_sasl = security_protocol == "SASL_SSL"
        # Below SASL certificates are asked for only where this very listener says so (ChannelBuilders).
        self._client_auth = configs.own(_CLIENT_AUTH) if self._is_below_sasl else configs.value(_CLIENT_AUTH)
        self._name_of = _rules(configs)
        self._stores = Stores(configs)
        self._context = make_context(configs, self._stores, self._client_auth)
        self._next = None  # what was checked last: (Stores, context)

    def check(self, configs):
        """Raise ConfigError unless the listener may have these configs from now on, or from its next start."""
        check_configs(configs)
        _rules(configs)
        if said_of_stores(configs) != self._stores.said:
            try:
                self._next = self._follow(configs)
            except StoreError as error:
                log.warning("listener %s keeps its stores: %s", configs.listener, error)
                raise invalid_change(f"Validation of dynamic config update of SSLFactory failed: {error.told}") from None

    def reload(self, configs):
        """Who comes from now on is met with the stores of these configs, as they are in the files now; where they cannot be, with those before."""
        checked, self._next = self._next, None
        said = said_of_stores(configs)
        if checked is not None and checked[0].said == said:
            self._stores, self._context = checked
        elif said != self._stores.said or self._stores.are_modified:
            try:
                self._stores, self._context = self._follow(configs)
            except ConfigError as error:
                log.warning("listener %s keeps its stores: %s", configs.listener, error)

    def _follow(self, configs):
        stores = Stores(configs)
        context = stores.keys and make_context(self._configs, stores, self._client_auth)
        stores.check_follow(self._stores, self._configs)  # not without keys
        return stores, context

    def begin(self, connection):
        """Raises Refused where the client is none, OSError."""
        sock = connection.socket
        secured = TlsSocket(sock, self._context)
        deadline = connection.call.patience.after(_HANDSHAKE_MS, lambda: _hang_up(sock))
        try:
            while True:
                try:
                    secured.handshake()
                    break
                except BlockingIOError:
                    connection.wait()
        except ssl.SSLError as error:
            raise Refused(f"the TLS handshake failed: {_words(error)}") from None
        finally:
            deadline.cancel()
        connection.socket = secured
        if not self._is_below_sasl and (certificate := secured.certificate) is not None:
            connection.call.principal = self._principal_of(certificate)
        give_turn()  # a handshake takes as long as a hundred requests

    def _principal_of(self, certificate):
        try:
            return Principal(USER, self._name_of(subject_of(certificate)))
        except (LookupError, ValueError) as error:
            raise Refused(f"its certificate names nobody: {error}") from None


def _words(error):
    if error.reason in _NO_TLS:
        return "it does not speak TLS"
    why = getattr(error, "verify_message", None)
    return f"its certificate is refused: {why}" if why else error.reason or error


def _rules(configs):
    rules = configs.value("ssl.principal.mapping.rules")
    try:
        return parse_rules(rules)
    except ValueError as error:
        raise ConfigError(f"Invalid value {rules} for configuration ssl.principal.mapping.rules: {error}") from None


def _hang_up(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has by itself
        pass
