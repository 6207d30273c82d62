"""The command from outside: what it prints, where, and how it ends."""

import signal
import socket
import subprocess

import pytest

from emulator import __version__
from emulator.apps.cli import main


@pytest.fixture
def refused(capsys, monkeypatch, home):
    """refused("--listen", "x") -> the one line of a command that starts nothing, run in this process: that is quicker."""
    monkeypatch.setenv("TMPDIR", str(home))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.chdir(home)

    def refused(*arguments):
        status = main(list(arguments))
        return one_line_error(subprocess.CompletedProcess(arguments, status, *capsys.readouterr()))

    return refused


def one_line_error(finished):
    """The text of the one line on stderr of a command refused with status 2."""
    assert finished.returncode == 2, finished
    assert finished.stdout == ""
    assert finished.stderr.startswith("kafka-emulator: error: ") and finished.stderr.endswith("\n")
    assert finished.stderr.count("\n") == 1, finished.stderr
    return finished.stderr.removeprefix("kafka-emulator: error: ").rstrip("\n")


def test_help_names_every_option_and_command(run):
    text = run("--help").stdout
    for word in ("--config", "--listen", "--topic", "--data-dir", "--log-level", "--control", "--version",
                 "status", "topics", "stop", "examples:", "bootstrap.servers="):
        assert word in text
    assert run("serve", "--help").stdout == text
    assert "--bootstrap" in run("stop", "--help").stdout


def test_version(run):
    assert run("--version").stdout == f"kafka-emulator {__version__}\n"


@pytest.mark.parametrize("arguments, words", [
    (["frobnicate"], ["frobnicate", "serve, status, topics, brokers, broker, clock, cleaner, retention, stop"]),
    (["--frobnicate"], ["--frobnicate"]),
    (["serve", "status"], ["status"]),
    (["--log-level", "loud"], ["--log-level", "loud"]),
    (["--listen", "9092"], ["--listen 9092", "HOST:PORT"]),
    (["--listen", "localhost:"], ["--listen localhost:"]),
    (["--listen", "localhost:65536"], ["65536"]),
    (["--listen", "::1:9092"], ["[::1]:9092"]),
    (["--data-dir", "/dev/null/data"], ["/dev/null/data", "Not a directory"]),
    (["--topic", "a:0"], ["--topic a:0"]),
    (["--topic", "a:many"], ["--topic a:many"]),
    (["--topic", "a", "--topic", "a:2"], ["twice"]),
    (["--config", "absent.yaml"], ["absent.yaml", "No such file"]),
    (["--config", "."], ["directory"]),
    (["status"], ["no server of this user runs"]),
    (["stop", "--control", "absent.sock"], ["absent.sock"]),
    (["stop", "--bootstrap", "x"], ["--bootstrap x", "HOST:PORT"]),
])
def test_what_cannot_work_is_one_line_and_status_2(refused, arguments, words):
    error = refused(*arguments)
    for word in words:
        assert word in error


@pytest.mark.parametrize("arguments, words", [
    (["--listen", "no.such.host.invalid:0"], ["cannot listen on no.such.host.invalid:0: "]),
    (["--listen", "192.0.2.1:0"], ["cannot listen on 192.0.2.1:0: Cannot assign requested address"]),
    (["--listen", "127.0.0.1:0", "--topic", "not/legal"], ["--topic not/legal: ", "legal"]),
    (["--config", "absent.yaml"], ["--config absent.yaml: No such file"]),
])
def test_a_start_that_fails_is_one_line_and_status_2(run, arguments, words):
    error = one_line_error(run(*arguments))
    for word in words:
        assert word in error


