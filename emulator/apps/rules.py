"""`rules:` of config.yaml -> the rules of a server or a proxy."""

import importlib
import os
import sys
from time import perf_counter_ns

from emulator.apps.errors import UsageError

KEY = "rules"


def read_rules(file, apis, listeners):
    """[Rule] of a ConfigFile (None: of nothing); modules are looked for beside the file first. Raises UsageError, with the line."""
    found = [] if file is None else file.lists.get(KEY, [])
    if not found:
        return []
    from emulator.pipeline.rules import parse_rules
    from emulator.pipeline.words import WordError

    directory = os.path.dirname(os.path.abspath(file.path))

    def parse(specs):
        return parse_rules(specs, apis, perf_counter_ns, lambda name: _load(name, directory), listeners)

    for spec, line in found:
        try:
            parse([spec])
        except WordError as error:
            raise UsageError(f"{file.path}, line {line}: {error}") from None
    return parse([spec for spec, _ in found])


def _load(name, directory):
    from emulator.pipeline.words import WordError

    module, colon, function = name.partition(":")
    if not (colon and module and function):
        raise WordError(f"function {name}: expected MODULE:FUNCTION")
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        found = getattr(importlib.import_module(module), function, None)
    except Exception as error:
        raise WordError(f"function {name}: {module} cannot be imported: {type(error).__name__}: {error}") from None
    if not callable(found):
        raise WordError(f"function {name}: {module} has no function {function}")
    return found
