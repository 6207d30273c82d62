"""The token of a control port: who is asked for it, where it comes from, and where it never appears; metrics alone."""

import http.client
import json
import os
import socket
import stat
import time

import pytest

from emulator import Emulator
from emulator.apps.control.doors import Doors, take_doors
from emulator.apps.control.guard import Guard
from emulator.apps.control.places import PlaceError, listen
from emulator.apps.control.token import ENVIRONMENT, Token, draw, token_of
from emulator.apps.errors import UsageError
from tests.apps.test_control_api import ask, connect

SECRET = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text(SECRET + "\n")
    config = {"control.listen": "127.0.0.1:0", "control.token.file": str(file), "metrics.listen": "127.0.0.1:0", "control.hosts": "kafka.test"}
    with Emulator(config=config) as kafka:
        yield kafka


@pytest.mark.parametrize("authorization, status", [
    (None, 401),
    ("", 401),
    ("Bearer", 401),
    ("Bearer " + SECRET[:-1], 401),
    ("Bearer " + SECRET + "x", 401),
    ("Basic " + SECRET, 401),
    (SECRET, 401),
    ("Bearer \xff" + SECRET, 401),
    ("Bearer " + SECRET, 200),
    ("bearer  " + SECRET, 200),
])
def test_whoever_does_not_know_it_is_not_heard(kafka, authorization, status):
    headers = {} if authorization is None else {"Authorization": authorization}
    answered, told, answer = ask(kafka, "GET", "/topics", **headers)
    assert answered == status
    assert (told["WWW-Authenticate"] == 'Bearer realm="kafka-emulator"') == (status == 401)
    assert SECRET not in json.dumps(answer)


def test_it_is_asked_for_by_each_path_but_the_consoles_files(kafka):
    _, _, document = ask(kafka, "GET", "/openapi.json", Authorization=f"Bearer {SECRET}")
    assert document["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer", "description": document["components"]["securitySchemes"]["token"]["description"]}}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            status, headers, _ = ask(kafka, method.upper(), path.replace("{file}", "main.js").replace("{", "").replace("}", ""), {} if method == "post" else None)
            assert (status == 200) == (operation.get("security") == []) and status in (200, 401), (method, path)
    assert [path for path, methods in document["paths"].items() if methods.get("get", {}).get("security") == []] == ["/", "/console/{file}"]
    assert ask(kafka, "GET", "/nowhere")[0] == ask(kafka, "GET", "/%ff")[0] == ask(kafka, "POST", "/", {})[0] == 401


def test_a_page_from_elsewhere_is_not_heard_with_it_either(kafka):
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
        assert ask(kafka, "GET", "/topics", Authorization=f"Bearer {SECRET}", **headers)[0] == 403
    assert ask(kafka, "GET", "/topics", Authorization=f"Bearer {SECRET}", Host="Kafka.Test:80", Origin="http://kafka.test:80")[0] == 200
    assert ask(kafka, "POST", "/retention/run", {}, Authorization=f"Bearer {SECRET}", Content_Type="text/plain")[0] == 415


def test_streams_ask_for_it_too(kafka):
    assert ask(kafka, "GET", "/events")[0] == ask(kafka, "GET", "/events?format=sse")[0] == 401


def test_who_has_left_a_stream_makes_room_at_once():
    """There may be 64 of them; the next piece, at which it would be seen that nobody listens, may be 15 s away."""
    with Emulator(config={"control.listen": "127.0.0.1:0"}) as kafka:
        listening = [connect(kafka) for _ in range(64)]
        for client in listening:
            client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b" 200 " in client.recv(1000).split(b"\r\n")[0]
        assert not is_heard(kafka)
        for client in listening:
            client.close()
        deadline = time.monotonic() + 10
        while not is_heard(kafka):
            assert time.monotonic() < deadline


def is_heard(kafka):
    try:
        return ask(kafka, "GET", "/status")[0] == 200
    except ConnectionError:  # it was turned away before it had said all
        return False


def test_who_does_not_know_it_may_not_say_much(kafka):
    """Nothing large is read for somebody who may not ask."""
    with connect(kafka) as client:
        client.sendall(b"POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 70000\r\n\r\n")
        assert b" 413 " in client.recv(1000).split(b"\r\n")[0]
    assert ask(kafka, "POST", "/topics", {"name": "x" * 60_000})[0] == 401


def test_headers_have_a_bound(kafka):
    with connect(kafka) as client:
        client.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: %s\r\n" % (number, b"y" * 6000) for number in range(12)) + b"\r\n")
        assert b" 431 " in client.recv(1000).split(b"\r\n")[0]


def test_it_is_nowhere_to_be_seen(kafka, caplog):
    token = Token(SECRET)
    assert SECRET not in repr(token) and SECRET not in f"{token} {Doors(token=token)} {kafka._own}"
    assert kafka.control_token == SECRET
    ask(kafka, "GET", "/status", Authorization=f"Bearer {SECRET}")
    ask(kafka, "GET", "/nowhere", Authorization=f"Bearer {SECRET}")
    assert SECRET not in caplog.text


# Where it comes from ------------------------------------------------------------------------------


