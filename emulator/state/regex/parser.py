"""The text of an expression to a tree, or what is wrong with it.

Source: the syntax of RE2 (github.com/google/re2/wiki/Syntax), the words of com.google.re2j.Parser 1.8.
"""

from emulator.state.regex.characters import ALL, NEWLINE, PERL, POSIX, both_cases, span, unicode_class

MAX_REPEAT = 1000
MAX_DEPTH = 150

# Assertions of a position.
BEGIN, END, BOUNDARY, NO_BOUNDARY = "^", "$", "b", "B"


class InvalidRegex(ValueError):
    """What is wrong with an expression, in RE2J's words."""


_ESCAPES = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_OPERATORS = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_FLAGS = "imsU"


class Parser:
    """Text to a tree of tuples: ("class", mask), ("cat", [..]), ("alt", [..]), ("rep", tree, low, high), ("assert", which)."""

    def __init__(self, text):
        self.text = text
        self.at = 0
        self.flags = frozenset()
        self.names = set()
        self.depth = 0

    def parse(self):
        tree = self._alternatives()
        if self.at < len(self.text):
            raise InvalidRegex("regexp/syntax: internal error")  # so says RE2J of a parenthesis too many
        return tree

    def _starts(self, prefix):
        return self.text.startswith(prefix, self.at)

    def _alternatives(self):
        branches = [self._sequence()]
        while self._starts("|"):
            self.at += 1
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else ("alt", branches)

    def _sequence(self):
        items, text = [], self.text
        repeated = False  # the last item is a repetition: another operator right behind it is refused
        while self.at < len(text) and text[self.at] not in "|)":
            bounds = self._repetition()
            if bounds is None:
                items += self._quoted() if self._starts("\\Q") else self._item()
                repeated = False
                continue
            if not items:
                raise InvalidRegex("missing argument to repetition operator")
            if self._starts("?"):
                self.at += 1
            if repeated:
                raise InvalidRegex("invalid nested repetition operator")
            low, high = bounds
            items[-1] = ("rep", items[-1], low, high)
            if max(low, high or 0) >= 2 and _repeats(items[-1]) > MAX_REPEAT:
                raise InvalidRegex("invalid repeat count")
            repeated = True
        return items[0] if len(items) == 1 else ("cat", items)

    def _repetition(self):
        """(low, high or None) of an operator here, which is stepped over; None when there is none."""
        text = self.text
        bounds = _OPERATORS.get(text[self.at])
        if bounds is not None:
            self.at += 1
            return bounds
        if text[self.at] != "{":
            return None
        end = text.find("}", self.at)
        low, comma, high = text[self.at + 1 : end].partition(",")
        if end < 0 or not _is_count(low) or (high and not _is_count(high)):
            return None  # a brace like any other character
        self.at = end + 1
        low = int(low[:9])
        high = low if not comma else int(high[:9]) if high else None
        if low > MAX_REPEAT or (high is not None and not low <= high <= MAX_REPEAT):
            raise InvalidRegex("invalid repeat count")
        return low, high

    def _item(self):
        """[the tree of what stands here], stepped over; [] of flags alone."""
        text = self.text
        character = text[self.at]
        if character == "(":
            return self._group()
        if character == "[":
            return [("class", self._class())]
        if character == "\\":
            return [self._escape()]
        self.at += 1
        if character == ".":
            return [("class", ALL if "s" in self.flags else ALL & ~NEWLINE)]
        if character in "^$":
            return [("assert", BEGIN if character == "^" else END)]
        return [self._literal(ord(character))]

    def _quoted(self):
        text, start = self.text, self.at + 2
        end = text.find("\\E", start)
        self.at = end + 2 if end >= 0 else len(text)
        return [self._literal(ord(character)) for character in text[start : end if end >= 0 else len(text)]]

    def _literal(self, code):
        return ("class", self._folded(span(code, code)))

    def _folded(self, mask):
        return both_cases(mask) if "i" in self.flags else mask

    def _group(self):
        text, outer = self.text, self.flags
        if self._starts("(?"):
            if not self._perl_group():
                return []  # flags for the rest of what is around them
        else:
            self.at += 1
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise InvalidRegex("expression nests too deeply")
        tree = self._alternatives()
        if self.at >= len(text):
            raise InvalidRegex("missing closing )")
        self.at += 1
        self.depth -= 1
        self.flags = outer
        return [tree]

    def _perl_group(self):
        """Step over `(?...`; whether a group begins."""
        text, start = self.text, self.at
        for opening in ("(?P<", "(?<"):
            if self._starts(opening):
                end = text.find(">", start)
                if end < 0:
                    raise InvalidRegex("invalid named capture")
                name = text[start + len(opening) : end]
                if not name or any(not (c.isascii() and c.isalnum() or c == "_") for c in name):
                    raise InvalidRegex("invalid named capture")
                if name in self.names:
                    raise InvalidRegex("duplicate capture group name")
                self.names.add(name)
                self.at = end + 1
                return True
        self.at += 2
        flags, negative, seen = set(self.flags), False, False
        while self.at < len(text):
            character = text[self.at]
            self.at += 1
            if character in _FLAGS:
                seen = True
                (flags.discard if negative else flags.add)(character)
            elif character == "-" and not negative:
                negative, seen = True, False
            elif character in ":)":
                if negative and not seen:
                    break
                if character == ")":
                    self.flags = frozenset(flags)
                    return False
                # The flags of around come back when the group ends: `_group` kept them.
                self.flags = frozenset(flags)
                return True
            else:
                break
        raise InvalidRegex("invalid or unsupported Perl syntax")

    def _escape(self):
        text = self.text
        kind = text[self.at + 1 : self.at + 2]
        if not kind:
            raise InvalidRegex("trailing backslash at end of expression")
        if kind in "AzbB":
            self.at += 2
            return ("assert", {"A": BEGIN, "z": END}.get(kind, kind))
        mask = self._class_escape()
        if mask is None:
            mask = self._folded(span(*[self._escaped_code()] * 2))
        return ("class", mask)

    def _class_escape(self):
        """The mask of \\d, \\pL ..., stepped over, or None when another escape stands here."""
        text = self.text
        kind = text[self.at + 1 : self.at + 2]
        if kind and kind.lower() in PERL:
            self.at += 2
            mask = PERL[kind.lower()]
            return ALL & ~mask if kind.isupper() else mask
        if kind not in ("p", "P"):
            return None
        start, self.at = self.at, self.at + 2
        if self._starts("{"):
            end = text.find("}", self.at)
            if end < 0:
                raise InvalidRegex("invalid character class range")
            name = text[self.at + 1 : end]
            self.at = end + 1
        else:
            name = text[self.at : self.at + 1]
            self.at += 1
        negative = kind == "P"
        if name.startswith("^"):
            negative, name = not negative, name[1:]
        mask = unicode_class(name)
        if mask is None:
            raise InvalidRegex("invalid character class range")
        mask = self._folded(mask)
        return ALL & ~mask if negative else mask

    def _escaped_code(self):
        """The character code of an escape, stepped over."""
        text = self.text
        kind = text[self.at + 1 : self.at + 2]
        if not kind:
            raise InvalidRegex("trailing backslash at end of expression")
        self.at += 2
        if kind in "01234567":
            following = text[self.at : self.at + 1]
            if kind != "0" and not (following and following in "01234567"):
                raise InvalidRegex("invalid escape sequence")  # a back reference
            digits = kind
            while len(digits) < 3 and self.at < len(text) and text[self.at] in "01234567":
                digits += text[self.at]
                self.at += 1
            return int(digits, 8)
        if kind == "x":
            if self._starts("{"):
                end = text.find("}", self.at)
                digits = text[self.at + 1 : end] if end >= 0 else ""
                self.at = end + 1
            else:
                digits = text[self.at : self.at + 2]
                if len(digits) < 2:
                    digits = ""
                self.at += 2
            try:
                code = int(digits, 16) if digits.isalnum() else -1
            except ValueError:
                code = -1
            if not 0 <= code <= 0x10FFFF:
                raise InvalidRegex("invalid escape sequence")
            return code
        if kind in _ESCAPES:
            return _ESCAPES[kind]
        if kind.isascii() and kind.isalnum():
            raise InvalidRegex("invalid escape sequence")
        return ord(kind)

    def _class(self):
        text = self.text
        self.at += 1
        negative = self._starts("^")
        self.at += negative
        mask, first = 0, True
        while first or not self._starts("]"):
            if self.at >= len(text):
                raise InvalidRegex("missing closing ]")
            first = False
            found = self._posix() if self._starts("[:") else self._class_escape() if self._starts("\\") else None
            if found is None:
                low = high = self._class_code()
                if self._starts("-") and self.at + 1 < len(text) and text[self.at + 1] != "]":
                    self.at += 1
                    high = self._class_code()
                    if high < low:
                        raise InvalidRegex("invalid character class range")
                found = self._folded(span(low, high))
            mask |= found
        self.at += 1
        return ALL & ~mask if negative else mask

    def _posix(self):
        """The mask of [:alpha:] and its like, stepped over; None when a bracket is just a bracket."""
        end = self.text.find(":]", self.at + 2)
        if end < 0:
            return None
        name = self.text[self.at + 2 : end]
        negative = name.startswith("^")
        mask = POSIX.get(name[negative:])
        if mask is None:
            raise InvalidRegex("invalid character class range")
        self.at = end + 2
        mask = self._folded(mask)
        return ALL & ~mask if negative else mask

    def _class_code(self):
        if self.at >= len(self.text):
            raise InvalidRegex("missing closing ]")
        if self._starts("\\"):
            return self._escaped_code()
        self.at += 1
        return ord(self.text[self.at - 1])


def _is_count(text):
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def _repeats(tree):
    """How many times the innermost part of nested repetitions may be there."""
    kind = tree[0]
    if kind == "rep":
        _, inner, low, high = tree
        return max(low, high or 0, 1) * _repeats(inner)
    if kind in ("cat", "alt"):
        return max(map(_repeats, tree[1]), default=1)
    return 1
