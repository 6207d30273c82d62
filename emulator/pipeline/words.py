"""Words of the languages in which faults and rules are written: lists of names, patterns of them, and what is said to who misspells one."""

import re
from difflib import SequenceMatcher
from fnmatch import translate

_SHOWN, _ALIKE = 20, 0.7
MOST_VALUES, LONGEST_NAME = 100, 100


class WordError(ValueError):
    """What is wrong, in one line that says what would be right."""


def refuse_unknown(what, given, there):
    """Raises WordError: which one was probably meant, else which there are."""
    given, there = str(given)[:LONGEST_NAME], list(there)
    near = nearest(given, there)
    shown = ", ".join(map(str, there[:_SHOWN])) + (" ..." if len(there) > _SHOWN else "")
    raise WordError(f"no {what} {given}: " + (f"did you mean {near}?" if near else f"there are {shown}"))


def nearest(given, there):
    """The name that is most like what was given, which may be the beginning of it; None where none is."""
    given = str(given)[:LONGEST_NAME].upper()

    def likeness(name):
        name = name.upper()
        return max(SequenceMatcher(None, given, one).ratio() for one in (name, name[: len(given) + 1]))

    best = max(there, key=likeness, default=None)
    return best if best is not None and likeness(best) > _ALIKE else None


def listed(value):
    if isinstance(value, (list, tuple, set, frozenset)):
        return [str(one).strip() for one in value]
    return [one.strip() for one in str(value).split(",")]


class Pattern:
    """Names, in which * and ? stand for anything, as in a shell."""

    def __init__(self, word, value):
        texts = listed(value)
        if not all(texts):
            raise WordError(f"{word}: expected a name, or several with commas, with * for any characters")
        if len(texts) > MOST_VALUES:
            raise WordError(f"{word}: {len(texts)} names, and there may be {MOST_VALUES}")
        self._exact = frozenset(text for text in texts if not re.search(r"[*?\[]", text))
        self._patterns = [re.compile(translate(text)).match for text in texts if text not in self._exact]

    def matches(self, name):
        return name is not None and (name in self._exact or any(match(name) for match in self._patterns))
