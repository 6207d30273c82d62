"""Users that may log in by SCRAM from the start: in config.yaml, on the command line, in a test's own Emulator."""

import base64

import pytest

from emulator import Emulator
from emulator.apps.cli import serve_parser
from emulator.apps.errors import UsageError
from emulator.apps.settings import make_settings
from emulator.state.scram import salted
from tests.api.sasl_session import Session, scram
from tests.scram_client import S256, S512

LISTENER = {"listeners": "INSIDE://127.0.0.1:0", "listener.security.protocol.map": "INSIDE:SASL_PLAINTEXT", "sasl.enabled.mechanisms": f"{S256},{S512}"}


def users(*arguments):
    return make_settings(serve_parser().parse_args(arguments))[1].scram_users


@pytest.fixture
def given(tmp_path):
    def given(text):
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return users("--config", str(path))

    return given


def test_of_a_file_and_of_the_command_line(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("scram.users:\n- name: alice\n  password: a\n- {name: bob, password: b, mechanism: SCRAM-SHA-512, iterations: 8192, salt: c2FsdA==}\n")
    found = users("--config", str(path), "--add-scram", 'SCRAM-SHA-256=[name=carol,password="c"]')
    assert [(one.name, one.mechanisms, one.iterations, one.salt, one.password) for one in found] == [
        ("alice", (1, 2), 4096, None, "a"), ("bob", (2,), 8192, b"salt", "b"), ("carol", (1,), 4096, None, "c"),
    ]  # fmt: skip
    assert "password" not in repr(found)


@pytest.mark.parametrize("words, why", [
    ("{password: hidden}", "a name is missing"),
    ("{name: alice}", "one of password and saltedpassword is needed"),
    ("{name: alice, password: hidden, saltedpassword: aGlkZGVu}", "one of password and saltedpassword is needed"),
    ("{name: alice, password: ''}", "password: it is empty"),
    ("{name: alice, password: hidden, mechanism: PLAIN}", "mechanism PLAIN: expected one of SCRAM-SHA-256, SCRAM-SHA-512"),
    ("{name: alice, password: hidden, iterations: 4095}", "iterations 4095: expected a number from 4096 to 16384"),
    ("{name: alice, password: hidden, salt: '?'}", "salt: not base64"),
    ("{name: alice, saltedpassword: aGlkZGVu}", "saltedpassword: its salt and its mechanism are needed, too"),
    ("{name: alice, pasword: hidden}", "pasword is none of name, password"),
])  # fmt: skip
def test_what_is_wrong_is_said_with_its_line_and_without_secrets(given, words, why):
    with pytest.raises(UsageError) as refused:
        given(f"seed: 1\nscram.users:\n- {words}\n")
    assert "line 3" in str(refused.value) and why in str(refused.value) and "hidden" not in str(refused.value)


@pytest.mark.parametrize("text", ["alice", "PLAIN=[name=a,password=hidden]", "SCRAM-SHA-256=name=a,password=hidden", "SCRAM-SHA-256=[a,hidden]"])
def test_what_is_wrong_on_the_command_line(text):
    with pytest.raises(UsageError) as refused:
        users("--add-scram", text)
    assert str(refused.value).startswith("--add-scram") and "hidden" not in str(refused.value)


def test_they_log_in():
    salt = base64.b64encode(b"salt").decode()
    own = base64.b64encode(salted(1, "hers", b"salt", 5000)).decode()
    given = [{"name": "alice", "password": "his"}, {"name": "bea", "mechanism": S256, "iterations": 5000, "salt": salt, "saltedpassword": own}]
    with Emulator(config={**LISTENER, "scram.users": given}) as kafka:
        for user, password, mechanism in (("alice", "his", S256), ("alice", "his", S512), ("bea", "hers", S256)):
            with Session(kafka.bootstrap) as session:
                assert scram(session, user, password, mechanism).ask().trace == "shaken > go on > in > served"
        with Session(kafka.bootstrap) as session:
            assert scram(session, "bea", "hers", S512).said[-1].startswith("SASL_AUTHENTICATION_FAILED")


def test_who_has_changed_keeps_what_has_become_of_it(tmp_path):
    def logs_in(kafka, password):
        with Session(kafka.bootstrap) as session:
            return scram(session, "alice", password).said[-1] == "in"

    for password in ("first", "second"):
        with Emulator(config={**LISTENER, "scram.users": [{"name": "alice", "password": password}]}, data_dir=tmp_path) as kafka:
            assert logs_in(kafka, "first") and not logs_in(kafka, "second")
