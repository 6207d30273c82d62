"""The broker configs that a listener heeds when its security protocol is not PLAINTEXT; read only when one of them is asked for.

Names, types, defaults and checks are Kafka's (BrokerSecurityConfigs, SaslConfigs of 4.3.1).
"""

from emulator.state.configs.definition import (
    BOOLEAN, CLASS, INT, LIST, LONG, PASSWORD, STRING, Key, at_least, classes, list_of, one_of,
)  # fmt: skip

_OAUTHBEARER = "org.apache.kafka.common.security.oauthbearer."
UNSECURED_HANDLER = _OAUTHBEARER + "internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
SIGNED_HANDLER = _OAUTHBEARER + "OAuthBearerValidatorCallbackHandler"
DEFAULT_VALIDATOR, BROKER_VALIDATOR = _OAUTHBEARER + "DefaultJwtValidator", _OAUTHBEARER + "BrokerJwtValidator"

_KEYS = (
    Key("sasl.server.callback.handler.class", CLASS, None, classes(UNSECURED_HANDLER, SIGNED_HANDLER)),
    Key("ssl.client.auth", STRING, "none", one_of("required", "requested", "none"), dynamic=True, per_broker=True),
    Key("ssl.principal.mapping.rules", STRING, "DEFAULT"),
    Key("ssl.allow.dn.changes", BOOLEAN, "false"),
    Key("ssl.allow.san.changes", BOOLEAN, "false"),
    Key("ssl.enabled.protocols", LIST, "TLSv1.2,TLSv1.3", list_of(), dynamic=True, per_broker=True),
    Key("ssl.keystore.type", STRING, "JKS", dynamic=True, per_broker=True),
    Key("ssl.keystore.location", STRING, None, dynamic=True, per_broker=True),
    Key("ssl.keystore.password", PASSWORD, None, dynamic=True, per_broker=True),
    Key("ssl.key.password", PASSWORD, None, dynamic=True, per_broker=True),
    Key("ssl.keystore.key", PASSWORD, None, dynamic=True, per_broker=True),
    Key("ssl.keystore.certificate.chain", PASSWORD, None, dynamic=True, per_broker=True),
    Key("ssl.truststore.type", STRING, "JKS", dynamic=True, per_broker=True),
    Key("ssl.truststore.location", STRING, None, dynamic=True, per_broker=True),
    Key("ssl.truststore.password", PASSWORD, None, dynamic=True, per_broker=True),
    Key("ssl.truststore.certificates", PASSWORD, None, dynamic=True, per_broker=True),
    Key("ssl.cipher.suites", LIST, "", list_of(), dynamic=True, per_broker=True),
    Key("sasl.enabled.mechanisms", LIST, "GSSAPI", list_of(), dynamic=True, per_broker=True),
    Key("sasl.server.max.receive.size", INT, "524288"),
    Key("sasl.jaas.config", PASSWORD, None, dynamic=True, per_broker=True),
    Key("connections.max.reauth.ms", LONG, "0"),
    Key("connection.failed.authentication.delay.ms", INT, "100", at_least(0)),
    Key("sasl.oauthbearer.jwt.validator.class", CLASS, DEFAULT_VALIDATOR, classes(DEFAULT_VALIDATOR, BROKER_VALIDATOR)),
    Key("sasl.oauthbearer.scope.claim.name", STRING, "scope"),
    Key("sasl.oauthbearer.sub.claim.name", STRING, "sub"),
    Key("sasl.oauthbearer.jwks.endpoint.url", STRING, None),
    Key("sasl.oauthbearer.jwks.endpoint.refresh.ms", LONG, "3600000"),
    Key("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", LONG, "100"),
    Key("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", LONG, "10000"),
    Key("sasl.oauthbearer.clock.skew.seconds", INT, "30"),
    Key("sasl.oauthbearer.expected.audience", LIST, "", list_of()),
    Key("sasl.oauthbearer.expected.issuer", STRING, None),
)

SECURITY = {key.name: key for key in _KEYS}
