import pytest

from emulator.state.principals import ANONYMOUS, Principal, parse_principal


def test_a_principal_is_written_with_its_type():
    assert str(ANONYMOUS) == "User:ANONYMOUS"
    assert parse_principal("User:CN=a:b") == Principal("User", "CN=a:b")


@pytest.mark.parametrize("text", ["", "alice", "User:", ":alice", None])
def test_what_is_none_is_refused(text):
    with pytest.raises(ValueError, match="principalType:principalName"):
        parse_principal(text)
