"""Rules as config.yaml has them: a list of mappings, each with a `rule` and what belongs to it.

What cannot be is refused with what would be right.
"""

import re
from difflib import get_close_matches
from fnmatch import translate

from emulator.pipeline.rules.layer import Rule
from emulator.pipeline.rules.logged import logging_lines
from emulator.pipeline.rules.naming import Prefix, Swap, naming
from emulator.pipeline.rules.plugins import calling

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_CONDITIONS = ("api", "client", "listener")
# Of each rule what it needs, and which conditions it may have.
_WORDS = {
    "prefix": (("prefix",), ("client", "listener")),
    "rename": (("topic", "to"), ("client", "listener")),
    "log": ((), _CONDITIONS),
    "plugin": (("function",), _CONDITIONS),
}


class RuleError(ValueError):
    """What is wrong with a rule, in one line that says what would be right."""


class Pattern:
    """Names, several with commas, in which * and ? stand for anything."""

    def __init__(self, text):
        self._matches = [re.compile(translate(one)).match for one in _listed(text)]

    def matches(self, name):
        return any(match(name) for match in self._matches)


def parse_rules(specs, apis, nanos, load, listeners=None):
    """[Rule] of `specs`, mappings of words to texts or lists. Raises RuleError.

    `apis`: those that are served; `nanos()`: a running clock; `load("module:function")` gives a function, or raises RuleError;
    `listeners`: the names that there are, None where that is not known.
    """
    return [_rule(spec, {api.name: api for api in apis}, nanos, load, listeners) for spec in specs]


def _rule(spec, apis, nanos, load, listeners):
    kind = spec.get("rule")
    if kind is None:
        raise RuleError(f"a rule says which: rule: {', '.join(_WORDS)}")
    if kind not in _WORDS:
        raise RuleError(_unknown("rule", kind, _WORDS))
    needed, conditions = _WORDS[kind]
    for word, value in spec.items():
        if word not in ("rule", *needed, *conditions):
            raise RuleError(_unknown(f"word of rule {kind} called", word, (*needed, *conditions)))
        if not _listed(value) or not all(_listed(value)):
            raise RuleError(f"{word}: expected a text")
    for word in needed:
        if word not in spec:
            raise RuleError(f"rule {kind} needs {word}")
    chosen = {}
    if "api" in spec:
        for name in _listed(spec["api"]):
            if name not in apis:
                raise RuleError(_unknown("API", name, apis))
        chosen["apis"] = frozenset(apis[name] for name in _listed(spec["api"]))
    for word in ("client", "listener"):
        if word in spec:
            chosen[word] = Pattern(spec[word])
    if listeners is not None and "listener" in chosen and not any(map(chosen["listener"].matches, listeners)):
        raise RuleError(_unknown("listener", spec["listener"], listeners))
    return Rule(_ACTIONS[kind](spec, nanos, load), **chosen)


def _prefix(spec, nanos, load):
    return naming(Prefix(_topic(spec, "prefix")))


def _rename(spec, nanos, load):
    here, there = _topic(spec, "topic"), _topic(spec, "to")
    if here == there:
        raise RuleError(f"rename: {here} has that name already")
    return naming(Swap(here, there))


def _topic(spec, word):
    text = spec[word]
    if not isinstance(text, str) or not _TOPIC.fullmatch(text) or text in (".", "..") and word != "prefix":
        raise RuleError(f"{word} {text}: expected what topics may be called: letters, digits, dots, underscores, hyphens")
    return text


_ACTIONS = {
    "prefix": _prefix,
    "rename": _rename,
    "log": lambda spec, nanos, load: logging_lines(nanos),
    "plugin": lambda spec, nanos, load: calling(load(spec["function"])),
}


def _listed(value):
    return [str(one).strip() for one in (value if isinstance(value, (list, tuple)) else str(value).split(","))]


def _unknown(what, given, there):
    near = get_close_matches(str(given), list(there), 1)
    return f"no {what} {given}: " + (f"did you mean {near[0]}?" if near else f"there are {', '.join(there)}")
