"""Clients that push metrics: how long they are known, how much of what they push is kept."""

from random import Random
from types import SimpleNamespace

import pytest

from emulator.state import telemetry as room
from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs, parse_broker_settings
from emulator.state.otlp import metric_names
from emulator.state.telemetry import Telemetry
from wire.errors import KafkaError


class Connection:
    def __init__(self):
        self.on_close = []


class World:
    def __init__(self):
        self.clock = VirtualClock()
        reporters = {"metric.reporters": "kafka.emulator.ClientTelemetryLog", "telemetry.max.bytes": 10_000_000}
        self.configs = Configs(parse_broker_settings(reporters))
        self.reported = []
        self.telemetry = Telemetry(self.configs, self.clock, self.clock, Random(1), self.reported.append)

    def call(self, client_id="c"):
        return SimpleNamespace(
            client_id=client_id, client_host="10.0.0.1", client_port=1234, software=("a", "1"), connection=Connection()
        )

    def push(self, call, metrics=b"m", terminating=False):
        client_instance_id, subscription_id, _, _ = self.telemetry.subscribe(bytes(16), call)
        self.telemetry.push(
            SimpleNamespace(
                client_instance_id=client_instance_id, subscription_id=subscription_id, terminating=terminating, compression_type=0, metrics=metrics
            ),
            call,
        )
        return client_instance_id


@pytest.fixture
def world():
    return World()


def known(world):
    return len(world.telemetry._instances)


def test_a_silent_client_is_forgotten_after_three_intervals(world):
    call = world.call()
    client_instance_id, *_ = world.telemetry.subscribe(bytes(16), call)
    world.clock.advance(3 * 300_000 - 1)
    assert known(world) == 1
    world.telemetry.subscribe(client_instance_id, call)
    world.clock.advance(3 * 300_000)
    assert known(world) == 0


def test_a_client_with_a_short_interval_is_known_for_a_minute(world):
    world.configs.client_metrics.set("s", {"interval.ms": "1000"})
    world.telemetry.subscribe(bytes(16), world.call())
    world.clock.advance(59_999)
    assert known(world) == 1
    world.clock.advance(1)
    assert known(world) == 0


def test_a_client_is_forgotten_with_its_connection(world):
    call = world.call()
    world.push(call)
    (closed,) = call.connection.on_close
    closed(call.connection)
    assert known(world) == 0
    assert world.clock.next_deadline() is None


def test_there_are_bounds_to_clients(world, monkeypatch):
    monkeypatch.setattr(room, "_MOST_CLIENTS", 3)
    ids = [world.telemetry.subscribe(bytes(16), world.call())[0] for _ in range(3)]
    with pytest.raises(KafkaError):
        world.telemetry.subscribe(ids[0], world.call())  # too soon, and yet it was used
    world.telemetry.subscribe(bytes(16), world.call())
    assert known(world) == 3
    assert ids[0] in world.telemetry._instances
    assert ids[1] not in world.telemetry._instances


def test_there_are_bounds_to_what_is_kept(world):
    for number in range(1100):
        world.push(world.call(f"c{number}"))
    assert [push.client_id for push in world.telemetry.pushes][:2] == ["c100", "c101"]
    for number in range(3):
        world.push(world.call(f"large{number}"), bytes(8 * 1024 * 1024))
    assert [push.client_id for push in world.telemetry.pushes] == ["large1", "large2"]
    assert world.telemetry._pushed_bytes == 16 * 1024 * 1024
    assert len(world.reported) == 1103


def test_subscriptions_are_there_after_a_restart(world):
    world.configs.client_metrics.set("s", {"metrics": "a,b", "interval.ms": "1000", "match": "client_id=c"})
    world.configs.client_metrics.set("gone", {"metrics": "z"})
    world.configs.client_metrics.set("gone", {})
    again = Configs(parse_broker_settings({}), world.configs.metadata)
    telemetry = Telemetry(again, world.clock, world.clock, Random(1), None)
    assert telemetry.subscribe(bytes(16), world.call())[2:] == (["a", "b"], 1000)
    assert telemetry.subscribe(bytes(16), world.call("d"))[2:] == ([], 300_000)


def field(number, payload):
    return bytes([number << 3 | 2, len(payload)]) + payload


def test_names_of_metrics():
    metric = [field(1, name) + field(2, b"text") + b"\x18\x96\x01" + b"\x21" + bytes(8) + b"\x2d" + bytes(4) for name in (b"a.b", b"c")]
    scope = field(1, b"scope") + field(2, metric[0]) + field(2, metric[1])
    data = field(1, field(1, b"resource") + field(2, scope)) + field(1, field(2, field(2, field(1, b"d"))))
    assert metric_names(data) == ["a.b", "c", "d"]
    assert metric_names(b"") == []


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05abc", b"\x0b", b"\xff" * 20, b"\x09\0\0", field(1, field(2, field(2, field(1, b"\xff"))))])
def test_what_is_no_otlp(data):
    with pytest.raises(ValueError):
        metric_names(data)
