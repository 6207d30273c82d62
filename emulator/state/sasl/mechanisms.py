"""The SASL mechanisms of a listener, as its configs have them."""

from emulator.state.configs.definition import ConfigError
from emulator.state.java import hash_order, string_hash
from emulator.state.sasl.jaas import parse_jaas
from emulator.state.sasl.oauthbearer import OAuthBearer
from emulator.state.sasl.plain import Plain, users_of
from emulator.state.sasl.scram import Scram, finder
from emulator.state.sasl.validators import HANDLER, tokens_of

_MODULES = "org.apache.kafka.common.security."


def _plain(configs, services):
    users = users_of(_options(configs, "PLAIN", _MODULES + "plain.PlainLoginModule"))
    return lambda: Plain(users)


def _scram(mechanism):
    def scram(configs, services):
        find = finder(services["scram"], services["delegation_tokens"])
        return lambda: Scram(mechanism, find, services["nonce"])

    return scram


def _oauthbearer(configs, services):
    options = _options(configs, "OAUTHBEARER", _MODULES + "oauthbearer.OAuthBearerLoginModule")
    tokens = tokens_of(configs, options, services)
    return lambda: OAuthBearer(tokens)


# {mechanism: a function of (ListenerConfigs, services) that gives a mechanism, see mechanism.py, or raises ConfigError}
MECHANISMS = {
    "PLAIN": _plain, "SCRAM-SHA-256": _scram("SCRAM-SHA-256"), "SCRAM-SHA-512": _scram("SCRAM-SHA-512"), "OAUTHBEARER": _oauthbearer,
}  # fmt: skip


def mechanisms_of(configs, services):
    """{name: mechanism} of what sasl.enabled.mechanisms says, in the order in which Kafka tells clients. Raises ConfigError."""
    enabled = configs.value("sasl.enabled.mechanisms")
    if not enabled:
        raise ConfigError("Invalid value  for configuration sasl.enabled.mechanisms: No SASL mechanisms are enabled")
    for name in enabled:
        if name not in MECHANISMS:
            why = "there is no Kerberos here" if name == "GSSAPI" else "there is no such mechanism"
            raise ConfigError(f"Invalid value {name} for configuration sasl.enabled.mechanisms: {why}; there are {', '.join(sorted(MECHANISMS))}")
        if name != "OAUTHBEARER" and configs.only_of_mechanism(name, HANDLER):
            raise ConfigError(f"{HANDLER}: {name} has no other handler than its own here")
    return {name: MECHANISMS[name](configs, services) for name in hash_order(dict.fromkeys(enabled), string_hash)}


def _options(configs, mechanism, module):
    """The options of the one login module of a mechanism (JaasContext.loadServerContext)."""
    text = configs.jaas(mechanism)
    where = f"{mechanism.lower()}.sasl.jaas.config"
    if text is None:
        raise ConfigError(f"No configuration {where}: {mechanism} needs {module} and its options")
    try:
        entries = parse_jaas(text)
    except ValueError as error:
        raise ConfigError(f"Invalid value [hidden] for configuration {where}: {error}") from None
    if len(entries) != 1:
        raise ConfigError(f"Invalid value [hidden] for configuration {where}: JAAS config property contains {len(entries)} login modules, should be 1 module")
    if entries[0].module != module:
        raise ConfigError(f"Invalid value [hidden] for configuration {where}: there is no {entries[0].module} for {mechanism}, only {module}")
    return entries[0].options
