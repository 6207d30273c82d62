"""How many connections there may be (ConnectionQuotas): what a client sees of each limit, changed while the broker runs.

KAFKA_BOOTSTRAP names a cluster that nobody else uses.
"""

import os
import socket
import time
from contextlib import ExitStack

import pytest

from tests.api.conftest import cluster
from tests.api.test_configs import BROKER, DELETE, SET, alter, describe
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire.apis.configs import IncrementalAlterConfigs
from wire.apis.metadata import ApiVersions

PER_IP, OVERRIDES, MOST, RATE = "max.connections.per.ip", "max.connections.per.ip.overrides", "max.connections", "max.connection.creation.rate"
OF_LISTENER = "listener.name.plaintext."


@pytest.fixture(scope="module")
def own():
    with cluster("KAFKA_BOOTSTRAP") as address:
        yield address


@pytest.fixture
def admin(own):
    with WireClient(own) as client:
        yield client
    deadline = time.monotonic() + 20
    while not _without_limits(own):  # those who have left may still be counted
        assert time.monotonic() < deadline
    settles(own)


def _without_limits(own):
    try:
        with WireClient(own) as client:
            return all(alter(client, BROKER, "1", (name, DELETE, None)) == ("NONE", None)
                       for name in (PER_IP, OVERRIDES, MOST, RATE, OF_LISTENER + MOST, OF_LISTENER + RATE))
    except ConnectionError:
        return False


def settles(own):
    """Returns once a broker without limits has taken them back."""
    deadline = time.monotonic() + 20
    while True:
        with ExitStack() as several:
            clients = [several.enter_context(WireClient(own, timeout=1)) for _ in range(8)]
            try:
                for client in clients:
                    client.call(ApiVersions, 0)
                return
            except OSError:
                assert time.monotonic() < deadline


def becomes(admin, name, text):
    assert alter(admin, BROKER, "1", (name, SET, text)) == ("NONE", None)
    deadline = time.monotonic() + 10
    while [one.value for one in describe(admin, BROKER, "1", [name]).configs] != [text]:
        assert time.monotonic() < deadline
    time.sleep(0.5 if os.environ.get("KAFKA_BOOTSTRAP") else 0)  # its acceptor learns of it by another way than DescribeConfigs


def is_served(client, within_s=5):
    """True, False when it is closed, None when it is not answered within that time."""
    client.socket.settimeout(within_s)
    try:
        client.call(ApiVersions, 0)
        return True
    except TimeoutError:
        return None
    except OSError:
        return False


def test_of_one_address_who_is_too_many_is_closed_at_once(own, admin):
    becomes(admin, PER_IP, "3")
    with WireClient(own) as second, WireClient(own) as third, WireClient(own) as fourth:
        assert [is_served(one) for one in (second, third, fourth)] == [True, True, False]
        third.socket.close()
        deadline = time.monotonic() + 10
        while True:
            with WireClient(own) as again:
                if is_served(again):
                    break
            assert time.monotonic() < deadline
        becomes(admin, PER_IP, "1")
        assert is_served(second), "who is there stays"
    becomes(admin, OVERRIDES, "localhost:2, 10.0.0.9:1")
    with ExitStack() as several:
        deadline = time.monotonic() + 10
        while not is_served(second := several.enter_context(WireClient(own))):  # the others have not gone yet
            assert time.monotonic() < deadline
        with WireClient(own) as third:
            assert is_served(third) is False


@pytest.mark.parametrize("prefix", ["", OF_LISTENER], ids=["broker", "listener"])
def test_of_all_who_is_too_many_waits_until_another_leaves(own, admin, prefix):
    becomes(admin, prefix + MOST, "2") if not prefix else alter(admin, BROKER, "1", (prefix + MOST, SET, "2"))
    time.sleep(0.5 if os.environ.get("KAFKA_BOOTSTRAP") else 0)
    with WireClient(own) as second:
        assert is_served(second)
        with WireClient(own) as third, WireClient(own) as fourth:
            assert [is_served(one, 0.3) for one in (third, fourth)] == [None, None]
            second.socket.close()
            third.socket.settimeout(10)
            assert third.receive(ApiVersions, 0, third._correlation_id).api_keys
            assert alter(admin, BROKER, "1", (prefix + MOST, SET, "3")) == ("NONE", None)
            fourth.socket.settimeout(10)
            assert fourth.receive(ApiVersions, 0, fourth._correlation_id).api_keys


