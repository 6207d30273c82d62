import pytest

from emulator.state.configs import ConfigError, parse_broker_settings
from emulator.state.configs.listener import ListenerConfigs
from emulator.state.sasl.mechanisms import mechanisms_of

MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule required"


def of(**texts):
    settings = parse_broker_settings({name.replace("_", "."): text for name, text in texts.items()})
    return mechanisms_of(ListenerConfigs(settings, "INSIDE"), {})


def test_each_listener_has_users_of_its_own():
    mechanisms = of(sasl_enabled_mechanisms="PLAIN", plain_sasl_jaas_config=f"{MODULE} user.a=1;", listener_name_inside_plain_sasl_jaas_config=f'{MODULE} user_b="2";')
    server = mechanisms["PLAIN"]()
    assert server.evaluate(b"\0b\x002") == b"" and server.principal.name == "b"


@pytest.mark.parametrize("texts, said", [
    ({}, "Invalid value GSSAPI for configuration sasl.enabled.mechanisms: there is no Kerberos here; there are .*PLAIN"),
    ({"sasl_enabled_mechanisms": "PLAIN,CRAM-MD5"}, "CRAM-MD5 for configuration sasl.enabled.mechanisms: there is no such mechanism"),
    ({"sasl_enabled_mechanisms": "PLAIN"}, "No configuration plain.sasl.jaas.config"),
    ({"sasl_enabled_mechanisms": "PLAIN", "sasl_jaas_config": f"{MODULE} user_a=1;"}, "No configuration plain.sasl.jaas.config"),
    ({"sasl_enabled_mechanisms": "PLAIN", "plain_sasl_jaas_config": f"{MODULE} user_a=1"}, "not terminated by semi-colon"),
    ({"sasl_enabled_mechanisms": "PLAIN", "plain_sasl_jaas_config": f"{MODULE}; {MODULE};"}, "contains 2 login modules"),
    ({"sasl_enabled_mechanisms": "PLAIN", "plain_sasl_jaas_config": "an.Other required;"}, "there is no an.Other for PLAIN"),
])  # fmt: skip
def test_what_cannot_be_is_said_at_the_start(texts, said):
    with pytest.raises(ConfigError, match=said):
        of(**texts)