def test_it_is_drawn_for_a_port_that_others_may_reach(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    for place in ("0.0.0.0:0", ":8080", "192.0.2.1:8080", "[::]:1", "127.evil.example:1"):
        token = take_doors({}, listen=place).token
        assert token.is_drawn and len(token.text) >= 43
    for place in ("127.0.0.1:0", "localhost:8080", "[::1]:1"):
        assert take_doors({}, listen=place).is_open
    assert draw().text != draw().text


def test_it_is_taken_from_a_file_or_else_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text(SECRET + "\n")
    monkeypatch.setenv(ENVIRONMENT, "of-the-environment")
    assert token_of(str(file)).text == SECRET
    assert token_of(None).text == "of-the-environment"
    for bad in ("short", "has a blank in its midst", "has\nlines that are more", "", "\N{SNOWMAN}" * 20, "x" * 5000):
        file.write_text(bad)
        with pytest.raises(UsageError, match="expected 16 to 512") as refused:
            token_of(str(file))
        assert not bad or bad not in str(refused.value)
    with pytest.raises(UsageError, match="No such file"):
        token_of(str(tmp_path / "absent"))
    for values in ({"control.token.file": "x"}, {"control.hosts": "x"}):
        with pytest.raises(UsageError, match="there is no control.listen"):
            take_doors(values)


def test_the_command_tells_it(serve, run, home):
    server = serve("--control", "0.0.0.0:0", "--metrics", "127.0.0.1:0")
    place = server.process.stdout.readline().strip().removeprefix("control=http://").rstrip("/")
    metrics = server.process.stdout.readline().strip().removeprefix("metrics=http://").removesuffix("/metrics")
    token = server.process.stdout.readline().strip().removeprefix("control.token=")
    refused = run("status", "--control", place)
    assert refused.returncode == 2 and "this port takes a token" in refused.stderr
    assert run("status", "--control", place, **{ENVIRONMENT: token}).returncode == 0
    file = home / "token"
    file.write_text(token)
    assert run("status", "--control", place, "--token-file", file).returncode == 0
    assert run("status", "--control", metrics, "--token-file", file).returncode == 2
    assert run("status").returncode == 0, "the Unix socket asks for none"
    assert run("stop", "--control", place, "--token-file", file).returncode == 0
    status, _, warned = server.end()
    assert status == 0 and token not in warned and "reads the token" in warned


# Metrics alone ------------------------------------------------------------------------------------


def get(address, path, method="GET", **headers):
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    data = response.read().decode()
    connection.close()
    return response.status, data


def test_metrics_are_open_and_nothing_else(kafka):
    status, text = get(kafka.metrics, "/metrics")
    assert status == 200 and "# TYPE kafka_brokers gauge" in text
    assert get(kafka.metrics, "/health") == (200, '{"serving": true}\n')
    for path in ("/", "/status", "/topics", "/openapi.json", "/console/main.js", "/stop"):
        assert get(kafka.metrics, path)[0] == 404
    assert get(kafka.metrics, "/metrics", "POST", **{"Content-Type": "application/json"})[0] == 405
    assert get(kafka.metrics, "/metrics", Host="evil.example")[0] == 403


def test_a_fork_has_them_elsewhere(kafka):
    with kafka.fork() as other:
        assert {other.control, other.metrics}.isdisjoint({kafka.control, kafka.metrics})
        assert ask(other, "GET", "/topics")[0] == 401 and other.control_token == SECRET
        assert get(other.metrics, "/health")[0] == 200


# By which name ------------------------------------------------------------------------------------


@pytest.mark.parametrize("bound, host, called", [
    ((), "192.0.2.7:8080", True),
    ((), "[2001:db8::1]:8080", True),
    ((), "evil.example", False),
    ((), "1.2.3.4.evil.example", False),
    ((), "", False),
    (("192.0.2.7",), "192.0.2.7:8080", True),
    (("192.0.2.7",), "192.0.2.8:8080", False),
    (("2001:db8::1",), "[2001:DB8::1]", True),
    (("2001:db8::1",), "2001:db8::1", False),
    (("192.0.2.7",), "localhost:1", True),
    (("192.0.2.7",), "localhost.evil.example", False),
    (("192.0.2.7",), "localhost:1@evil.example", False),
    (("192.0.2.7",), "Kafka.Test", True),
    (("192.0.2.7",), "localhost, evil.example", False),
])
def test_by_which_names_it_may_be_called(bound, host, called):
    guard = Guard(None, bound, ("kafka.test",))
    assert (guard.refusal({"HTTP_HOST": host, "REQUEST_METHOD": "GET"}) is None) == called


# The Unix socket ----------------------------------------------------------------------------------


def test_a_socket_lies_where_nobody_else_can_put_theirs(home):
    path = str(home / "own.sock")
    with listen(path):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    os.chmod(home, 0o777)
    with pytest.raises(PlaceError, match="others may write"):
        listen(path)
    os.chmod(home, 0o1777)
    with listen(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_socket_is_left_alone(home):
    os.chmod(home, 0o1777)
    path = str(home / "own.sock")
    listen(path).close()
    os.chown(path, 12345, -1)
    with pytest.raises(PlaceError, match="another user's"):
        listen(path)
    os.chown(home, 12345, -1)
    with pytest.raises(PlaceError, match="its folder is another user's"):
        listen(path)
