"""--listen says where, not what: a listener that asks its clients who they are goes on asking them."""

import pytest

from emulator.apps.errors import UsageError
from emulator.apps.listen import listen_at

MAP = "listener.security.protocol.map"


@pytest.mark.parametrize("values, expected", [
    ({}, {"listeners": "PLAINTEXT://h:1"}),
    ({"listeners": "PLAINTEXT://:9092", "advertised.listeners": "PLAINTEXT://out:9092"}, {"listeners": "PLAINTEXT://h:1"}),
    ({"listeners": "SASL_SSL://a:9"}, {"listeners": "SASL_SSL://h:1"}),
    ({"listeners": "inside://a:9", MAP: "INSIDE:SASL_PLAINTEXT"}, {"listeners": "INSIDE://h:1", MAP: "INSIDE:SASL_PLAINTEXT"}),
    ({MAP: "PLAINTEXT:SASL_PLAINTEXT"}, {"listeners": "PLAINTEXT://h:1", MAP: "PLAINTEXT:SASL_PLAINTEXT"}),
    ({"listeners": "A://a:1, B://a:2", MAP: "A:PLAINTEXT, b:plaintext", "inter.broker.listener.name": "B"}, {"listeners": "PLAINTEXT://h:1"}),
])  # fmt: skip
def test_a_listener_is_elsewhere_and_the_same(values, expected):
    listen_at(values, "h:1")
    assert values == expected


def test_on_every_interface_clients_are_told_of_this_machine():
    values = {"listeners": "SSL://a:9"}
    listen_at(values, "0.0.0.0:7")
    assert values == {"listeners": "SSL://0.0.0.0:7", "advertised.listeners": "SSL://localhost:7"}


@pytest.mark.parametrize("values", [
    {"listeners": "PLAINTEXT://a:1,SASL_SSL://a:2"},
    {"listeners": "A://a:1,B://a:2", MAP: "A:PLAINTEXT,B:SSL"},
])  # fmt: skip
def test_which_of_several_is_meant_must_be_said(values):
    with pytest.raises(UsageError, match="--listen h:1: there are several listeners, and (SASL_SSL|B) is not PLAINTEXT"):
        listen_at(values, "h:1")
