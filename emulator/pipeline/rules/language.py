"""Rules as config.yaml has them: a list of mappings, each with a `rule` and what belongs to it.

What cannot be is refused with what would be right.
"""

import re

from emulator.pipeline.rules.access import Access, Entry, is_read
from emulator.pipeline.rules.layer import Rule
from emulator.pipeline.rules.logged import logging_lines
from emulator.pipeline.rules.naming import Prefix, Swap, naming
from emulator.pipeline.rules.places import places_of
from emulator.pipeline.rules.plugins import calling
from emulator.pipeline.words import Pattern, WordError, listed, refuse_unknown

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


def parse_rules(specs, apis, nanos, load, listeners=None):
    """[Rule] of `specs`, mappings of words to texts or lists. Raises WordError.

    `apis`: those that are served; `nanos()`: a running clock; `load("module:function")` gives a function, or raises WordError;
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
            raise WordError(f"topic: {api.name} names no topics")
        if kind == "deny" and api.name in _NEEDED and "topic" not in spec:
            raise WordError(f"{kind}: no client does without {api.name}" + ("; deny topics of it" if api.name == "Metadata" else ""))
    if "topic" in spec:
        chosen["topic"] = Pattern("topic", spec["topic"])
    return Entry(kind == "allow", **chosen)


def _checked(spec, apis, listeners):
    """(kind, conditions as Rule and Entry take them) of one rule."""
    kind = spec.get("rule")
    if kind is None:
        raise WordError(f"a rule says which: rule: {', '.join(_WORDS)}")
    if kind not in _WORDS:
        refuse_unknown("rule", kind, _WORDS)
    needed, conditions = _WORDS[kind]
    for word, value in spec.items():
        if word not in ("rule", *needed, *conditions):
            refuse_unknown(f"word of rule {kind} called", word, (*needed, *conditions))
        if not listed(value) or not all(listed(value)):
            raise WordError(f"{word}: expected a text")
    for word in needed:
        if word not in spec:
            raise WordError(f"rule {kind} needs {word}")
    chosen = {}
    if "api" in spec:
        for name in listed(spec["api"]):
            if name not in apis:
                refuse_unknown("API", name, apis)
        chosen["apis"] = frozenset(apis[name] for name in listed(spec["api"]))
    for word in ("client", "listener"):
        if word in spec:
            chosen[word] = Pattern(word, spec[word])
    if listeners is not None and "listener" in chosen and not any(map(chosen["listener"].matches, listeners)):
        refuse_unknown("listener", spec["listener"], listeners)
    if kind == "deny" and not chosen and "topic" not in spec:
        raise WordError("rule deny needs api, client, listener or topic: of nothing at all there would be left")
    return kind, chosen


def _prefix(spec, nanos, load):
    return naming(Prefix(_topic(spec, "prefix")))


def _rename(spec, nanos, load):
    here, there = _topic(spec, "topic"), _topic(spec, "to")
    if here == there:
        raise WordError(f"rename: {here} has that name already")
    return naming(Swap(here, there))


def _topic(spec, word):
    text = spec[word]
    if not isinstance(text, str) or not _TOPIC.fullmatch(text) or text in (".", "..") and word != "prefix":
        raise WordError(f"{word} {text}: expected what topics may be called: letters, digits, dots, underscores, hyphens")
    return text


_ACTIONS = {
    "prefix": _prefix,
    "rename": _rename,
    "log": lambda spec, nanos, load: logging_lines(nanos),
    "plugin": lambda spec, nanos, load: calling(load(spec["function"])),
}
