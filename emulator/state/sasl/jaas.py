"""The text of `sasl.jaas.config`: which login module, and its options (JaasConfig)."""

import re
from typing import NamedTuple

_TOKEN = re.compile(r"""\s+|//[^\n]*|/\*.*?\*/|(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?P<sign>[=;])|(?P<word>[\w$.@:+-]+)""", re.S)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_FLAGS = ("REQUIRED", "REQUISITE", "SUFFICIENT", "OPTIONAL")


class Entry(NamedTuple):
    """`module`: a class of Java's, `options`: {name: text}."""

    module: str
    options: dict


def parse_jaas(text):
    """[Entry] of MODULE FLAG NAME="VALUE" ...; with at least one of them. Raises ValueError with Kafka's message, and no secret in it."""
    tokens = _tokens(text)
    entries = []
    while (module := next(tokens, None)) is not None:
        flag = next(tokens, None)
        if flag is None:
            raise ValueError("Login module control flag not specified in JAAS config")
        if flag.upper() not in _FLAGS:
            raise ValueError(f"Invalid login module control flag '{flag}' in JAAS config")
        options = {}
        while (name := next(tokens, None)) not in (None, ";"):
            if next(tokens, None) != "=" or (value := next(tokens, None)) in (None, ";", "="):
                raise ValueError(f"Value not specified for key '{name}' in JAAS config")
            options[str(name)] = str(value)
        if name is None:
            raise ValueError("JAAS config entry not terminated by semi-colon")
        entries.append(Entry(str(module), options))
    if not entries:
        raise ValueError("Login module not specified in JAAS config")
    return entries


class _Quoted(str):
    """A text that is no sign, whatever is in it."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        return isinstance(other, _Quoted) and str.__eq__(self, other)

    def __ne__(self, other):
        return not self == other


def _tokens(text):
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError("JAAS config cannot be read")
        position = match.end()
        if match["text"] is not None:
            yield _Quoted(re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), match["text"][1:-1], flags=re.S))
        elif match["sign"] or match["word"]:
            yield match[0]
