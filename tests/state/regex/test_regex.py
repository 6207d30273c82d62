"""Regular expressions of subscriptions: what RE2J reads, matches and refuses, in its words."""

import time

import pytest

from emulator.state.regex import InvalidRegex, compile_regex


@pytest.mark.parametrize("expression, names, others", [
    ("orders", ["orders"], ["orders2", "my-orders", "Orders", ""]),
    ("orders-.*", ["orders-", "orders-eu"], ["orders"]),
    (r"a\.b", ["a.b"], ["axb"]),
    ("(eu|us)-[0-9]+", ["eu-1", "us-42"], ["eu-", "as-1"]),
    ("[^a-c]x", ["dx"], ["ax"]),
    ("[]a]", ["a"], ["b"]),
    (r"\d\w\W", ["1a-"], ["aa-"]),
    ("[[:upper:][:digit:]]+", ["A1"], ["a1"]),
    (r"\p{Lu}\pN*", ["A", "A12"], ["a"]),
    ("(?i)orders", ["ORDERS", "Orders"], ["order"]),
    ("(?i:a)b", ["Ab"], ["AB"]),
    ("(?P<region>eu)", ["eu"], ["us"]),
    ("a{2,3}", ["aa", "aaa"], ["a", "aaaa"]),
    ("a{,2}", [], ["a", "aa"]),
    (r"\Qa.b\E*", ["a.", "a.bbb"], ["a.ba.b"]),
    (r"^\bab\b$", ["ab"], ["abc"]),
    (r"\x61\x{62}\143", ["abc"], ["xyz"]),
    ("", [""], ["a"]),
    ("é", [], ["e"]),
])
def test_whole_names_match(expression, names, others):
    matches = compile_regex(expression)
    assert [name for name in names + others if matches(name)] == names


@pytest.mark.parametrize("expression, reason", [
    ("[a", "missing closing ]"),
    ("(a", "missing closing )"),
    ("a)", "regexp/syntax: internal error"),
    ("*a", "missing argument to repetition operator"),
    ("a**", "invalid nested repetition operator"),
    ("a{1001}", "invalid repeat count"),
    ("(a{100}){100}", "invalid repeat count"),
    ("a{2,1}", "invalid repeat count"),
    ("[z-a]", "invalid character class range"),
    ("[[:none:]]", "invalid character class range"),
    (r"\p{None}", "invalid character class range"),
    (r"\1", "invalid escape sequence"),
    (r"\Z", "invalid escape sequence"),
    ("\\", "trailing backslash at end of expression"),
    ("(?=a)", "invalid or unsupported Perl syntax"),
    ("(?<!a)", "invalid named capture"),
    ("(?P<n", "invalid named capture"),
    ("(?P<n>a)(?P<n>b)", "duplicate capture group name"),
])
def test_what_is_refused(expression, reason):
    with pytest.raises(InvalidRegex) as refused:
        compile_regex(expression)
    assert str(refused.value) == reason


def test_a_hostile_expression_takes_linear_time():
    matches = compile_regex("(a*)*(a|aa)*b")
    began = time.perf_counter()
    assert not matches("a" * 249)
    assert time.perf_counter() - began < 1


def test_deep_nesting_is_refused_and_not_a_crash():
    with pytest.raises(InvalidRegex):
        compile_regex("(" * 100_000)
