"""What a request to the control API brings in its body: one JSON object, of which nothing is ignored."""

import json

from emulator.apps.errors import UsageError

REQUIRED = object()
_LARGEST = 1024 * 1024
_KINDS = {str: "a text", bool: "true or false", int: "a whole number", dict: "an object", list: "a list"}


def body(environ):
    """The JSON object of a WSGI request, {} where there is none. Raises UsageError."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > _LARGEST:
        raise UsageError(f"a request of {length} bytes is more than {_LARGEST}")
    text = environ["wsgi.input"].read(length) if length else b"{}"
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise UsageError("expected a JSON object")
    return asked


def read(asked, **fields):
    """The values of `fields`, name=(type, default or REQUIRED), in their order. Raises UsageError, also for any other."""
    values = []
    for name, (kind, default) in fields.items():
        value = asked.get(name, default)
        if value is REQUIRED:
            raise UsageError(f"{name} is missing: {_KINDS[kind]}")
        if value is not default and type(value) is not kind:
            raise UsageError(f"{name}: expected {_KINDS[kind]}")
        values.append(value)
    for name in asked:
        if name not in fields:
            raise UsageError(f"no {name} is taken here" + (f"; there are {', '.join(fields)}" if fields else ""))
    return values
