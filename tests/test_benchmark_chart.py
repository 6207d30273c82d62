"""The chart of the benchmarks: bars in proportion, a row each."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent


def test_it_is_drawn_of_what_was_measured(tmp_path):
    medians = {
        "startup": {"emulator": 0.1, "kafka": 2.0, "kfake": 0.2},
        "produce_1": {"emulator": 9.0, "kafka": 4.5},
        "produce_10": {"emulator": 9.0},  # nothing to compare with
        "stored": {"emulator": 1, "kafka": 1},  # not of the chart
    }
    (tmp_path / "figures.json").write_text(json.dumps({"medians": medians}))
    command = [sys.executable, "-m", "benchmarks", "--of", tmp_path / "figures.json", "--chart", tmp_path / "chart.svg"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=60)
    drawn = ElementTree.parse(tmp_path / "chart.svg").getroot()
    texts = [each.text for each in drawn.iter() if each.tag.endswith("}text")]
    bars = [float(each.get("width")) for each in drawn.iter() if each.tag.endswith("}rect") and each.get("x") == "330" and each.get("y") != "16"]
    assert bars == [20.0, 400.0, 40.0, 400.0, 200.0]
    assert {"start-up to first answered request", "s, less is better", "2.000", "one-record produce requests, depth 1", "k/s, more is better", "4.50"} <= set(texts)
