"""Faults from config.yaml, at the command line, over the control socket and in Python; docs/faults.md is run."""

import http.client
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from emulator import Emulator
from emulator.apps.cli import main, serve_parser
from emulator.apps.errors import UsageError
from emulator.apps.serve import start
from emulator.apps.settings import make_settings
from emulator.pipeline.faults import WORDS
from tests.wire_client import WireClient
from wire.apis.groups import Heartbeat, JoinGroup
from wire.apis.metadata import Metadata

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


def fences(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_in_python(tmp_path):
    for client in ("kafka",):
        pytest.importorskip(client)
    text = "\n\n".join(fences("python"))
    (tmp_path / "test_page.py").write_text(text)
    arguments = ["-q", "-p", "emulator.apps.pytest_plugin", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and f"{text.count('def test_')} passed" in done.stdout, done.stdout + done.stderr


def test_the_page_names_every_word():
    assert not [word for word in WORDS if f"`{word}`" not in PAGE and word != "name"]


def test_the_page_at_the_command_line(serve, run, home):
    [yaml] = fences("yaml")
    (home / "config.yaml").write_text(yaml)
    server = serve("--config", "config.yaml", "--listen", "127.0.0.1:0")
    with WireClient(server.bootstrap) as client:
        [console] = fences("console")
        for line in re.findall(r"^\$ (.*)$", console, re.MULTILINE):
            command, *arguments = shlex.split(line)
            done = run(*arguments)
            assert command == "kafka-emulator" and done.returncode == 0 and not done.stderr, done.stderr
            if arguments[1] == "add":
                assert client.call(JoinGroup, 5, group_id="billing").error_code == 15
            if arguments[1] == "hit":
                assert "error=COORDINATOR_NOT_AVAILABLE" in done.stdout
            if arguments[1] == "list":
                rows = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
                assert [row[:3] for row in rows] == [["FAULT", "HITS", "CALLS"], ["fault-1", "0", "0"], ["slow-disk", "0", "0"], ["fault-3", "1", "1"]]
                assert rows[2][3] == "api=Produce delay=200ms jitter=100ms probability=0.1"
        assert done.stdout == "2 removed\n"


def test_the_page_over_the_control_api():
    [lines] = fences("http")
    with Emulator(config={"control.listen": "127.0.0.1:0"}) as kafka:
        answers = []
        for line in lines.splitlines():
            method, path, *body = line.split(" ", 2)
            connection = http.client.HTTPConnection(kafka.control, timeout=20)
            connection.request(method, path, *body, headers={"Content-Type": "application/json"})
            response = connection.getresponse()
            answers.append((response.status, json.loads(response.read())))
            connection.close()
            if method == "POST":
                assert answers[0][1]["fault"] == {"api": "Heartbeat", "error": "REBALANCE_IN_PROGRESS", "name": "rebalance"}
        assert [status for status, _ in answers] == [200] * 5
        assert answers[1][1]["faults"] == [answers[0][1]] == [answers[2][1]] and answers[-1][1] == {"removed": 0}


def test_a_test_in_any_language_asks_whether_a_fault_was_hit():
    with Emulator(config={"control.listen": "127.0.0.1:0"}) as kafka:
        kafka.fail("Heartbeat", error="REBALANCE_IN_PROGRESS", name="mine")

        def ask(query=""):
            connection = http.client.HTTPConnection(kafka.control, timeout=20)
            connection.request("GET", f"/faults/mine/hit{query}")
            response = connection.getresponse()
            status, answer = response.status, json.loads(response.read())
            connection.close()
            return status, answer.get("error") or answer["hits"]

        never = "mine has happened 0 times, to 0 requests that it was about: expected "
        assert ask() == (409, never + "once or more") and ask("?times=2&within_ms=20") == (409, never + "2 times") and ask("?times=0") == (200, 0)
        later = threading.Timer(0.05, asks, [kafka])
        later.start()
        assert ask("?within_ms=20000") == (200, 1) and ask("?times=1") == (200, 1) and ask("?times=0")[0] == 409
        later.join()


def test_the_command_line_says_what_is_wrong(serve, run):
    serve()
    for arguments, said in (
        (["add", "api=Prodce", "drop=true"], "no API Prodce: did you mean Produce?"),
        (["add", "eror=NONE"], "no eror is taken here; did you mean error?"),
        (["hit", "mine"], "no fault mine: there are none"),
    ):
        done = run("fault", *arguments)
        assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert run("fault", "list").stdout == "FAULT  HITS  CALLS  WHAT\n"


@pytest.mark.parametrize("arguments, said", [
    (["add", "drop"], "fault add: drop: expected WORD=VALUE, such as api=Produce"),
    (["add", "drop=true", "drop=after"], "fault add: drop is given twice"),
    (["remove"], "fault remove: which?"),
    (["remove", "a", "b"], "fault remove: which?"),
    (["hit"], "fault hit: which?"),
    (["hit", "mine", "often"], "fault hit: TIMES often: expected a whole number"),
    (["list", "mine"], "fault list: takes no mine"),
])  # fmt: skip
def test_the_command_line_says_what_makes_no_sense_without_a_server(capsys, arguments, said):
    assert main(["fault", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text, said", [
    ("faults:\n  - api: Prodce\n    drop: true\n", "config.yaml, line 2: no API Prodce: did you mean Produce?"),
    ("node.id: 1\nfaults:\n  - drop: true\n  - api: Produce\n", "config.yaml, line 4: nothing is to happen"),
    ("faults: drop\n", "config.yaml, line 1: faults is a list of mappings"),
    ("faults:\n  - drop: true\n    drop: after\n", "config.yaml, line 3: drop is given twice"),
    ("faults:\n  - drop:\n", "config.yaml, line 2: drop has no value"),
    ("faults:\n  - topic: {a: b}\n", "config.yaml, line 2: topic must have one value"),
])  # fmt: skip
def test_the_file_says_what_is_wrong(tmp_path, text, said):
    (tmp_path / "config.yaml").write_text(text)
    options = serve_parser().parse_args(["--config", str(tmp_path / "config.yaml"), "--listen", "127.0.0.1:0"])
    with pytest.raises(UsageError) as refused:
        settings, own = make_settings(options)
        start(settings, [], own)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def asks(kafka):
    with WireClient(kafka.bootstrap) as client:
        return client.call(Heartbeat, 4, group_id="g").error_code


def test_in_python():
    with Emulator() as kafka:
        fault = kafka.fail("Heartbeat", error="REBALANCE_IN_PROGRESS", times=1, name="mine")
        fault.assert_not_hit()
        with pytest.raises(AssertionError, match=r"mine \(api='Heartbeat', times=1, error='REBALANCE_IN_PROGRESS'\).*0 times.*expected once or more"):
            fault.assert_hit()
        with pytest.raises(AssertionError, match="expected 2 times"):
            fault.assert_hit(2, within="20ms")
        assert asks(kafka) == 27 and asks(kafka) == 16
        fault.assert_hit()
        fault.assert_hit(times=1)
        with pytest.raises(AssertionError, match="1 times.*expected never"):
            fault.assert_not_hit()
        after = kafka.fail("Heartbeat", error="ILLEGAL_GENERATION", after_fault=fault)
        assert asks(kafka) == 22 and [one.name for one in kafka.faults] == ["mine", "fault-2"]
        after.remove()
        after.remove()
        assert asks(kafka) == 16
        with kafka.fail("Heartbeat", error="FENCED_INSTANCE_ID") as within:
            assert asks(kafka) == 82
        assert asks(kafka) == 16 and within.hits == 1


def test_of_the_configuration_there_from_the_start_and_again_after_a_restore():
    with Emulator(config={"faults": [{"api": "Heartbeat", "error": "REBALANCE_IN_PROGRESS", "times": 1}]}) as kafka:
        before = kafka.snapshot()
        kafka.fail("Metadata", drop=True)
        assert (asks(kafka), asks(kafka)) == (27, 16)
        kafka.restore(before)
        assert (asks(kafka), asks(kafka)) == (27, 16)
        with WireClient(kafka.bootstrap) as client:
            client.call(Metadata, 9, topics=[])
    with pytest.raises(ValueError, match="did you mean Heartbeat"):
        Emulator(config={"faults": [{"api": "Hartbeat", "drop": True}]}).start()


def test_time_is_the_clusters():
    with Emulator(clock="virtual") as kafka:
        kafka.fail("Heartbeat", error="REBALANCE_IN_PROGRESS", since="1h", until="2h")
        seen = []
        for _ in range(3):
            seen.append(asks(kafka))
            kafka.clock.advance(hours=1)
        assert seen == [16, 27, 16]


def test_one_broker_of_several_and_also_after_it_has_come_again():
    with Emulator(brokers=2) as kafka:
        fault = kafka.fail("Heartbeat", broker=2, error="REBALANCE_IN_PROGRESS")

        def ask(broker):
            with WireClient(kafka.brokers[broker].address) as client:
                return client.call(Heartbeat, 4, group_id="g").error_code

        assert ask(1) != 27 and ask(2) == 27
        kafka.brokers[2].stop()
        kafka.brokers[2].start()
        assert ask(2) == 27
        fault.remove()
        assert ask(2) != 27


def test_the_same_seed_brings_the_same_chance():
    def seen(seed):
        with Emulator(seed=seed) as kafka, WireClient(kafka.bootstrap) as client:
            kafka.fail("Heartbeat", error="REBALANCE_IN_PROGRESS", probability=0.5)
            return [client.call(Heartbeat, 4, group_id="g").error_code for _ in range(40)]

    assert seen(7) == seen(7) != seen(8)


def test_chance_is_a_faults_own():
    """Neither other faults nor other requests change to which of its own it happens, nor how long they are delayed."""

    def seen(*others):
        with Emulator(seed=7) as kafka, WireClient(kafka.bootstrap) as client:
            for other in others:
                kafka.fail(probability=0.5, **other)
            kafka.fail("Heartbeat", name="mine", error="REBALANCE_IN_PROGRESS", probability=0.5)
            found = []
            for _ in range(40):
                client.call(Metadata, 9, topics=[])
                found.append(client.call(Heartbeat, 4, group_id="g").error_code)
            return found

    assert seen() == seen({"api": "Metadata", "delay": "1ms"}, {"api": "Heartbeat", "throttle": "1ms"})


def test_a_million_hits_leave_nothing_behind():
    """In hundreds: what one hit leaves, a thousand would show."""
    import gc
    import tracemalloc

    with Emulator(requests=0) as kafka, WireClient(kafka.bootstrap) as client:
        fault = kafka.fail("Heartbeat", error="REBALANCE_IN_PROGRESS", probability=0.9, jitter="0ms", delay="0ms")

        def ask(count):
            for _ in range(count):
                client.call(Heartbeat, 4, group_id="g")
            gc.collect()

        ask(200)
        tracemalloc.start()
        try:
            ask(100)
            before = tracemalloc.get_traced_memory()[0]
            ask(1000)
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert fault.hits > 1000 and grown < 20_000
