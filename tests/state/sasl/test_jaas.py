import pytest

from emulator.state.sasl.jaas import Entry, parse_jaas


def test_options_are_texts_with_quotes_or_without():
    text = """a.Module required // of whom
        user_alice="s\\"ecret; x" user_bob='b "b' debug=true; /* no more */"""
    assert parse_jaas(text) == [Entry("a.Module", {"user_alice": 's"ecret; x', "user_bob": 'b "b', "debug": "true"})]


def test_there_may_be_several_modules():
    assert [entry.module for entry in parse_jaas("a.A required; b.B OPTIONAL x=';';")] == ["a.A", "b.B"]


@pytest.mark.parametrize("text, said", [
    ("", "Login module not specified"),
    ("a.A", "control flag not specified"),
    ("a.A perhaps;", "Invalid login module control flag 'perhaps'"),
    ("a.A required user_x;", "Value not specified for key 'user_x'"),
    ("a.A required user_x=;", "Value not specified for key 'user_x'"),
    ("a.A required user_x=1", "not terminated by semi-colon"),
    ('a.A required user_x="secret;', "cannot be read"),
])  # fmt: skip
def test_what_is_wrong_is_said_without_the_secret(text, said):
    with pytest.raises(ValueError, match=said) as refused:
        parse_jaas(text)
    assert "secret" not in str(refused.value)
