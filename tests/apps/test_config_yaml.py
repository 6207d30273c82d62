"""The config.yaml at the top says what holds without it."""

import re
from pathlib import Path

from emulator.apps.config_file import read_config_file
from emulator.apps.cli import serve_parser
from emulator.apps.own import KEYS
from emulator.apps.settings import make_settings
from emulator.state.configs import BROKER, Configs
from emulator.state.configs.store import DEFAULT_CONFIG

CONFIG_YAML = Path(__file__).resolve().parents[2] / "config.yaml"


def settings(*arguments):
    [broker], _ = make_settings(serve_parser().parse_args(arguments))
    return broker


def test_it_changes_nothing():
    with_file, without = settings("--config", str(CONFIG_YAML)), settings()
    assert {name: with_file.value(name) for name in BROKER} == {name: without.value(name) for name in BROKER}


def test_what_is_commented_out_is_the_default_too(tmp_path):
    text = CONFIG_YAML.read_text()
    shown = re.sub(r"^# (?=[a-z.]+: \S+ *(#.*)?$)", "", text, flags=re.MULTILINE)
    given = tmp_path / "all.yaml"
    given.write_text(shown)
    names = set(read_config_file(given).values)
    assert {"clock", "seed"} < names
    names -= set(KEYS)
    assert len(names) >= 24
    with_file, without = settings("--config", str(given)), settings()
    differ = {name for name in names if with_file.value(name) != without.value(name)}
    assert differ == {"advertised.listeners", "authorizer.class.name", "broker.rack", "listener.security.protocol.map", "log.dirs", "super.users",
                      "sasl.enabled.mechanisms", "ssl.keystore.type", "ssl.keystore.location"}  # fmt: skip


def test_a_topic_made_with_it_shows_what_it_shows_in_kafka():
    configs = Configs(settings("--config", str(CONFIG_YAML)))
    shown = [entry.key.name for entry in configs.describe_topic("any") if entry.source != DEFAULT_CONFIG]
    assert shown == ["min.insync.replicas"]
