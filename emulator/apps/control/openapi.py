"""The table of routes as an OpenAPI 3.1 document, and as the pages of docs/control.md."""

from emulator import __version__
from emulator.apps.control.schema import thing, text

_ERROR = thing("what was wrong", error=text("why, in one line"))
_REFUSALS = {
    "400": "what was asked makes no sense", "401": "a port that has a token, and was not told it", "403": "a page from elsewhere asks", "404": "no such thing", "405": "another method is taken",
    "409": "not as things are now", "413": "a body that is too large", "415": "a body that is not said to be JSON", "503": "too many clients",
}  # fmt: skip


_TOKEN = "token"


def document(routes):
    """The OpenAPI document, as a dict."""
    paths = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "kafka-emulator control API", "version": __version__,
                 "description": "Looks into a server that runs, and has things happen in it."},
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {_TOKEN: {"type": "http", "scheme": "bearer", "description": "the token of a port; one on a loopback address may have none"}},
        },
        "security": [{_TOKEN: []}, {}],
    }  # fmt: skip


def _operation(route):
    answer = {"schema": route.answer} if route.answer is not None else {"schema": {"type": "string"}}
    operation = {
        "operationId": _name(route),
        "summary": route.summary,
        "parameters": [
            *({"name": name, "in": "path", "required": True, **_described(schema)} for name, schema in route.in_path.items()),
            *({"name": name, "in": "query", "required": "default" not in schema, **_described(schema)}
              for name, schema in (route.beside.items() if route.in_query else ())),
        ],
        "responses": {
            "200": {"description": "done", "content": {route.kind: answer}},
            **{status: {"description": about, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
               for status, about in _REFUSALS.items()},
        },
    }  # fmt: skip
    if route.is_public:
        operation["security"] = []
    if not route.in_query:
        body = thing(**route.beside)
        operation["requestBody"] = {"required": bool(body["required"]), "content": {"application/json": {"schema": body}}}
    return operation


def _described(schema):
    left_out = {"description"} if schema.get("default", "") is not None or "null" in schema.get("type", ()) else {"description", "default"}
    return {"description": schema.get("description", ""), "schema": {key: value for key, value in schema.items() if key not in left_out}}


def _name(route):
    """Unique, and a name in most languages: POST /brokers/{broker}/kill is post_brokers_broker_kill."""
    words = route.path.translate(str.maketrans("/.-", "___", "{}")).strip("_")
    return f"{route.method.lower()}_{words}" if words else f"{route.method.lower()}_root"
