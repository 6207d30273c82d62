"""The users that may log in by SCRAM from the start: `scram.users` of config.yaml, and --add-scram as kafka-storage has it (ScramParser)."""

import base64
import binascii
import re
from typing import NamedTuple

from emulator.apps.config_file import SCRAM_USERS
from emulator.apps.errors import UsageError

_WORDS = ("name", "password", "saltedpassword", "mechanism", "iterations", "salt")
_MECHANISMS = {"SCRAM-SHA-256": 1, "SCRAM-SHA-512": 2}
_FEWEST, _MOST = 4096, 16384
_SALT_SIZE = 16


class ScramUser(NamedTuple):
    """`mechanisms`: numbers; either a `password`, and a `salt` or None, or a `salted_password` (bytes) and its `salt`."""

    name: str
    mechanisms: tuple
    iterations: int
    salt: bytes | None
    password: str | None
    salted_password: bytes | None

    def __repr__(self):
        return f"ScramUser({self.name!r})"


def read_users(mappings):
    """[ScramUser] of [({word: text}, where it stands)]. Raises UsageError, without a secret in it."""
    return tuple(_user(words, where) for words, where in mappings)


def parse_users(texts):
    """[ScramUser] of what --add-scram was given: SCRAM-SHA-256=[name=alice,password=secret,iterations=8192]. Raises UsageError."""
    return tuple(_user(_argument(text), "--add-scram") for text in texts)


def _argument(text):
    match = re.fullmatch(r"\s*([^=]*)=\[(.*)\]\s*", text, re.DOTALL)
    if match is None:
        raise UsageError("--add-scram: expected MECHANISM=[name=NAME,password=PASSWORD], such as SCRAM-SHA-256=[name=alice,password=alice-secret]")
    words = {"mechanism": match[1]}
    for part in match[2].split(","):
        word, equals, value = part.partition("=")
        if not equals:
            raise UsageError("--add-scram: no equals sign in one of the words in [ ]")
        words[word] = value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else value
    return words


def _user(words, where):
    def refuse(why):
        raise UsageError(f"{where}: {SCRAM_USERS if where != '--add-scram' else words.get('name', 'a user')}: {why}")

    for word in words:
        if word not in _WORDS:
            refuse(f"{word} is none of {', '.join(_WORDS)}")
    if not words.get("name"):
        refuse("a name is missing")
    if ("password" in words) == ("saltedpassword" in words):
        refuse("one of password and saltedpassword is needed")
    mechanism = words.get("mechanism")
    if mechanism is not None and mechanism not in _MECHANISMS:
        refuse(f"mechanism {mechanism}: expected one of {', '.join(_MECHANISMS)}")
    iterations = words.get("iterations", str(_FEWEST))
    if not (re.fullmatch("[0-9]{1,9}", iterations) and _FEWEST <= int(iterations) <= _MOST):
        refuse(f"iterations {iterations}: expected a number from {_FEWEST} to {_MOST}")
    binary = {}
    for word in ("salt", "saltedpassword"):
        try:
            binary[word] = base64.b64decode(words[word], validate=True) if word in words else None
        except (binascii.Error, ValueError):
            refuse(f"{word}: not base64")
    if binary["saltedpassword"] is not None:
        if binary["salt"] is None or mechanism is None:
            refuse("saltedpassword: its salt and its mechanism are needed, too")
        if not binary["saltedpassword"]:
            refuse("saltedpassword: it is empty")
    elif not words["password"]:
        refuse("password: it is empty")
    numbers = tuple(_MECHANISMS.values()) if mechanism is None else (_MECHANISMS[mechanism],)
    return ScramUser(words["name"], numbers, int(iterations), binary["salt"], words.get("password"), binary["saltedpassword"])


def add_scram_users(server, users):
    """Those of a server that has started, before its first request; who has a credential already keeps it, with what has become of it."""
    if not users:
        return
    from emulator.state.scram import salted

    scram, random = server.services["scram"], server.services["random"]
    for user in users:
        for number in user.mechanisms:
            if scram.get(user.name, number) is not None:
                continue
            salt = random.randbytes(_SALT_SIZE) if user.salt is None else user.salt
            password = user.salted_password or salted(number, user.password, salt, user.iterations)
            scram.alter([], [(user.name, number, user.iterations, salt, password)])
