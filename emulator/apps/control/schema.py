"""What a request may bring and what an answer has, said once, as JSON Schema: checks, the OpenAPI document and docs/control.md come from it.

A schema is a plain dict, made by the functions here. In a route's fields one with a "default" may be left out.
"""

from difflib import get_close_matches

from emulator.apps.errors import UsageError

_TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list}
_LONGEST_NAME = 100
_IN_WORDS = {
    "string": "a text", "integer": "a whole number", "boolean": "true or false", "object": "an object", "array": "a list", "null": "null",
    "number": "a number",
}  # fmt: skip


def text(about, **more):
    return {"type": "string", "description": about, **more}


def number(about, **more):
    return {"type": "integer", "description": about, **more}


def amount(about, **more):
    return {"type": "number", "description": about, **more}


def flag(about, **more):
    return {"type": "boolean", "description": about, **more}


def many(items, about, **more):
    return {"type": "array", "items": items, "description": about, **more}


def thing(about="", /, **fields):
    """An object with these fields and no others; those with a "default" may be absent."""
    required = [name for name, schema in fields.items() if "default" not in schema]
    return {"type": "object", "description": about, "properties": fields, "required": required, "additionalProperties": False}


def counts(about, of="integer", **more):
    """An object whose names are not known beforehand."""
    return {"type": "object", "description": about, "additionalProperties": {"type": of}, **more}


def or_null(schema):
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*types, "null"]}


def anything(about, **more):
    return {"description": about, **more}


def check(what, schema, value):
    """Raises UsageError, which begins with `what`, unless `value` (as JSON gives it) is as the schema says."""
    wanted = schema.get("type")
    if wanted is not None:
        kinds = wanted if isinstance(wanted, list) else [wanted]
        if not any(_is(kind, value) for kind in kinds):
            raise UsageError(f"{what}: expected {' or '.join(_IN_WORDS[kind] for kind in kinds)}")
    if value is None:
        return
    if "enum" in schema and value not in schema["enum"]:
        raise UsageError(f"{what} {value}: expected one of {', '.join(map(str, schema['enum']))}")
    if isinstance(value, (int, float)):
        _check_range(what, schema, value)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            check(f"{what}[{number}]", schema.get("items", {}), item)
    elif isinstance(value, dict):
        _check_object(what, schema, value)


def _is(kind, value):
    if kind == "null":
        return value is None
    if kind == "number":
        return type(value) in (int, float)
    return type(value) is _TYPES[kind]


def _check_range(what, schema, value):
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    if lowest is not None and value < lowest or highest is not None and value > highest:
        raise UsageError(f"{what} {value}: expected {'at least ' if highest is None else ''}{lowest}{'' if highest is None else f' to {highest}'}")


def _check_object(what, schema, value):
    fields, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            raise UsageError(f"{what}: {name} is missing")
    for name, one in value.items():
        if name in fields:
            check(f"{what}.{name}", fields[name], one)
        elif others is False:
            raise UsageError(f"{what}: no {name} is taken here; there are {', '.join(fields)}")
        elif isinstance(others, dict):
            check(f"{what}.{name}", others, one)


def take(fields, brought):
    """What was `brought`, {name: JSON value}, checked and with what was left out. Raises UsageError, also for any other name."""
    for name in brought:
        if name not in fields:
            near = get_close_matches(name[:_LONGEST_NAME], fields, 1)
            there = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(fields)}" if fields else ""
            raise UsageError(f"no {name[:_LONGEST_NAME]} is taken here{there}")
    values = {}
    for name, schema in fields.items():
        if name in brought:
            check(name, schema, brought[name])
            values[name] = brought[name]
        elif "default" in schema:
            values[name] = schema["default"]
        else:
            raise UsageError(f"{name} is missing: {_IN_WORDS.get(schema.get('type'), 'what it is')}")
    return values


def of_text(what, schema, value):
    """The value that a part of a path or a query stands for. Raises UsageError."""
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "integer":
        digits = value[1:] if value.startswith("-") else value
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            raise UsageError(f"{what} {value[:50]}: expected a whole number")
        return int(value)
    if kind == "boolean":
        if value not in ("true", "false"):
            raise UsageError(f"{what} {value[:50]}: expected true or false")
        return value == "true"
    return value
