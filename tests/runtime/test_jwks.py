"""Keys from a file that changes, and from a URL where sometimes nobody answers."""

import json
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from gevent import sleep
from jwt.algorithms import ECAlgorithm

from emulator.runtime import jwks
from emulator.runtime.clock import monotonic_clock
from emulator.state.clock import VirtualClock
from emulator.state.sasl.bearer import KeysUnavailable


def key_set(*names):
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return json.dumps({"keys": [{**json.loads(ECAlgorithm.to_jwk(public)), "kid": name} for name in names]}).encode()


def names(keys):
    return [parameters["kid"] for parameters, _ in keys.current()._keys]


def opened(path):
    return jwks.Jwks(None).open(f"file://{path}", 0, 0, 0)


# -- a file ----------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a key set.json"
    path.write_bytes(key_set("one"))
    return path


def replace(path, content):
    made = path.with_suffix(".new")
    made.write_bytes(content)
    os.replace(made, path)


def test_a_file_is_read_again_when_it_changes(path):
    keys = opened(str(path).replace(" ", "%20"))
    first = keys.current()
    assert names(keys) == ["one"] and keys.current() is first
    replace(path, key_set("two", "three"))
    assert names(keys) == ["two", "three"]


@pytest.mark.parametrize("content, why", [(None, "No such file"), (b"{", "malformed JSON"), (b" " * 600_000, "larger than"), (b"[]", "keys member")])
def test_while_it_cannot_be_read_there_are_no_keys(path, content, why):
    keys = opened(path)
    if content is None:
        path.unlink()
    else:
        replace(path, content)
    for _ in range(2):
        with pytest.raises(KeysUnavailable, match=why):
            keys.current()
    replace(path, key_set("back"))
    assert names(keys) == ["back"]


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(KeysUnavailable, match="it is no file"):
            opened(path)
    with pytest.raises(KeysUnavailable, match="another machine"):
        opened("elsewhere/keys.json")


# -- a URL -----------------------------------------------------------------------------------------


class Issuer:
    """An HTTP server whose answers are set; `asked` counts requests."""

    def __init__(self):
        self.answer, self.status, self.pause_s, self.asked = key_set("one"), 200, 0, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                time.sleep(outer.pause_s)
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.answer)))
                self.end_headers()
                self.wfile.write(outer.answer)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.server.shutdown()
    issuer.server.server_close()


@pytest.fixture
def patience():
    return VirtualClock(0)


def url_keys(issuer, patience, refresh_ms=1000, backoff_ms=100, backoff_max_ms=1000):
    return jwks.Jwks(patience).open(issuer.url, refresh_ms, backoff_ms, backoff_max_ms)


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        sleep(0.001)


def test_a_url_is_asked_again_in_a_while(issuer, patience):
    keys = url_keys(issuer, patience)
    assert names(keys) == ["one"] and issuer.asked == 1
    issuer.answer = key_set("two")
    patience.advance(999)
    assert names(keys) == ["one"]
    patience.advance(1)
    until(lambda: names(keys) == ["two"])
    issuer.answer = key_set("three")
    patience.advance(1000)
    until(lambda: names(keys) == ["three"])


@pytest.mark.parametrize("status, answer", [(500, b""), (404, b"no"), (200, b"{"), (200, b" " * 600_000), (200, b"")])
def test_what_was_known_stays_known_while_nobody_answers_well(issuer, patience, status, answer):
    keys = url_keys(issuer, patience)
    good = issuer.answer
    issuer.status, issuer.answer = status, answer
    patience.advance(1000)
    until(lambda: issuer.asked == 2 and not keys._asking)
    assert names(keys) == ["one"]
    issuer.status, issuer.answer = 200, good.replace(b"one", b"two")
    patience.advance(99)
    assert issuer.asked == 2
    patience.advance(1)  # and not only after another refresh.ms
    until(lambda: names(keys) == ["two"])


def test_pauses_double_and_end(issuer, patience):
    keys = url_keys(issuer, patience, refresh_ms=100_000)
    issuer.status = 500
    patience.advance(100_000)
    pauses = []
    for attempt in range(2, 7):
        until(lambda: issuer.asked == attempt and not keys._asking)
        due = patience.next_deadline()
        if due > patience.now() + 50_000:
            break
        pauses.append(due - patience.now())
        patience.advance(pauses[-1])
    assert pauses == [100, 200, 400, 300] and issuer.asked == 6


def test_a_key_that_is_missing_is_looked_for_once_in_a_while(issuer, patience):
    keys = url_keys(issuer, patience, refresh_ms=10**9)
    issuer.answer = key_set("one", "two")
    keys.missing("two")
    until(lambda: names(keys) == ["one", "two"])
    for name in ("two", "two", None, 7, "x" * 1001):
        keys.missing(name)
    assert issuer.asked == 2 and not keys._asking
    patience.advance(60_000)
    keys.missing("two")
    until(lambda: issuer.asked == 3 and not keys._asking)
    for number in range(100):
        keys.missing(f"made up {number}")
    assert len(keys._missing) == 16
    until(lambda: not keys._asking)
    assert issuer.asked == 4  # one at a time


def test_without_keys_to_begin_with_there_is_nothing(issuer, patience):
    issuer.status = 503
    with pytest.raises(KeysUnavailable, match="Service Unavailable"):
        url_keys(issuer, patience)
    issuer.server.shutdown()
    issuer.server.server_close()
    with pytest.raises(KeysUnavailable, match="refused"):
        url_keys(issuer, patience)


def test_who_does_not_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(jwks, "_DEADLINE_MS", 50)
    silent = socket.create_server(("127.0.0.1", 0))
    with pytest.raises(KeysUnavailable, match="no answer in time|timed out"):
        jwks.Jwks(monotonic_clock()).open(f"http://127.0.0.1:{silent.getsockname()[1]}/", 1000, 0, 0)
    silent.close()


def test_what_is_no_http_is_no_answer(monkeypatch):
    talker = socket.create_server(("127.0.0.1", 0))

    def talk():
        connection, _ = talker.accept()
        connection.recv(1000)
        connection.sendall(b"SSH-2.0-x\r\n" * 10)
        connection.close()

    threading.Thread(target=talk, daemon=True).start()
    with pytest.raises(KeysUnavailable):
        jwks.Jwks(monotonic_clock()).open(f"http://127.0.0.1:{talker.getsockname()[1]}/", 1000, 0, 0)
    talker.close()
