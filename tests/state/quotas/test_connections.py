"""How many connections there may be, of a broker, a listener and an address, and how fast they may come."""

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs import ConfigError, parse_broker_settings
from emulator.state.metadata import Metadata
from emulator.state.quotas import ClientQuotas, Quotas
from emulator.state.quotas.connections import ConnectionQuotas, TooManyConnections
from tests.state.quotas.test_managers import put

TWO = {"listeners": "INSIDE://:1,OUTSIDE://:2", "listener.security.protocol.map": "INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT", "inter.broker.listener.name": "INSIDE"}
RESOLVE = {"localhost": "127.0.0.1", "10.0.0.1": "10.0.0.1", "::1": "::1"}.get


def settings_of(**settings):
    return parse_broker_settings({**TWO, **{name.replace("_", ".").replace("..", "_"): value for name, value in settings.items()}})


def world(listeners=("INSIDE", "OUTSIDE"), **settings):
    clock, settings = VirtualClock(0), settings_of(**settings)
    client_quotas = ClientQuotas(Metadata(), RESOLVE)
    return clock, client_quotas, ConnectionQuotas(settings, listeners, Quotas(client_quotas, settings, clock), RESOLVE, clock)


def enter(quotas, listener, address="10.0.0.2"):
    assert quotas.has_room(listener)
    return quotas.enter(listener, address)


def test_without_limits_there_is_room_for_all():
    _, _, quotas = world()
    assert [enter(quotas, "OUTSIDE") for _ in range(10_000)] == [0] * 10_000
    assert quotas.delay("OUTSIDE") == 0 and quotas.excess == 0


def test_an_address_has_its_own_or_everybodys_limit():
    _, _, quotas = world(max_connections_per_ip=2, max_connections_per_ip_overrides="localhost:1, ::1:3")
    for address, most in (("10.0.0.2", 2), ("127.0.0.1", 1), ("::1", 3)):
        for _ in range(most):
            quotas.enter("OUTSIDE", address)
        with pytest.raises(TooManyConnections, match=f"Rejected connection from {address}, address already has the configured maximum of {most} connections."):
            quotas.enter("OUTSIDE", address)
        quotas.leave("OUTSIDE", address)
        assert quotas.enter("INSIDE", address) == 0
    assert quotas.count == 6, "who was refused does not count"


def test_a_name_without_an_address_is_refused_and_changes_nothing():
    with pytest.raises(ConfigError, match="nowhere: Name or service not known"):
        world(max_connections_per_ip_overrides="nowhere:1")
    _, _, quotas = world(max_connections_per_ip=1)
    with pytest.raises(ConfigError):
        quotas.configure(settings_of(max_connections_per_ip=5, max_connections_per_ip_overrides="nowhere:1"))
    quotas.enter("OUTSIDE", "10.0.0.2")
    with pytest.raises(TooManyConnections):
        quotas.enter("OUTSIDE", "10.0.0.2")


def test_the_listener_between_brokers_takes_precedence():
    _, _, quotas = world(max_connections=2)
    enter(quotas, "OUTSIDE")
    enter(quotas, "OUTSIDE")
    assert not quotas.has_room("OUTSIDE") and quotas.excess == 0
    enter(quotas, "INSIDE")
    assert quotas.excess == 1 and quotas.is_protected("INSIDE") and not quotas.is_protected("OUTSIDE")
    quotas.leave("OUTSIDE", "10.0.0.2")
    assert quotas.excess == 0 and not quotas.has_room("OUTSIDE")


def test_alone_it_does_not():
    _, _, quotas = world(("INSIDE",), max_connections=1)
    enter(quotas, "INSIDE")
    assert not quotas.has_room("INSIDE") and not quotas.is_protected("INSIDE")


def test_a_listener_has_its_own_limit():
    _, _, quotas = world(**{"listener.name.inside.max.connections": 1, "max.connections": 3})
    enter(quotas, "INSIDE")
    assert not quotas.has_room("INSIDE")
    enter(quotas, "OUTSIDE")
    enter(quotas, "OUTSIDE")
    assert not quotas.has_room("OUTSIDE")
    quotas.configure(settings_of(max_connections=2))
    assert quotas.excess == 1 and quotas.has_room("INSIDE")


@pytest.mark.parametrize("key", ["max.connection.creation.rate", "listener.name.outside.max.connection.creation.rate"])
def test_who_comes_too_fast_waits(key):
    clock, _, quotas = world(quota_window_num=2, **{key: 3})
    assert [quotas.delay("OUTSIDE") for _ in range(4)] == [0, 0, 0, 333]
    assert [quotas.delay("INSIDE") for _ in range(3)] == [0] * 3, "the listener between brokers is not counted with the broker's"
    assert [quotas.delay("OUTSIDE") for _ in range(8)][-1] == 1000, "never longer than a window"
    clock.advance(3000)
    assert quotas.delay("OUTSIDE") == 0


def test_who_is_closed_for_its_address_has_not_come():
    clock, client_quotas, quotas = world(quota_window_num=2, max_connection_creation_rate=3)
    put(client_quotas, {"ip": None}, connection_creation_rate=1.0)
    for expected in (0, 1000, 1000, 1000, 1000):
        assert quotas.delay("OUTSIDE") == 0
        assert quotas.enter("OUTSIDE", "10.0.0.2") == expected
    assert quotas.count == 1


def test_a_rate_of_none_at_all_is_the_longest_delay():
    _, _, quotas = world(max_connection_creation_rate=0)
    assert quotas.delay("OUTSIDE") == 1000
