"""Snapshots and the requests of clients, over the control API."""

import pytest

from emulator import Emulator
from tests.apps.test_control_api import ask
from tests.wire_client import WireClient
from wire.apis.groups import Heartbeat
from wire.apis.metadata import ApiVersions


@pytest.fixture
def kafka():
    with Emulator(clock="virtual", config={"control.listen": "127.0.0.1:0"}, topics=["t"], requests=5) as kafka:
        yield kafka


def told(kafka, method, path, asked=None, status=200):
    answered, _, answer = ask(kafka, method, path, asked)
    assert answered == status, answer
    return answer


def test_snapshots_by_name(kafka):
    kafka.produce("t", "kept")
    made = told(kafka, "POST", "/snapshots", {"name": "one"})
    assert (made["name"], made["topics"]) == ("one", 1)
    kafka.produce("t", "not kept")
    kafka.clock.advance(days=1)
    told(kafka, "POST", "/snapshots", {"name": "two"})
    assert [one["name"] for one in told(kafka, "GET", "/snapshots")["snapshots"]] == ["one", "two"]
    assert told(kafka, "POST", "/snapshots/one/restore", {}) == made
    assert [record.text for record in kafka.records("t")] == ["kept"]
    told(kafka, "POST", "/snapshots/two/restore", {})
    assert len(kafka.records("t")) == 2
    assert "there is a snapshot one already" in told(kafka, "POST", "/snapshots", {"name": "one"}, status=409)["error"]
    assert told(kafka, "POST", "/snapshots", {"name": "one", "replace": True})["now"] > made["now"]
    told(kafka, "DELETE", "/snapshots/two")
    assert "no snapshot two; there are: one" in told(kafka, "POST", "/snapshots/two/restore", {}, status=404)["error"]


def test_of_a_cluster_on_disk_there_are_none(tmp_path):
    with Emulator(config={"control.listen": "127.0.0.1:0"}, data_dir=tmp_path) as kafka:
        assert "in memory" in told(kafka, "POST", "/snapshots", {"name": "one"}, status=409)["error"]
        assert told(kafka, "GET", "/snapshots") == {"snapshots": []}


def test_what_clients_asked(kafka):
    with WireClient(kafka.bootstrap, client_id="app") as client:
        client.call(ApiVersions, 0)
        client.call(Heartbeat, 4, group_id="g", member_id="m", generation_id=1)
        answer = told(kafka, "GET", "/requests?client_id=app&last=1")
        [asked] = answer["requests"]
        assert answer["kept"] == 5 and asked["api"] == "Heartbeat" and asked["duration_ms"] >= 0
        assert asked["request"] == "group_id='g', generation_id=1, member_id='m'" and asked["response"] == f"!! {asked['errors'][0]}"
        assert told(kafka, "POST", "/requests/keep", {"most": 0}) == {"kept": 0}
        client.call(ApiVersions, 0)
        assert told(kafka, "GET", "/requests") == {"kept": 0, "requests": []}
        told(kafka, "POST", "/requests/keep", {"most": 2})
        for _ in range(3):
            client.call(ApiVersions, 0)
        assert [one["api"] for one in told(kafka, "GET", "/requests?api=ApiVersions")["requests"]] == ["ApiVersions"] * 2
        assert len(kafka.requests()) == 2
    assert "expected 0 to" in told(kafka, "POST", "/requests/keep", {"most": -1}, status=400)["error"]
