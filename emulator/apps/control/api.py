"""What the control API answers: a WSGI application over a table of routes, one family a file.

An error is {"error": why} under its HTTP status.
"""

import json
import logging

from emulator.apps.control.openapi import document
from emulator.apps.control.schema import anything, of_text, take
from emulator.apps.control.table import Conflict, Content, NotThere, Route, Stream, Table, of_query
from emulator.apps.errors import UsageError

log = logging.getLogger(__name__)

_STATUS = {NotThere: "404 Not Found", Conflict: "409 Conflict"}


class ControlApi:
    """A WSGI application over one server; `describes`: it has a document of itself."""

    def __init__(self, server, routes, describes=True):
        self._server = server
        document_of_it = Route("GET", "/openapi.json", self._openapi, "this API, as OpenAPI describes it", answer=anything("an OpenAPI document"))
        self.table = Table((*routes, document_of_it) if describes else routes)

    def is_public(self, environ):
        """Whether what is asked for holds nothing of the server, so that a browser without the token may have it."""
        try:
            methods, _ = self.table.find(environ["control.path"])
        except UsageError:
            return False
        route = (methods or {}).get(environ["REQUEST_METHOD"])
        return route is not None and route.is_public

    def __call__(self, environ, start_response):
        status, headers, answer = self._answer(environ)
        headers = [*headers, ("Connection", "close"), ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store")]
        if isinstance(answer, Stream):
            start_response(status, [*headers, ("Content-Type", answer.kind)])
            return answer.pieces
        if not isinstance(answer, Content):
            answer = Content(json.dumps(answer).encode() + b"\n", "application/json")
        start_response(status, [*headers, *answer.headers, ("Content-Type", answer.kind), ("Content-Length", str(len(answer.data)))])
        return [answer.data]

    def _answer(self, environ):
        method, path = environ["REQUEST_METHOD"], environ["control.path"]
        try:
            methods, parameters = self.table.find(path)
            if methods is None:
                return "404 Not Found", [], {"error": f"no {path[:200]}; there are {', '.join(self.table.paths)}"}
            if method not in methods:
                return "405 Method Not Allowed", [("Allow", ", ".join(methods))], {"error": f"{path[:200]} takes {', '.join(methods)}"}
            route = methods[method]
            return "200 OK", [], route.function(self._server, _asked(route, parameters, environ))
        except UsageError as error:
            return _STATUS.get(type(error), "400 Bad Request"), [], {"error": str(error)}
        except Exception as error:
            log.exception("control: %s %.200s failed", method, path)
            return "500 Internal Server Error", [], {"error": f"{type(error).__name__}: {error}"}

    def _openapi(self, server, asked):
        return document(self.table.routes)


def _asked(route, parameters, environ):
    """The fields of a request, checked. Raises UsageError."""
    query = environ.get("QUERY_STRING", "")
    if route.in_query:
        brought = of_query(route, query)
    elif query:
        raise UsageError(f"{route.method} takes no ?{query[:100]}: it is asked with a JSON object")
    else:
        brought = _object(environ["wsgi.input"].read())
    in_path = route.in_path
    asked = take(route.beside, brought)
    return {**asked, **take(in_path, {name: of_text(name, in_path[name], value) for name, value in parameters.items()})}


def _object(data):
    if not data:
        return {}
    try:
        asked = json.loads(data)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise UsageError("expected a JSON object")
    return asked
