"""Each example prints what its README says, and its own tests pass."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*/run.py"))
CACHE = Path(__file__).resolve().parent / ".cache"
MODULES, JARS, STREAMS = CACHE / "node/node_modules", CACHE / "jars", CACHE / "streams"
NEEDS = {"activity_tracking": ("node", str(MODULES / "kafkajs")), "stream_processing": ("javac", str(JARS), str(STREAMS))}


@pytest.fixture(autouse=True)
def clients():
    for client in ("confluent_kafka", "kafka", "aiokafka", "kazoo"):
        pytest.importorskip(client)


def run(*command, folder=ROOT, **more):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NODE_PATH": str(MODULES), "KAFKA_STREAMS_JARS": f"{JARS}:{STREAMS}", **more}
    return subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def masked(text):
    return re.sub(r"\b\d+ ms\b", "N ms", text.strip())


def with_its_needs(path):
    name = path.parent.name
    return pytest.param(path, id=name, marks=pytest.mark.needs(*NEEDS.get(name, ())))


@pytest.mark.parametrize("example", [with_its_needs(path) for path in EXAMPLES])
def test_an_example_prints_what_its_readme_says(example):
    ran = run(example)
    assert ran.returncode == 0, ran.stderr
    _, _, shown = (example.parent / "README.md").read_text().split("```")[1:4]
    assert masked(ran.stdout) == masked(shown)


def test_the_examples_own_tests():
    arguments = ["-v", "--strict-config", "--strict-markers", "-p", "emulator.apps.pytest_plugin", "-p", "no:cacheprovider"]
    ran = run("-m", "pytest", *arguments, folder=ROOT / "examples", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert ran.returncode == 0 and "skipped" not in ran.stdout, ran.stdout + ran.stderr
    passed = re.findall(r"^(\S+::\S+ PASSED)", ran.stdout, re.MULTILINE)
    for readme in (ROOT / "examples").glob("*/README.md"):
        shown = re.findall(r"^(\S+::\S+ PASSED)", readme.read_text(), re.MULTILINE)
        assert shown in ([], [line for line in passed if line.startswith(f"{readme.parent.name}/")]), readme
