"""What is denied stands in the log: who, what, on what; not what is merely not shown, and not without a bound."""

import logging

import pytest

from tests.api.conftest import GUARDED, USERS
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire.apis.groups import ListGroups
from wire.apis.metadata import Metadata


@pytest.fixture
def server():
    with serving(**GUARDED) as server:
        yield server


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.INFO, "emulator.runtime.denials")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "emulator.runtime.denials"]


def ask(client, *topics):
    asked = None if not topics else [Metadata.Request.Topics(name=name) for name in topics]
    return client.call(Metadata, 9, topics=asked, allow_auto_topic_creation=False)


def test_a_denial_is_told_once_in_a_while(server, told):
    with WireClient(server.bootstrap) as client:
        client.log_in("alice", USERS["alice"])
        for _ in range(3):
            ask(client, "orders")
        ask(client, "forged\nline")
    assert told() == [
        "denied: 'User:alice' at 127.0.0.1 may not describe the topic 'orders'",
        r"denied: 'User:alice' at 127.0.0.1 may not describe the topic 'forged\nline'",
    ]


def test_what_is_not_shown_is_not_denied(server, told):
    with WireClient(server.bootstrap) as client:
        client.log_in("alice", USERS["alice"])
        ask(client)
        client.call(ListGroups, 4, states_filter=[])
    with WireClient(server.bootstrap) as client:
        client.log_in("admin", USERS["admin"])
        ask(client, "orders")
    assert told() == []


def test_of_many_only_some_are_told(server, told):
    with WireClient(server.bootstrap) as client:
        client.log_in("alice", USERS["alice"])
        ask(client, *(f"{number}-{'long' * 1000}" for number in range(200)))
    lines = told()
    assert len(lines) == 101 and lines[-1] == "more is denied; at most 100 lines in 10 s say what"
    assert max(map(len, lines)) < 400
