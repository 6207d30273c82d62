"""Regular expressions as RE2J reads them, matched against whole names in linear time.

Python's `re` will not do: it knows other syntax, and a hostile expression would stop the server.
"""

from emulator.state.regex.matcher import Matcher
from emulator.state.regex.parser import InvalidRegex, Parser

__all__ = ["InvalidRegex", "compile_regex"]


def compile_regex(text):
    """matches(name) -> bool; raises InvalidRegex."""
    return Matcher(Parser(text).parse())
