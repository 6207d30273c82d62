"""Character classes. Topic names are ASCII, so a class is a bit mask of 128 characters; what lies beyond matches nothing."""

import unicodedata

ALL = (1 << 128) - 1
NEWLINE = 1 << 10


def _mask(characters):
    mask = 0
    for character in characters:
        mask |= 1 << ord(character)
    return mask


def span(low, high):
    if low > 127:
        return 0
    return (1 << min(high, 127) + 1) - (1 << low)


def _where(condition):
    return _mask(chr(code) for code in range(128) if condition(chr(code)))


_DIGIT = span(48, 57)
_UPPER, _LOWER = span(65, 90), span(97, 122)
_ALPHA = _UPPER | _LOWER
WORD = _ALPHA | _DIGIT | _mask("_")
PERL = {"d": _DIGIT, "s": _mask("\t\n\f\r "), "w": WORD}
POSIX = {
    "alnum": _ALPHA | _DIGIT, "alpha": _ALPHA, "ascii": ALL, "blank": _mask("\t "), "cntrl": span(0, 31) | span(127, 127),
    "digit": _DIGIT, "graph": span(33, 126), "lower": _LOWER, "print": span(32, 126),
    "punct": span(33, 47) | span(58, 64) | span(91, 96) | span(123, 126), "space": _mask("\t\n\v\f\r "),
    "upper": _UPPER, "word": WORD, "xdigit": _DIGIT | span(65, 70) | span(97, 102),
}
_CATEGORIES = frozenset(
    "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs".split()
)
_SCRIPTS = frozenset(
    "Arabic Armenian Bengali Bopomofo Braille Cherokee Common Coptic Cyrillic Devanagari Ethiopic Georgian Greek Gujarati"
    " Gurmukhi Han Hangul Hebrew Hiragana Inherited Kannada Katakana Khmer Lao Latin Malayalam Mongolian Myanmar Oriya"
    " Runic Sinhala Syriac Tamil Telugu Thaana Thai Tibetan Yi".split()
)


def unicode_class(name):
    """The mask of what \\p{name} matches, None for a name that RE2J has not got."""
    if name == "Any":
        return ALL
    if name in _CATEGORIES:
        return _where(lambda character: unicodedata.category(character).startswith(name))
    if name in _SCRIPTS:
        return {"Latin": _ALPHA, "Common": ALL & ~_ALPHA}.get(name, 0)
    return None


def both_cases(mask):
    return mask | (mask & _UPPER) << 32 | (mask & _LOWER) >> 32
