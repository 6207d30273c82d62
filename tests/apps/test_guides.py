"""What docs/ shows of tests in Python is run: a snippet is a module of tests, or a program."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("testing.md",)
FENCED = re.compile(r"^```(python|ini)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_the_snippets_of_a_page(tmp_path, page):
    for client in ("aiokafka", "kafka"):
        pytest.importorskip(client)
    snippets = FENCED.findall((ROOT / "docs" / page).read_text())
    [ini] = [text for kind, text in snippets if kind == "ini"]
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    count = 0
    for number, text in enumerate(text for kind, text in snippets if kind == "python"):
        count += text.count("def test_") or 1
        program = "" if "def test_" in text else "\n\ndef test_it_has_run():\n    pass\n"
        (tmp_path / f"test_snippet_{number}.py").write_text(text + program)
    (tmp_path / "with_ini").mkdir()
    (tmp_path / "with_ini" / "pytest.ini").write_text(ini)
    (tmp_path / "with_ini" / "test_options.py").write_text(
        "def test_options(kafka):\n    assert len(kafka.brokers) == 2 and set(kafka.server.cluster.topics) == {'orders', 'audit'}\n")
    assert count > 8
    for folder, passed in ((tmp_path, count), (tmp_path / "with_ini", 1)):
        arguments = ["-q", "--strict-config", "--strict-markers", "-p", "emulator.apps.pytest_plugin", "-p", "no:cacheprovider",
                     "--ignore=with_ini", "--import-mode=importlib"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        done = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and f"{passed} passed" in done.stdout, done.stdout + done.stderr
