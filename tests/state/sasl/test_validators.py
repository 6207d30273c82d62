"""Which validator of OAUTHBEARER a listener's configs ask for, and what is refused at the start."""

from types import SimpleNamespace

import pytest

from emulator.state.configs import ConfigError, parse_broker_settings
from emulator.state.configs.listener import ListenerConfigs
from emulator.state.configs.security import SIGNED_HANDLER, UNSECURED_HANDLER
from emulator.state.sasl.bearer import KeysUnavailable
from emulator.state.sasl.mechanisms import mechanisms_of
from emulator.state.sasl.signed import SignedTokens
from emulator.state.sasl.unsecured import UnsecuredTokens
from emulator.state.sasl.validators import tokens_of

OURS = "listener.name.inside.oauthbearer.sasl.server.callback.handler.class"
URL = "sasl.oauthbearer.jwks.endpoint.url"
VALIDATOR = "sasl.oauthbearer.jwt.validator.class"
CLASSES = "org.apache.kafka.common.security.oauthbearer."
MODULE = CLASSES + "OAuthBearerLoginModule required"
SIGNED = {OURS: SIGNED_HANDLER, URL: "file:///keys.json"}


class Jwks:
    def __init__(self):
        self.opened = None

    def open(self, *arguments):
        self.opened = arguments
        if "nobody" in arguments[0]:
            raise KeysUnavailable("nobody answers")
        return "the keys"


@pytest.fixture
def jwks():
    return Jwks()


def tokens(jwks, configs, options=()):
    settings = parse_broker_settings(configs)
    return tokens_of(ListenerConfigs(settings, "INSIDE"), dict(options), {"time": SimpleNamespace(now=lambda: 0), "jwks": jwks})


@pytest.mark.parametrize("configs", [{}, {OURS: UNSECURED_HANDLER}])
def test_unsecured_tokens_are_what_there_is_otherwise(jwks, configs):
    assert isinstance(tokens(jwks, configs), UnsecuredTokens) and jwks.opened is None


@pytest.mark.parametrize("more", [{}, {VALIDATOR: CLASSES + "DefaultJwtValidator"}, {VALIDATOR: CLASSES + "BrokerJwtValidator"}])
def test_signed_ones_need_their_handler_and_a_url(jwks, more):
    assert isinstance(tokens(jwks, {**SIGNED, **more}), SignedTokens)
    assert jwks.opened == ("file:///keys.json", 3_600_000, 100, 10_000)


def test_each_config_may_be_of_a_listener_and_of_a_mechanism(jwks):
    own = "listener.name.inside.oauthbearer.sasl.oauthbearer."
    found = tokens(jwks, {
        **SIGNED, f"listener.name.inside.{URL}": "https://issuer.example/keys", f"{own}jwks.endpoint.refresh.ms": 5, f"{own}expected.issuer": "i",
        "listener.name.inside.sasl.oauthbearer.expected.audience": "a,b", f"{own}sub.claim.name": " user ", f"{own}clock.skew.seconds": 7,
        "listener.name.outside.sasl.oauthbearer.expected.issuer": "another",
    })  # fmt: skip
    assert jwks.opened == ("https://issuer.example/keys", 5, 100, 10_000)
    assert (found._issuer, found._audiences, found._sub_claim, found._skew_s) == ("i", ("a", "b"), "user", 7)


@pytest.mark.parametrize("configs, said", [
    ({URL: "file:///keys.json"}, "without it Kafka accepts unsecured tokens"),
    ({URL: "file:///keys.json", OURS: UNSECURED_HANDLER}, "without it Kafka accepts unsecured tokens"),
    ({OURS: SIGNED_HANDLER}, f'requires "{URL}" to be configured'),
    ({OURS: SIGNED_HANDLER, URL: " "}, f'requires "{URL}" to be configured'),
    ({"sasl.server.callback.handler.class": SIGNED_HANDLER, URL: "file:///k"}, "Kafka does not look there, but at listener.name.LISTENER.MECHANISM"),
    ({"oauthbearer.sasl.server.callback.handler.class": SIGNED_HANDLER, URL: "file:///k"}, "Kafka does not look there"),
    ({"listener.name.inside.sasl.server.callback.handler.class": SIGNED_HANDLER, URL: "file:///k"}, "Kafka does not look there"),
    ({OURS: "my.Handler"}, "Class my.Handler could not be found"),
    ({**SIGNED, VALIDATOR: "my.Validator"}, "Class my.Validator could not be found"),
    ({**SIGNED, VALIDATOR: CLASSES + "ClientJwtValidator"}, "could not be found"),  # it looks at no signature
    ({**SIGNED, URL: "ftp://issuer/keys"}, "contains an invalid protocol"),
    ({**SIGNED, URL: "keys.json"}, "contains an invalid protocol"),
    ({**SIGNED, URL: "http://nobody/"}, "without keys: nobody answers"),
    ({**SIGNED, URL: "http://i/", "sasl.oauthbearer.jwks.endpoint.refresh.ms": 0}, "refresh.ms must be positive"),
    ({**SIGNED, "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms": 20_000}, "must not be negative, nor more than"),
    ({**SIGNED, "sasl.oauthbearer.sub.claim.name": " "}, "sub.claim.name value is required"),
    ({**SIGNED, "sasl.oauthbearer.scope.claim.name": ""}, "scope.claim.name value is required"),
], ids=range(17))  # fmt: skip
def test_what_would_not_be_what_somebody_meant_is_refused(jwks, configs, said):
    with pytest.raises(ConfigError, match=said):
        tokens(jwks, configs)


def test_tls_of_the_login_module_is_not_there(jwks):
    with pytest.raises(ConfigError, match="ssl.truststore.location of OAuthBearerLoginModule is not supported here"):
        tokens(jwks, {**SIGNED, URL: "https://issuer/keys"}, {"ssl.truststore.location": "/trust.jks"})


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_no_other_mechanism_has_a_handler(mechanism):
    configs = {"sasl.enabled.mechanisms": mechanism, f"listener.name.inside.{mechanism.lower()}.sasl.server.callback.handler.class": SIGNED_HANDLER}
    with pytest.raises(ConfigError, match="has no other handler than its own here"):
        mechanisms_of(ListenerConfigs(parse_broker_settings(configs), "INSIDE"), {})


def test_the_login_module_says_what_is_required():
    configs = {"sasl.enabled.mechanisms": "OAUTHBEARER", "oauthbearer.sasl.jaas.config": f'{MODULE} unsecuredValidatorAllowableClockSkewMs="x";'}
    with pytest.raises(ConfigError, match="unsecuredValidatorAllowableClockSkewMs must be a number"):
        mechanisms_of(ListenerConfigs(parse_broker_settings(configs), "INSIDE"), {"time": SimpleNamespace(now=lambda: 0)})
