"""Which tokens of OAUTHBEARER are good, as a listener's configs have it.

Kafka goes by listener.name.LISTENER.oauthbearer.sasl.server.callback.handler.class: unsecured tokens without one. A JWKS beside
that would have no effect, and whoever set it would believe that it had: that is refused here.
"""

import re

from emulator.state.configs.definition import ConfigError
from emulator.state.configs.security import SIGNED_HANDLER
from emulator.state.sasl.bearer import KeysUnavailable
from emulator.state.sasl.signed import SignedTokens
from emulator.state.sasl.unsecured import UnsecuredTokens

MECHANISM = "OAUTHBEARER"
HANDLER = "sasl.server.callback.handler.class"
_JWKS_URL = "sasl.oauthbearer.jwks.endpoint.url"
_URL = re.compile(r"(?P<protocol>[a-z][a-z0-9+.-]*):.+", re.IGNORECASE)
_TLS = re.compile(r"ssl\..*")


def tokens_of(configs, options, services):
    """UnsecuredTokens or SignedTokens. `options`: of the login module; `services` has `time` and, where keys are read, `jwks`.

    Raises ConfigError.
    """
    now = services["time"].now
    signed = configs.only_of_mechanism(MECHANISM, HANDLER) == SIGNED_HANDLER
    url = _text(configs, _JWKS_URL)
    if not signed:
        if url:
            raise ConfigError(
                f"{_JWKS_URL} is set, but tokens are only checked with it where listener.name.LISTENER.oauthbearer.{HANDLER} "
                f"is {SIGNED_HANDLER}: without it Kafka accepts unsecured tokens"
            )
        return UnsecuredTokens(options, now)
    if not url:
        raise ConfigError(
            f'The OAuth validator for the broker requires "{_JWKS_URL}" to be configured so that JWT signatures can be verified, but it was not set.'
        )
    return SignedTokens(
        _keys(configs, url, options, services),
        _value(configs, "sasl.oauthbearer.expected.audience"),
        _text(configs, "sasl.oauthbearer.expected.issuer"),
        _value(configs, "sasl.oauthbearer.clock.skew.seconds"),
        _required(configs, "sasl.oauthbearer.scope.claim.name"),
        _required(configs, "sasl.oauthbearer.sub.claim.name"),
        now,
    )


def _keys(configs, url, options, services):
    match = _URL.fullmatch(url)
    protocol = match and match["protocol"].lower()
    if protocol not in ("http", "https", "file"):
        raise ConfigError(
            f'The OAuth configuration option {_JWKS_URL} contains a URL ({url}) that contains an invalid protocol; '
            'only "http", "https", and "file" protocol are supported'
        )
    if given := [name for name in options if _TLS.fullmatch(name)]:
        raise ConfigError(f"{given[0]} of OAuthBearerLoginModule is not supported here: https goes by the certificates of this machine")
    refresh, backoff, longest = (
        _value(configs, f"sasl.oauthbearer.jwks.endpoint.{name}") for name in ("refresh.ms", "retry.backoff.ms", "retry.backoff.max.ms")
    )
    if protocol != "file" and refresh <= 0:
        raise ConfigError("sasl.oauthbearer.jwks.endpoint.refresh.ms must be positive")
    if not 0 <= backoff <= longest:
        raise ConfigError("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms must not be negative, nor more than sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms")
    try:
        return services["jwks"].open(url, refresh, backoff, longest)
    except KeysUnavailable as error:
        raise ConfigError(f"The OAuth configuration option {_JWKS_URL} contains a URL ({url}) without keys: {error}") from None


def _value(configs, name):
    return configs.of_mechanism(MECHANISM, name)


def _text(configs, name):
    return (_value(configs, name) or "").strip() or None


def _required(configs, name):
    found = _text(configs, name)
    if found is None:
        raise ConfigError(f"The OAuth configuration option {name} value is required")
    return found