@pytest.mark.parametrize("text, words", [
    ("num.partitions: 3\nnum.partition: 3\n", ["line 2", "num.partition", "num.partitions"]),
    ("\nnum.partitions: three\n", ["line 2", "num.partitions", "three"]),
    ("auto.create.topics.enable: yes\n", ["line 1", "auto.create.topics.enable", "yes", "true or false"]),
    ("node.id: 1\n\nnode.id: 2\n", ["line 3", "node.id", "line 1"]),
    ("num:\n  partitions: 3\n", ["line 1", "num.partitions"]),
    ("num.partitions:\n", ["line 1", "num.partitions", "no value"]),
    ("listeners: localhost\n", ["line 1", "listeners", "localhost"]),
    ("listeners: [PLAINTEXT://127.0.0.1:1, PLAINTEXT://127.0.0.1:2]\n", ["line 1", "different name"]),
    ("listeners: PLAINTEXT://0.0.0.0:0\n", ["bad.yaml", "advertised.listeners", "0.0.0.0"]),
    ("num.partitions: [3\n", ["bad.yaml", "line 2", "not YAML"]),
    ("a: b: c\n", ["line 1, column 5", "not YAML"]),
    ("- num.partitions\n", ["line 1", "key: value"]),
    ("[" * 5000, ["bad.yaml"]),
    ("\x00", ["bad.yaml", "not YAML"]),
])
def test_a_bad_config_file_is_one_line_that_says_where(refused, home, text, words):
    (home / "bad.yaml").write_text(text)
    error = refused("--config", "bad.yaml")
    for word in words:
        assert word in error


def test_a_config_file_that_is_not_utf8(refused, home):
    (home / "bad.yaml").write_bytes(b"broker.rack: \xff\n")
    assert "not YAML" in refused("--config", "bad.yaml")


def test_a_port_in_use_is_named(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = one_line_error(run("--listen", f"127.0.0.1:{port}"))
    assert error == f"cannot listen on 127.0.0.1:{port}: Address already in use"


def test_a_free_port_is_printed_and_serves(serve):
    server = serve()
    host, _, port = server.bootstrap.partition(":")
    assert host == "127.0.0.1"
    socket.create_connection((host, int(port))).close()


def test_localhost_is_both_loopback_addresses(serve):
    server = serve(listen="localhost:0")
    assert server.bootstrap == f"localhost:{server.port}"
    for _, _, _, _, address in socket.getaddrinfo("localhost", server.port, type=socket.SOCK_STREAM):
        socket.create_connection(address[:2]).close()


def test_the_config_file_says_where_to_listen(serve, home):
    (home / "one.yaml").write_text("listeners:\n- PLAINTEXT://127.0.0.1:0\n- OTHER://127.0.0.1:0\n"
                                   "listener.security.protocol.map: PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT\n")
    server = serve("--config", "one.yaml", listen=None)
    assert server.bootstrap.startswith("127.0.0.1:")


def test_the_command_line_goes_before_the_file(serve, home):
    (home / "one.yaml").write_text("listeners: PLAINTEXT://192.0.2.1:9092\nadvertised.listeners: PLAINTEXT://other:1\n")
    assert serve("--config", "one.yaml").bootstrap.startswith("127.0.0.1:")


def test_why_a_connection_was_closed_is_logged(serve):
    server = serve()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"\x7f\xff\xff\xff")
        assert client.recv(1) == b""
    server.send_signal(signal.SIGTERM)
    _, _, err = server.end()
    assert "INFO" in err and "size = 2147483647" in err


def test_every_interface_is_warned_of(serve):
    server = serve(listen="0.0.0.0:0")
    assert server.bootstrap == f"localhost:{server.port}"
    server.send_signal(signal.SIGTERM)
    _, _, err = server.end()
    assert "warning" in err and f"0.0.0.0:{server.port}" in err and "asks nobody who he is" in err


def test_a_config_that_keeps_nobody_out_is_warned_of(serve, tmp_path):
    (tmp_path / "config.yaml").write_text("super.users: User:alice\nsasl.jaas.config: not.to.be.told required;\n")
    server = serve("--config", str(tmp_path / "config.yaml"))
    server.send_signal(signal.SIGTERM)
    _, _, err = server.end()
    assert "super.users is not heeded: there is no authorizer.class.name" in err and "sasl.jaas.config is not heeded" in err and "not.to.be" not in err


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_silence(serve, home, number, status):
    server = serve("--topic", "a")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        server.send_signal(number)
        assert server.end() == (status, "", "")
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            pass  # it had not been accepted yet
    assert list(home.glob("kafka-emulator-*/*")) == []
