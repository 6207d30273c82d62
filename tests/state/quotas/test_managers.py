"""Who falls under which quota, and who shares one."""

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs import parse_broker_settings
from emulator.state.metadata import Metadata
from emulator.state.quotas import ClientQuotas, Quotas
from emulator.state.quotas.entities import entity_of
from emulator.state.quotas.managers import DEFAULT, Manager
from emulator.state.quotas.rates import Rate

# Strongest first.
PRECEDENCE = [
    ("u", "c"), ("u", DEFAULT), ("u", None), (DEFAULT, "c"), (DEFAULT, DEFAULT), (DEFAULT, None), (None, "c"), (None, DEFAULT),
]  # fmt: skip


def manager():
    return Manager(lambda limit: Rate(11, 1000, limit))


@pytest.mark.parametrize("strongest", range(len(PRECEDENCE)))
def test_the_most_specific_quota_holds(strongest):
    one = manager()
    for number, key in enumerate(PRECEDENCE[strongest:], strongest):
        one.set(*key, 100 + number)
    assert one.sensor("u", "c", 0).limit == 100 + strongest


def test_without_a_quota_there_is_no_limit():
    one = manager()
    assert not one.enabled
    one.set("somebody", None, 5)
    assert one.enabled
    assert one.sensor("u", "c", 0).limit == float(2**63 - 1)


def test_all_clients_of_a_user_share_what_is_the_users():
    one = manager()
    one.set("u", None, 1000)
    assert one.sensor("u", "a", 0) is one.sensor("u", "b", 0)
    assert one.sensor("u", "a", 0) is not one.sensor("v", "a", 0)
    one.set("u", "a", 10)
    assert one.sensor("u", "a", 0) is not one.sensor("u", "b", 0)


def test_what_was_used_stays_used_when_the_limit_changes():
    one = manager()
    one.set(None, "c", 1000)
    assert one.sensor("u", "c", 0).throttle(10_000, 0) == 0
    one.set(None, "c", 500)
    assert one.sensor("u", "c", 0).throttle(0, 0) == 10_000
    one.set(None, "c", None)
    assert one.sensor("u", "c", 0).throttle(0, 0) == 0


def test_any_number_of_client_ids_takes_bounded_room():
    one = manager()
    one.set(None, DEFAULT, 1000)
    for number in range(20_000):
        one.sensor("u", f"c{number}", number * 100).throttle(1, number * 100)
    assert len(one._by_tags) < 3000


def world(metadata=None, **settings):
    clock = VirtualClock(0)
    client_quotas = ClientQuotas(metadata or Metadata(), {"localhost": "127.0.0.1", "10.0.0.1": "10.0.0.1"}.get)
    mapping = {name.replace("_", "."): value for name, value in settings.items()}
    return clock, client_quotas, Quotas(client_quotas, parse_broker_settings(mapping), clock)


def put(client_quotas, entity, **values):
    assert client_quotas.alter([(entity_of(entity.items()), list(values.items()))])[0][1] is None


def test_quotas_are_on_while_one_is_set():
    _, client_quotas, quotas = world()
    heard = []
    quotas.on_change.append(lambda: heard.append(quotas.enabled))
    put(client_quotas, {"user": None}, producer_byte_rate=5.0)
    put(client_quotas, {"user": None}, request_percentage=5.0)
    put(client_quotas, {"user": None}, producer_byte_rate=None)
    put(client_quotas, {"user": None}, request_percentage=None)
    assert heard == [True, True, True, False]
    put(client_quotas, {"ip": None}, connection_creation_rate=5.0)
    assert not quotas.enabled  # requests are not concerned


def test_they_are_there_after_a_restart():
    metadata = Metadata()
    _, client_quotas, _ = world(metadata)
    put(client_quotas, {"user": "u", "client-id": None}, consumer_byte_rate=7.0)
    put(client_quotas, {"ip": "localhost"}, connection_creation_rate=1.0)
    put(client_quotas, {"user": "gone"}, consumer_byte_rate=7.0)
    put(client_quotas, {"user": "gone"}, consumer_byte_rate=None)
    again = Metadata()
    again.load(metadata.entries())
    _, restored, quotas = world(again)
    assert restored.values == client_quotas.values
    assert quotas.fetch.sensor("u", "any", 0).limit == 7.0
    assert [quotas.connect("127.0.0.1") for _ in range(11)] == [0] * 10 + [1000]


def test_connections_by_address():
    clock, client_quotas, quotas = world(quota_window_num=2)
    assert quotas.connect("10.0.0.1") == 0
    put(client_quotas, {"ip": None}, connection_creation_rate=1.0)
    put(client_quotas, {"ip": "10.0.0.1"}, connection_creation_rate=3.0)
    assert [quotas.connect("10.0.0.1") for _ in range(4)] == [0, 0, 0, 333]
    assert [quotas.connect("10.0.0.2") for _ in range(3)] == [0, 1000, 1000]
    clock.advance(2000)
    assert quotas.connect("10.0.0.2") == 0
    put(client_quotas, {"ip": "10.0.0.1"}, connection_creation_rate=None)
    assert [quotas.connect("10.0.0.1") for _ in range(2)] == [0, 1000]


def test_a_bucket_is_as_large_as_the_controllers_windows():
    clock, client_quotas, quotas = world(controller_quota_window_num=2, controller_quota_window_size_seconds=5)
    put(client_quotas, {"user": None}, controller_mutation_rate=1.0)
    bucket = quotas.mutation.sensor("u", "c", 0)
    bucket.record(11, clock.now())
    assert bucket.missing(clock.now()) == 1000
