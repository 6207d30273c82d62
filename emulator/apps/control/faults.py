"""Faults: docs/faults.md has their words."""

from emulator.apps.control.schema import anything, flag, many, number, or_null, text, thing
from emulator.apps.control.table import Conflict, NotThere, Route
from emulator.apps.errors import UsageError
from emulator.pipeline.faults import WORDS
from emulator.pipeline.words import WordError
from emulator.runtime.watch import wait_until

_NAME = text("of the fault")
_FAULT = thing(
    name=_NAME, hits=number("requests to which it has happened"), calls=number("requests that it was about"),
    spent=flag("whether it will never happen again"), fault={"type": "object", "description": "its words, as they were said"},
)  # fmt: skip
_WORDS = {word: anything("a text, a number, true, or a list: see docs/faults.md", default=None) for word in WORDS}


def show(server, asked):
    return {"faults": [fault.describe() for fault in server.faults]}


def add(server, asked):
    try:
        return server.faults.add(asked).describe()
    except WordError as error:
        raise UsageError(str(error)) from None


def one(server, asked):
    return _find(server, asked).describe()


def check(server, asked):
    """One question for who tests in another language."""
    fault, times = _find(server, asked), asked["times"]
    if asked["within_ms"]:
        wait_until(lambda: fault.hits >= (1 if times is None else times), asked["within_ms"] / 1000)
    if not fault.hits if times is None else fault.hits != times:
        expected = "once or more" if times is None else f"{times} times"
        raise Conflict(f"{fault.name} has happened {fault.hits} times, to {fault.calls} requests that it was about: expected {expected}")
    return fault.describe()


def remove(server, asked):
    return server.faults.remove(_find(server, asked).name).describe()


def clear(server, asked):
    return {"removed": server.faults.clear()}


def _find(server, asked):
    try:
        return server.faults.get(asked["name"])
    except WordError as error:
        raise NotThere(str(error)) from None


ROUTES = (
    Route("GET", "/faults", show, "what is to go wrong", answer=thing(faults=many(_FAULT, "the first added first"))),
    Route("POST", "/faults", add, "lets requests go wrong from now on; what is misspelled is refused with what would be right", _WORDS, _FAULT),
    Route("DELETE", "/faults", clear, "removes all", answer=thing(removed=number("how many"))),
    Route("GET", "/faults/{name}", one, "one fault", {"name": _NAME}, _FAULT),
    Route("GET", "/faults/{name}/hit", check, "the fault if it has been hit, else status 409", {
        "name": _NAME, "times": or_null(number("exactly so often; without it, at least once", minimum=0, maximum=2**31 - 1, default=None)),
        "within_ms": number("how long to wait for that, in real time", minimum=0, maximum=60_000, default=0),
    }, _FAULT),
    Route("DELETE", "/faults/{name}", remove, "it happens no more", {"name": _NAME}, _FAULT),
)  # fmt: skip
