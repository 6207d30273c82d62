"""The config.yaml at the top says what holds without it."""

import re
from pathlib import Path

from emulator.apps.config_file import read_config_file
from emulator.apps.cli import serve_parser
from emulator.apps.settings import make_settings
from emulator.state.configs import BROKER

CONFIG_YAML = Path(__file__).resolve().parents[2] / "config.yaml"


def settings(*arguments):
    return make_settings(serve_parser().parse_args(arguments))


def test_it_changes_nothing():
    with_file, without = settings("--config", str(CONFIG_YAML)), settings()
    assert {name: with_file.value(name) for name in BROKER} == {name: without.value(name) for name in BROKER}


def test_each_key_that_is_commented_out_may_be_given(tmp_path):
    text = CONFIG_YAML.read_text()
    hidden = re.sub(r"^# (?=[a-z.]+: \S+$)", "", text, flags=re.MULTILINE)
    given = tmp_path / "all.yaml"
    given.write_text(hidden)
    assert len(read_config_file(given).values) > len(read_config_file(CONFIG_YAML).values)
    settings("--config", str(given))
