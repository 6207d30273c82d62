"""How many requests there were, how large, how long they took and what errors they were answered: counts that only grow.

The outermost layer, so that clients are measured with what quotas, faults and rules did to them. Who does not install it
pays nothing; who does, about a microsecond a request.
"""

from bisect import bisect_left
from collections import defaultdict

from emulator.pipeline import layers
from wire.record import Built

BOUNDS_NS = tuple(int(seconds * 1e9) for seconds in (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
))  # fmt: skip
_BEFORE_BODY = 14  # bytes of a request: size, key, version, correlation id, length of the client id
_BEFORE_ANSWER = 8  # bytes of an answer: size, correlation id
_MOST_REMEMBERED = 10_000


class Counts:
    """Of the requests to one broker for one API in one version.

    `requests`, `under_way`, `unanswered` (acks=0, connection closed): how many; bytes are whole frames; `took_ns`: until the answer was
    made, `waited_ns` of it until there was something to answer; `buckets`: how many took at most BOUNDS_NS[i], and longer than
    those before, the last: longer than all; `errors`: {error code: how many in answers}.
    """

    __slots__ = ("broker", "api", "version", "requests", "under_way", "unanswered", "request_bytes", "response_bytes", "took_ns", "waited_ns", "buckets", "errors")

    def __init__(self, broker, api, version):
        self.broker, self.api, self.version = broker, api, version
        self.requests = self.under_way = self.unanswered = self.request_bytes = self.response_bytes = self.took_ns = self.waited_ns = 0
        self.buckets = [0] * (len(BOUNDS_NS) + 1)
        self.errors = defaultdict(int)


class Measure:
    """A layer of one broker, which counts into `counts`, {(broker, API's name, version): Counts}. `nanos()` is a running clock."""

    order = layers.MEASURES

    def __init__(self, broker_id, counts, nanos):
        self._broker_id = broker_id
        self._counts = counts
        self._nanos = nanos

    def wants(self, api, version):
        return True

    def wrap(self, route):
        parse, handle, build, nanos = route.parse, route.handle, route.build, self._nanos
        key = self._broker_id, route.api.name, route.version
        counts = self._counts.get(key) or self._counts.setdefault(key, Counts(*key))
        buckets, count_errors = counts.buckets, error_counter(route.api, route.version, counts.errors)
        head = _BEFORE_BODY + route.flexible
        answer_head = _BEFORE_ANSWER + len(route.empty_tags)

        def sized(buffer, position):
            request, end = parse(buffer, position)
            counts.request_bytes += end - position
            return request, end

        def measured(request, call):
            began, waited = nanos(), call.waited
            counts.requests += 1
            counts.under_way += 1
            counts.request_bytes += head + len(call.raw_client_id or b"")
            response = None
            try:
                response = handle(request, call)
            finally:
                took = nanos() - began
                counts.under_way -= 1
                counts.took_ns += took
                counts.waited_ns += call.waited - waited
                buckets[bisect_left(BOUNDS_NS, took)] += 1
                if response is None:
                    counts.unanswered += 1
                elif count_errors is not None:
                    count_errors(response)
            return response

        def built(response, out):
            before = len(out)
            build(response, out)
            size = answer_head
            for piece in out[before:]:
                size += len(piece)
            counts.response_bytes += size

        route.parse, route.handle, route.build = parse and sized, measured, built


def error_counter(api, version, errors):
    """count(response): adds each error in it to `errors`, {code: how many}. None where an answer has no place for one."""
    lines = _lines(api.response.fields, "response", 1)
    if not lines:
        return None
    namespace = {"errors": errors, "Built": Built, "built": _built_counter(api, version, errors)}
    exec("def count(response):\n" + "\n".join(lines), namespace)
    return namespace["count"]


def _lines(fields, record, depth):
    """What looks for errors in a record of these fields, as straight-line Python."""
    lines, indent = [], "    " * depth
    for field in fields:
        path = f"{record}.{field.name}"
        if field.name.endswith("error_code"):
            lines += [f"{indent}if {path}:", f"{indent}    errors[{path}] += 1"]
        elif field.type.fields and field.type.kind == "array":
            if inner := _lines(field.type.fields, f"each{depth}", depth + 2):
                lines += [f"{indent}if type({path}) is Built:", f"{indent}    {f'built({field.name!r}, {path})' if depth == 1 else 'pass'}",
                          f"{indent}elif {path}:", f"{indent}    for each{depth} in {path}:", *inner]  # fmt: skip
        elif field.type.fields:
            if inner := _lines(field.type.fields, path, depth + 1):
                lines += [f"{indent}if {path} is not None:", *inner]
    return lines


def _built_counter(api, version, errors):
    """For arrays whose elements are bytes already: what stands in them is read once, as they were built once."""
    remembered = {}

    def read(name, element):
        out, found = [], defaultdict(int)
        api.build_response(version)(api.Response(**{name: Built([element])}), out)
        response, _ = api.parse_response(version)(b"".join(out), 0)
        error_counter(api, version, found)(response)
        return tuple(found.items())

    def count(name, elements):
        for element in elements:
            found = remembered.get(element)
            if found is None:
                if len(remembered) >= _MOST_REMEMBERED:
                    remembered.clear()
                found = remembered[element] = read(name, element)
            for code, times in found:
                errors[code] += times

    return count
