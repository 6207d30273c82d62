"""The control socket: where it is, who may use it, what it answers, and that nothing sent to it hurts the server."""

import json
import os
import signal
import socket
import stat

import pytest

from emulator import __version__


def the_socket(home):
    (path,) = home.glob("kafka-emulator-*/*.sock")
    return path


def say(path, data, half_close=True):
    """What comes back for raw bytes, until the server hangs up."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        try:
            client.sendall(data)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := client.recv(65536):
                answer += chunk
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer


def get(path, resource, method="GET"):
    """(HTTP status, the JSON)."""
    head, _, body = say(path, f"{method} {resource} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), half_close=False).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_only_its_user_may_come_near(serve, home):
    server = serve()
    path = the_socket(home)
    assert path.name == f"{server.port}-{server.process.pid}.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_runtime_folder_goes_before_the_temporary_one(serve, run, home):
    (home / "run").mkdir()
    serve(XDG_RUNTIME_DIR=str(home / "run"))
    (path,) = home.glob("run/kafka-emulator/*.sock")
    assert run("status", XDG_RUNTIME_DIR=str(home / "run")).returncode == 0


def test_status(serve, run):
    server = serve("--topic", "a:3", "--topic", "b")
    with socket.create_connection(("127.0.0.1", server.port)):
        lines = dict(line.split("=", 1) for line in run("status").stdout.splitlines())
    assert lines.pop("uptime_ms").isdigit()
    assert lines.pop("connections") in ("0", "1")  # it may not have been accepted yet
    assert int(lines.pop("memory_max_bytes")) > int(lines.pop("memory_bytes")) == 0
    assert lines == {"version": __version__, "pid": str(server.process.pid), "bootstrap": server.bootstrap,
                     "bound": server.bootstrap, "seed": server.seed, "brokers": "1", "topics": "2"}


def test_topics(serve, run):
    serve("--topic", "orders:2", "--topic", "audit")
    header, *rows = [line.split() for line in run("topics").stdout.splitlines()]
    assert header == ["TOPIC", "TOPIC-ID", "PARTITION", "START", "END"]
    assert [(row[0], *row[2:]) for row in rows] == [("audit", "0", "0", "0"), ("orders", "0", "0", "0"), ("orders", "1", "0", "0")]
    assert rows[1][1] == rows[2][1] != rows[0][1]
    assert all(len(row[1]) == 22 for row in rows)


def test_stop(serve, run, home):
    server = serve()
    finished = run("stop")
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    assert server.end() == (0, "", "")
    assert list(home.glob("kafka-emulator-*/*")) == []


def test_of_several_servers_one_must_be_chosen(serve, run, home):
    one, other = serve(), serve("--control", home / "own.sock", listen="localhost:0")
    assert f"bootstrap={one.bootstrap}\n" in run("status").stdout  # the other's place is its user's to know
    third = serve()
    refused = run("status")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    for word in (one.bootstrap, third.bootstrap, str(one.process.pid), "--bootstrap", "--control"):
        assert word in refused.stderr
    assert f"pid={third.process.pid}\n" in run("status", "--bootstrap", third.bootstrap).stdout
    assert f"pid={third.process.pid}\n" in run("status", "--bootstrap", f"localhost:{third.port}").stdout
    assert f"pid={other.process.pid}\n" in run("status", "--control", home / "own.sock").stdout
    assert stat.S_IMODE((home / "own.sock").stat().st_mode) == 0o600


def test_a_dead_servers_socket_is_swept_away(serve, run, home):
    dead = serve()
    dead.process.kill()
    dead.end()
    stale = the_socket(home)
    alive = serve()
    assert f"pid={alive.process.pid}\n" in run("status").stdout
    assert not stale.exists()


def test_a_dead_servers_place_is_taken_over(serve, run, home):
    path = home / "own.sock"
    dead = serve("--control", path)
    dead.process.kill()
    dead.end()
    assert path.exists()
    alive = serve("--control", path)
    assert f"pid={alive.process.pid}\n" in run("status", "--control", path).stdout


@pytest.mark.parametrize("case, word", [("live", "in use"), ("file", "no socket"), ("long", "too long"), ("absent", "No such file")])
def test_a_place_that_will_not_do_is_refused(serve, run, home, case, word):
    path = {"long": home / ("x" * 110), "absent": home / "absent" / "own.sock"}.get(case, home / "own.sock")
    if case == "file":
        path.write_text("precious")
    elif case == "live":
        serve("--control", path)
    refused = run("--listen", "127.0.0.1:0", "--control", path)
    assert refused.returncode == 2 and refused.stdout == ""
    assert refused.stderr.startswith(f"kafka-emulator: error: --control {path}: ") and word in refused.stderr
    assert refused.stderr.count("\n") == 1
    if case == "file":
        assert path.read_text() == "precious"
    elif case == "live":
        assert run("status", "--control", path).returncode == 0


def test_a_folder_that_others_may_enter_is_not_used(serve, home):
    folder = home / f"kafka-emulator-{os.geteuid()}"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    server = serve()
    assert list(folder.iterdir()) == []
    server.send_signal(signal.SIGTERM)
    status, _, err = server.end()
    assert status == 0 and "warning: no control socket" in err


def test_the_http_side(serve, home):
    serve()
    path = the_socket(home)
    assert get(path, "/status")[0] == 200
    status, answer = get(path, "/nowhere")
    assert status == 404 and "/status" in answer["error"]
    status, answer = get(path, "/stop")
    assert status == 405 and "POST" in answer["error"]


GARBAGE = [
    b"", b"\x00\x00\x00\x0c\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff", b"GET\r\n\r\n", b"GET /status HTTP/9.9\r\n\r\n",
    b"POST /stop HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /status HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n", b"\xff" * 1000, b"GET /%ff%fe HTTP/1.1\r\n\r\n",
]


def test_garbage_does_no_harm(serve, home):
    server = serve("--log-level", "warning")
    path = the_socket(home)
    for data in GARBAGE:
        say(path, data)
        assert get(path, "/status")[1]["pid"] == server.process.pid, data
    server.send_signal(signal.SIGTERM)
    assert server.end() == (0, "", "")
