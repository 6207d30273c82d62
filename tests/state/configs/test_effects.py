"""docs/CONFIGS.md says of every key whether it has an effect: what is said to have one is read somewhere, the rest nowhere."""

import re
from pathlib import Path

import pytest

from emulator.state.configs.group import GROUP
from emulator.state.configs.table import table
from emulator.state.configs.topic import TOPIC

ROOT = Path(__file__).resolve().parents[3]
TABLES = {"broker.py", "inert.py", "documentation.py", "table.py"}  # of emulator/state/configs: they only declare


def effects(title):
    """{key: whether it has an effect} of one section."""
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", table(), re.MULTILINE | re.DOTALL)[1]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip("| `"): row[6] == "yes" for row in rows}


@pytest.fixture(scope="module")
def words():
    """Every word of the code that is not a declaration of configs."""
    files = [path for room in ("emulator", "wire") for path in (ROOT / room).rglob("*.py")]
    text = "\n".join(path.read_text() for path in files if path.parent.name != "configs" or path.name not in TABLES)
    return set(re.findall(r"[\w.]+", text)) | set(re.findall(r"\w+", text))


def test_what_has_an_effect_is_read(words):
    stand_in = {name for key in (*TOPIC.values(), *GROUP.values()) for name, _ in key.synonyms}  # for a topic, a group that has none itself

    def has_one(key):
        bounded = re.sub(r"^(group\.\w+)\.(min|max)\.", r"\1.", key)  # the least and the most that a group may have itself
        return {key, key.replace(".", "_")} & words or key in stand_in or bounded in stand_in
    told = {**effects("Brokers"), **effects("Groups")}
    assert [key for key, yes in told.items() if yes and not has_one(key)] == []


def test_a_topics_configs_are_read(words):
    unread = [key for key, has_one in effects("Topics").items() if has_one and key.replace(".", "_") not in words]
    assert [key for key in unread if not re.fullmatch(r"compression\.\w+\.level", key)] == []  # by codec: tests/wire/test_records_check.py


def test_what_has_no_effect_is_not_read(words):
    told = effects("Brokers: without effect")
    assert told and not any(told.values())
    assert [key for key in told if key.replace(".", "_") in words] == ["broker.id"]  # a word of requests
