"""docs/security.md: its settings are taken as they stand, its program makes what they ask for."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from emulator.runtime.jwks import JwksFile
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.configs.listener import ListenerConfigs
from emulator.state.sasl.mechanisms import mechanisms_of
from emulator.state.sasl.signed import SignedTokens

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE))


def snippets(section, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", SECTIONS[section], re.DOTALL | re.MULTILINE)


class Services(dict):
    """Whatever a mechanism asks for."""

    def __missing__(self, name):
        return self

    now = property(lambda self: lambda: 0)

    def open(self, *_):
        return self


@pytest.mark.parametrize("section", ["OAUTHBEARER", "Delegation tokens"])
def test_settings(section):
    for text in snippets(section, "yaml"):
        settings = parse_broker_settings(yaml.safe_load(text))
        assert set(mechanisms_of(ListenerConfigs(settings, "SASL_PLAINTEXT"), Services())) == set(settings.value("sasl.enabled.mechanisms"))


def test_the_program_makes_a_key_set_and_a_token_that_it_has_signed(tmp_path):
    (program,) = snippets("OAUTHBEARER", "python")
    made = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    keys = JwksFile(str(tmp_path / "jwks.json"))
    tokens = SignedTokens(keys, ("kafka",), "https://issuer.example", 30, "scope", "sub", lambda: 0)
    assert tokens.check(made.stdout.strip()).principal_name == "alice"
