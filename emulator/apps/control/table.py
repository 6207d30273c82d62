"""The paths of the control API as a table: who answers, what may be asked, what is answered."""

import re
from typing import Any, Callable, Mapping, NamedTuple
from urllib.parse import parse_qsl, unquote

from emulator.apps.control.schema import of_text, text
from emulator.apps.errors import UsageError

_PARAMETER = re.compile(r"{(\w+)}")


class NotThere(UsageError):
    """What a path names does not exist: status 404."""


class Conflict(UsageError):
    """It cannot be, as things are now: status 409."""


class Content(NamedTuple):
    """An answer that is no JSON."""

    data: bytes
    kind: str
    headers: tuple = ()


class Stream(NamedTuple):
    """An answer that goes on: `pieces` is a generator of bytes, closed when nobody listens any more."""

    pieces: Any
    kind: str


class Route(NamedTuple):
    """`function(server, asked)` gives the answer, a dict for JSON; `asked` has all fields, checked, those of {parameters} in the path
    among them. It raises UsageError.

    `fields`: {name: schema}; what is not in the path stands in the query of a GET or DELETE, and else in a
    JSON object. `answer`: the schema of what is answered, None for what is of another `kind` than JSON. `is_public`: it is the same for
    every server, and asked for without the token of a port.
    """

    method: str
    path: str
    function: Callable
    summary: str
    fields: Mapping = {}
    answer: Mapping | None = None
    kind: str = "application/json"
    is_public: bool = False

    @property
    def parameters(self):
        """The names in its path."""
        return _PARAMETER.findall(self.path)

    @property
    def in_query(self):
        return self.method in ("GET", "DELETE")

    @property
    def in_path(self):
        """The fields of its path, with their schemas."""
        return {name: self.fields.get(name, text(name)) for name in self.parameters}

    @property
    def beside(self):
        """The other fields."""
        return {name: schema for name, schema in self.fields.items() if name not in self.parameters}


class Table:
    """Routes, found by their paths; those with fewer parameters go before others."""

    def __init__(self, routes):
        self.routes = tuple(routes)
        self._patterns = {}  # path -> (pattern, {method: Route})
        for route in sorted(self.routes, key=lambda one: len(one.parameters)):
            _, methods = self._patterns.setdefault(route.path, (_pattern(route.path), {}))
            if route.method in methods:
                raise ValueError(f"{route.method} {route.path} is there twice")
            methods[route.method] = route

    @property
    def paths(self):
        return list(self._patterns)

    def find(self, path):
        """({method: Route}, {parameter: text}) for a path as it was sent, percent-encoded; (None, None) where there is none."""
        for pattern, methods in self._patterns.values():
            found = pattern.fullmatch(path)
            if found:
                return methods, {name: _decoded(name, part) for name, part in found.groupdict().items()}
        return None, None


def _pattern(path):
    """Of its parts every other one is a parameter's name."""
    parts = _PARAMETER.split(path)
    return re.compile("".join(f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part) for number, part in enumerate(parts)))


def of_query(route, query):
    """{name: value} of a query's text. Raises UsageError."""
    values = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict", max_num_fields=100)
    except ValueError:
        raise UsageError(f"?{query[:100]}: expected name=value pairs with & between them") from None
    for name, value in pairs:
        if name in values:
            raise UsageError(f"{name} is there twice")
        values[name] = of_text(name, route.fields[name], value) if name in route.fields else value
    return values


def _decoded(name, part):
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise UsageError(f"{name}: it is not UTF-8") from None
