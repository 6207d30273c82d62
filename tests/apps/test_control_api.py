"""The control API over a port: every path of its OpenAPI document, what is refused, and clients that mean no good."""

import http.client
import json
import socket
import time

import pytest

from emulator import Emulator
from emulator.apps.control.schema import check
from emulator.apps.errors import UsageError
from emulator.apps.settings import control_at
from tests.api.test_data import until
from tests.storage_client import Client
from wire.apis.metadata import FindCoordinator

CONFIG = {"control.listen": "127.0.0.1:0", "default.replication.factor": 2}


@pytest.fixture(scope="module")
def kafka():
    with Emulator(brokers=2, clock="virtual", config=CONFIG) as kafka:
        yield kafka


def ask(kafka, method, path, asked=None, **headers):
    """(status, headers, JSON or text)"""
    connection = http.client.HTTPConnection(kafka.control, timeout=20)
    if method != "GET" and "Content_Type" not in headers:
        headers["Content_Type"] = "application/json"
    connection.request(method, path, None if asked is None else json.dumps(asked), {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, response.headers, json.loads(data) if response.headers["Content-Type"] == "application/json" else data.decode()


# How each path of the document is asked here, in an order in which all succeed: (method, path) -> (what stands for the parameters, JSON or query).
CALLS = {
    ("POST", "/topics"): ({}, {"name": "orders", "partitions": 2, "configs": {"retention.ms": "1000"}}),
    ("POST", "/brokers/{broker}/kill"): ({"broker": 2}, {}),
    ("POST", "/brokers/{broker}/start"): ({"broker": 2}, {}),
    ("POST", "/brokers/{broker}/freeze"): ({"broker": 2}, {}),
    ("POST", "/brokers/{broker}/thaw"): ({"broker": 2}, {}),
    ("POST", "/brokers/{broker}/split"): ({"broker": 2}, {}),
    ("POST", "/brokers/{broker}/mend"): ({"broker": 2}, {}),
    ("POST", "/brokers/{broker}/slow"): ({"broker": 2}, {"delay_ms": 0}),
    ("POST", "/clock/advance"): ({}, {"by": "1d"}),
    ("POST", "/faults"): ({}, {"name": "slow", "api": "Heartbeat", "delay": "1ms"}),
    ("POST", "/snapshots"): ({}, {"name": "before"}),
    ("POST", "/snapshots/{name}/restore"): ({"name": "before"}, {}),
    ("POST", "/requests/keep"): ({}, {"most": 10}),
    ("POST", "/topics/{topic}/records"): ({"topic": "orders"}, {"records": [{"key": "k", "value": "v", "headers": [{"name": "h", "value": None}]}]}),
    ("POST", "/topics/{topic}/partitions/{partition}/leader"): ({"topic": "orders", "partition": 0}, {"broker": 2}),
    ("POST", "/topics/{topic}/partitions/{partition}/isr/shrink"): ({"topic": "orders", "partition": 0}, {"broker": 1}),
    ("POST", "/topics/{topic}/partitions"): ({"topic": "orders"}, {"count": 3}),
    ("POST", "/groups/{group}/offsets"): ({"group": "readers"}, {"topic": "read", "to": "earliest"}),
    ("POST", "/topics/{name}/configs"): ({"name": "orders"}, {"set": {"retention.ms": "5000"}, "remove": ["retention.bytes"]}),
    ("POST", "/brokers/{name}/configs"): ({"name": 1}, {"set": {"log.retention.ms": "5000"}}),
    ("POST", "/groups/{name}/configs"): ({"name": "readers"}, {"set": {"consumer.session.timeout.ms": "50000"}}),
}
LAST = {("DELETE", "/faults/{name}"): ({"name": "slow"}, {}), ("DELETE", "/snapshots/{name}"): ({"name": "before"}, {}), ("DELETE", "/topics/{topic}"): ({"topic": "orders"}, {}),
        ("DELETE", "/groups/{group}"): ({"group": "readers"}, {})}
REFUSED = {("POST", "/stop"): 409, ("GET", "/faults/{name}/hit"): 409}  # an Emulator is stopped by its program; nobody has sent a heartbeat
PARAMETERS = {"broker": 2, "topic": "orders", "group": "readers", "file": "main.js"}
NAMES = {"/topics": "orders", "/brokers": 2, "/groups": "readers", "/faults": "slow"}
STREAMS = {"/events"}


def commits(address):
    """Whether the broker there is the group's coordinator."""
    with Client(address) as client:
        client.call(FindCoordinator, 3, key="readers", key_type=0)
        return client.commit("readers", "read", 0) == 0


def test_every_path_does_what_the_document_says(kafka):
    _, _, document = ask(kafka, "GET", "/openapi.json")
    assert document["openapi"].startswith("3.")
    operations = {(method.upper(), path): operation for path, methods in document["paths"].items() for method, operation in methods.items()}
    assert len({one["operationId"] for one in operations.values()}) == len(operations)
    assert not CALLS.keys() - operations.keys() and not LAST.keys() - operations.keys()
    kafka.create_topic("read")
    until(lambda: any(commits(broker.address) for broker in kafka.brokers.values()))
    order = [*CALLS, *(one for one in operations if one not in CALLS and one not in LAST and one[1] not in STREAMS and one != ("DELETE", "/faults")), *LAST, ("DELETE", "/faults")]
    for method, path in order:
        parameters, asked = {**CALLS, **LAST}.get((method, path), ({**PARAMETERS, "name": NAMES.get(path[: path.index("/", 1)] if "/" in path[1:] else "")}, {}))
        operation = operations[method, path]
        status, _, answer = ask(kafka, method, path.format(**parameters), asked if method == "POST" else None)
        assert status == REFUSED.get((method, path), 200), (method, path, answer)
        schema = operation["responses"]["200"]["content"].get("application/json")
        if status == 200 and schema:
            check(f"{method} {path}", schema["schema"], answer)
        if "requestBody" in operation:
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            check(f"{method} {path}", body, asked)
            assert ask(kafka, method, path.format(**parameters), {**asked, "surprise": 1})[0] == 400


def test_the_document_is_one_that_generators_take(kafka):
    """What openapi-spec-validator had to say of an earlier one."""

    def walk(schema):
        if isinstance(schema, dict):
            if "default" in schema and schema["default"] is None and "type" in schema:
                assert "null" in schema["type"], schema
            for one in schema.values():
                walk(one)
        elif isinstance(schema, list):
            for one in schema:
                walk(one)

    _, _, document = ask(kafka, "GET", "/openapi.json")
    walk(document["paths"])
    for methods in document["paths"].values():
        for operation in methods.values():
            assert {"200", "400", "401", "403", "404", "405", "409", "413", "415", "503"} == set(operation["responses"])


@pytest.mark.parametrize("method, path, asked, status, why", [
    ("GET", "/nowhere", None, 404, "there are"),
    ("GET", "/topics/none", None, 404, "no topic none"),
    ("GET", "/topics/%ff", None, 400, "UTF-8"),
    ("GET", "/topics?x=1", None, 400, "no x is taken here"),
    ("DELETE", "/brokers", None, 405, "takes GET"),
    ("POST", "/brokers/9/kill", {}, 404, "no broker 9; there are 1, 2"),
    ("POST", "/brokers/x/kill", {}, 400, "broker x: expected a whole number"),
    ("POST", "/brokers/2/thaw", {}, 409, "only one that is frozen"),
    ("POST", "/clock/advance", {}, 400, "by is missing"),
    ("POST", "/clock/advance", {"by": 7}, 400, "by: expected a text"),
    ("POST", "/clock/advance", {"by": "7 moons"}, 400, "no duration"),
    ("POST", "/clock/advance?by=7d", {}, 400, "JSON object"),
    ("POST", "/faults", {"api": "Prodce", "drop": True}, 400, "did you mean Produce?"),
    ("POST", "/faults", {"eror": "UNKNOWN_SERVER_ERROR"}, 400, "did you mean error?"),
    ("POST", "/faults", {"api": "X" * 5_000_000, "drop": True}, 400, "a text of 5000000 characters, and there may be 1000"),
    ("POST", "/faults", {"topic": ["x"] * 1_000_000, "drop": True}, 400, "1000000 values, and there may be 100"),
    ("POST", "/faults", {"topic": {"name": "x"}, "drop": True}, 400, "expected a text, a number, true, or a list of such"),
    ("GET", "/faults/mine", None, 404, "no fault mine"),
    ("GET", "/faults/mine/hit?within_ms=99999999", None, 400, "expected 0 to 60000"),
    ("POST", "/topics", [], 400, "expected a JSON object"),
    ("POST", "/topics", {"name": "a b"}, 400, "topic a b"),
    ("POST", "/topics", {"name": "a", "partitions": -1}, 400, "expected 0 to 10000"),
    ("POST", "/topics", {"name": "a", "configs": {"retention.ms": 1}}, 400, "configs.retention.ms: expected a text"),
])  # fmt: skip
def test_what_cannot_be_is_refused(kafka, method, path, asked, status, why):
    answered, headers, answer = ask(kafka, method, path, asked)
    assert answered == status and why in answer["error"], answer
    assert ("Allow" in headers) == (status == 405)


@pytest.mark.parametrize("headers, status", [
    ({"Host": "evil.example"}, 403),  # whose name is 127.0.0.1 by now
    ({"Host": "127.0.0.1.evil.example"}, 403),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://127.0.0.1:1"}, 403),  # a page of another program of this machine
    ({"Sec_Fetch_Site": "cross-site"}, 403),
    ({"Sec_Fetch_Site": "same-site"}, 403),
    ({"Sec_Fetch_Site": "same-origin"}, 200),
    ({"Content_Type": "text/plain"}, 415),
    ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
    ({"Content_Type": ""}, 415),
    ({"Content_Type": "application/json; charset=utf-8"}, 200),
    ({"Host": "localhost:1234"}, 200),
])  # fmt: skip
def test_pages_from_elsewhere_are_not_heard(kafka, headers, status):
    assert ask(kafka, "POST", "/retention/run", {}, **headers)[0] == status


def test_our_own_page_is(kafka):
    assert ask(kafka, "POST", "/retention/run", {}, Origin=f"http://{kafka.control}")[0] == 200
    follows_a_link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert ask(kafka, "GET", "/status", **follows_a_link)[0] == 200
    assert ask(kafka, "POST", "/retention/run", {}, **follows_a_link)[0] == 403


def connect(kafka):
    host, _, port = kafka.control.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def test_too_much_is_refused(kafka):
    with connect(kafka) as client:
        client.sendall(b"POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n")
        assert b"413" in client.recv(1000).split(b"\r\n")[0]
    with connect(kafka) as client:
        client.sendall(b"POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(200):
                client.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        except OSError:
            pass
    assert ask(kafka, "GET", "/status")[0] == 200


def test_nobody_waits_for_clients_that_dawdle(kafka, capfd):
    dawdling = [connect(kafka) for _ in range(150)]
    for client in dawdling:
        client.sendall(b"POST /topics HTTP/1.1\r\nContent-Length: 10\r\n\r\n1")
    began = time.monotonic()
    for _ in range(3):
        assert ask(kafka, "GET", "/status")[0] == 200
    assert time.monotonic() - began < 8, "less than the time that they are given"
    for client in dawdling:
        client.close()
    assert ask(kafka, "GET", "/status")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_who_dawdles_is_given_up(kafka):
    """Its deadline is on the patience clock, which is moved here by hand."""
    with connect(kafka) as client:
        client.sendall(b"GET /sta")
        patience = kafka.server.patience

        def due():
            return [deadline for _, _, deadline in patience._heap if deadline.action and deadline.action.__name__ == "give_up"]

        until = time.monotonic() + 20
        while not (found := kafka.call(due)):
            assert time.monotonic() < until
        assert all(0 < one.at - patience.now() <= 10_000 for one in found)
        for one in found:
            kafka.call(one.action)
        answer = b""
        while more := client.recv(1000):
            answer += more
        assert b" 200 " not in answer


def test_a_place_is_said_once():
    assert control_at(["a/b.sock", "127.0.0.1:1"]) == ("a/b.sock", "127.0.0.1:1")
    with pytest.raises(UsageError, match="given already"):
        control_at(["127.0.0.1:2", "127.0.0.1:1"])


def test_a_port_that_is_taken_is_said(kafka):
    with pytest.raises(OSError, match=f"control.listen {kafka.control}: Address already in use"):
        Emulator(config={"control.listen": kafka.control}).start()


def test_the_command_asks_over_a_port(serve, run):
    server = serve("--control", "127.0.0.1:0", "--topic", "t")
    place = server.process.stdout.readline().strip().removeprefix("control=http://").rstrip("/")
    assert f"bootstrap={server.bootstrap}\n" in run("status", "--control", place).stdout
    assert f"bootstrap={server.bootstrap}\n" in run("status").stdout
    assert run("stop", "--control", place).returncode == 0
    status, told, warned = server.end()
    assert (status, told) == (0, "") and f"may do everything at http://{place}/: it takes no token" in warned
    refused = run("status", "--control", place)
    assert refused.returncode == 2 and f"no server answers at {place}" in refused.stderr


def test_a_fork_has_a_port_of_its_own():
    with Emulator(config=CONFIG | {"default.replication.factor": 1}) as kafka, kafka.fork() as other:
        assert ask(kafka, "GET", "/status")[2]["bootstrap"] == kafka.bootstrap != ask(other, "GET", "/status")[2]["bootstrap"] == other.bootstrap
