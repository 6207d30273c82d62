"""The fault language: a flat mapping of words, the same in config.yaml, over the control API, at the command line and in Python.

What cannot be is refused before it is a fault: an error at a level that the answer lacks, a wrong checksum where there are no
records, a condition on what the requests do not name. docs/faults.md has all words.
"""

from emulator.pipeline.faults import words
from emulator.pipeline.faults.levels import level_of
from emulator.pipeline.answers.shapes import KINDS, shape_of
from emulator.pipeline.faults.words import Numbers
from emulator.pipeline.words import Pattern, WordError, listed, nearest, refuse_unknown
from wire.apis.data import Fetch, Produce
from wire.apis.share_groups import ShareFetch
from wire.types import LATEST, Versions

_PATTERNS = ("client", "principal", "host", "topic", "group", "member", "transaction", "coordinator", "resource", "user", "feature", "log_dir")
_WORDS = {
    **dict.fromkeys(_PATTERNS, Pattern), "versions": words.versions, "broker": Numbers, "partition": Numbers,
    "nth": words.count, "skip": words.count, "times": words.count, "probability": words.fraction, "seed": words.number,
    "after_fault": words.sequel, "after_calls": words.sequel, "since": words.moment, "until": words.moment,
    "error": words.error, "level": words.text, "message": words.text,
    "delay": words.duration, "delay_answer": words.duration, "jitter": words.duration, "throttle": words.duration, "bandwidth": words.size,
    "drop": words.when, "hang": words.when, "unreachable": words.flag,
    "torn": words.count, "truncated": words.count, "correlation_id": words.number,
    "corrupt_crc": words.flag, "duplicate": words.flag, "stale": words.count, "clock_skew": words.signed_duration,
}  # fmt: skip
WORDS = ("name", "api", *_WORDS)
# One of these at most: each is the end of a request, in its own way.
_ENDS = ("error", "drop", "hang", "unreachable", "torn", "truncated", "correlation_id")
_OF_RECORDS = {"corrupt_crc": (Fetch, ShareFetch), "duplicate": (Fetch,), "stale": (Fetch,)}
_WITH_ANY = ("delay", "delay_answer", "throttle", "bandwidth", "clock_skew")
ACTIONS = (*_ENDS, *_OF_RECORDS, *_WITH_ANY)
_NEEDS = {
    "level": ("error",), "message": ("error",), "jitter": ("delay", "delay_answer"), "seed": ("probability", "jitter"), "versions": ("api",),
}  # fmt: skip
_NOT_WITH = {"nth": ("skip", "times"), "unreachable": ("api", "versions", *KINDS), "delay_answer": ("drop", "hang", "unreachable")}


def parse(spec, apis, brokers=None):
    """{word: value} of a description, each value as Fault takes it. Raises WordError.

    `apis`: those that are served; `brokers`: the ids that there are, None where that is not known.
    """
    words.check_size(spec)
    for word in spec:
        if word not in WORDS:
            near = nearest(word, WORDS)
            raise WordError(f"a fault has no {word}: " + (f"did you mean {near}?" if near else f"there are {', '.join(WORDS)}"))
    given = {word: value for word, value in spec.items() if value is not None}
    values = {word: _WORDS[word](word, value) for word, value in given.items() if word in _WORDS}
    if "name" in given:
        values["name"] = words.name("name", given["name"])
    if "api" in given:
        values["api"] = frozenset(_api(name, apis) for name in listed(given["api"]))
    if "after_calls" in values:
        name, often = values["after_calls"]
        values["after_calls"] = _api(name, apis), often
    _check_words(values)
    _check_brokers(values, brokers)
    if records := [word for word in _OF_RECORDS if word in values]:
        _check_records(values, records)
    if "clock_skew" in values:
        _check_stamps(values)
    _check_apis(values, apis)
    return values


def _api(name, apis):
    for api in apis:
        if api.name == name:
            return api
    refuse_unknown("API", name, [api.name for api in apis])


def _check_words(values):
    ends = [word for word in _ENDS if word in values]
    if len(ends) > 1:
        raise WordError(f"{' and '.join(ends)}: a request can end in one way only; make two faults of them")
    if not any(word in values for word in ACTIONS):
        raise WordError(f"nothing is to happen: say one of {', '.join(ACTIONS)}")
    for word, others in _NEEDS.items():
        if word in values and not any(other in values for other in others):
            raise WordError(f"{word} says nothing without {' or '.join(others)}")
    for word, others in _NOT_WITH.items():
        both = [other for other in others if other in values]
        if word in values and both:
            raise WordError(f"{word} does not go with {both[0]}")


def _check_brokers(values, brokers):
    if "broker" in values and brokers is not None:
        for one in values["broker"].each():
            if one not in brokers:
                raise WordError(f"no broker {one}: there are {', '.join(map(str, brokers))}")


def _check_records(values, records):
    ends = [word for word in _ENDS if word in values]
    if ends:
        raise WordError(f"{records[0]} does not go with {ends[0]}: there are no records then to do it to")
    for word in records:
        able = _OF_RECORDS[word]
        wrong = [api.name for api in values.setdefault("api", frozenset({Fetch})) if api not in able]
        if wrong:
            raise WordError(f"{word}: {wrong[0]} brings no records; those of {' and '.join(api.name for api in able)} can be")


def _check_stamps(values):
    for api in values.setdefault("api", frozenset({Produce})):
        if api is not Produce:
            raise WordError(f"clock_skew: only what is produced is stamped; {api.name} is not")


def _check_apis(values, apis):
    """Each API that is named must have, in some of the versions, what the fault is about."""
    named = sorted(values.get("api", ()), key=lambda api: api.key)
    conditions = [kind for kind in KINDS if kind in values]
    for api in named:
        range_ = api.versions & values.get("versions", Versions(0, LATEST))
        if not len(range_):
            raise WordError(f"{api.name} has versions {api.versions!r}, and none of {values['versions']!r}")
        shapes = [shape_of(api, version) for version in range_]
        for kind in conditions:
            if not any(kind in shape.all_kinds for shape in shapes):
                there = sorted({one for shape in shapes for one in shape.all_kinds} & set(KINDS))
                raise WordError(f"{kind}: {api.name} names no {kind}" + (f", only {', '.join(there)}" if there else ""))
        if "throttle" in values and not any(shape.throttles for shape in shapes):
            raise WordError(f"throttle: the answer to {api.name} has no throttle_time_ms")
        if "error" in values:
            _check_level(api, shapes, values, conditions)
    if not named:
        _check_any(values, apis, conditions)


def _check_level(api, shapes, values, conditions):
    wanted = values.get("level")
    there = list(dict.fromkeys(name for shape in shapes for name in shape.levels))
    if wanted is not None and wanted not in there:
        refuse_unknown(f"level of errors in the answer to {api.name} called", wanted, there)
    if not any(level_of(shape, values["error"], wanted, conditions) for shape in shapes):
        at = f" at the level {wanted}" if wanted else ""
        raise WordError(f"{api.name} has no room for an error of one {' and '.join(conditions)}{at}; its levels are {', '.join(there)}")


def _check_any(values, apis, conditions):
    """Without an API the fault is about all that have what it needs."""
    shapes = [shape_of(api, version) for api in apis for version in api.versions]
    wanted = values.get("level")
    if wanted is not None and not any(wanted in shape.levels for shape in shapes):
        refuse_unknown("level of errors in any answer called", wanted, list(dict.fromkeys(name for shape in shapes for name in shape.levels)))
