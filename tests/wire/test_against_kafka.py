"""Every declaration, field by field, against Kafka's own: common/message/*.json in kafka-clients 4.3.1."""

import json
import os
import re
import zipfile
from pathlib import Path

import pytest

from wire.apis import BY_KEY
from wire.types import UNSET, Versions

JAR = "kafka-clients-4.3.1.jar"
CACHE = Path(__file__).parents[1] / "compat" / ".cache"

def jar():
    named = os.environ.get("KAFKA_CLIENTS_JAR")
    return Path(named) if named else next(iter(sorted(CACHE.rglob(JAR))), None)


@pytest.fixture(scope="module")
def kafka():
    """(key, "request" or "response") -> Kafka's declaration."""
    path = jar()
    if path is None or not path.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no {JAR}: `make test` brings it, or KAFKA_CLIENTS_JAR names it")
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if re.fullmatch(r"common/message/\w+\.json", name):
                text = archive.read(name).decode()
                message = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
                if message["type"] in ("request", "response"):
                    found[message["apiKey"], message["type"]] = message
    return found


def test_every_api_of_a_broker_is_declared(kafka):
    served = {key for (key, kind), message in kafka.items()
              if kind == "request" and message["validVersions"] != "none" and "broker" in message["listeners"]}
    assert set(BY_KEY) == served


@pytest.mark.parametrize("api", BY_KEY.values(), ids=lambda api: api.name)
@pytest.mark.parametrize("kind", ["request", "response"])
def test_declaration(kafka, api, kind):
    theirs = kafka[api.key, kind]
    assert theirs["name"] == api.name + kind.capitalize()
    assert Versions.parse(theirs["validVersions"]) == api.versions
    assert Versions.parse(theirs["flexibleVersions"]) & api.versions == api.flexible & api.versions
    if kind == "request":
        assert bool(theirs.get("latestVersionUnstable")) == api.latest_unstable
    structs = {struct["name"]: struct["fields"] for struct in theirs.get("commonStructs", [])}
    assert ours(getattr(api, kind).fields, api.versions) == canonical(theirs["fields"], structs, api.versions)


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
        present = Versions.parse(field["versions"]) & versions
        if not len(present):
            continue  # gone from all valid versions
        if "taggedVersions" in field:
            assert field["taggedVersions"] == field["versions"]
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
