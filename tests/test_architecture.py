"""Imports go one way, and the world (time, chance, sockets, files) is touched in runtime and apps only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A room may import itself and what it names here.
WIRE_FOR_STATE = ("wire.records", "wire.compression", "wire.errors", "wire.internal", "wire.jute",
                  "wire.types", "wire.zookeeper")
ROOMS = {
    "wire": (),
    "emulator.state": WIRE_FOR_STATE,
    "emulator.api": ("wire", "emulator.state"),
    "emulator.pipeline": ("wire", "emulator.state", "emulator.api"),
    "emulator.runtime": ("wire", "emulator.state", "emulator.api", "emulator.pipeline"),
    "emulator.__main__": ("emulator.apps",),
    "emulator.__init__": ("emulator.apps.embedded",),  # when Emulator is first named
    "emulator.apps": ("wire", "emulator.state", "emulator.api", "emulator.pipeline", "emulator.runtime",
                      "emulator.__version__"),
}
WORLDLY_ROOMS = ("emulator.runtime", "emulator.apps", "emulator.__main__")
WORLD = {"time", "random", "secrets", "socket", "ssl", "select", "selectors", "signal", "gevent", "asyncio", "threading",
         "subprocess", "multiprocessing", "os", "pathlib", "tempfile", "shutil", "mmap"}
# What is not in the standard library, and the rooms that may use it.
DEPENDENCIES = {
    "construct": ("wire",),
    "crc32c": ("wire",),
    "cramjam": ("wire",),
    "gevent": ("emulator.runtime", "emulator.apps"),
    "jwt": ("emulator.state",),
    "yaml": ("emulator.apps",),
}

SOURCES = sorted((*ROOT.glob("wire/**/*.py"), *ROOT.glob("emulator/**/*.py")))


def within(name, packages):
    return any(name == package or name.startswith(package + ".") for package in packages)


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree, package):
    """Each (line, dotted name) that the module imports; `from a import b` is `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[:len(package.split(".")) - node.level + 1] if node.level else []
            for alias in node.names:
                yield node.lineno, ".".join([*base, *filter(None, [node.module]), alias.name])


def offences(source, module, is_package=False):
    """Each breach of the rules above in the text of one module, as `line N: why`."""
    if module == "emulator":
        module = "emulator.__init__"
    room = next((room for room in ROOMS if within(module, [room])), None)
    tree = ast.parse(source)
    package = module if is_package else module.rpartition(".")[0]
    for line, name in imports(tree, package):
        top = name.partition(".")[0]
        if top in ("wire", "emulator"):
            if room is None or not within(name, (room, *ROOMS[room])):
                yield f"line {line}: {room or module} may not import {name}"
        elif top in DEPENDENCIES and room not in DEPENDENCIES[top]:
            yield f"line {line}: only {', '.join(DEPENDENCIES[top])} may import {top}"
        elif top in WORLD and room not in WORLDLY_ROOMS:
            yield f"line {line}: only runtime and apps may import {top}"
    if room not in WORLDLY_ROOMS:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
                yield f"line {node.lineno}: only runtime and apps may open files"


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_go_one_way(path):
    found = list(offences(path.read_text(), module_name(path), path.name == "__init__.py"))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("module, source, breaches", [
    ("wire.frame", "import struct", 0),
    ("wire.frame", "from emulator.state import clock", 1),
    ("emulator.state.clock", "from wire.errors import KafkaError", 0),
    ("emulator.state.clock", "from wire import errors", 0),
    ("emulator.state.clock", "from wire import header", 1),
    ("emulator.state.clock", "from wire.apis.groups import JoinGroup", 1),
    ("emulator.state.clock", "from ..api import registry", 1),
    ("emulator.state.groups.join", "from .table import TABLE\nfrom ..clock import Clock", 0),
    ("emulator.state.clock", "def f():\n    import time", 1),
    ("emulator.state.clock", "import os.path", 1),
    ("emulator.api.groups", "from random import Random", 1),
    ("emulator.api.groups", "open('x')", 1),
    ("emulator.runtime.server", "import gevent.socket, time\nopen('x')", 0),
    ("emulator.runtime.server", "from emulator.apps import cli", 1),
    ("emulator.runtime.server", "import construct", 1),
    ("emulator", "import gevent\nfrom emulator.apps import cli", 2),
    ("emulator", "def f():\n    from emulator.apps import embedded", 0),
])
def test_the_rules_find_what_breaks_them(module, source, breaches):
    assert len(list(offences(source, module))) == breaches


# What ties a file to one machine or to one package registry; spelled in pieces, as this file is checked too.
SKIPPED_FOLDERS = {".git", ".venv", "__pycache__", "node_modules", "build", "dist", "target", ".cache", ".hypothesis",
                   ".pytest_cache"}
PLACES = ["/" + "work/", "/" + "root/", "/" + "home/"]
REGISTRIES = [".".join(parts) for parts in (
    ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("yarnpkg", "com"), ("crates", "io"),
    ("repo", "maven", "apache", "org"), ("repo1", "maven", "org"), ("search", "maven", "org"), ("proxy", "golang", "org"),
    ("deb", "debian", "org"))]


def text_files(folder=ROOT):
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in SKIPPED_FOLDERS and path.suffix != ".egg-info":
                yield from text_files(path)
        elif path.is_file():
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def test_no_file_names_a_machine_or_a_registry():
    found = [f"{path.relative_to(ROOT)}: {word}"
             for path, text in text_files() for word in PLACES + REGISTRIES if word in text]
    assert not found, "\n".join(found)
