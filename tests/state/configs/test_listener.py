"""What one listener, and one SASL mechanism of it, has in its own way."""

import pytest

from emulator.state.configs import ConfigError, parse_broker_settings
from emulator.state.configs.listener import ListenerConfigs, unheeded


def of(listener="INSIDE", **texts):
    return ListenerConfigs(parse_broker_settings({name.replace("_", "."): text for name, text in texts.items()}), listener)


def test_without_a_word_a_listener_has_what_the_broker_has():
    assert of(ssl_client_auth="requested").value("ssl.client.auth") == "requested"
    assert of().value("ssl.client.auth") == "none"


def test_its_own_word_goes_first():
    texts = {"ssl_client_auth": "requested", "listener_name_inside_ssl_client_auth": "required"}
    assert of(**texts).value("ssl.client.auth") == "required"
    assert of("OUTSIDE", **texts).value("ssl.client.auth") == "requested"


def test_of_a_mechanism_the_narrowest_word_goes_first():
    name = "connections.max.reauth.ms"
    texts = {"connections_max_reauth_ms": "1", "listener_name_inside_connections_max_reauth_ms": "2", "listener_name_inside_plain_connections_max_reauth_ms": "3"}
    seen = []
    for one in reversed(list(texts)):
        seen.append(of(**texts).of_mechanism("PLAIN", name))
        del texts[one]
    assert seen == [3, 2, 1]


def test_of_a_mechanism_and_no_listener_kafka_sees_nothing():
    with pytest.raises(ConfigError, match="such as listener.name.inside.plain.connections.max.reauth.ms"):
        of(plain_connections_max_reauth_ms="1").of_mechanism("PLAIN", "connections.max.reauth.ms")


def test_what_it_says_is_checked_as_the_brokers_own_is():
    with pytest.raises(ConfigError, match=r"listener.name.inside.ssl.client.auth|ssl.client.auth"):
        of(listener_name_inside_ssl_client_auth="perhaps")
    with pytest.raises(ConfigError, match="Unknown configuration listener.name.inside.ssl.client.aut"):
        of(listener_name_inside_ssl_client_aut="none")


@pytest.mark.parametrize("name, text, why", [
    ("listener.name.OUT.ssl.keystore.type", "PEM", "a listener's name stands there in small letters: out"),
    ("listener.name.elsewhere.ssl.client.auth", "required", "there is no listener elsewhere"),
    ("sasl.jaas.config", "secret", "it lacks the name of a mechanism, as in listener.name.LISTENER.plain.sasl.jaas.config"),
    ("listener.name.in.sasl.jaas.config", "secret", "it lacks the name of a mechanism, as in listener.name.LISTENER.plain.sasl.jaas.config"),
    ("super.users", "User:alice", "there is no authorizer.class.name: everybody may do everything"),
    ("listener.name.in.super.users", "User:alice", "the authorizer is of all listeners, and so are its configs"),
    ("ssl.client.auth", "required", "of OUT, which is SASL_SSL, only listener.name.out.ssl.client.auth is"),
    ("listener.name.out.ssl.client.auth", "required", None),
    ("listener.name.in.plain.sasl.jaas.config", "secret", None),
    ("listener.name.controller.ssl.client.auth", "required", None),  # Kafka's has one, of which nothing is here
])
def test_what_nobody_looks_at_is_told_of(name, text, why):
    listeners = {"listeners": "IN://localhost:1,OUT://localhost:2", "listener.security.protocol.map": "IN:SASL_PLAINTEXT,OUT:SASL_SSL"}
    assert unheeded(parse_broker_settings({**listeners, name: text})) == ([(name, why)] if why else [])
