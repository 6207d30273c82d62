"""Requests by API: how many, how long they took. The same counts as /metrics has, for people."""

from emulator.apps.control.measures import begin_measuring, error_name
from emulator.apps.control.schema import amount, counts, many, number, or_null, text, thing
from emulator.apps.control.table import Route
from emulator.pipeline.measure import BOUNDS_NS

_NANOS_PER_MS = 1_000_000


def show(server, asked):
    by_api = {}
    for one in begin_measuring(server).values():
        by_api.setdefault(one.api, []).append(one)
    return {"apis": [_shown(api, by_api[api]) for api in sorted(by_api)]}


def _shown(api, found):
    buckets, errors = [sum(several) for several in zip(*(one.buckets for one in found))], {}
    for one in found:
        for code, count in one.errors.items():
            errors[error_name(code)] = errors.get(error_name(code), 0) + count
    return {
        "api": api,
        **{name: sum(getattr(one, name) for one in found) for name in ("requests", "under_way", "unanswered", "request_bytes", "response_bytes")},
        "took_ms": sum(one.took_ns for one in found) / _NANOS_PER_MS,
        "waited_ms": sum(one.waited_ns for one in found) / _NANOS_PER_MS,
        "p50_ms": _at_most(buckets, 0.5),
        "p99_ms": _at_most(buckets, 0.99),
        "errors": errors,
    }


def _at_most(buckets, part):
    """The least bound within which so large a part of them was done."""
    wanted, so_far = sum(buckets) * part, 0
    for bound, count in zip(BOUNDS_NS, buckets):
        so_far += count
        if so_far and so_far >= wanted:
            return bound / _NANOS_PER_MS
    return None


_API = thing(
    api=text("such as Fetch"),
    requests=number("how many there were"),
    under_way=number("that are not answered yet"),
    unanswered=number("without an answer"),
    request_bytes=number("with headers"),
    response_bytes=number("with headers"),
    took_ms=amount("of all together, until the answer was there"),
    waited_ms=amount("of that, spent waiting for something to answer"),
    p50_ms=or_null(amount("half of them took at most so long; null for longer than 30 s, or where there are none")),
    p99_ms=or_null(amount("99 of 100 took at most so long")),
    errors=counts("in answers: {name: how many}"),
)

ROUTES = (Route("GET", "/requests/counts", show, "requests by API, since the control port is open", answer=thing(apis=many(_API, "by name"))),)
