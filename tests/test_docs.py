"""Documents that are written from the code say what the code does."""

import re
import runpy
from pathlib import Path

from emulator.apps.control.reference import metrics_reference, reference
from emulator.state.configs.table import table

ROOT = Path(__file__).resolve().parent.parent


def test_the_table_of_configs_is_up_to_date():
    assert (ROOT / "docs" / "CONFIGS.md").read_text(encoding="utf-8") == table(), "run tools/configs"


def test_the_control_api_is_described_as_it_is():
    assert (ROOT / "docs" / "control.md").read_text(encoding="utf-8") == reference(), "run tools/control"
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == metrics_reference(), "run tools/control"


def test_the_python_reference_is_made_of_the_docstrings():
    made = runpy.run_path(str(ROOT / "tools" / "python"))["reference"]()
    assert (ROOT / "docs" / "python.md").read_text(encoding="utf-8") == made, "run tools/python"


def test_links_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md"), *ROOT.glob("benchmarks/*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8")) if "://" not in link]
    assert len(links) > 50
    assert not [(str(page.relative_to(ROOT)), link) for page, link in links if not (page.parent / link).exists()]
