"""Rules as config.yaml has them: a list of mappings, each with a `rule` and what belongs to it.

What cannot be is refused with what would be right.
"""

import re
from difflib import get_close_matches
from fnmatch import translate

from emulator.pipeline.rules.access import Access, Entry, is_read
from emulator.pipeline.rules.layer import Rule
from emulator.pipeline.rules.logged import logging_lines
from emulator.pipeline.rules.naming import Prefix, Swap, naming
from emulator.pipeline.rules.places import places_of
from emulator.pipeline.rules.plugins import calling

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_ACCESS = ("allow", "deny", "read-only")
_NEEDED = ("ApiVersions", "Metadata")
_CONDITIONS = ("api", "client", "listener")
# Of each rule what it needs, and which conditions it may have.
_WORDS = {
    "allow": ((), (*_CONDITIONS, "topic")),
    "deny": ((), (*_CONDITIONS, "topic")),
    "read-only": ((), ("client", "listener")),
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
    apis, rules, entries = {api.name: api for api in apis}, [], []
    for spec in specs:
        kind, chosen = _checked(spec, apis, listeners)
        if kind in _ACCESS:
            entries.append(_entry(spec, kind, chosen, apis))
            continue
        if entries:
            rules.append(Rule(Access(entries).around))
            entries = []
        rules.append(Rule(_ACTIONS[kind](spec, nanos, load), **chosen))
    if entries:
        rules.append(Rule(Access(entries).around))
    return rules


def _entry(spec, kind, chosen, apis):
    if kind == "read-only":
        return Entry(False, frozenset(api for api in apis.values() if not is_read(api)), is_read_only=True, **chosen)
    for api in chosen.get("apis", ()):
        if "topic" in spec and not places_of(api.request) and not places_of(api.response):
            raise RuleError(f"topic: {api.name} names no topics")
        if kind == "deny" and api.name in _NEEDED and "topic" not in spec:
            raise RuleError(f"{kind}: no client does without {api.name}" + ("; deny topics of it" if api.name == "Metadata" else ""))
    if "topic" in spec:
        chosen["topic"] = Pattern(spec["topic"])
    return Entry(kind == "allow", **chosen)


def _checked(spec, apis, listeners):
    """(kind, conditions as Rule and Entry take them) of one rule."""
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
    if kind == "deny" and not chosen and "topic" not in spec:
        raise RuleError("rule deny needs api, client, listener or topic: of nothing at all there would be left")
    return kind, chosen


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
