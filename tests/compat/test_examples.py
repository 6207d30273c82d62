"""Each example prints what its README says."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*/run.py"))


def masked(text):
    return re.sub(r"\b\d+ ms\b", "N ms", text.strip())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_prints_what_its_readme_says(example):
    pytest.importorskip("confluent_kafka")
    ran = subprocess.run([sys.executable, example], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    _, _, shown = (example.parent / "README.md").read_text().split("```")[1:4]
    assert masked(ran.stdout) == masked(shown)
