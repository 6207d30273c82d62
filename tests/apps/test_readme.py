"""The Python in README.md does what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_a_snippet_of_the_readme(snippet):
    pytest.importorskip("kafka")
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", snippet], cwd=README.parent, capture_output=True,
                          text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_there_are_some():
    assert SNIPPETS
