"""At the limits of connections: who waits, who goes, and what is left when the process has no descriptors any more."""

import os
import socket
import time

import pytest

from emulator.runtime import listener
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire.apis.metadata import ApiVersions

PATIENCE_S = 20


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_for_a_connection_between_brokers_the_most_silent_one_of_a_client_goes():
    two = {"listeners": "OUTSIDE://127.0.0.1:0,INSIDE://127.0.0.1:0", "listener_security_protocol_map": "INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT"}
    with serving(**two, inter_broker_listener_name="INSIDE", max_connections=3) as server:
        inside = f"127.0.0.1:{server.bound[1][2]}"
        clients = [WireClient(server.bootstrap) for _ in range(3)]
        for client in (clients[1], clients[2], clients[0]):
            client.call(ApiVersions, 0)
            time.sleep(0.01)
        with WireClient(inside) as broker, WireClient(inside) as other:
            broker.call(ApiVersions, 0)
            other.call(ApiVersions, 0)
            for client in clients[1:]:
                with pytest.raises(ConnectionError):
                    client.receive_frame()
            clients[0].call(ApiVersions, 0)
        for client in clients:
            client.socket.close()


def test_who_waits_and_leaves_takes_nobodys_place():
    with serving(max_connections=1) as server, WireClient(server.bootstrap) as first:
        first.call(ApiVersions, 0)
        for _ in range(3):
            WireClient(server.bootstrap).socket.close()
        with WireClient(server.bootstrap) as last:
            request = last.send(ApiVersions, 0)
            first.socket.close()
            assert last.receive(ApiVersions, 0, request).api_keys
            until(lambda: len(server.connections) == 1)


def test_a_broker_that_stops_lets_go_who_waits():
    with serving(max_connections=1) as server:
        first, waiting = WireClient(server.bootstrap), WireClient(server.bootstrap)
        first.call(ApiVersions, 0)
        waiting.send(ApiVersions, 0)
    with pytest.raises(ConnectionError):
        waiting.receive_frame()
    for client in (first, waiting):
        client.socket.close()


def test_without_descriptors_who_comes_is_closed_and_others_are_served(monkeypatch):
    last = max(map(int, os.listdir("/proc/self/fd")))
    open_by_now = [socket.socket()]
    while open_by_now[-1].fileno() < last:  # earlier tests have left gaps
        open_by_now.append(socket.socket())
    highest = open_by_now[-1].fileno() + 60  # what still runs of earlier tests may want some
    monkeypatch.setattr(listener, "most_descriptors", lambda: highest + listener._RESERVE)
    with serving() as server, WireClient(server.bootstrap) as client:
        client.call(ApiVersions, 0)
        crowd = [socket.create_connection(client.socket.getpeername(), PATIENCE_S) for _ in range(50)]
        assert crowd[-1].recv(1) == b""
        client.call(ApiVersions, 0)
        for one in crowd:
            one.close()
        until(lambda: serves(server))  # once what the crowd had has been given back
    for one in open_by_now:
        one.close()


def serves(server):
    try:
        with WireClient(server.bootstrap) as client:
            return client.call(ApiVersions, 0)
    except ConnectionError:
        return False


def test_a_failing_accept_is_tried_again_in_a_while(monkeypatch):
    """EMFILE: the client stays in the queue, and nothing spins."""
    with serving() as server, WireClient(server.bootstrap) as client:
        client.call(ApiVersions, 0)
        door = server.brokers[1]._listeners[0]
        real, failed = door.socket, []

        class Failing:
            def accept(self):
                if len(failed) < 3:
                    failed.append(time.monotonic())
                    raise OSError(24, "Too many open files")
                return real.accept()

            def __getattr__(self, name):
                return getattr(real, name)

        door.socket = Failing()
        with WireClient(server.bootstrap) as later:
            later.call(ApiVersions, 0)
        door.socket = real
        assert len(failed) == 3 and failed[2] - failed[0] >= 2 * listener._AFTER_FAILURE_S
