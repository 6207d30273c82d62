"""What a server logs: lines for readers, or a JSON object a line."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.apps.json_logs import JsonFormatter
from emulator.apps.logs import AsLog, _Text


ROOT = Path(__file__).resolve().parents[2]


def entries(err):
    return [json.loads(line) for line in err.splitlines()]


def test_json_throughout(serve, home):
    folder = home / f"kafka-emulator-{os.geteuid()}"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)  # the control socket will not be in it, of which it warns
    server = serve("--log-format", "json", "--topic", "t")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(bytes([127, 255, 255, 255]) + b'"hello"\n')
        assert client.recv(100) == b""
    server.send_signal(signal.SIGTERM)
    status, _, err = server.end()
    assert status == 0 and [one["level"] for one in entries(err) if "no control socket" in one["message"]] == ["warning"]
    [refused] = [one for one in entries(err) if "Invalid receive" in one["message"]]
    assert refused["level"] == "info" and refused["logger"] == "emulator.runtime.connection" and refused["template"] == "%s:%s closed: %s"
    assert refused["timestamp"].endswith("Z") and "T" in refused["timestamp"]


def test_readers_have_lines(serve):
    server = serve()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(bytes([127, 255, 255, 255]))
        assert client.recv(100) == b""
    server.send_signal(signal.SIGTERM)
    _, _, err = server.end()
    [line] = [line for line in err.splitlines() if "Invalid receive" in line]
    assert " INFO emulator.runtime.connection: 127.0.0.1:" in line


def record(name="a.b", level=logging.INFO, msg="took %s of %r", args=(1, "x\ny"), exc_info=None):
    return logging.LogRecord(name, level, __file__, 1, msg, args, exc_info)


def test_a_failure_is_on_one_line_too():
    try:
        raise ValueError("two\nlines")
    except ValueError:
        line = JsonFormatter().format(record(level=logging.ERROR, exc_info=sys.exc_info()))
    told = json.loads(line)
    assert "\n" not in line and told["message"] == "took 1 of 'x\\ny'" and told["template"] == "took %s of %r"
    assert (told["level"], told["error"]) == ("error", "ValueError") and "two\nlines" in told["traceback"]


def test_a_greenlet_that_fails_is_one_object():
    program = "import gevent\nfrom emulator.apps.logs import set_up\nset_up('info', 'json')\ngevent.spawn(lambda: 1 / 0).join()"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    [told] = entries(done.stderr)
    assert told["error"] == "ZeroDivisionError" and "1 / 0" not in told["message"] and "<lambda>" in told["traceback"]


@pytest.mark.parametrize("logger", ["a.b", "kafka-emulator"])
def test_no_name_of_a_client_begins_a_line(logger):
    line = _Text("%(name)s: %(message)s").format(record(logger, msg="group %s", args=("g\n\x1b[2J\u2028INFO a.b: hé",)))
    assert line.endswith(r"group g\n\x1b[2J\u2028INFO a.b: hé") and len(line.splitlines()) == 1


def test_a_traceback_stays_lines():
    try:
        raise ValueError("x")
    except ValueError:
        line = _Text("%(message)s").format(record(level=logging.ERROR, exc_info=sys.exc_info()))
    assert line.splitlines()[:2] == [r"took 1 of 'x\ny'", "Traceback (most recent call last):"]


def test_warnings_of_the_program_itself():
    told = record("kafka-emulator", logging.WARNING, "%s", ("mind the gap",))
    assert _Text("%(name)s %(message)s").format(told) == "kafka-emulator: warning: mind the gap"
    assert _Text("%(name)s %(message)s").format(record()) == "a.b took 1 of 'x\\ny'"
    assert {"message": "mind the gap", "level": "warning"}.items() <= json.loads(JsonFormatter().format(told)).items()


def test_what_is_written_to_a_stream_is_logged_by_lines(caplog):
    caplog.set_level(logging.INFO)
    stream = AsLog()
    stream.write("one\ntw")
    stream.write("o\n\n")
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [("INFO", "one"), ("INFO", "two")]


@pytest.mark.parametrize("command", [(), ("zookeeper", "zoo.cfg"), ("proxy", "--upstream", "127.0.0.1:1")])
def test_other_formats_are_refused(run, command):
    refused = run(*command, "--log-format", "xml")
    assert refused.returncode == 2 and "--log-format" in refused.stderr and refused.stderr.count("\n") == 1
