"""What docs/ shows is run: a snippet in Python is a module of tests, or a program; in a console, commands; YAML has commands, too."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("testing.md", "guide.md")
FENCED = re.compile(r"^```(python|ini|console|yaml)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_the_snippets_of_a_page(tmp_path, page):
    for client in ("aiokafka", "confluent_kafka", "kafka"):
        pytest.importorskip(client)
    snippets = FENCED.findall((ROOT / "docs" / page).read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    count, folders = 0, [tmp_path]
    for number, text in enumerate(text for kind, text in snippets if kind == "python"):
        count += text.count("def test_") or 1
        program = "" if "def test_" in text else "\n\ndef test_it_has_run():\n    pass\n"
        (tmp_path / f"test_snippet_{number}.py").write_text(text + program)
    for ini in (text for kind, text in snippets if kind == "ini"):
        (tmp_path / "with_ini").mkdir()
        (tmp_path / "with_ini" / "pytest.ini").write_text(ini)
        (tmp_path / "with_ini" / "test_options.py").write_text(
            "def test_options(kafka):\n    assert len(kafka.brokers) == 2 and set(kafka.server.cluster.topics) == {'orders', 'audit'}\n")
        folders.append(tmp_path / "with_ini")
    assert count >= 4
    for folder, passed in zip(folders, (count, 1)):
        arguments = ["-q", "--strict-config", "--strict-markers", "-p", "emulator.apps.pytest_plugin", "-p", "no:cacheprovider",
                     "--ignore=with_ini", "--import-mode=importlib"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        done = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and f"{passed} passed" in done.stdout, done.stdout + done.stderr


@pytest.fixture
def shell(tmp_path):
    """shell(line): its status and what it printed; `kafka-emulator` is this one, and a server that it starts listens on free ports."""
    command = tmp_path / "bin" / "kafka-emulator"
    command.parent.mkdir()
    command.write_text(
        f"#!/bin/sh\ncase $1 in --*) set -- --listen 127.0.0.1:0 --control {tmp_path}/control \"$@\";; *) set -- \"$@\" --control {tmp_path}/control;; esac\n"
        f'exec {sys.executable} -m emulator "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{command.parent}:{os.environ['PATH']}"}
    servers = []

    def run(line):
        if line.endswith("&"):
            servers.append(subprocess.Popen(["sh", "-c", f"exec {line[:-1]}"], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            deadline = time.monotonic() + 20
            while run("kafka-emulator status")[0]:
                assert servers[-1].poll() is None and time.monotonic() < deadline, line
            return 0, ""
        ran = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        return ran.returncode, ran.stdout

    yield run
    for server in servers:
        server.terminate()
        server.wait(20)


def alike(text):
    """Figures and widths of columns are a run's own."""
    return [" ".join(re.sub(r"\S*\d\S*", "N", line).split()) for line in text.splitlines()]


def test_the_commands_of_the_guide(shell):
    text = (ROOT / "docs" / "guide.md").read_text()
    commands = [part.partition("\n") for kind, block in FENCED.findall(text) if kind == "console" for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]
    printed = {}
    for command, _, shown in commands:
        status, printed[command] = shell(command)
        assert status == 0, printed[command]
        assert not shown.strip() or alike(shown) == alike(printed[command])
    assert len(commands) == 11 and "three teapots" not in printed["kafka-emulator records orders"]  # the last time, after the advance


def commands_of(recipe):
    """All that a recipe runs, line by line, in order."""
    for job in (recipe.get("jobs") or recipe).values():
        for step in [*job.get("steps", ()), *job.get("script", ())]:
            yield from (step if isinstance(step, str) else step.get("run", "")).splitlines()


def test_the_recipes_for_ci(shell):
    recipes = [yaml.safe_load(text) for kind, text in FENCED.findall((ROOT / "docs" / "ci.md").read_text()) if kind == "yaml"]
    run = [line for recipe in recipes for line in commands_of(recipe)]
    assert {line.split()[0] for line in run} == {"pip", "pytest", "npm", "kafka-emulator", "timeout"}
    ours = [line for line in run if "kafka-emulator" in line]
    assert len(ours) == 7
    for line in ours:
        status, printed = shell(line)
        assert status == 0, (line, printed)


def test_what_the_container_runs(shell, tmp_path):
    """Its own config.yaml and command, but for the folder and the port."""
    admin = pytest.importorskip("confluent_kafka.admin")
    text = (ROOT / "Dockerfile").read_text()
    [config] = re.findall(r"^RUN printf '(.*)' > /etc/kafka-emulator.yaml$", text, re.MULTILINE)
    [arguments] = re.findall(r'^CMD \["--config", "(.*)"\]$', text, re.MULTILINE)
    assert arguments == "/etc/kafka-emulator.yaml" and config.count("9092") == 2
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "config.yaml").write_text(config.replace("\\n", "\n").replace("0.0.0.0:9092", f"127.0.0.1:{port}"))
    shell(f"{sys.executable} -m emulator --config config.yaml --control {tmp_path}/control &")
    [broker] = admin.AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0}).list_topics(timeout=10).brokers.values()
    assert (broker.host, broker.port) == ("localhost", 9092)