def test_when_the_limit_sinks_the_most_silent_go(own, admin):
    with ExitStack() as several:
        clients = [several.enter_context(WireClient(own)) for _ in range(6)]
        for client in clients:
            assert is_served(client)
            time.sleep(0.01)  # so that nobody has been silent for as long as another
        if os.environ.get("KAFKA_BOOTSTRAP"):
            admin.send(IncrementalAlterConfigs, 1, resources=[_most("4")], validate_only=False)
            time.sleep(2)
            assert [is_served(one) for one in clients].count(True) <= 4  # each of its threads closes the most silent of its own
        else:
            becomes(admin, MOST, "4")
            assert [is_served(one) for one in clients] == [False, False, False, True, True, True]
            assert is_served(admin)


def _most(text):
    changed = IncrementalAlterConfigs.Request.Resources.Configs(name=MOST, config_operation=SET, value=text)
    return IncrementalAlterConfigs.Request.Resources(resource_type=BROKER, resource_name="1", configs=[changed])


@pytest.mark.parametrize("prefix", ["", OF_LISTENER], ids=["broker", "listener"])
def test_who_comes_too_fast_is_served_later(own, admin, prefix):
    assert alter(admin, BROKER, "1", (prefix + RATE, SET, "2")) == ("NONE", None)
    time.sleep(0.5 if os.environ.get("KAFKA_BOOTSTRAP") else 0)
    with ExitStack() as several:
        for _ in range(22):  # as many may come in the eleven seconds that are looked at; some have
            client = several.enter_context(WireClient(own))
            if is_served(client, 0.5) is None:
                break
        client.socket.settimeout(10)
        assert client.receive(ApiVersions, 0, client._correlation_id).api_keys, "a second later"


_PARSING, _DYNAMIC = f"Error parsing configuration property '{OVERRIDES}': begin 0, end -1, length 6", "for configuration Invalid dynamic configuration"


@pytest.mark.parametrize("name, text, why", [
    (MOST, "-1", "Invalid value -1 for configuration max.connections: Value must be at least 0"),
    (MOST, "0", f"Invalid value org.apache.kafka.common.config.ConfigException: Invalid max.connections 0 {_DYNAMIC}"),
    (RATE, "0", f"Invalid value org.apache.kafka.common.config.ConfigException: Invalid max.connection.creation.rate 0 {_DYNAMIC}"),
    (OF_LISTENER + MOST, "0", f"Invalid value org.apache.kafka.common.config.ConfigException: Invalid max.connections 0 {_DYNAMIC}"),
    (OF_LISTENER + RATE, "0", f"Invalid value org.apache.kafka.common.config.ConfigException: Invalid max.connection.creation.rate 0 {_DYNAMIC}"),
    (PER_IP, "0", f"requirement failed: {PER_IP} can be set to zero only if {OVERRIDES} property is set."),
    (OVERRIDES, "nobody", _PARSING),
    (OVERRIDES, "a b:1", f"{OVERRIDES} contains invalid addresses : a b"),
    (OVERRIDES, "host:many", 'For input string: "many"'),
    (OVERRIDES, "host:", 'For input string: ""'),
])
def test_what_cannot_be_is_refused(admin, name, text, why):
    assert alter(admin, BROKER, "1", (name, SET, text)) == ("INVALID_REQUEST", why)


@pytest.mark.parametrize("text", ["::1:5", ":5", "10.0.0.1:-1", "10.0.0.1:1,10.0.0.2 : 7"])
def test_what_may_be(admin, text):
    assert alter(admin, BROKER, "1", (OVERRIDES, SET, text)) == ("NONE", None)


def test_who_was_never_heard_is_closed_like_everybody(own):
    """Connected, and silent."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("its connections.max.idle.ms is ten minutes")
    with serving(connections_max_idle_ms=300) as server:
        host, _, port = server.bootstrap.rpartition(":")
        silent = [socket.create_connection((host, int(port)), 10) for _ in range(20)]
        for client in silent:
            assert client.recv(1) == b""
            client.close()
        assert not server.connections
