import pytest

from emulator.state.principals import Principal
from emulator.state.sasl.mechanism import AuthenticationFailed
from emulator.state.sasl.plain import Plain, users_of


@pytest.fixture
def plain():
    return Plain(users_of({"user_alice": "secret", "username": "broker", "password": "its own", "user_": "nobody's"}))


@pytest.mark.parametrize("token", [b"\0alice\0secret", b"alice\0alice\0secret"])
def test_a_name_and_its_password(plain, token):
    assert plain.evaluate(token) == b""
    assert plain.is_complete and plain.principal == Principal("User", "alice")


@pytest.mark.parametrize("token, said", [
    (b"", "Invalid SASL/PLAIN response: expected 3 tokens, got 1"),
    (b"alice\0secret", "Invalid SASL/PLAIN response: expected 3 tokens, got 2"),
    (b"\0alice\0secret\0more\0and more", "Invalid SASL/PLAIN response: expected 3 tokens, got 4"),
    (b"\0\0secret", "Authentication failed: username not specified"),
    (b"\0alice\0", "Authentication failed: password not specified"),
    (b"\0alice\0Secret", "Authentication failed: Invalid username or password"),
    (b"\0bob\0secret", "Authentication failed: Invalid username or password"),
    (b"\0broker\0its own", "Authentication failed: Invalid username or password"),
    (b"\0alice\0\xff\xfe", "Authentication failed: Invalid username or password"),
    (b"bob\0alice\0secret", "Authentication failed: Client requested an authorization id that is different from username"),
])  # fmt: skip
def test_anything_else_is_refused(plain, token, said):
    with pytest.raises(AuthenticationFailed) as failed:
        plain.evaluate(token)
    assert failed.value.message == said and not plain.is_complete
