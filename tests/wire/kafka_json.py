"""Kafka's own declarations, the JSON in its jars, and ours: as lines of facts to compare."""

import json
import os
import re
import zipfile
from pathlib import Path

import pytest

from wire.types import UNSET, Versions

VERSION = "4.3.1"
CACHE = Path(__file__).parents[1] / "compat" / ".cache"


def jar(name="kafka-clients"):
    """Where a jar of Kafka's is: beside the one that KAFKA_CLIENTS_JAR names, or in the compat tests' cache."""
    file = f"{name}-{VERSION}.jar"
    named = os.environ.get("KAFKA_CLIENTS_JAR")
    found = Path(named).with_name(file) if named else next(iter(sorted(CACHE.rglob(file))), None)
    if found is None or not found.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no {file}: `make test` brings it, or KAFKA_CLIENTS_JAR names its folder")
    return found


def declarations(name="kafka-clients", kind="message"):
    """Every common/KIND/*.json in a jar."""
    with zipfile.ZipFile(jar(name)) as archive:
        for entry in archive.namelist():
            if re.fullmatch(rf"common/{kind}/\w+\.json", entry):
                yield json.loads(re.sub(r"^\s*//.*$", "", archive.read(entry).decode(), flags=re.MULTILINE))


def structs_of(message):
    return {struct["name"]: struct["fields"] for struct in message.get("commonStructs", [])}


def fact(path, type, versions, nullable, default, ignorable, tag):
    nullable = repr(nullable & versions)
    return path, f"{type} versions={versions!r} {nullable=} {default=} {ignorable=} {tag=}"


def ours(fields, versions, path=""):
    """One line of facts per field, in order; versions as they are within the enclosing structure's."""
    facts = []
    for field in fields:
        type_ = field.type
        present = type_.versions & versions
        if type_.kind == "array":
            kind = "[]" + (type_.element.kind if type_.element else "struct")
        else:
            kind = type_.kind
        default = "its fields'" if type_.default is UNSET else type_.default
        facts.append(fact(path + field.name, kind, present, type_.nullable, default, type_.ignorable, type_.tag))
        if type_.fields:
            facts += ours(type_.fields, present, f"{path}{field.name}.")
    return facts


def canonical(fields, structs, versions, path=""):
    """The same lines from Kafka's JSON. A structure may be named before or without its fields."""
    structs.update(named_structs(fields))
    facts = []
    for field in fields:
        given = field.get("versions", field.get("taggedVersions"))
        present = Versions.parse(given) & versions
        if not len(present):
            continue  # gone from all valid versions
        assert field.get("taggedVersions", given) == given
        name = path + snake_case(field["name"])
        element = field["type"].removeprefix("[]")
        is_struct = element[0].isupper()
        kind = field["type"].replace(element, "struct") if is_struct else field["type"]
        nullable = Versions.parse(field.get("nullableVersions", "none"))
        ignorable = str(field.get("ignorable", False)).lower() == "true"
        facts.append(fact(name, kind, present, nullable, default_of(field, kind), ignorable, field.get("tag")))
        if is_struct:
            facts += canonical(structs[element], structs, present, name + ".")
    return facts


def named_structs(fields):
    found = {}
    for field in fields:
        if field.get("fields"):
            found[field["type"].removeprefix("[]")] = field["fields"]
            found.update(named_structs(field["fields"]))
    return found


def default_of(field, kind):
    """As Kafka's FieldSpec reads it."""
    given = field.get("default")
    if str(given) == "null" and given is not None:
        return None
    if kind.startswith("[]"):
        return ()
    if kind == "struct":
        return "its fields'"
    if kind == "records":
        return None
    if kind in ("string", "bytes", "uuid", "bool"):
        return {"string": given or "", "bytes": b"", "uuid": bytes(16), "bool": str(given).lower() == "true"}[kind]
    return float(given or 0) if kind == "float64" else int(str(given or 0), 0)


def snake_case(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
